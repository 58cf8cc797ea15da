"""What else is not the same on both sides, and what of that could mislead; the prompts word by word.

Of two prompts lines are compared first, then the words of the lines that changed. Whitespace counts, for a model
sees it; runs of it are tokens of their own.
"""

import json
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from difflib import SequenceMatcher
from typing import Any, Literal

import numpy as np

from harness.judge import Change, WordChange, count, verb
from harness.judge.pairs import Pairs, Side
from harness.judge.view import NONE, VIAS, View, named_counts

ABSENT = "not set"
_PROMPT_FIELDS = ("parameters", "response_format", "json_schema", "grammar")
_MODEL_FIELDS = (
    *("endpoint", "model", "weights", "base_url", "url", "params", "adapt", "headers", "transport", "stream"),
    *("context", "threads", "body", "reply", "score", "finish", "method", "replies", "price", "timeout_s", "azure"),
)
_SUITE_FIELDS = ("labels", "positive", "reply", "repeats", "system")
FAR_APART_S = 3_600.0


def changes(base: View, head: View, pairs: Pairs) -> tuple[Change, ...]:
    """Give the changed parameters, served models, model entry and suite rules."""
    found = [
        *_changed("prompt", _part(base.entry.prompt, _PROMPT_FIELDS), _part(head.entry.prompt, _PROMPT_FIELDS)),
        *_changed("model", _part(base.entry.model, _MODEL_FIELDS), _part(head.entry.model, _MODEL_FIELDS)),
        *_changed("suite", _part(_suite(base), _SUITE_FIELDS), _part(_suite(head), _SUITE_FIELDS)),
    ]
    for what, names in (("served model", served), ("fingerprint", fingerprints)):
        before, after = sorted(names(pairs.base)), sorted(names(pairs.head))
        if before != after and (before or after):
            found.append(Change(what=what, base=_listed(before), head=_listed(after)))
    return tuple(found)


def _suite(view: View) -> dict[str, Any]:
    """Give the suite with the rule by which this candidate's replies were read."""
    own = view.entry.reply
    return view.manifest.suite if own is None else {**view.manifest.suite, "reply": own}


def _part(fields: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: fields.get(name) for name in names}


def _changed(prefix: str, base: Any, head: Any) -> Iterator[Change]:  # noqa: ANN401 - any JSON
    """Walk two JSON trees side by side; lists are compared whole."""
    if isinstance(base, dict) or isinstance(head, dict):
        before = base if isinstance(base, dict) else {}
        after = head if isinstance(head, dict) else {}
        for name in sorted({*before, *after}):
            yield from _changed(f"{prefix}.{name}", before.get(name), after.get(name))
    elif base != head:
        yield Change(what=prefix, base=_written(base), head=_written(head))


def _written(value: Any) -> str:  # noqa: ANN401 - any JSON
    if value is None:
        return ABSENT
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _listed(names: list[str]) -> str:
    return ", ".join(names) if names else "not told"


def served(side: Side) -> dict[str, int]:
    """Give the models that the endpoint said it served, and in how many trials."""
    return named_counts(side.trials.served, side.trials.served_models)


def fingerprints(side: Side) -> dict[str, int]:
    """Give the system fingerprints of the endpoint, and in how many trials."""
    return named_counts(side.trials.fingerprint, side.trials.fingerprints)


def notes(base: View, head: View, pairs: Pairs) -> Iterator[str]:
    """Say what could mislead."""
    if pairs.cases == 0:
        yield "No case is on both sides, so nothing can be compared."
    for name, view in (("the baseline", base), ("the candidate", head)):
        if view.missing:
            left = f"{count(view.missing, 'trial')} {verb(view.missing, 'was', 'were')} not run and left out"
            how = view.manifest.to_finish(shard_done=view.run.table.shard_done)
            yield f"The run of {name} is not finished: {left}. {how}"
        if view.stopped is not None and pairs.cases:
            told = (
                f"{name.capitalize()} was stopped once its verdict was settled, after {view.stopped.asked:,} of"
                f" {view.stopped.of:,} cases: only the cases that both were asked are compared"
            )
            open_yet = ", and nothing is called better or worse. Measure it without `--stop` to compare it"
            yield f"{told}{'' if view.stopped.beside else open_yet}."
    if not pairs.cases:
        return
    if base.manifest.run_id != head.manifest.run_id:
        yield from _of_two_runs(base, head)
    ways = [" and ".join(VIAS[way] for way in np.unique(view.trials.via) if way != NONE) for view in (base, head)]
    if all(ways) and ways[0] != ways[1]:
        yield (
            f"The baseline's answers were bought via {ways[0]}, the candidate's via {ways[1]}: what differs may be the"
            " way that they were asked."
        )
    if base.trials.recorded or head.trials.recorded:
        yield "Some replies are recorded, not measured: their latencies say nothing of the endpoint now."
    if pairs.relabelled:
        yield (
            f"{count(len(pairs.relabelled), 'case')} changed their expected label between the runs: both"
            " sides are judged by the candidate's."
        )
    if base.manifest.suite_digest != head.manifest.suite_digest:
        yield "The suites are not the same (cases, labels or reply rule): only paired cases are compared."


