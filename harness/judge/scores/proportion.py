"""A share of trials, with repeats of a case treated as what they are: not independent.

Theory. Let case i have m_i trials in the denominator and h_i hits, n = sum m_i over G cases, p = sum h_i / n.
The linearised residual of case i is r_i = h_i - p m_i. This one form serves a plain share (accuracy: m_i is
the number of repeats) and a ratio whose denominator is random (precision: m_i is how often the case was
answered with that label, and G counts the cases with m_i > 0), because the ratio's linearisation is the same
residual. Then

    SE^2 = G/(G-1) * sum r_i^2 / n^2                       (ultimate-cluster variance)
    n_eff = p(1-p) / SE^2                                  (Korn and Graubard 1998)

and an interval made for independent draws (Wilson, Clopper-Pearson) is taken at (p, n_eff). Three corrections
keep n_eff honest when hits or misses are rare:

- Clustering by case can never make n_eff smaller than n^2 / sum m_i^2 (all repeats of a case agree: the
  number of cases when repeats are equal), nor, to be on the safe side, larger than n.
- With p = 0 or 1 the residuals vanish and say nothing of the clustering: the number of cases is used.
- Few cases with both kinds of outcome to learn from make SE itself uncertain: n_eff is multiplied by
  (t_{n-1} / t_d)^2 at the wanted tail. Korn and Graubard take d = G - 1; here d counts the cases that hold
  the rarer outcome, because the other cases carry no information about the clustering. Without this a single
  miss in 500 trials would make the bound jump from "100 cases" to "499 independent trials".
- For the interval that is shown d is twice that count: with the count itself it holds the truth too often
  (simulated at 30 to 200 cases: above 97% in 389 of 960 worlds, twice the count 203, none of either below
  93%; three times falls to 89%). The end that a check may rest on, towards 1/2, is moved out to the check's
  bound, so that an interval clear of a threshold never stands beside an undecided check.

With one trial per case, n_eff = n exactly, and everything reduces to the textbook intervals.

Three-way decisions: a figure meets what was required, misses it, or can't be told yet.

A decision rests on one one-sided bound. With `>=`: PASS when the lower bound reaches the requirement, FAIL
when the upper bound does not, else INCONCLUSIVE, with the number of cases that, judged by themselves, would
settle it with 80% probability if the observed value were the true one. So a true value on the threshold passes
with probability 1 - confidence at most. The p-value of a decision is the smallest error at which it would still
be made: of many decisions it tells which ones hold together (Holm).
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

from harness.files.thresholds.metrics import Op
from harness.judge.scores.binomial import MOST, POWER, exact_lower, exact_upper, p_value_above, planned_n, wilson
from harness.judge.scores.figure import Bool, Drawn, Estimate, Figure, Int32, Int64, Mapped, Missing, Status, Sums

EMPTY = "there is nothing to count"
EXACT_PLAN = 5_000  # cases: a larger plan is by the normal curve
SHOWN = 2  # degrees of freedom for each informative case in intervals that are shown


@dataclass(frozen=True, slots=True)
class Share:
    """A share p of n trials over a number of cases, with what its intervals need."""

    p: float
    n: int  # trials in the denominator
    cases: int  # cases with a trial in the denominator
    floor: float  # n_eff if all repeats of a case agree
    raw: float  # Korn-Graubard n_eff before any correction; `floor` when SE is 0
    informative: int  # cases that hold the rarer outcome
    se: float  # clustered standard error

    @property
    def value(self) -> float | None:
        """The share."""
        return self.p

    @property
    def clustered(self) -> bool:
        """Whether any case has more than one trial here."""
        return self.n > self.cases

    def effective_n(self, tail: float = 0.975, *, freedom: int = 1) -> float:
        """Give n_eff for a bound that leaves 1 - tail outside; d is `freedom` times the informative cases."""
        if not self.clustered:
            return float(self.n)
        if self.informative == 0:
            return self.floor
        shrunk = self.raw * uncertainty_of_spread(self.n, freedom * self.informative, tail)
        return float(min(max(shrunk, self.floor), self.n))

    def estimate(self, confidence: float = 0.95) -> Estimate:
        """Give the share with its two-sided Wilson interval at n_eff."""
        if not self.clustered:
            low, high = self.wilson(confidence)
            return Estimate(value=self.p, n=self.n, low=low, high=high, confidence=confidence, method="Wilson")
        low, high = wilson(self.p, self.effective_n((1 + confidence) / 2, freedom=SHOWN), confidence)
        if self.p >= 0.5:
            low = min(low, exact_lower(self.p, self.effective_n(confidence), confidence))
        else:
            high = max(high, exact_upper(self.p, self.effective_n(confidence), confidence))
        return Estimate(
            value=self.p, n=self.n, low=low, high=high, confidence=confidence, method="Wilson, clustered by case"
        )

    def wilson(self, confidence: float = 0.95) -> tuple[float, float]:
        """Give the two-sided Wilson interval at n_eff."""
        return wilson(self.p, self.effective_n((1 + confidence) / 2), confidence)

    def lower(self, confidence: float = 0.95) -> float | None:
        """Give the one-sided Clopper-Pearson lower bound at n_eff."""
        return exact_lower(self.p, self.effective_n(confidence), confidence)

    def upper(self, confidence: float = 0.95) -> float | None:
        """Give the one-sided Clopper-Pearson upper bound at n_eff."""
        return exact_upper(self.p, self.effective_n(confidence), confidence)

    def p_value_above(self, share: float) -> float:
        """Give the one-sided exact p-value of "the true share is above `share`", at n_eff."""
        return p_value_above(self.p, self.effective_n(), share)


def uncertainty_of_spread(n: int, informative: int, tail: float) -> float:
    """Give (t_{n-1} / t_d)^2 at a tail, the factor by which few informative cases shrink n_eff."""
    tail = max(tail, 1 - tail, 0.6)  # at the median both quantiles are 0
    return float(stdtrit(n - 1, tail) / stdtrit(informative, tail)) ** 2


def share_of_counts(hits: Sums, trials: Sums, times: Int64 | None = None, *, why_empty: str = EMPTY) -> Share | Missing:
    """Give the share of sum(hits) in sum(trials), both per case; cases with 0 trials are ignored.

    Where several cases are alike they may be given once, and `times` says how often.
    """
    present = np.flatnonzero(trials)
    m = np.asarray(trials, dtype=np.float64)[present]
    h = np.asarray(hits, dtype=np.float64)[present]
    times = None if times is None else times[present]
    of = Denominator.of(m, times)
    often = float((h if times is None else times * h).sum()) > of.trials / 2
    return share_of_rare(m - h if often else h, m, of, times, complement=often, why_empty=why_empty)


@dataclass(frozen=True, slots=True)
class Denominator:
    """All trials that a share is of, summed over cases: m, m^2, and how many cases."""

    trials: float
    squares: float
    cases: int

    @classmethod
    def of(cls, trials: Sums, times: Int64 | None = None) -> "Denominator":
        """Add up the trials of each case; those without any add nothing."""
        every = trials if times is None else times * trials
        many = np.count_nonzero(trials) if times is None else times[trials > 0].sum()
        return cls(float(every.sum()), float(every @ trials), int(many))


def share_of_rare(
    rare: Sums, trials: Sums, of: Denominator, times: Int64 | None = None, *, complement: bool, why_empty: str = EMPTY
) -> Share | Missing:
    """Give the share of the rarer outcome, or of its complement, from the cases that hold it.

    `rare` and `trials` are the counts of those cases; cases without it may be left out, for they add only to
    the denominator: sum r_i^2 = sum h^2 - 2 p sum h m + p^2 sum m^2, without cancellation while p is small.
    """
    if of.trials == 0:
        return Missing(why_empty)
    h, m = np.asarray(rare, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    every = h if times is None else times * h
    p = min(1.0, max(0.0, float(every.sum()) / of.trials))
    residual = float(every @ h) - 2 * p * float(every @ m) + p * p * of.squares
    spread = residual * of.cases / max(of.cases - 1, 1)
    floor = of.trials * of.trials / of.squares
    certain = p in {0.0, 1.0} or of.cases == 1 or spread <= 1e-12 * of.squares
    holds = h > 1e-12
    return Share(
        p=1 - p if complement else p,
        n=round(of.trials),
        cases=of.cases,
        floor=floor,
        raw=floor if certain else p * (1 - p) * of.trials**2 / spread,
        informative=0 if certain else int(np.count_nonzero(holds) if times is None else times[holds].sum()),
        se=0.0 if certain else math.sqrt(spread) / of.trials,
    )


def clustered_share(hits: Bool, case: Int32 | Int64, *, why_empty: str = EMPTY) -> Share | Missing:
    """Give the share of trials that hit, clustered by case.

    `hits` and `case` hold one entry per trial of the denominator.
    """
    if len(case) == 0:
        return Missing(why_empty)
    trials = np.bincount(case)
    often = 2 * int(np.count_nonzero(hits)) > len(case)
    rare = np.bincount(case[~hits if often else hits])
    holds = np.flatnonzero(rare)
    return share_of_rare(rare[holds], trials[holds], Denominator.of(trials), complement=often, why_empty=why_empty)


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of a requirement.

    `bound` is the one-sided bound that decided (None when the figure is undefined). `needed_n` says how many
    new units would settle an INCONCLUSIVE with 80% probability if the observed value were the true one: cases for
    figures made of shares (with as many repeats as now), trials for the others; None when no number would.
    `p_value` is that of what was decided; None where nothing was.
    """

    status: Status
    bound: float | None
    needed_n: int | None = None
    p_value: float | None = None


