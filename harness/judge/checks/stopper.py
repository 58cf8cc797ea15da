"""Who tells a run that a candidate's verdict is settled, and what a stopped candidate's checks came to."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from harness.files.project import Price
from harness.files.suite import ReplyRule, StopRule, Suite
from harness.files.thresholds import BETTER_THAN_MAJORITY, Threshold, metric_of
from harness.judge.checks.evidence import PREDICTED, Case, Evidence, Goal, Paired, Predicted, Said, ScoredCalls, Sure
from harness.judge.checks.metrics import GAUGES, Asked
from harness.judge.checks.settling import Settled, Settling
from harness.judge.documents import OUTCOMES, Check, SettledEarly
from harness.judge.labels import LabelReader
from harness.judge.sections.cost import spent
from harness.judge.sections.latency import disturbed
from harness.judge.view import FAILED, NONE, SYNC, View, lost
from harness.record import ORIGINAL, CaseRow, Failure, Record, Stopped, caller_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What each candidate is held against, None where it has no baseline, and what is asked of it then."""

    pairs: Mapping[str, str | None]
    questions: Callable[[Sequence[Case]], Mapping[str, Callable[[], Paired] | None]]


class Stopper:
    """Hears every record of a run, in any order, and says which candidate's verdict is settled.

    Beside a baseline both are heard: the candidate ends once its pair is settled, the baseline once all of its are.
    """

    def __init__(
        self,
        suite: Suite,
        cases: Sequence[CaseRow],
        thresholds: Sequence[Threshold],
        rule: StopRule,
        own_rules: Mapping[str, ReplyRule],
        *,
        among: int = 1,
        beside: Beside | None = None,
    ) -> None:
        place = {label: n for n, label in enumerate(suite.labels)}
        self._suite = suite
        self._rule = rule
        self._among = among
        self._saved = 0  # calls
        self._thresholds = thresholds
        self._cases = [Case(row.id, place[row.expected], row.split, row.tags) for row in cases]
        self._labels = place
        self._reader = LabelReader(suite.reply, suite.labels)
        self._own = {name: LabelReader(reply, suite.labels) for name, reply in own_rules.items()}
        self._known: dict[str, Settling] = {}
        self._pairs = {} if beside is None else dict(beside.pairs)
        self._heard: dict[tuple[str | None, str, int], Said] = {}
        questions = {} if beside is None else beside.questions(self._cases)
        for name, base in self._pairs.items():
            asked = {} if base is None else {of: None if begin is None else begin() for of, begin in questions.items()}
            self._known[name] = settling(suite, self._cases, thresholds, rule, asked)

    def take(self, record: Record, at_utc: str) -> tuple[Stopped, ...]:
        """Take one record; gives the events that end candidates, each once."""
        if record.warmup or record.variant != ORIGINAL:
            return ()
        if self._pairs:
            return tuple(self._take_pairs(record, at_utc))
        if record.candidate not in self._known:
            made = settling(self._suite, self._cases, self._thresholds, self._rule, among=self._among)
            self._known[record.candidate] = made
        found = self._known[record.candidate].take(record.case, record.repeat, self._said(record))
        return () if found is None else tuple(self._ended(record.candidate, found, at_utc))

    def _take_pairs(self, record: Record, at_utc: str) -> Iterator[Stopped]:
        self._heard[record.candidate, record.case, record.repeat] = self._said(record)
        for name, base in self._pairs.items():
            mine, before = (self._heard.get((one, record.case, record.repeat)) for one in (name, base))
            if record.candidate not in {name, base} or mine is None or (before is None) != (base is None):
                continue
            found = self._known[name].take(record.case, record.repeat, mine._replace(base=before))
            if found is not None:
                yield from self._ended(name, found, at_utc, beside=base or name)
                yield from self._ended_base(base, at_utc)

    def _ended_base(self, base: str | None, at_utc: str) -> Iterator[Stopped]:
        """End a baseline once nothing that is held against it is open."""
        names = [name for name, its in self._pairs.items() if its == base is not None]
        found = [self._known[name].settled for name in names]
        settled = [one for one in found if one is not None]
        if base is not None and len(settled) == len(names):
            last = max(settled, key=lambda one: one.asked)
            done = replace(last, ready=all(one.ready for one in settled), statuses={})
            yield from self._ended(base, done, at_utc, beside=", ".join(names))

    def _said(self, record: Record) -> Said:
        """Read what a trial came to."""
        read = self._own.get(record.candidate, self._reader).reading(record.outcome, Price())
        predicted = NONE if read.label is None else self._labels[read.label]
        failed = record.outcome if isinstance(record.outcome, Failure) else None
        return Said(
            predicted,
            _answer(predicted, OUTCOMES.index(read.outcome), record.repeat),
            read.outcome,
            _seconds(caller_ns(record), failed=read.outcome == "failed" and record.via == "sync"),
            lost=failed is not None and failed.kind != "render" and read.outcome == "failed",
        )

    def _ended(self, candidate: str, found: Settled, at_utc: str, beside: str = "") -> Iterator[Stopped]:
        """Give the event that ends a candidate; none where all was asked."""
        if found.asked < found.of:
            self._saved += (found.of - found.asked) * self._suite.repeats
            yield Stopped(
                at_utc=at_utc,
                candidate=candidate,
                asked=found.asked,
                of=found.of,
                ready=found.ready,
                delta=self._rule.delta,
                statuses=dict(found.statuses),
                beside=beside,
            )

    def near(self) -> str:
        """Say how near each candidate is to being settled and what was saved, for who watches."""
        told = [f"{name} {one.nearest()}" for name, one in self._known.items() if one.settled is None and one.near]
        return "; ".join([*told[:2], *([f"{self._saved:,} calls saved"] if self._saved else [])])


