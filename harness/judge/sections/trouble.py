"""What went wrong: trials without a label, by kind, with the cause's own words and what to change.

What the endpoint failed (`whose: endpoint`) says nothing about the prompt; replies that were cut, empty,
refused or unreadable are the prompt's own, and so is a template that fails on a case.

What came back beside labels: thoughts and their tokens, tool calls, and what nobody knows how to read.
"""

from collections.abc import Callable, Iterator, Sequence

import msgspec
import numpy as np

from harness.files.mending import OUTPUT_LIMITS, Mend, Places, more_output, what_to_change
from harness.judge import OUTCOMES, Outcome, Replies, SampleReply, Trap, Trouble, Verdict, count, verb
from harness.judge.labels import Why, why_told
from harness.judge.view import FAILED, FAILURES, NONE, Bool, View, counts_of_each, named_counts

SAMPLES = 2
_OWN: tuple[Outcome, ...] = ("truncated", "empty", "refused", "unparseable")
_UNREADABLE = "Ask the prompt for the label alone, or set `reply:` in the suite to how it answers"
_REFUSED = "Ask less of what the provider's filter stops, or use another model"
_EMPTY = "Look at the request: a reply without text is often a thought, or a tool call"

Decides = Callable[[Bool], bool]
_CUT = OUTCOMES.index("truncated")
_CUT_SHARE = 0.05  # fewer cut thoughts than this are listed among what went wrong, without a trap


def what_went_wrong(view: View, verdict: Verdict, decides: Decides) -> tuple[Trouble, ...]:
    """List the kinds, what decides the verdict first, then by count.

    `decides` tells of some trials (of the unchanged cases) whether the verdict hangs on them.
    """
    rows = [*_ended(view), *_failures(view, decides), *_replies(view, decides)]
    return tuple(
        sorted(rows, key=lambda row: (not row.decides, -row.count, row.whose, row.kind, row.message))
        if verdict != "NOT MEASURED"
        else (msgspec.structs.replace(row, decides=True) for row in rows)
    )


def _ended(view: View) -> Iterator[Trouble]:
    """Tell why a candidate was ended before its trials were sent."""
    refused = view.run.table.refused.get(view.entry.name)
    if refused is None or not view.missing:
        return  # a resume measured it since
    mend = what_to_change(refused.failure, view.entry.places, view.model.api_key_env, run=view.manifest.run_id)
    told = bool(refused.fix)  # what was said at the time stands
    calls, trials = max(1, refused.calls), view.every_trial
    answered = bool((trials.failure == NONE).any())  # before, or by another shard
    yield Trouble(
        kind=refused.failure.kind,
        whose="endpoint",
        count=calls,
        share=calls / (calls + len(trials)) if answered else None,
        message=refused.failure.message,
        case=refused.case,
        where=refused.where if told else mend.where,
        fix=refused.fix if told else mend.fix,
        advice=(refused.advice or refused.fix) if told else mend.advice,
        decides=True,
    )


def _failures(view: View, decides: Decides) -> Iterator[Trouble]:
    trials = view.every_trial
    for index in np.unique(trials.failure[trials.failure != NONE]).tolist():
        kind = FAILURES[index]
        rows = np.flatnonzero(trials.failure == index)
        failure = trials.failures[trials.replies[int(trials.reply[rows[0]])]]
        mend = what_to_change(failure, view.entry.places, view.model.api_key_env, run=view.manifest.run_id)
        yield Trouble(
            kind=kind,
            whose="prompt" if kind == "render" else "endpoint",
            count=len(rows),
            share=len(rows) / len(trials),
            message=failure.message,
            case=view.cases.ids[int(trials.case[rows[0]])],
            where=mend.where,
            fix=mend.fix,
            advice=mend.advice,
            decides=decides(np.asarray(view.trials.failure == index, dtype=np.bool_)),
        )


