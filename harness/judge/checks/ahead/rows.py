"""Before a run: what these cases can prove, how many each threshold needs, and which label lacks cases.

For a share that must reach r, the plan assumes a true value half way from r to perfect, and asks for the
cases at which that passes with 80% probability (exact binomial; other figures: see `model`). Repeats of
a case are no new cases, so they are not counted. Precision rests on predictions: about as many as the label
has cases.
"""

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from harness.files.thresholds import Counted, Threshold, metric_of
from harness.judge import Things, amount, count, demand, scores, sure, things, verb
from harness.judge.checks.ahead.model import Ahead, SamplePlan, average_plan, gap_plan, robustness_plan
from harness.judge.scores import Figure, MatrixMetric, Resampling


class PowerRow(msgspec.Struct, frozen=True, kw_only=True):
    """What the cases at hand can do for one threshold; counts are None where nobody can tell yet."""

    threshold: str
    metric: str
    unit: str  # what is counted: cases, spam cases, spam predictions with tag=short
    have: int | None
    least: int | None  # the fewest that prove it, all right
    needed: int | None  # for 80% power, if the truth is half way from the threshold to perfect
    best: float | None  # what these cases prove of the figure if all are right
    sentence: str
    one: str = "case"  # one of `unit`
    counts: Counted | None = None  # what the unit is, of the cases with `where` that have to do with `label`
    label: str | None = None
    where: str = ""
    provable: bool = True  # whether these cases can pass it at all, were every answer right
    power: float | None = None  # how often these cases pass it, by the same truth

    @property
    def enough(self) -> bool:
        """Whether these cases give 80% power."""
        return self.provable and self.have is not None and self.needed is not None and self.have >= self.needed


Planner: TypeAlias = Callable[[Ahead], PowerRow]


def of_share(ahead: Ahead, repeated: Things | None = None) -> PowerRow:
    """Plan a share of the cases, or of those of one label, that must be right; of what is `repeated` there is none."""
    threshold = ahead.threshold
    share = threshold.bound if threshold.at_least else 1 - threshold.bound
    return _of_share(ahead, share, amount(scores.half_way(threshold.bound), "share"), repeated=repeated)


def of_repeats(ahead: Ahead) -> PowerRow:
    """Plan a share of the cases that were asked more than once."""
    asked_again = Things("case asked more than once", "cases asked more than once")
    return of_share(ahead, asked_again if ahead.suite.repeats < 2 else None)


def of_f1(ahead: Ahead) -> PowerRow:
    """Plan F1 = 2J / (1 + J): J is a share of the cases that have to do with the label."""
    bound, truth = ahead.threshold.bound, scores.half_way(ahead.threshold.bound)
    return _of_share(
        ahead,
        bound / (2 - bound),
        amount(truth, "share"),
        truth=truth / (2 - truth),
        best=lambda share: 2 * share / (1 + share),
    )


def of_calls(ahead: Ahead) -> PowerRow:
    """Plan a latency quantile: the share of calls that must be in time."""
    share = metric_of(ahead.threshold.metric).quantile
    assert share is not None
    return _of_share(ahead, share, amount(scores.half_way(share), "share"))


def _modelled(plan: Callable[[Ahead], SamplePlan | None]) -> Planner:
    return lambda ahead: _of_model(ahead, plan(ahead))


of_robustness = _modelled(robustness_plan)  # a limit on what perturbations move
of_gap = _modelled(gap_plan)  # a limit on the difference between splits


def of_average(of: MatrixMetric, figure: Callable[[Resampling], Figure]) -> Planner:
    """Give the planner of a metric of the confusion matrix."""
    return _modelled(lambda ahead: average_plan(ahead, of, figure, _truth(ahead)))


def of_fbeta(ahead: Ahead) -> PowerRow:
    """Plan F-beta of a label."""
    threshold, labels = ahead.threshold, ahead.suite.labels
    if threshold.label not in labels:
        return unplanned(threshold, "nobody can tell yet")
    label, beta = labels.index(threshold.label), threshold.argument or 1.0
    return of_average(lambda confusion: scores.fbeta_of(confusion, label, beta), lambda run: run.fbeta(label, beta))(
        ahead
    )


def afterwards(why: str) -> Planner:
    """Give the planner of what nobody can plan."""
    return lambda ahead: unplanned(ahead.threshold, why)


def unplanned(threshold: Threshold, why: str) -> PowerRow:
    """Give the row of a threshold that can't be planned, with the reason."""
    return PowerRow(
        threshold=threshold.text,
        metric=threshold.metric,
        unit="",
        have=None,
        least=None,
        needed=None,
        best=None,
        sentence=f"{threshold.text} can't be planned: {why}.",
    )


def _truth(ahead: Ahead) -> str:
    threshold = ahead.threshold
    return amount(scores.half_way(threshold.bound), metric_of(threshold.metric).scale, threshold.currency or "")


