"""Records of one candidate -> columns of numbers, some thousands of records at a time.

A million records pass through here, so nothing is done for each that can be done for all: one comprehension a
column, arithmetic on arrays, and each distinct reply is read as a label once, at the end.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from harness.endings import ending_of
from harness.judge.documents import OUTCOMES
from harness.judge.labels import Why, said
from harness.judge.table.columns import FAILURES, NONE, VIAS, Float, Int64
from harness.judge.table.reply_score import ScoreReader
from harness.record import Attempt, Failure, Record, Reply, ToolCall, Usage, is_timed

_T = TypeVar("_T")
Column: TypeAlias = npt.NDArray[np.int64 | np.int32 | np.int16 | np.int8 | np.float64]

# Columns as TrialColumns wants them; `expected` follows from the case.
KINDS: dict[str, npt.DTypeLike] = {
    "case": np.int32,
    "variant": np.int16,
    "repeat": np.int16,
    "predicted": np.int16,
    "outcome": np.int8,
    "failure": np.int8,
    "why": np.int16,
    "caller_ns": np.int64,
    "service_ns": np.int64,
    "ttft_ns": np.int64,
    "queue_ns": np.int64,
    "rate_limit_ns": np.int64,
    "backoff_ns": np.int64,
    "retry_ns": np.int64,
    "connect_ns": np.int64,
    "own_ns": np.int64,
    "attempts": np.int16,
    "sent_at": np.int64,
    "in_flight": np.int32,
    "tokens_in": np.int64,
    "tokens_out": np.int64,
    "tokens_cached": np.int64,
    "tokens_reasoning": np.int64,
    "reasoned": np.int8,
    "odd": np.int16,
    "ending": np.int16,
    "score": np.float64,
    "reply": np.int32,
    "served": np.int16,
    "fingerprint": np.int16,
    "tier": np.int16,
    "via": np.int8,
}
_OUTCOME = {name: index for index, name in enumerate(OUTCOMES)}
_FAILURE = {name: index for index, name in enumerate(FAILURES)}
_VIA = {name: index for index, name in enumerate(VIAS)}
_NEVER = Attempt(duration_ns=0)
_SILENT = Reply(text="")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_UTC = "+00:00"
_WRITTEN_OUT = {len("2026-01-01T00:00:00+00:00"), len("2026-01-01T00:00:00.000000+00:00")}

# Text, finish reason, refusal and tool calls, all that a label is read from; or a failure.
_Parts: TypeAlias = tuple[str, str | None, str | None, tuple[ToolCall, ...]]
_Said: TypeAlias = _Parts | Failure


class Numbers(dict[_T, int]):
    """Distinct values, numbered as they come: `numbers[x]` is the number of x, a new one for a new x."""

    def __missing__(self, value: _T) -> int:
        number = self[value] = len(self)
        return number


NameNumbers: TypeAlias = Numbers[str]


@dataclass(slots=True, kw_only=True)
class Intake:
    """The records of one candidate while they are read; `cases` and `variants` are numbered for all."""

    cases: NameNumbers
    variants: NameNumbers
    reader: ScoreReader
    positive: str | None
    labels: dict[str, int]
    replies: NameNumbers = field(default_factory=NameNumbers)
    failures: dict[str, Failure] = field(default_factory=dict)  # by what `replies` says of them
    whys: Numbers[Why] = field(default_factory=Numbers[Why])
    served: NameNumbers = field(default_factory=NameNumbers)
    fingerprints: NameNumbers = field(default_factory=NameNumbers)
    tiers: NameNumbers = field(default_factory=NameNumbers)
    odd_fields: Numbers[tuple[str, ...]] = field(default_factory=Numbers)
    unknown_endings: NameNumbers = field(default_factory=NameNumbers)
    most_repeats: int = 0
    recorded: bool = False
    warmup_calls: int = 0
    warmup_usage: dict[str | None, Usage] = field(default_factory=dict)  # by service tier
    _said: Numbers[_Said] = field(default_factory=Numbers[_Said])
    _chunks: dict[str, list[Column]] = field(default_factory=dict)

    def take(self, records: Sequence[Record]) -> None:
        """Add some records; warm-up calls are counted apart."""
        for warmup in (record for record in records if record.warmup):
            self.warmup_calls += 1
            if isinstance(warmup.outcome, Reply):
                usage = warmup.outcome.usage
                self.warmup_usage[usage.tier] = _sum(self.warmup_usage.get(usage.tier, Usage()), usage)
        counted = [record for record in records if not record.warmup]
        if not counted:
            return
        self.recorded = self.recorded or any(record.recorded for record in counted)
        for part in (self._identity(counted), _times(counted), self._replies(counted)):
            for name, column in part.items():
                self._chunks.setdefault(name, []).append(column)

    def _identity(self, records: Sequence[Record]) -> dict[str, Column]:
        cases, variants = self.cases, self.variants
        repeats = [record.repeat for record in records]
        self.most_repeats = max(self.most_repeats, max(repeats) + 1)
        return {
            "case": np.array([cases[record.case] for record in records], dtype=np.int32),
            "variant": np.array([variants[record.variant] for record in records], dtype=np.int16),
            "repeat": np.array(repeats, dtype=np.int16),
            "via": np.array([_VIA[record.via] for record in records], dtype=np.int8),
            "in_flight": np.array([record.in_flight for record in records], dtype=np.int32),
            "sent_at": _instants([record.started_utc for record in records]),
        }

    def _replies(self, records: Sequence[Record]) -> dict[str, Column]:
        known, served, fingerprints = self._said, self.served, self.fingerprints
        outcomes = [record.outcome for record in records]
        replies = [outcome if isinstance(outcome, Reply) else _SILENT for outcome in outcomes]
        usages = [reply.usage for reply in replies]
        numbers = [
            known[(outcome.text, outcome.finish_reason, outcome.refusal, outcome.tools)]
            if isinstance(outcome, Reply)
            else known[outcome]
            for outcome in outcomes
        ]
        models = [NONE if reply.served_model is None else served[reply.served_model] for reply in replies]
        prints = [NONE if reply.fingerprint is None else fingerprints[reply.fingerprint] for reply in replies]
        return {
            "reply": np.array(numbers, dtype=np.int32),
            "tokens_in": _known([usage.input for usage in usages]),
            "tokens_out": _known([usage.output for usage in usages]),
            "tokens_cached": _known([usage.cached for usage in usages]),
            "tokens_reasoning": _known([usage.reasoning for usage in usages]),
            "reasoned": np.array([bool(r.reasoning or r.usage.reasoning) for r in replies], dtype=np.int8),
            "odd": np.array([self.odd_fields[r.odd] if r.odd else NONE for r in replies], dtype=np.int16),
            "served": np.array(models, dtype=np.int16),
            "fingerprint": np.array(prints, dtype=np.int16),
            "tier": np.array([NONE if u.tier is None else self.tiers[u.tier] for u in usages], dtype=np.int16),
            "score": self._scores(outcomes),
        }

    def _scores(self, outcomes: Sequence[Reply | Failure]) -> Float:
        scores = np.full(len(outcomes), np.nan)
        if self.positive is None:
            return scores
        for row, outcome in enumerate(outcomes):
            if isinstance(outcome, Reply) and self.reader.may_score(outcome):
                scores[row] = self.reader.score(outcome, self.positive, self.reader.read(outcome).label)
        return scores

    def columns(self) -> dict[str, Column]:
        """Give all columns, in the order of reading, with each reply read as a label; ends the intake."""
        columns: dict[str, Column] = {}
        for name, kind in KINDS.items():
            chunks = self._chunks.pop(name, [])
            columns[name] = np.concatenate(chunks) if chunks else np.zeros(0, dtype=kind)
        number = columns["reply"]
        reasoned = columns["reasoned"]
        for name, column in self._read().items():
            columns[name] = column[number] if len(number) else np.zeros(0, dtype=KINDS[name])
        columns["reasoned"] = np.maximum(columns["reasoned"], reasoned)
        return columns

    def _read(self) -> dict[str, Column]:
        """Give label, outcome and text of each distinct outcome; texts are numbered anew."""
        outcomes = [one if isinstance(one, Failure) else _as_reply(one) for one in self._said]
        read = [self.reader.read(outcome) for outcome in outcomes]
        self._said.clear()
        self.failures.update((said(one), one) for one in outcomes if isinstance(one, Failure))
        return {
            "predicted": np.array([NONE if label is None else self.labels[label] for label, *_ in read], np.int16),
            "failure": np.array(
                [_FAILURE[one.kind] if isinstance(one, Failure) else NONE for one in outcomes], np.int8
            ),
            "outcome": np.array([_OUTCOME[one.outcome] for one in read], np.int8),
            "why": np.array([NONE if one.why is None else self.whys[one.why] for one in read], np.int16),
            "reply": np.array([self.replies[said(outcome)] for outcome in outcomes], np.int32),
            "reasoned": np.array(
                [isinstance(outcome, Reply) and self.reader.answer(outcome.text).thought for outcome in outcomes],
                np.int8,
            ),
            "ending": np.array([self._unknown_ending(outcome) for outcome in outcomes], np.int16),
        }

    def _unknown_ending(self, outcome: Reply | Failure) -> int:
        word = outcome.finish_reason if isinstance(outcome, Reply) else None
        return self.unknown_endings[word] if word and ending_of(word) is None else NONE


def _as_reply(parts: _Parts) -> Reply:
    text, finish_reason, refusal, tools = parts
    return Reply(text=text, finish_reason=finish_reason, refusal=refusal, tools=tools)


def _sum(one: Usage, other: Usage) -> Usage:
    counts = {name: (getattr(one, name) or 0) + (getattr(other, name) or 0) for name in ("input", "output", "cached")}
    return Usage(**counts, tier=other.tier)


def _known(counts: Sequence[int | None]) -> Int64:
    return np.array([NONE if count is None else count for count in counts], dtype=np.int64)


def _times(records: Sequence[Record]) -> dict[str, Column]:
    """Give the durations of each trial in nanoseconds, as `record.caller_ns` and `service_ns` define them."""
    counts = np.array([len(record.attempts) for record in records], dtype=np.int16)
    lasts = [record.attempts[-1] if record.attempts else _NEVER for record in records]
    duration = np.array([last.duration_ns for last in lasts], dtype=np.int64)
    backoff = np.array([last.backoff_ns for last in lasts], dtype=np.int64)
    rate_limit = np.array([last.rate_limit_ns for last in lasts], dtype=np.int64)
    written = np.array([last.written_ns or 0 for last in lasts], dtype=np.int64)
    first_token = _known([last.first_token_ns for last in lasts])
    ended = np.array([last.failure is None for last in lasts], dtype=np.bool_)
    retries = np.zeros(len(records), dtype=np.int64)
    for row in np.flatnonzero(counts > 1).tolist():
        attempts = records[row].attempts
        backoff[row] = sum(attempt.backoff_ns for attempt in attempts)
        rate_limit[row] = sum(attempt.rate_limit_ns for attempt in attempts)
        retries[row] = sum(attempt.duration_ns for attempt in attempts[:-1])
    ended &= counts > 0
    timed = np.array([is_timed(record) for record in records], dtype=np.bool_)
    return {
        "attempts": counts,
        "caller_ns": np.where(timed, backoff + retries + duration, NONE),
        "service_ns": np.where(ended & timed, duration - written, NONE),
        "ttft_ns": np.where(ended & timed & (first_token != NONE), first_token - written, NONE),
        "queue_ns": np.array([record.queue_ns for record in records], dtype=np.int64),
        "own_ns": np.array([record.own_ns for record in records], dtype=np.int64),
        "rate_limit_ns": rate_limit,
        "backoff_ns": backoff,
        "retry_ns": retries,
        "connect_ns": _known([last.connect_ns for last in lasts]),
    }


def _instants(times: Sequence[str]) -> Int64:
    """Give microseconds since 1970; NONE where the record does not say."""
    if all(len(time) in _WRITTEN_OUT and time.endswith(_UTC) for time in times):
        return np.array([time[:-6] for time in times], dtype="datetime64[us]").astype(np.int64)
    return np.array([_instant(time) for time in times], dtype=np.int64)


def _instant(utc: str) -> int:
    if not utc:
        return NONE
    at = datetime.fromisoformat(utc)
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return (at - _EPOCH) // _MICROSECOND
