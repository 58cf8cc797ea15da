"""Several candidates on the same cases: real differences, the front, and what to take."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np
import pytest
from run_of import CALM, candidate, case_row, manifest_of, record
from statsmodels.stats.multitest import multipletests

from harness.judge.assess import assess
from harness.judge.documents import Assessment, Duel, Leaderboard
from harness.record import Event, Failure, Interference, Session

CASES = 240


def board(
    chances: dict[str, float],
    *,
    seconds: dict[str, float] | None = None,
    price: dict[str, float] | None = None,
    thresholds: tuple[str, ...] = ("accuracy >= 50%",),
    seed: int = 1,
    currency: str = "USD",
    load: Interference = CALM,
    failing: Mapping[str, int] = {},
) -> Leaderboard:
    """Judge a run whose candidates are right on the cases that are easy enough for them."""
    found = judged(
        chances,
        seconds=seconds,
        price=price,
        thresholds=thresholds,
        seed=seed,
        currency=currency,
        load=load,
        failing=failing,
    ).leaderboard
    assert found is not None
    return found


def judged(
    chances: dict[str, float],
    *,
    seconds: dict[str, float] | None = None,
    price: dict[str, float] | None = None,
    thresholds: tuple[str, ...] = ("accuracy >= 50%",),
    seed: int = 1,
    currency: str = "USD",
    load: Interference = CALM,
    failing: Mapping[str, int] = {},
) -> Assessment:
    """Judge it; of the `failing` candidates the endpoint failed so many calls."""
    rng = np.random.default_rng(seed)
    difficulty = rng.random(CASES)
    jitter = rng.lognormal(0, 0.2, CASES)
    events: list[Event] = [Session(at_utc="2026-01-01T00:00:00Z", event="started"), load]
    events += [case_row(f"case-{n:03d}", ("spam", "ham")[n % 2]) for n in range(CASES)]
    for name, chance in chances.items():
        for n in range(CASES):
            right = difficulty[n] < chance
            said: str | Failure = ("spam", "ham")[n % 2 if right else 1 - n % 2]
            if n < failing.get(name, 0):
                said = Failure(kind="server_error", message="HTTP 500: sorry")
            took = float((seconds or {}).get(name, 0.2) * jitter[n])
            events.append(record(f"case-{n:03d}", said, candidate=name, seconds=took))
    entries = [
        msgspec.structs.replace(
            candidate(name),
            model={
                "endpoint": "chat",
                "model": "m",
                "price": {"input": (price or {}).get(name, 1.0), "output": 1.0, "currency": currency},
            },
        )
        for name in chances
    ]
    manifest = manifest_of(
        ("spam", "ham"), planned=CASES * len(chances), candidates=entries, positive="spam", thresholds=list(thresholds)
    )
    return assess(manifest, events)


def duels(found: Leaderboard, metric: str) -> list[Duel]:
    return [duel for duel in found.duels if duel.metric == metric]


def test_a_single_candidate_has_no_leaderboard() -> None:
    events: list[Event] = [case_row("a", "spam"), record("a", "spam")]
    assert assess(manifest_of(("spam", "ham"), planned=1), events).leaderboard is None


def test_equal_candidates_are_noise_and_none_is_the_weakest() -> None:
    found = board({"a@m": 0.9, "b@m": 0.9, "c@m": 0.9})
    assert not [duel for duel in found.duels if duel.real]
    assert (found.cochran_p, found.weakest) == (None, None)
    assert set(found.front) == {"a@m", "b@m", "c@m"}
    assert found.differences.startswith("Within noise of a@m: b@m 0.0 points")
    assert "gives up nothing" in found.recommendation


def test_a_candidate_that_is_really_worse_is_named_after_cochran_says_that_they_differ() -> None:
    found = board({"good@m": 0.95, "fair@m": 0.94, "poor@m": 0.6})
    assert found.cochran_p is not None
    assert found.cochran_p < 1e-6
    assert found.weakest == "poor@m"
    real = {(duel.first, duel.second, duel.better) for duel in duels(found, "accuracy") if duel.real}
    assert {better for _, _, better in real} == {"good@m", "fair@m"}
    assert found.rows[0].name == "good@m"
    poor = next(row for row in found.rows if row.name == "poor@m")
    assert not poor.on_front
    assert set(poor.beaten_by) == {"good@m", "fair@m"}


def test_of_two_that_are_equally_weak_none_is_the_weakest() -> None:
    found = board({"good@m": 0.95, "poor@m": 0.6, "weak@m": 0.6})
    assert found.cochran_p is not None
    assert found.cochran_p < 1e-6
    assert found.weakest is None


def test_p_values_are_adjusted_by_holm_over_all_pairs_and_metrics() -> None:
    found = board({"a@m": 0.95, "b@m": 0.9, "c@m": 0.86, "d@m": 0.7})
    accuracy = duels(found, "accuracy")
    assert len(accuracy) == 6
    known = [duel for duel in found.duels if duel.p_value is not None]
    plain = [duel.p_value for duel in known]
    assert len({duel.metric for duel in known}) > 1
    assert [duel.p_adjusted for duel in known] == pytest.approx(multipletests(plain, method="holm")[1])


def test_who_is_as_good_and_cheaper_and_faster_is_recommended_with_what_is_saved() -> None:
    found = board(
        {"big@large": 0.93, "big@small": 0.925},
        seconds={"big@large": 0.9, "big@small": 0.3},
        price={"big@large": 20.0, "big@small": 1.0},
    )
    assert found.rows[0].name == "big@large"
    assert found.front == ("big@small",)
    assert found.recommended == "big@small"
    assert "as good as big@large as far as these cases tell, and saves" in found.recommendation
    assert "per 1,000" in found.recommendation
    assert "it gives up nothing" in found.recommendation


def test_what_the_recommended_one_gives_up_is_said() -> None:
    found = board(
        {"good@large": 0.95, "poor@small": 0.7},
        seconds={"good@large": 0.9, "poor@small": 0.3},
        price={"good@large": 20.0, "poor@small": 1.0},
    )
    assert found.recommended == "good@large"
    assert set(found.front) == {"good@large", "poor@small"}
    assert "really better in balanced accuracy than poor@small; it gives up $" in found.recommendation
    assert "of p95 to poor@small" in found.recommendation


def test_who_is_really_better_is_not_called_as_good() -> None:
    found = board(
        {"fast@m": 0.9, "slow@m": 0.97},
        seconds={"fast@m": 0.2, "slow@m": 3.0},
        thresholds=("accuracy >= 50%", "latency.p95 <= 1 s"),
    )
    assert found.recommendation == (
        "Take fast@m, the only one that is ready; it gives up 6.7 points of balanced accuracy to slow@m."
    )


def test_what_is_saved_is_in_the_currency_of_the_prices() -> None:
    found = board(
        {"good@large": 0.95, "poor@small": 0.7}, price={"good@large": 20.0, "poor@small": 1.0}, currency="EUR"
    )
    assert "it gives up €" in found.recommendation
    assert "$" not in found.recommendation


def test_a_ready_candidate_goes_before_a_cheaper_one_that_is_not() -> None:
    found = board(
        {"ready@m": 0.97, "cheap@m": 0.9}, price={"ready@m": 20.0, "cheap@m": 1.0}, thresholds=("accuracy >= 93%",)
    )
    assert found.recommended == "ready@m"
    assert "the only one that is ready" in found.recommendation


def test_when_none_is_ready_the_nearest_is_named_as_such() -> None:
    found = board({"a@m": 0.8, "b@m": 0.5}, thresholds=("accuracy >= 95%",))
    assert found.recommendation.startswith("None is ready; the nearest is a@m")


def test_latency_of_all_candidates_is_compared_on_the_same_resampled_cases() -> None:
    found = board({"a@m": 0.9, "b@m": 0.9}, seconds={"a@m": 0.2, "b@m": 0.25})
    (duel,) = duels(found, "latency.p95")
    assert (duel.better, duel.real) == ("a@m", True)
    assert duel.difference.value is not None
    assert duel.difference.high is not None
    assert abs(duel.difference.value) > 0.04


def test_more_than_twelve_candidates_are_each_compared_with_the_first() -> None:
    found = board({f"p{n:02d}@m": 0.9 - n / 100 for n in range(14)})
    first = found.rows[0].name
    assert all(first in {duel.first, duel.second} for duel in found.duels)
    assert len(duels(found, "accuracy")) == 13


def test_latencies_that_decide_no_check_recommend_nobody() -> None:
    """A loop that lags by 15 ms is negligible beside 1 s and not beside 300 ms."""
    lagging = Interference(lag_p50_ns=0, lag_p99_ns=15_000_000, lag_max_ns=20_000_000, cpu_share=0.2, samples=9)
    chances, seconds = {"a@m": 0.9, "b@m": 0.9}, {"a@m": 0.1, "b@m": 0.2}
    strict = judged(chances, seconds=seconds, thresholds=("latency.p95 <= 300 ms",), load=lagging)
    assert {check.status for one in strict.candidates for check in one.checks} == {"INCONCLUSIVE"}
    assert strict.leaderboard is not None
    assert {duel.difference.value for duel in duels(strict.leaderboard, "latency.p95")} == {None}
    assert "p95" not in strict.leaderboard.recommendation
    loose = judged(chances, seconds=seconds, thresholds=("latency.p95 <= 1 s",), load=lagging)
    assert {check.status for one in loose.candidates for check in one.checks} == {"PASS"}
    assert loose.leaderboard is not None
    assert "of p95" in loose.leaderboard.recommendation


def test_what_the_endpoint_failed_makes_no_candidate_worse_or_slower() -> None:
    found = board({"v1@mini": 0.9, "v2@mini": 0.9}, failing={"v2@mini": 40})
    for metric in ("balanced_accuracy", "accuracy"):
        (duel,) = duels(found, metric)
        assert (duel.real, duel.better, duel.depends_on) == (False, None, 40)
    assert duels(found, "latency.p95")[0].better is None
    assert found.front == tuple(row.name for row in found.rows)
    assert found.cochran_p is None, "on the cases that both were answered they are the same"
    assert "it depends on calls that failed at the endpoint" in found.differences.lower()
    assert found.recommendation.endswith("it gives up nothing that these cases can show.")


def test_a_difference_that_no_failed_call_can_undo_stays_real() -> None:
    found = board({"v1@mini": 0.95, "v2@mini": 0.5}, failing={"v1@mini": 6, "v2@mini": 6})
    (duel,) = duels(found, "balanced_accuracy")
    assert (duel.real, duel.better, duel.depends_on) == (True, "v1@mini", 0)
    assert found.weakest == "v2@mini"


def test_failed_calls_hide_no_loss() -> None:
    # Were all 40 right, v2 would be the better one: neither may be called so.
    found = board({"v1@mini": 0.8, "v2@mini": 0.75}, failing={"v1@mini": 10, "v2@mini": 60})
    assert {duel.better for duel in duels(found, "accuracy")} == {None}
    assert found.weakest is None
