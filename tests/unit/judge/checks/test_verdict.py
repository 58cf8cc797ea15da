"""The headline of a candidate and of a run: the decisive checks with what was seen, each thing once."""

from __future__ import annotations

import pytest
from run_of import candidate, case_row, judged, manifest_of, only, parsed_thresholds, record

from harness.judge.assess import assess
from harness.judge.documents import Assessment

LABELS = ("spam", "ham")
THRESHOLDS = ["accuracy >= 50%", "recall[spam] >= 80%"]


def of(*right: int, thresholds: list[str] = THRESHOLDS, measured: int = 100) -> Assessment:
    """Judge candidates of which each gets so many of 100 spam cases right; ham is always right."""
    names = [f"v{number + 1}@m" for number in range(len(right))]
    events = []
    for case in range(200):
        events.append(case_row(f"{case:03d}", LABELS[case // 100]))
        for name, good in zip(names, right, strict=True):
            if case % 100 < measured:
                said = "ham" if good <= case else LABELS[case // 100]
                events.append(record(f"{case:03d}", said, candidate=name))
    manifest = manifest_of(LABELS, planned=200 * len(right), candidates=[candidate(n) for n in names])
    return assess(manifest, events, thresholds=parsed_thresholds(thresholds, LABELS))


@pytest.mark.parametrize(
    ("right", "headline"),
    [
        ((100,), "READY: all 2 checks passed."),
        ((100, 20), "READY: v1@m passed all 2 checks, the only one of 2 candidates."),
        ((100, 99), "READY: both candidates passed all 2 checks; the best is v1@m."),
        ((100, 99, 98), "READY: all 3 candidates passed all 2 checks; the best is v1@m."),
        ((100, 99, 20), "READY: 2 of 3 candidates passed all 2 checks; the best is v1@m."),
        ((50,), "NOT READY: 1 of 2 checks failed: recall[spam] >= 80% (50.0% seen)."),
        (
            (50, 20),
            "NOT READY: the best of 2 candidates is v1@m; 1 of its 2 checks failed: recall[spam] >= 80% (50.0% seen).",
        ),
        ((82,), "INCONCLUSIVE: 1 of 2 checks is not decided yet: recall[spam] >= 80% (82.0% seen)."),
        (
            (20, 82),
            "INCONCLUSIVE: the best of 2 candidates is v2@m; 1 of its 2 checks is not decided yet: "
            "recall[spam] >= 80% (82.0% seen).",
        ),
    ],
)
def test_a_headline_names_what_decided(right: tuple[int, ...], headline: str) -> None:
    assert of(*right).headline == headline


def test_a_single_check_is_not_counted() -> None:
    one = ["recall[spam] >= 80%"]
    assert of(100, thresholds=one).headline == "READY: the only check passed."
    assert of(50, thresholds=one).headline == ("NOT READY: the only check failed: recall[spam] >= 80% (50.0% seen).")
    assert of(100, 99, thresholds=one).headline == ("READY: both candidates passed their only check; the best is v1@m.")


def test_an_unfinished_run_is_said_once_and_never_in_a_check() -> None:
    run = of(100, measured=90)
    assert run.headline == "INCONCLUSIVE: the run is not finished, 20 trials were not run."
    failing = only(of(50, measured=90))
    assert failing.headline == (
        "INCONCLUSIVE: the run is not finished, 20 trials were not run; 1 of 2 checks is not decided yet: "
        "recall[spam] >= 80% (50.0% seen)."
    )
    assert not any("not finished" in check.why for check in failing.checks)


def test_money_and_times_are_seen_in_their_units() -> None:
    run = judged([("spam", "spam", 9)], LABELS, thresholds=["latency.p50 <= 100 ms"], seconds=0.2)
    assert run.headline == "NOT READY: the only check failed: latency.p50 <= 100 ms (200 ms seen)."
