"""Answers that others collected -> a manifest and events, so that they are judged as any run.

Whoever collected them has the prompt and the clock: a candidate here is a name, and a latency is one that was told.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from harness.files.digest import digest, trial_key
from harness.files.policy import default_thresholds
from harness.files.project import ModelEntry
from harness.files.prompts import Prompt
from harness.files.suite import Suite, suite_digest
from harness.files.thresholds import metric_of
from harness.record import Attempt, CaseRow, Event, Failure, Record, Reply, Session, Usage
from harness.rundir import SCHEMA_VERSION, CandidateEntry, Manifest


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of another tool: what was asked, what would be right, what came back and after how long."""

    case: str
    expected: str
    outcome: Reply | Failure
    candidate: str = "given"
    latency_s: float | None = None  # None: nobody looked at the clock
    inputs: dict[str, str] = {}
    split: str = ""
    tags: tuple[str, ...] = ()


def reply(text: object, usage: Usage | None = None) -> Reply:
    """Give a reply as it was read: nothing (None, or a number that is none) is an empty one."""
    missing = text is None or text != text  # noqa: PLR0124 (only a NaN differs from itself)
    return Reply(text="" if missing else str(text), usage=usage or Usage())


def given_run(
    answers: Sequence[Given], suite: Mapping[str, Any], *, at_utc: str, notes: Mapping[str, Any] | None = None
) -> tuple[Manifest, list[Event]]:
    """Make a run of answers; those of one case and candidate are its repeats, in their order.

    `suite` holds what a suite file would: name, labels, positive, reply, thresholds, confidence.
    Raises ValueError where the answers of one case do not agree in what would be right, or the suite is none.
    """
    cases = _cases(answers)
    counted = Counter((given.candidate, given.case) for given in answers)
    read = _suite(suite)
    read = read.model_copy(update={"repeats": max(counted.values(), default=1)})
    names = tuple(dict.fromkeys(given.candidate for given in answers))
    events: list[Event] = [*cases.values(), Session(at_utc=at_utc, event="started", planned=len(answers))]
    events += _records(answers, cases)
    manifest = Manifest(
        schema_version=SCHEMA_VERSION,
        run_id=f"given-{read.name}",
        created_utc=at_utc,
        suite_name=read.name,
        suite=read.model_dump(mode="json"),
        suite_digest=suite_digest(read, tuple(cases.values())),
        candidates=tuple(_candidate(name) for name in names),
        variants=("original",),
        repeats=read.repeats,
        planned_trials=len(answers),
        seed=read.seed,
        files=(),
        versions={},
        platform="",
        git_commit=None,
        git_dirty=None,
        command=(),
        notes=dict(notes or {}),
    )
    return manifest, [*events, Session(at_utc=at_utc, event="finished", planned=len(answers))]


def decidable(suite: Mapping[str, Any], *, timed: bool) -> list[str]:
    """Give the documented defaults that bare answers can meet or miss."""
    read = _suite(suite)
    known = [(each.text, metric_of(each.metric)) for each in default_thresholds(read, splits=())]
    return [
        text
        for text, of in known
        if (timed or not of.clock) and not (of.earlier or of.of_failures or text.startswith("leakage"))
    ]


def _suite(written: Mapping[str, Any]) -> Suite:
    return Suite.model_validate({**written, "cases": ["given"], "prompts": ["given"], "models": ["given"]})


def _cases(answers: Iterable[Given]) -> dict[str, CaseRow]:
    cases: dict[str, CaseRow] = {}
    for given in answers:
        row = CaseRow(
            id=given.case,
            digest=digest([given.case, given.inputs]),
            expected=given.expected,
            split=given.split,
            tags=given.tags,
            inputs=given.inputs,
        )
        before = cases.setdefault(given.case, row)
        if before.expected != given.expected:
            raise ValueError(f"case {given.case!r} is expected to be {before.expected!r} and {given.expected!r}")
    return cases


def _candidate(name: str) -> CandidateEntry:
    prompt, model = Prompt(text=""), ModelEntry(endpoint="replay")
    return CandidateEntry(
        name=name,
        prompt_name=name,
        model_name=name,
        prompt=prompt.model_dump(mode="json"),
        model=model.model_dump(mode="json"),
        prompt_digest=digest(["given", name]),
        model_digest=digest(["given"]),
    )


def _records(answers: Iterable[Given], cases: Mapping[str, CaseRow]) -> Iterator[Record]:
    repeats: Counter[tuple[str, str]] = Counter()
    for given in answers:
        place = (given.candidate, given.case)
        duration = 0 if given.latency_s is None else round(given.latency_s * 1e9)
        failure = given.outcome if isinstance(given.outcome, Failure) else None
        yield Record(
            key=trial_key(given.candidate, "given", cases[given.case].digest, "original", repeats[place]),
            case=given.case,
            candidate=given.candidate,
            repeat=repeats[place],
            outcome=given.outcome,
            attempts=(Attempt(duration_ns=duration, failure=failure),),
            recorded=True,
        )
        repeats[place] += 1
