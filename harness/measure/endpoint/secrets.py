"""Keys are redacted by value: whatever an endpoint echoes, no key reaches the journal, a log or a report."""

import json
from collections.abc import Sequence
from urllib.parse import quote

import msgspec

from harness.record import Failure, Reply, ToolCall

REDACTED = "[redacted]"
MAX_MESSAGE = 300

_SHORTEST = 4  # a shorter value would blank out innocent text; no provider issues such keys
_SCANNED = 65_536  # far more than a message keeps, so that a key cut at this edge can't be shown in part

_SAID = ("text", "refusal", "finish_reason", "served_model", "fingerprint", "request_id", "reasoning")

_values: list[str] = []  # longest first: a key that contains another one goes as a whole


def register(value: str) -> None:
    """Remember a secret of this process, so that `redact` removes it from any text."""
    _values[:] = _longest_first(_values, [value])


def redact(text: str, *, also: Sequence[str] = ()) -> str:
    """Replace every registered secret in a text, and those of this one text."""
    for value in _longest_first(_values, also) if also else _values:
        if value in text:
            text = text.replace(value, REDACTED)
    return text


def _longest_first(known: Sequence[str], more: Sequence[str]) -> list[str]:
    forms = {form for value in more for form in _forms(value) if len(form) >= _SHORTEST}
    return sorted({*known, *forms}, key=len, reverse=True)


def _forms(value: str) -> tuple[str, ...]:
    """Give a secret as it is, as an address has it, and as a text of JSON has it."""
    texts = (json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1])
    return (value, quote(value, safe="", errors="replace"), *texts, *(text.replace("/", r"\/") for text in texts))


def clean(outcome: Reply | Failure) -> Reply | Failure:
    """Redact what an endpoint said in a reply; without a secret in it the reply itself comes back.

    The tokens of a reply that held one are left out: a key may be spread over several.
    """
    if not _values or isinstance(outcome, Failure):  # a failure's message is redacted as it is made
        return outcome
    said = {name: getattr(outcome, name) for name in _SAID} | {"tools": outcome.tools}
    kept = {name: text and redact(text) for name, text in said.items() if name != "tools"}
    kept["tools"] = tuple(ToolCall(redact(call.name), redact(call.arguments)) for call in outcome.tools)
    return outcome if kept == said else msgspec.structs.replace(outcome, **kept, logprobs=())


def short(text: str) -> str:
    """Make a failure's message: redacted first, then cut, so that no part of a key survives the cut."""
    safe = redact(text[:_SCANNED]).strip()
    # A lone surrogate can't be written to the journal.
    safe = safe.encode("utf-8", "replace").decode("utf-8")
    return safe if len(safe) <= MAX_MESSAGE else safe[: MAX_MESSAGE - 1] + "…"
