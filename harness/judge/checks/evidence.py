"""What weighs one check while a run goes on: the score of each finished case, and evidence that holds at every look.

What the endpoint failed counts as a miss for a PASS, and as right for all that speaks against one.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import le, lt
from typing import NamedTuple, Protocol, TypeAlias

from harness.files.thresholds import Threshold, metric_of
from harness.judge.scores import (
    Look,
    PairedCuts,
    Sure,
    log_e_pairs,
    look_at_hits,
    look_at_lines,
    look_at_predictions,
    look_at_ratio,
    look_at_scores,
    totals_left,
)


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
    lost: bool = False  # the endpoint failed it: nobody knows what the prompt would have said
    base: "Said | None" = None  # what the baseline's same trial came to, where there is one


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
    """Score the trials that did not end in one way; what the endpoint failed might have."""
    return _mean(lambda _, __, one: one.outcome != outcome and not one.lost)


def in_time(limit: Callable[[Threshold], float]) -> Score:
    """Score the calls that ended within a limit, or in less than it; a case that nobody timed is not in it."""

    def score(goal: Goal, _: Case, said: Sequence[Said]) -> float | None:
        within = lt if goal.threshold.op == "<" else le
        timed = [one.seconds for one in said if not math.isnan(one.seconds)]
        return sum(within(seconds, limit(goal.threshold)) for seconds in timed) / len(timed) if timed else None

    return score


def _predicted(goal: Goal, case: Case, said: Sequence[Said]) -> float | None:
    return RIGHT(goal, case, said) if said[0].predicted == goal.label else None


PREDICTED: Score = _predicted  # of an unknown number: weighed by `Predicted`


def at_their_best(case: Case, said: Sequence[Said]) -> list[Said]:
    """Give a case's trials as they might have been at best: what the endpoint failed is right, as the others are."""
    answers = Counter(one.answer for one in said if not one.lost)
    usual = answers.most_common(1)[0][0] if answers else 0
    return [Said(case.expected, usual, "label", one.seconds, base=one.base) if one.lost else one for one in said]


def _against(look: Look) -> dict[str, float]:
    return {"cannot": look.cannot, "fails": look.fails}


class Evidence(Protocol):
    """What speaks for one check so far: ln of the evidence that it passes, can't pass, and fails."""

    def add(self, case: Case, said: Sequence[Said]) -> None:
        """Take the next case of the order."""
        ...

    def look(self) -> Look:
        """Weigh what was taken."""
        ...

    def range(self, delta: float) -> tuple[float | None, float | None]:  # noqa: ARG002 (for what is a count)
        """Give the shares of the whole suite that are not ruled out; none where that is not known."""
        return None, None


@dataclass(slots=True)
class ScoredCalls(Evidence):
    """A mean over cases: counts without replacement where each case has one trial, else bets."""

    goal: Goal
    score: Score
    inside: frozenset[str]  # the cases that the threshold is about
    total: int  # those in the denominator, of the whole suite
    repeats: int
    sure: Sure
    scores: list[float] = field(default_factory=list)
    at_best: list[float] = field(default_factory=list)  # had the endpoint failed nothing

    def add(self, case: Case, said: Sequence[Said]) -> None:
        """Take the next case."""
        score = self.score(self.goal, case, said) if case.id in self.inside else None
        if score is not None:
            self.scores.append(score)
            best = None
            if any(one.lost for one in said) and not metric_of(self.goal.threshold.metric).of_failures:
                best = self.score(self.goal, case, at_their_best(case, said))
            self.at_best.append(score if best is None else best)

    def look(self) -> Look:
        """Weigh the scores."""
        seen = self._weigh(self.scores)
        return seen if self.scores == self.at_best else seen._replace(**_against(self._weigh(self.at_best)))

    def _weigh(self, scores: Sequence[float]) -> Look:
        if self.repeats == 1:
            return look_at_hits(len(scores), self.total, round(sum(scores)), self.sure)
        return look_at_scores(scores, self.total, self.repeats, self.sure)

    def range(self, delta: float) -> tuple[float | None, float | None]:
        """Give it for counts whose share is the figure itself."""
        metric = metric_of(self.goal.threshold.metric)
        if self.repeats > 1 or not self.scores or metric.quantile is not None:
            return None, None
        low, high = totals_left(len(self.scores), self.total, round(sum(self.scores)), delta)
        ends = low / self.total, high / self.total
        return ends if metric.higher_is_better else (1 - ends[1], 1 - ends[0])


