"""Records of one candidate -> columns of numbers, some thousands of records at a time.

A million records pass through here, so nothing is done for each that can be done for all: one comprehension a
column, arithmetic on arrays, and each distinct reply is read as a label once, at the end.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from harness.endings import ending_of
from harness.judge.documents import OUTCOMES
from harness.judge.labels import Why, said
from harness.judge.table.columns import FAILURES, NONE, VIAS, Column, Float
from harness.judge.table.packed import Keys, joined, keys_of, packed, spread
from harness.judge.table.reply_score import ScoreReader
from harness.judge.table.times import alike, counts_of, instants_of, known_counts, times_of
from harness.record import Failure, Record, Reply, ToolCall, Usage

_T = TypeVar("_T")

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
_READ = {"predicted", "failure", "outcome", "why", "reasoned", "ending"}  # of each distinct reply
_TAKEN = [name for name in KINDS if name not in {"case", *_READ - {"reasoned"}}]  # of each record
_OUTCOME = {name: index for index, name in enumerate(OUTCOMES)}
_FAILURE = {name: index for index, name in enumerate(FAILURES)}
_VIA = {name: index for index, name in enumerate(VIAS)}
_SILENT = Reply(text="")

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
class Part:
    """The records of one candidate in a part of a journal: packed columns, whose names are numbered as they came.

    It is handed from one process to another, so that it holds arrays and names, and no record.
    """

    rows: int
    columns: dict[str, Column]
    cases: Keys  # the case of each row
    names: dict[str, list[Any]]  # what the columns of these names index
    failures: list[Failure]  # distinct, as they came
    most_repeats: int
    recorded: bool
    warmup_calls: int
    warmup_usage: dict[str | None, Usage]  # by service tier


@dataclass(slots=True, kw_only=True)
class Intake:
    """The records of one candidate while a part of a journal is read; `variants` are numbered for all candidates."""

    variants: NameNumbers
    reader: ScoreReader
    positive: str | None
    labels: dict[str, int]
    most_repeats: int = 0
    recorded: bool = False
    warmup_calls: int = 0
    warmup_usage: dict[str | None, Usage] = field(default_factory=dict)  # by service tier
    _said: Numbers[_Said] = field(default_factory=Numbers[_Said])
    _served: NameNumbers = field(default_factory=NameNumbers)
    _fingerprints: NameNumbers = field(default_factory=NameNumbers)
    _tiers: NameNumbers = field(default_factory=NameNumbers)
    _odd_fields: Numbers[tuple[str, ...]] = field(default_factory=Numbers)
    _cases: list[bytes] = field(default_factory=list)
    _chunks: dict[str, list[Column]] = field(default_factory=dict)
    _sizes: list[int] = field(default_factory=list)

    def take(self, records: Sequence[Record]) -> None:
        """Add some records; warm-up calls are counted apart."""
        if True in [record.warmup for record in records]:
            for warmup in (record for record in records if record.warmup):
                self.warmup_calls += 1
                if isinstance(warmup.outcome, Reply):
                    add_usage(self.warmup_usage, warmup.outcome.usage)
            records = [record for record in records if not record.warmup]
        if not records:
            return
        self.recorded = self.recorded or True in [record.recorded for record in records]
        self._sizes.append(len(records))
        self._cases += [record.case.encode("utf-8", "surrogatepass") for record in records]
        for part in (self._identity(records), times_of(records), self._replies(records)):
            for name, column in part.items():
                self._chunks.setdefault(name, []).append(column)

    def _identity(self, records: Sequence[Record]) -> dict[str, Column]:
        repeats = [record.repeat for record in records]
        self.most_repeats = max(self.most_repeats, max(repeats) + 1)
        return {
            "variant": _numbered([record.variant for record in records], self.variants, np.int16),
            "repeat": np.array(repeats, dtype=np.int16),
            "via": _numbered([record.via for record in records], _VIA, np.int8),
            "in_flight": counts_of([record.in_flight for record in records], np.int32),
            "sent_at": instants_of([record.started_utc for record in records]),
        }

    def _replies(self, records: Sequence[Record]) -> dict[str, Column]:
        known = self._said
        outcomes = [record.outcome for record in records]
        replies = [outcome if isinstance(outcome, Reply) else _SILENT for outcome in outcomes]
        usages = [reply.usage for reply in replies]
        numbers = [
            known[(outcome.text, outcome.finish_reason, outcome.refusal, outcome.tools)]
            if isinstance(outcome, Reply)
            else known[outcome]
            for outcome in outcomes
        ]
        spent = [usage.reasoning for usage in usages]
        thought = [reply.reasoning for reply in replies]
        return {
            "reply": np.array(numbers, dtype=np.int32),
            "tokens_in": known_counts([usage.input for usage in usages]),
            "tokens_out": known_counts([usage.output for usage in usages]),
            "tokens_cached": known_counts([usage.cached for usage in usages]),
            "tokens_reasoning": known_counts(spent),
            "reasoned": np.array([bool(a or b) for a, b in zip(thought, spent, strict=True)], dtype=np.int8)
            if any(thought) or any(spent)
            else np.zeros(len(replies), dtype=np.int8),
            "odd": _numbered([reply.odd or None for reply in replies], self._odd_fields, np.int16),
            "served": _numbered([reply.served_model for reply in replies], self._served, np.int16),
            "fingerprint": _numbered([reply.fingerprint for reply in replies], self._fingerprints, np.int16),
            "tier": _numbered([usage.tier for usage in usages], self._tiers, np.int16),
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

    def part(self) -> Part:
        """Give all columns, in the order of reading, with each reply read as a label; ends the intake."""
        rows = sum(self._sizes)
        columns = {name: joined(self._chunks.get(name, []), self._sizes, KINDS[name]) for name in _TAKEN}
        number = columns["reply"]
        outcomes = [one if isinstance(one, Failure) else _as_reply(one) for one in self._said]
        names: dict[str, list[Any]] = {
            "served": list(self._served),
            "fingerprint": list(self._fingerprints),
            "tier": list(self._tiers),
            "odd": list(self._odd_fields),
        }
        for name, column in self._read(outcomes, names).items():
            if name == "reasoned":
                columns[name] = np.maximum(columns[name], column[number])
            else:
                columns[name] = spread(column, len(outcomes))[number]
        return Part(
            rows=rows,
            columns={name: packed(column) for name, column in columns.items()},
            cases=keys_of(self._cases),
            names=names,
            failures=[one for one in outcomes if isinstance(one, Failure)],
            most_repeats=self.most_repeats,
            recorded=self.recorded,
            warmup_calls=self.warmup_calls,
            warmup_usage=self.warmup_usage,
        )

    def _read(self, outcomes: list[Reply | Failure], names: dict[str, list[Any]]) -> dict[str, Column]:
        """Give label, outcome and text of each distinct outcome; texts are numbered anew."""
        read = [self.reader.read(outcome) for outcome in outcomes]
        replies, whys, endings = NameNumbers(), Numbers[Why](), NameNumbers()
        found: dict[str, Column] = {
            "predicted": np.array([NONE if label is None else self.labels[label] for label, *_ in read], np.int16),
            "failure": np.array(
                [_FAILURE[one.kind] if isinstance(one, Failure) else NONE for one in outcomes], np.int8
            ),
            "outcome": np.array([_OUTCOME[one.outcome] for one in read], np.int8),
            "why": np.array([NONE if one.why is None else whys[one.why] for one in read], np.int16),
            "reply": np.array([replies[said(outcome)] for outcome in outcomes], np.int32),
            "reasoned": np.array(
                [isinstance(outcome, Reply) and self.reader.answer(outcome.text).thought for outcome in outcomes],
                np.int8,
            ),
            "ending": _numbered([_unknown_ending(outcome) for outcome in outcomes], endings, np.int16),
        }
        names |= {"reply": list(replies), "why": list(whys), "ending": list(endings)}
        return found


def _unknown_ending(outcome: Reply | Failure) -> str | None:
    word = outcome.finish_reason if isinstance(outcome, Reply) else None
    return word if word and ending_of(word) is None else None


def _as_reply(parts: _Parts) -> Reply:
    text, finish_reason, refusal, tools = parts
    return Reply(text=text, finish_reason=finish_reason, refusal=refusal, tools=tools)


def add_usage(known: dict[str | None, Usage], more: Usage) -> None:
    """Add the tokens of a call to those of its service tier."""
    before = known.get(more.tier, Usage())
    names = ("input", "output", "cached")
    counts = {name: (getattr(before, name) or 0) + (getattr(more, name) or 0) for name in names}
    known[more.tier] = Usage(**counts, tier=more.tier)


def _numbered(values: list[Any], numbers: dict[Any, int], kind: npt.DTypeLike) -> Column:
    """Give the number of each value, NONE where there is none."""
    if values and alike(values):
        values = values[:1]
    return np.array([NONE if value is None else numbers[value] for value in values], dtype=kind)
