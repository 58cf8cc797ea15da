"""Whom every transport believes, and which way it takes: files and variables mean the same to all."""

from __future__ import annotations

import asyncio
import base64
import gc
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from certified import Certified
from commanded import HANGS_S
from scripted import Answer, Listening, ScriptedServer

from harness.errors import UsageError
from harness.measure.endpoint.transports import check_way, make_transport
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
    assert told.kind == "tls"
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
    assert (told.kind, words in told.message) == ("tls", True), told.message


def test_tls_to_a_port_without_it_is_said(kind: Any) -> None:
    async def main() -> Broken | Exchange:
        async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            await writer.drain()
            writer.close()
            await writer.wait_closed()

        async with Listening(plain) as server:
            url = f"https://127.0.0.1:{server.port}"
            transport = make_transport(kind, url, {})
            await transport.open()
            try:
                return await transport.exchange("POST", url, b"{}", timeout_s=HANGS_S)
            finally:
                await transport.close()

    told = failure(asyncio.run(main()))
    assert (told.kind, "does not speak TLS" in told.message) == ("tls", True), told.message


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


def test_a_plain_call_to_a_port_with_tls_is_told_of_https(kind: Any, certified: Certified) -> None:
    told = failure(exchanged(kind, certified.server(), to=lambda url: url.replace("https:", "http:")))
    assert (told.kind, "write https://" in told.message) == ("tls", True), told.message


def test_a_plain_server_that_breaks_connections_is_asked_once_whether_it_expects_tls(kind: Any) -> None:
    begun: list[bytes] = []

    async def breaks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        begun.append(await reader.read(1))
        writer.close()

    async def main() -> list[Exchange | Broken]:
        async with Listening(breaks) as server:
            url = f"http://127.0.0.1:{server.port}/v1/x"
            transport = make_transport(kind, url, {})
            await transport.open()
            try:
                sent = [transport.exchange("POST", url, b"{}", timeout_s=HANGS_S) for _ in range(4)]
                return [*await asyncio.gather(*sent), await transport.exchange("POST", url, b"{}", timeout_s=HANGS_S)]
            finally:
                await transport.close()

    assert {failure(ended).kind for ended in asyncio.run(main())} == {"network"}
    assert begun.count(b"\x16") == 1, "the first byte of a TLS handshake"


# httpcore leaves the socket of a cancelled handshake to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_a_handshake_that_is_never_answered_ends_at_the_call_s_own_timeout(kind: Any) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def main() -> Exchange | Broken:
        async with Listening(silent) as server:
            url = f"https://127.0.0.1:{server.port}/v1/x"
            transport = make_transport(kind, url, {})
            await transport.open()
            try:
                return await transport.exchange("POST", url, b"{}", timeout_s=0.3)
            finally:
                await transport.close()

    told = failure(asyncio.run(main()))
    gc.collect()
    assert (told.kind, told.message) == ("timeout", "0.3 s passed before the response began")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n", "no connection through the proxy http://127.0.0.1:"),
        (b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n", "no connection through the proxy http://127.0.0.1:"),
        (b"", "no connection through the proxy http://127.0.0.1:"),
        (
            b"HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic\r\ncontent-length: 0\r\n\r\n",
            "the proxy wants a user and a password",
        ),
        (None, "no connection through the proxy http://127.0.0.1:"),
    ],
    ids=["403", "502", "closes", "407", "is not there"],
)
def test_a_proxy_that_refuses_is_named_and_the_endpoint_not_blamed(
    kind: Any, answer: bytes | None, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer or b"")
        writer.close()

    async def main() -> Exchange | Broken:
        async with Listening(refuse) as listening:
            monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{listening.port}")
            if answer is None:
                listening.close()
            transport = make_transport(kind, "https://elsewhere.example/v1/x", {})
            await transport.open()
            try:
                return await transport.exchange("POST", "https://elsewhere.example/v1/x", b"{}", timeout_s=HANGS_S)
            finally:
                await transport.close()

    told = failure(asyncio.run(main()))
    assert (told.kind, words in told.message) == ("proxy", True), told.message


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
def test_a_socks_proxy_is_for_the_transport_that_has_it(
    kind: Any, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", f"{scheme}://127.0.0.1:1")
    if kind == "wire":
        check_way(kind, "https://elsewhere.example")
    else:
        with pytest.raises(UsageError, match=f"`transport: {kind}` can't use") as refused:
            check_way(kind, "https://elsewhere.example")
        assert "`transport: wire`" in refused.value.fix
    check_way(kind, "https://127.0.0.1")  # this machine is reached without it


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("SSL_CERT_FILE", "/nonexistent/ca.pem", "can't be read: No such file"),
        ("SSL_CERT_FILE", "FOLDER", "can't be read: Is a directory"),
        ("SSL_CERT_FILE", "GARBAGE", "holds no certificate"),
        ("SSL_CERT_DIR", "/nonexistent:/neither", "no folder that can be read"),
    ],
)
def test_a_variable_that_names_no_authorities_is_said_before_a_call(
    kind: Any, tmp_path: Path, variable: str, value: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "garbage").write_text("nothing")
    value = value.replace("FOLDER", str(tmp_path)).replace("GARBAGE", str(tmp_path / "garbage"))
    monkeypatch.setenv(variable, value)
    with pytest.raises(UsageError, match=words) as refused:
        check_way(kind, "https://127.0.0.1")
    assert variable in refused.value.message
    check_way(kind, "http://127.0.0.1")  # nobody is to be trusted there
    if variable == "SSL_CERT_DIR":
        monkeypatch.setenv(variable, f"/nonexistent:{tmp_path}")
        check_way(kind, "https://127.0.0.1")


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
            async with Listening(proxy) as listening:
                port = listening.port
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
