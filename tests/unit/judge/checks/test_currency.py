"""Money is held only against money of the same currency; where it is not, both are named."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from run_of import CALM, candidate, case_row, check_of, manifest_of, record

from harness.files.baselines import StoredBaseline
from harness.judge.assess import assess
from harness.judge.checks import to_store
from harness.judge.checks.baseline import Baseline, baseline_of, from_store
from harness.judge.documents import Assessment, Check
from harness.record import Event, Reply, Usage
from harness.rundir import Manifest

RELATIVE = "cost per 1000 <= baseline * 1.2"


def run(currency: str | None, threshold: str = "accuracy >= 50%") -> tuple[Manifest, list[Event]]:
    """Give 40 right answers of 100 tokens each, at one unit of a currency a million: 0.1 per 1,000."""
    price = {"price": {"input": 1.0, "output": 1.0, "currency": currency}} if currency else {}
    entry = msgspec.structs.replace(candidate(), model={"endpoint": "chat", "model": "mini", **price})
    events: list[Event] = [CALM, *(case_row(f"c{n:02d}", "spam") for n in range(40))]
    said = Reply(text="spam", usage=Usage(input=99, output=1))
    events += [record(f"c{n:02d}", said) for n in range(40)]
    manifest = manifest_of(("spam", "ham"), planned=40, candidates=[entry], thresholds=[threshold])
    return manifest, events


def checked(currency: str | None, threshold: str, baseline: Assessment | Baseline | None = None) -> Check:
    return check_of(assess(*run(currency, threshold), baseline=baseline), threshold)


def stored(currency: str | None) -> Baseline:
    """Give a baseline as baselines.yml keeps it."""
    manifest, events = run(currency)
    written = to_store(assess(manifest, events), manifest, now_utc="2026-01-02T00:00:00Z")
    return from_store(StoredBaseline.model_validate(written.model_dump(mode="json")))


def test_a_baseline_in_the_same_currency_decides() -> None:
    for baseline in (stored("EUR"), baseline_of(assess(*run("EUR")))):
        check = checked("EUR", RELATIVE, baseline)
        assert (check.status, check.required) == ("PASS", pytest.approx(0.12))
        assert "€" in check.why


def test_a_baseline_in_another_currency_decides_nothing_and_both_are_named() -> None:
    for baseline in (stored("EUR"), baseline_of(assess(*run("EUR")))):
        for threshold in (RELATIVE, "cost per 1000 <= baseline", "cost per correct <= baseline"):
            check = checked("JPY", threshold, baseline)
            assert check.status == "INCONCLUSIVE"
            assert "JPY" in check.why
            assert "EUR" in check.why


def test_a_baseline_that_names_no_currency_decides_no_money_and_says_what_to_do() -> None:
    """Files of early versions kept the figure alone."""
    kept = stored("EUR")
    old = replace(kept, candidates=tuple(replace(one, currency=None) for one in kept.candidates))
    check = checked("EUR", RELATIVE, old)
    assert check.status == "INCONCLUSIVE"
    assert "set it again" in check.why
    assert checked("EUR", "accuracy >= baseline - 20%", old).status == "PASS"


def test_a_threshold_in_another_currency_than_the_prices_decides_nothing_and_both_are_named() -> None:
    assert checked("EUR", "cost per 1000 <= €0.50").status == "PASS"
    assert checked("USD", "cost per 1000 <= 0.50").status == "PASS"
    check = checked("USD", "cost per 1000 <= €0.50")
    assert check.status == "INCONCLUSIVE"
    assert "USD" in check.why
    assert "EUR" in check.why
    assert check.estimate.value == pytest.approx(0.1)


def test_a_baseline_without_a_price_keeps_no_figure_in_money() -> None:
    kept = stored(None)
    assert not [name for name in kept.candidates[0].figures if "cost" in name]
    assert checked("USD", RELATIVE, kept).status == "INCONCLUSIVE"
