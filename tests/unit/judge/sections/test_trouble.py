"""What went wrong, as data: kinds, words, places, and whether the verdict hangs on them."""

from __future__ import annotations

from typing import Any

import msgspec
from run_of import candidate, case_row, events_of, manifest_of, record

from harness.judge.assess import assess
from harness.judge.documents import Assessment, CandidateAssessment
from harness.record import Failure, Refused, Reply, Session

UNSUPPORTED = (
    "HTTP 400: Unsupported parameter: 'max_tokens' is not supported with this model. "
    "Use 'max_completion_tokens' instead."
)
PLACES = {"params.max_tokens": "prompts/v1.prompt.yml:4", "prompt": "prompts/v1.prompt.yml"}
ENTRY = msgspec.structs.replace(candidate(), places=PLACES)


def run(answers: Any, *, thresholds: tuple[str, ...], repeats: int = 1) -> CandidateAssessment:
    events = events_of(answers, repeats=repeats)
    planned = sum(n for _, _, n in answers) * repeats
    manifest = manifest_of(
        ("spam", "ham"),
        planned=planned,
        repeats=repeats,
        candidates=[ENTRY],
        positive="spam",
        thresholds=list(thresholds),
    )
    return assess(manifest, events).candidates[0]


def test_a_refused_candidate_is_not_measured_in_the_endpoints_words_with_the_line_to_change() -> None:
    refused = Refused(
        at_utc="2026-01-01T00:00:01Z",
        candidate="v1@mini",
        failure=Failure(kind="bad_request", message=UNSUPPORTED, status=400),
        case="case-0",
        calls=5,
    )
    events = [
        case_row("a", "spam"),
        case_row("b", "ham"),
        Session(at_utc="2026-01-01T00:00:00Z", event="started"),
        refused,
        Session(at_utc="2026-01-01T00:00:02Z", event="finished"),
    ]
    manifest = manifest_of(("spam", "ham"), planned=2, candidates=[ENTRY], thresholds=["accuracy >= 90%"])
    made = assess(manifest, events)
    assert made.verdict == "NOT MEASURED"
    (row,) = made.candidates[0].went_wrong
    assert (row.kind, row.whose, row.count, row.share) == ("bad_request", "endpoint", 5, None)
    assert row.message == UNSUPPORTED
    assert row.where == "prompts/v1.prompt.yml:4"
    change = "Write `max_completion_tokens` in place of `max_tokens`"
    assert row.fix == f"{change}; or let `harness models adapt` find what this model takes."
    assert row.decides
    assert UNSUPPORTED.rstrip(".") in made.reason
    assert "prompts/v1.prompt.yml:4" in made.reason


def test_cut_replies_that_decide_come_first_with_two_samples_and_the_line_of_the_limit() -> None:
    cut = Reply(text="Well, let me", finish_reason="length")
    made = run([("spam", cut, 36), ("ham", "ham", 4)], thresholds=("accuracy >= 90%",))
    assert made.verdict == "NOT READY"
    row = made.went_wrong[0]
    assert (row.kind, row.whose, row.count, row.share) == ("truncated", "prompt", 36, 0.9)
    assert row.where == "prompts/v1.prompt.yml:4"
    assert row.fix == "Raise `max_tokens`."
    assert row.decides
    assert [sample.reply for sample in row.samples] == ["Well, let me"] * 2


def test_unreadable_replies_say_why_each_was_not_read() -> None:
    made = run(
        [("spam", "spam or ham?", 1), ("ham", "who knows", 1), ("ham", "ham", 98)], thresholds=("accuracy >= 50%",)
    )
    (row,) = made.went_wrong
    assert {sample.reason for sample in row.samples} == {"2 labels: spam, ham", "no label in it"}
    assert not row.decides, "the check passes all the same"


def test_a_case_that_the_template_fails_on_is_the_prompts_own() -> None:
    made = run(
        [("spam", Failure(kind="render", message="no `body`"), 30), ("ham", "ham", 70)], thresholds=("accuracy >= 90%",)
    )
    assert made.verdict == "NOT READY"
    (row,) = made.went_wrong
    assert (row.whose, row.where, row.decides) == ("prompt", "prompts/v1.prompt.yml", True)


def test_a_candidate_of_failures_alone_is_not_measured() -> None:
    failed = Failure(kind="server_error", message="HTTP 503: overloaded", status=503)
    made = run([("spam", failed, 200), ("ham", failed, 200)], thresholds=("specificity[spam] >= 95%",))
    assert made.verdict == "NOT MEASURED"
    assert made.checks[0].status != "PASS"


def test_a_candidate_of_which_nothing_was_measured_claims_nothing_of_its_cases() -> None:
    events = [case_row("a", "spam"), case_row("b", "ham"), Session(at_utc="2026-01-01T00:00:00Z", event="started")]
    rules = ["accuracy > majority", "recall[spam] >= 80%", "specificity[spam] >= 80%", "f1[spam] >= 80%"]
    (made,) = assess(manifest_of(("spam", "ham"), planned=2, candidates=[ENTRY], thresholds=rules), events).candidates
    assert {check.estimate.why_undefined for check in made.checks} == {"no trial was measured"}
    assert made.checks[0].why == "accuracy > majority can't be decided: no trial was measured."
    assert made.cost.tokens_in.why_undefined == "no reply came"


def test_a_candidate_that_answered_is_judged_beside_one_that_was_refused() -> None:
    def of(name: str, said: str | Failure) -> list[Any]:
        return [record(f"c{n}", said, candidate=name) for n in range(200)]

    refused = Failure(kind="bad_request", message="HTTP 400: no", status=400)
    events = [
        *(case_row(f"c{n}", "spam") for n in range(200)),
        Session(at_utc="2026-01-01T00:00:00Z", event="started"),
        *of("v1@mini", "spam"),
        Refused(at_utc="2026-01-01T00:00:01Z", candidate="v1@other", failure=refused, calls=5),
        Session(at_utc="2026-01-01T00:00:02Z", event="finished"),
    ]
    manifest = manifest_of(
        ("spam", "ham"),
        planned=400,
        candidates=[candidate("v1@mini"), candidate("v1@other")],
        thresholds=["accuracy >= 90%"],
    )
    made: Assessment = assess(manifest, events)
    assert made.verdict == "READY"
    assert made.complete
    assert made.leaderboard is None, "what was not measured is not ranked"
    assert made.reason.startswith("1 of 2 NOT MEASURED: v1@other: the endpoint refused every call")
    assert [one.verdict for one in made.candidates] == ["READY", "NOT MEASURED"]
