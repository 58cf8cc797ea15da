"""Every transport passes one suite: what an exchange promises, whichever client carries it."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import resource
from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import chain
from random import Random
from time import perf_counter_ns
from typing import Any, TypeVar

import pytest
from commanded import HANGS_S
from scripted import Answer, Piece, Script, ScriptedServer

from harness.errors import RunIncomplete
from harness.measure.endpoint.transports.httpx_transport import HttpxTransport
from harness.measure.endpoint.transports.openai_transport import OpenAITransport
from harness.measure.endpoint.transports.transport import BODY_CAP, Broken, Exchange, Transport
from harness.measure.endpoint.transports.wire import WireTransport

T = TypeVar("T")
Make = Callable[..., Any]
TRANSPORTS: list[Make] = [WireTransport, HttpxTransport, OpenAITransport]
HEADERS = {"content-type": "application/json", "authorization": "Bearer key-of-test", "x-own": "yes"}


@pytest.fixture(params=TRANSPORTS, ids=["wire", "httpx", "openai"])
def make(request: pytest.FixtureRequest) -> Make:
    made: Make = request.param
    return made


def run(make: Make, script: Script, use: Callable[[Transport, ScriptedServer], Awaitable[T]], **options: Any) -> T:
    async def main() -> T:
        async with ScriptedServer(script) as server:
            transport = make(origin=server.url, headers=HEADERS, **options)
            await transport.open()
            try:
                return await use(transport, server)
            finally:
                await transport.close()
                await transport.close()  # safe twice

    return asyncio.run(main())


def one(make: Make, answer: Answer, *, timeout_s: float = HANGS_S, **options: Any) -> Exchange | Broken:
    async def use(transport: Transport, server: ScriptedServer) -> Exchange | Broken:
        began = perf_counter_ns()
        result = await transport.exchange("POST", server.url + "/v1/x", b'{"q":1}', timeout_s=timeout_s)
        assert result.duration_ns <= perf_counter_ns() - began
        assert len(server.requests) == 1 or (timeout_s < HANGS_S and not server.requests)
        return result

    return run(make, lambda _: answer, use, **options)


def streamed(
    make: Make,
    answer: Answer,
    *,
    timeout_s: float = HANGS_S,
    stop_at: bytes = b"STOP",
    begun: bytes = b"",
    heard: Callable[[bytes], object] = lambda _chunk: None,
    **options: Any,
) -> tuple[Exchange | Broken, list[tuple[bytes, int]]]:
    chunks: list[tuple[bytes, int]] = []

    def sink(chunk: bytes, at_ns: int) -> bool | None:
        chunks.append((chunk, at_ns))
        heard(chunk)
        return stop_at in chunk or (False if begun in chunk else None)

    async def use(transport: Transport, server: ScriptedServer) -> Exchange | Broken:
        return await transport.exchange("POST", server.url + "/v1/x", b"{}", timeout_s=timeout_s, sink=sink)

    return run(make, lambda _: answer, use, **options), chunks


def test_a_response_arrives_whole_with_status_headers_and_ordered_clock(make: Make) -> None:
    result = one(make, Answer.of_json({"a": 1}, headers={"X-Some": "thing"}, delay_s=0.1))
    assert isinstance(result, Exchange)
    assert (result.status, result.body) == (200, b'{"a": 1}')
    assert result.headers.get("x-some") == "thing"
    assert result.headers.get("x-absent") is None
    assert 0.1e9 <= result.first_byte_ns <= result.duration_ns


def test_a_call_for_which_this_machine_has_no_open_file_ends_the_run_and_is_no_failure_of_the_endpoint(
    make: Make,
) -> None:
    async def use(transport: Transport, server: ScriptedServer) -> None:
        limit, highest = resource.getrlimit(resource.RLIMIT_NOFILE)
        os.close(free := os.dup(0))
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (free, highest))
            with pytest.raises(RunIncomplete, match="too many files open") as caught:
                await transport.exchange("POST", server.url + "/v1/x", b"{}", timeout_s=HANGS_S)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, highest))
        assert "ulimit -n" in caught.value.fix
        assert server.requests == []
        assert isinstance(await transport.exchange("POST", server.url, b"{}", timeout_s=HANGS_S), Exchange)

    run(make, lambda _: Answer.of_json({}), use)


@pytest.mark.parametrize("status", [200, 500])
def test_a_client_that_tells_when_the_request_was_written_is_believed(make: Make, status: int) -> None:
    result = one(make, Answer.of_json({"a": 1}, status=status, delay_s=0.1))
    assert isinstance(result, Exchange)
    if make is WireTransport:
        assert result.written_ns is None
        return
    assert result.written_ns is not None
    assert 0 < result.written_ns < result.first_byte_ns
    assert result.first_byte_ns - result.written_ns >= 0.09e9


def test_the_request_carries_body_and_headers_as_given(make: Make) -> None:
    async def use(transport: Transport, server: ScriptedServer) -> None:
        await transport.exchange("POST", server.url + "/v1/x?y=1", b'{"q": "\xc3\xa9"}', timeout_s=HANGS_S)
        request = server.requests[0]
        assert (request.method, request.path, request.body) == ("POST", "/v1/x?y=1", b'{"q": "\xc3\xa9"}')
        assert request.headers["content-type"] == "application/json"
        assert request.headers["authorization"] == "Bearer key-of-test"
        assert request.headers["x-own"] == "yes"

    run(make, lambda _: Answer.of_json({}), use)


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_an_error_status_is_an_exchange_with_its_body_sent_once(make: Make, status: int) -> None:
    result = one(make, Answer.of_json({"error": {"message": "no"}}, status=status, headers={"retry-after": "7"}))
    assert isinstance(result, Exchange)
    assert result.status == status
    assert json.loads(result.body) == {"error": {"message": "no"}}
    assert result.headers.get("retry-after") == "7"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(make: Make, status: int) -> None:
    async def use(transport: Transport, server: ScriptedServer) -> None:
        result = await transport.exchange("POST", server.url + "/start", b"{}", timeout_s=HANGS_S)
        assert isinstance(result, Exchange)
        assert result.status == status
        assert [request.path for request in server.requests] == ["/start"]

    run(make, lambda _: Answer(status=status, headers={"location": "/elsewhere"}), use)


def test_no_body_and_204_are_exchanges(make: Make) -> None:
    result = one(make, Answer(raw=b"HTTP/1.1 204 No Content\r\n\r\n"))
    assert isinstance(result, Exchange)
    assert (result.status, result.body) == (204, b"")


def test_a_chunked_body_in_crumbs_is_put_together(make: Make) -> None:
    result = one(make, Answer(pieces=[b'{"a"', 0.02, b": ", 0.02, b"1}"]))
    assert isinstance(result, Exchange)
    assert result.body == b'{"a": 1}'


def test_a_gzipped_body_is_decompressed(make: Make) -> None:
    result = one(make, Answer(body=b'{"a": 1}', gzipped=True))
    assert isinstance(result, Exchange)
    assert result.body == b'{"a": 1}'


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "x-gzip", "gzip, gzip"])
def test_a_compressed_bomb_stops_at_the_cap(make: Make, coding: str) -> None:
    bomb = gzip.compress(b"0" * 60_000_000)
    bomb = gzip.compress(bomb) if "," in coding else bomb
    result = one(make, Answer(pieces=[bomb], headers={"content-encoding": coding}), cap_bytes=1_000_000)
    assert isinstance(result, Broken)
    assert result.failure.kind == "too_large"
    assert "1,000,000" in result.failure.message


@pytest.mark.parametrize("coding", ["x-gzip", "GZIP", "gzip, identity", "gzip, gzip"])
def test_what_is_gzip_by_another_name_is_decompressed(make: Make, coding: str) -> None:
    sent = gzip.compress(b'data: {"a": 1}\n\n')
    sent = gzip.compress(sent) if coding == "gzip, gzip" else sent
    headers = {"content-encoding": coding}
    result = one(make, Answer(body=sent, headers=headers))
    assert isinstance(result, Exchange)
    assert result.body == b'data: {"a": 1}\n\n'
    if coding != "gzip, gzip":  # of a stream, who compresses twice buffers it twice
        _, chunks = streamed(make, Answer.of_events(sent[:20], 0.05, sent[20:], headers=headers))
        assert b"".join(chunk for chunk, _ in chunks) == b'data: {"a": 1}\n\n'


ERROR = b'{"error": {"message": "no such key"}}'
UNREADABLE = {
    "not-gzip": Answer(body=ERROR, headers={"content-encoding": "gzip"}),
    "not-x-gzip": Answer(body=b"\x1f\x8bnot gzip", headers={"content-encoding": "x-gzip"}),
    "cut-gzip": Answer(body=gzip.compress(ERROR)[:-12], headers={"content-encoding": "gzip"}),
    "not-deflate": Answer(body=ERROR, headers={"content-encoding": "deflate"}),
    "not-brotli": Answer(body=ERROR, headers={"content-encoding": "br"}),
    "not-zstd": Answer(body=ERROR, headers={"content-encoding": "zstd"}),
    "cut-length": Answer(body=ERROR, length=500, cut=True),
    "cut-chunk": Answer(pieces=[ERROR], cut=True),
    "no-chunk": Answer(raw=b"HTTP/1.1 %d No\r\nretry-after: 7\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"),
    "bomb": Answer(body=gzip.compress(ERROR + b" " * 9_000_000), headers={"content-encoding": "gzip"}),
}


@pytest.mark.parametrize("status", [401, 429, 503])
@pytest.mark.parametrize("name", UNREADABLE)
def test_the_status_of_an_error_is_known_whatever_became_of_its_body(make: Make, name: str, status: int) -> None:
    answer = UNREADABLE[name]
    headers, raw = {**answer.headers, "retry-after": "7"}, None if answer.raw is None else answer.raw % status
    answer = replace(answer, status=status, headers=headers, raw=raw)
    result = one(make, answer)
    assert isinstance(result, Exchange)
    assert (result.status, result.headers.get("retry-after")) == (status, "7")
    assert len(result.body) <= BODY_CAP


def test_the_status_of_an_error_is_known_though_its_body_never_ends(make: Make) -> None:
    answer = Answer(status=401, pieces=[ERROR, HANGS_S * 10])
    tried = (one(make, answer, timeout_s=timeout_s) for timeout_s in (0.3, 3.0, 30.0))  # a busy machine is late
    result = next(each for each in tried if each.first_byte_ns is not None)
    assert isinstance(result, Exchange)
    assert (result.status, result.body) == (401, ERROR)


@pytest.mark.parametrize("name", ["not-gzip", "cut-length"])
def test_a_status_behind_a_body_that_breaks_is_known_after_good_answers_too_by_the_second_attempt(
    make: Make, name: str
) -> None:
    async def use(transport: Transport, server: ScriptedServer) -> list[Exchange | Broken]:
        return [await transport.exchange("POST", server.url, b"{}", timeout_s=HANGS_S) for _ in range(5)]

    answers = [Answer.of_json({}), replace(UNREADABLE[name], status=401)]
    good, first, *later = run(make, lambda request: answers[min(1, request.number)], use)
    assert isinstance(good, Exchange)
    assert isinstance(first, Broken if make is WireTransport else Exchange)
    assert [isinstance(each, Exchange) and each.status for each in later] == [401] * 3


def test_a_redirect_to_no_address_is_a_redirect(make: Make) -> None:
    result = one(make, Answer(status=307, headers={"location": "http://[::1"}))
    assert isinstance(result, Exchange)
    assert result.status == 307


def test_a_plain_body_beyond_the_cap_is_too_large_though_its_length_is_named(make: Make) -> None:
    result = one(make, Answer(body=b"x" * 3000), cap_bytes=1000)
    assert isinstance(result, Broken)
    assert result.failure.kind == "too_large"


def test_a_chunked_body_without_end_stops_at_the_cap(make: Make) -> None:
    result = one(make, Answer(pieces=[b"x" * 100_000] * 50, cut=True), cap_bytes=300_000)
    assert isinstance(result, Broken)
    assert result.failure.kind == "too_large"


def test_a_slow_answer_is_a_timeout_at_the_deadline(make: Make) -> None:
    result = one(make, Answer(delay_s=600), timeout_s=0.4)
    assert isinstance(result, Broken)
    assert result.failure.kind == "timeout"
    assert "0.4 s" in result.failure.message
    assert result.duration_ns >= 0.35e9


@pytest.mark.parametrize("length", [None, 1000])
def test_a_body_that_trickles_for_ever_is_a_timeout_at_the_total_deadline(make: Make, length: int | None) -> None:
    crumbs: list[Piece] = [b" ", 0.05] * 400
    result = one(make, Answer(pieces=crumbs, length=length), timeout_s=0.5)
    assert isinstance(result, Broken)
    assert result.failure.kind == "timeout"
    assert result.duration_ns >= 0.45e9


def test_a_refused_connection_is_named_so(make: Make) -> None:
    async def use(transport: Transport, server: ScriptedServer) -> None:
        result = await transport.exchange("POST", "http://127.0.0.1:9/x", b"{}", timeout_s=HANGS_S)
        assert isinstance(result, Broken)
        assert result.failure.kind == "connect"
        assert server.requests == []

    run(make, lambda _: Answer(), use)


def test_an_unknown_host_is_a_connection_failure(make: Make) -> None:
    async def main() -> Exchange | Broken:
        transport = make(origin="http://127.0.0.1", headers=HEADERS)
        await transport.open()
        try:
            sent: Exchange | Broken = await transport.exchange(
                "POST", "http://no-such-host.invalid/x", b"{}", timeout_s=HANGS_S
            )
            return sent
        finally:
            await transport.close()

    result = asyncio.run(main())
    assert isinstance(result, Broken)
    assert result.failure.kind == "connect"


@pytest.mark.parametrize(
    "answer",
    [
        Answer(raw=b""),
        Answer(raw=b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{"),
        Answer(raw=b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab"),
        Answer(raw=b"this is not HTTP\r\n\r\n"),
    ],
    ids=["closed", "cut-length", "cut-chunk", "nonsense"],
)
def test_a_broken_connection_is_a_network_failure(make: Make, answer: Answer) -> None:
    result = one(make, answer)
    assert isinstance(result, Broken)
    assert result.failure.kind == "network"
    assert 0 < len(result.failure.message) <= 300


def test_a_corrupt_compressed_body_is_no_reply(make: Make) -> None:
    result = one(make, Answer(body=b"not gzip at all", headers={"content-encoding": "gzip"}))
    assert isinstance(result, Broken)
    assert result.failure.kind == "invalid_reply"


def test_a_cancelled_exchange_is_cancelled_not_a_failure(make: Make) -> None:
    async def use(transport: Transport, server: ScriptedServer) -> None:
        task = asyncio.ensure_future(transport.exchange("POST", server.url, b"{}", timeout_s=HANGS_S))
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(make, lambda _: Answer(delay_s=30), use)


def test_the_environment_s_proxy_is_not_used_on_loopback(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert isinstance(one(make, Answer.of_json({})), Exchange)


def test_many_exchanges_at_once_keep_their_own_bodies(make: Make) -> None:
    async def use(transport: Transport, server: ScriptedServer) -> None:
        sent = [
            transport.exchange("POST", server.url, json.dumps({"n": n}).encode(), timeout_s=HANGS_S) for n in range(60)
        ]
        for number, result in enumerate(await asyncio.gather(*sent)):
            assert isinstance(result, Exchange)
            assert json.loads(result.body) == {"n": number}

    run(make, lambda request: Answer.of_json(request.json(), delay_s=0.05), use)


def test_chunks_reach_the_sink_as_they_arrive(make: Make) -> None:
    sent = [b"data: 1\n\n", b"data: 2\n\n", b"data: 3\n\n"]
    seen = {chunk: asyncio.Event() for chunk in sent}  # the server sends the next one only then
    pieces = chain.from_iterable((chunk, seen[chunk], 0.1) for chunk in sent)
    result, chunks = streamed(make, Answer.of_events(*pieces), heard=lambda chunk: seen[chunk].set())
    assert isinstance(result, Exchange)
    assert result.streamed
    assert [chunk for chunk, _ in chunks] == sent
    (first, second, third) = (at_ns for _, at_ns in chunks)
    assert second - first >= 0.1e9
    assert third - second >= 0.1e9
    assert third + 0.1e9 <= result.duration_ns


def test_a_sink_that_has_enough_ends_the_stream(make: Make) -> None:
    result, chunks = streamed(make, Answer.of_events(b"data: STOP\n\n", asyncio.Event(), b"data: late\n\n"))
    assert isinstance(result, Exchange)
    assert len(chunks) == 1


def test_an_error_in_answer_to_a_stream_is_read_whole(make: Make) -> None:
    result, chunks = streamed(make, Answer.of_json({"error": {"message": "no"}}, status=429))
    assert isinstance(result, Exchange)
    assert (result.status, result.streamed, chunks) == (429, False, [])
    assert b"no" in result.body


def test_plain_json_in_answer_to_a_stream_goes_to_its_reader_too(make: Make) -> None:
    result, chunks = streamed(make, Answer.of_json({"a": 1}))
    assert isinstance(result, Exchange)
    assert (result.body, result.streamed, b"".join(chunk for chunk, _ in chunks)) == (b"", True, b'{"a": 1}')


def test_events_that_are_called_json_keep_the_time_of_each(make: Make) -> None:
    sent = [b"data: 1\n\n", b"data: 2\n\n"]
    heard = asyncio.Event()  # the server sends the second only when the first was heard
    said = Answer.of_events(sent[0], heard, 0.1, sent[1], headers={"content-type": "application/json"})
    result, chunks = streamed(make, said, heard=lambda chunk: heard.set())
    assert isinstance(result, Exchange)
    assert [chunk for chunk, _ in chunks] == sent
    assert chunks[1][1] - chunks[0][1] >= 0.1e9


def test_an_answer_that_is_called_json_may_think_between_its_head_and_its_body(make: Make) -> None:
    said = Answer.of_events(0.5, b'{"a": 1}', headers={"content-type": "application/json"})
    result, _ = streamed(make, said, idle_s=0.1)
    assert isinstance(result, Exchange)


def test_a_stream_whose_answer_has_not_begun_may_think_as_long_as_an_attempt_may_last(make: Make) -> None:
    said = Answer.of_events(0.5, b"data: created\n\n", 0.5, b"data: spam\n\n")
    result, chunks = streamed(make, said, idle_s=0.1, begun=b"spam")
    assert isinstance(result, Exchange)
    assert b"".join(chunk for chunk, _ in chunks).endswith(b"spam\n\n")


def test_a_stream_that_stops_sending_has_stalled(make: Make) -> None:
    result, chunks = streamed(make, Answer.of_events(b"data: 1\n\n", asyncio.Event()), idle_s=0.3)
    assert isinstance(result, Broken)
    assert result.failure.kind == "stream_stalled"
    assert len(chunks) == 1


def test_a_stream_that_trickles_comments_ends_at_the_total_deadline(make: Make) -> None:
    crumbs: list[Piece] = [b": ping\n\n", 0.05] * 400
    result, _ = streamed(make, Answer.of_events(*crumbs), timeout_s=0.5, idle_s=HANGS_S)
    assert isinstance(result, Broken)
    assert result.failure.kind == "timeout"


def test_an_endless_stream_stops_at_the_cap(make: Make) -> None:
    result, _ = streamed(make, Answer.of_events(*[b"data: " + b"x" * 50_000 + b"\n\n"] * 20), cap_bytes=200_000)
    assert isinstance(result, Broken)
    assert result.failure.kind == "too_large"


def test_a_call_that_is_cancelled_as_its_answer_comes_is_cancelled(make: Make) -> None:
    """A client may forget a cancellation when it has its answer by then: in wire, one of eight at such moments."""

    async def use(transport: Transport, server: ScriptedServer) -> None:
        chance, cut_off = Random(1), 0
        method = "POST" if make is OpenAITransport else "GET"  # which needs less, so that more answers come in time
        for _ in range(150):
            call = asyncio.create_task(transport.exchange(method, server.url + "/v1/x", b"", timeout_s=HANGS_S))
            for _ in range(chance.randrange(60)):
                await asyncio.sleep(0)
            asked = call.cancel()
            (ended,) = await asyncio.gather(call, return_exceptions=True)
            assert isinstance(ended, asyncio.CancelledError if asked else Exchange), ended
            cut_off += asked
        assert cut_off > 0

    run(make, lambda _: Answer(body=b"{}"), use)
