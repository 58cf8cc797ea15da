"""What opening a connection costs is told apart by every transport, as the server's own log has it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from certified import Certified
from commanded import HANGS_S
from far import far_away
from scripted import Answer, Request, ScriptedServer

from harness.measure.endpoint.transports.httpx_transport import HttpxTransport
from harness.measure.endpoint.transports.openai_transport import OpenAITransport
from harness.measure.endpoint.transports.transport import Exchange, Transport
from harness.measure.endpoint.transports.wire import WireTransport

OPENING_S = 0.1  # far more than a connection within this machine takes
SHARED = {WireTransport: 1, HttpxTransport: 16, OpenAITransport: 1}  # pools that calls go to in turn


@pytest.fixture(params=list(SHARED), ids=["wire", "httpx", "openai"])
def make(request: pytest.FixtureRequest) -> Any:
    return request.param


Call = Callable[[int], Awaitable[Exchange]]


def run(
    make: Any,
    certified: Certified,
    script: Callable[[Request], Answer | Awaitable[Answer]],
    use: Callable[[Call], Awaitable[dict[int, Exchange]]],
) -> tuple[dict[int, Exchange], set[int]]:
    """Give the exchanges by number, and the numbers that came first over a connection of the server."""

    async def main() -> tuple[dict[int, Exchange], set[int]]:
        async with (
            ScriptedServer(script, tls=certified.server()) as server,
            far_away(server.port, opening_s=OPENING_S) as port,
        ):
            url = f"https://127.0.0.1:{port}/v1/x"
            trusted = (certified.authority.read_bytes(),)
            transport: Transport = make(origin=url, headers={}, trusted=trusted)

            async def call(number: int) -> Exchange:
                body = b'{"number": %d}' % number
                ended = await transport.exchange("POST", url, body, timeout_s=HANGS_S)
                assert isinstance(ended, Exchange), ended
                return ended

            await transport.open()
            try:
                done = await use(call)
            finally:
                await transport.close()
            seen: set[int] = set()
            first = set()
            for request in server.requests:
                if request.connection not in seen:
                    seen.add(request.connection)
                    first.add(request.json()["number"])
            return done, first

    return asyncio.run(main())


def check(done: dict[int, Exchange], first: set[int]) -> None:
    assert {number for number, each in done.items() if each.connect_ns is not None} == first
    for number, each in done.items():
        assert each.written_ns is not None
        assert 0 <= each.written_ns <= each.first_byte_ns <= each.duration_ns
        if number in first:
            assert each.connect_ns is not None
            assert OPENING_S * 0.95e9 <= each.connect_ns <= each.written_ns


def test_only_the_call_that_opened_a_connection_tells_of_it(make: Any, certified: Certified) -> None:
    async def use(call: Call) -> dict[int, Exchange]:
        return {number: await call(number) for number in range(SHARED[make] + 3)}

    done, first = run(make, certified, lambda _: Answer.of_json({}), use)
    assert first == set(range(SHARED[make]))
    check(done, first)


def test_a_call_after_the_server_closed_its_connection_tells_of_the_new_one(make: Any, certified: Certified) -> None:
    async def use(call: Call) -> dict[int, Exchange]:
        done = {}
        for number in range(2 * SHARED[make] + 1):
            done[number] = await call(number)
            await asyncio.sleep(0.05)  # the client hears of the close
        return done

    done, first = run(make, certified, lambda _: Answer.of_json({}, headers={"connection": "close"}, cut=True), use)
    assert first == set(done)
    check(done, first)


def test_grown_concurrency_tells_of_each_connection_that_it_opened(make: Any, certified: Certified) -> None:
    together = SHARED[make] * 4
    arrived: list[Request] = []

    async def script(request: Request) -> Answer:
        """Answer the second round once all of it is there, so that no connection serves twice in it."""
        if request.json()["number"] >= SHARED[make]:
            arrived.append(request)
            while len(arrived) < together:  # noqa: ASYNC110 (the server's loop is the client's)
                await asyncio.sleep(0.01)
        return Answer.of_json({})

    async def use(call: Call) -> dict[int, Exchange]:
        done = {number: await call(number) for number in range(SHARED[make])}
        numbers = range(SHARED[make], SHARED[make] + together)
        return done | dict(zip(numbers, await asyncio.gather(*map(call, numbers)), strict=True))

    done, first = run(make, certified, script, use)
    assert len(first) == together  # the first round's connections were used again
    check(done, first)


def test_over_plain_http_to_this_machine_nothing_is_opened_that_costs(make: Any, tmp_path: Path) -> None:
    del tmp_path

    async def main() -> Any:
        async with ScriptedServer(lambda _: Answer.of_json({})) as server:
            transport = make(origin=server.url, headers={})
            await transport.open()
            try:
                return await transport.exchange("POST", server.url, b"{}", timeout_s=HANGS_S)
            finally:
                await transport.close()

    ended = asyncio.run(main())
    assert isinstance(ended, Exchange)
    assert (ended.connect_ns is None) == (make is WireTransport)
