"""The debug log shows what went over the wire, and never a key, however it got there."""

from __future__ import annotations

import asyncio
import json
import stat
from pathlib import Path

import pytest
from scripted import Answer, Request, ScriptedServer

from harness.measure.endpoint.open_endpoint import make_transport
from harness.measure.endpoint.secrets import register
from harness.measure.endpoint.transports.exchange_log import BODY_SHOWN, VARIABLE, log_to

CANARY = 'sk-canary/"ÿ-9f8e7d'


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "debug.log"
    monkeypatch.setenv(VARIABLE, "")  # so that it is gone after the test
    log_to(path)
    register(CANARY)
    return path


async def _exchange(kind: str, answer: Answer, *, stream: bool = False) -> Request:
    async with ScriptedServer(lambda _: answer) as server:
        headers = {"authorization": "Bearer other", "x-own": CANARY.encode("ascii", "ignore").decode()}
        register(headers["x-own"])
        transport = make_transport(kind, server.url, headers)  # type: ignore[arg-type]
        await transport.open()
        body = json.dumps({"messages": [{"role": "user", "content": f"mine is {CANARY}"}]}).encode()
        url = f"{server.url}/v1/chat"
        if stream:
            await transport.exchange("POST", url, body, timeout_s=5, sink=lambda _chunk, _at: False)
        else:
            await transport.exchange("POST", url, body, timeout_s=5)
        await transport.close()
        return server.requests[0]


@pytest.mark.parametrize("kind", ["wire", "httpx"])
def test_a_key_never_reaches_the_log_and_the_rest_does(log: Path, kind: str) -> None:
    echo = Answer.of_json(
        {"error": f"wrong key {CANARY}", "raw": "caf\u00e9"},
        status=401,
        headers={"set-cookie": "session=secret-cookie", "x-request-id": "r-1", "x-echo": "sk-canary"},
    )
    request = asyncio.run(_exchange(kind, echo))
    text = log.read_text(encoding="utf-8")
    assert b"canary" in request.body  # it was sent
    assert "9f8e7d" not in text
    assert "secret-cookie" not in text
    assert "Bearer" not in text
    for shown in ("POST http://127.0.0.1:", "-> 401 in ", "> authorization: [redacted]", "x-request-id: r-1"):
        assert shown in text
    assert "wrong key [redacted]" in text


def test_bodies_are_cut_only_after_keys_are_removed(log: Path) -> None:
    asyncio.run(_exchange("wire", Answer(body=b"x" * (BODY_SHOWN - 5) + CANARY.encode() * 2)))
    text = log.read_text(encoding="utf-8")
    assert "sk-ca" not in text
    assert f"... ({BODY_SHOWN - 5 + 2 * len(CANARY.encode()):,} bytes)" in text


def test_a_stream_is_logged_with_its_events(log: Path) -> None:
    events = Answer.of_events(b'data: {"a": 1}\n\n', b"data: [DONE]\n\n")
    asyncio.run(_exchange("wire", events, stream=True))
    assert 'data: {"a": 1}\\n\\ndata: [DONE]' in log.read_text(encoding="utf-8")


@pytest.mark.parametrize("pieces", [(CANARY,), (CANARY[:9], CANARY[9:]), tuple(CANARY)])
def test_a_key_in_the_events_of_a_stream_is_not_logged(log: Path, pieces: tuple[str, ...]) -> None:
    events = [{"choices": [{"delta": {"content": text}}], "model": "m-1"} for text in ("spam ", *pieces)]
    sent = [f"data: {json.dumps(event)}\n\n".encode() for event in events]
    asyncio.run(_exchange("wire", Answer.of_events(*sent, b"data: [DONE]\n\n"), stream=True))
    logged = log.read_text(encoding="utf-8").split("< ")[-1].removesuffix("\n\n").encode().decode("unicode_escape")
    read = [json.loads(line.removeprefix("data:")) for line in logged.split("\n") if line.startswith("data: {")]
    assert [event["model"] for event in read] == ["m-1"] * len(events)
    said = "".join(event["choices"][0]["delta"]["content"] for event in read)
    assert said.replace("[redacted]", "") in {"", "spam "}


def test_a_key_in_the_tokens_of_a_reply_is_not_logged(log: Path) -> None:
    tokens = [{"token": text} for text in ("spam", CANARY[:9], CANARY[9:])]
    asyncio.run(_exchange("wire", Answer.of_json({"logprobs": {"content": tokens}})))
    text = log.read_text(encoding="utf-8")
    assert "sk-ca" not in text
    assert "9f8e7d" not in text


def test_a_key_with_escapes_in_a_body_that_is_cut_is_not_logged(log: Path) -> None:
    body = json.dumps({"error": CANARY.replace("/", "//"), "key": CANARY, "more": "x" * 70_000}).replace("//", "/")
    asyncio.run(_exchange("wire", Answer(status=500, body=body.encode())))
    assert "9f8e7d" not in log.read_text(encoding="utf-8")


def test_a_broken_exchange_is_logged_as_such_and_only_its_owner_may_read(log: Path) -> None:
    asyncio.run(_exchange("wire", Answer(raw=b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhalf")))
    assert "-> network after " in log.read_text(encoding="utf-8")
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_a_terminal_is_not_steered_by_what_an_endpoint_sent(log: Path) -> None:
    asyncio.run(_exchange("wire", Answer(body=b"\x1b[2Jclean")))
    assert "\\x1b[2Jclean" in log.read_text(encoding="utf-8")


def test_a_log_that_cannot_be_written_ends_no_exchange(log: Path) -> None:
    log_to(log.parent / "gone" / "debug.log")
    assert asyncio.run(_exchange("wire", Answer.of_json({"a": 1}))).method == "POST"
    assert not log.exists()
