"""Checks that settle early: what a stopped suite says is what the whole suite says, in all but delta of orders."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

import pytest
from run_of import CALM, case_row, manifest_of, parsed_thresholds, record, replayed
from scipy import stats

from harness.files.suite import StopRule, Suite, asked_order
from harness.files.thresholds import parse_threshold
from harness.judge import CandidateAssessment
from harness.judge.assess import assess
from harness.judge.checks.settling import Case, Said
from harness.judge.checks.stopper import settling
from harness.record import Event, Failure, Interference, Stopped

N = 100
CASES = [Case(f"c{n}", n % 2) for n in range(N)]


def suite(**more: object) -> Suite:
    return Suite.model_validate(
        {"name": "s", "labels": ["spam", "ham"], "positive": "spam", "cases": "c.jsonl", **more}
    )


def asked(wrong: set[int], seed: int, *thresholds: str, delta: float = 0.05, every: int = 5) -> tuple[int, bool | None]:
    """Ask in the order of a seed; give the cases asked, and whether READY was settled (None: nothing was)."""
    rule = StopRule.model_validate({"delta": delta, "every": every, "from": 5})
    made = settling(
        suite(seed=seed, repeats=1), CASES, [parse_threshold(t, labels=("spam", "ham")) for t in thresholds], rule
    )
    arriving = list(range(N))
    random.Random(seed).shuffle(arriving)  # replies come in any order: the order of asking decides
    for n in arriving:
        predicted = CASES[n].expected ^ (n in wrong)
        found = made.take(f"c{n}", 0, Said(predicted, predicted, "label", 0.1))
        if found is not None:
            return found.asked, found.ready
    return N, None


# 96 of 100 is the fewest that passes "at least 90%" at 95% confidence (exact): 95 must not be stopped as passed
@pytest.mark.parametrize(("right", "ready"), [(95, False), (96, True), (80, False), (100, True)])
def test_a_stopped_suite_contradicts_the_whole_one_in_few_orders(right: int, ready: bool) -> None:
    wrong = set(random.Random(1).sample(range(N), N - right))
    orders = 300
    found = [asked(wrong, seed, "accuracy >= 90%")[1] for seed in range(orders)]
    assert None not in found  # at the last case it is certain
    # at most 5% of all orders: of 300 seldom more than 25 (binomial, .3%)
    assert sum(one is not ready for one in found) <= 25


@pytest.mark.parametrize(("right", "ready"), [(95, False), (96, True)])
def test_shards_that_hear_of_each_other_late_settle_what_one_run_does_or_nothing(right: int, ready: bool) -> None:
    rng, orders, of = random.Random(right), 300, 3
    wrong = set(rng.sample(range(N), N - right))
    thresholds = [parse_threshold("accuracy >= 90%", labels=("spam", "ham"))]
    rule = StopRule.model_validate({"delta": 0.05, "every": 5, "from": 5})
    early = contradicted = 0
    for seed in range(orders):
        shards = [settling(suite(seed=seed, repeats=1), CASES, thresholds, rule) for _ in range(of)]
        left = [[id_ for id_ in shards[0].order if int(id_[1:]) % of == n] for n in range(of)]
        journals: list[list[str]] = [[] for _ in range(of)]
        read = [[0] * of for _ in range(of)]
        speed = [rng.random() ** 2 + 0.02 for _ in range(of)]
        while going := [n for n in range(of) if left[n] and shards[n].settled is None]:
            (mine,) = rng.choices(going, [speed[n] for n in going])
            journals[mine].append(left[mine].pop(0))
            for other in range(of):
                if other == mine or rng.random() < 0.2:  # what the others have it reads now and then
                    for id_ in journals[other][read[mine][other] :]:
                        predicted = CASES[int(id_[1:])].expected ^ (int(id_[1:]) in wrong)
                        shards[mine].take(id_, 0, Said(predicted, predicted, "label", 0.1))
                    read[mine][other] = len(journals[other])
        found = {(one.settled.asked, one.settled.ready) for one in shards if one.settled is not None}
        assert found <= {asked(wrong, seed, "accuracy >= 90%")}
        early += any(after < N for after, _ in found)
        contradicted += any(said is not ready for _, said in found)
    assert early > 20
    assert contradicted <= 25  # as above


def test_ready_waits_for_every_check_and_one_lost_check_ends_it() -> None:
    alone, _ = asked(set(), 1, "accuracy >= 80%")
    both, ready = asked(set(), 1, "accuracy >= 80%", "recall[spam] >= 90%")
    assert ready is True
    assert alone < both
    spam_missed = {n for n in range(N) if n % 2 == 0}
    lost, ready = asked(spam_missed, 1, "accuracy >= 30%", "recall[spam] >= 90%")
    assert ready is False
    assert lost <= 20


def test_a_metric_without_evidence_only_keeps_a_run_from_stopping_ready() -> None:
    # balanced accuracy has no evidence; what was counted before the first call holds up nothing
    assert asked(set(), 1, "accuracy >= 80%", "balanced_accuracy >= 80%") == (N, None)
    assert asked(set(), 1, "accuracy >= 80%", "leakage <= 0")[1] is True
    assert asked(set(range(50)), 1, "accuracy >= 80%", "balanced_accuracy >= 80%")[1] is False


def test_later_looks_of_the_same_trials_in_another_order_of_arrival_find_the_same() -> None:
    wrong = set(random.Random(2).sample(range(N), 2))
    first = asked(wrong, 7, "accuracy >= 90%", "precision[spam] >= 80%")
    assert first[1] is True
    rule = StopRule.model_validate({"delta": 0.05, "every": 5, "from": 5})
    thresholds = [parse_threshold(t, labels=("spam", "ham")) for t in ("accuracy >= 90%", "precision[spam] >= 80%")]
    made = settling(suite(seed=7, repeats=1), CASES, thresholds, rule)
    for n in range(N):
        predicted = CASES[n].expected ^ (n in wrong)
        made.take(f"c{n}", 0, Said(predicted, predicted, "label", 0.1))
    assert made.settled is not None
    assert (made.settled.asked, made.settled.ready) == first


LABELS = ("spam", "ham")
DEMANDS = ("accuracy >= 85%", "recall[spam] >= 80%", "specificity[spam] >= 80%", "precision[spam] >= 80%")
TIMEOUT = Failure(kind="timeout", message="no answer in 30 s")
LOST = Said(-1, -99, "failed", math.inf, lost=True)


def draws(rng: random.Random, repeats: int, lost: float) -> Iterator[tuple[Case, int, int | None]]:
    """Answer every case, or lose the call; the candidate is hopeless, near the demands or good."""
    chance = rng.choice([0.70, 0.76, 0.91, 0.93, 0.95, 0.99])
    for case in CASES:
        for repeat in range(repeats):
            said = case.expected if rng.random() < chance else 1 - case.expected
            yield case, repeat, None if rng.random() < lost else said


@pytest.mark.parametrize(
    ("candidates", "repeats", "lost", "firm", "met"),
    [
        (1, 1, 0.0, True, {("PASS", "PASS"), ("FAIL", "FAIL"), ("open", "INCONCLUSIVE")}),
        (3, 1, 0.0, False, {("PASS", "PASS"), ("can't pass", "INCONCLUSIVE"), ("open", "PASS")}),
        (2, 2, 0.0, False, {("PASS", "PASS"), ("can't pass", "INCONCLUSIVE")}),
        (1, 1, 0.03, False, {("PASS", "PASS"), ("can't pass", "INCONCLUSIVE"), ("open", "INCONCLUSIVE")}),
        (1, 3, 0.03, False, {("PASS", "PASS"), ("can't pass", "INCONCLUSIVE"), ("open", "INCONCLUSIVE")}),
    ],
)
def test_what_is_settled_for_certain_is_what_the_verdict_of_all_candidates_and_checks_says(
    candidates: int, repeats: int, lost: float, firm: bool, met: set[tuple[str, str]]
) -> None:
    """The verdict corrects by Holm over candidates and over checks; a stop never settles what that leaves open."""
    rng = random.Random(candidates)
    rule = StopRule.model_validate({"delta": 1e-9, "every": 5, "from": 5})
    thresholds = parsed_thresholds(DEMANDS, LABELS)
    names = [f"v{n}@m" for n in range(candidates)]
    entries = [replayed(name) for name in names]
    manifest = manifest_of(LABELS, planned=N * candidates * repeats, repeats=repeats, candidates=entries)
    seen: set[tuple[str, str]] = set()
    for _ in range(24 // candidates):
        events: list[Event] = [case_row(case.id, LABELS[case.expected]) for case in CASES]
        asked_of = suite(repeats=repeats)
        weighed = {
            name: settling(asked_of, CASES, thresholds, rule, {} if firm else None, among=candidates) for name in names
        }
        for name in names:
            for case, repeat, said in draws(rng, repeats, lost):
                reply = TIMEOUT if said is None else LABELS[said]
                events.append(record(case.id, reply, repeat=repeat, candidate=name, recorded=True))
                weighed[name].take(case.id, repeat, LOST if said is None else Said(said, said, "label", 0.1))
        for made in assess(manifest, events, thresholds=thresholds).candidates:
            settled, statuses = weighed[made.name].settled, weighed[made.name].statuses
            if settled is not None:
                assert settled.ready == (made.verdict == "READY"), made.headline
                assert settled.ready or not firm or made.verdict == "NOT READY", made.headline
            for check in made.checks:
                early = statuses[check.threshold]
                assert early not in {"PASS", "FAIL"} or check.status == early, check.why
                assert early != "can't pass" or check.status != "PASS", check.why
                seen.add((early, check.status))
    assert met <= seen


@pytest.mark.parametrize("repeats", [1, 2])
def test_a_lost_call_may_be_a_false_alarm_to_a_precision_that_would_pass_without_it(repeats: int) -> None:
    # 50 right answers with the label prove 80% with 4 false alarms beside them (exact lower bound 83.2%), not with 7
    assert stats.beta.ppf(0.05, 50, 5) > 0.8 > stats.beta.ppf(0.05, 50, 8)
    alarms, lost = {1, 3, 5, 7}, {51, 53, 55}
    thresholds = parsed_thresholds(["precision[spam] >= 80%"], LABELS)
    statuses = []
    for missing in (set[int](), lost):
        rule = StopRule.model_validate({"delta": 0.1, "every": 1, "from": 1})
        made = settling(suite(repeats=repeats, seed=2), CASES, thresholds, rule)
        events: list[Event] = []
        for n, case in enumerate(CASES):
            said = LOST if n in missing else Said(0, 0, "label", 0.1) if n in alarms else None
            told = said or Said(case.expected, case.expected, "label", 0.1)
            events.append(case_row(case.id, LABELS[case.expected]))
            for repeat in range(repeats):
                made.take(case.id, repeat, told)
                reply = TIMEOUT if told is LOST else LABELS[told.predicted]
                events.append(record(case.id, reply, repeat=repeat, recorded=True))
        whole = assess(manifest_of(LABELS, planned=N * repeats, repeats=repeats), events, thresholds=thresholds)
        statuses.append((made.statuses[thresholds[0].text], whole.candidates[0].checks[0].status))
    assert statuses == [("PASS", "PASS"), ("open", "INCONCLUSIVE")]


def stopped_after(asked: int, demand: str, *, load: Interference = CALM, status: str = "PASS") -> CandidateAssessment:
    """Judge a run of all cases, right in 0.2 s each, that asked so many of them and stopped."""
    first = set(asked_order([case.id for case in CASES], 0)[:asked])
    thresholds, said = parsed_thresholds([demand], LABELS), {case.id: LABELS[case.expected] for case in CASES}
    events: list[Event] = [load, *(case_row(id_, label) for id_, label in said.items())]
    events += [record(id_, label) for id_, label in said.items() if id_ in first]
    events.append(
        Stopped(
            at_utc="2026-01-01T00:00:00Z",
            candidate="v1@mini",
            asked=asked,
            of=N,
            ready=status == "PASS",
            delta=0.01,
            statuses={demand: status},
        )
    )
    return assess(manifest_of(LABELS, planned=N), events, thresholds=thresholds).candidates[0]


def test_a_limit_that_must_not_be_reached_is_not_met_by_what_reaches_it() -> None:
    assert stopped_after(60, "latency.p50 <= 0.2 s").checks[0].status == "PASS"
    assert stopped_after(60, "latency.p50 < 0.2 s").checks[0].status == "FAIL"


@pytest.mark.parametrize("status", ["PASS", "FAIL"])
def test_a_saturated_client_decides_no_latency_of_a_run_that_stopped_either(status: str) -> None:
    busy = Interference(lag_p50_ns=0, lag_p99_ns=90_000_000, lag_max_ns=90_000_000, cpu_share=0.2, samples=9)
    limit = {"PASS": "latency.p50 <= 1 s", "FAIL": "latency.p50 <= 0.1 s"}[status]
    assert stopped_after(60, limit, status=status).checks[0].status == status
    made = stopped_after(60, limit, status=status, load=busy)
    assert (made.verdict, made.checks[0].status) == ("INCONCLUSIVE", "INCONCLUSIVE")
    assert "not decided, because the client was saturated" in made.checks[0].why
    assert "any more" not in made.headline


def test_what_the_majority_is_follows_the_whole_suite_not_what_was_asked_of_it() -> None:
    made = stopped_after(33, "accuracy > majority")
    assert (made.checks[0].status, made.checks[0].required) == ("PASS", 0.5)
    assert "more than 50% required" in made.checks[0].why


def test_a_suite_that_was_not_asked_to_its_end_is_not_called_too_small() -> None:
    made = stopped_after(20, "accuracy >= 90%", status="can't pass")
    assert made.checks[0].status == "INCONCLUSIVE"
    assert made.checks[0].told == f"after 20 of {N} cases it was not settled."
    assert [trap.kind for trap in made.traps if trap.kind in {"too_few_cases", "noise"}] == []


def test_what_is_not_known_at_all_says_why_and_not_that_it_was_not_settled() -> None:
    (made,) = stopped_after(33, "ttft.p50 <= 1 s", status="open").checks
    assert made.status == "INCONCLUSIVE"
    assert made.why == "ttft.p50 <= 1 s can't be decided: no reply was streamed."
