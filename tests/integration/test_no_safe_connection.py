"""A run whose endpoint can't be reached safely ends at once, says why and what to change, and judges no prompt."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from certified import Certified
from commanded import harness, in_process
from measured import write_project

TRANSPORTS = ("wire", "httpx", "openai")


@contextmanager
def counted(tls: ssl.SSLContext | None) -> Iterator[tuple[int, list[int]]]:
    """Listen, count connections, shake hands; without TLS answer what a plain server answers to a handshake."""
    connections: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    found, _ = listening.accept()
                    connections.append(1)
                    with found, suppress(OSError):
                        found.settimeout(30)
                        if tls is not None:
                            tls.wrap_socket(found, server_side=True).close()
                        elif found.recv(1):
                            found.sendall(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")

        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1], connections
        listening.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    ("server", "words", "fix"),
    [
        ("good", "not signed by an authority that this machine trusts", "`ca_file:` of the model"),
        ("self_signed", "not signed by an authority that this machine trusts", "`ca_file:` of the model"),
        ("expired", "has expired", "or the server's certificate"),
        ("other_host", "is for another host name", "or the server's certificate"),
        ("plain", "does not speak TLS", "write http://"),
    ],
)
def test_a_connection_that_is_not_safe_ends_the_run_after_its_first_calls(
    tmp_path: Path, certified: Certified, transport: str, server: str, words: str, fix: str
) -> None:
    known = {"ca_file": str(certified.authority)} if server in {"expired", "other_host"} else {}
    with counted(None if server == "plain" else certified.server(server)) as (port, connections):
        write_project(tmp_path, f"https://127.0.0.1:{port}", cases=40, transport=transport, **known)
        # That a process of each transport ends is seen once: what it is told by the server makes no difference to it
        run = harness if server == "self_signed" else in_process
        done = run("run", "small.suite.yml", "--quiet", at=tmp_path)
    said = " ".join(done.stderr.split())
    assert done.returncode == 5, said
    assert words in said
    assert fix in said
    assert "harness.yml:" in said, "the line to change"
    assert 0 < len(connections) <= 8


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_plain_address_of_a_server_with_tls_ends_the_run_after_its_first_calls(
    tmp_path: Path, certified: Certified, transport: str
) -> None:
    with counted(certified.server()) as (port, connections):
        write_project(tmp_path, f"http://127.0.0.1:{port}", cases=40, transport=transport)
        done = in_process("run", "small.suite.yml", "--quiet", at=tmp_path)
    said = " ".join(done.stderr.split())
    assert done.returncode == 5, said
    assert "what answers there expects TLS: write https://" in said
    assert "harness.yml:" in said, "the line to change"
    assert 0 < len(connections) <= 8


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_proxy_that_lets_nobody_through_ends_the_run_after_its_first_calls(tmp_path: Path, transport: str) -> None:
    with counted(None) as (port, connections):  # to it CONNECT is a bad request
        write_project(tmp_path, "https://elsewhere.example", cases=40, transport=transport)
        done = in_process(
            "run", "small.suite.yml", "--quiet", at=tmp_path, env={"HTTPS_PROXY": f"http://127.0.0.1:{port}"}
        )
    said = " ".join(done.stderr.split())
    assert done.returncode == 5, said
    assert f"no connection through the proxy http://127.0.0.1:{port}" in said
    assert "NO_PROXY" in said
    assert 0 < len(connections) <= 8


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_handshake_that_nobody_answers_is_begun_for_five_trials_and_no_more(tmp_path: Path, transport: str) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        address = f"https://127.0.0.1:{listening.getsockname()[1]}"
        write_project(tmp_path, address, cases=40, transport=transport, timeout="200 ms", limits={"attempts": 2})
        # httpx leaves the sockets of handshakes that were cancelled to the collector, which warns of each.
        done = harness("run", "small.suite.yml", "--quiet", at=tmp_path, env={"PYTHONWARNINGS": "ignore"})
        listening.settimeout(0)
        begun = 0
        with suppress(BlockingIOError):
            while True:
                listening.accept()[0].close()
                begun += 1
    assert done.returncode == 5, done.stderr
    assert "5 trials in a row failed" in done.stderr
    assert 0 < begun <= 10, "five trials of two attempts; on a busy machine one may be over before it connects"


@pytest.mark.parametrize("command", ["check", "run"])
def test_a_ca_file_that_is_missing_is_said_before_a_call(tmp_path: Path, command: str) -> None:
    with counted(None) as (port, connections):
        write_project(tmp_path, f"https://127.0.0.1:{port}", ca_file="company.pem")
        done = in_process(command, "small.suite.yml", at=tmp_path)
    assert done.returncode == 2
    assert "ca_file" in done.stderr
    assert "company.pem" in done.stderr
    assert connections == []
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("transport", "variables", "words"),
    [
        ("wire", {"SSL_CERT_FILE": "/nonexistent/ca.pem"}, "SSL_CERT_FILE names /nonexistent/ca.pem"),
        ("httpx", {"ALL_PROXY": "socks5h://127.0.0.1:9"}, "Write `transport: wire`"),
        ("openai", {"HTTPS_PROXY": "socks4://127.0.0.1:9"}, "is not the address of a proxy that can be used"),
    ],
)
def test_what_the_environment_says_of_the_way_is_refused_before_a_run_begins(
    tmp_path: Path, transport: str, variables: dict[str, str], words: str
) -> None:
    write_project(tmp_path, "https://elsewhere.example", transport=transport)
    done = in_process("run", "small.suite.yml", at=tmp_path, env=variables)
    assert (done.returncode, words in " ".join(done.stderr.split())) == (2, True), done.stderr
    assert not list((tmp_path / "results").glob("*/manifest.json"))