def decide(figure: Figure, op: Op, required: float, confidence: float = 0.95) -> Decision:
    """Hold a figure against a requirement."""
    low, high = figure.lower(confidence), figure.upper(confidence)
    if figure.value is None or low is None or high is None:
        return Decision("INCONCLUSIVE", None)
    at_least = op in {">=", ">"}
    towards, away = (low, high) if at_least else (high, low)
    if meets(towards, op, required):
        return Decision("PASS", towards, p_value=p_decided(figure, op, required, passed=True))
    if not meets(away, op, required):
        return Decision("FAIL", away, p_value=p_decided(figure, op, required, passed=False))
    return Decision("INCONCLUSIVE", towards, needed_n(figure, required, confidence))


LEAST_P = 1e-12


def p_decided(figure: Figure, op: Op, required: float, *, passed: bool) -> float:
    """Give the smallest error at which a figure still passes, or fails, by bisection of its one-sided bounds.

    Below the first of so many draws the normal curve with their spread stands for the tail.
    """
    upper = passed != (op in {">=", ">"})

    def holds(error: float) -> bool:
        bound = figure.upper(1 - error) if upper else figure.lower(1 - error)
        return bound is not None and meets(bound, op, required) == passed

    low, high = math.log(LEAST_P), math.log(0.5)
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(math.exp(middle)) else (middle, high)
    p = math.exp(high)
    if isinstance(figure, Drawn) and figure.value is not None and p < 1 / len(figure.draws):
        spread = float(figure.draws.std())
        tail = float(ndtr(-abs(figure.value - required) / spread)) if spread > 0 else 0.0
        return min(max(tail, LEAST_P), 1 / len(figure.draws))
    return p


