"""Records of one candidate -> columns of numbers, some hundred records at a time, which a core's cache holds.

A million records pass through here, so nothing is done for each that can be done for all: records are taken apart
all at once, arithmetic is done on arrays, and each distinct reply is read as a label once, both at the end.
"""

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from harness.endings import ending_of
from harness.judge.documents import OUTCOMES
from harness.judge.labels import Why, said
from harness.judge.table.columns import FAILURES, NONE, VIAS, Column
from harness.judge.table.packed import Keys, keys_of_texts, packed
from harness.judge.table.reply_score import ScoreReader
from harness.judge.table.times import TOLD, attempts_of, instants_of, retries_of, times_of
from harness.record import Failure, Record, Reply, ToolCall, Usage, is_timed

_T = TypeVar("_T")

# Columns as TrialColumns wants them; `expected` follows from the case.
KINDS: dict[str, npt.DTypeLike] = {
    "case": np.int32,
    "variant": np.int16,
    "repeat": np.int16,
    "predicted": np.int16,
    "outcome": np.int8,
    "failure": np.int8,
    "why": np.int32,
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
    "retried": np.int32,
    "sent_at": np.int64,
    "in_flight": np.int32,
    "tokens_in": np.int64,
    "tokens_out": np.int64,
    "tokens_cached": np.int64,
    "tokens_written": np.int64,
    "tokens_reasoning": np.int64,
    "reasoned": np.int8,
    "odd": np.int32,
    "ending": np.int32,
    "score": np.float64,
    "reply": np.int32,
    "served": np.int32,
    "fingerprint": np.int32,
    "tier": np.int32,
    "via": np.int8,
}
_MADE = {"case", "predicted", "failure", "outcome", "why", "ending", "caller_ns", "service_ns", "ttft_ns", "sent_at"}
_TAKEN = [name for name in (*KINDS, *TOLD) if name not in _MADE]  # of each record
_AT_ONCE = 100  # records that are taken together, at least
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
    _retries: Numbers[tuple[str, ...]] = field(default_factory=Numbers)
    _cases: list[str] = field(default_factory=list)
    _times: list[str] = field(default_factory=list)
    _taken: "dict[str, list[array[Any]]]" = field(default_factory=lambda: {name: [] for name in _TAKEN})
    _rows: list[int] = field(default_factory=list)  # of each piece of a column
    _waiting: list[Record] = field(default_factory=list)

    def take(self, records: Sequence[Record]) -> None:
        """Add some records; warm-up calls are counted apart."""
        self._waiting += records
        if len(self._waiting) >= _AT_ONCE:
            self._take()

    def _take(self) -> None:
        records, self._waiting = self._waiting, []
        warm = [record for record in records if record.warmup]
        for warmup in warm:
            self.warmup_calls += 1
            if isinstance(warmup.outcome, Reply):
                add_usage(self.warmup_usage, warmup.outcome.usage)
        if warm:
            records = [record for record in records if not record.warmup]
        if not records:
            return
        attempts, recorded = [record.attempts for record in records], True in [record.recorded for record in records]
        repeat, via = [record.repeat for record in records], [record.via for record in records]
        self.recorded = self.recorded or recorded
        self.most_repeats = max(self.most_repeats, max(repeat) + 1)
        self._cases += [record.case for record in records]
        self._times += [record.started_utc for record in records]
        told = attempts_of(attempts)
        columns: dict[str, Sequence[Any]] = {
            "repeat": repeat,
            "in_flight": [record.in_flight for record in records],
            "queue_ns": [record.queue_ns for record in records],
            "own_ns": [record.own_ns for record in records],
            "variant": _numbered([record.variant for record in records], self.variants),
            "via": _numbered(via, _VIA),
            **told,
            "retried": _numbered(retries_of(attempts, told["attempts"]), self._retries),
            **self._replies([record.outcome for record in records]),
        }
        plain = via.count("sync") == len(records) and "flex" not in self._tiers and not recorded and all(attempts)
        columns["timed"] = [True] * len(records) if plain else list(map(is_timed, records))
        self._rows.append(len(records))
        for name, column in columns.items():
            self._taken[name].append(_packed(column, "d" if name == "score" else "q"))

    def _replies(self, outcomes: Sequence[Reply | Failure]) -> dict[str, Sequence[Any]]:
        replies = [one if isinstance(one, Reply) else _SILENT for one in outcomes]
        said: list[_Said] = [
            one if isinstance(one, Failure) else (one.text, one.finish_reason, one.refusal, one.tools)
            for one in outcomes
        ]
        usage = [one.usage for one in replies]
        return {
            "reply": list(map(self._said.__getitem__, said)),
            "tokens_in": [each.input for each in usage],
            "tokens_out": [each.output for each in usage],
            "tokens_cached": [each.cached for each in usage],
            "tokens_written": [each.cache_write for each in usage],
            "tokens_reasoning": [each.reasoning for each in usage],
            "reasoned": [1 if one.reasoning else 0 for one in replies],
            "odd": _numbered([one.odd or None for one in replies], self._odd_fields),
            "served": _numbered([one.served_model for one in replies], self._served),
            "fingerprint": _numbered([one.fingerprint for one in replies], self._fingerprints),
            "tier": _numbered([each.tier for each in usage], self._tiers),
            "score": self._scores(outcomes, replies),
        }

    def _scores(self, outcomes: Sequence[Reply | Failure], replies: Sequence[Reply]) -> list[float]:
        positive, reader = self.positive, self.reader
        if positive is None or not reader.may_score(replies):
            return [math.nan] * len(outcomes)
        return [
            reader.score(one, positive, reader.read(one).label) if isinstance(one, Reply) else math.nan
            for one in outcomes
        ]

    def part(self) -> Part:
        """Give all columns, in the order of reading, with each reply read as a label; ends the intake."""
        self._take()
        columns = {name: _joined(self._taken.pop(name), self._rows) for name in _TAKEN}
        columns |= times_of(columns) | {"sent_at": instants_of(self._times)}
        for name in TOLD:
            del columns[name]
        number = columns["reply"]
        outcomes = [one if isinstance(one, Failure) else _as_reply(one) for one in self._said]
        names: dict[str, list[Any]] = {
            "served": list(self._served),
            "fingerprint": list(self._fingerprints),
            "tier": list(self._tiers),
            "odd": list(self._odd_fields),
            "retried": list(self._retries),
        }
        for name, column in self._read(outcomes, names).items():
            if name == "reasoned":
                columns[name] = columns[name] | column[number] | (columns["tokens_reasoning"] > 0)
            else:
                columns[name] = column[number]
        for name, column in columns.items():
            columns[name] = narrow = packed(column)
            if not np.can_cast(narrow.dtype, KINDS[name]) and (narrow.astype(KINDS[name]) != narrow).any():
                raise OverflowError(f"{name} is larger than any run could have written")
        return Part(
            rows=len(self._cases),
            columns=columns,
            cases=keys_of_texts(self._cases),
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
        kinds = [_FAILURE[one.kind] if isinstance(one, Failure) else NONE for one in outcomes]
        thought = [isinstance(one, Reply) and self.reader.answer(one.text).thought for one in outcomes]
        found: dict[str, Column] = {
            "predicted": np.array([NONE if label is None else self.labels[label] for label, *_ in read], np.int16),
            "failure": np.array(kinds, np.int8),
            "outcome": np.array([_OUTCOME[one.outcome] for one in read], np.int8),
            "why": np.array([NONE if one.why is None else whys[one.why] for one in read], np.int32),
            "reply": np.array([replies[said(outcome)] for outcome in outcomes], np.int32),
            "reasoned": np.array(thought, np.int8),
            "ending": np.array(_numbered(list(map(_unknown_ending, outcomes)), endings), np.int32),
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
    names = ("input", "output", "cached", "cache_write")
    counts = {name: (getattr(before, name) or 0) + (getattr(more, name) or 0) for name in names}
    known[more.tier] = Usage(**counts, tier=more.tier)


def _packed(values: Sequence[float | None], kind: str) -> "array[Any]":
    """Give numbers as machine words, NONE where there is none; many alike as one."""
    first = values[0]
    if kind == "q" and first == values[-1] and values.count(first) == len(values):
        return array(kind, [NONE if first is None else first])
    try:
        return array(kind, values)
    except TypeError:
        return array(kind, [NONE if value is None else value for value in values])


def _joined(pieces: "Sequence[array[Any]]", rows: Sequence[int]) -> Column:
    """Put the pieces of a column, of so many rows each, behind each other; one value stays one in memory."""
    kind = np.dtype(pieces[0].typecode if pieces else "q")
    if set(map(len, pieces)) == {1} and len({piece[0] for piece in pieces}) == 1:
        return np.broadcast_to(np.frombuffer(pieces[0], kind), (sum(rows),))
    whole = [piece * size if len(piece) == 1 else piece for piece, size in zip(pieces, rows, strict=True)]
    return np.frombuffer(b"".join(whole), kind)


def _numbered(values: Sequence[Any], numbers: dict[Any, int]) -> list[int]:
    """Give the number of each value, NONE where there is none."""
    if values and values.count(values[0]) == len(values):
        return [NONE if values[0] is None else numbers[values[0]]] * len(values)
    return [NONE if value is None else numbers[value] for value in values]
