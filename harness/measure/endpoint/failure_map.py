"""Which failure an HTTP status or an error object means, and what may be done about each kind of failure.

This is the only place that knows status codes; what providers write beside them, `provider_errors.py` knows.
"""

import html
import json
import re
from typing import Any, TypeAlias, assert_never

import msgspec

from harness.measure.endpoint import provider_errors as written
from harness.measure.endpoint.secrets import redact, short
from harness.record import Failure, FailureKind

_Object: TypeAlias = dict[str, Any]

PROXY_WANTS_USER = "the proxy wants a user and a password: write http://user:password@host:port into its variable"

_STATUS: dict[int, FailureKind] = {
    401: "unauthorized",
    402: "quota",
    412: "quota",  # Portkey: its budget is used up
    403: "unauthorized",
    408: "server_error",
    409: "server_error",
    425: "server_error",
    424: "server_error",  # Bedrock, TGI: the model behind it failed
    429: "rate_limited",
    498: "rate_limited",  # Groq: no capacity at the tier flex
    499: "server_error",  # Gemini, nginx: the call was cancelled on its way
}


def is_retryable(kind: FailureKind) -> bool:
    """Whether the same request may succeed when it is sent again."""
    match kind:
        case "connect" | "proxy" | "network" | "timeout" | "rate_limited" | "server_error":
            return True
        case "error_in_body" | "invalid_reply" | "stream_cut" | "stream_stalled":
            return True  # a gateway's passing trouble dressed as a 200; attempts and budget bound the cost
        case "bad_request" | "unauthorized" | "unknown_model" | "quota" | "redirect" | "too_large" | "tls":
            return False
        case "deadline" | "render" | "no_recorded_reply" | "circuit_open":
            return False  # decided before or around sending, not by the endpoint
        case _:
            assert_never(kind)


def is_fatal(kind: FailureKind) -> bool:
    """Whether every further call would fail in the same way, so that the run ends at once (exit 5)."""
    match kind:
        case "unauthorized" | "unknown_model" | "quota":
            return True
        case "connect" | "proxy" | "network" | "timeout" | "deadline" | "rate_limited" | "server_error":
            return False
        case "bad_request" | "redirect" | "error_in_body" | "invalid_reply" | "too_large" | "tls":
            return False
        case "stream_cut" | "stream_stalled" | "render" | "no_recorded_reply" | "circuit_open":
            return False
        case _:
            assert_never(kind)


def from_status(status: int, body: bytes, location: str | None = None) -> Failure:
    """Return the failure that a response other than 2xx means."""
    error = error_in(body)
    if 300 <= status < 400:
        where = f" to {location}" if location else ""
        message = f"the endpoint redirects{where}; redirects are not followed, a key must not leave its origin"
        return Failure(kind="redirect", message=short(message), status=status)
    text = _message_of(error) if error is not None else plain_words(body)
    kind = _kind_of_status(status, error, text)
    if status == 407:
        return Failure(kind=kind, message=short(f"HTTP 407: {PROXY_WANTS_USER}"), status=status)
    return Failure(kind=kind, message=short(f"HTTP {status}: {text}" if text else f"HTTP {status}"), status=status)


def from_error_object(error: object, status: int | None) -> Failure:
    """Return the failure that an error object inside a 200 means, by its own code where it has one."""
    fields = error if isinstance(error, dict) else {"message": str(error)}
    text = _message_of(fields)
    kind = kind_said(fields) or "error_in_body"
    return Failure(kind=kind, message=short(text or "an error object without a message"), status=status)


def kind_said(error: _Object) -> FailureKind | None:
    """Return the kind that an error within a 200 says itself, by a code or by a status code among its fields."""
    text = _message_of(error)
    kind = written.kind_by_code(error, text) or written.kind_in_a_200(error)
    return _kind_of_status(kind, error, text) if isinstance(kind, int) else kind


def filter_s_words(error: object) -> str | None:
    """Return what the error of a filter that stopped the prompt says (Azure, OpenRouter); None for any other error."""
    fields = {"message": error} if isinstance(error, str) else error
    if not isinstance(fields, dict):
        return None
    said = _message_of(fields)
    return said if any(written.is_a_filter_s(each, said) for each in (fields, _handed_on(fields))) else None