def _of_two_runs(base: View, head: View) -> Iterator[str]:
    apart = _seconds_apart(base.manifest.created_utc, head.manifest.created_utc)
    timed = (base.trials.caller_ns != NONE).any() and (head.trials.caller_ns != NONE).any()
    if timed and apart is not None and apart >= FAR_APART_S:
        hours = apart / 3600
        when = f"{hours:,.0f} hours" if hours < 48 else f"{hours / 24:,.0f} days"
        yield (
            f"The runs were measured {when} apart: a difference in latency may be the endpoint's load, not"
            " the candidate. Measure both in one run (`harness run` with two prompts or models) to tell."
        )
    if base.manifest.platform != head.manifest.platform:
        yield "The runs were measured on different machines, so latencies may differ for that reason alone."


def _seconds_apart(first: str, second: str) -> float | None:
    try:
        return abs((datetime.fromisoformat(second) - datetime.fromisoformat(first)).total_seconds())
    except (ValueError, TypeError):
        return None


_TOKEN = re.compile(r"\s+|\w+|[^\w\s]")
MOST_TOKENS = 4_000  # of one changed passage: longer ones are shown as removed and added whole

Kind = Literal["same", "removed", "added"]


def prompt_text(prompt: dict[str, Any]) -> str:
    """Give a prompt as one text: its messages role by role, then its examples."""
    parts = [str(prompt["text"])] if prompt.get("text") else []
    parts += [
        f"{message.get('role', 'message')}:\n{message.get('content', '')}" for message in prompt.get("messages") or ()
    ]
    for example in prompt.get("examples") or ():
        parts.append("example:\n" + "\n".join(f"{name}: {value}" for name, value in example.items()))
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n" if parts else ""


def word_diff(base: str, head: str) -> tuple[WordChange, ...]:
    """Give the words kept, removed and added, in the order of reading; joined they are both texts again."""
    return tuple(WordChange(kind=kind, text=text) for kind, text in _merged(_by_line(base, head)) if text)


def _by_line(base: str, head: str) -> Iterator[tuple[Kind, str]]:
    before, after = base.splitlines(keepends=True), head.splitlines(keepends=True)
    for what, i, j, k, m in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if what == "equal":
            yield "same", "".join(before[i:j])
        else:
            yield from _by_word("".join(before[i:j]), "".join(after[k:m]))


def _by_word(base: str, head: str) -> Iterator[tuple[Kind, str]]:
    before, after = _TOKEN.findall(base), _TOKEN.findall(head)
    if max(len(before), len(after)) > MOST_TOKENS:
        yield "removed", base
        yield "added", head
        return
    for what, i, j, k, m in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if what == "equal":
            yield "same", "".join(before[i:j])
        else:
            yield "removed", "".join(before[i:j])
            yield "added", "".join(after[k:m])


def _merged(changes: Iterator[tuple[Kind, str]]) -> list[tuple[Kind, str]]:
    """Join neighbours of one kind, and let a lone space between two changed words change with them."""
    return _joined(_bridged(_joined(list(changes))))


def _joined(changes: Sequence[tuple[Kind, str]]) -> list[tuple[Kind, str]]:
    """Put what was removed before what was added between two kept passages."""
    made: list[tuple[Kind, str]] = []
    removed = added = ""
    for kind, text in changes:
        if kind == "same":
            made += [("removed", removed), ("added", added)] if removed or added else []
            removed = added = ""
            if made and made[-1][0] == "same":
                made[-1] = ("same", made[-1][1] + text)
            else:
                made.append(("same", text))
        elif kind == "removed":
            removed += text
        else:
            added += text
    return made + ([("removed", removed), ("added", added)] if removed or added else [])


def _bridged(changes: Sequence[tuple[Kind, str]]) -> list[tuple[Kind, str]]:
    made: list[tuple[Kind, str]] = []
    for place, (kind, text) in enumerate(changes):
        inside = 0 < place < len(changes) - 1
        if kind == "same" and inside and text in {" ", ", "}:
            made += [("removed", text), ("added", text)]
        else:
            made.append((kind, text))
    return made
