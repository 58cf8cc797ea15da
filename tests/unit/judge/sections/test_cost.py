"""Money and tokens against figures worked by hand."""

from __future__ import annotations

import msgspec
import pytest
from run_of import CALM, candidate, case_row, manifest_of, record

from harness.files.project import Price
from harness.judge.assess import assess
from harness.judge.checks import to_store
from harness.judge.documents import CandidateAssessment, Cost, undefined
from harness.record import Event, Reply, Usage
from harness.report.sections.cost import cost_section

LABELS = ("spam", "ham")
PRICE = {"input": 2.0, "cached": 0.5, "output": 10.0}


def priced(name: str) -> object:
    entry = candidate(name)
    entry.model["price"] = PRICE
    return entry


def measured(tokens: dict[str, tuple[int, int]]) -> dict[str, CandidateAssessment]:
    """Measure prompts on four cases: two are spam, of which one is missed; tokens are (input, cached)."""
    events: list[Event] = [CALM, *(case_row(f"c{i}", "spam" if i < 2 else "ham") for i in range(4))]
    for name, (given, cached) in tokens.items():
        for i in range(4):
            usage = Usage(input=given + i, output=1, cached=cached)
            said = "spam" if i == 0 else "ham"
            events.append(record(f"c{i}", Reply(text=said, usage=usage), candidate=name))
    manifest = manifest_of(
        LABELS,
        planned=4 * len(tokens),
        candidates=[priced(name) for name in tokens],  # type: ignore[misc]
        positive="spam",
        volume="2M per month",
    )
    return {made.name: made for made in assess(manifest, events).candidates}


def test_money_is_tokens_times_price_cached_ones_at_their_own() -> None:
    # Each call: (100 + i - 40) fresh at 2, 40 cached at .5, 1 out at 10 per million; i = 0, 1, 2, 3:
    # 120 + 2i + 20 + 10 = 150 + 2i millionths: 612 in all.
    cost = measured({"v1@m": (100, 40)})["v1@m"].cost
    assert cost.total == pytest.approx(612e-6)
    assert cost.per_1000.value == pytest.approx(1000 * 153e-6)
    assert cost.per_correct.value == pytest.approx(612e-6 / 3)
    assert cost.per_caught_positive is not None
    assert cost.per_caught_positive.value == pytest.approx(612e-6)
    assert (cost.tokens_in.value, cost.tokens_out.value, cost.tokens_cached.value) == (101.5, 1, 40)


@pytest.mark.parametrize("price", [None, 2.5])
def test_tokens_that_a_cache_took_in_are_priced_so_or_named(price: float | None) -> None:
    # A call: 60 fresh at 2, 40 taken in at 2.5, 1 out at 10: 230 millionths; at the price of input 210. Warm-up too.
    made = candidate()
    made.model["price"] = {"input": 2.0, "output": 10.0, "cache_write": price}
    said = Reply(text="spam", usage=Usage(input=100, output=1, cache_write=40))
    events = [CALM, case_row("a", "spam"), case_row("b", "spam"), record("a", said), record("b", said)]
    (one,) = assess(manifest_of(LABELS, planned=2, candidates=[made], positive="spam"), events).candidates
    assert one.cost.total == pytest.approx(2 * (210e-6 if price is None else 230e-6))
    assert one.cost.unpriced_writes == (80 if price is None else 0)
    told = "took in 80 tokens" in " ".join(cost_section(one.cost).notes)
    assert told is (price is None)


def test_inputs_that_are_long_enough_for_a_dearer_price_are_named() -> None:
    made = measured({"v1@m": (199_998, 0)})["v1@m"].cost  # and 1, 2, 3 tokens more
    assert made.long_inputs == 1
    assert "1 reply had over 200,000 tokens of input" in " ".join(cost_section(made).notes)


def test_a_month_is_the_volume_times_the_mean_with_its_interval() -> None:
    # SD of 150, 152, 154, 156 is 2.582, SE 1.291, t(3) = 3.1824: 153 - 4.1084 millionths, times 2 million; above it is
    # Cox's bound of the logs: mean 5.030367, variance .000285; exp(5.030509 + 3.1824 sqrt(.0000712)) = 157.171.
    cost = measured({"v1@m": (100, 40)})["v1@m"].cost
    assert cost.volume_per_month == 2_000_000
    assert cost.per_month == pytest.approx(306)
    assert cost.month is not None
    assert (cost.month.low, cost.month.high) == (pytest.approx(297.783, abs=1e-2), pytest.approx(314.342, abs=1e-2))
    assert "$306.00 a month at 2,000,000 decisions" in cost_section(cost).lead


def test_a_prompt_grows_against_the_version_before_it_on_the_same_model() -> None:
    made = measured({"v1@m": (100, 0), "v2@m": (130, 0), "v10@m": (125, 0), "v2@other": (90, 0)})
    growth = {name: one.cost.growth for name, one in made.items()}
    assert growth["v1@m"] is None
    assert growth["v2@other"] is None
    grown = growth["v2@m"]
    assert grown is not None
    assert (grown.since, grown.tokens_before, grown.more.value) == ("v1", 101.5, 30)
    assert grown.share == pytest.approx(30 / 101.5)
    shrunk = growth["v10@m"]
    assert shrunk is not None
    assert (shrunk.since, shrunk.more.value) == ("v2", -5)


