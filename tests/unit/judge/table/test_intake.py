"""Records become columns many at a time; each row says what its record says, however many are taken together."""

from __future__ import annotations

import math
import random
from datetime import datetime

import numpy as np
import pytest
from msgspec.structs import replace
from run_of import case_row, manifest_of, record

from harness.judge.table import intake
from harness.judge.table.columns import NONE, VIAS, TrialColumns
from harness.judge.table.packed import keys_of, keys_of_texts, text_in
from harness.judge.table.read import build
from harness.judge.table.times import instants_of
from harness.record import Attempt, Failure, Record, Reply, Usage, caller_ns, is_timed, service_ns

LOST = Failure(kind="server_error", message="503")
CASES = [f"case-{n:02d}" for n in range(40)]


def made(seed: int, odd: float) -> list[Record]:
    """Give a record of each case, among which so many are odd in one way or another."""
    rng = random.Random(seed)

    def some(value: object, usual: object) -> object:
        return value if rng.random() < odd else usual

    def attempt() -> Attempt:
        return Attempt(
            duration_ns=rng.randrange(10**9),
            backoff_ns=rng.randrange(100),
            rate_limit_ns=rng.randrange(100),
            connect_ns=some(rng.randrange(50), None),  # type: ignore[arg-type]
            written_ns=some(rng.randrange(50), None),  # type: ignore[arg-type]
            first_token_ns=some(rng.randrange(99), None),  # type: ignore[arg-type]
            failure=some(LOST, None),  # type: ignore[arg-type]
        )

    def reply() -> Reply:
        usage = Usage(
            input=some(None, rng.randrange(99)),  # type: ignore[arg-type]
            output=2,
            cached=some(7, None),  # type: ignore[arg-type]
            reasoning=some(5, None),  # type: ignore[arg-type]
            tier=some("flex", None),  # type: ignore[arg-type]
        )
        return Reply(
            text=rng.choice(["spam", "ham", f"number {rng.random()}"]),
            usage=usage,
            served_model=some("m-2", "m-1"),  # type: ignore[arg-type]
            score=some(rng.random(), None),  # type: ignore[arg-type]
            reasoning=some("Hm.", None),  # type: ignore[arg-type]
            odd=some(("usage",), ()),  # type: ignore[arg-type]
        )

    return [
        replace(
            record(case, "ham"),
            outcome=some(LOST, reply()),  # type: ignore[arg-type]
            attempts=tuple(attempt() for _ in range(some(rng.randrange(4), 1))),  # type: ignore[call-overload]
            queue_ns=rng.randrange(10**6),
            own_ns=3,
            in_flight=some(9, 4),  # type: ignore[arg-type]
            recorded=bool(some(True, False)),
            via=some("batch", "sync"),  # type: ignore[arg-type]
            started_utc=f"2026-01-01T00:00:{n:02d}.000{rng.randrange(1000):03d}+00:00",
        )
        for n, case in enumerate(CASES)
    ]


def row_of(one: Record, trials: TrialColumns) -> dict[str, object]:
    """Give what the columns should say of a record, by its own words."""
    reply = one.outcome if isinstance(one.outcome, Reply) else Reply(text="")
    last = one.attempts[-1] if one.attempts else Attempt(duration_ns=0)
    service = service_ns(one)
    at = datetime.fromisoformat(one.started_utc) - datetime.fromisoformat("2026-01-01T00:00:00+00:00")
    first = service is not None and last.first_token_ns is not None
    return {
        "caller_ns": NONE if (caller := caller_ns(one)) is None else caller,
        "service_ns": NONE if service is None else service,
        "ttft_ns": last.first_token_ns - (last.written_ns or 0) if first else NONE,  # type: ignore[operator]
        "queue_ns": one.queue_ns,
        "own_ns": one.own_ns,
        "rate_limit_ns": sum(each.rate_limit_ns for each in one.attempts),
        "backoff_ns": sum(each.backoff_ns for each in one.attempts),
        "retry_ns": sum(each.duration_ns for each in one.attempts[:-1]),
        "connect_ns": NONE if last.connect_ns is None else last.connect_ns,
        "attempts": len(one.attempts),
        "in_flight": one.in_flight,
        "via": VIAS.index(one.via),
        "tokens_in": NONE if reply.usage.input is None else reply.usage.input,
        "tokens_cached": NONE if reply.usage.cached is None else reply.usage.cached,
        "tokens_written": NONE if reply.usage.cache_write is None else reply.usage.cache_write,
        "tokens_reasoning": NONE if reply.usage.reasoning is None else reply.usage.reasoning,
        "reasoned": int(bool(reply.reasoning or reply.usage.reasoning)),
        "odd": trials.odd_fields.index(reply.odd) if reply.odd else NONE,
        "served": NONE if reply.served_model is None else trials.served_models.index(reply.served_model),
        "tier": NONE if reply.usage.tier is None else trials.tiers.index(reply.usage.tier),
        "score": "nan" if reply.score is None else reply.score,
        "reply": trials.replies.index(reply.text if reply is one.outcome else "server_error: 503"),
        "sent_at": round(at.total_seconds() * 1e6) * 1000,
    }


