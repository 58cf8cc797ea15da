"""Events become columns: complete, sorted, and the same in any order."""

from __future__ import annotations

import random

import numpy as np
import pytest
from msgspec.structs import replace
from run_of import CANDIDATE, candidate, case_row, events_of, manifest_of, record

from harness.errors import JournalDamaged
from harness.judge.table.columns import NONE, TrialColumns
from harness.judge.table.read import build, tabulate
from harness.record import Attempt, Event, Failure, Record, Reply, Usage, caller_ns, service_ns

LABELS = ("spam", "ham")


def columns(events: list[Event], **manifest: object) -> TrialColumns:
    _, trials = build(manifest_of(LABELS, planned=0, **manifest), events)  # type: ignore[arg-type]
    return trials[CANDIDATE]


def test_rows_are_sorted_by_variant_case_and_repeat() -> None:
    events = [
        case_row("b", "ham"),
        case_row("a", "spam"),
        record("b", "ham", repeat=1),
        record("a", "spam", variant="typos"),
        record("b", "spam", repeat=0),
        record("a", "ham", repeat=1),
        record("a", "spam", repeat=0),
    ]
    trials = columns(events, repeats=2, variants=("original", "typos"))
    assert trials.variant.tolist() == [0, 0, 0, 0, 1]
    assert trials.case.tolist() == [0, 0, 1, 1, 0]
    assert trials.repeat.tolist() == [0, 1, 0, 1, 0]
    assert trials.predicted.tolist() == [0, 1, 0, 1, 0]
    assert trials.expected.tolist() == [0, 0, 1, 1, 0]


def test_trials_that_were_not_run_are_counted_and_have_no_row() -> None:
    trials = columns([case_row("a", "spam"), case_row("b", "ham"), record("a", "spam")], repeats=2)
    assert (trials.outcome.tolist(), trials.not_run) == ([0], 3)


def test_a_variant_that_one_candidate_ran_is_owed_by_all() -> None:
    events = [
        case_row("a", "spam"),
        case_row("b", "ham"),
        *(record(case, "spam", candidate=name) for case in "ab" for name in ("v1@m", "v2@m")),
        record("a", "spam", variant="typos", candidate="v1@m"),
    ]
    manifest = manifest_of(
        LABELS, planned=6, variants=("original", "typos"), candidates=[candidate("v1@m"), candidate("v2@m")]
    )
    _, trials = build(manifest, events)
    assert [len(trials[name]) for name in ("v1@m", "v2@m")] == [3, 2]
    assert [trials[name].not_run for name in ("v1@m", "v2@m")] == [0, 1]


def test_the_order_of_events_does_not_matter() -> None:
    events = events_of([("spam", "spam", 5), ("ham", "spam!", 3), ("ham", "eh", 2)], repeats=3)
    first = columns(events, repeats=3)
    for seed in range(5):
        shuffled = random.Random(seed).sample(events, len(events))
        again = columns(shuffled, repeats=3)
        assert again.replies == first.replies
        for name in ("case", "repeat", "predicted", "reply", "caller_ns", "sent_at"):
            assert np.array_equal(getattr(again, name), getattr(first, name))


@pytest.mark.parametrize("again", ["2026-01-02T00:00:00Z", "2025-12-31T00:00:00Z"])  # a clock set back, too
def test_of_two_records_of_one_trial_the_later_in_the_journal_counts(again: str) -> None:
    first = replace(record("a", "ham"), started_utc="2026-01-01T00:00:00Z")
    second = replace(record("a", "spam"), key="again", started_utc=again)
    between = record("b", "ham")
    trials = columns([case_row("a", "spam"), case_row("b", "ham"), first, between, second])
    assert trials.predicted.tolist() == [0, 1]


def test_the_parts_of_a_trial_are_kept_apart() -> None:
    slow = Failure(kind="timeout", message="5 s")
    made = Record(
        key="k",
        case="a",
        candidate=CANDIDATE,
        outcome=Reply(text="spam", usage=Usage(input=9, output=1, cached=4), served_model="m-1", fingerprint="fp"),
        attempts=(
            Attempt(duration_ns=500, failure=slow),
            Attempt(duration_ns=90, backoff_ns=40, rate_limit_ns=7, connect_ns=8, written_ns=10, first_token_ns=30),
        ),
        queue_ns=11,
        own_ns=3,
        in_flight=2,
    )
    trials = columns([case_row("a", "spam"), made])
    wanted = {
        "caller_ns": 630,
        "service_ns": 80,
        "ttft_ns": 20,
        "queue_ns": 11,
        "rate_limit_ns": 7,
        "backoff_ns": 40,
        "retry_ns": 500,
        "connect_ns": 8,
    }
    assert {name: int(getattr(trials, name)[0]) for name in wanted} == wanted
    assert (trials.tokens_in[0], trials.tokens_out[0], trials.tokens_cached[0]) == (9, 1, 4)
    assert (trials.served_models, trials.fingerprints) == (("m-1",), ("fp",))
    assert trials.attempts[0] == 2


