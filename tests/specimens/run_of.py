"""Builds the events of a run from answers, so that tests can judge it as a journal would be judged."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

from harness.files.thresholds import Threshold, parse_threshold
from harness.judge.assess import assess
from harness.judge.documents import Assessment, CandidateAssessment, Check
from harness.record import Attempt, CaseRow, Event, Failure, Interference, Record, Reply, Session, Usage
from harness.rundir import CandidateEntry, Manifest

CANDIDATE = "v1@mini"
CALM = Interference(lag_p50_ns=50_000, lag_p99_ns=900_000, lag_max_ns=2_000_000, cpu_share=0.2, samples=900)


def candidate(name: str = CANDIDATE, **prompt: Any) -> CandidateEntry:
    prompt_name, _, model_name = name.partition("@")
    return CandidateEntry(
        name=name,
        prompt_name=prompt_name,
        model_name=model_name,
        prompt=prompt,
        model={"endpoint": "chat", "model": "mini"},
        prompt_digest="p",
        model_digest="m",
    )


def replayed(name: str = CANDIDATE, **model: Any) -> CandidateEntry:
    """Give a candidate whose replies were recorded."""
    entry = {"endpoint": "replay", "replies": "replies.jsonl", **model}
    return msgspec.structs.replace(candidate(name), model=entry)


def manifest_of(
    labels: Sequence[str],
    *,
    planned: int,
    repeats: int = 1,
    candidates: Sequence[CandidateEntry] = (),
    variants: Sequence[str] = ("original",),
    **suite: Any,
) -> Manifest:
    return Manifest(
        schema_version=1,
        run_id="run",
        created_utc="2026-01-01T00:00:00Z",
        suite_name="suite",
        suite={"name": "suite", "labels": list(labels), "cases": ["cases.jsonl"], "repeats": repeats, **suite},
        suite_digest="s",
        candidates=tuple(candidates) or (candidate(),),
        variants=tuple(variants),
        repeats=repeats,
        planned_trials=planned,
        seed=0,
        files=(),
        versions={"prompt-readiness": "0"},
        platform="test",
        git_commit=None,
        git_dirty=None,
        command=("harness", "run"),
    )


def distinct_text(case: str) -> str:
    """Give a text that no other case resembles."""
    return hashlib.sha256(case.encode()).hexdigest()


def case_row(case: str, expected: str, **fields: Any) -> CaseRow:
    inputs = fields.pop("inputs", {"message": distinct_text(case)})
    return CaseRow(id=case, digest=case, expected=expected, inputs=inputs, **fields)


def record(
    case: str,
    said: str | Failure | Reply,
    *,
    repeat: int = 0,
    seconds: float | None = 0.2,
    candidate: str = CANDIDATE,
    **fields: Any,
) -> Record:
    outcome = Reply(text=said, usage=Usage(input=50, output=2)) if isinstance(said, str) else said
    failure = outcome if isinstance(outcome, Failure) else None
    attempts = () if seconds is None else (Attempt(duration_ns=round(seconds * 1e9), failure=failure),)
    return Record(
        key=f"{case}-{repeat}",
        case=case,
        candidate=candidate,
        repeat=repeat,
        outcome=outcome,
        attempts=attempts,
        in_flight=1,
        started_utc=f"2026-01-01T00:00:00.{repeat:06d}Z",
        **fields,
    )


def events_of(
    answers: Sequence[tuple[str, str | Failure | Reply, int]], *, repeats: int = 1, seconds: float = 0.2
) -> list[Event]:
    """Give the events for (expected, said, how many cases), each case saying the same in every repeat."""
    events: list[Event] = [
        Session(at_utc="2026-01-01T00:00:00Z", event="started"),
        CALM,
        Session(at_utc="2026-01-01T01:00:00Z", event="finished"),
    ]
    number = 0
    for expected, said, cases in answers:
        for _ in range(cases):
            case = f"case-{number:04d}"
            number += 1
            events.append(case_row(case, expected))
            events += [record(case, said, repeat=repeat, seconds=seconds) for repeat in range(repeats)]
    return events


def judged(
    answers: Sequence[tuple[str, str | Failure | Reply, int]],
    labels: Sequence[str],
    *,
    thresholds: Sequence[str] = (),
    repeats: int = 1,
    seconds: float = 0.2,
    extra: Sequence[Event] = (),
    baseline: Assessment | None = None,
    **suite: Any,
) -> Assessment:
    """Judge a run of one candidate."""
    events = [*events_of(answers, repeats=repeats, seconds=seconds), *extra]
    planned = sum(cases for _, _, cases in answers) * repeats
    manifest = manifest_of(labels, planned=planned, repeats=repeats, **suite)
    parsed = parsed_thresholds(thresholds, labels) if thresholds else None
    return assess(manifest, events, thresholds=parsed, baseline=baseline)


def parsed_thresholds(thresholds: Sequence[str], labels: Sequence[str]) -> tuple[Threshold, ...]:
    return tuple(parse_threshold(text, labels=labels) for text in thresholds)


def only(assessment: Assessment) -> CandidateAssessment:
    (candidate,) = assessment.candidates
    return candidate


def check_of(assessment: Assessment, threshold: str) -> Check:
    return next(check for check in only(assessment).checks if check.threshold == threshold)
