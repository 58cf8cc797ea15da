"""What else is not the same on both sides, and what of that could mislead."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from harness.judge import Change, count
from harness.judge.pairs import Pairs, Side
from harness.judge.view import NONE, View, named_counts

ABSENT = "not set"
_PROMPT_FIELDS = ("parameters", "response_format", "json_schema", "grammar")
_MODEL_FIELDS = (
    *("endpoint", "model", "weights", "base_url", "url", "params", "adapt", "headers", "transport", "stream"),
    *("context", "threads", "body", "reply", "score", "method", "replies", "price", "timeout_s"),
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
        return
    for name, view in (("the baseline", base), ("the candidate", head)):
        if view.missing:
            yield (
                f"The run of {name} is not finished: {count(view.missing, 'trial')} were never run and are"
                " left out; finish it with `harness resume`."
            )
    if base.manifest.run_id != head.manifest.run_id:
        yield from _of_two_runs(base, head)
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
