"""The plan holds each trial once, in an order that is fair to all candidates, and knows what it costs."""

from __future__ import annotations

import pickle
import tracemalloc
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from measured import write_project

from harness.files.bundle import Bundle, Via, load_bundle
from harness.files.suite import LatencyRule
from harness.measure.bounds import Most, Plan, UsageError, estimate
from harness.record import CaseRow, Planned, Record, Reply

NOWHERE = "http://127.0.0.1:9"


def small(tmp_path: Path, **project: object) -> Bundle:
    return load_bundle(write_project(tmp_path, NOWHERE, **project))  # type: ignore[arg-type]


def everything(plan: Plan, done: bytearray | None = None) -> list[Planned]:
    names = frozenset(candidate.name for candidate in plan.candidates)
    return list(plan.trials(done or plan.nothing_done(), names))


def record_of(planned: Planned) -> Record:
    trial = planned.trial
    return Record(
        key=trial.key,
        case=trial.case,
        candidate=trial.candidate,
        variant=trial.variant,
        repeat=trial.repeat,
        outcome=Reply(text="spam"),
    )


def test_every_case_candidate_and_repeat_is_a_trial_with_a_key_of_its_own(tmp_path: Path) -> None:
    plan = Plan(small(tmp_path, cases=7, repeats=3, prompts=("v1", "v2")))
    trials = [planned.trial for planned in everything(plan)]
    assert plan.planned == len(trials) == 7 * 3 * 2
    assert len({trial.key for trial in trials}) == 42
    assert Counter((trial.candidate, trial.repeat) for trial in trials) == {
        (f"v{v}@m", repeat): 7 for v in (1, 2) for repeat in range(3)
    }


def test_a_variant_that_changes_nothing_in_a_case_is_no_trial(tmp_path: Path) -> None:
    suite = write_project(tmp_path, NOWHERE, cases=4, perturbations=("contractions", "case"))
    rows = (tmp_path / "cases.jsonl").read_text().replace("message no. 2", "I do not know")
    (tmp_path / "cases.jsonl").write_text(rows)
    planned = everything(Plan(load_bundle(suite)))
    inputs = {(p.trial.case, p.trial.variant): p.inputs["message"] for p in planned}
    assert [case for case, variant in inputs if variant == "contractions"] == ["2"]
    assert inputs["2", "contractions"] == "I don't know"
    assert len([1 for _, variant in inputs if variant == "case"]) == 4


def test_candidates_are_shuffled_together_and_repeats_are_passes_of_their_own(tmp_path: Path) -> None:
    plan = Plan(small(tmp_path, cases=50, repeats=2, prompts=("v1", "v2")))
    trials = [planned.trial for planned in everything(plan)]
    assert [trial.repeat for trial in trials] == [0] * 100 + [1] * 100
    first_half = Counter(trial.candidate for trial in trials[:50])
    assert 10 < first_half["v1@m"] < 40
    assert [t.case for t in trials[:100]] != [t.case for t in trials[100:]]


def test_the_order_comes_from_the_seed_alone(tmp_path: Path) -> None:
    bundle = small(tmp_path, cases=30)
    once, again = everything(Plan(bundle)), everything(Plan(bundle))
    seeded = replace(bundle, suite=bundle.suite.model_copy(update={"seed": 1}))
    assert once == again
    assert once != everything(Plan(seeded))
    assert {p.trial.key for p in once} == {p.trial.key for p in everything(Plan(seeded))}


def test_marked_trials_are_not_planned_again_and_a_record_of_another_key_marks_nothing(tmp_path: Path) -> None:
    plan = Plan(small(tmp_path, cases=10))
    done, all_of_them = plan.nothing_done(), everything(plan)
    assert plan.mark(done, record_of(all_of_them[3]))
    stale = record_of(all_of_them[4])
    assert not plan.mark(done, Record(key="other", case=stale.case, candidate="v1@m", outcome=stale.outcome))
    assert not plan.mark(done, Record(key="k", case="unknown", candidate="v1@m", outcome=stale.outcome))
    assert everything(plan, done) == all_of_them[:3] + all_of_them[4:]
    assert plan.remaining(done) == {"v1@m": 9}


