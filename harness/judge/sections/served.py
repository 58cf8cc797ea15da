"""Who answered during the run, and whether that, or the number of calls in flight, explains the flips.

A server that batches requests computes them in other orders when it is busy, and floating-point sums then
differ in their last digits: at temperature 0, flips that come and go with concurrency are the usual sign.
"""

import msgspec
import numpy as np

from harness.judge import PairsCompared, ServedChange, Stability, count, figure, figure_alone, verb
from harness.judge.scores import RepeatPairs, balanced_cut, difference
from harness.judge.table.columns import NONE, Bool, Int16, Int64
from harness.judge.view import View

SHOWN = 20


def with_served(view: View, made: Stability, answers: Int64) -> Stability:
    """Add what the served models, the fingerprints and the calls in flight say of the flips."""
    changes = served_changes(view)
    made = msgspec.structs.replace(made, served_changes=tuple(changes[:SHOWN]), served_changes_in_all=len(changes))
    pairs = RepeatPairs.of(view.trials.case, answers)
    if len(pairs.case) == 0:
        return made
    concurrency = _by_concurrency(view, pairs)
    return msgspec.structs.replace(
        made,
        concurrency=concurrency,
        by_fingerprint=_by_server(view, pairs),
        concurrency_note=_note(view, pairs, concurrency),
    )


def served_changes(view: View) -> list[ServedChange]:
    """Give each time that the answers began to come from another model or fingerprint, in time."""
    trials = view.trials
    found = [
        *_changes(view, "model", trials.served, trials.served_models),
        *_changes(view, "fingerprint", trials.fingerprint, trials.fingerprints),
    ]
    return sorted(found, key=lambda change: (change.at_s, change.what))


def _changes(view: View, what: str, column: Int16, names: tuple[str, ...]) -> list[ServedChange]:
    if len(names) < 2:
        return []
    known = np.flatnonzero((column != NONE) & (view.trials.sent_at != NONE))
    order = known[np.argsort(view.trials.sent_at[known], kind="stable")]
    served = column[order]
    return [
        ServedChange(
            what=what,
            at_s=float(view.trials.sent_at[order[at + 1]]) / 1e9,
            before=names[int(served[at])],
            after=names[int(served[at + 1])],
        )
        for at in np.flatnonzero(served[1:] != served[:-1])
    ]


def _by_concurrency(view: View, pairs: RepeatPairs) -> PairsCompared | None:
    """Compare pairs sent among few calls with pairs of which one was sent among more."""
    trials = view.trials
    sent = (trials.in_flight > 0) & (trials.sent_at != NONE)
    pairs = pairs.where(np.asarray(sent[pairs.first] & sent[pairs.second], dtype=np.bool_))
    most = np.maximum(trials.in_flight[pairs.first], trials.in_flight[pairs.second]).astype(np.int64)
    cut = balanced_cut(most)
    if trials.recorded or cut is None:
        return None
    few, many = f"at most {count(cut, 'call')} in flight", f"more than {cut:,}"
    return _compared(view, pairs, np.asarray(most > cut, dtype=np.bool_), (few, many))


def _by_server(view: View, pairs: RepeatPairs) -> PairsCompared | None:
    """Compare pairs answered by one model and fingerprint with pairs answered by two."""
    trials = view.trials
    if max(len(trials.served_models), len(trials.fingerprints)) < 2:
        return None
    who = trials.served.astype(np.int64) * (len(trials.fingerprints) + 1) + trials.fingerprint
    other = np.asarray(who[pairs.first] != who[pairs.second], dtype=np.bool_)
    return _compared(view, pairs, other, ("the same model and fingerprint", "another one"))


def _compared(view: View, pairs: RepeatPairs, second: Bool, kinds: tuple[str, str]) -> PairsCompared:
    here, there = (pairs.where(np.asarray(keep)).differing() for keep in (~second, second))
    apart = difference(there, here).estimate(view.confidence)
    return PairsCompared(
        first_kind=kinds[0],
        first=here.estimate(view.confidence),
        second_kind=kinds[1],
        second=there.estimate(view.confidence),
        difference=apart,
        explains=apart.low is not None and apart.low > 0,
    )


def _note(view: View, pairs: RepeatPairs, compared: PairsCompared | None) -> str:
    flips = int(np.count_nonzero(pairs.differ))
    if view.trials.recorded or not flips:
        return ""
    if compared is None:
        calls = int(view.trials.in_flight.max(initial=0))
        if calls < 1:
            return ""
        alone = "alone" if calls == 1 else f"with {count(calls, 'call')} in flight"
        return f"Concurrency can't explain the flips: every repeat was sent {alone}."
    if compared.difference.value is None:
        return f"Whether concurrency explains the flips is open: {compared.difference.why_undefined}."
    seen = (
        f"repeats differ in {figure_alone(compared.first, 'share', '')} of pairs with {compared.first_kind} "
        f"and in {figure_alone(compared.second, 'share', '')} with {compared.second_kind} "
        f"({figure(compared.difference, 'points')})"
    )
    if compared.explains:
        return f"Concurrency explains part of the flips: {seen}. The server may batch calls together."
    return f"Nothing shows that concurrency causes the {verb(flips, 'flip', 'flips')}: {seen}."
