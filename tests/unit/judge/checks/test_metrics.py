"""Every metric that a threshold can name is parsed, decided and explained, with its operators and units."""

from __future__ import annotations

import functools
import re

import msgspec
import pytest
from run_of import CALM, candidate, case_row, manifest_of, record

from harness.files.thresholds import BETTER_THAN_MAJORITY, METRICS, parse_threshold
from harness.judge.assess import assess
from harness.judge.documents import Assessment, Check
from harness.record import Attempt, Event, Reply, Session, Usage

LABELS = ("spam", "ham")
CASES = 400
PRICE = {"input": 1.0, "output": 2.0}  # dollars a million tokens: 50 in and 2 out cost $0.000054


def events() -> list[Event]:
    """400 cases asked twice, with a variant each; every 20th is wrong, always; all calls take 200 ms."""
    found: list[Event] = [
        Session(at_utc="2026-01-01T00:00:00Z", event="started"),
        CALM,
        Session(at_utc="2026-01-01T01:00:00Z", event="finished"),
    ]
    for number in range(CASES):
        case, expected = f"case-{number:04d}", LABELS[number % 2]
        wrong = number % 20 in {0, 11} and number % 40 < 20
        said = LABELS[1 - number % 2] if wrong else expected
        tags = ("short",) if number < 200 else ()
        found.append(case_row(case, expected, split=("dev", "holdout")[number // 2 % 2], tags=tags))
        reply = Reply(text=said, usage=Usage(input=50, output=2))
        for variant in ("original", "typos"):
            for repeat in range(2):
                made = record(case, reply, repeat=repeat, variant=variant)
                timed = Attempt(duration_ns=200_000_000, first_token_ns=50_000_000)
                found.append(msgspec.structs.replace(made, key=f"{made.key}-{variant}", attempts=(timed,)))
    return found


@functools.cache
def judged(*texts: str, with_baseline: bool = False) -> Assessment:
    priced = msgspec.structs.replace(
        candidate(), model={"endpoint": "chat", "model": "mini", "price": PRICE, "stream": True}
    )
    manifest = manifest_of(
        LABELS,
        planned=CASES * 4,
        repeats=2,
        candidates=[priced],
        variants=("original", "typos"),
        perturbations=["typos"],
        positive="spam",
    )
    thresholds = [parse_threshold(text, labels=LABELS, perturbations=["typos"]) for text in texts]
    baseline = judged("accuracy >= 1%") if with_baseline else None
    return assess(manifest, events(), thresholds=thresholds, baseline=baseline)


# The figures: 95% of 400 cases right, of both labels alike; answers never move; 52 tokens, $0.054 per 1,000.
EXPRESSIONS = [
    ("accuracy >= 90%", "PASS"),
    ("accuracy >= 0.9", "PASS"),
    ("accuracy > 95%", "INCONCLUSIVE"),
    ("accuracy > 99%", "FAIL"),
    ("accuracy > majority", "PASS"),
    ("balanced_accuracy >= 90%", "PASS"),
    ("balanced_accuracy > 98.5%", "FAIL"),
    ("mcc >= 0.8", "PASS"),
    ("mcc > .97", "FAIL"),
    ("kappa >= 0.8", "PASS"),
    ("kappa > 0.97", "FAIL"),
    ("macro_f1 >= 90%", "PASS"),
    ("weighted_f1 >= 90%", "PASS"),
    ("weighted_f1 > 99%", "FAIL"),
    ("micro_f1 >= 90%", "PASS"),
    ("micro_f1 > 99%", "FAIL"),
    ("macro_f1 > 99%", "FAIL"),
    ("f1[spam] >= 90%", "PASS"),
    ("f1[spam] > 99.5%", "FAIL"),
    ("fbeta(2)[spam] >= 90%", "PASS"),
    ("fbeta(0.5)[ham] > 99.5%", "FAIL"),
    ("precision[spam] >= 90%", "PASS"),
    ("precision[spam] > 99.5%", "FAIL"),
    ("recall[spam] >= 90%", "PASS"),
    ("recall[spam] where tag=short >= 85%", "PASS"),
    ("recall[spam] where tag=short and split=dev > 99.9%", "FAIL"),
    ("specificity[spam] >= 90%", "PASS"),
    ("specificity[spam] > 99.5%", "FAIL"),
    ("latency.p50 <= 1 s", "PASS"),
    ("latency.p90 <= 200 ms", "PASS"),
    ("latency.p95 < 0.01 min", "PASS"),
    ("latency.p99 < 150 ms", "FAIL"),
    ("latency.max <= 0.2 s", "PASS"),
    ("latency.max < 200 ms", "FAIL"),
    ("latency.within(1 s) >= 99%", "PASS"),
    ("latency.within(150 ms) > 20%", "FAIL"),
    ("ttft.p50 <= 50 ms", "PASS"),
    ("ttft.p90 <= 1 s", "PASS"),
    ("ttft.p95 <= 60 ms", "PASS"),
    ("ttft.p99 < 40 ms", "FAIL"),
    ("ttft.max <= 1 s", "PASS"),
    ("failures <= 1%", "PASS"),
    ("failures < 0.5%", "INCONCLUSIVE"),
    ("unparseable <= 1%", "PASS"),
    ("refused < 1%", "PASS"),
    ("truncated <= 0.01", "PASS"),
    ("coverage >= 99%", "PASS"),
    ("coverage > 99.9%", "INCONCLUSIVE"),
    ("stability >= 98%", "PASS"),
    ("stability > 99.9%", "INCONCLUSIVE"),
    ("flip_rate <= 2%", "PASS"),
    ("flip_rate < 0.1%", "INCONCLUSIVE"),
    ("pass^2 >= 90%", "PASS"),
    ("pass^2 > 99%", "FAIL"),
    ("robustness.drop <= 5%", "PASS"),
    ("robustness.drop[typos] < 5%", "PASS"),
    ("robustness.flips <= 5%", "PASS"),
    ("robustness.flips[typos] <= 5%", "PASS"),
    ("generalization.gap <= 10%", "PASS"),
    ("generalization.gap < 0.1%", "INCONCLUSIVE"),
    ("leakage <= 0", "PASS"),
    ("cost per 1000 <= $0.50", "PASS"),
    ("cost per 1000 < $0.05", "FAIL"),
    ("cost per correct <= 0.001 USD", "PASS"),
    ("cost per correct < $0.00005", "FAIL"),
    ("tokens per case <= 52", "PASS"),
    ("tokens per case < 52", "FAIL"),
    ("drift.drop <= 5%", "INCONCLUSIVE"),
    ("regressions <= 0", "INCONCLUSIVE"),
    ("accuracy >= baseline - 2%", "INCONCLUSIVE"),
]
AGAINST_A_BASELINE = [
    ("accuracy >= baseline - 3%", "PASS"),
    ("accuracy >= baseline", "INCONCLUSIVE"),
    ("recall[spam] >= baseline - 5%", "PASS"),
    ("latency.p95 <= baseline + 100 ms", "PASS"),
    ("latency.p95 <= baseline * 0.5", "FAIL"),
    ("cost per 1000 <= baseline * 120%", "PASS"),
    ("drift.drop <= 5%", "PASS"),
]


def found(text: str, *, with_baseline: bool = False) -> Check:
    table = AGAINST_A_BASELINE if with_baseline else EXPRESSIONS
    run = judged(*(expression for expression, _ in table), with_baseline=with_baseline)
    return next(check for check in run.candidates[0].checks if check.threshold == text)


def test_the_table_holds_every_metric_and_every_operator() -> None:
    parsed = [parse_threshold(text, labels=LABELS) for text, _ in EXPRESSIONS]
    assert {threshold.metric for threshold in parsed} == {metric.name for metric in METRICS.values()} | {
        BETTER_THAN_MAJORITY.name
    }
    assert {threshold.op for threshold in parsed} == {">=", "<=", ">", "<"}


def explained(check: Check) -> None:
    assert check.name in check.why
    assert check.why.endswith(".")
    assert not re.search(r"\b(None|nan|inf)\b|[{}]|  |\.\.|,\.", check.why)
    if check.estimate.value is None:
        assert check.estimate.why_undefined
        assert check.estimate.why_undefined in check.why
    elif check.status == "PASS":
        assert ": met" in check.why or "no big drop" in check.why


@pytest.mark.parametrize(("text", "status"), EXPRESSIONS, ids=lambda part: part)
def test_a_metric_is_decided_and_explained(text: str, status: str) -> None:
    check = found(text)
    assert check.status == status
    explained(check)


@pytest.mark.parametrize(("text", "status"), AGAINST_A_BASELINE, ids=lambda part: part)
def test_a_baseline_is_resolved_and_named(text: str, status: str) -> None:
    check = found(text, with_baseline=True)
    assert check.status == status
    assert "baseline" in check.why or text.startswith("drift")
    explained(check)
