"""Transports: each moves bytes over one HTTP client, and keeps the clock."""

from typing import assert_never

from harness.files.project import Transport as TransportKind
from harness.measure.endpoint.transports.exchange_log import log_to, logged
from harness.measure.endpoint.transports.transport import Broken, Exchange, Sink, Transport


def make_transport(
    kind: TransportKind, url: str, headers: dict[str, str], trusted: tuple[bytes, ...] = ()
) -> Transport:
    """Make the transport of one endpoint; only the client that is used is loaded."""
    match kind:
        case "wire":
            from harness.measure.endpoint.transports.wire import WireTransport

            return logged(WireTransport(origin=url, headers=headers, trusted=trusted), headers)
        case "httpx":
            from harness.measure.endpoint.transports.httpx_transport import HttpxTransport

            return logged(HttpxTransport(origin=url, headers=headers, trusted=trusted), headers)
        case "openai":
            from harness.measure.endpoint.transports.openai_transport import OpenAITransport

            return logged(OpenAITransport(origin=url, headers=headers, trusted=trusted), headers)
        case _:
            assert_never(kind)
