"""Better, worse, no difference shown or can't tell: one verdict a metric, corrected for how many there are.

Theory. Of forty figures two differ "significantly" by chance alone. So p-values are adjusted by Holm's method
in two families, the headline figures and the details: within each, when nothing has changed, the chance that
any is called better or worse is at most 5%, and half of that for worse. A verdict also needs the figure's own
interval to leave out 0, so that sentence and interval never contradict each other.

What is not shown is one of two things. "No difference shown": what was seen is too small to matter (below the
margin, or a tenth of latency and cost). "Can't tell": a difference that would matter was seen and may be
noise, or so few cases were compared that a large one may hide; then the number of cases that would tell.

P-values are two-sided: Tango's score statistic of a share at the effective number of pairs, Student's t of a mean, the
draws beyond 0 of a resampled metric, and where fewer than `_FEW` lie there the normal curve with the draws' spread, so
that Holm's correction is not limited by their number. None that may decide is below the exact test of the cases that
moved (`scores.p_flips`), which holds however few these are: without it, comparisons of equal prompts with labels of few
cases called something better or worse in 10% to 99%. With one trial a case that test is McNemar's, exact.
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import ndtr, ndtri, stdtr

from harness.judge import DifferenceVerdict, Estimate, MetricDifference, NonInferiority, Status, scores
from harness.judge.compare.figures import Compared
from harness.judge.compare.telling import with_sentence
from harness.judge.scores import Drawn, Figure, Normal, PairedDifference

RELATIVE = 0.1  # of latency, money and tokens: a smaller difference is not looked for
_LARGE = 0.2  # a p-value that decides nothing at any confidence that is asked for
_FEW = 20  # draws beyond 0, from which on they are counted
BLIND = 5.0  # times what matters: an interval that reaches so far on either side can't tell


def decided(
    compared: Sequence[Compared], *, margin: float, confidence: float, where: Sequence[str] = ()
) -> tuple[MetricDifference, ...]:
    """Give the verdict of each figure; Holm within headline figures and within the others."""
    p_values = [two_sided_p(one) for one in compared]
    adjusted: dict[int, float] = {}
    sizes: dict[int, int] = {}
    for headline in (True, False):
        family = [i for i, one in enumerate(compared) if one.headline == headline and p_values[i] is not None]
        corrected = scores.holm([p_values[i] or 0.0 for i in family])
        adjusted.update(zip(family, corrected, strict=True))
        sizes.update(dict.fromkeys(family, len(family)))
    made = []
    for i, one in enumerate(compared):
        estimate, matters = one.difference.estimate(confidence), what_matters(one, margin)
        verdict = difference_verdict(one, estimate, adjusted.get(i), matters=matters, confidence=confidence)
        difference = MetricDifference(
            metric=one.metric.name,
            label=one.label,
            base=one.base,
            head=one.head,
            difference=estimate,
            verdict=verdict,
            higher_is_better=one.metric.higher_is_better,
            scale=one.metric.scale,
            currencies=one.currencies,
            p_value=p_values[i],
            p_adjusted=adjusted.get(i),
            needed_n=_needed(one, verdict, estimate, matters=matters, confidence=confidence),
            needed_unit=one.unit,
            sentence="",
            family="headline" if one.headline else "detail",
            where=where[i] if where else "",
            matters=matters,
        )
        made.append(with_sentence(difference, family_size=sizes.get(i, 1)))
    return tuple(made)


def what_matters(one: Compared, margin: float) -> float:
    """Give the smallest difference that is looked for, in the metric's unit."""
    if one.metric.scale in {"share", "points", "number"}:
        return margin
    return RELATIVE * abs(one.base.value or 0.0)


def difference_verdict(
    one: Compared, estimate: Estimate, p_adjusted: float | None, *, matters: float, confidence: float
) -> DifferenceVerdict:
    """Decide one figure by its adjusted p-value and its interval."""
    if estimate.value is None or estimate.low is None or estimate.high is None or p_adjusted is None:
        return "can't tell"
    if p_adjusted < 1 - confidence and (estimate.low > 0 or estimate.high < 0):
        return "better" if (estimate.value > 0) == one.metric.higher_is_better else "worse"
    if _nothing_differs(one):
        return "no difference shown"
    blind = matters > 0 and max(-estimate.low, estimate.high) > BLIND * matters
    return "can't tell" if abs(estimate.value) >= matters or blind else "no difference shown"


def _nothing_differs(one: Compared) -> bool:
    """Tell whether every pair came out the same."""
    figure = one.difference
    if isinstance(figure, PairedDifference):
        return figure.informative == 0
    return figure.value == 0 and figure.lower(0.975) == figure.upper(0.975)


