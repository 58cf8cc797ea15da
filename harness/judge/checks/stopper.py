"""Who tells a run that a candidate's verdict is settled, and what a stopped candidate's checks came to."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from harness.files.project import Price
from harness.files.suite import ReplyRule, StopRule, Suite
from harness.files.thresholds import BETTER_THAN_MAJORITY, Threshold, metric_of
from harness.judge.checks.metrics import GAUGES, Asked
from harness.judge.checks.settling import PREDICTED, Case, Evidence, Goal, Predicted, Said, Scored, Settling
from harness.judge.documents import OUTCOMES, Check, SettledEarly
from harness.judge.labels import LabelReader
from harness.judge.sections.cost import spent
from harness.judge.view import FAILED, NONE, View
from harness.record import ORIGINAL, CaseRow, Record, Stopped, caller_ns

_ANSWERS = len(OUTCOMES)


class Stopper:
    """Hears every record of a run, in any order, and says which candidate's verdict is settled."""

    def __init__(
        self,
        suite: Suite,
        cases: Sequence[CaseRow],
        thresholds: Sequence[Threshold],
        rule: StopRule,
        own_rules: Mapping[str, ReplyRule],
    ) -> None:
        place = {label: n for n, label in enumerate(suite.labels)}
        self._suite = suite
        self._rule = rule
        self._thresholds = thresholds
        self._cases = [Case(row.id, place[row.expected], row.split, row.tags) for row in cases]
        self._labels = place
        self._reader = LabelReader(suite.reply, suite.labels)
        self._own = {name: LabelReader(reply, suite.labels) for name, reply in own_rules.items()}
        self._known: dict[str, Settling] = {}

    def take(self, record: Record, at_utc: str) -> Stopped | None:
        """Take one record; gives the event that ends its candidate, once."""
        if record.warmup or record.variant != ORIGINAL:
            return None
        if record.candidate not in self._known:
            self._known[record.candidate] = settling(self._suite, self._cases, self._thresholds, self._rule)
        read = self._own.get(record.candidate, self._reader).reading(record.outcome, Price())
        predicted = NONE if read.label is None else self._labels[read.label]
        said = Said(
            predicted,
            _answer(predicted, OUTCOMES.index(read.outcome), record.repeat),
            read.outcome,
            _seconds(caller_ns(record), failed=read.outcome == "failed"),
        )
        found = self._known[record.candidate].take(record.case, record.repeat, said)
        if found is None:
            return None
        return Stopped(
            at_utc=at_utc,
            candidate=record.candidate,
            asked=found.asked,
            of=found.of,
            ready=found.ready,
            delta=self._rule.delta,
            statuses=dict(found.statuses),
        )


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
    made = settling(view.suite, facts, thresholds, rule)
    for row in range(len(trials)):
        outcome = int(trials.outcome[row])
        predicted, repeat = int(trials.predicted[row]), int(trials.repeat[row])
        said = Said(
            predicted,
            _answer(predicted, outcome, repeat),
            OUTCOMES[outcome],
            _seconds(int(trials.caller_ns[row]), failed=outcome == FAILED),
        )
        made.take(cases.ids[int(trials.case[row])], repeat, said)
    return made


def as_settled(view: View, thresholds: Sequence[Threshold], checks: Sequence[Check]) -> tuple[Check, ...]:
    """Give the checks of a candidate that was stopped: what was settled holds, the others are open."""
    stopped = view.stopped
    assert stopped is not None
    rule = StopRule.model_validate(view.manifest.suite.get("stop") or {})
    made = settled_by(view, thresholds, rule)
    return tuple(
        check if GAUGES[threshold.metric].counted_before else _as_settled(view, threshold, check, made, stopped.asked)
        for threshold, check in zip(thresholds, checks, strict=True)
    )


