"""A candidate over time: what is comparable, what changed, what dropped; figures worked by hand."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest

from harness.judge.documents import Estimate, PastRun
from harness.judge.history.found import histories
from harness.judge.history.reference import POOLED, PREVIOUS, as_share, before_of
from harness.judge.history.series import changed, changes_of, history_of, why_not
from harness.judge.scores.binomial import wilson
from harness.judge.scores.figure import Missing
from harness.judge.scores.proportion import Share, share_of_counts
from harness.report.sections.history import ended


def accuracy(right: int, n: int) -> Estimate:
    low, high = wilson(right / n, n)
    return Estimate(value=right / n, n=n, low=low, high=high, method="Wilson")


def past(number: int, right: int, n: int, **fields: Any) -> PastRun:
    run = PastRun(
        run_id=f"run-{number}",
        created_utc=f"2026-01-{number:02d}T00:00:00Z",
        candidate="v1@mini",
        prompt="v1",
        model="mini",
        prompt_digest="p",
        model_digest="m",
        model_id="mini-1",
        suite_digest="s",
        labels=("ham", "spam"),
        reply_rule="r",
        planned=n,
        complete=True,
        cases=n,
        figures={"accuracy": accuracy(right, n)},
    )
    return msgspec.structs.replace(run, **fields)


def test_the_change_since_the_previous_run_is_newcombes_published_example() -> None:
    # Newcombe (1998), method 10, example (a): 56/70 - 48/80 = .2 (.05243 to .33387); here now - before.
    (change,) = changes_of([past(1, 56, 70)], as_share(accuracy(48, 80)), confidence=0.95)
    assert change.against == PREVIOUS
    assert change.change.value == pytest.approx(-0.2)
    assert (change.change.low, change.change.high) == (
        pytest.approx(-0.33387, abs=5e-6),
        pytest.approx(-0.05243, abs=5e-6),
    )


def test_the_pooled_history_adds_up_the_trials_of_all_runs() -> None:
    runs = [past(1, 90, 100), past(2, 270, 300)]
    made = before_of([*runs, past(3, 60, 100)])
    assert isinstance(made, Share)
    assert (made.p, made.n) == (pytest.approx(420 / 500), 500)
    changes = changes_of([*runs, past(3, 60, 100)], as_share(accuracy(95, 100)), confidence=0.95)
    assert [change.against for change in changes] == [PREVIOUS, POOLED]
    assert [change.change.value for change in changes] == pytest.approx([0.35, 0.95 - 0.84])
    assert changes[1].runs == ("run-1", "run-2", "run-3")


def test_an_estimate_gives_back_the_share_that_it_was_made_of() -> None:
    clustered = share_of_counts([3, 3, 0, 3, 2, 3, 3, 3], [3] * 8)  # type: ignore[arg-type]
    assert isinstance(clustered, Share)
    again = as_share(clustered.estimate())
    assert isinstance(again, Share)
    assert again.p == clustered.p
    assert again.floor == pytest.approx(clustered.effective_n(0.975), rel=1e-6)
    nothing = as_share(Estimate(value=None, n=0, why_undefined="no trial"))
    assert nothing == Missing("no trial", 0)


def test_unfinished_runs_are_points_without_a_figure_and_are_never_compared() -> None:
    runs = [past(1, 90, 100), past(2, 40, 100, complete=False)]
    history = history_of(runs, past(3, 90, 100), as_share(accuracy(90, 100)), margin=0.05, confidence=0.95)
    assert [point.accuracy.value for point in history.points] == [0.9, None, 0.9]
    assert [change.runs for change in history.changes] == [("run-1",)]


def test_a_run_that_lost_answers_is_named_with_its_verdict_and_its_loss() -> None:
    lost = "it was not measured: the endpoint failed 8.9% of its calls"
    first = past(1, 90, 100, complete=False, figures={}, why_no_figures=lost, verdict="INCONCLUSIVE")
    now = past(2, 90, 100)
    found = history_of([first], now, as_share(now.figures["accuracy"]), margin=0.05, confidence=0.95)
    assert found.sentence == f"No earlier run can be compared with this one ({first.run_id}: {lost})."
    assert ended(found.points[0]) == "INCONCLUSIVE, not compared: the endpoint failed 8.9% of its calls"


def test_runs_of_other_cases_labels_or_rules_are_left_out_with_the_reason() -> None:
    now = past(9, 90, 100)
    assert why_not(past(1, 90, 100), now) == ""
    other = {"suite_digest": "t"}
    assert why_not(past(1, 90, 100, **other, labels=("a", "b")), now) == "it has other labels"
    assert why_not(past(1, 90, 100, **other, reply_rule="q"), now) == "it reads replies by another rule"
    assert why_not(past(1, 90, 100, **other, new_data="a.jsonl"), now) == "its cases are those of a.jsonl"
    assert why_not(past(1, 18, 20, **other), now) == "it has other cases (20, not 100)"
    assert why_not(past(1, 90, 100, **other), now) == "it has other cases"
    history = history_of([past(1, 18, 20, **other)], now, as_share(accuracy(90, 100)), margin=0.05, confidence=0.95)
    assert [left.run_id for left in history.not_comparable] == ["run-1"]
    assert history.sentence == (
        "No earlier run can be compared with this one (run-1: it has other cases (20, not 100))."
    )


def test_release_marks_name_what_may_have_changed_the_answers() -> None:
    before = past(1, 90, 100, served_models=("mini-1",), fingerprints=("fp_a",), harness="0.1")
    assert changed(before, before) == ()
    after = msgspec.structs.replace(
        before,
        prompt_digest="q",
        model_digest="n",
        model_id="mini-2",
        served_models=("mini-2",),
        fingerprints=("fp_a", "fp_b"),
        harness="0.2",
    )
    assert changed(before, after) == (
        "the prompt changed",
        "model mini-1 → mini-2",
        "served model mini-1 → mini-2",
        "fingerprint fp_a → fp_a and fp_b",
        "harness 0.1 → 0.2",
    )
    assert changed(before, past(2, 90, 100, model_digest="n")) == ("the model's entry changed",)


def test_a_slow_slide_that_no_single_step_shows_is_seen_by_the_pooled_history_and_by_cusum() -> None:
    runs = [past(n, 950 - 12 * n, 1000) for n in range(1, 6)]
    now = past(6, 878, 1000)
    history = history_of(runs, now, as_share(accuracy(878, 1000)), margin=0.05, confidence=0.95)
    previous, pooled = history.changes
    assert previous.change.high is not None
    assert previous.change.high > 0  # 1.2 points alone are noise
    assert pooled.change.high is not None
    assert pooled.change.high < 0
    # Usual: 1 - (938 + 926 + 914)/3000 = 7.4%; worse: 12.4%. Steps of 98 and 110 errors in 1,000:
    # 98 ln(.124/.074) + 902 ln(.876/.926) = .5, then 110 and 890: 7.4 more, which is above ln 100 = 4.6.
    assert history.cusum is not None
    assert history.cusum.usual == pytest.approx(1 - (938 + 926 + 914) / 3000)
    assert history.cusum.limit == pytest.approx(math.log(100))
    assert history.cusum.path[3:5] == pytest.approx((0.53, 7.92), abs=0.02)
    assert history.cusum.signal == "run-5"


def test_the_command_looks_from_the_latest_finished_run_or_from_the_one_asked_for() -> None:
    runs = [past(1, 90, 100), past(2, 80, 100), past(3, 0, 100, complete=False), past(4, 90, 100, candidate="v2@mini")]
    found = histories(runs)
    assert {name: history.run_id for name, history in found.items()} == {"v1@mini": "run-2", "v2@mini": "run-4"}
    assert [point.run_id for point in found["v1@mini"].points] == ["run-1", "run-2", "run-3"]
    first = histories(runs, seen_from="run-1")
    assert list(first) == ["v1@mini"]
    assert first["v1@mini"].changes == ()
