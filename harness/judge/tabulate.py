"""Journal events -> columns: one pass over the records, then everything is arrays.

The result does not depend on the order of the events: rows are sorted, names are sorted, and where one trial
was recorded twice (a prompt was changed and its trials sent again) the later record counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from harness.errors import JournalDamaged
from harness.files.suite import Suite
from harness.judge.assessment import OUTCOMES
from harness.judge.columns import Columns, Names, Rows, case_columns
from harness.judge.labels import LabelReader
from harness.judge.table import NONE, CaseColumns, TrialColumns
from harness.record import (
    ORIGINAL,
    CaseRow,
    Event,
    Failure,
    Interference,
    Pace,
    Record,
    Reply,
    Session,
)
from harness.rundir import Manifest

_OUTCOME = {name: index for index, name in enumerate(OUTCOMES)}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(slots=True, kw_only=True)
class RunTable:
    """A whole run as columns, with what is said of its sessions."""

    cases: CaseColumns
    trials: dict[str, TrialColumns]
    sessions: list[Session]
    paces: list[Pace]
    interference: list[Interference]
    journalled: int  # distinct trials with a record, warm-up left out


def build(manifest: Manifest, events: Iterable[Event]) -> tuple[CaseColumns, dict[str, TrialColumns]]:
    """Give the cases, and the trials of each candidate."""
    table = tabulate(manifest, events)
    return table.cases, table.trials


def tabulate(manifest: Manifest, events: Iterable[Event]) -> RunTable:
    """Read all events of a run into columns, in one pass."""
    suite = Suite.model_validate(manifest.suite)
    reading = _Reading(manifest, suite)
    for event in events:
        reading.take(event)
    return reading.finish()


class _Reading:
    """One pass over the events of a run."""

    def __init__(self, manifest: Manifest, suite: Suite) -> None:
        self._manifest = manifest
        self._suite = suite
        self._reader = LabelReader(suite.reply, suite.labels)
        self._label = {label: index for index, label in enumerate(suite.labels)}
        self._rows = {entry.name: Rows() for entry in manifest.candidates}
        self._case_number = Names()
        self._variant = Names()
        for variant in dict.fromkeys((ORIGINAL, *manifest.variants)):
            self._variant.number(variant)
        self._cases: dict[str, CaseRow] = {}
        self._sessions: list[Session] = []
        self._paces: list[Pace] = []
        self._interference: list[Interference] = []

    def take(self, event: Event) -> None:
        match event:
            case Record():
                self._record(event)
            case CaseRow():
                self._cases[event.id] = event
            case Session():
                self._sessions.append(event)
            case Pace():
                self._paces.append(event)
            case Interference():
                self._interference.append(event)

    def _record(self, record: Record) -> None:
        rows = self._rows.get(record.candidate)
        if rows is None:
            raise JournalDamaged(
                f"the journal has a trial of candidate {record.candidate!r}, which the manifest does not name"
            )
        outcome = record.outcome
        usage = outcome.usage if isinstance(outcome, Reply) else None
        tokens = (NONE, NONE, NONE)
        if usage is not None:
            tokens = (_count(usage.input), _count(usage.output), _count(usage.cached))
        if record.warmup:
            rows.warmup_calls += 1
            for place, count in enumerate(tokens):
                rows.warmup_tokens[place] += max(count, 0)
            return
        rows.recorded |= record.recorded
        label, why = self._reader.read(outcome)
        rows.numbers.extend(
            (
                self._case_number.number(record.case),
                self._variant.number(record.variant),
                record.repeat,
                NONE if label is None else self._label[label],
                _OUTCOME[why],
                *_times(record),
                len(record.attempts),
                _instant(record.started_utc),
                record.in_flight,
                *tokens,
                rows.replies.number(_said(outcome)),
                rows.served.optional(outcome.served_model if isinstance(outcome, Reply) else None),
                rows.fingerprints.optional(outcome.fingerprint if isinstance(outcome, Reply) else None),
            )
        )
        rows.scores.append(self._score(outcome, label))

    def _score(self, outcome: Reply | Failure, label: str | None) -> float:
        if isinstance(outcome, Failure) or self._suite.positive is None:
            return np.nan
        return self._reader.score(outcome, self._suite.positive, label)

    def finish(self) -> RunTable:
        cases = case_columns(self._cases.values(), self._label)
        place = {case: row for row, case in enumerate(cases.ids)}
        unknown = sorted(case for case in self._case_number.index if case not in place)
        if unknown:
            raise JournalDamaged(f"the journal has trials of case {unknown[0]!r}, but not the case itself")
        columns = Columns(
            cases=cases,
            case_row=np.array([place[case] for case in self._case_number.index], dtype=np.int64),
            variants=tuple(self._variant.index),
            repeats=self._manifest.repeats,
        )
        held = {name: columns.held(rows) for name, rows in self._rows.items()}
        planned = columns.planned(held.values())
        return RunTable(
            cases=cases,
            trials={
                name: columns.trials(self._rows[name], numbers, scores, planned)
                for name, (numbers, scores) in held.items()
            },
            sessions=sorted(self._sessions, key=lambda session: (session.at_utc, session.done_before)),
            paces=sorted(self._paces, key=lambda pace: (pace.endpoint, pace.at_ns, pace.limit, pace.why)),
            interference=sorted(self._interference, key=_interference_order),
            journalled=sum(len(numbers) for numbers, _ in held.values()),
        )


def _interference_order(load: Interference) -> tuple[int, int, float, int]:
    return (load.lag_p99_ns, load.lag_max_ns, load.cpu_share, load.samples)


def _count(tokens: int | None) -> int:
    return NONE if tokens is None else tokens


def _said(outcome: Reply | Failure) -> str:
    if isinstance(outcome, Failure):
        return f"{outcome.kind}: {outcome.message}"
    return outcome.refusal or outcome.text


def _times(record: Record) -> tuple[int, int, int, int, int, int, int, int]:
    """Give caller, service, first token, queue, rate limit, backoff, retries and own, in nanoseconds."""
    attempts = record.attempts
    if not attempts:
        return (NONE, NONE, NONE, record.queue_ns, 0, 0, 0, record.own_ns)
    last = attempts[-1]
    service = first_token = NONE
    if last.failure is None:
        written = last.written_ns or 0
        service = last.duration_ns - written
        if last.first_token_ns is not None:
            first_token = last.first_token_ns - written
    if len(attempts) == 1:  # nearly all trials: no sums over attempts
        caller, rate_limit, backoff, retries = (
            last.backoff_ns + last.duration_ns,
            last.rate_limit_ns,
            last.backoff_ns,
            0,
        )
    else:
        rate_limit = sum(attempt.rate_limit_ns for attempt in attempts)
        backoff = sum(attempt.backoff_ns for attempt in attempts)
        retries = sum(attempt.duration_ns for attempt in attempts[:-1])
        caller = backoff + retries + last.duration_ns
    return (caller, service, first_token, record.queue_ns, rate_limit, backoff, retries, record.own_ns)


def _instant(utc: str) -> int:
    """Give microseconds since 1970; NONE where the record does not say."""
    if not utc:
        return NONE
    at = datetime.fromisoformat(utc)
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return (at - _EPOCH) // _MICROSECOND
