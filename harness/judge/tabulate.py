"""Journal events -> columns: one pass over the records, then everything is arrays.

The result does not depend on the order of the events: rows are sorted, names are sorted, and where one trial
was recorded twice (a prompt was changed and its trials sent again) the later record counts.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

from harness.errors import JournalDamaged
from harness.files.suite import Suite
from harness.judge.assessment import OUTCOMES
from harness.judge.labels import LabelReader
from harness.judge.table import NONE, CaseColumns, Float, Int16, Int64, TrialColumns
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
    caller_ns,
    service_ns,
)
from harness.rundir import Manifest

_OUTCOME = {name: index for index, name in enumerate(OUTCOMES)}
_FAILED = _OUTCOME["failed"]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
NOT_RUN = "not run: the run ended before this trial"

# One integer per record and column, in this order; `_Rows.numbers` holds them row after row.
_NUMBERS = (
    "case",
    "variant",
    "repeat",
    "predicted",
    "outcome",
    "caller_ns",
    "service_ns",
    "ttft_ns",
    "queue_ns",
    "rate_limit_ns",
    "backoff_ns",
    "retry_ns",
    "own_ns",
    "attempts",
    "sent_at",
    "in_flight",
    "tokens_in",
    "tokens_out",
    "tokens_cached",
    "reply",
    "served",
    "fingerprint",
)
_COLUMN = {name: index for index, name in enumerate(_NUMBERS)}
_NARROW: dict[str, npt.DTypeLike] = {
    "case": np.int32,
    "variant": np.int16,
    "repeat": np.int16,
    "predicted": np.int16,
    "outcome": np.int8,
    "attempts": np.int16,
    "in_flight": np.int32,
    "reply": np.int32,
    "served": np.int16,
    "fingerprint": np.int16,
}


@dataclass(slots=True, kw_only=True)
class RunTable:
    """A whole run as columns, with what is said of its sessions."""

    cases: CaseColumns
    trials: dict[str, TrialColumns]
    sessions: list[Session]
    paces: list[Pace]
    interference: list[Interference]
    journalled: int  # distinct trials with a record, warm-up left out


@dataclass(slots=True)
class _Names:
    """Distinct strings, numbered as they come."""

    index: dict[str, int] = field(default_factory=dict)

    def number(self, name: str) -> int:
        return self.index.setdefault(name, len(self.index))

    def optional(self, name: str | None) -> int:
        return NONE if name is None else self.number(name)


@dataclass(slots=True)
class _Rows:
    """The records of one candidate while they are read."""

    numbers: array[int] = field(default_factory=lambda: array("q"))
    scores: array[float] = field(default_factory=lambda: array("d"))
    replies: _Names = field(default_factory=_Names)
    served: _Names = field(default_factory=_Names)
    fingerprints: _Names = field(default_factory=_Names)
    recorded: bool = False
    warmup_calls: int = 0
    warmup_tokens: list[int] = field(default_factory=lambda: [0, 0, 0])


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
        self._rows = {entry.name: _Rows() for entry in manifest.candidates}
        self._case_number = _Names()
        self._variant = _Names()
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
        columns = _Columns(
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
    caller, service = caller_ns(record), service_ns(record)
    first_token = NONE
    if last.failure is None and last.first_token_ns is not None:
        first_token = last.first_token_ns - (last.written_ns or 0)
    return (
        NONE if caller is None else caller,
        NONE if service is None else service,
        first_token,
        record.queue_ns,
        sum(attempt.rate_limit_ns for attempt in attempts),
        sum(attempt.backoff_ns for attempt in attempts),
        sum(attempt.duration_ns for attempt in attempts[:-1]),
        record.own_ns,
    )


def _instant(utc: str) -> int:
    """Give microseconds since 1970; NONE where the record does not say."""
    if not utc:
        return NONE
    at = datetime.fromisoformat(utc)
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return (at - _EPOCH) // _MICROSECOND


def case_columns(rows: Iterable[CaseRow], label: dict[str, int]) -> CaseColumns:
    """Give the cases as columns, sorted by id."""
    cases = sorted(rows, key=lambda case: case.id)
    for case in cases:
        if case.expected not in label:
            raise JournalDamaged(
                f"case {case.id!r} expects {case.expected!r}, which is not a label of the suite"
            )
    splits = tuple(sorted({case.split for case in cases if case.split}))
    split = {name: index for index, name in enumerate(splits)}
    tags = sorted({tag for case in cases for tag in case.tags})
    return CaseColumns(
        ids=tuple(case.id for case in cases),
        expected=np.array([label[case.expected] for case in cases], dtype=np.int16),
        split=np.array([split.get(case.split, NONE) for case in cases], dtype=np.int16),
        splits=splits,
        tags={tag: np.array([tag in case.tags for case in cases], dtype=np.bool_) for tag in tags},
        texts=tuple(_one_line(case.inputs) for case in cases),
        inputs=tuple(case.inputs for case in cases),
    )


def _one_line(inputs: dict[str, str]) -> str:
    if len(inputs) == 1:
        (text,) = inputs.values()
        return " ".join(text.split())
    return " · ".join(f"{name}: {' '.join(text.split())}" for name, text in inputs.items())


@dataclass(slots=True, kw_only=True)
class _Columns:
    """Turns the rows of each candidate into sorted columns over the same cases and variants."""

    cases: CaseColumns
    case_row: Int64  # number in order of reading -> row in CaseColumns
    variants: tuple[str, ...]
    repeats: int

    def held(self, rows: _Rows) -> tuple[Int64, Float]:
        """Sort the records of one candidate; of two records of one trial the later stays."""
        numbers = np.frombuffer(rows.numbers, dtype=np.int64).reshape(-1, len(_NUMBERS)).copy()
        scores = np.frombuffer(rows.scores, dtype=np.float64).copy()
        numbers[:, _COLUMN["case"]] = self.case_row[numbers[:, _COLUMN["case"]]]
        for name, names in (
            ("reply", rows.replies),
            ("served", rows.served),
            ("fingerprint", rows.fingerprints),
        ):
            _sort_names(numbers[:, _COLUMN[name]], names)
        keys = [
            numbers[:, _COLUMN[name]]
            for name in ("reply", "caller_ns", "sent_at", "repeat", "case", "variant")
        ]
        order = np.lexsort(keys)
        numbers, scores = numbers[order], scores[order]
        identity = self._identity(numbers)
        last = np.concatenate([identity[1:] != identity[:-1], np.ones(min(1, len(identity)), dtype=np.bool_)])
        return numbers[last], scores[last]

    def _identity(self, numbers: Int64) -> Int64:
        width = max(self.repeats, int(numbers[:, _COLUMN["repeat"]].max(initial=0)) + 1)
        pair = numbers[:, _COLUMN["variant"]] * len(self.cases) + numbers[:, _COLUMN["case"]]
        return np.asarray(pair * width + numbers[:, _COLUMN["repeat"]], dtype=np.int64)

    def planned(self, held: Iterable[tuple[Int64, Float]]) -> Int64:
        """Give (variant, case, repeat) of every trial that each candidate should have, sorted.

        Every case in its original form, every repeat; a variant of a case counts as planned when any
        candidate has a record of it (a perturbation that changes nothing in a text makes no trial).
        """
        n = len(self.cases)
        everything = [np.stack(list(_grid([0], range(n), range(self.repeats))), axis=1)]
        places = [_COLUMN["variant"], _COLUMN["case"], _COLUMN["repeat"]]
        everything += [numbers[:, places] for numbers, _ in held]
        rows = np.concatenate(everything)
        width = int(rows[:, 2].max(initial=0)) + 1
        flat = np.unique((rows[:, 0] * n + rows[:, 1]) * width + rows[:, 2])
        pair = flat // width
        return np.stack([pair // max(n, 1), pair % max(n, 1), flat % width], axis=1)

    def trials(self, rows: _Rows, numbers: Int64, scores: Float, planned: Int64) -> TrialColumns:
        """Give the columns of one candidate, with a `failed` row for every planned trial that was not run."""
        full, given = self._fill(numbers, planned)
        missing = given < 0
        if missing.any():
            full[missing, _COLUMN["reply"]] = rows.replies.number(NOT_RUN)
        score = np.full(len(full), np.nan)
        score[~missing] = scores[given[~missing]]
        at = full[:, _COLUMN["sent_at"]]
        started = at[at != NONE].min(initial=np.iinfo(np.int64).max)
        full[:, _COLUMN["sent_at"]] = np.where(at == NONE, NONE, (at - started) * 1000)
        columns = {
            name: full[:, index].astype(_NARROW.get(name, np.int64), copy=True)
            for name, index in _COLUMN.items()
        }
        in_, out, cached = rows.warmup_tokens
        return TrialColumns(
            **columns,
            variants=self.variants,
            expected=self.cases.expected[full[:, _COLUMN["case"]]],
            score=score,
            replies=tuple(rows.replies.index),
            served_models=tuple(rows.served.index),
            fingerprints=tuple(rows.fingerprints.index),
            recorded=rows.recorded,
            warmup_calls=rows.warmup_calls,
            warmup_tokens=(in_, out, cached),
            not_run=missing if missing.any() else None,
        )

    def _fill(self, numbers: Int64, planned: Int64) -> tuple[Int64, Int64]:
        """Lay the records over the plan; give the full rows, and for each the record it came from or NONE."""
        width = int(planned[:, 2].max(initial=0)) + 1
        n = len(self.cases)
        wanted = (planned[:, 0] * n + planned[:, 1]) * width + planned[:, 2]
        places = [_COLUMN["variant"], _COLUMN["case"], _COLUMN["repeat"]]
        mine = numbers[:, places]
        place = np.searchsorted(wanted, (mine[:, 0] * n + mine[:, 1]) * width + mine[:, 2])
        full = np.full((len(planned), len(_NUMBERS)), NONE, dtype=np.int64)
        for name in (
            "queue_ns",
            "rate_limit_ns",
            "backoff_ns",
            "retry_ns",
            "own_ns",
            "attempts",
            "in_flight",
        ):
            full[:, _COLUMN[name]] = 0
        full[:, _COLUMN["outcome"]] = _FAILED
        full[:, places] = planned
        full[place] = numbers
        given = np.full(len(planned), NONE, dtype=np.int64)
        given[place] = np.arange(len(numbers))
        return full, given


def _grid(*axes: Sequence[int]) -> Iterator[Int64]:
    for axis in np.meshgrid(*(np.asarray(axis, dtype=np.int64) for axis in axes), indexing="ij"):
        yield axis.ravel()


def _sort_names(column: Int64, names: _Names) -> None:
    """Renumber a column so that its names are sorted, whatever the order of reading was."""
    ordered = sorted(names.index)
    place: Int16 | Int64 = np.empty(len(ordered) + 1, dtype=np.int64)
    place[-1] = NONE  # NONE indexes from the end
    for rank, name in enumerate(ordered):
        place[names.index[name]] = rank
    column[:] = place[column]
    names.index = {name: rank for rank, name in enumerate(ordered)}