def _needed(
    one: Compared, verdict: DifferenceVerdict, estimate: Estimate, *, matters: float, confidence: float
) -> int | None:
    if verdict == "can't tell":
        if estimate.value is not None and abs(estimate.value) >= matters:
            return cases_for_difference(one.difference, confidence=confidence)
        return cases_for_margin(one.difference, matters, confidence=confidence)
    if verdict == "no difference shown" and one.metric.scale in {"share", "points", "number"}:
        needed = cases_for_margin(one.difference, matters, confidence=confidence)
        return needed if needed is not None and needed > one.difference.n else None
    return None


def two_sided_p(compared: Compared) -> float | None:
    """Give the two-sided p-value of "there is no difference"; None where it is undefined."""
    figure = compared.difference
    if figure.value is None:
        return None
    p = 2 * min(_tails(figure))
    if compared.moved is not None and p < _LARGE:
        p = max(p, 2 * min(scores.p_flips(compared.moved), scores.p_flips(-compared.moved)))
    return min(1.0, p)


def p_worse(compared: Compared) -> float | None:
    """Give the one-sided p-value of "head is not worse", for metrics of which more is better."""
    if compared.difference.value is None:
        return None
    p, _ = _tails(compared.difference)
    return p if compared.moved is None or p >= _LARGE else max(p, scores.p_flips(compared.moved))


def overall(decisions: Sequence[NonInferiority]) -> Status:
    """FAIL if any fails, PASS if all pass, INCONCLUSIVE otherwise."""
    statuses = {one.status for one in decisions}
    if "FAIL" in statuses:
        return "FAIL"
    return "PASS" if statuses == {"PASS"} else "INCONCLUSIVE"


def _tails(figure: Figure) -> tuple[float, float]:
    """Give the one-sided p-values of "the truth is 0 or more" and of "0 or less": small where the figure is far off."""
    match figure:
        case PairedDifference():
            z = figure.z(0.0)
            return float(ndtr(z)), float(ndtr(-z))
        case Normal():
            below = _student(figure)
            return below, 1 - below if figure.value else 1.0
        case Drawn():
            return _tail(figure, figure.draws >= 0), _tail(figure, figure.draws <= 0)
        case _:
            return 1.0, 1.0


def _student(figure: Normal) -> float:
    assert figure.value is not None
    if not figure.value:
        return 1.0 if figure.se == 0 else 0.5
    t = figure.value / figure.se if figure.se > 0 else math.copysign(math.inf, figure.value)
    return float(ndtr(t) if figure.dof is None else stdtr(figure.dof, t))


def _tail(figure: Drawn, beyond: scores.Bool) -> float:
    assert figure.value is not None
    many = int(np.count_nonzero(beyond))
    counted = (many + 1) / (len(figure.draws) + 1)
    spread = float(figure.draws.std())
    if many >= _FEW or spread == 0:
        return counted
    return min(counted, float(ndtr(-abs(figure.value) / spread)))


def standard_error(figure: Figure) -> float | None:
    """Give the standard error of a difference; None where there is none."""
    match figure:
        case PairedDifference():
            value = (figure.b - figure.c) / figure.cases
            spread = max(0.0, (figure.b + figure.c) / figure.cases - value * value)
            return math.sqrt(spread / figure.effective_n(0.5))
        case Normal():
            return figure.se
        case Drawn():
            return float(figure.draws.std())
        case _:
            return None


def cases_for_difference(figure: Figure, *, confidence: float) -> int | None:
    """Give the cases at which a difference as large as the one seen is shown, with 80% power."""
    se, value = standard_error(figure), figure.value
    if not se or not value or figure.n == 0:
        return None
    z = float(ndtri((1 + confidence) / 2) + ndtri(scores.POWER))
    return max(figure.n + 1, math.ceil(figure.n * (z * se / value) ** 2))


def cases_for_margin(figure: Figure, margin: float, *, confidence: float) -> int | None:
    """Give the cases that show "not worse by the margin" if the two are equal: (z_a + z_b)^2 psi / margin^2.

    Where nothing differed yet, those at which Tango's bound of no discordant pair is within the margin:
    z^2 (1 - margin) / margin.
    """
    se = standard_error(figure)
    if se is None or margin <= 0 or figure.n == 0:
        return None
    alone = math.ceil(float(ndtri(confidence)) ** 2 * (1 - margin) / margin)
    needed = scores.non_inferiority_n(figure.n * se * se, margin, confidence=confidence, power=scores.POWER)
    return max(alone, needed or 0)
