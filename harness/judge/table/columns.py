"""Records as columns: the judge computes on arrays, never on objects."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Generic, TypeVar, get_args

import numpy as np

from harness.judge.labels.reasons import Why  # the ground of all columns: not the whole room
from harness.judge.table.packed import NONE, Bool, Column, Float, Int8, Int16, Int32, Int64, packed, spread
from harness.record import Failure, FailureKind, Interference, Pace, Refused, Session, Stopped, Usage, Via

VIAS: tuple[Via, ...] = get_args(Via)
FAILURES: tuple[FailureKind, ...] = get_args(FailureKind)
_Name = TypeVar("_Name", str, tuple[str, ...])
Where = tuple[tuple[str, str], ...]
DEV, HOLDOUT = "dev", "holdout"  # the split that a prompt is tuned on, and the one that nobody tunes to


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseColumns:
    """The cases, one row each, sorted by id."""

    ids: Sequence[str]
    expected: Int16  # index into the suite's labels
    split: Int16  # index into `splits`; NONE where a case has no split
    splits: tuple[str, ...]
    tags: dict[str, Bool]
    texts: Sequence[str]  # inputs on one line, for people
    inputs: Sequence[dict[str, str]] = ()  # as written
    variants: Sequence[dict[str, str]] = ()  # what the suite's own perturbations made of the longest input
    unlabelled: Bool | None = None  # cases whose right label nobody gave: `expected` is any; None: all have one

    def __len__(self) -> int:
        return len(self.ids)

    def having(self, where: Where) -> Bool:
        """Tell which cases match every filter; an unknown tag or split matches none."""
        keep = np.ones(len(self), dtype=np.bool_)
        for kind, name in where:
            if kind == "tag":
                keep &= self.tags.get(name, np.zeros(len(self), dtype=np.bool_))
            elif name in self.splits:
                keep &= self.split == self.splits.index(name)
            else:
                keep &= False
        return keep


_A = TypeVar("_A", bound=Column)


class _Held(Generic[_A]):
    """A column that is kept as narrow as it can be, and read as the kind that is written beside it."""

    def __init__(self, kind: type[np.generic]) -> None:
        self._kind = np.dtype(kind)

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, trials: "TrialColumns | None", owner: type | None = None) -> _A:
        if trials is None:
            raise AttributeError(self._name)  # it has no default
        return spread(trials.held(self._name), len(trials)).astype(self._kind, copy=False)  # type: ignore[return-value]

    def __set__(self, trials: "TrialColumns", column: _A) -> None:
        vars(trials).setdefault(_ROWS, len(column))
        vars(trials)[self._name] = packed(column)


@dataclass(frozen=True, kw_only=True, eq=False)
class TrialColumns:
    """The trials of one candidate, one row each, sorted by (variant, case, repeat); warm-up left out.

    What an unfinished run did not come to has no row: `not_run` counts it, and leaves every check open.
    """

    case: _Held[Int32] = _Held(np.int32)  # row in CaseColumns
    variant: _Held[Int16] = _Held(np.int16)  # index into `variants`; 0 is `original`
    variants: tuple[str, ...]
    repeat: _Held[Int16] = _Held(np.int16)
    expected: _Held[Int16] = _Held(np.int16)
    predicted: _Held[Int16] = _Held(np.int16)  # index into labels, NONE when there is no label
    outcome: _Held[Int8] = _Held(np.int8)  # index into OUTCOMES
    failure: _Held[Int8] = _Held(np.int8)  # index into FAILURES; NONE where there is a reply
    why: _Held[Int32] = _Held(np.int32)  # index into `whys`, NONE where there is a label
    whys: tuple[Why, ...]  # why there is no label; two trials with the same reason and labels share it
    caller_ns: _Held[Int64] = _Held(np.int64)  # NONE when never sent
    service_ns: _Held[Int64] = _Held(np.int64)
    ttft_ns: _Held[Int64] = _Held(np.int64)
    queue_ns: _Held[Int64] = _Held(np.int64)
    rate_limit_ns: _Held[Int64] = _Held(np.int64)
    backoff_ns: _Held[Int64] = _Held(np.int64)
    retry_ns: _Held[Int64] = _Held(np.int64)  # failed attempts
    connect_ns: _Held[Int64] = _Held(np.int64)  # the final attempt's, opening a connection; NONE when it opened none
    own_ns: _Held[Int64] = _Held(np.int64)
    attempts: _Held[Int16] = _Held(np.int16)
    retried: _Held[Int32] = _Held(np.int32)  # index into `retries`; NONE where the first attempt was the last
    sent_at: _Held[Int64] = _Held(np.int64)  # ns since the first trial was admitted
    in_flight: _Held[Int32] = _Held(np.int32)
    tokens_in: _Held[Int64] = _Held(np.int64)  # NONE when the endpoint did not say
    tokens_out: _Held[Int64] = _Held(np.int64)
    tokens_cached: _Held[Int64] = _Held(np.int64)
    tokens_written: _Held[Int64] = _Held(np.int64)  # to the endpoint's cache
    tokens_reasoning: _Held[Int64] = _Held(np.int64)  # part of `tokens_out`
    reasoned: _Held[Int8] = _Held(np.int8)  # 1 where the reply holds thoughts, or tokens were spent on them
    odd: _Held[Int32] = _Held(np.int32)  # index into `odd_fields`; NONE where all that keeps books could be read
    ending: _Held[Int32] = _Held(np.int32)  # index into `unknown_endings`; NONE where it is a known one, or none
    score: _Held[Float] = _Held(np.float64)  # of the positive label, nan when none
    reply: _Held[Int32] = _Held(np.int32)  # index into `replies`: two trials with the same reply text share it
    replies: tuple[str, ...]  # text of a reply, or `kind: message` of a failure
    failures: dict[str, Failure]  # by what `replies` says of them
    served: _Held[Int32] = _Held(np.int32)  # index into `served_models`, NONE when unknown
    served_models: tuple[str, ...]
    fingerprint: _Held[Int32] = _Held(np.int32)
    tier: _Held[Int32] = _Held(np.int32)  # index into `tiers`, NONE where the endpoint named none
    tiers: tuple[str, ...]
    via: _Held[Int8] = _Held(np.int8)  # index into VIAS
    fingerprints: tuple[str, ...]
    odd_fields: tuple[tuple[str, ...], ...]  # the fields of a reply that could not be read
    retries: tuple[tuple[str, ...], ...]  # of each attempt but the last its HTTP status, else the kind of its failure
    unknown_endings: tuple[str, ...]  # words for an ending that no provider is known to say
    recorded: bool
    warmup_calls: int
    warmup_usage: tuple[Usage, ...] = ()  # of each service tier: paid for, never judged
    not_run: int = 0  # planned trials, of whatever variant, that the run ended before

    def __len__(self) -> int:
        return int(vars(self)[_ROWS])

    def where(self, keep: Bool) -> "TrialColumns":
        """Keep some trials; the names that they index stay. A column is cut when somebody reads it."""
        if keep.all():
            return self
        cut = {name: held for name, held in vars(self).items() if name not in _COLUMNS}
        return self._made(cut | {_ROWS: int(np.count_nonzero(keep)), _FROM: (self, keep)})

    def told(self, **columns: Column) -> "TrialColumns":
        """Give the same trials with other columns in place of some."""
        return self._made(vars(self) | {name: packed(column) for name, column in columns.items()})

    @classmethod
    def _made(cls, held: dict[str, object]) -> "TrialColumns":
        made = object.__new__(cls)
        vars(made).update(held)
        return made

    def held(self, name: str) -> Column:
        """Give a column as it is kept: narrow, and of shape (1,) where all are alike."""
        known = vars(self)
        if name not in known:
            whole, keep = known[_FROM]
            column = whole.held(name)
            known[name] = column if len(column) == 1 else column[keep]
        found: Column = known[name]
        return found

    def originals(self) -> "TrialColumns":
        """Keep the trials of unchanged cases: all headline figures rest on these."""
        return self.where(self.variant == 0)


_COLUMNS = frozenset(each.name for each in fields(TrialColumns) if isinstance(vars(TrialColumns).get(each.name), _Held))
_ROWS, _FROM = "rows kept", "cut from"


@dataclass(slots=True, kw_only=True)
class RunTable:
    """A whole run as columns, with what is said of its sessions."""

    cases: CaseColumns
    trials: dict[str, TrialColumns]
    sessions: list[Session]
    paces: list[Pace]
    interference: list[Interference]
    journalled: int  # distinct trials with a record, warm-up left out
    own: int  # trials that are to be measured: of a shard its own
    shard: bool = False
    sent_again: int = 0  # records that a later one of the same trial replaced
    refused: dict[str, Refused] = field(default_factory=dict)  # candidates that were ended: the last time
    stopped: dict[str, Stopped] = field(default_factory=dict)  # candidates whose verdict was settled early

    @property
    def ended(self) -> bool:
        """Whether its last session came to its end."""
        return bool(self.sessions) and self.sessions[-1].event == "finished"

    @property
    def shard_done(self) -> bool:
        """Whether it is a shard that was measured to its end: all that it lacks is the other shards'."""
        return self.shard and (self.ended or self.journalled >= self.own)


def named_counts(column: Int32, names: tuple[_Name, ...]) -> dict[_Name, int]:
    """Count how often a column holds each name; names that it never holds are left out."""
    counts = np.bincount(column[column != NONE], minlength=len(names))
    return {name: int(counts[index]) for index, name in enumerate(names) if counts[index]}


def counts_of_each(column: Int32, names: tuple[tuple[str, ...], ...]) -> dict[str, int]:
    """Count the words of what a column holds, where it holds several at once."""
    counts: Counter[str] = Counter()
    for words, times in named_counts(column, names).items():
        counts.update({word: times * words.count(word) for word in set(words)})
    return dict(sorted(counts.items()))
