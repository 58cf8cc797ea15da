"""One reading of a trial: judging, `show`, `export`, the viewer and the live line say the same of it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from journalled import write_journal
from pydantic import ValidationError
from run_of import candidate, case_row, manifest_of, record

from harness.cli.progress.tally import Tally
from harness.cli.show import _trial_rows
from harness.files.project import Price
from harness.files.suite import ReplyRule
from harness.journal import read_events
from harness.judge.assess import views_of
from harness.judge.labels import LabelReader
from harness.judge.sections.cost import spent
from harness.record import Event, Reply, Usage
from harness.report.export import trial_rows
from harness.rundir import JOURNAL, MANIFEST, Manifest
from harness.web.index.reading import IndexReader

WORDS = "I can't help with that."
LABELS = ("spam", "ham")
# 1,000 tokens in, of which 400 from the cache, and 10 out: 600 * 2 + 400 * .5 + 10 * 8 = 1,480 millionths.
COST = 1480e-6


def stored(run: Path, *events: Event, price: dict[str, float] | None = None) -> Manifest:
    given = {"price": price} if price else {}
    entry = msgspec.structs.replace(candidate(), model={"endpoint": "chat", "model": "mini", **given})
    manifest = manifest_of(LABELS, planned=1, candidates=[entry])
    run.mkdir(exist_ok=True)
    (run / MANIFEST).write_bytes(msgspec.json.encode(manifest))
    write_journal(run / JOURNAL, [case_row("a", "spam"), *events])
    return manifest


def test_a_refusals_words_are_read_alike_everywhere(tmp_path: Path) -> None:
    manifest = stored(tmp_path, record("a", Reply(text="", refusal=WORDS)))
    (shown,) = _trial_rows(tmp_path, manifest, case="a", wrong=False)
    assert (shown["reply"], shown["read_as"]) == (WORDS, "refused")
    (exported,) = trial_rows(tmp_path, manifest)
    assert (exported["reply"], exported["outcome"], exported["label"]) == (WORDS, "refused", None)
    (view,) = views_of(tmp_path).values()
    assert view.trials.replies == (WORDS,)
    index = IndexReader(tmp_path / JOURNAL, manifest).read_on()
    assert index.replies.matching(WORDS).tolist() == [True]


def test_a_call_costs_the_same_wherever_it_is_counted(tmp_path: Path) -> None:
    usage = Usage(input=1000, output=10, cached=400)
    trial = record("a", Reply(text="spam", usage=usage))
    manifest = stored(tmp_path, trial, price={"input": 2.0, "cached": 0.5, "output": 8.0})
    (shown,) = _trial_rows(tmp_path, manifest, case="a", wrong=False)
    (exported,) = trial_rows(tmp_path, manifest)
    (view,) = views_of(tmp_path).values()
    price = Price(input=2.0, cached=0.5, output=8.0)
    live = Tally(LabelReader(ReplyRule(), LABELS), {"a": "spam"}, price)
    for event in read_events(tmp_path / JOURNAL):
        if event == trial:
            live.add(trial)
    judged = float(spent(view.trials, view.model.price).sum())
    assert [shown["cost"], exported["cost"], live.money, judged] == [pytest.approx(COST)] * 4


# The same 1,480 millionths: a batch at half of them, flex at a quarter; no factor is known of another tier.
@pytest.mark.parametrize(
    ("tier", "cost"), [("batch", 740e-6), ("flex", 370e-6), ("default", COST), ("priority", COST), (None, COST)]
)
def test_a_call_costs_its_tier_s_part_wherever_it_is_counted(tmp_path: Path, tier: str | None, cost: float) -> None:
    trial = record("a", Reply(text="spam", usage=Usage(input=1000, output=10, cached=400, tier=tier)))
    price = {"input": 2.0, "cached": 0.5, "output": 8.0, "batch": 0.5, "flex": 0.25}
    manifest = stored(tmp_path, trial, price=price)
    (shown,) = _trial_rows(tmp_path, manifest, case="a", wrong=False)
    (exported,) = trial_rows(tmp_path, manifest)
    (view,) = views_of(tmp_path).values()
    live = Tally(LabelReader(ReplyRule(), LABELS), {"a": "spam"}, Price(**price))  # type: ignore[arg-type]
    live.add(trial)
    judged = float(spent(view.trials, view.model.price).sum())
    assert [shown["cost"], exported["cost"], live.money, judged] == [pytest.approx(cost)] * 4


@pytest.mark.parametrize("factor", [0, 1.5, 50, "200%", True])
def test_a_factor_is_a_part_of_the_price(factor: object) -> None:
    with pytest.raises(ValidationError):
        Price(input=1.0, flex=factor)  # type: ignore[arg-type]


def test_a_factor_may_be_written_in_percent() -> None:
    assert Price(input=1.0, batch="50%").factor("batch") == 0.5  # type: ignore[arg-type]


def test_more_cached_tokens_than_tokens_make_no_negative_cost() -> None:
    price = Price(input=2.0, cached=0.5, output=8.0)
    assert price.of(Usage(input=10, output=0, cached=30)) == pytest.approx(15e-6)
    many = price.money(np.array([10.0, 20.0]), np.zeros(2), np.array([30.0, 0.0]))
    assert many == pytest.approx([15e-6, 40e-6])


def test_what_a_cache_takes_in_has_its_own_price_in_place_of_the_input_s() -> None:
    # Of 100 tokens 40 at .5, 50 at 2.5, 10 at 2; and 1 out at 10: 20 + 125 + 20 + 10.
    price = Price(input=2.0, cached=0.5, cache_write=2.5, output=10.0)
    assert price.of(Usage(input=100, output=1, cached=40, cache_write=50)) == pytest.approx(175e-6)
    assert Price(input=2.0).of(Usage(input=100, output=1, cache_write=50)) == pytest.approx(200e-6)


def test_without_a_price_no_trial_has_a_cost(tmp_path: Path) -> None:
    manifest = stored(tmp_path, record("a", Reply(text="spam", usage=Usage(input=1000, output=10))))
    (shown,) = _trial_rows(tmp_path, manifest, case="a", wrong=False)
    (exported,) = trial_rows(tmp_path, manifest)
    assert (shown["cost"], exported["cost"], exported["currency"]) == (None, None, None)