@dataclass(slots=True)
class Predicted(Evidence):
    """Precision of a label: how many replies will have named it at the end is not known.

    With repeats, or in a large suite, bets are made; else every number that is still possible is tried.
    """

    goal: Goal
    inside: frozenset[str]
    likely: int  # cases of the label
    repeats: int
    sure: Sure
    enough: float  # evidence that is of any use
    counts: list[tuple[int, int, int, int]] = field(default_factory=list)

    def add(self, case: Case, said: Sequence[Said]) -> None:
        """Take the next case: right answers with the label, all with it, lost ones that may be right, and others."""
        if case.id in self.inside:
            mine, given = case.expected == self.goal.label, sum(one.predicted == self.goal.label for one in said)
            lost = sum(one.lost for one in said)
            self.counts.append((given * mine, given, lost * mine, lost * (not mine)))

    def look(self) -> Look:
        """Weigh the predictions so far."""
        total = len(self.inside)
        if self.repeats > 1 or total > _MOST_PREDICTED:
            return look_at_ratio(self.counts, total=total, repeats=self.repeats, likely=self.likely, sure=self.sure)
        right, given, missed, alarms = (sum(one[place] for one in self.counts) for place in range(4))
        seen = self._look(right, given - right + alarms)
        return seen._replace(**_against(self._look(right + missed, given - right))) if missed or alarms else seen

    def _look(self, right: int, false: int) -> Look:
        asked, total = len(self.counts), len(self.inside)
        return look_at_predictions(asked, total, right=right, false=false, sure=self.sure, enough=self.enough)


_MOST_PREDICTED = 2_000  # cases: every number of predictions that is still possible is tried at each look


@dataclass(slots=True)
class Paired(Evidence):
    """Gains and losses of a candidate against its baseline, over all cases or those of a label.

    Of pairs asked once they are counted. With repeats, bets are made on a weighted sum of both, against lines beyond
    which no total of the set lies. What the endpoint failed is right on one side and wrong on the other.
    """

    label: int | None
    repeats: int
    passes: PairedCuts
    stands: PairedCuts  # the totals that do not FAIL
    moved: list[float] = field(default_factory=list)
    at_best: list[float] = field(default_factory=list)  # what the endpoint failed is in the candidate's favour

    def add(self, case: Case, said: Sequence[Said]) -> None:
        """Take the next case."""
        if self.label in {None, case.expected}:
            self.moved.append(sum(_moved(case, one, best=False) for one in said) / len(said))
            self.at_best.append(sum(_moved(case, one, best=True) for one in said) / len(said))

    def look(self) -> Look:
        """Weigh what moved."""
        passes, cannot = self._weigh(self.passes, self.moved)
        return Look(passes, cannot, self._weigh(self.stands, self.at_best)[1])

    def _weigh(self, at: PairedCuts, moved: Sequence[float]) -> tuple[float, float]:
        if self.repeats > 1:
            return look_at_lines(moved, at, below=True), look_at_lines(moved, at, below=False)
        return log_e_pairs(at, len(moved), sum(one > 0 for one in moved), sum(one < 0 for one in moved))


def _moved(case: Case, one: Said, *, best: bool) -> int:
    """Give 1 where only the candidate is right, -1 where only its baseline is."""
    base = one if one.base is None else one.base
    after = best if one.lost else one.predicted == case.expected
    before = not best if base.lost else base.predicted == case.expected
    return int(after) - int(before)
