"""Whether a score means what it says: of the replies that claim 80%, 8 in 10 should be right."""

from __future__ import annotations

import numpy as np

from harness.judge.table.columns import Bool, Float

BINS = 10


def reliability(confidence: Float, right: Bool, bins: int = BINS) -> tuple[tuple[float, float, int], ...]:
    """Give (mean confidence, share right, count) of each equal-width bin that holds something.

    Bin j of [0, 1] is [j/bins, (j+1)/bins), the last one closed.
    """
    mean, share, count = _binned(confidence, right, bins)
    return tuple((float(m), float(s), int(n)) for m, s, n in zip(mean, share, count, strict=True) if n > 0)


def expected_calibration_error(confidence: Float, right: Bool, bins: int = BINS) -> float | None:
    """Give ECE = sum over bins of n_b/n |share right - mean confidence| (Naeini et al. 2015)."""
    if len(confidence) == 0:
        return None
    mean, share, count = _binned(confidence, right, bins)
    return float((count * np.abs(share - mean)).sum() / len(confidence))


def brier(confidence: Float, right: Bool) -> float | None:
    """Give the mean squared distance between confidence and outcome (Brier 1950)."""
    return None if len(confidence) == 0 else float(((confidence - right) ** 2).mean())


def _binned(confidence: Float, right: Bool, bins: int) -> tuple[Float, Float, Float]:
    # The nudge puts .3 (stored as .29999...) into the bin that starts at .3.
    place = np.clip((confidence * bins + 1e-9).astype(np.int64), 0, bins - 1)
    count = np.bincount(place, minlength=bins).astype(np.float64)
    mean = np.bincount(place, weights=confidence, minlength=bins) / np.maximum(count, 1)
    share = np.bincount(place, weights=right, minlength=bins) / np.maximum(count, 1)
    return mean, share, count