def settled_by(view: View, thresholds: Sequence[Threshold], rule: StopRule) -> Settling:
    """Weigh again what a stopped candidate was asked, from its columns."""
    cases, trials = view.cases, view.trials
    facts = [
        Case(
            id_,
            int(cases.expected[row]),
            "" if cases.split[row] == NONE else cases.splits[cases.split[row]],
            tuple(tag for tag, has in cases.tags.items() if has[row]),
        )
        for row, id_ in enumerate(cases.ids)
    ]
    among, unknown = len(view.manifest.candidates), lost(trials)
    made = settling(view.suite, facts, thresholds, rule, among=among)
    columns = (trials.case, trials.repeat, trials.predicted, trials.outcome, trials.caller_ns, trials.via, unknown)
    for case, repeat, predicted, outcome, took, via, gone in zip(*(each.tolist() for each in columns), strict=True):
        seconds = _seconds(took, failed=outcome == FAILED and via == SYNC)
        said = Said(predicted, _answer(predicted, outcome, repeat), OUTCOMES[outcome], seconds, lost=gone)
        made.take(cases.ids[case], repeat, said)
    return made


def as_settled(view: View, thresholds: Sequence[Threshold], checks: Sequence[Check]) -> tuple[Check, ...]:
    """Give the checks of a candidate that was stopped: what was settled holds, the others are open."""
    stopped = view.stopped
    assert stopped is not None
    rule = StopRule.model_validate(view.manifest.suite.get("stop") or {})
    made = settled_by(view, thresholds, rule)
    # Beside a baseline more is asked than thresholds: what was settled is what the run itself said.
    statuses, untold = stopped.statuses if stopped.beside else made.statuses, _untold(view)
    return tuple(
        check
        if GAUGES[threshold.metric].counted_before or threshold.text in untold
        else _as_settled(view, threshold, check, made, statuses.get(threshold.text, "open"))
        for threshold, check in zip(thresholds, checks, strict=True)
    )


def settled_early(view: View) -> SettledEarly | None:
    """Say after how many cases a verdict was settled, and what was saved; None where all were asked."""
    stopped, trials = view.stopped, len(view.trials)
    if stopped is None:
        return None
    told = [text for text in stopped.statuses if text not in _untold(view)]
    saved = len(view.cases) * view.manifest.repeats - trials
    paid = spent(view.trials, view.model.price) if view.model.price.is_given and trials else None
    return SettledEarly(
        asked=stopped.asked,
        of=stopped.of,
        ready=stopped.ready,
        delta=stopped.delta,
        lost=tuple(text for text in told if stopped.statuses[text] in {"FAIL", "can't pass"}),
        saved_calls=saved,
        saved=None if paid is None else float(paid.sum()) / trials * saved,
        currency=view.currency,
        beside=stopped.beside,
    )


SETTLED = {
    "PASS": "it is settled that the whole suite meets it",
    "FAIL": "it is settled that the whole suite FAILs it",
    "can't pass": "it is settled that the whole suite doesn't PASS it; whether it FAILs was left open",
    "open": "it was not settled",
}


def _untold(view: View) -> set[str]:
    """Name the thresholds about times, where none of these is the endpoint's for certain."""
    return {t.text for t in view.run.policy if metric_of(t.metric).clock is not None} if disturbed(view) else set()