def settled_early(view: View) -> SettledEarly | None:
    """Say after how many cases a verdict was settled, and what was saved; None where all were asked."""
    stopped, trials = view.stopped, len(view.trials)
    if stopped is None:
        return None
    saved = len(view.cases) * view.manifest.repeats - trials
    paid = spent(view.trials, view.model.price) if view.model.price.is_given and trials else None
    return SettledEarly(
        asked=stopped.asked,
        of=stopped.of,
        ready=stopped.ready,
        delta=stopped.delta,
        lost=tuple(text for text, status in stopped.statuses.items() if status in {"FAIL", "can't pass"}),
        saved_calls=saved,
        saved=None if paid is None else float(paid.sum()) / trials * saved,
        currency=view.currency,
    )


_WORDS = {
    "PASS": "the whole suite meets it, whatever the other cases would have shown",
    "FAIL": "the whole suite can't meet it, nor leave it open, whatever the other cases would have shown",
    "can't pass": "the whole suite can't meet it any more, whatever the other cases would have shown",
    "open": "not settled when the run was stopped",
}


def _as_settled(view: View, threshold: Threshold, check: Check, made: Settling, asked: int) -> Check:
    status = made.statuses[threshold.text]
    about = Asked(view=view.narrowed(threshold.where), threshold=threshold, required=check.required)
    low, high = made.range_of(threshold.text)
    method = f"whole suite, valid at every look, {asked:,} of {len(view.cases):,} cases asked"
    estimate = msgspec.structs.replace(check.estimate, low=low, high=high, method=method)
    told = f"{about.seen(estimate)}, {about.clause}: after {asked:,} of {len(view.cases):,} cases {_WORDS[status]}."
    return msgspec.structs.replace(
        check,
        status=status if status in {"PASS", "FAIL"} else "INCONCLUSIVE",
        estimate=estimate,
        bound=None,
        needed_n=None,
        lack=None,
        depends_on=0,
        why=told,
    )


def _answer(predicted: int, outcome: int, repeat: int) -> int:
    """Give an answer as a number: its label, or its outcome; a failed trial agrees with nothing."""
    if predicted >= 0:
        return predicted
    return -1 - outcome if outcome != FAILED else -1 - _ANSWERS - repeat


def _seconds(ns: int | None, *, failed: bool) -> float:
    if failed:
        return math.inf
    return math.nan if ns is None or ns == NONE else ns / 1e9


def settling(suite: Suite, cases: Sequence[Case], thresholds: Iterable[Threshold], rule: StopRule) -> Settling:
    """Begin to weigh one candidate. What was counted before the first call holds up nothing."""
    weighed = {
        threshold.text: _evidence(suite, cases, threshold, rule)
        for threshold in thresholds
        if not GAUGES[threshold.metric].counted_before
    }
    return Settling(cases, weighed, rule=rule, repeats=suite.repeats, seed=suite.seed)


def _evidence(suite: Suite, cases: Sequence[Case], threshold: Threshold, rule: StopRule) -> Evidence | None:
    """Give what weighs one check; None where its metric has no evidence that holds at every look."""
    score, share = GAUGES[threshold.metric].score, _share(cases, threshold)
    label = suite.positive if threshold.label is None else threshold.label
    goal = Goal(threshold, share, None if label is None else suite.labels.index(label)) if share is not None else None
    if score is None or goal is None or not 0 < goal.share < 1:
        return None
    members = [case for case in cases if _is_in(case, threshold.where)]
    inside = frozenset(case.id for case in members)
    if score is PREDICTED:
        may = goal.label is not None and suite.repeats == 1 and len(members) <= _MOST_PREDICTED
        return Predicted(goal, inside, suite.confidence, -math.log(rule.delta)) if may else None
    nothing = [Said(NONE, 0, "failed", math.inf)] * suite.repeats
    total = sum(score(goal, case, nothing) is not None for case in members)
    if not total:
        return None
    return Scored(goal, score, inside, total, suite.repeats, suite.confidence)


_MOST_PREDICTED = 2_000  # cases: every number of predictions that is still possible is tried at each look


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


def _is_in(case: Case, where: Iterable[tuple[str, str]]) -> bool:
    return all(name in case.tags if kind == "tag" else case.split == name for kind, name in where)
