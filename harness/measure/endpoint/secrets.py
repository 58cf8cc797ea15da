"""Keys are redacted by value: whatever an endpoint echoes, no key reaches the journal, a log or a report."""

import base64
import html
import json
import re
from collections.abc import Iterator, Sequence
from urllib.parse import quote

import msgspec

from harness.record import Failure, Reply, ToolCall

REDACTED = "[redacted]"
MAX_MESSAGE = 300

_SHORTEST = 4  # a shorter value would blank out innocent text; no provider issues such keys
_IN_ANY_CASE = 12  # a shorter value is looked for as it is: `EMPTY`, the usual key of a server of one's own, is a word
_SCANNED = 65_536  # far more than a message keeps, so that a key cut at this edge can't be shown in part

_SAID = ("text", "refusal", "finish_reason", "served_model", "fingerprint", "request_id", "reasoning")

_values: list[str] = []  # longest first: a key that contains another one goes as a whole; the long ones in lower case


def register(value: str) -> None:
    """Remember a secret of this process, so that `redact` removes it from any text."""
    _values[:] = _longest_first(_values, [value])


def redact(text: str, *, also: Sequence[str] = ()) -> str:
    """Replace every registered secret in a text, and those of this one text; long ones in any case."""
    lower = text.lower()
    for value in _longest_first(_values, also) if also else _values:
        if len(value) >= _IN_ANY_CASE and value in lower:
            text = re.sub(re.escape(value), REDACTED, text, flags=re.IGNORECASE)
        elif value in text:
            text = text.replace(value, REDACTED)
    return text


def _longest_first(known: Sequence[str], more: Sequence[str]) -> list[str]:
    forms = {form for value in more for form in _forms(value) if len(form) >= _SHORTEST}
    forms = {form.lower() if len(form) >= _IN_ANY_CASE and form.isascii() else form for form in forms}
    return sorted({*known, *forms}, key=len, reverse=True)


def _forms(value: str) -> Iterator[str]:
    """Give a secret as it is and in base64, each as a text of JSON, a page and an address have it."""
    for form in (value, *_in_base64(value)):
        texts = (form, html.escape(form), json.dumps(form)[1:-1], json.dumps(form, ensure_ascii=False)[1:-1])
        yield from (*texts, *(text.replace("/", r"\/") for text in texts))
        address = quote(form, safe="", errors="replace")
        yield from (address, re.sub("%..", lambda code: code[0].lower(), address))


def _in_base64(value: str) -> Iterator[str]:
    """Give what base64 of a text that holds a long secret, as `Bearer` and it, surely holds."""
    content = value.encode("utf-8", "replace")
    for before in range(3) if len(content) >= _IN_ANY_CASE else ():  # its bytes begin at one of three places
        code = base64.b64encode(bytes(before) + content)[-(-before * 8 // 6) : (before + len(content)) * 8 // 6]
        yield from (code.decode(), code.translate(bytes.maketrans(b"+/", b"-_")).decode())


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