@pytest.mark.parametrize("at_once", [1, 7, 1000])
@pytest.mark.parametrize("odd", [0.0, 0.04, 0.5])
def test_a_row_says_what_its_record_says(monkeypatch: pytest.MonkeyPatch, at_once: int, odd: float) -> None:
    monkeypatch.setattr(intake, "_AT_ONCE", at_once)
    records = made(round(odd * 100), odd)
    assert odd != 0.5 or not all(map(is_timed, records))
    manifest = manifest_of(("spam", "ham"), planned=len(CASES), positive="spam")
    _, by_name = build(manifest, [*(case_row(case, "ham") for case in CASES), *records])
    (trials,) = by_name.values()
    began = round(datetime.fromisoformat(records[0].started_utc).microsecond) * 1000
    for row, one in enumerate(records):
        wanted = row_of(one, trials)
        wanted["sent_at"] -= began  # type: ignore[operator]
        found = {name: getattr(trials, name)[row].item() for name in wanted}
        found["score"] = "nan" if math.isnan(found["score"]) else found["score"]
        assert found == wanted


@pytest.mark.parametrize(
    "large", [{"in_flight": 2**31}, {"in_flight": -(2**40)}, {"attempts": (Attempt(duration_ns=1),) * 2**15}]
)
def test_a_number_that_no_run_could_have_written_is_refused(large: dict[str, object]) -> None:
    events = [case_row("a", "ham"), replace(record("a", "ham"), **large)]
    with pytest.raises(OverflowError):
        build(manifest_of(("spam", "ham"), planned=1), events)


@pytest.mark.parametrize(
    "texts",
    [[], ["a"], ["ab", "cd"], ["ab", "c"], ["a\0", "bb"], ["ä", "bc"], ["", ""], ["x" * 48] * 2, ["x" * 49, "y" * 49]],
)
def test_keys_of_texts_are_those_of_the_same_texts_encoded(texts: list[str]) -> None:
    assert keys_of_texts(texts).tolist() == keys_of(map(text_in, texts)).tolist()


@pytest.mark.parametrize(
    ("times", "wanted"),
    [
        (["1970-01-01T00:00:01+00:00", "1970-01-02T00:00:00+00:00"], [1_000_000, 86_400_000_000]),
        (["1970-01-01T00:00:00.000007+00:00", "1969-12-31T23:59:59.000000+00:00"], [7, -1_000_000]),
        (["1970-01-01T00:00:00.000007+00:00", "1970-01-01T00:00:01+00:00", ""], [7, 1_000_000, NONE]),
        (["1970-01-01T01:00:00.000007+01:00"], [7]),
        (["1970-01-01T00:00:00.000007"], [7]),
        ([], []),
    ],
)
def test_instants_count_microseconds_however_they_are_written(times: list[str], wanted: list[int]) -> None:
    assert np.array_equal(instants_of(times), wanted)


@pytest.mark.parametrize(
    "time", ["1970-13-01T00:00:00+00:00", "1970-01-01T25:00:00+00:00", "1970-01-01Tab:00:00+00:00"]
)
def test_an_instant_that_is_none_is_refused(time: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        instants_of([time])