def test_the_report_names_tokens_money_and_growth() -> None:
    cost: Cost = measured({"v1@m": (100, 0), "v2@m": (130, 0)})["v2@m"].cost
    said = {figure.name: f"{figure.text} {figure.hint}" for figure in cost_section(cost).figures}
    assert said["Tokens in, since v1"].startswith("30 ")
    assert "+29.6% on 101.5" in said["Tokens in, since v1"]
    assert {"Per 1,000 decisions", "Per right decision", "Per caught positive", "Per month"} <= set(said)


def test_a_long_prompt_that_became_shorter_is_written_with_all_its_digits() -> None:
    cost: Cost = measured({"v1@m": (123_456, 0), "v2@m": (61_728, 0)})["v2@m"].cost
    (hint,) = [f.hint for f in cost_section(cost).figures if f.name == "Tokens in, since v1"]
    assert hint.startswith("−50.0% on 123,45")


def test_an_endpoint_that_never_answered_is_not_blamed_for_a_missing_count() -> None:
    manifest = manifest_of(LABELS, planned=4, candidates=[priced("v1@m")])
    (made,) = assess(manifest, [CALM, *(case_row(f"c{i}", "spam") for i in range(4))]).candidates
    assert cost_section(made.cost).lead == "What it costs is not known: no reply came."


def test_what_one_case_cost_is_shown_without_an_interval_and_decides_nothing() -> None:
    counted, other = Reply(text="spam", usage=Usage(input=100, output=1)), Reply(text="ham")
    events: list[Event] = [CALM, case_row("a", "spam"), case_row("b", "ham")]
    events += [record(case, said, candidate="v1@m") for case, said in (("a", counted), ("b", other))]
    manifest = manifest_of(LABELS, planned=2, candidates=[priced("v1@m")], thresholds=["cost per 1000 <= $9"])
    (made,) = assess(manifest, events).candidates
    assert (made.cost.per_1000.value, made.cost.per_1000.low, made.cost.per_1000.high) == (
        pytest.approx(0.21),
        None,
        None,
    )
    assert cost_section(made.cost).lead == "$0.21 per 1,000 decisions; this run cost $0.00021."
    (check,) = made.checks
    assert check.status == "INCONCLUSIVE"
    assert check.why == "cost per 1000 <= $9 can't be decided: one case alone shows no spread."


def test_a_cost_that_nobody_counted_is_not_called_free() -> None:
    counted = measured({"v1@m": (100, 0)})["v1@m"].cost
    none = undefined("the endpoint did not count tokens")
    section = cost_section(msgspec.structs.replace(counted, total=0.0, per_1000=none, per_correct=none, month=None))
    assert section.lead == "What it costs is not known: the endpoint did not count tokens."
    assert "This run" not in {figure.name for figure in section.figures}


@pytest.mark.parametrize("endpoint", ["chat", "local", "replay"])
def test_a_model_without_a_price_has_no_figure_in_money(endpoint: str) -> None:
    entry = msgspec.structs.replace(candidate(), model={"endpoint": endpoint, "model": "mini"})
    events: list[Event] = [CALM, *(case_row(f"c{i}", "spam") for i in range(4))]
    usage = Usage(input=100, output=1)
    events += [record(f"c{i}", Reply(text="spam", usage=usage)) for i in range(4)]
    manifest = manifest_of(
        LABELS,
        planned=4,
        candidates=[entry],
        positive="spam",
        volume="2M per month",
        thresholds=["cost per 1000 <= $1"],
    )
    judged = assess(manifest, events)
    (made,) = judged.candidates
    cost, nothing = made.cost, None
    assert cost.per_caught_positive is not None
    assert cost.month is not None
    values = [one.value for one in (cost.per_1000, cost.per_correct, cost.per_caught_positive, cost.month)]
    assert (values, cost.total, cost.per_month, cost.priced) == ([nothing] * 4, nothing, nothing, False)
    assert cost.tokens_in.value == 100
    (check,) = made.checks
    assert (check.status, check.estimate.value) == ("INCONCLUSIVE", nothing)
    assert "harness.yml gives no price for mini" in check.why
    stored = to_store(judged, manifest, now_utc="2026-01-02T00:00:00Z").candidates[made.name]
    assert not [name for name in stored.figures if "cost" in name]


@pytest.mark.parametrize("usage", [Usage(output=1), Usage(input=100), Usage()])
def test_tokens_that_are_counted_by_halves_cost_nothing_that_is_known(usage: Usage) -> None:
    price = {"input": 10.0, "output": 10.0, "currency": "USD"}
    entry = msgspec.structs.replace(candidate(), model={"endpoint": "chat", "model": "mini", "price": price})
    events: list[Event] = [CALM, *(case_row(f"c{i}", "spam") for i in range(4))]
    events += [record(f"c{i}", Reply(text="spam", usage=usage)) for i in range(4)]
    manifest = manifest_of(LABELS, planned=4, candidates=[entry], thresholds=["cost per 1000 <= $1"])
    (made,) = assess(manifest, events).candidates
    (check,) = made.checks
    assert (check.status, check.estimate.value, made.cost.missing_usage) == ("INCONCLUSIVE", None, 4)
    assert Price.model_validate(price).of(usage) is None
