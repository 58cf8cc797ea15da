"""Whom every transport believes, and which way it takes: files and variables mean the same to all."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from certified import Certified
from commanded import HANGS_S
from scripted import Answer, ScriptedServer

from harness.measure.endpoint.transports import make_transport
from harness.measure.endpoint.transports.transport import Broken, Exchange
from harness.record import Failure

TRANSPORTS = ("wire", "httpx", "openai")
OURS = "the server's certificate is not signed by an authority that this machine trusts"


@pytest.fixture(params=TRANSPORTS)
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


def exchanged(
    kind: Any,
    tls: ssl.SSLContext | None,
    *,
    trusted: tuple[bytes, ...] = (),
    to: Callable[[str], str] = lambda url: url,
    answer: Answer | None = None,
) -> Exchange | Broken:
    async def main() -> Exchange | Broken:
        async with ScriptedServer(lambda _: answer or Answer.of_json({}), tls=tls) as server:
            transport = make_transport(kind, to(server.url), {}, trusted)
            await transport.open()
            try:
                return await transport.exchange("POST", to(server.url), b"{}", timeout_s=HANGS_S)
            finally:
                await transport.close()

    return asyncio.run(main())


def failure(ended: Exchange | Broken) -> Failure:
    assert isinstance(ended, Broken), ended
    return ended.failure


def test_an_unknown_authority_is_said_in_words_with_the_key_that_names_it(kind: Any, certified: Certified) -> None:
    told = failure(exchanged(kind, certified.server()))
    assert told.kind == "connect"
    assert told.message.startswith(OURS)
    assert "`ca_file:` of the model" in told.message


@pytest.mark.parametrize("server", ["good", "self_signed"])
def test_a_self_signed_certificate_is_said_alike(kind: Any, certified: Certified, server: str) -> None:
    assert failure(exchanged(kind, certified.server(server))).message.startswith(OURS)


@pytest.mark.parametrize(
    ("server", "words"),
    [("expired", "the server's certificate has expired"), ("other_host", "is for another host name than")],
)
def test_what_is_wrong_with_a_certificate_of_a_known_authority_is_said(
    kind: Any, certified: Certified, server: str, words: str
) -> None:
    trusted = (certified.authority.read_bytes(),)
    told = failure(exchanged(kind, certified.server(server), trusted=trusted))
    assert (told.kind, words in told.message) == ("connect", True), told.message


def test_tls_to_a_port_without_it_is_said(kind: Any) -> None:
    async def main() -> Broken | Exchange:
        async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            await writer.drain()
            writer.close()
            await writer.wait_closed()

        async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
            url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            transport = make_transport(kind, url, {})
            await transport.open()
            try:
                return await transport.exchange("POST", url, b"{}", timeout_s=HANGS_S)
            finally:
                await transport.close()

    told = failure(asyncio.run(main()))
    assert (told.kind, "does not speak TLS" in told.message) == ("connect", True), told.message


def test_an_authority_of_the_model_is_believed(kind: Any, certified: Certified) -> None:
    assert isinstance(exchanged(kind, certified.server(), trusted=(certified.authority.read_bytes(),)), Exchange)


def test_a_server_s_own_certificate_is_believed_where_it_is_no_authority_s(kind: Any, certified: Certified) -> None:
    own = ((certified.folder / "good.pem").read_bytes(), certified.authority.read_bytes())
    assert isinstance(exchanged(kind, certified.server(), trusted=own), Exchange)


def test_the_variable_for_this_machine_s_authorities_is_read_alike(
    kind: Any, certified: Certified, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certified.authority))
    assert isinstance(exchanged(kind, certified.server()), Exchange)


class Proxy:
    """A proxy that forwards plain requests and tunnels to one loopback port, whatever host is asked for."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.asked: list[tuple[str, str]] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        self.asked.append((head.split("\r\n")[0].rpartition(" ")[0], head.lower()))
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.port)
        if head.startswith("CONNECT"):
            writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        else:
            far_writer.write(head.encode("latin-1"))

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while chunk := await source.read(65536):
                sink.write(chunk)
            sink.close()

        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer), return_exceptions=True)


def through(
    kind: Any, certified: Certified, scheme: str, environment: dict[str, str], patch: pytest.MonkeyPatch
) -> tuple[Exchange | Broken, list[tuple[str, str]]]:
    """Call a host that no network has, with a proxy for the variables to name."""

    async def main() -> tuple[Exchange | Broken, list[tuple[str, str]]]:
        tls = certified.server("other_host") if scheme == "https" else None
        async with ScriptedServer(lambda _: Answer.of_json({}), tls=tls) as server:
            proxy = Proxy(server.port)
            async with await asyncio.start_server(proxy, "127.0.0.1", 0) as listening:
                port = listening.sockets[0].getsockname()[1]
                for name, value in environment.items():
                    patch.setenv(name, value.replace("PORT", str(port)))
                url = f"{scheme}://elsewhere.example/v1/x"
                transport = make_transport(kind, url, {}, (certified.authority.read_bytes(),))
                await transport.open()
                try:
                    ended = await transport.exchange("POST", url, b"{}", timeout_s=HANGS_S)
                finally:
                    await transport.close()
                    await asyncio.sleep(0.05)
                return ended, proxy.asked

    return asyncio.run(main())


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_a_proxy_is_taken_and_given_its_password(
    kind: Any, certified: Certified, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {variable: "http://me:secret%20word@127.0.0.1:PORT"}
    ended, asked = through(kind, certified, "https", environment, monkeypatch)
    assert isinstance(ended, Exchange), ended
    assert [first for first, _ in asked] == ["CONNECT elsewhere.example:443"]
    signed = base64.b64encode(b"me:secret word").decode().lower()
    assert f"proxy-authorization: basic {signed}" in asked[0][1]


def test_plain_requests_go_through_their_own_proxy(
    kind: Any, certified: Certified, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended, asked = through(kind, certified, "http", {"HTTP_PROXY": "http://127.0.0.1:PORT"}, monkeypatch)
    assert isinstance(ended, Exchange), ended
    assert [first for first, _ in asked] == ["POST http://elsewhere.example/v1/x"]


@pytest.mark.parametrize("exception", ["*", ".example", "elsewhere.example:443"])
def test_an_exception_is_reached_without_it(
    kind: Any, certified: Certified, exception: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {"HTTPS_PROXY": "http://127.0.0.1:PORT", "NO_PROXY": exception}
    ended, asked = through(kind, certified, "https", environment, monkeypatch)
    assert failure(ended).kind == "connect"  # no network has that host
    assert asked == []


def test_a_file_that_holds_no_certificate_is_refused_before_a_call(tmp_path: Path) -> None:
    from harness.files.project import read_certificates

    for content, why in [
        (b"no certificate", "holds no certificate in PEM form"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "is damaged"),
    ]:
        (tmp_path / "ca.pem").write_bytes(content)
        with pytest.raises(ValueError, match=why):
            read_certificates(tmp_path / "ca.pem")
    with pytest.raises(ValueError, match="cannot be read"):
        read_certificates(tmp_path / "absent.pem")
