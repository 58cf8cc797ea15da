"""Runs held against a baseline: relative thresholds by stored figures, regressions by its trials."""

from __future__ import annotations

import pytest
from compared import Asked, asked, viewed
from run_of import check_of, events_of, judged, manifest_of, parsed_thresholds

from harness.files.baselines import StoredBaseline
from harness.judge.assess import assess
from harness.judge.checks import Baseline, baseline_of, figures_of, from_store, to_store
from harness.judge.checks.asked import Asked as Put
from harness.judge.checks.figures import broken
from harness.judge.documents import Assessment, Check
from harness.judge.scores.figure import Figure, Missing
from harness.judge.view import View

LABELS = ("spam", "ham")
THEN = [("spam", "spam", 90), ("spam", "ham", 10), ("ham", "ham", 190), ("ham", "spam", 10)]


def earlier() -> Assessment:
    return judged(THEN, LABELS, seconds=0.5, positive="spam", thresholds=["accuracy >= 50%"])


def kept() -> Baseline:
    """Give the baseline as baselines.yml keeps it: figures only."""
    manifest = manifest_of(LABELS, planned=300, positive="spam")
    written = to_store(earlier(), manifest, now_utc="2026-01-01T00:00:00Z").model_dump(mode="json")
    return from_store(StoredBaseline.model_validate(written))


def now(threshold: str, *, right: int, seconds: float = 0.5, baseline: Baseline | None = None) -> Check:
    answers = [("spam", "spam", right), ("spam", "ham", 100 - right), ("ham", "ham", 190), ("ham", "spam", 10)]
    made = judged(
        answers,
        LABELS,
        seconds=seconds,
        thresholds=[threshold],
        positive="spam",
        baseline=baseline,  # type: ignore[arg-type]  # a baseline or a judged run
    )
    return check_of(made, threshold)


@pytest.mark.parametrize(
    ("threshold", "right", "required", "status"),
    [
        ("recall[spam] >= baseline - 2%", 100, 0.88, "PASS"),
        ("recall[spam] >= baseline - 2%", 60, 0.88, "FAIL"),
        ("recall[spam] >= baseline - 2%", 89, 0.88, "INCONCLUSIVE"),
        ('recall["spam"] >= baseline', 100, 0.90, "PASS"),
        ("accuracy >= baseline - 5%", 90, 280 / 300 - 0.05, "PASS"),
        ("specificity[spam] >= baseline * 0.9", 90, 0.95 * 0.9, "PASS"),
        ("failures <= baseline + 2%", 90, 0.02, "PASS"),
    ],
)
def test_a_relative_threshold_is_decided_by_the_stored_figure(
    threshold: str, right: int, required: float, status: str
) -> None:
    check = now(threshold, right=right, baseline=kept())
    assert check.required == pytest.approx(required)
    assert check.status == status
    assert "the baseline's" in check.why


@pytest.mark.parametrize(("seconds", "status"), [(0.55, "PASS"), (0.65, "FAIL")])
def test_p95_may_rise_by_a_factor(seconds: float, status: str) -> None:
    check = now("latency.p95 <= baseline * 1.2", right=90, seconds=seconds, baseline=kept())
    assert (check.required, check.status) == (pytest.approx(0.6), status)


def test_a_judged_run_and_its_stored_figures_decide_alike() -> None:
    for threshold in ("recall[spam] >= baseline - 2%", "macro_f1 >= baseline - 5%", "micro_f1 >= baseline - 1%"):
        stored = now(threshold, right=95, baseline=kept())
        direct = now(threshold, right=95, baseline=baseline_of(earlier()))
        assert stored.required == pytest.approx(direct.required)
        assert stored.status == direct.status


def test_every_metric_that_has_a_value_is_kept_by_the_name_that_a_threshold_writes() -> None:
    (candidate,) = earlier().candidates
    kept_names = figures_of(candidate)
    assert {"accuracy", "recall[spam]", "f1[ham]", "latency.p95", "latency.max", "failures"} <= set(kept_names)
    for name in kept_names:
        parsed_thresholds([f"{name} {'<=' if _lower(name) else '>='} baseline"], LABELS)


def _lower(name: str) -> bool:
    bad = ("latency", "ttft", "cost", "failures", "unparseable", "refused", "truncated", "flip_rate")
    return name.startswith(bad)


def side(right: str, name: str = "v1@mini") -> View:
    return viewed([asked(n, mark) for n, mark in enumerate(right)], name)


def beside(view: View) -> Baseline:
    """Give a baseline whose run is at hand."""
    made = Baseline(run_id="then", candidates=kept().candidates)
    return Baseline(run_id="then", candidates=made.candidates, read_views=lambda: {"v1@mini": view})


def regressions(baseline: Baseline, view: View) -> Figure:
    (threshold,) = parsed_thresholds(["regressions <= 0"], LABELS)
    return broken(Put(view=view, threshold=threshold, before=baseline.before(view)))


def test_regressions_are_the_cases_that_were_right_and_are_wrong() -> None:
    found = regressions(beside(side("11110")), side("10011"))
    assert (found.value, found.n) == (2, 5)


def test_regressions_need_the_baselines_run_and_say_so() -> None:
    found = regressions(kept(), side("111"))
    assert found == Missing("the baseline's run is not here, only its figures are")
    check = now("regressions <= 0", right=90, baseline=kept())
    assert check.status == "INCONCLUSIVE"
    assert "only its figures" in check.why


def test_regressions_without_a_common_case_are_undefined() -> None:
    other = viewed([Asked("other", "ham", ("ham",), fields={"inputs": {"message": "new"}})])
    assert "no case in common" in str(regressions(beside(side("111")), other))


@pytest.mark.parametrize(("allowed", "status"), [(10, "PASS"), (9, "FAIL")])
def test_a_threshold_on_regressions_counts_cases(allowed: int, status: str) -> None:
    answers = [("ham", "ham", 30)]
    before = viewed([Asked(f"case-{n:04d}", "ham", ("ham",)) for n in range(30)])
    events = events_of([("ham", "spam", 10), ("ham", "ham", 20)])
    (threshold,) = parsed_thresholds([f"regressions <= {allowed}"], LABELS)
    manifest = manifest_of(LABELS, planned=sum(n for _, _, n in answers), positive="spam")
    made = assess(manifest, events, thresholds=[threshold], baseline=beside(before))
    check = check_of(made, f"regressions <= {allowed}")
    assert (check.estimate.value, check.status) == (10, status)


def test_figures_of_other_cases_are_said_to_be() -> None:
    elsewhere = Baseline(run_id="then", candidates=kept().candidates, suite_digest="another")
    assert "on other cases" in now("accuracy >= baseline - 5%", right=90, baseline=elsewhere).why
    assert "on other cases" not in now("accuracy >= baseline - 5%", right=90, baseline=kept()).why


@pytest.mark.parametrize(
    ("name", "counterpart"),
    [("v1@mini", "v1@mini"), ("v1@large", "v1@mini"), ("v9@mini", "v1@mini"), ("v9@large", None)],
)
def test_a_candidate_is_held_against_its_prompt_else_its_model(name: str, counterpart: str | None) -> None:
    (one,) = kept().candidates
    others = [one.__class__(name="v2@tiny", prompt="v2", model="tiny", figures={}, currency=None)]
    found = Baseline(run_id="then", candidates=(one, *others)).counterpart(side("1", name).entry)
    assert (found.name if found else None) == counterpart
