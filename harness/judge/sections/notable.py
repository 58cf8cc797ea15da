"""Cases to look at: wrong in every repeat, moved between repeats, without a readable label, slowest.

A case that every candidate and every repeat gets wrong in the same way may be mislabelled. That takes more
than one witness: two candidates, or one asked three times or more; and only candidates that tell labels apart
(Cohen's kappa above .2) are heard, because one that always gives the same answer agrees with itself.
"""

from collections.abc import Sequence

import numpy as np

from harness.files.thresholds import KAPPA
from harness.judge import OUTCOMES, NotableCase, Outcome
from harness.judge.view import NONE, Int64, View, lost, once

_MOST = 10
UNREAD: Outcome = "unparseable"
TELLS_APART = 0.2
_MOVES = 0.99  # mean agreement of repeats below which they are several witnesses


def notable_cases(view: View) -> tuple[NotableCase, ...]:
    """Give the cases of one candidate, at most ten of each kind."""
    kinds = dict(_kinds(view))
    unread = kinds.pop(UNREAD)
    found = [_case(view, why, int(case)) for why, cases in kinds.items() for case in cases[:_MOST]]
    found += [_unread(view, int(case)) for case in unread[:_MOST]]
    return (*found, *_slowest(view))


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


def _case(view: View, why: str, case: int, row: int | None = None) -> NotableCase:
    if row is None:
        rows = np.flatnonzero(view.trials.case == case)
        wrong = rows[~view.answers.right[rows]]
        row = int(wrong[0]) if len(wrong) else int(rows[0])
    caller = int(view.trials.caller_ns[row])
    return NotableCase(
        why=why,
        case=view.cases.ids[case],
        expected=view.labels[int(view.cases.expected[case])],
        got=view.answer_name(int(view.answer_codes[row])),
        text=view.cases.texts[case],
        reply=view.trials.replies[int(view.trials.reply[row])],
        latency_s=None if caller == NONE else caller / 1e9,
    )


def _unread(view: View, case: int) -> NotableCase:
    hit = (view.trials.case == case) & (view.trials.outcome == OUTCOMES.index(UNREAD))
    return _case(view, UNREAD, case, int(np.flatnonzero(hit)[0]))


def _slowest(view: View) -> list[NotableCase]:
    """Give at most three cases of the slowest answered calls, each by its slowest; none that another one equals."""
    trials = view.trials
    timed = np.flatnonzero((trials.caller_ns != NONE) & ~view.failed)
    if not len(timed):
        return []
    ordered = timed[np.lexsort((timed, -trials.caller_ns[timed]))]
    _, first = np.unique(trials.case[ordered], return_index=True)  # a case once, however often it was slow
    cases = ordered[np.sort(first)]
    times = trials.caller_ns[cases]
    rest = times[3] if len(times) > 3 else 0 if times[0] > times[-1] else times[0]
    slowest = cases[:3][times[:3] > rest]
    return [_case(view, "slowest", int(trials.case[row]), int(row)) for row in slowest]


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
    return tuple(_case(heard[0], why, int(case)) for case in wrong)


def _moves(view: View) -> bool:
    """Tell whether repeats are draws of their own: some of them disagree."""
    return len(view.votes.counts) > 0 and float(view.votes.agreeing().mean()) < _MOVES


def _only_answer(view: View) -> Int64:
    """Give the label that a case got in every repeat, NONE where it got several or none."""
    n = len(view.cases)
    low = np.full(n, np.iinfo(np.int64).max)
    high = np.full(n, NONE)
    np.minimum.at(low, view.trials.case, view.trials.predicted)
    np.maximum.at(high, view.trials.case, view.trials.predicted)
    return np.where(low == high, high, NONE)