def _replies(view: View, decides: Decides) -> Iterator[Trouble]:
    trials = view.every_trial
    for outcome in _OWN:
        place = OUTCOMES.index(outcome)
        rows = np.flatnonzero(trials.outcome == place)
        if not len(rows):
            continue
        samples = _samples(view, outcome, rows.tolist())
        mend = mend_of(outcome, view.entry.places)
        yield Trouble(
            kind=outcome,
            whose="prompt",
            count=len(rows),
            share=len(rows) / len(trials),
            message=samples[0].reason,
            case=samples[0].case,
            where=mend.where,
            fix=mend.fix,
            advice=mend.advice,
            decides=decides(np.asarray(view.trials.outcome == place, dtype=np.bool_)),
            samples=samples,
        )


def mend_of(outcome: Outcome, places: Places) -> Mend:
    """Say what would mend replies that ended so."""
    match outcome:
        case "truncated":
            return more_output(places)
        case "refused":
            return Mend(places.get("prompt", ""), _REFUSED)
        case "empty":
            return Mend(places.get("entry", ""), _EMPTY)
        case _:
            judged = _UNREADABLE.replace("set `reply:` in the suite to", "judge it again with `--as`, which says")
            return Mend(places.get("prompt", ""), judged if "source" in places else _UNREADABLE)


def _samples(view: View, outcome: Outcome, rows: Sequence[int]) -> tuple[SampleReply, ...]:
    """Give two replies, of different words and reasons where there are such."""
    trials = view.every_trial
    found: dict[str, SampleReply] = {}
    spare: list[SampleReply] = []
    for row in rows[:200]:
        text = trials.replies[int(trials.reply[row])]
        sample = SampleReply(
            case=view.cases.ids[int(trials.case[row])],
            reply=text,
            reason=why_no_label(
                outcome,
                why_told(trials.whys[trials.why[row]]),
                int(trials.tokens_out[row]),
                int(trials.tokens_reasoning[row]),
            ),
        )
        if sample.reason in found:
            spare.append(sample)
        else:
            found[sample.reason] = sample
        if len(found) == SAMPLES:
            break
    spare.sort(key=lambda one: one.reply == next(iter(found.values())).reply)
    return tuple([*found.values(), *spare][:SAMPLES])


def why_no_label(outcome: Outcome, words: str, tokens: int, thought: int = 0) -> str:
    """Say why no label was read: `words` are the reader's, counts 0 or less where nobody counted them."""
    match outcome:
        case "truncated":
            thinking = f", {thought:,} of them reasoning" if thought > 0 else ""
            return f"cut after {count(tokens, 'token')}{thinking}" if tokens > 0 else "cut by its token limit"
        case "empty":
            return "an empty reply"
        case "refused":
            return "refused by the model or its provider"
        case _:
            return words


def no_reply(view: View) -> bool:
    """Tell whether the endpoint failed and answered not one trial: then nothing is known of the prompt."""
    every = view.every_trial
    if (every.outcome != FAILED).any():
        return False
    by_endpoint = (every.failure != NONE) & (every.failure != FAILURES.index("render"))
    return bool(by_endpoint.any()) or view.entry.name in view.run.table.refused


def judged_replies(view: View) -> Replies:
    """Count over all trials of a candidate, variants included."""
    trials = view.every_trial
    calls = trials.whys.index(Why("tool_call")) if Why("tool_call") in trials.whys else None
    return Replies(
        reasoned=int(np.count_nonzero(trials.reasoned)),
        reasoning_tokens=int(np.maximum(trials.tokens_reasoning, 0).sum()),
        tool_calls=0 if calls is None else int(np.count_nonzero(trials.why == calls)),
        unknown_endings=dict(sorted(named_counts(trials.ending, trials.unknown_endings).items())),
        odd=counts_of_each(trials.odd, trials.odd_fields),
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
    why_told = f"{who} cut{at}{after}: raise `{_limit(view)}`."
    return [Trap(kind="cut_while_thinking", sentence=why_told)]


def _median(counts: np.ndarray) -> int:
    known = counts[counts > 0]
    return int(np.median(known)) if len(known) else 0


def _limit(view: View) -> str:
    written = [place.removeprefix("params.") for place in view.entry.places if place.startswith("params.")]
    return next((name for name in OUTPUT_LIMITS if name in written), OUTPUT_LIMITS[0])