def test_shards_share_the_plan_without_gap_or_overlap(tmp_path: Path) -> None:
    plan = Plan(small(tmp_path, cases=11, repeats=2))
    names = frozenset({"v1@m"})
    shards = [list(plan.trials(plan.nothing_done(), names, shard=n, shards=3)) for n in range(3)]
    assert sorted(len(shard) for shard in shards) == [7, 7, 8]
    assert {p.trial.key for shard in shards for p in shard} == {p.trial.key for p in everything(plan)}


def test_warm_up_calls_have_keys_that_no_trial_has(tmp_path: Path) -> None:
    plan = Plan(small(tmp_path, cases=2, warmup=3))
    warmups = list(plan.warmups(plan.candidates[0]))
    assert len({p.trial.key for p in warmups}) == 3
    assert not {p.trial.key for p in warmups} & {p.trial.key for p in everything(plan)}


@pytest.mark.parametrize("text", ["plain", "é", "\ud800"])  # the last one is no text that MessagePack can hold
def test_a_bundle_is_the_same_in_another_process(tmp_path: Path, text: str) -> None:
    bundle = small(tmp_path, cases=2)
    case = CaseRow(id="0", digest="0", expected="spam", tags=("a",), inputs={"message": text})
    there = replace(bundle, cases=(case, *bundle.cases))
    assert pickle.loads(pickle.dumps(there)) == there


def test_many_trials_are_not_many_objects(tmp_path: Path) -> None:
    bundle = small(tmp_path, cases=2)
    cases = tuple(CaseRow(id=str(n), digest=str(n), expected="spam", inputs={"message": "x"}) for n in range(2000))
    many = replace(bundle, cases=cases, suite=bundle.suite.model_copy(update={"repeats": 100}))
    tracemalloc.start()
    plan = Plan(many)
    trials = plan.trials(plan.nothing_done(), frozenset({"v1@m"}))
    for _ in range(1000):
        next(trials)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert plan.planned == 200_000
    assert peak < 8e6  # as objects they would take some 60 MB


