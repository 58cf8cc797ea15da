"""What an endpoint bears and allows decides how fast we send."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from random import Random

import pytest
from virtual_clock import VirtualClock, VirtualLoop

from harness.errors import EndpointUnusable, RunIncomplete
from harness.files.project import Limits
from harness.measure.endpoint.contract import Answer, RateHints
from harness.measure.pacing.lane import Lane, shared_limits
from harness.measure.pacing.rate import RateLimiter
from harness.measure.pacing.retrying import Breaker, RetryBudget, RetryRules, backoff_s
from harness.measure.pacing.turnstile import Turnstile
from harness.record import Attempt, Failure, FailureKind, Record, Reply


def record(kind: FailureKind | None, *, recorded: bool = False) -> Record:
    outcome = Reply(text="spam") if kind is None else Failure(kind=kind, message="scripted")
    return Record(key="k", case="1", candidate="c", outcome=outcome, recorded=recorded)


async def round_of_successes(gate: Turnstile) -> None:
    for _ in range(gate.limit):
        await gate.enter()
    for _ in range(gate.limit):
        gate.succeeded()
    while gate.admitted:
        gate.leave()


async def limits_of(gate: Turnstile, rounds: int) -> list[int]:
    limits = []
    for _ in range(rounds):
        limits.append(gate.limit)
        await round_of_successes(gate)
    return limits


def test_the_gate_doubles_while_full_up_to_the_configured_concurrency() -> None:
    assert asyncio.run(limits_of(Turnstile(50), 5)) == [8, 16, 32, 50, 50]


def test_the_gate_does_not_grow_while_it_is_not_full() -> None:
    gate = Turnstile(50)
    for _ in range(100):
        gate.succeeded()
    assert gate.limit == 8


def test_a_429_cuts_by_a_fifth_once_for_all_calls_in_flight_and_growth_is_by_one_then() -> None:
    async def play() -> None:
        gate = Turnstile(40)
        await limits_of(gate, 3)
        assert gate.limit == 40
        assert gate.overloaded(sent_ns=10, now_ns=20)
        assert gate.limit == 32
        assert not gate.overloaded(sent_ns=15, now_ns=21)  # was in flight at the cut
        assert gate.limit == 32
        await round_of_successes(gate)
        assert gate.limit == 33
        assert gate.overloaded(sent_ns=30, now_ns=40)
        assert gate.limit == 26

    asyncio.run(play())


def test_new_places_open_over_the_time_of_a_round_so_that_calls_do_not_march_in_step() -> None:
    async def play() -> list[float]:
        gate, began = Turnstile(200), []
        loop = asyncio.get_running_loop()

        async def worker() -> None:
            for _ in range(8):
                await gate.enter()
                began.append(loop.time())
                await asyncio.sleep(0.2)  # an endpoint that takes exactly 200 ms
                gate.succeeded()
                gate.leave()

        await asyncio.gather(*(worker() for _ in range(200)))
        assert gate.limit == 200
        return sorted(began)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        began = runner.run(play())
    middle = began[len(began) // 2]
    window = [at for at in began if middle <= at < middle + 0.2]
    busiest = max(sum(at <= other < at + 0.01 for other in window) for at in window)
    assert busiest <= len(window) / 4  # even would be a twentieth, in step all of them


def test_six_hundred_requests_a_minute_are_a_tenth_of_a_second_apart() -> None:
    clock = VirtualClock()
    limiter = RateLimiter(clock, rpm=600, tpm=None)

    async def send() -> list[int]:
        times: list[int] = []

        async def one() -> None:
            await limiter.wait(1)
            times.append(clock.now_ns())

        await asyncio.gather(*(one() for _ in range(21)))
        return times

    times = clock.run(send())
    gaps = [(later - earlier) / 1e6 for earlier, later in pairwise(times)]
    assert gaps[0] == pytest.approx(50)  # the first may come up to 50 ms early
    assert gaps[1:] == pytest.approx([100] * 19)


def test_twelve_thousand_tokens_a_minute_give_a_request_of_400_every_two_seconds() -> None:
    clock = VirtualClock()
    limiter = RateLimiter(clock, rpm=None, tpm=12_000)

    async def send() -> float:
        for _ in range(6):
            await limiter.wait(400)
        return (clock.now_ns() - 1e9) / 1e9

    assert clock.run(send()) == pytest.approx(5 * 2 - 0.05)


def test_tokens_that_were_reserved_and_not_used_are_given_back() -> None:
    clock = VirtualClock()
    limiter = RateLimiter(clock, rpm=None, tpm=12_000)

    async def send() -> float:
        for _ in range(6):
            await limiter.wait(400)
            limiter.settle(400, 200)
        return (clock.now_ns() - 1e9) / 1e9

    assert clock.run(send()) == pytest.approx(5 * 1 - 0.05, abs=0.05)


def heeding(hints: RateHints, sends: int) -> list[float]:
    """Give the seconds at which requests go out after such hints came with the first answer."""
    clock = VirtualClock()
    limiter = RateLimiter(clock, rpm=None, tpm=None)

    async def send() -> list[float]:
        ticket = await limiter.wait(100)
        limiter.heed(hints, ticket)
        times = []
        for _ in range(sends):
            await limiter.wait(100)
            times.append((clock.now_ns() - 1e9) / 1e9)
        return times

    return clock.run(send())


def test_what_is_left_of_a_window_is_spread_over_the_rest_of_it() -> None:
    times = heeding(RateHints(remaining_requests=20, reset_requests_s=10.0), 21)
    assert times[-1] == pytest.approx(10.0, abs=0.1)
    assert times[10] == pytest.approx(5.0, abs=0.1)


def test_tokens_that_are_left_are_spread_too() -> None:
    times = heeding(RateHints(remaining_tokens=2000, reset_tokens_s=10.0), 21)
    assert times[-1] == pytest.approx(10.0, abs=0.1)


def test_nothing_left_waits_for_the_reset() -> None:
    assert heeding(RateHints(remaining_requests=0, reset_requests_s=7.0), 1) == [pytest.approx(7.0)]
    assert heeding(RateHints(remaining_tokens=0, reset_tokens_s=7.0), 1) == [pytest.approx(7.0)]


@pytest.mark.parametrize(
    "hints",
    [
        RateHints(),
        RateHints(remaining_requests=5, reset_requests_s=80_000.0),  # a daily quota is there to be used
        RateHints(remaining_requests=5),
        RateHints(remaining_requests=5, reset_requests_s=0.0),
    ],
)
def test_hints_that_say_nothing_of_the_next_minutes_do_not_slow(hints: RateHints) -> None:
    assert heeding(hints, 50)[-1] == 0.0


def test_an_older_answer_does_not_overrule_a_newer_one() -> None:
    clock = VirtualClock()
    limiter = RateLimiter(clock, rpm=None, tpm=None)

    async def send() -> float:
        old, new = await limiter.wait(1), await limiter.wait(1)
        limiter.heed(RateHints(remaining_requests=1000, reset_requests_s=1.0), new)
        limiter.heed(RateHints(remaining_requests=0, reset_requests_s=60.0), old)
        await limiter.wait(1)
        return (clock.now_ns() - 1e9) / 1e9

    assert clock.run(send()) < 0.1


def test_failures_are_held_until_it_is_known_whether_the_endpoint_is_down() -> None:
    breaker = Breaker("m")
    first, second, good = record("server_error"), record("timeout"), record(None)
    assert breaker.settle(first) == ()
    assert breaker.settle(second) == ()
    assert breaker.settle(good) == (first, second, good)
    assert breaker.release() == ()


def test_an_answer_of_any_kind_shows_that_the_endpoint_is_there() -> None:
    breaker = Breaker("m")
    held, refused = record("connect"), record("bad_request")
    breaker.settle(held)
    assert breaker.settle(refused) == (held, refused)


def test_five_in_a_row_without_any_success_are_hopeless_and_twenty_after_one_are_an_outage() -> None:
    breaker = Breaker("m")
    for _ in range(4):
        breaker.settle(record("connect"))
    with pytest.raises(EndpointUnusable, match=r"^5 trials in a row failed"):
        breaker.settle(record("connect"))
    breaker = Breaker("m")
    breaker.settle(record(None))
    for _ in range(19):
        breaker.settle(record("connect"))
    with pytest.raises(RunIncomplete, match="20 trials in a row"):
        breaker.settle(record("connect"))


def test_recorded_failures_are_no_outage() -> None:
    breaker = Breaker("m")
    for _ in range(30):
        assert len(breaker.settle(record("server_error", recorded=True))) == 1


def test_retries_are_a_fifth_of_the_calls_once_fifty_have_succeeded() -> None:
    budget = RetryBudget()
    for _ in range(50):
        budget.called(succeeded=True)
    granted = 0
    while budget.take():
        granted += 1
        budget.called(succeeded=False)
    assert granted == 12  # 12 of 62 calls; a thirteenth would be 13 of 63
    assert 13 > 0.2 * 63 >= 12


def test_a_cold_endpoint_is_not_refused_retries() -> None:
    budget = RetryBudget()
    for _ in range(100):
        assert budget.take()
        budget.called(succeeded=False)


def test_a_wait_that_is_asked_for_again_is_kept_and_spread() -> None:
    failure = Failure(kind="rate_limited", message="slow down", status=429)
    told = Answer(attempt=Attempt(duration_ns=0), outcome=failure, hints=RateHints(retry_after_s=0.1))
    rules = RetryRules(attempts=5, deadline_s=120, max_retry_after_s=60, budget=RetryBudget(), rng=Random(1))
    first, second, third = ([backoff_s(told, attempt, rules) for _ in range(200)] for attempt in (1, 2, 3))
    assert min(first + second + third) >= 0.1
    assert max(first) <= 0.11
    assert 0.9 < max(second) <= 1.1  # all that wait were told the same moment
    assert 1.8 < max(third) <= 2.1


def test_entries_that_share_a_key_get_the_strictest_limits_and_processes_their_share() -> None:
    one, other = Limits(concurrency=64, rpm=600), Limits(concurrency=9, tpm=1000, attempts=3)
    shared = shared_limits([one, other])
    assert (shared.concurrency, shared.rpm, shared.tpm, shared.attempts) == (9, 600, 1000, 3)
    share = shared_limits([one, other], shards=2)
    assert (share.concurrency, share.rpm, share.tpm) == (4, 300, 500)


def test_a_saturated_client_sends_less_and_tries_more_again_after_a_while_that_doubles() -> None:
    said: list[str] = []

    async def play() -> None:
        lane = Lane("m", Limits(concurrency=8), VirtualClock(), lambda _, why: said.append(why))
        lane.client_saturated(25.0)
        for _ in range(39):
            lane.client_well()
        assert lane.turnstile.most == 6
        lane.client_well()
        assert lane.turnstile.most == 7
        await limits_of(lane.turnstile, 2)
        assert lane.turnstile.limit == 7
        lane.client_saturated(25.0)
        assert lane.turnstile.most == 5
        for _ in range(79):
            lane.client_well()
        assert lane.turnstile.most == 5
        for _ in range(4 * 80):
            lane.client_well()
        assert lane.turnstile.most == 8

    asyncio.run(play())
    assert said == [
        "client saturated, 25 ms late; 8 -> 6 in flight",
        "client keeps up again; at most 6 -> 7 in flight",
        "client saturated, 25 ms late; 7 -> 5 in flight",
        "client keeps up again; at most 5 -> 6 in flight",
        "client keeps up again; at most 6 -> 7 in flight",
        "client keeps up again; at most 7 -> 8 in flight",
    ]
