"""How often intervals that are no shares hold the truth: curves of scores, skewed money, agreement, calibration.

    python benchmarks/coverage_scores.py [--draws 500] [--only curves|money|agreement|calibration]

"curves": scores of positives and others, normal, so many standard deviations apart; average precision, the area under
the ROC curve, and the bands at recall .5 and a false alarm rate of .1, against what a million cases show. "money":
log-normal costs a case; how often the interval holds the mean, and an upper bound is below it (a threshold passes).
"agreement": three repeats of 40 cases, Fleiss' kappa and Krippendorff's alpha. "calibration": scores that are the
chances; how often the error is above what is said to be chance. Nominal 95%; by the functions that judge a run. One
core, no network; a figure is uncertain by about 1 point at 500 draws.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

import numpy as np

from harness.judge.scores import calibration_by_chance, expected_calibration_error
from harness.judge.scores.figure import Estimate, Missing
from harness.judge.scores.paired import clustered_mean
from harness.judge.scores.stability import Votes, fleiss_kappa, krippendorff_alpha
from harness.judge.scores.tradeoff import GRID, Curve, Scored, Sweep, tradeoffs

SIZES = ((10, 10), (20, 20), (20, 180))
APART = (0.5, 1.5, 4.0)
MANY = 1_000_000
RECALL, ALARMS = 0.5, 0.1
AGREEING = (0.6, 0.9, 0.98)
REPEATS, CASES = 3, 40


def told(what: str, shares: dict[str, float]) -> None:
    """Print shares of draws."""
    print(f"{what:<44} {'  '.join(f'{name} {share:6.1%}' for name, share in shares.items())}", flush=True)


def scored(rng: np.random.Generator, positives: int, others: int, apart: float) -> Scored:
    """Draw scores of both kinds."""
    positive = np.arange(positives + others) < positives
    return Scored(rng.normal(size=len(positive)) + apart * positive, positive, np.arange(len(positive)))


def holds(estimate: Estimate, truth: float) -> bool:
    """Tell whether an interval holds the truth; one of no width holds nothing."""
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low <= truth <= estimate.high and estimate.low < estimate.high


def within(curve: Curve | None, at: float, truth: float) -> bool:
    """Tell whether a band holds the truth at one place."""
    assert curve is not None
    place = int(np.argmin(np.abs(GRID - at)))
    return bool(curve.low[place] <= truth <= curve.high[place])


def curves(rng: np.random.Generator, draws: int) -> None:
    """Draw suites with scores."""
    for positives, others in SIZES:
        for apart in APART:
            share = MANY * positives // (positives + others)
            sweep = Sweep.of(scored(rng, share, MANY - share, apart))
            precision, area = sweep.average_precision(), sweep.roc_auc()
            at_recall = float(sweep.precision[np.searchsorted(sweep.recall, RECALL)])
            at_alarms = float(np.interp(ALARMS, sweep.false_alarm_rate, sweep.recall))
            held = np.zeros(4)
            for _ in range(draws):
                made = tradeoffs(scored(rng, positives, others, apart))
                held += [
                    holds(made.average_precision, precision),
                    holds(made.roc_auc, area),
                    within(made.pr, RECALL, at_recall),
                    within(made.roc, ALARMS, at_alarms),
                ]
            names = ("average precision", "area", "PR band", "ROC band")
            told(f"curves: {positives} + {others}, {apart:g} apart", dict(zip(names, held / draws, strict=True)))


def money(rng: np.random.Generator, draws: int) -> None:
    """Draw costs."""
    for sigma in (1.0, 1.5):
        for cases in (30, 100):
            truth, held, passed = math.exp(sigma**2 / 2), 0, 0
            for _ in range(draws):
                figure = clustered_mean(rng.lognormal(0, sigma, cases), np.arange(cases), why_empty="")
                assert not isinstance(figure, Missing)
                held += holds(figure.estimate(), truth)
                upper = figure.upper()
                passed += upper is not None and upper <= truth
            shares = {"holds the mean": held / draws, "threshold at the mean passes": passed / draws}
            told(f"money: log-normal {sigma:g}, {cases} cases", shares)


def agreement(rng: np.random.Generator, draws: int) -> None:
    """Draw answers: each repeat says the case's own with so much chance, else the other of two."""
    for chance in AGREEING:
        seen = chance**2 + (1 - chance) ** 2
        truth, held = 2 * seen - 1, np.zeros(2)  # both labels are as usual: half of all pairs agree by chance
        for _ in range(draws):
            own = rng.random(CASES) < 0.5
            said = np.repeat(own, REPEATS) ^ (rng.random(CASES * REPEATS) >= chance)
            votes = Votes.of(np.repeat(np.arange(CASES), REPEATS), said.astype(np.int64))
            for place, of in enumerate((fleiss_kappa, krippendorff_alpha)):
                figure = of(votes, seed=0)
                held[place] += not isinstance(figure, Missing) and holds(figure.estimate(), truth)
        told(
            f"agreement: {CASES} x {REPEATS}, {chance:.0%} as usual",
            {"kappa": held[0] / draws, "alpha": held[1] / draws},
        )


def calibration(rng: np.random.Generator, draws: int) -> None:
    """Draw calibrated scores."""
    for cases in (50, 400):
        above = 0
        for _ in range(draws):
            score = rng.random(cases)
            error = expected_calibration_error(score, rng.random(cases) < score)
            limit = calibration_by_chance(score, np.arange(cases))
            assert error is not None
            assert limit is not None
            above += error > limit
        told(f"calibration: {cases} cases", {"error above that by chance": above / draws})


PARTS: dict[str, Callable[[np.random.Generator, int], None]] = {
    "curves": curves,
    "money": money,
    "agreement": agreement,
    "calibration": calibration,
}


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--draws", type=int, default=500)
    parser.add_argument("--only", choices=PARTS)
    options = parser.parse_args()
    for name, part in PARTS.items():
        if options.only in {None, name}:
            part(np.random.default_rng(1), options.draws)


if __name__ == "__main__":
    main()