def _as_settled(view: View, threshold: Threshold, check: Check, made: Settling, status: str) -> Check:
    if status == "open" and check.status == "INCONCLUSIVE" and check.estimate.value is None:
        return check  # nothing is known of it, and it says why
    required = check.required
    if threshold.metric == BETTER_THAN_MAJORITY.name:  # of the whole suite, not of what was asked of it
        required = max(Counter(view.cases.expected.tolist()).values()) / len(view.cases)
    about = Asked(view=view.narrowed(threshold.where), threshold=threshold, required=required)
    low, high = made.range_of(threshold.text)
    asked = 0 if view.stopped is None else view.stopped.asked
    method = f"whole suite, valid at every look, {asked:,} of {len(view.cases):,} cases asked"
    estimate = msgspec.structs.replace(check.estimate, low=low, high=high, method=method)
    told = f"after {asked:,} of {len(view.cases):,} cases {SETTLED[status]}."
    return msgspec.structs.replace(
        check,
        status=status if status in {"PASS", "FAIL"} else "INCONCLUSIVE",
        required=required,
        estimate=estimate,
        bound=None,
        needed_n=None,
        lack=None,
        depends_on=0,
        p_value=0.0 if status in {"PASS", "FAIL"} else None,  # it is so among all candidates and checks
        why=f"{about.seen(estimate)}, {about.clause}: {told}",
        told=told,
    )


def _answer(predicted: int, outcome: int, repeat: int) -> int:
    """Give an answer as a number: its label, or its outcome; a failed trial agrees with nothing."""
    if predicted >= 0:
        return predicted
    return -1 - outcome if outcome != FAILED else -1 - len(OUTCOMES) - repeat


def _seconds(ns: int | None, *, failed: bool) -> float:
    return math.inf if failed else math.nan if ns is None or ns == NONE else ns / 1e9


def settling(
    suite: Suite,
    cases: Sequence[Case],
    thresholds: Sequence[Threshold],
    rule: StopRule,
    beside: Mapping[str, Evidence | None] | None = None,
    *,
    among: int = 1,
) -> Settling:
    """Begin to weigh one candidate. What was counted before the first call holds up nothing.

    `beside` holds the questions that are asked of it against a baseline: then only what FAILS ends it. READY is
    settled once it is so among so many candidates, and a FAIL once it is one among all checks (both by Bonferroni).
    """
    error = 1 - suite.confidence
    sure = Sure(0.0, suite.confidence, 1 - error / among, 1 - error / max(len(thresholds), 1))
    weighed = {
        threshold.text: _evidence(suite, cases, threshold, rule, sure)
        for threshold in thresholds
        if not GAUGES[threshold.metric].counted_before
    }
    every = weighed | dict(beside or {})
    return Settling(cases, every, rule=rule, repeats=suite.repeats, seed=suite.seed, firm=beside is not None)


def _evidence(suite: Suite, cases: Sequence[Case], threshold: Threshold, rule: StopRule, sure: Sure) -> Evidence | None:
    """Give what weighs one check; None where its metric has no evidence that holds at every look."""
    score, share = GAUGES[threshold.metric].score, _share(cases, threshold)
    label = suite.positive if threshold.label is None else threshold.label
    goal = Goal(threshold, share, None if label is None else suite.labels.index(label)) if share is not None else None
    if score is None or goal is None or not 0 < goal.share < 1:
        return None
    members = [case for case in cases if threshold.covers(case.split, case.tags)]
    sure = sure._replace(required=goal.share)
    inside = frozenset(case.id for case in members)
    if score is PREDICTED:
        likely = sum(case.expected == goal.label for case in members)
        return Predicted(goal, inside, likely, suite.repeats, sure, -math.log(rule.delta)) if likely else None
    nothing = [Said(NONE, 0, "failed", math.inf)] * suite.repeats
    total = sum(score(goal, case, nothing) is not None for case in members)
    return ScoredCalls(goal, score, inside, total, suite.repeats, sure) if total else None


def _share(cases: Sequence[Case], threshold: Threshold) -> float | None:
    """Give the share of scores that a threshold asks for; None where it is no such share."""
    metric = metric_of(threshold.metric)
    if threshold.metric == BETTER_THAN_MAJORITY.name:
        return max(Counter(case.expected for case in cases).values()) / len(cases)
    if threshold.baseline != "absolute":
        return None
    if metric.quantile is not None:
        return metric.quantile
    return threshold.bound if metric.higher_is_better else 1 - threshold.bound
