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
    failing = only(of(50, measured=90))
    assert failing.headline == (
        "INCONCLUSIVE: the run is not finished, 20 trials were not run; 2 of 2 checks are not decided yet: "
        "accuracy >= 50% (77.8% seen) and recall[spam] >= 80% (55.6% seen)."
    )
    assert not any("not finished" in check.why for check in failing.checks)


def test_money_and_times_are_seen_in_their_units() -> None:
    run = judged([("spam", "spam", 9)], LABELS, thresholds=["latency.p50 <= 100 ms"], seconds=0.2)
    assert run.headline == "NOT READY: the only check failed: latency.p50 <= 100 ms (200 ms seen)."


def test_of_many_candidates_one_that_passes_alone_by_little_is_not_ready_yet() -> None:
    # 87 of 100: P(X >= 87 | 100, .8) = .0469, enough for one candidate; 91: .0023, enough for ten (.005).
    one = ["recall[spam] >= 80%"]
    assert of(87, thresholds=one).verdict == "READY"
    assert of(91, *[40] * 9, thresholds=one).verdict == "READY"
    many = of(87, *[40] * 9, thresholds=one)
    assert many.verdict == "INCONCLUSIVE"
    assert many.headline == (
        "INCONCLUSIVE: the best of 10 candidates is v1@m; its only check passed, but of 10 candidates one does so by "
        "chance: as one of so many, recall[spam] >= 80% is not sure enough (99.5% confidence). Confirm the one that "
        "you would take on cases that played no part in the choice."
    )
    best = next(one for one in many.candidates if one.name == "v1@m")
    assert best.checks[0].status == "PASS"
    assert best.checks[0].p_value == pytest.approx(0.0469, abs=5e-5)
    assert best.traps[-1].kind == "best_of_many"


def test_the_best_of_many_says_by_how_much_the_choice_flatters_it() -> None:
    # Differences of .47 on 200 cases: sqrt(.47 (1 - .47) / 2) / sqrt(200); blom(2) = ndtri(1.625 / 2.25) = .589.
    made = of(100, 6, thresholds=["accuracy >= 50%"])
    (trap,) = (trap for trap in made.candidates[0].traps if trap.kind == "best_of_many")
    assert "flatters accuracy by about 1.5 points." in trap.sentence


def test_of_many_checks_one_that_falls_alone_by_little_is_open() -> None:
    # 73 of 100 at 80%: P(X <= 73) = .0558, open; 72: .0342, a FAIL alone, but not among ten checks (.005).
    labels = tuple(f"l{n}" for n in range(10))
    good = [(label, label, 95) for label in labels[1:]] + [(label, "none", 5) for label in labels[1:]]
    asked = [f"recall[{label}] >= 80%" for label in labels]

    def verdict(right: int, thresholds: list[str]) -> Assessment:
        answers = [("l0", "l0", right), ("l0", "none", 100 - right), *good]
        return judged(answers, labels, thresholds=thresholds)

    assert verdict(72, asked[:1]).verdict == "NOT READY"
    alone = verdict(72, asked)
    assert alone.verdict == "INCONCLUSIVE"
    why = only(alone).checks[0].why
    assert "80% required: missed when judged alone, but of 10 checks one is so by chance." in why
    assert verdict(60, asked).verdict == "NOT READY"