def meets(value: float, op: Op, required: float) -> bool:
    """Tell whether a value meets a requirement; one that equals it up to rounding counts as equal."""
    # Bounds come from iterative inverses: a bound that equals the requirement may miss it by rounding.
    slack = 1e-12 * max(1.0, abs(required))
    if op == ">=":
        return value >= required - slack
    if op == "<=":
        return value <= required + slack
    return value > required + slack if op == ">" else value < required - slack


def needed_n(figure: Figure, required: float, confidence: float = 0.95) -> int | None:
    """Give how many new units settle the check with 80% probability if the observed value is the true one."""
    match figure:
        case Share():
            return _needed_cases(figure, required, confidence)
        case Mapped():
            return needed_n(figure.source, figure.back(required), confidence)
        case _:
            return _needed_by_root_n(figure, required, confidence)


def _needed_cases(share: Share, required: float, confidence: float) -> int | None:
    """Plan the effective size at which the exact bound clears the requirement, then convert to cases."""
    if math.isclose(share.p, required, abs_tol=1e-12) or not 0 <= required <= 1:
        return None
    p, goal = (share.p, required) if share.p > required else (1 - share.p, 1 - required)
    if goal <= 0:
        return None
    z, spread = (float(ndtri(confidence)), float(ndtri(POWER))), (goal * (1 - goal), p * (1 - p))
    about = ((z[0] * math.sqrt(spread[0]) + z[1] * math.sqrt(spread[1])) / (p - goal)) ** 2
    effective = planned_n(goal, truth=p, confidence=confidence) if about < EXACT_PLAN else about
    if effective is None:
        return None
    cases = math.ceil(effective * share.cases / share.effective_n(confidence) - 1e-9)
    return None if cases > MOST else cases


def _needed_by_root_n(figure: Figure, required: float, confidence: float) -> int | None:
    """Scale n so that the distance to the bound, which shrinks like 1/sqrt(n), fits with 80% power."""
    assert figure.value is not None
    gap = figure.value - required
    if math.isclose(figure.value, required, abs_tol=1e-12) or figure.n == 0:
        return None
    bound = figure.lower(confidence) if gap > 0 else figure.upper(confidence)
    assert bound is not None
    power = 1 + float(ndtri(POWER) / ndtri(confidence))
    needed = math.ceil(figure.n * (power * (figure.value - bound) / gap) ** 2)
    return None if needed > MOST else max(needed, 1)
