"""Whether scores between 0 and 1 are chances: how far shares of right answers are from them, and how far by chance."""

import numpy as np

from harness.judge.scores.figure import Bool, Float, Int32, Int64

_BINS = 10
_DRAWS, _FEWEST, _CELLS = 1_000, 100, 5_000_000  # of calibrated scores: fewer where there are many


def reliability(confidence: Float, right: Bool) -> tuple[tuple[float, float, int], ...]:
    """Give (mean confidence, share right, count) of each tenth of [0, 1] that holds something, the last one closed."""
    mean, share, count = _binned(confidence, right)
    return tuple((float(m), float(s), int(n)) for m, s, n in zip(mean, share, count, strict=True) if n > 0)


def expected_calibration_error(confidence: Float, right: Bool) -> float | None:
    """Give ECE = sum over bins of n_b/n |share right - mean confidence| (Naeini et al. 2015)."""
    if len(confidence) == 0:
        return None
    mean, share, count = _binned(confidence, right)
    return float((count * np.abs(share - mean)).sum() / len(confidence))


def calibration_by_chance(score: Float, case: Int32 | Int64, level: float = 0.95) -> float | None:
    """Give the ECE that perfectly calibrated scores stay below in so many runs; None without scores.

    Every case is drawn positive with its mean score as the chance, all its repeats together.
    """
    if len(score) == 0:
        return None
    cases, place = np.unique(case, return_inverse=True)
    chance = np.bincount(place, weights=score) / np.bincount(place)
    rng = np.random.default_rng(len(score))
    drawn = [
        expected_calibration_error(score, (rng.random(len(cases)) < chance)[place])
        for _ in range(max(_FEWEST, min(_DRAWS, _CELLS // len(score))))
    ]
    return float(np.quantile(np.array(drawn, dtype=np.float64), level))


def brier(confidence: Float, right: Bool) -> float | None:
    """Give the mean squared distance between confidence and outcome (Brier 1950)."""
    return None if len(confidence) == 0 else float(((confidence - right) ** 2).mean())


def _binned(confidence: Float, right: Bool) -> tuple[Float, Float, Float]:
    # The nudge puts .3 (stored as .29999...) into the bin that starts at .3.
    place = np.clip((confidence * _BINS + 1e-9).astype(np.int64), 0, _BINS - 1)
    count = np.bincount(place, minlength=_BINS).astype(np.float64)
    mean = np.bincount(place, weights=confidence, minlength=_BINS) / np.maximum(count, 1)
    share = np.bincount(place, weights=right, minlength=_BINS) / np.maximum(count, 1)
    return mean, share, count
