"""A prompt's versions on dev and holdout: what is called overfitting, and what a small holdout is not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from harness.judge.documents import Estimate, PastRun, VersionCurve
from harness.judge.scores.binomial import wilson
from harness.judge.sections.versions import version_curve


def share(right: int, n: int) -> Estimate:
    low, high = wilson(right / n, n)
    return Estimate(value=right / n, n=n, low=low, high=high, method="Wilson")


def version(prompt: str, dev: tuple[int, int], other: tuple[int, int], day: int = 1, **fields: Any) -> PastRun:
    run = PastRun(
        run_id=f"run-{day}",
        created_utc=f"2026-01-{day:02d}T00:00:00Z",
        candidate=f"{prompt}@mini",
        prompt=prompt,
        model="mini",
        prompt_digest=f"digest of {prompt}",
        model_digest="m",
        model_id="mini",
        suite_digest="s",
        labels=("ham", "spam"),
        reply_rule="r",
        planned=600,
        complete=True,
        splits={"dev": share(*dev), "holdout": share(*other)},
    )
    return msgspec.structs.replace(run, **fields)


def curve_of(*runs: PastRun) -> VersionCurve:
    found = version_curve(runs, runs[-1])
    assert found is not None
    return found


def test_gains_are_newcombes_and_their_difference_movers() -> None:
    curve = curve_of(version("v1", (48, 80), (48, 80)), version("v2", (56, 70), (48, 80)))
    # Newcombe (1998), example (a): .2 (.05243 to .33387); a share minus itself is 0.
    assert curve.dev_gain.value == pytest.approx(0.2)
    assert (curve.dev_gain.low, curve.dev_gain.high) == (
        pytest.approx(0.05243, abs=5e-6),
        pytest.approx(0.33387, abs=5e-6),
    )
    assert curve.other_gain.value == pytest.approx(0.0)
    assert curve.lead.value == pytest.approx(0.2)
    # MOVER: .2 - sqrt(.14757^2 + .148585^2), the second from the Wilson bounds .490455 and .700388 of 48/80.
    assert curve.lead.low == pytest.approx(-0.00942, abs=2e-5)


def test_dev_that_improves_alone_is_overfitting() -> None:
    curve = curve_of(version("v1", (258, 300), (255, 300)), version("v2", (288, 300), (252, 300)))
    assert curve.overfitting
    assert curve.sentence.startswith("Overfitting to dev: from v1 to v2 dev gained 10.0 points")


def test_a_small_holdout_that_moved_as_much_is_not_enough_to_say_so() -> None:
    curve = curve_of(version("v1", (258, 300), (43, 50)), version("v2", (288, 300), (47, 50)))
    assert not curve.overfitting
    assert "Whether holdout did is open with 50 trials there" in curve.sentence


def test_dev_that_did_not_improve_is_not_overfitting_whatever_the_holdout_did() -> None:
    curve = curve_of(version("v1", (285, 300), (285, 300)), version("v2", (286, 300), (240, 300)))
    assert not curve.overfitting
    assert curve.sentence.startswith("No certain gain on dev")


def test_versions_are_ordered_by_their_numbers_and_later_ones_left_out() -> None:
    runs = [version(f"spam-v{n}", (250, 300), (250, 300)) for n in (10, 2, 9, 1)]
    runs.append(version("other-v1", (250, 300), (250, 300)))
    now = runs[2]
    curve = version_curve(runs, now)
    assert curve is not None
    assert [point.prompt for point in curve.points] == ["spam-v1", "spam-v2", "spam-v9"]


def test_a_version_counts_once_by_its_latest_run_and_other_suites_and_models_not_at_all() -> None:
    old = version("v1", (200, 300), (200, 300), 1)
    again = version("v1", (258, 300), (255, 300), 2)
    now = version("v2", (288, 300), (252, 300), 3)
    strangers = [
        version("v1", (1, 300), (1, 300), 4, suite_digest="t"),
        version("v1", (1, 300), (1, 300), 5, model="maxi"),
        version("v1", (1, 300), (1, 300), 6, model_digest="n"),
        version("v0", (1, 300), (1, 300), 7, complete=False),
    ]
    curve = version_curve([old, again, *strangers, now], now)
    assert curve is not None
    assert [point.run_id for point in curve.points] == ["run-2", "run-3"]


def test_one_version_or_no_other_split_makes_no_curve() -> None:
    only = version("formal", (258, 300), (255, 300))
    assert version_curve([only, version("short", (1, 300), (1, 300))], only) is None
    bare = msgspec.structs.replace(only, splits={"dev": share(9, 10)})
    assert version_curve([bare, version("formal", (1, 9), (1, 9), 1, prompt_digest="x")], bare) is None
