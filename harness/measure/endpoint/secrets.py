"""Keys are redacted by value: whatever an endpoint echoes, no key reaches the journal, a log or a report."""

from __future__ import annotations

from urllib.parse import quote

REDACTED = "[redacted]"
MAX_MESSAGE = 300

_SHORTEST = 4  # a shorter value would blank out innocent text; no provider issues such keys
_SCANNED = 65_536  # far more than a message keeps, so that a key cut at this edge can't be shown in part

_values: list[str] = []  # longest first: a key that contains another one goes as a whole


def register(value: str) -> None:
    """Remember a secret of this process, so that `redact` removes it from any text."""
    forms = {value, quote(value, safe="")}
    for form in forms:
        if len(form) >= _SHORTEST and form not in _values:
            _values.append(form)
    _values.sort(key=len, reverse=True)


def redact(text: str) -> str:
    """Replace every registered secret in a text."""
    for value in _values:
        if value in text:
            text = text.replace(value, REDACTED)
    return text


def short(text: str) -> str:
    """Make a failure's message: redacted first, then cut, so that no part of a key survives the cut."""
    safe = redact(text[:_SCANNED]).strip()
    # A lone surrogate can't be written to the journal.
    safe = safe.encode("utf-8", "replace").decode("utf-8")
    return safe if len(safe) <= MAX_MESSAGE else safe[: MAX_MESSAGE - 1] + "…"
