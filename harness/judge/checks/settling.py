"""Whether the verdict of the whole suite is settled before all of its cases were asked (theory: `scores.settling`).

`Settling` takes what one candidate's trials came to, in any order, and looks at the longest beginning of the
asked order in which every case is finished. So a run and whoever judges it later look at the same places and
find the same, whatever was in flight. Once a check is settled it stays so.

READY is settled when every check is (if the whole suite were not READY, one single check would have to be
wrong, so each may use all of delta). "Can't be READY" is settled as soon as one check of m is, at delta/m.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol, TypeAlias

from harness.files.suite import StopRule, asked_order
from harness.files.thresholds import Threshold, metric_of
from harness.judge.scores import Look, look_at_hits, look_at_predictions, look_at_scores, totals_left

Status: TypeAlias = Literal["open", "PASS", "FAIL", "can't pass"]


class Case(NamedTuple):
    """What is known of a case before it is asked."""

    id: str
    expected: int  # index into the suite's labels
    split: str = ""
    tags: tuple[str, ...] = ()


class Said(NamedTuple):
    """What one trial came to."""

    predicted: int  # NONE when there is no label
    answer: int  # label or outcome as a number; each failed trial has one of its own
    outcome: str
    seconds: float = math.nan  # as the caller felt it; infinite where it failed, nan where nobody looked


@dataclass(frozen=True, slots=True)
class Goal:
    """A threshold as a share that a suite's cases have to reach."""

    threshold: Threshold
    share: float  # at least so much of the members' scores, each in [0, 1]
    label: int | None = None


# The score of one finished case under a goal; None where the case is not in the metric's denominator.
Score: TypeAlias = Callable[[Goal, Case, Sequence[Said]], float | None]


def _mean(hit: Callable[[Goal, Case, Said], bool]) -> Score:
    return lambda goal, case, said: sum(hit(goal, case, one) for one in said) / len(said)


def _only(member: Callable[[Goal, Case], bool], score: Score) -> Score:
    return lambda goal, case, said: score(goal, case, said) if member(goal, case) else None


def _agreeing(_goal: Goal, _case: Case, said: Sequence[Said]) -> float | None:
    pairs = len(said) * (len(said) - 1) / 2
    same = sum(a.answer == b.answer for n, a in enumerate(said) for b in said[:n])
    return same / pairs if pairs else None


def _pass_power(goal: Goal, case: Case, said: Sequence[Said]) -> float | None:
    k = int(goal.threshold.argument or 1)
    hits = sum(one.predicted == case.expected for one in said)
    return math.comb(hits, k) / math.comb(len(said), k) if len(said) >= k else None


RIGHT = _mean(lambda _, case, one: one.predicted == case.expected)
COVERED = _mean(lambda _, __, one: one.outcome == "label")
FOUND = _only(lambda goal, case: case.expected == goal.label, RIGHT)
NO_ALARM = _only(
    lambda goal, case: case.expected != goal.label,
    _mean(lambda goal, _, one: one.predicted >= 0 and one.predicted != goal.label),
)
AGREEING: Score = _agreeing
ALL_RIGHT: Score = _pass_power


def without(outcome: str) -> Score:
    """Score the trials that did not end in one way."""
    return _mean(lambda _, __, one: one.outcome != outcome)


def in_time(limit: Callable[[Threshold], float]) -> Score:
    """Score the calls that ended within a limit; a case that nobody timed is not in it."""

    def score(goal: Goal, _: Case, said: Sequence[Said]) -> float | None:
        timed = [one.seconds for one in said if not math.isnan(one.seconds)]
        return sum(seconds <= limit(goal.threshold) for seconds in timed) / len(timed) if timed else None

    return score


def _predicted(goal: Goal, case: Case, said: Sequence[Said]) -> float | None:
    return RIGHT(goal, case, said) if said[0].predicted == goal.label else None


PREDICTED: Score = _predicted  # of an unknown number: weighed by `Predicted`


class Evidence(Protocol):
    """What speaks for one check so far: ln of the evidence that it passes, can't pass, and fails."""

    def add(self, case: Case, said: Sequence[Said]) -> None:
        """Take the next case of the order."""
        ...

    def look(self) -> Look:
        """Weigh what was taken."""
        ...

    def range(self, delta: float) -> tuple[float | None, float | None]:
        """Give the shares of the whole suite that are not ruled out."""
        ...


