"""The columns of a run: small enough for a million trials in memory, with the place of every line."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.files.suite import Suite
from harness.judge.table.columns import Bool, Int8, Int16, Int32, Int64
from harness.record import Session
from harness.rundir import Manifest
from harness.web.index.texts import ReplyTexts

Place = tuple[int, int, int]  # sequence number, byte offset and length of a line of the journal

# One integer per trial and column, in this order: how a reader gathers them, and how they are kept.
TRIAL_COLUMNS: dict[str, npt.DTypeLike] = {
    "seq": np.int64,
    "offset": np.int64,
    "length": np.int32,
    "case": np.int32,
    "candidate": np.int16,
    "variant": np.int16,
    "repeat": np.int32,
    "answer": np.int16,
    "outcome": np.int8,
    "caller_ns": np.int64,
    "attempts": np.int16,
    "reply": np.int32,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRows:
    """The trials, in the order in which they ended; of a trial measured again only the last.

    `answer` is the index of a label, or `-1 - outcome` where there is none: two trials answered alike when
    their answers are equal.
    """

    seq: Int64
    offset: Int64
    length: Int32
    case: Int32
    candidate: Int16
    variant: Int16
    repeat: Int32
    answer: Int16
    outcome: Int8
    caller_ns: Int64  # NONE when never sent
    attempts: Int16
    reply: Int32

    def __len__(self) -> int:
        return len(self.case)

    def place(self, row: int) -> Place:
        """Where the line of a trial stands."""
        return int(self.seq[row]), int(self.offset[row]), int(self.length[row])

    def after(self, other: TrialRows | None) -> TrialRows:
        """Put these trials after those that were read before."""
        if other is None or not len(other):
            return self
        joined = {name: np.concatenate([getattr(other, name), getattr(self, name)]) for name in TRIAL_COLUMNS}
        return TrialRows(**joined)

    def last_of_each(self) -> TrialRows:
        """Leave out trials that were measured again later."""
        key = self.candidate.astype(np.int64)
        for column in (self.variant, self.repeat, self.case):
            key = key * (int(column.max(initial=0)) + 1) + column
        _, newest_first = np.unique(key[::-1], return_index=True)
        if len(newest_first) == len(key):
            return self
        rows = np.sort(len(key) - 1 - newest_first)
        return TrialRows(**{name: getattr(self, name)[rows] for name in TRIAL_COLUMNS})


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRows:
    """The cases in the order of their file, with all that a filter asks for."""

    ids: list[str]
    number: dict[str, int]  # id -> row
    seq: Int64  # NONE where the journal has trials of a case but not the case itself
    offset: Int64
    length: Int32
    expected: Int16
    split: Int16  # NONE where a case has none
    splits: tuple[str, ...]
    tagset: Int32
    tagsets: tuple[tuple[str, ...], ...]
    texts: ReplyTexts  # id and inputs
    id_rank: Int32  # the place of each case when they are sorted by id

    def __len__(self) -> int:
        return len(self.seq)

    def place(self, row: int) -> Place:
        """Where the line of a case stands."""
        return int(self.seq[row]), int(self.offset[row]), int(self.length[row])

    @property
    def tags(self) -> list[str]:
        """Every tag, sorted."""
        return sorted({tag for tags in self.tagsets for tag in tags})

    def tagged(self, tag: str) -> Bool:
        """Tell which cases have a tag."""
        with_it = [number for number, tags in enumerate(self.tagsets) if tag in tags]
        return np.isin(self.tagset, with_it)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunIndex:
    """A run as it was when its journal was last read."""

    manifest: Manifest
    suite: Suite
    candidates: tuple[str, ...]
    variants: tuple[str, ...]
    cases: CaseRows
    trials: TrialRows
    replies: ReplyTexts
    sessions: tuple[Session, ...]
    read_bytes: int  # whole lines up to here
    cut_texts: int  # cases and replies that are searched only in their first characters

    @property
    def labels(self) -> tuple[str, ...]:
        """The suite's labels."""
        return self.suite.labels

    def rows_of(self, candidate: int | None, variant: int | None) -> Bool:
        """Tell which trials are of a candidate and a variant; None takes all."""
        keep = np.ones(len(self.trials), dtype=np.bool_)
        if candidate is not None:
            keep &= self.trials.candidate == candidate
        if variant is not None:
            keep &= self.trials.variant == variant
        return keep

    def cases_with(self, trials: Bool) -> Bool:
        """Tell which cases have any of these trials."""
        found = np.zeros(len(self.cases), dtype=np.bool_)
        found[self.trials.case[trials]] = True
        return found


def gathered(numbers: array[int]) -> TrialRows:
    """Make columns of integers that were gathered row after row."""
    table = np.array(numbers, dtype=np.int64).reshape(-1, len(TRIAL_COLUMNS))
    columns = {name: table[:, n].astype(kind) for n, (name, kind) in enumerate(TRIAL_COLUMNS.items())}
    return TrialRows(**columns)
