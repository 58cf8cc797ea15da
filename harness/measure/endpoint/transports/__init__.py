"""Transports: each moves bytes over one HTTP client, and keeps the clock."""

from importlib.util import find_spec
from typing import assert_never

from harness.errors import UsageError
from harness.files.project import Transport as TransportKind
from harness.measure.endpoint.transports.environment import check_variables, proxy_for
from harness.measure.endpoint.transports.exchange_log import log_by, log_to, logged, logs, write_down
from harness.measure.endpoint.transports.transport import BODY_CAP, Broken, Exchange, Sink, Transport


def check_way(kind: TransportKind, url: str) -> None:
    """Refuse what the environment says of the way to an endpoint and can't be used. Raises UsageError."""
    if url.startswith("https:"):
        check_variables()
    server = proxy_for(url)
    if server is not None and server.url.startswith("socks") and kind != "wire" and find_spec("socksio") is None:
        raise UsageError(
            f"the proxy before {url} is a SOCKS proxy, which `transport: {kind}` can't use.",
            fix="Write `transport: wire` in the model's entry, or name an http:// proxy.",
        )


def make_transport(
    kind: TransportKind, url: str, headers: dict[str, str], trusted: tuple[bytes, ...] = (), cap_bytes: int = BODY_CAP
) -> Transport:
    """Make the transport of one endpoint; only the client that is used is loaded. `cap_bytes` is for `wire`."""
    match kind:
        case "wire":
            from harness.measure.endpoint.transports.wire import WireTransport

            return logged(WireTransport(origin=url, headers=headers, trusted=trusted, cap_bytes=cap_bytes), headers)
        case "httpx":
            from harness.measure.endpoint.transports.httpx_transport import HttpxTransport

            return logged(HttpxTransport(origin=url, headers=headers, trusted=trusted), headers)
        case "openai":
            from harness.measure.endpoint.transports.openai_transport import OpenAITransport

            return logged(OpenAITransport(origin=url, headers=headers, trusted=trusted), headers)
        case _:
            assert_never(kind)
