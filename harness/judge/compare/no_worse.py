"""Is the new model worse by a margin? Asked of accuracy, of every label's recall, and of the other headline figures.

PASS: an exact test excludes a loss of the margin, and of a resampled figure its own lower bound does, too. FAIL:
worse for certain, and by how much may exceed the margin. INCONCLUSIVE: neither, as where a label has few cases.

Every figure here is a sum over cases of what each adds to the difference. A share adds the same for every case,
so its gains and losses are counted. Precision and F1 are ratios: with R the old model's ratio, a case adds
(top - R bottom) / (sum of bottoms) on the new side less the same on the old one, which sums to the difference
of the two ratios exactly. Counted in units of the heaviest that one case could add, they are gains and losses of
as few pairs as that weight makes of them: a label with three cases weighs as three.

"All must pass" is an intersection-union test and needs no correction. "Any loss blocks" is corrected: accuracy
has half of alpha and the others share the other half by Holm's method, for a loss moves accuracy first.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from harness.files.thresholds import ACCURACY, MACRO_F1, PRECISION, RECALL, Metric
from harness.judge import MetricDifference, NonInferiority, Status
from harness.judge.compare.decide import cases_for_margin, p_worse
from harness.judge.compare.figures import EVEN, Compared, Pairs, guarded_figures
from harness.judge.compare.telling import at_worst, non_inferiority_sentence
from harness.judge.scores import GAMMA, Drawn, Float, PairedDifference, holm, lower_bound, p_not_above

NEARLY = 0.05  # of a unit: sums of ratios are whole numbers of cases only nearly


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """The losses that would not matter, and how sure one must be."""

    margin: float
    label_margin: float  # of one label's recall
    confidence: float
    choices: int = 1  # models of which one may be taken: each must pass at so much less
    decisions: int = 1  # prompts and models of which any may be refused: Bonferroni

    def of(self, one: Compared) -> float:
        """Give the margin of a figure."""
        return self.label_margin if one.metric == RECALL else self.margin

    @property
    def pass_confidence(self) -> float:
        """How sure a PASS is."""
        return 1 - (1 - self.confidence) / self.choices


@dataclass(frozen=True, slots=True)
class Moved:
    """Gains and losses of a figure as pairs, rounded to the new model's harm."""

    gains: int
    losses: int
    pairs: int


def no_worse(
    pairs: Pairs,
    demand: Demand,
    seen: Callable[[str, str | None], MetricDifference | None] = lambda *_: None,
    figures: Sequence[Compared] | None = None,
) -> tuple[NonInferiority, ...]:
    """Ask of some figures, or of all that a new model must not be worse in; `seen` finds each for its sentence."""
    asked = list(guarded_figures(pairs)) if figures is None else figures
    found = [evidence(pairs, one, demand.pass_confidence) for one in asked]
    losses = [p_of_loss(one) for one in asked]
    first = [place for place, one in enumerate(asked) if one.metric == ACCURACY]
    rest = [place for place in range(len(asked)) if place not in first]
    adjusted = [1.0] * len(asked)
    for family in (first, rest):
        for place, p in zip(family, holm([losses[i] for i in family]), strict=True):
            adjusted[place] = min(1.0, 2 * demand.decisions * p)
    made = []
    for one, moved, loss, p in zip(asked, found, losses, adjusted, strict=True):
        difference = seen(one.metric.name, one.label)
        decision = decide_question(one, moved, demand, p_loss=loss, p_adjusted=p)
        if difference is not None:
            worst = at_worst(decision.bound, demand.pass_confidence)
            told = non_inferiority_sentence(decision, difference, worst)
            decision = msgspec.structs.replace(decision, sentence=told)
        made.append(decision)
    return tuple(made)


def p_of_loss(one: Compared) -> float:
    """Give the p-value of "not worse"; 1 where it is not known."""
    p = p_worse(one)
    return 1.0 if p is None else p


