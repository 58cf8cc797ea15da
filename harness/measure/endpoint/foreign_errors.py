"""The exceptions of every HTTP client, each with the failure it means: the only place that knows them.

They are named, not imported, so that a run loads only the client that it uses. A test walks each client's
exceptions and proves that none is missing.
"""

from __future__ import annotations

from harness.measure.endpoint.secrets import short
from harness.record import Failure, FailureKind

_PYREQWEST: dict[str, FailureKind] = {
    "ConnectError": "connect",
    "ConnectTimeoutError": "connect",
    "ReadTimeoutError": "timeout",
    "WriteTimeoutError": "timeout",
    "PoolTimeoutError": "timeout",
    "RequestTimeoutError": "timeout",
    "ReadError": "network",
    "WriteError": "network",
    "NetworkError": "network",
    "TransportError": "network",
    "ClientClosedError": "network",
    "RequestPanicError": "network",
    "RequestError": "network",
    "RedirectError": "redirect",
    "StatusError": "server_error",
    "JSONDecodeError": "invalid_reply",
    "BodyDecodeError": "invalid_reply",
    "DecodeError": "invalid_reply",
    "BuilderError": "bad_request",
    "DetailedPyreqwestError": "network",
    "PyreqwestError": "network",
}

_HTTPX: dict[str, FailureKind] = {
    "ConnectError": "connect",
    "ConnectTimeout": "connect",
    "ReadTimeout": "timeout",
    "WriteTimeout": "timeout",
    "PoolTimeout": "timeout",
    "TimeoutException": "timeout",
    "ReadError": "network",
    "WriteError": "network",
    "CloseError": "network",
    "NetworkError": "network",
    "ProxyError": "connect",
    "RemoteProtocolError": "network",
    "LocalProtocolError": "bad_request",
    "ProtocolError": "network",
    "UnsupportedProtocol": "bad_request",
    "InvalidURL": "bad_request",
    "CookieConflict": "bad_request",
    "DecodingError": "invalid_reply",
    "SSEError": "invalid_reply",
    "TooManyRedirects": "redirect",
    "HTTPStatusError": "server_error",
    "TransportError": "network",
    "RequestError": "network",
    "HTTPError": "network",
    "StreamError": "network",
    "StreamClosed": "network",
    "StreamConsumed": "network",
    "RequestNotRead": "network",
    "ResponseNotRead": "network",
}

_OPENAI: dict[str, FailureKind] = {
    "APITimeoutError": "timeout",
    "APIConnectionError": "connect",
    "APIResponseValidationError": "invalid_reply",
    "OpenAIError": "bad_request",  # raised before anything is sent: credentials, arguments
}

KINDS: dict[str, FailureKind] = {
    **{f"pyreqwest.exceptions.{name}": kind for name, kind in _PYREQWEST.items()},
    **{f"{package}.{name}": kind for package in ("httpx", "httpx2") for name, kind in _HTTPX.items()},
    **{f"openai.{name}": kind for name, kind in _OPENAI.items()},
    "builtins.TimeoutError": "timeout",
    "builtins.OSError": "network",
    "ssl.SSLError": "connect",
}


def kind_of(error: BaseException) -> FailureKind | None:
    """Return the failure that an exception of an HTTP client means; None for anything else."""
    for cls in type(error).__mro__:
        kind = KINDS.get(f"{cls.__module__}.{cls.__qualname__}")
        if kind is not None:
            return kind
    return None


def as_failure(error: Exception, status: int | None = None) -> Failure:
    """Return an exception as a failure; whatever is not known counts as a broken connection."""
    kind = kind_of(error) or "network"
    if kind == "connect" and status is not None:
        kind = "network"  # the response had begun
    return Failure(kind=kind, message=short(_words(error)), status=status)


def _words(error: BaseException) -> str:
    """Return its own words and its innermost cause's: clients wrap `connection refused` in layers."""
    text = str(error) or type(error).__name__
    details = getattr(error, "details", None)
    causes = details.get("causes") if isinstance(details, dict) else None
    if causes:
        innermost = str(causes[-1].get("message", ""))
    else:
        inner = error.__cause__ or error.__context__
        innermost = str(inner) if inner is not None else ""
    return text if not innermost or innermost in text else f"{text}: {innermost}"
