"""Stopping early without fooling oneself: tests that stay valid however often one looks.

Theory. Looking at a fixed-n interval after each case passes a true .90 at the .90 threshold a quarter of the
time. An e-process doesn't: against "p <= p0" it is the likelihood ratio of a mixture over p in (p0, 1),
uniform there, to p0:

    E_n = 1/(1 - p0) * integral_{p0}^{1} p^s (1-p)^{n-s} dp / (p0^s (1-p0)^{n-s})

Under any p <= p0 it is a non-negative supermartingale from 1, so it ever reaches 1/alpha with probability
alpha at most (Ville 1939; Robbins 1970; Ramdas et al. 2023). The mirror image, over (0, p0), tests "p >= p0".
Cases come in a seeded random order that doesn't depend on the answers; repeats of a case are not new draws,
so there is one outcome a case.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import betainc, betaincc, betaln

from harness.judge.documents import Status
from harness.judge.table.columns import Bool, Float, Int64


def log_e_above(hits: Int64, n: Int64, threshold: float) -> Float:
    """Give ln of the evidence against "the share is at most `threshold`", after n cases with so many hits."""
    return _log_e(hits, n, threshold, above=True)


def log_e_below(hits: Int64, n: Int64, threshold: float) -> Float:
    """Give ln of the evidence against "the share is at least `threshold`"."""
    return _log_e(hits, n, threshold, above=False)


def _log_e(hits: Int64, n: Int64, threshold: float, *, above: bool) -> Float:
    s = np.asarray(hits, dtype=np.float64)
    misses = np.asarray(n, dtype=np.float64) - s
    inside = (betaincc if above else betainc)(s + 1, misses + 1, threshold)
    width = 1 - threshold if above else threshold
    with np.errstate(divide="ignore"):  # no mass at all on this side: ln 0, no evidence
        mixture = np.log(inside) + betaln(s + 1, misses + 1) - math.log(width)
    null = s * math.log(threshold) + misses * math.log1p(-threshold)
    return np.asarray(mixture - null, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class EarlyStop:
    """What could be said after `used` cases; `futile` when hope was given up before the cases were."""

    status: Status
    used: int
    futile: bool = False


def stop_early(right: Bool, threshold: float, confidence: float = 0.95, *, hoped: float | None = None) -> EarlyStop:
    """Decide "the share is at least `threshold`" as soon as the evidence allows.

    `right` holds one outcome a case in the order in which they were judged; 0 < threshold < 1. PASS and FAIL
    each need evidence of 1/(1 - confidence) against the contrary. With `hoped` (a truth above the threshold
    that the plan counts on) a run also stops, INCONCLUSIVE and futile, once "at least `hoped`" is refuted:
    a bad prompt costs far fewer calls, and a false PASS is no more likely.
    """
    n = np.arange(1, len(right) + 1)
    hits = np.cumsum(right, dtype=np.int64)
    limit = -math.log(1 - confidence)
    passed = _first(log_e_above(hits, n, threshold) >= limit)
    failed = _first(log_e_below(hits, n, threshold) >= limit)
    hopeless = failed if hoped is None else _first(log_e_below(hits, n, hoped) >= limit)
    used = min(passed, failed, hopeless)
    if used > len(right):
        return EarlyStop("INCONCLUSIVE", len(right))
    if used == passed:
        return EarlyStop("PASS", used)
    return EarlyStop("FAIL", used) if used == failed else EarlyStop("INCONCLUSIVE", used, futile=True)


def _first(reached: Bool) -> int:
    """Give how many cases it took, one more than there are if never."""
    at = np.flatnonzero(reached)
    return int(at[0]) + 1 if len(at) else len(reached) + 1