def decide_question(one: Compared, moved: Moved, demand: Demand, *, p_loss: float, p_adjusted: float) -> NonInferiority:
    """Decide one question, without its sentence."""
    margin, sure = demand.of(one), demand.pass_confidence
    p = p_not_above(moved.gains, moved.losses, moved.pairs, -margin)
    bound = lower_bound(moved.gains, moved.losses, moved.pairs, sure)
    drawn = one.difference.lower(sure) if isinstance(one.difference, Drawn) else None
    bound = bound if drawn is None else min(bound, drawn)
    upper = one.difference.upper(demand.confidence)
    status: Status = "INCONCLUSIVE"
    if one.difference.value is not None and upper is not None:
        if p <= 1 - sure and (drawn is None or drawn > -margin):
            status, bound = "PASS", max(bound, -margin + EVEN)
        elif p_adjusted < 1 - demand.confidence and upper < 0 and bound <= -margin:
            status = "FAIL"
    return NonInferiority(
        metric=one.metric.name,
        label=one.label,
        margin=margin,
        status=status,
        difference=one.difference.estimate(demand.confidence),
        bound=None if one.difference.value is None else bound,
        p_not_worse=p,
        p_worse=p_loss,
        p_worse_adjusted=p_adjusted,
        needed_n=_needed(one, moved, margin, sure) if status == "INCONCLUSIVE" else None,
        needed_unit=one.unit,
        sentence="",
    )


def _needed(one: Compared, moved: Moved, margin: float, confidence: float) -> int | None:
    """Give the cases that would show it if the two are equal; where nothing differed, those an exact test wants."""
    known = cases_for_margin(one.difference, margin, confidence=confidence)
    if known is None:
        return None
    alone = math.ceil(math.log(1 - confidence - GAMMA) / math.log1p(-margin))
    heavy = one.difference.n / max(moved.pairs, 1)  # cases for a pair of the heaviest weight
    return max(known, math.ceil(alone * max(1.0, heavy)), one.difference.n + 1)


def evidence(pairs: Pairs, one: Compared, confidence: float) -> Moved:
    """Count what a figure gained and lost."""
    figure = one.difference
    if isinstance(figure, PairedDifference):
        n = figure.effective_n(confidence)
        scale = n / figure.cases
        return _counted(figure.b * scale, figure.c * scale, n)
    parts = [_ratio(pairs, place, one.metric) for place in _labels(pairs, one)]
    if not parts or any(part is None for part in parts):
        return Moved(0, 0, 0)
    known = [part for part in parts if part is not None]
    added = np.asarray(sum(part.adds for part in known) / len(known), dtype=np.float64)
    lost, alarm = max(part.lost for part in known), max(part.alarm for part in known)
    # Of several labels a wrong answer is a miss of one and a false alarm of another.
    unit = (lost + alarm) / len(known) if len(known) > 1 else max(lost, alarm)
    gains, losses = float(added[added > 0].sum()) / unit, float(-added[added < 0].sum()) / unit
    return _counted(gains, losses, 1 / unit, slack=NEARLY)


def _labels(pairs: Pairs, one: Compared) -> Sequence[int]:
    if one.metric == MACRO_F1:
        return range(len(pairs.labels))
    return () if one.label is None else (pairs.labels.index(one.label),)


def _counted(gains: float, losses: float, pairs: float, slack: float = EVEN) -> Moved:
    return Moved(gains=math.floor(gains + slack), losses=math.ceil(losses - slack), pairs=math.floor(pairs + EVEN))


@dataclass(frozen=True, slots=True)
class _Ratio:
    """A label's precision or F1: what each case adds to the difference, and the most that one case could add."""

    adds: Float
    lost: float  # by a right answer that is lost
    alarm: float  # by a false alarm


def _ratio(pairs: Pairs, label: int, metric: Metric) -> _Ratio | None:
    """Take a ratio apart by case; None where one side has nothing to divide by."""
    expected = np.asarray(pairs.expected == label, dtype=np.float64)
    weight = 1.0 if metric == PRECISION else 2.0
    sides = []
    for side in (pairs.base, pairs.head):
        given, trials = side.per_case(np.asarray(side.answers.predicted == label, dtype=np.bool_))
        share = given / np.maximum(trials, 1)
        sides.append((weight * share * expected, share if metric == PRECISION else expected + share))
    (old_top, old), (new_top, new) = sides
    least = float(min(old.sum(), new.sum()))
    if least <= 0:
        return None
    ratio = float(old_top.sum() / old.sum())
    adds = (new_top - ratio * new) / new.sum() - (old_top - ratio * old) / old.sum()
    return _Ratio(adds=np.asarray(adds, dtype=np.float64), lost=(weight - ratio) / least, alarm=ratio / least)
