"""Who answered, and what explains flips: through a whole judgement of made-up runs."""

from __future__ import annotations

from typing import Any

import pytest
from run_of import case_row, manifest_of, only, record

from harness.judge.assess import assess
from harness.judge.documents import Stability
from harness.record import Event, Reply

LABELS = ("spam", "ham")


def stability_of(rows: list[dict[str, Any]], repeats: int = 2) -> Stability:
    """Judge trials given as case, repeat, said, and what else a record holds."""
    cases = sorted({row["case"] for row in rows})
    events: list[Event] = [case_row(case, "spam") for case in cases]
    for place, row in enumerate(rows):
        said = Reply(
            text=row.pop("said", "spam"), fingerprint=row.pop("fingerprint", None), served_model=row.pop("served", None)
        )
        made = record(row["case"], said, repeat=row["repeat"])
        extra = {"in_flight": row.get("in_flight", 1), "recorded": row.get("recorded", False)}
        at = f"2026-01-01T00:00:{place // 10:02d}.{place % 10}00000Z"
        events.append(type(made)(**{f: getattr(made, f) for f in made.__struct_fields__} | extra | {"started_utc": at}))
    return only(assess(manifest_of(LABELS, planned=len(rows), repeats=repeats), events)).stability


def trials(number: int, flipped: int, **fields: Any) -> list[dict[str, Any]]:
    """Give two repeats of each case; the second of the first `flipped` says ham."""
    stem = fields.pop("stem", "a")
    return [
        {"case": f"{stem}{n:03d}", "repeat": repeat, "said": "ham" if repeat == 1 and n < flipped else "spam", **fields}
        for n in range(number)
        for repeat in (0, 1)
    ]


def test_flips_that_come_with_calls_in_flight_are_explained_by_concurrency() -> None:
    rows = [*trials(100, 0, in_flight=1), *trials(100, 20, in_flight=16, stem="b")]
    made = stability_of(rows)
    assert made.concurrency is not None
    assert made.concurrency.explains
    assert (made.concurrency.first.value, made.concurrency.second.value) == (0.0, pytest.approx(0.2))
    assert made.concurrency_note.startswith(
        "Concurrency explains part of the flips: repeats differ in 0.0% of pairs with at most 1 call in "
        "flight and in 20.0% with more than 1 (20.0 points"
    )


def test_flips_that_do_not_care_are_not() -> None:
    rows = [*trials(100, 20, in_flight=1), *trials(100, 20, in_flight=16, stem="b")]
    made = stability_of(rows)
    assert made.concurrency is not None
    assert not made.concurrency.explains
    assert made.concurrency_note.startswith("Nothing shows that concurrency causes the flips")


def test_calls_sent_alone_rule_concurrency_out_and_recorded_ones_say_nothing() -> None:
    alone = stability_of(trials(20, 2, in_flight=1))
    assert alone.concurrency is None
    assert alone.concurrency_note == "Concurrency can't explain the flips: every repeat was sent alone."
    assert stability_of(trials(20, 0, in_flight=1)).concurrency_note == ""
    assert stability_of(trials(20, 2, in_flight=1, recorded=True)).concurrency_note == ""


def test_a_fingerprint_that_changes_during_the_run_is_dated() -> None:
    rows = [*trials(50, 0, fingerprint="fp_1"), *trials(50, 0, fingerprint="fp_2", stem="b")]
    made = stability_of(rows)
    (change,) = made.served_changes
    assert (change.what, change.before, change.after) == ("fingerprint", "fp_1", "fp_2")
    assert change.at_s == pytest.approx(10.0)  # the 101st trial, ten a second
    assert made.served_changes_in_all == 1
    assert made.fingerprints == {"fp_1": 100, "fp_2": 100}


def test_flips_between_repeats_of_two_models_are_explained_by_them() -> None:
    rows = [
        {
            "case": f"{n:03d}",
            "repeat": repeat,
            "said": "ham" if n < 30 and repeat == 2 else "spam",
            "served": "mini-a" if repeat < 2 else "mini-b",
        }
        for n in range(100)
        for repeat in range(3)
    ]
    made = stability_of(rows, repeats=3)
    assert made.by_fingerprint is not None
    assert made.by_fingerprint.explains
    assert (made.by_fingerprint.first.value, made.by_fingerprint.second.value) == (0.0, pytest.approx(0.3))
    assert made.served_changes_in_all == 199
    assert len(made.served_changes) == 20


def test_each_headline_metric_is_followed_over_the_repeats() -> None:
    made = stability_of(trials(10, 2))
    spread = {part.metric: part for part in made.spread}
    assert spread["accuracy"].values == (1.0, 0.8)
    assert (spread["accuracy"].low, spread["accuracy"].high) == (0.8, 1.0)
    assert spread["accuracy"].deviation == pytest.approx(0.02**0.5)  # of 1.0 and .8, n - 1
    assert spread["balanced_accuracy"].values == (1.0, 0.8)
    assert spread["recall[spam]"].values == (1.0, 0.8)
    assert spread["precision[ham]"].values == (None, 0.0)
    assert spread["latency.p95"].values == (0.2, 0.2)
    assert spread["mcc"].values == (None, None)  # one label only
