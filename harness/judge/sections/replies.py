"""What came back beside labels: thoughts and their tokens, tool calls, and what nobody knows how to read."""

from collections import Counter

import numpy as np

from harness.files.mending import OUTPUT_LIMITS
from harness.judge import OUTCOMES, Replies, Trap, count, verb
from harness.judge.labels import Why
from harness.judge.table.columns import NONE, named_counts
from harness.judge.view import View

_CUT = OUTCOMES.index("truncated")
_CUT_SHARE = 0.05  # fewer cut thoughts than this are listed among what went wrong, without a trap


def replies_section(view: View) -> Replies:
    """Count over all trials of a candidate, variants included."""
    trials = view.every_trial
    odd: Counter[str] = Counter()
    for index, times in Counter(trials.odd[trials.odd != NONE].tolist()).items():
        odd.update(dict.fromkeys(trials.odd_fields[index], times))
    calls = trials.whys.index(Why("tool_call")) if Why("tool_call") in trials.whys else None
    return Replies(
        reasoned=int(np.count_nonzero(trials.reasoned)),
        reasoning_tokens=int(np.maximum(trials.tokens_reasoning, 0).sum()),
        tool_calls=0 if calls is None else int(np.count_nonzero(trials.why == calls)),
        unknown_endings=dict(sorted(named_counts(trials.ending, trials.unknown_endings).items())),
        odd=dict(sorted(odd.items())),
    )


def cut_while_thinking(view: View) -> list[Trap]:
    """Name an output limit that leaves a reasoning model no room to answer."""
    trials = view.trials
    cut = (trials.outcome == _CUT) & (trials.reasoned == 1)
    n, of = int(np.count_nonzero(cut)), len(trials)
    if not n or n < _CUT_SHARE * of:
        return []
    who = "Every reply was" if n == of else f"{n:,} of {count(of, 'reply', 'replies')} {verb(n, 'was', 'were')}"
    out, thought = (_median(column[cut]) for column in (trials.tokens_out, trials.tokens_reasoning))
    at = f" at {count(out, 'token')}" if out else ""
    after = f" after {count(thought, 'reasoning token')}" if thought else " inside its thoughts"
    told = f"{who} cut{at}{after}: raise `{_limit(view)}`."
    return [Trap(kind="cut_while_thinking", sentence=told)]


def _median(counts: np.ndarray) -> int:
    known = counts[counts > 0]
    return int(np.median(known)) if len(known) else 0


def _limit(view: View) -> str:
    written = [place.removeprefix("params.") for place in view.entry.places if place.startswith("params.")]
    return next((name for name in OUTPUT_LIMITS if name in written), OUTPUT_LIMITS[0])