def error_in(body: bytes) -> _Object | None:
    """Return the error that a body is about, whatever its charset; None where it is no JSON object."""
    if (text := _text(body).lstrip())[:1] not in ("{", "["):
        return None
    try:
        payload = msgspec.json.decode(text)
    except (ValueError, msgspec.MsgspecError, RecursionError):
        return None
    if isinstance(payload, list) and payload:
        payload = payload[0]  # Gemini's OpenAI face puts its error into a list
    if not isinstance(payload, dict):
        return None
    error = written.error_of(payload) or written.first_listed(payload)
    return error if isinstance(error, dict) else payload


def _text(body: bytes) -> str:
    return body.decode(json.detect_encoding(body), "replace")


def _message_of(error: _Object) -> str:
    """Give an error's words, with the parameter that it is about where they do not name it."""
    words, about = _words_of(error) or _in_brief(error), error.get("param")
    return f"{words} (`{about}`)" if words and isinstance(about, str) and about and about not in words else words


def _words_of(error: _Object) -> str:
    if inner := _handed_on(error):
        return f"{error.get('message') or 'the provider'}: {_words_of(inner) or _in_brief(inner)}"
    for key in ("message", "detail", "error"):  # Mistral puts a validator's object there, gateways the next error
        if isinstance(error.get(key), dict):
            return _words_of(error[key])
    for key in ("message", "detail", "msg", "error_description", "title", "error"):
        value = error.get(key)
        if isinstance(value, str) and value:
            return value
    return _told_in_list(error.get("detail") or error.get("errors"))


def _handed_on(error: _Object) -> _Object:
    """Return what the provider behind OpenRouter said; empty where it handed on nothing."""
    metadata = error.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    inner = error_in(raw.encode("utf-8", "replace")) if isinstance(raw, str) else None
    return {**inner, "metadata": None} if inner else {}


def _told_in_list(details: object) -> str:
    """Give the words of a validator's list: FastAPI's `detail`, whose parts are `loc` and `msg`."""
    told = []
    for one in details[:5] if isinstance(details, list) else ():
        words = (one.get("msg") or one.get("message")) if isinstance(one, dict) else one
        if not isinstance(words, str):
            continue
        place = one.get("loc") if isinstance(one, dict) else None
        where = ".".join(str(part) for part in place) if isinstance(place, list) else ""
        told.append(f"{where}: {words}" if where else words)
    return "; ".join(told)


def _in_brief(error: _Object) -> str:
    return str({key: _brief(value) for key, value in list(error.items())[:5]}) if error else ""


def _brief(value: object) -> object:
    return value[:100] if isinstance(value, str) else value if isinstance(value, (int, bool)) else "…"


def told_by(body: bytes) -> str:
    """Give what a body that is no reply says for people: a page, or a message in JSON; "" where it says nothing."""
    return plain_words(body) if body.lstrip()[:1] == b"<" else _words_of(error_in(body) or {})


_TITLE = re.compile(r"<title[^>]*>(.*?)</title\b", re.IGNORECASE | re.DOTALL)
_UNSEEN = re.compile(r"<!--.*?-->|<(script|style|title|svg|noscript)\b.*?</\1[^>]*>?", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^<>]*>?")
_PAGE_READ = 4_096  # characters: its patterns look ahead as far as they may


def plain_words(body: bytes) -> str:
    """Give what a body says that is no JSON: a page of HTML or XML by what it shows to who reads it."""
    text = redact(_text(body[:65_536])).strip()
    return _words_of_page(text) or text if text.startswith("<") else text


def _words_of_page(page: str) -> str:
    """Give a page's title, then its text; "" where that is nothing."""
    page = page[:_PAGE_READ]
    titled = _TITLE.search(page)
    parts = (titled[1] if titled is not None else "", _UNSEEN.sub(" ", page))
    title, text = (" ".join(html.unescape(_TAG.sub(" ", part)).split()) for part in parts)
    return text if text.startswith(title) else f"{title}: {text}".removesuffix(": ")


def _kind_of_status(status: int, error: _Object | None, text: str) -> FailureKind:
    by_code = written.kind_by_code(error, text) if error is not None else None
    if by_code is not None:
        return by_code
    if status == 404 and _names_unknown_model(error, text):
        return "unknown_model"
    if status in _STATUS:
        return _STATUS[status]
    return "server_error" if status >= 500 else "bad_request" if status >= 400 else "invalid_reply"


def _names_unknown_model(error: _Object | None, text: str) -> bool:
    if error is None:
        return False  # a web server's own 404 page: the path is wrong, not the model
    words = text[:500].lower()
    says_missing = "not found" in words or "does not exist" in words or "no such" in words
    anthropic = words.startswith("model:") and error.get("type") == "not_found_error"
    return anthropic or ("model" in words and says_missing)
