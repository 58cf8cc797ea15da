"""What the endpoint failed, taken otherwise: the trials of a run as they might have come out.

Theory. A failed trial has no answer, and what it would have been is not known. Printed figures take it as a
miss. A check is decided only where it comes out the same however the failed trials are taken: it passes if it
passes in every *world*, and fails if it fails in every one. Between the worst and the best world of a metric
lie all others, so that two are enough where more right answers can only help; where they can also hurt, the
extremes are named here:

- *right*: each failed trial got its expected label. The best for accuracy, recall, coverage, averages.
- *answered so*: each failed trial of another label was a false alarm for this one. A miss without a label
  leaves precision as it is, so the worst for precision, F1, F-beta and specificity is this.
- *answered otherwise*: each failed trial got the label that is answered least, of those that are wrong for
  it: there a false alarm costs most. The worst for macro F1, weighted F1, MCC and kappa.
- *agreeing*: each failed trial said what its case says most often. The best for stability and flips; the
  view itself, in which failures agree with nothing, is the worst.
- *ended so*: each failed trial would have been refused, cut or unreadable.
- *not there*: the call is left out of the latencies. In the view itself it is over any limit, as a timeout is
  in both: that the endpoint took too long is known.
- differences of two parts (robustness, generalisation) are most extreme where the parts differ: right in one,
  missed in the other.

A template that fails on a case is the prompt's own: no world mends it.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeAlias

import numpy as np

from harness.judge import OUTCOMES
from harness.judge.checks.asked import Asked, metric_of
from harness.judge.view import BESIDE, DEV, FAILURES, LABEL, NONE, Bool, Int64, TrialColumns, View, lost, once

Worlds: TypeAlias = Callable[[Asked], Iterator[View]]
_Retold: TypeAlias = Callable[[TrialColumns], TrialColumns]

_LATE = [FAILURES.index(kind) for kind in ("timeout", "deadline")]


def _kept(make: Callable[[View], View]) -> Callable[[View], View]:
    """Make a world once for all checks; of very many trials each check makes its own, to save memory."""
    known = once(make)
    return lambda view: known(view) if len(view.every_trial) < BESIDE.stop else make(view)


def retold(view: View, tell: _Retold) -> View:
    """Give the same candidate with other trials in place of some."""
    every = tell(view.every_trial)
    return View(view.run, view.entry, every, every if view.trials is view.every_trial else tell(view.trials))


def with_answers(trials: TrialColumns, which: Bool, label: Int64) -> TrialColumns:
    """Give trials of which some got these labels (one for each of all trials); NONE is no label."""
    predicted, outcome, failure = trials.predicted.copy(), trials.outcome.copy(), trials.failure.copy()
    predicted[which] = label[which]
    outcome[which] = np.where(label[which] == NONE, OUTCOMES.index("unparseable"), LABEL)
    failure[which] = NONE
    return trials.told(predicted=predicted, outcome=outcome, failure=failure)


def right(trials: TrialColumns, which: Bool) -> TrialColumns:
    """Give trials of which some were answered with their expected label."""
    return with_answers(trials, which, trials.expected.astype(np.int64))


@_kept
def mended(view: View) -> View:
    """Give a candidate as if all that the endpoint failed had been right."""
    return retold(view, lambda trials: right(trials, lost(trials)))


def nothing(_: Asked) -> Iterator[View]:
    """Give no other world: the metric does not hang on what was answered."""
    yield from ()


def all_right(asked: Asked) -> Iterator[View]:
    """Give the best world of whatever right answers can only help."""
    yield mended(asked.view)


def label_otherwise(asked: Asked) -> Iterator[View]:
    """Give the best and the worst world of a figure of one label."""
    yield from all_right(asked)
    label = asked.label
    if label is not None:
        yield retold(asked.view, lambda trials: _alarming(trials, label))


def _alarming(trials: TrialColumns, label: int) -> TrialColumns:
    so = np.where(trials.expected == label, NONE, label)
    return with_answers(trials, lost(trials), so.astype(np.int64))


def averages_otherwise(asked: Asked) -> Iterator[View]:
    """Give the best and the worst world of an average over labels."""
    yield from all_right(asked)
    yield otherwise(asked.view)


@_kept
def otherwise(view: View) -> View:
    """Give a candidate as if all that the endpoint failed had got the wrong label that costs most."""
    k = len(view.labels)
    said = np.bincount(view.trials.predicted[view.trials.predicted != NONE], minlength=k)
    by_rarity = np.argsort(said, kind="stable")

    def told(trials: TrialColumns) -> TrialColumns:
        so = np.where(trials.expected == by_rarity[0], by_rarity[min(1, k - 1)], by_rarity[0])
        return with_answers(trials, lost(trials), so.astype(np.int64))

    return retold(view, told)


def agreeing(asked: Asked) -> Iterator[View]:
    """Give the world in which each failed trial said what its case says most often."""
    yield as_usual(asked.view)


@_kept
def as_usual(view: View) -> View:
    """Give a candidate as if all that the endpoint failed had been answered as the case usually is."""
    usual = _usual(view)
    return retold(view, lambda trials: _as_usual(trials, lost(trials), usual))


def _as_usual(trials: TrialColumns, which: Bool, usual: Int64) -> TrialColumns:
    said = usual[trials.case]
    return with_answers(trials, which, np.where(said == NONE, trials.expected, said).astype(np.int64))


def _usual(view: View) -> Int64:
    """Give the commonest label of each case, of equals the first; NONE where it got none."""
    k = len(view.labels)
    answered = view.trials.predicted != NONE
    cell = view.trials.case[answered].astype(np.int64) * k + view.trials.predicted[answered]
    counts = np.bincount(cell, minlength=len(view.cases) * k).reshape(len(view.cases), k)
    return np.where(counts.any(axis=1), counts.argmax(axis=1), NONE).astype(np.int64)


def ended_so(asked: Asked) -> Iterator[View]:
    """Give the world in which each failed trial ended as the metric counts."""
    place = OUTCOMES.index(metric_of(asked.threshold.metric).outcome or "failed")

    def told(trials: TrialColumns) -> TrialColumns:
        outcome = np.where(lost(trials), place, trials.outcome).astype(np.int8)
        return trials.told(outcome=outcome)

    yield retold(asked.view, told)


def not_there(asked: Asked) -> Iterator[View]:
    """Give the world in which failed calls are not among the latencies, but for timeouts."""
    yield without_failed(asked.view)


@_kept
def without_failed(view: View) -> View:
    """Give a candidate with what the endpoint failed, but for timeouts, left out of the latencies."""

    def told(trials: TrialColumns) -> TrialColumns:
        out = lost(trials) & ~np.isin(trials.failure, _LATE)
        caller, ttft = (np.where(out, NONE, times) for times in (trials.caller_ns, trials.ttft_ns))
        return right(trials, out).told(caller_ns=caller, ttft_ns=ttft)

    return retold(view, told)


def of_variants(asked: Asked) -> Iterator[View]:
    """Give the extremes of what a perturbation does: failed originals, variants and both, mended two ways."""
    view, usual = asked.view, _usual(asked.view)
    for mends in ((True, False), (False, True), (True, True)):
        parts = np.array([mends[int(variant > 0)] for variant in range(len(view.every_trial.variants))])
        yield retold(view, partial(_mended, parts=parts, usual=None))
        yield retold(view, partial(_mended, parts=parts, usual=usual))


def _mended(trials: TrialColumns, parts: Bool, usual: Int64 | None) -> TrialColumns:
    """Mend the failed trials of some variants: right, or as their cases usually answer."""
    which = np.asarray(lost(trials) & parts[trials.variant], dtype=np.bool_)
    return right(trials, which) if usual is None else _as_usual(trials, which, usual)


def of_splits(asked: Asked) -> Iterator[View]:
    """Give the extremes of a gap between dev and the other splits: each mended, and both."""
    yield from all_right(asked)
    cases = asked.view.cases
    dev = cases.splits.index(DEV) if DEV in cases.splits else NONE
    for mended in (cases.split == dev, cases.split != dev):
        yield retold(asked.view, partial(_mended_cases, mended=np.asarray(mended, dtype=np.bool_)))


def _mended_cases(trials: TrialColumns, mended: Bool) -> TrialColumns:
    return right(trials, np.asarray(lost(trials) & mended[trials.case], dtype=np.bool_))
