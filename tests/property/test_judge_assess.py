"""What holds of every run, whatever the endpoint and the model did."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st
from run_of import CALM, case_row, manifest_of, only, parsed_thresholds, record

from harness.journal.line import Header, encode_line
from harness.judge.assess import assess
from harness.judge.documents import Assessment
from harness.record import Event, Failure, Record, Reply
from harness.rundir import JOURNAL, write_manifest

LABELS = ("a", "b", "c")
THRESHOLDS = parsed_thresholds(
    [
        "accuracy >= 80%",
        "accuracy > majority",
        "recall[a] >= 60%",
        "precision[b] >= 60%",
        "f1[c] >= 50%",
        "mcc >= 0.2",
        "kappa >= 0.2",
        "macro_f1 >= 40%",
        "balanced_accuracy >= 40%",
        "specificity[a] >= 50%",
        "latency.p95 <= 1 s",
        "latency.max <= 2 s",
        "ttft.p95 <= 1 s",
        "failures <= 10%",
        "coverage >= 80%",
        "stability >= 80%",
        "pass^2 >= 50%",
        "generalization.gap <= 20%",
        "robustness.drop <= 20%",
        "robustness.flips[typos] <= 20%",
        "cost per 1000 <= $1",
        "tokens per case <= 100",
        "leakage <= 0",
        "accuracy >= baseline - 2%",
        "drift.drop <= 5%",
        "recall[a] where tag=short >= 50%",
    ],
    LABELS,
)

outcomes = st.one_of(
    st.sampled_from(["a", "b", "c", "A.", "**c**", "nonsense", "", "a or b"]),
    st.just(Failure(kind="timeout", message="late")),
    st.builds(Reply, text=st.sampled_from(["a", "b"]), score=st.floats(0, 1)),
    st.just(Reply(text="", refusal="no")),
    st.just(Reply(text="xx", finish_reason="length")),
)


@st.composite
def runs(draw: st.DrawFn) -> tuple[int, int, list[Event]]:
    """Draw (cases, repeats, events) of a run, perhaps unfinished, perhaps with a perturbation."""
    cases = draw(st.integers(0, 12))
    repeats = draw(st.integers(1, 3))
    events: list[Event] = [CALM]
    for number in range(cases):
        name = f"case-{number}"
        fields: dict[str, Any] = {
            "split": draw(st.sampled_from(["", "dev", "holdout"])),
            "tags": draw(st.sampled_from([(), ("short",)])),
        }
        events.append(case_row(name, draw(st.sampled_from(LABELS)), **fields))
        for repeat in range(repeats):
            for variant in ("original", "typos"):
                if draw(st.integers(0, 9)):
                    said = draw(outcomes)
                    seconds = draw(st.sampled_from([None, 0.05, 0.3, 1.5]))
                    events.append(record(name, said, repeat=repeat, variant=variant, seconds=seconds))
    return cases, repeats, events


def judge(run: tuple[int, int, list[Event]]) -> Assessment:
    cases, repeats, events = run
    manifest = manifest_of(
        LABELS,
        planned=cases * repeats,
        repeats=repeats,
        variants=("original", "typos"),
        positive="a",
        prevalence={"a": 0.05},
        costs={"missed": 5, "false_alarm": 1},
    )
    return assess(manifest, events, thresholds=THRESHOLDS)


def every_trial_is_in_the_matrix_or_was_not_run(run: tuple[int, int, list[Event]], judged: Assessment) -> None:
    cases, repeats, events = run
    ran = [event for event in events if isinstance(event, Record) and event.variant == "original"]
    one = only(judged)
    assert one.trials == len(ran)
    assert one.not_run >= cases * repeats - len(ran)
    assert sum(one.outcomes.values()) == len(ran)
    assert sum(map(sum, one.classification.confusion.counts)) == len(ran)
    assert sum(scores.support for scores in one.classification.labels.values()) == len({each.case for each in ran})
    if one.not_run:
        assert {check.metric for check in one.checks if check.status != "INCONCLUSIVE"} <= {"leakage"}


def what_is_undefined_says_why_and_never_passes(judged: Assessment) -> None:
    for check in only(judged).checks:
        if check.estimate.value is None:
            assert check.estimate.why_undefined
            assert check.status != "PASS"
        assert check.why.endswith(".")


def no_number_is_unreal_and_every_interval_holds_its_value(judged: Assessment) -> None:
    # msgspec writes NaN as null, so the tree itself is walked, not the text.
    def walk(node: Any) -> None:
        if isinstance(node, float):
            assert math.isfinite(node)
        elif isinstance(node, dict):
            if {"value", "low", "high"} <= node.keys() and node["value"] is not None:
                low, high = node["low"], node["high"]
                assert low is None or low <= node["value"] + 1e-9
                assert high is None or high >= node["value"] - 1e-9
            for value in node.values():
                walk(value)
        elif isinstance(node, list | tuple):
            for value in node:
                walk(value)

    walk(msgspec.to_builtins(judged))
    json.loads(msgspec.json.encode(judged), parse_constant=lambda name: 1 / 0)


def a_verdict_follows_from_its_checks(judged: Assessment) -> None:
    one = only(judged)
    statuses = {check.status for check in one.checks}
    if one.verdict == "READY":
        assert statuses == {"PASS"}
    if one.verdict == "NOT MEASURED":  # `failures` decides as any other check, and a failed call is over any limit
        failed = {check.name for check in one.checks if check.status == "FAIL"}
        assert failed <= {"failures", "latency.p95", "latency.max", "ttft.p95"}
    else:
        assert (one.verdict == "NOT READY") == ("FAIL" in statuses)
    assert one.headline.startswith(one.verdict)


_ONLY_CALL_FAILED = (1, 1, [CALM, case_row("case-0", "a"), record("case-0", Failure(kind="timeout", message="late"))])


@settings(max_examples=25, deadline=None)
@example(_ONLY_CALL_FAILED, Random(1))
@given(runs(), st.randoms(use_true_random=False))
def test_what_holds_of_every_run_holds_in_whatever_order_its_events_come(
    run: tuple[int, int, list[Event]], random: Any
) -> None:
    """Judging is dear: each run is judged twice, in two orders, and all claims are checked on it."""
    cases, repeats, events = run
    shuffled = list(events)
    random.shuffle(shuffled)
    judged, again = judge(run), judge((cases, repeats, shuffled))
    assert msgspec.json.encode(judged) == msgspec.json.encode(again)
    every_trial_is_in_the_matrix_or_was_not_run(run, judged)
    what_is_undefined_says_why_and_never_passes(judged)
    no_number_is_unreal_and_every_interval_holds_its_value(judged)
    a_verdict_follows_from_its_checks(judged)


def test_the_same_bytes_give_the_same_report_in_any_process(tmp_path: Path) -> None:
    labels = ("a", "b")
    said = ["a", "b", "A.", "nonsense, and at length", "a"]
    cases = [case_row(f"c{i}", labels[i % 2], tags=("short", "odd")[: i % 3], split="dev") for i in range(40)]
    trials = [
        record(f"c{i}", said[(i * 7 + r) % 5], repeat=r, seconds=0.1 + i / 100) for i in range(40) for r in (0, 1)
    ]
    manifest = manifest_of(labels, planned=80, repeats=2, positive="a", prevalence={"a": 0.1})
    write_manifest(tmp_path, manifest)
    (tmp_path / JOURNAL).write_bytes(
        b"".join(
            encode_line(seq, event)
            for seq, event in enumerate([Header(schema_version=1, run_id="run"), CALM, *cases, *trials])
        )
    )
    code = (
        "import sys, msgspec; from pathlib import Path; from harness.judge.assess import assess_run; "
        "sys.stdout.buffer.write(msgspec.json.encode(assess_run(Path(sys.argv[1]))))"
    )
    first, again = (
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)],
            check=True,
            capture_output=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    )
    assert json.loads(first)["candidates"][0]["trials"] == 80
    assert first == again
