"""Cases to look at: wrong in every repeat, moved between repeats, without a readable label, slowest.

A case that every candidate and every repeat gets wrong in the same way may be mislabelled. That takes more
than one witness: two candidates, or one asked three times or more; and only candidates that tell labels apart
(Cohen's kappa above .2) are heard, because one that always gives the same answer agrees with itself.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from harness.files.thresholds import KAPPA
from harness.judge import OUTCOMES, NotableCase, Outcome
from harness.judge.view import NONE, Int64, View, ends_of, lost, once

_MOST = 10
_LOOKED_AT = 1_000
UNREAD: Outcome = "unparseable"
TELLS_APART = 0.2
_MOVES = 0.99  # mean agreement of repeats below which they are several witnesses


def notable_cases(view: View) -> tuple[NotableCase, ...]:
    """Give the cases of one candidate, at most ten of each kind."""
    kinds = dict(_kinds(view))
    unread = kinds.pop(UNREAD)
    first = _first_rows(view)
    found = [each for why, cases in kinds.items() for each in _cases(view, why, first[cases[:_MOST]])]
    return (*found, *_unread(view, unread[:_MOST]), *_slowest(view))


def notable_counts(view: View) -> dict[str, int]:
    """Give how many cases there are of each kind that occurs, listed or not."""
    return {why: len(cases) for why, cases in _kinds(view).items() if len(cases)}


@once
def _kinds(view: View) -> dict[str, Int64]:
    """Give the cases of each kind, in the order of the report."""
    n = len(view.cases)
    trials = view.trials
    asked = np.bincount(trials.case, minlength=n)
    answered = asked - np.bincount(trials.case[lost(trials)], minlength=n)
    right = np.bincount(trials.case[view.answers.right], minlength=n)
    unparseable = np.bincount(trials.case[trials.outcome == OUTCOMES.index(UNREAD)], minlength=n)
    silent = np.bincount(trials.case[trials.predicted == NONE], minlength=n)
    always = "wrong in every repeat" if view.repeats > 1 else "wrong"
    return {
        always: np.flatnonzero((asked > 0) & (right == 0) & (silent == 0)),
        "flipped": np.flatnonzero((right > 0) & (right < answered)),
        UNREAD: np.flatnonzero(unparseable > 0),
    }


def _cases(view: View, why: str, rows: Int64) -> Iterator[NotableCase]:
    """Give the cases of some trials; each column is read once, for it may have to be widened."""
    trials = view.trials
    for case, caller, reply, got in zip(
        trials.case[rows], trials.caller_ns[rows], trials.reply[rows], view.answer_codes[rows], strict=True
    ):
        yield NotableCase(
            why=why,
            case=view.cases.ids[case],
            expected=view.labels[int(view.cases.expected[case])],
            got=view.answer_name(int(got)),
            text=view.cases.texts[case],
            reply=trials.replies[reply],
            latency_s=None if caller == NONE else int(caller) / 1e9,
        )


@once
def _first_rows(view: View) -> Int64:
    """Give each case's first trial that is wrong, else its first one."""
    cases, first = view.trials.case, np.full(len(view.cases), NONE, dtype=np.int64)
    for rows in (np.arange(len(cases)), np.flatnonzero(~view.answers.right)):
        first[cases[rows[::-1]]] = rows[::-1]  # of several the last that is written stays
    return first


def _unread(view: View, cases: Int64) -> Iterator[NotableCase]:
    hits = np.flatnonzero(np.isin(view.trials.case, cases) & (view.trials.outcome == OUTCOMES.index(UNREAD)))
    _, first = np.unique(view.trials.case[hits], return_index=True)
    return _cases(view, UNREAD, hits[first])


def _slowest(view: View) -> Iterable[NotableCase]:
    """Give at most three cases of the slowest answered calls, each by its slowest; none that another one equals."""
    trials = view.trials
    timed = np.flatnonzero((trials.caller_ns != NONE) & ~view.failed)
    if not len(timed):
        return []
    if len(timed) > _LOOKED_AT:  # the slowest of all, and what is as slow as the last of them: mostly enough
        caller = trials.caller_ns[timed]
        caller.partition(-_LOOKED_AT)
        slow = np.flatnonzero((trials.caller_ns >= caller[-_LOOKED_AT]) & ~view.failed)
        timed = slow if view.cases_in(slow) > 3 else timed
    ordered = timed[np.lexsort((timed, -trials.caller_ns[timed]))]
    _, first = np.unique(trials.case[ordered], return_index=True)  # a case once, however often it was slow
    cases = ordered[np.sort(first)]
    times = trials.caller_ns[cases]
    rest = times[3] if len(times) > 3 else 0 if times[0] > times[-1] else times[0]
    slowest = cases[:3][times[:3] > rest]
    return _cases(view, "slowest", slowest)


def maybe_mislabelled(views: Sequence[View]) -> tuple[NotableCase, ...]:
    """Give the cases that all candidates which tell labels apart answer with one and the same wrong label.

    They have to be several witnesses: several models, or three repeats of one whose answers move. A model that
    always answers alike says its every error as often as it is asked, whatever the prompt.
    """
    heard = [view for view in views if (view.resampling.average(KAPPA.name).value or 0.0) > TELLS_APART]
    models = {view.entry.model_name for view in heard}
    if len(models) < 2 and not any(view.repeats >= 3 and _moves(view) for view in heard):
        return ()
    answers = [_only_answer(view) for view in heard]
    same = answers[0] != NONE
    for other in answers[1:]:
        same &= answers[0] == other
    wrong = np.flatnonzero(same & (answers[0] != heard[0].cases.expected))
    witnesses = f"{len(heard)} candidates" if len(heard) > 1 else f"{heard[0].repeats} repeats"
    witnesses = "both candidates" if len(heard) == 2 else f"all {witnesses}"
    why = f"maybe mislabelled: {witnesses} agree on another label"
    return tuple(_cases(heard[0], why, _first_rows(heard[0])[wrong]))


def _moves(view: View) -> bool:
    """Tell whether repeats are draws of their own: some of them disagree."""
    return len(view.votes.counts) > 0 and float(view.votes.agreeing.mean()) < _MOVES


def _only_answer(view: View) -> Int64:
    """Give the label that a case got in every repeat, NONE where it got several or none."""
    cases, least, greatest, _ = ends_of(view.trials.case, view.trials.predicted)
    found = np.full(len(view.cases), NONE)
    found[cases] = np.where(least == greatest, greatest, NONE)
    return found
