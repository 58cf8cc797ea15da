"""How each metric is read off a run: a threshold put to it -> the figure.

Latency quantiles are not here: they are decided by the share of calls within the limit (see `quantiles`).
"""

from collections.abc import Callable

import numpy as np

from harness.judge import OUTCOMES, Outcome, named, scores
from harness.judge.checks.asked import Asked
from harness.judge.leakage.section import leaks
from harness.judge.pairs import pair
from harness.judge.scores import Answers, Figure, Missing, Normal
from harness.judge.sections.latency import untimed

NEEDS_BASELINE = "no baseline is set (`harness baseline set RUN` sets one)"


def accuracy(asked: Asked) -> Figure:
    """Give the share of right answers."""
    return scores.accuracy(asked.view.answers)


def always(asked: Asked) -> tuple[float | None, str]:
    """Give what always answering the most frequent label would score, and how a sentence says so."""
    majority = scores.majority(asked.view.answers)
    if majority.p_value is None:
        return None, scores.NO_TRIALS
    label = named(asked.view.labels[majority.label])
    return majority.share, f" (always answering {label} scores as much)"


def more_than_always(asked: Asked) -> Figure:
    """Give accuracy where it can be better than one constant answer."""
    if asked.required >= 1:
        return Missing("all cases expect one label, so nothing can be better than always answering it")
    return accuracy(asked)


def label_figure(score: Callable[[Answers, int], Figure]) -> Callable[[Asked], Figure]:
    """Give the reader of a figure of the threshold's label."""
    return lambda asked: _of_label(asked, lambda label: score(asked.view.answers, label))


def fbeta(asked: Asked) -> Figure:
    """Give F-beta of the threshold's label."""
    beta = asked.threshold.argument or 1.0
    return _of_label(asked, lambda label: asked.view.resampling.fbeta(label, beta))


def _of_label(asked: Asked, score: Callable[[int], Figure]) -> Figure:
    if asked.label is not None:
        return score(asked.label)
    return Missing(f"the suite has no {'positive' if asked.threshold.label is None else 'such'} label")


def share_ended(outcome: Outcome) -> Callable[[Asked], Figure]:
    """Give the reader of the share of trials that ended in one way."""
    index = OUTCOMES.index(outcome)

    def read(asked: Asked) -> Figure:
        trials = asked.view.trials
        hits = np.asarray(trials.outcome == index, dtype=np.bool_)
        return scores.clustered_share(hits, trials.case, why_empty=scores.NO_TRIALS)

    return read


def always_right(asked: Asked) -> Figure:
    """Give how often k repeats of a case are all right."""
    view = asked.view
    return scores.pass_power(view.trials.case, view.answers.right, int(asked.threshold.argument or 1))


def leak_count(asked: Asked) -> Figure:
    """Count the cases that leak: a fact about these texts, without sampling error."""
    here = np.zeros(len(asked.view.cases), dtype=np.bool_)
    here[asked.view.trials.case] = True
    found = int(np.count_nonzero(here[sorted(leaks(asked.view).cases)]))
    return Normal(float(found), int(np.count_nonzero(here)), 0.0, "counted")


def broken(asked: Asked) -> Figure:
    """Count the cases that were right in the baseline's run and are wrong now: a fact about these cases.

    A case is right when more than half of its trials are.
    """
    before = Missing(NEEDS_BASELINE) if asked.before is None else asked.before.read()
    if isinstance(before, Missing):
        return before
    pairs = pair(before, asked.view)
    if not pairs.cases:
        return Missing("the baseline's run and this one have no case in common")
    right = []
    for side in (pairs.base, pairs.head):
        hits, trials = side.per_case(side.right)
        right.append(hits > trials / 2)
    return Normal(float(np.count_nonzero(right[0] & ~right[1])), pairs.cases, 0.0, "counted")


def in_time(asked: Asked) -> Figure:
    """Give the share of calls that ended within the limit."""
    view = asked.view
    if why := untimed(view, view.trials.caller_ns):
        return Missing(why)
    return scores.within(*view.times(view.trials.caller_ns), asked.threshold.argument or 0.0)