def test_an_estimate_counts_calls_tokens_and_money(tmp_path: Path) -> None:
    bundle = small(
        tmp_path, cases=10, repeats=2, warmup=3, params={"max_tokens": 5}, price={"input": 2.0, "output": 10.0}
    )
    summary = estimate(bundle)
    assert (summary.cases, summary.trials, summary.calls) == (10, 20, 23)
    assert summary.labels == {"spam": {"": 5}, "ham": {"": 5}}
    (cost,) = summary.candidates
    assert cost.first_prompt == "[user] v1: is this spam? message no. 0"
    # 31 characters: 7 tokens and 1 for the rest, 4 for the message
    assert cost.tokens_in == 23 * (31 // 4 + 1 + 4)
    assert cost.tokens_out == 23 * 5
    assert cost.money == pytest.approx((cost.tokens_in * 2.0 + 115 * 10.0) / 1e6)
    assert cost.priced


def test_an_estimate_knows_each_way_of_asking_whose_price_is_known(tmp_path: Path) -> None:
    price = {"input": 2.0, "output": 10.0, "batch": 0.5, "flex": 0.25}
    (cost,) = estimate(small(tmp_path, cases=10, repeats=2, warmup=3, params={"max_tokens": 5}, price=price)).candidates
    # 23 calls of 12 tokens at 2 and at most 5 at 10 a million: 23 * 74 = 1,702 millionths; no warm-up where no clock is
    assert cost.ways == {"sync": pytest.approx(1702e-6), "batch": pytest.approx(740e-6), "flex": pytest.approx(370e-6)}


@pytest.mark.parametrize(
    ("price", "tier", "money"),
    [
        ({"priority": 1.5}, "priority", 1.5 * 1702e-6),
        ({"flex": 0.5}, "priority", None),  # dearer, and nobody said by how much
        ({"flex": 0.5}, "flex", 0.5 * 1702e-6),
        ({}, "default", 1702e-6),
        ({"cache_write": 2.5}, "default", 23 * (12 * 2.5 + 5 * 10.0) / 1e6),  # at most: all of it taken in
        ({"cache_write": 1.0}, "default", 1702e-6),
    ],
)
def test_an_estimate_is_at_the_price_of_the_tier_that_is_asked_for(
    tmp_path: Path, price: dict[str, float], tier: str, money: float | None
) -> None:
    params = {"max_tokens": 5, "service_tier": tier}
    bundle = small(
        tmp_path, cases=10, repeats=2, warmup=3, params=params, price={"input": 2.0, "output": 10.0, **price}
    )
    (cost,) = estimate(bundle).candidates
    assert cost.money == (None if money is None else pytest.approx(money))
    if money is None:
        with pytest.raises(UsageError, match="no price of the tier `priority`"):
            Most(money=9.0).refuse([(plan := Plan(bundle), plan.nothing_done())])


def sampled(bundle: Bundle, sample: int, via: Via = "batch") -> Bundle:
    suite = bundle.suite.model_copy(update={"latency": LatencyRule(sample=sample)})
    return replace(bundle, suite=suite).bought(via)


def test_the_sample_is_asked_at_once_in_one_repeat_and_all_else_waits(tmp_path: Path) -> None:
    plan = Plan(sampled(small(tmp_path, cases=10, repeats=3), 4))
    left = plan.at_once(plan.nothing_done())
    at_once = list(plan.trials(left, frozenset({"v1@m"})))
    assert [(trial.repeat, trial.variant) for trial in (each.trial for each in at_once)] == [(0, "original")] * 4
    assert len({each.trial.case for each in at_once}) == 4
    done = plan.nothing_done()
    for planned in at_once[:3]:
        assert plan.mark(done, record_of(planned))
    assert plan.remaining(plan.at_once(done)) == {"v1@m": 1}


def test_without_a_sample_nothing_of_a_batch_is_asked_at_once_and_else_everything_is(tmp_path: Path) -> None:
    bundle = small(tmp_path, cases=10, repeats=3)
    for via, left in (("batch", 0), ("file", 0), ("flex", 30), ("sync", 30)):
        plan = Plan(bundle.bought(via))  # type: ignore[arg-type]
        assert plan.remaining(plan.at_once(plan.nothing_done())) == {"v1@m": left}


def test_a_sample_has_each_label_and_each_length_in_its_share() -> None:
    words = {"spam": 60, "ham": 30, "eggs": 10}
    cases = [
        CaseRow(id=f"{label}{n:02d}", digest="", expected=label, inputs={"message": "x" * n})
        for label, many in words.items()
        for n in range(many)
    ]
    for seed in range(5):
        found = [cases[place] for place in LatencyRule(sample=20).of(cases, seed)]
        assert len({case.id for case in found}) == 20
        assert Counter(case.expected for case in found) == {"spam": 12, "ham": 6, "eggs": 2}
        lengths = sorted(len(case.inputs["message"]) for case in found if case.expected == "spam")
        assert [length // 5 for length in lengths] == list(range(12))
    assert LatencyRule(sample=20).of(cases, 0) != LatencyRule(sample=20).of(cases, 1)
    assert sorted(LatencyRule(sample=500).of(cases, 0)) == list(range(100))


def test_a_batch_costs_its_part_and_its_sample_the_whole(tmp_path: Path) -> None:
    price = {"input": 2.0, "output": 10.0, "batch": 0.5}
    bundle = small(tmp_path, cases=10, repeats=2, warmup=3, params={"max_tokens": 5}, price=price)
    # 74 millionths a call: 20 at once with 3 of warm-up, or 4 with 3 of warm-up beside 16 at half
    for via in ("sync", "batch"):
        (cost,) = estimate(sampled(bundle, 4, via)).candidates  # type: ignore[arg-type]
        assert cost.ways == {"sync": pytest.approx(1702e-6), "batch": pytest.approx((7 * 74 + 16 * 37) / 1e6)}
        assert cost.money == cost.ways[via]
    (cost,) = estimate(bundle.bought("batch")).candidates
    assert (cost.calls, cost.money) == (20, pytest.approx(740e-6))


def test_an_estimate_without_a_limit_or_a_price_says_so(tmp_path: Path) -> None:
    (cost,) = estimate(small(tmp_path, cases=4)).candidates
    assert cost.tokens_out is None
    assert not cost.priced