@dataclass(slots=True)
class Scored:
    """A mean over cases: counts without replacement where each case has one trial, else bets."""

    goal: Goal
    score: Score
    inside: frozenset[str]  # the cases that the threshold is about
    total: int  # those in the denominator, of the whole suite
    repeats: int
    confidence: float
    scores: list[float] = field(default_factory=list)

    def add(self, case: Case, said: Sequence[Said]) -> None:
        """Take the next case."""
        score = self.score(self.goal, case, said) if case.id in self.inside else None
        if score is not None:
            self.scores.append(score)

    def look(self) -> Look:
        """Weigh the scores."""
        if self.repeats == 1:
            hits = round(sum(self.scores))
            return look_at_hits(len(self.scores), self.total, hits, self.goal.share, self.confidence)
        return look_at_scores(self.scores, self.total, self.repeats, self.goal.share, self.confidence)

    def range(self, delta: float) -> tuple[float | None, float | None]:
        """Give it for counts whose share is the figure itself."""
        metric = metric_of(self.goal.threshold.metric)
        if self.repeats > 1 or not self.scores or metric.quantile is not None:
            return None, None
        low, high = totals_left(len(self.scores), self.total, round(sum(self.scores)), delta)
        ends = low / self.total, high / self.total
        return ends if metric.higher_is_better else (1 - ends[1], 1 - ends[0])


@dataclass(slots=True)
class Predicted:
    """Precision of a label: how many replies will have named it at the end is not known."""

    goal: Goal
    inside: frozenset[str]
    confidence: float
    enough: float  # evidence that is of any use
    asked: int = 0
    right: int = 0
    false: int = 0

    def add(self, case: Case, said: Sequence[Said]) -> None:
        """Take the next case."""
        self.asked += case.id in self.inside
        if case.id in self.inside and said[0].predicted == self.goal.label:
            self.right += case.expected == self.goal.label
            self.false += case.expected != self.goal.label

    def look(self) -> Look:
        """Weigh the predictions so far."""
        return look_at_predictions(
            self.asked,
            len(self.inside),
            right=self.right,
            false=self.false,
            required=self.goal.share,
            confidence=self.confidence,
            enough=self.enough,
        )

    def range(self, delta: float) -> tuple[float | None, float | None]:  # noqa: ARG002 (as all evidence)
        """Give none: the denominator is not known."""
        return None, None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What a candidate's cases settled, and after how many of them."""

    asked: int
    of: int
    ready: bool
    statuses: dict[str, Status]  # by the threshold's text


class Settling:
    """The evidence of one candidate. `settled` is set at the look that settles its verdict."""

    def __init__(
        self, cases: Sequence[Case], weighed: dict[str, Evidence | None], *, rule: StopRule, repeats: int, seed: int
    ) -> None:
        self._cases = {case.id: case for case in cases}
        self.order = asked_order(self._cases, seed)
        self._weighed = weighed
        self._open = dict(weighed)
        self._checks = sum(each is not None for each in weighed.values())
        self._rule = rule
        self._repeats = repeats
        self._finished: dict[str, dict[int, Said]] = {}
        self.asked = 0  # cases of the beginning that is finished
        self.statuses: dict[str, Status] = dict.fromkeys(weighed, "open")
        self.settled: Settled | None = None

    def take(self, case: str, repeat: int, said: Said) -> Settled | None:
        """Take one trial of an unchanged case; gives what it settled, once."""
        if self.settled is not None or case not in self._cases:
            return None
        self._finished.setdefault(case, {})[repeat] = said
        while self.asked < len(self.order):
            id_ = self.order[self.asked]
            trials = self._finished.get(id_, {})
            if len(trials) < self._repeats:
                return None
            del self._finished[id_]
            for each in self._open.values():
                if each is not None:
                    each.add(self._cases[id_], [trials[n] for n in sorted(trials)])
            self.asked += 1
            if self._rule.looks(self.asked) and self._look():
                return self.settled
        return None

    def range_of(self, name: str) -> tuple[float | None, float | None]:
        """Give the shares of the whole suite that a check's evidence has not ruled out; None where it is no count."""
        each = self._weighed.get(name)
        return (None, None) if each is None else each.range(self._rule.delta)

    def _look(self) -> bool:
        """Weigh every open check; tell whether the verdict is settled."""
        ever = math.log(1 / self._rule.delta)
        early = math.log(max(self._checks, 1) / self._rule.delta)
        lost = False
        for name, each in list(self._open.items()):
            if each is None:
                continue
            seen = each.look()
            if seen.passes >= ever:
                self.statuses[name] = "PASS"
                del self._open[name]
            elif seen.cannot >= early:
                self.statuses[name], lost = "FAIL" if seen.fails >= early else "can't pass", True
        if lost or not self._open:
            self.settled = Settled(asked=self.asked, of=len(self.order), ready=not lost, statuses=dict(self.statuses))
        return self.settled is not None