def _counted(ahead: Ahead) -> tuple[int, Counted, str | None] | None:
    """Give how many units a share rests on, and what they are; None where its label is not known."""
    counts = metric_of(ahead.threshold.metric).counts
    if counts == "cases":
        return len(ahead.cases), counts, None
    label = ahead.threshold.label if ahead.threshold.label is not None else ahead.suite.positive
    if label is None:
        return None
    mine = sum(case.expected == label for case in ahead.cases)
    if counts == "other cases":
        return len(ahead.cases) - mine, counts, label
    return mine, "label cases" if counts == "touched" else counts, label


def _of_share(
    ahead: Ahead,
    share: float,
    truth_text: str,
    *,
    truth: float | None = None,
    best: Callable[[float], float] = lambda share: share,
    repeated: Things | None = None,
) -> PowerRow:
    """Plan `share` of good units; `truth` is half way from it to perfect where it is not given."""
    threshold, confidence = ahead.threshold, ahead.suite.confidence
    counted = _counted(ahead)
    if counted is None or not 0 < share <= 1:
        return unplanned(threshold, "nobody can tell yet")
    have, counts, label = counted if repeated is None else (0, None, None)
    unit = repeated or things(counts or "cases", label)
    part = f" with {threshold.part}" if threshold.where else ""
    proved, least = best(scores.best_provable(have, confidence)), scores.smallest_all_pass_n(share, confidence)
    row = PowerRow(
        threshold=threshold.text,
        metric=threshold.metric,
        unit=unit.many + part,
        one=unit.one + part,
        counts=counts,
        label=label,
        where=threshold.part,
        have=have,
        least=least,
        needed=scores.planned_n(share, truth=truth, power=scores.POWER, confidence=confidence),
        best=proved if _is_lower_limit(threshold) else 1 - proved,
        sentence="",
        provable=least is not None and have >= least,
        power=scores.passing_power(have, share, scores.half_way(share) if truth is None else truth, confidence),
    )
    return msgspec.structs.replace(row, sentence=_sentence(row, have, threshold, truth_text, confidence))


def _of_model(ahead: Ahead, plan: SamplePlan | None) -> PowerRow:
    threshold, have = ahead.threshold, len(ahead.cases)
    if plan is None:
        return unplanned(threshold, "nobody can tell yet")
    provable = plan.best is None or plan.best >= threshold.bound
    row = msgspec.structs.replace(
        unplanned(threshold, ""),
        unit="cases",
        counts="cases",
        have=have,
        needed=plan.needed,
        best=plan.best,
        provable=provable,
        power=plan.power if provable else 0.0,
    )
    odds = plan.assumed
    known = count(have, "case")
    if plan.needed is None:
        told = f"{row.threshold} can't be proved by any number of cases: leave it some room."
    elif not provable and plan.best is not None:
        best = amount(plan.best, metric_of(threshold.metric).scale, threshold.currency or "", against=threshold.bound)
        told = (
            f"{row.threshold} can't pass: {known} without a miss {verb(have, 'proves', 'prove')} "
            f"no more than {best} at {sure(ahead.suite.confidence)} confidence; "
            f"{_add(row.needed, have, things('cases'))}: {odds}."
        )
    elif row.enough:
        told = f"{row.threshold}: {known} are enough (about {plan.needed:,} needed: {odds})."
    else:
        told = f"{row.threshold} may stay open with {known}; {_add(row.needed, have, things('cases'))}: {odds}."
    return msgspec.structs.replace(row, sentence=told)


def _add(needed: int | None, have: int, units: Things) -> str:
    return f"add {units.of(max(1, (needed or 0) - have))}"


def _is_lower_limit(threshold: Threshold) -> bool:
    return threshold.at_least or metric_of(threshold.metric).quantile is not None


def _sentence(row: PowerRow, n: int, threshold: Threshold, truth: str, confidence: float) -> str:
    if row.needed is None or row.least is None or row.best is None:
        perfection = "ask for less than 100%" if threshold.at_least else "allow more than 0%"
        return f"{row.threshold} can't be proved by any number of {row.unit}: {perfection}."
    lower = _is_lower_limit(threshold)
    about = "about " if row.counts == "predictions" else ""
    units = Things(row.one, row.unit)
    have = about + units.of(n)
    truth = truth if lower else amount(threshold.bound / 2, "share")
    odds = f"a true {truth} then passes with 80% probability"
    if metric_of(threshold.metric).quantile is not None:
        odds = f"with {truth} of calls in time it then passes with 80% probability"
    if row.enough:
        return f"{row.threshold}: {have} {verb(n, 'is', 'are')} enough ({row.needed:,} needed: {odds})."
    fix = f"{_add(row.needed, n, units)}: {odds}"
    if row.provable:
        return f"{row.threshold} may stay open with {have}; {fix}."
    best = f"{'no more than' if lower else 'only that it is below'} {amount(row.best, 'share')}"
    wanted = demand(metric_of(threshold.metric).quantile or threshold.bound, "share")
    return (
        f"{row.threshold} can't pass: {have} without a miss {verb(n, 'proves', 'prove')} {best} at "
        f"{sure(confidence)} confidence, {wanted} takes {row.least:,}; {fix}."
    )