WARM = Usage(input=50, output=2, cached=0, cache_write=0)


def test_warm_up_calls_are_listed_and_never_counted() -> None:
    trials = columns([case_row("a", "spam"), record("a", "ham", warmup=True), record("a", "spam")])
    assert (len(trials), trials.warmup_calls, trials.warmup_usage) == (1, 1, (WARM,))


def test_a_trial_of_an_unknown_case_is_refused() -> None:
    with pytest.raises(JournalDamaged, match="trials of case 'x', but not the case itself"):
        columns([case_row("a", "spam"), record("x", "spam")])


def test_a_trial_of_an_unknown_candidate_is_refused() -> None:
    with pytest.raises(JournalDamaged, match="'v9@m', which the manifest does not name"):
        columns([case_row("a", "spam"), record("a", "spam", candidate="v9@m")])


def test_a_case_with_a_label_outside_the_suite_is_refused() -> None:
    with pytest.raises(JournalDamaged, match="expects 'eggs', which is not a label"):
        columns([case_row("a", "eggs")])


def test_a_run_without_records_has_no_row_and_owes_every_planned_trial() -> None:
    table = tabulate(manifest_of(LABELS, planned=2, repeats=2), [case_row("a", "spam")])
    assert (len(table.trials[CANDIDATE]), table.trials[CANDIDATE].not_run, table.journalled) == (0, 2, 0)


def test_a_run_without_cases_has_no_rows() -> None:
    assert len(columns([])) == 0


def test_durations_are_those_that_the_record_defines() -> None:
    lost = Failure(kind="network", message="reset")
    runs = [
        (Attempt(duration_ns=70, backoff_ns=5, rate_limit_ns=3, written_ns=20),),
        (Attempt(duration_ns=70, failure=lost),),
        (Attempt(duration_ns=70, failure=lost), Attempt(duration_ns=40, backoff_ns=9, rate_limit_ns=2)),
    ]
    events: list[Event] = []
    records = []
    for place, attempts in enumerate(runs):
        outcome = Reply(text="spam") if attempts[-1].failure is None else lost
        records.append(
            Record(key="k", case=str(place), candidate=CANDIDATE, outcome=outcome, attempts=attempts, queue_ns=4)
        )
        events += [case_row(str(place), "spam"), records[-1]]
    trials = columns(events)
    assert trials.caller_ns.tolist() == [caller_ns(record) for record in records]
    assert trials.service_ns.tolist() == [service_ns(record) or NONE for record in records]
    whole = trials.caller_ns + trials.queue_ns + trials.rate_limit_ns + trials.own_ns
    assert whole.tolist() == [record.total_ns for record in records]


def test_an_endpoint_may_name_itself_anew_in_every_reply() -> None:
    many = 33_000  # more than a number of 16 bits holds: some gateways make a fingerprint for each reply
    events: list[Event] = [case_row(f"c{n}", "spam") for n in range(33)]
    for n in range(many):
        usage = Usage(input=50, output=2, tier=f"tier-{n}")
        said = Reply(text="spam", served_model=f"m-{n}", fingerprint=f"fp-{n}", finish_reason=f"end-{n}", usage=usage)
        late = Attempt(duration_ns=1, status=1_000 + n, failure=Failure(kind="server_error", message="late"))
        made = record(f"c{n % 33}", replace(said, odd=(f"odd-{n}",)), repeat=n // 33)
        events.append(replace(made, attempts=(late, *made.attempts)))
    trials = columns(events, repeats=1_000)
    names = (trials.served_models, trials.fingerprints, trials.tiers, trials.unknown_endings, trials.odd_fields)
    assert [len(each) for each in (*names, trials.retries)] == [many] * 6
    index = (trials.served, trials.fingerprint, trials.tier, trials.ending, trials.odd, trials.retried)
    assert all(len(np.unique(column)) == many for column in index)
