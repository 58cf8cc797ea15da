"""Which failure an HTTP status or an error object means, and what may be done about each kind of failure.

This is the only place that knows status codes and providers' error codes.
"""

from __future__ import annotations

from typing import Any, TypeAlias, assert_never

import msgspec

from harness.measure.endpoint.secrets import short
from harness.record import Failure, FailureKind

_Object: TypeAlias = dict[str, Any]

# What providers write in `error.code`, `error.type` or `error.status`, beyond what the status code says.
_CODES: dict[str, FailureKind] = {
    "insufficient_quota": "quota",
    "billing_hard_limit_reached": "quota",
    "billing_not_active": "quota",
    "billing_error": "quota",
    "invalid_api_key": "unauthorized",
    "authentication_error": "unauthorized",
    "permission_error": "unauthorized",
    "model_not_found": "unknown_model",
    "DeploymentNotFound": "unknown_model",
    "deployment_not_found": "unknown_model",
}

_STATUS: dict[int, FailureKind] = {
    401: "unauthorized",
    402: "quota",
    403: "unauthorized",
    408: "server_error",
    409: "server_error",
    425: "server_error",
    429: "rate_limited",
}


def is_retryable(kind: FailureKind) -> bool:
    """Whether the same request may succeed when it is sent again."""
    match kind:
        case "connect" | "network" | "timeout" | "rate_limited" | "server_error":
            return True
        case "error_in_body" | "invalid_reply" | "stream_cut" | "stream_stalled":
            return True  # a gateway's passing trouble dressed as a 200; attempts and budget bound the cost
        case "bad_request" | "unauthorized" | "unknown_model" | "quota" | "redirect" | "too_large":
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
        case "connect" | "network" | "timeout" | "deadline" | "rate_limited" | "server_error":
            return False
        case "bad_request" | "redirect" | "error_in_body" | "invalid_reply" | "too_large":
            return False
        case "stream_cut" | "stream_stalled" | "render" | "no_recorded_reply" | "circuit_open":
            return False
        case _:
            assert_never(kind)


def from_status(status: int, body: bytes, location: str | None = None) -> Failure:
    """Return the failure that a response other than 2xx means."""
    error = _error_in(body)
    if 300 <= status < 400:
        where = f" to {location}" if location else ""
        message = (
            f"the endpoint redirects{where}; redirects are not followed, a key must not leave its origin"
        )
        return Failure(kind="redirect", message=short(message), status=status)
    text = _message_of(error) if error is not None else _plain(body)
    kind = _kind_of_status(status, error, text)
    return Failure(
        kind=kind, message=short(f"HTTP {status}: {text}" if text else f"HTTP {status}"), status=status
    )


def from_error_object(error: object, status: int | None) -> Failure:
    """Return the failure that an error object inside a 200 means."""
    fields = error if isinstance(error, dict) else {"message": str(error)}
    text = _message_of(fields)
    kind = _kind_by_code(fields) or "error_in_body"
    return Failure(kind=kind, message=short(text or "an error object without a message"), status=status)


def is_content_filter(status: int, body: bytes) -> bool:
    """Whether a 400 says that the provider's filter stopped the prompt (Azure): an outcome, not a failure."""
    error = _error_in(body) if status == 400 and b"content_filter" in body else None
    return error is not None and error.get("code") == "content_filter"


def _error_in(body: bytes) -> _Object | None:
    if body.lstrip()[:1] != b"{":
        return None
    try:
        payload = msgspec.json.decode(body)
    except (ValueError, msgspec.MsgspecError, RecursionError):
        return None
    if not isinstance(payload, dict):
        return None
    error = payload.get("error")
    if isinstance(error, dict):
        return error
    return {**payload, "message": error} if isinstance(error, str) else payload


def _message_of(error: _Object) -> str:
    for key in ("message", "detail", "error_description", "title"):
        value = error.get(key)
        if isinstance(value, str) and value:
            return value
    return str({key: _brief(value) for key, value in list(error.items())[:5]}) if error else ""


def _brief(value: object) -> object:
    return value[:100] if isinstance(value, str) else value if isinstance(value, (int, bool)) else "…"


def _plain(body: bytes) -> str:
    return body[:65_536].decode("utf-8", "replace").strip()


def _kind_by_code(error: _Object) -> FailureKind | None:
    for key in ("code", "type", "status"):
        value = error.get(key)
        if isinstance(value, str) and value in _CODES:
            return _CODES[value]
    return None


def _kind_of_status(status: int, error: _Object | None, text: str) -> FailureKind:
    by_code = _kind_by_code(error) if error is not None else None
    if by_code is not None:
        return by_code
    if status == 404 and _names_unknown_model(error, text):
        return "unknown_model"
    if status == 400 and "credit balance is too low" in text[:500]:
        return "quota"  # Anthropic says it only in words
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
