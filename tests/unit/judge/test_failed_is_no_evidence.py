"""What the endpoint failed shows nothing of the prompt: no section blames it, no trap is laid by it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest
from run_of import CALM, case_row, judged, manifest_of, only, record

from harness.judge.assess import assess
from harness.judge.documents import CandidateAssessment
from harness.record import Event, Failure

LABELS = ("spam", "ham")
FAILED = Failure(kind="server_error", message="HTTP 500: sorry")
Said = tuple[str | Failure, ...]


def run(
    cases: Sequence[tuple[str, Said]],
    *,
    tags: Sequence[tuple[str, ...]] = (),
    splits: Sequence[str] = (),
    variants: Sequence[Said] = (),
    in_flight: Sequence[int] = (),
) -> CandidateAssessment:
    """Judge cases of an expected label and what was said in each repeat, and to a variant of each."""
    events: list[Event] = [CALM]
    repeats = len(cases[0][1])
    for n, (expected, said) in enumerate(cases):
        fields = {"tags": tags[n]} if tags else {}
        events.append(case_row(f"c{n:03d}", expected, split=splits[n] if splits else None, **fields))
        for variant, answers in (("original", said), *([("case", variants[n])] if variants else [])):
            for repeat, one in enumerate(answers):
                made = record(f"c{n:03d}", one, repeat=repeat, variant=variant)
                many = in_flight[repeat] if in_flight else 1
                sent = f"2026-01-01T00:{n // 60:02d}:{n % 60:02d}.{repeat:06d}Z"
                events.append(msgspec.structs.replace(made, in_flight=many, started_utc=sent))
    names = ("original", "case") if variants else ("original",)
    manifest = manifest_of(LABELS, planned=len(events), repeats=repeats, variants=names, thresholds=["accuracy >= 1%"])
    return only(assess(manifest, events))


def ham(count: int) -> list[tuple[str, Said]]:
    return [("ham", ("ham",))] * count


@pytest.mark.parametrize(("said", "worst"), [(FAILED, None), ("spam", "short")])
def test_the_worst_tag_is_one_that_was_answered_worse(said: str | Failure, worst: str | None) -> None:
    cases: list[tuple[str, Said]] = [*[("ham", (said,))] * 20, *ham(20), *ham(60)]
    made = run(cases, tags=[("short",)] * 40 + [("long",)] * 60)
    assert next((part.name for part in made.slices if part.worst), None) == worst
    short = next(part for part in made.slices if part.name == "short")
    assert short.accuracy.value == 0.5, "in print it is a miss"


@pytest.mark.parametrize(("said", "blamed"), [(FAILED, False), ("spam", True)])
def test_a_perturbation_is_blamed_for_what_was_answered_otherwise(said: str | Failure, blamed: bool) -> None:
    cases: list[tuple[str, Said]] = [("ham", ("ham",) * 3)] * 60
    made = run(cases, variants=[(said,) * 3] * 25 + [("ham",) * 3] * 35)
    assert made.robustness is not None
    (one,) = made.robustness.perturbations
    assert one.above_noise is blamed
    assert len(one.worst) == (10 if blamed else 0)
    assert made.robustness.formats is not None
    assert made.robustness.formats.worst == ("case" if blamed else None)
    assert one.accuracy_drop.value == pytest.approx(25 / 60), "in print it is a miss"


@pytest.mark.parametrize(("said", "explains"), [(FAILED, False), ("spam", True)])
def test_concurrency_explains_flips_of_answers_alone(said: str | Failure, explains: bool) -> None:
    cases: list[tuple[str, Said]] = [("ham", ("ham", "ham", said))] * 40 + [("ham", ("ham", "ham", "ham"))] * 40
    made = run(cases, in_flight=(1, 1, 64))
    compared = made.stability.concurrency
    assert (compared is not None and compared.explains) is explains


def test_a_case_flips_only_by_its_answers() -> None:
    made = run([("ham", ("ham", FAILED)), ("ham", ("ham", "spam")), ("ham", ("ham", "ham"))])
    assert made.notable_counts.get("flipped") == 1
    assert [case.case for case in made.notable if case.why == "flipped"] == ["c001"]
    assert [case.case for case in made.stability.unstable] == ["c001"]


def test_no_trap_is_laid_by_failed_calls() -> None:
    answers: list[tuple[str, str | Failure, int]] = [("spam", FAILED, 20), ("ham", "ham", 80)]
    traps = {trap.kind for trap in only(judged(answers, LABELS, thresholds=["accuracy >= 1%"])).traps}
    assert not traps & {"accuracy_paradox", "never_predicted"}
    answers = [("spam", "ham", 20), ("ham", "ham", 80)]
    traps = {trap.kind for trap in only(judged(answers, LABELS, thresholds=["accuracy >= 1%"])).traps}
    assert {"accuracy_paradox", "never_predicted"} <= traps


def test_repeats_that_failed_do_not_flip_a_threshold_by_noise() -> None:
    said = {n: (("ham", FAILED) if n < 30 else ("ham", "ham")) for n in range(100)}
    made = run([("ham", said[n]) for n in range(100)])
    assert not [trap for trap in made.traps if trap.kind == "noise"]


def test_splits_are_known_to_later_versions_by_what_was_answered() -> None:
    cases = [*ham(50), *[("ham", (FAILED,))] * 2, *ham(48)]
    made = run(cases, splits=["dev"] * 50 + ["holdout"] * 50)
    holdout = next(part for part in made.slices if part.name == "holdout")
    assert holdout.accuracy.value == 0.96
    assert {name: estimate.value for name, estimate in made.answered_splits.items()} == {"dev": 1.0, "holdout": 1.0}
