"""The exceptions of every HTTP client, each with the failure it means: the only place that knows them.

They are named, not imported, so that a run loads only the client that it uses. A test walks each client's
exceptions and proves that none is missing.
"""

import errno
import re
from collections.abc import Iterator

from harness.errors import RunIncomplete
from harness.measure.endpoint.failure_map import PROXY_WANTS_USER, short
from harness.measure.endpoint.transports.environment import proxy_for
from harness.record import Failure, FailureKind

_PYREQWEST: dict[str, FailureKind] = {
    "ConnectError": "connect",
    "ConnectTimeoutError": "timeout",  # any deadline passed before the response began
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
    "DecodeError": "network",  # the status line or headers are not HTTP
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
    "harness.measure.endpoint.transports.openai_transport.SignInFailed": "unauthorized",
    "builtins.TimeoutError": "timeout",
    "builtins.OSError": "network",
    "ssl.SSLError": "connect",
    "zlib.error": "invalid_reply",
}


_NO_FILE_LEFT = {errno.EMFILE, errno.ENFILE}
_OS_ERROR = re.compile(r"\(os error (\d+)\)")  # how pyreqwest gives an error of the operating system


def kind_of(error: BaseException) -> FailureKind | None:
    """Return the failure that an exception of an HTTP client means; None for anything else."""
    if type(error).__module__ == "openai" and error.__cause__ is not None:
        return kind_of(error.__cause__) or "network"  # it wraps its HTTP client's exceptions
    for cls in type(error).__mro__:
        kind = KINDS.get(f"{cls.__module__}.{cls.__qualname__}")
        if kind is not None:
            # Correct a kind by pyreqwest's causes: some of its classes cover more than their name says
            causes = _causes(error)
            if kind == "connect" and causes and not any("(Connect)" in cause for cause in causes):
                return "network"  # the connection stood; it was closed before a response came
            if kind == "invalid_reply" and any(_UNREAD in cause for cause in causes):
                return "network"  # the body ended before its announced length
            return kind
    return None


_UNREAD = "reading a body from connection"  # what pyreqwest says of a body that broke; of no other that it can't decode


def _causes(error: BaseException) -> list[str]:
    details = getattr(error, "details", None)
    causes = details.get("causes") if isinstance(details, dict) else None
    return [str(cause.get("message", "")) for cause in causes or []]


def raise_if_ours(error: BaseException) -> None:
    """Raise RunIncomplete when a call failed because this machine has no open file left for it."""
    numbers = [int(number) for number in _OS_ERROR.findall(" ".join(_causes(error)))]
    numbers += [cause.errno or 0 for cause in _chain(error) if isinstance(cause, OSError)]
    if not _NO_FILE_LEFT.isdisjoint(numbers):
        raise RunIncomplete(
            "This machine can open no more connections: it has too many files open.",
            fix="Raise the limit (`ulimit -n`) or lower `concurrency` in harness.yml, then resume.",
        ) from error


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and all that it came from."""
    while error is not None:
        yield error
        for one in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
            yield from _chain(one)
        error = error.__cause__ or error.__context__


_NAME_IT = "name it, or its authority's, in `ca_file:` of the model"
_TLS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), words)
    for pattern, words in (
        (
            "CaUsedAsEndEntity",
            "the server's certificate is not signed by an authority that this machine trusts, but by itself: "
            f"{_NAME_IT}, with `transport: httpx` where it is also an authority's",
        ),
        (
            "UnknownIssuer|self[- ]signed certificate|unable to get (local )?issuer certificate",
            f"the server's certificate is not signed by an authority that this machine trusts: {_NAME_IT}",
        ),
        ("certificate: Expired|certificate (has )?expired", "the server's certificate has expired"),
        ("NotValidYet|not yet valid", "the server's certificate is not valid yet: is this machine's clock right?"),
        (
            "not valid for (any )?name|NotValidForName|(hostname|ip address) mismatch",
            "the server's certificate is for another host name than that of `base_url`",
        ),
        (
            "wrong[ _]version[ _]number|InvalidContentType|record[ _]layer[ _]failure|packet length too long",
            "what answers there does not speak TLS: write http:// where it is a server without it",
        ),
        ("certificate verify failed|invalid peer certificate", "the server's certificate is not accepted"),
    )
)
_WANTS_USER = re.compile(r"407 Proxy Auth|proxy auth\w* required", re.IGNORECASE)


def as_failure(error: Exception, status: int | None = None, *, url: str = "") -> Failure:
    """Return an exception as a failure; whatever is not known counts as a broken connection."""
    kind, said = kind_of(error) or "network", _said(error)
    if status is None:
        kind, said = _opening(kind, said, url)
    elif kind == "connect":
        kind = "network"  # the response had begun
    elif kind == "network" and (causes := _causes(error)) and not any(_UNREAD in cause for cause in causes):
        kind, said = "invalid_reply", f"the body can't be decoded: {causes[-1]}"
    return Failure(kind=kind, message=short(said), status=status)


def _opening(kind: FailureKind, said: str, url: str) -> tuple[FailureKind, str]:
    """Say what a failure before any answer means: TLS, the proxy, or a plain call to a port that expects TLS."""
    meant = next((words for pattern, words in _TLS if pattern.search(said)), None)
    if meant is not None:
        return "tls", f"{meant} ({said})"
    if _WANTS_USER.search(said):
        return "proxy", f"{PROXY_WANTS_USER} ({said})"
    if kind in {"connect", "network"} and url and (proxy := proxy_for(url)) is not None:
        mend = "correct the variable that names it, or name the host in NO_PROXY"
        return "proxy", f"no connection through the proxy {proxy.url}: {mend} ({said})"
    return kind, said


def wants_tls(broken: Failure) -> Failure:
    """Say why a plain connection was broken by a server that is known to expect TLS."""
    return Failure(kind="tls", message=short(f"what answers there expects TLS: write https:// ({broken.message})"))


def _said(error: BaseException) -> str:
    """Return its own words and its innermost cause's: clients wrap `connection refused` in layers."""
    text = str(getattr(error, "message", "") or error) or type(error).__name__
    causes = _causes(error)
    if causes:
        innermost = causes[-1]
    else:
        inner = error.__cause__ or error.__context__
        innermost = str(inner) if inner is not None else ""
    return text if not innermost or innermost in text else f"{text}: {innermost}"
