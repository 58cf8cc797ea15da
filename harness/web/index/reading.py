"""Journal -> columns, in one pass that can be continued: what was read is never read again."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from pathlib import Path

import numpy as np

from harness.errors import JournalDamaged
from harness.files.suite import Suite
from harness.journal import Placed, read_placed
from harness.judge import OUTCOMES
from harness.judge.labels import LabelReader, said
from harness.judge.table.columns import NONE
from harness.record import ORIGINAL, CaseRow, Record, Session, caller_ns
from harness.rundir import Manifest, reply_rules
from harness.web.index.columns import CaseRows, RunIndex, TrialRows, gathered
from harness.web.index.texts import LONGEST, ReplyTexts, folded_text

_OUTCOME = {name: number for number, name in enumerate(OUTCOMES)}
_TELL_EVERY = 4_096  # lines
_CASE_COLUMNS = ("seq", "offset", "length", "expected", "split", "tagset")


class IndexReader:
    """Reads one journal, and reads on when it has grown. Not for use by two threads."""

    def __init__(self, journal: Path, manifest: Manifest) -> None:
        self._journal = journal
        self._manifest = manifest
        self._suite = Suite.model_validate(manifest.suite)
        rules = reply_rules(manifest).values()  # in the order of the candidates
        self._readers = [LabelReader(rule, self._suite.labels) for rule in rules]
        self._label = {label: number for number, label in enumerate(self._suite.labels)}
        self._candidate = {entry.name: number for number, entry in enumerate(manifest.candidates)}
        self._variant = {name: number for number, name in enumerate((ORIGINAL, *manifest.variants))}
        self._variant = {name: number for number, name in enumerate(self._variant)}
        self._cases = _CaseNames()
        self._replies: dict[str, int] = {}
        self._new_replies: list[bytes] = []
        self._reply_texts = ReplyTexts()
        self._sessions: list[Session] = []
        self._trials: TrialRows | None = None
        self._cut = 0
        self._next = 0  # the number of the next line
        self.read_bytes = 0

    def read_on(self, tell: Callable[[int], None] = lambda _read: None) -> RunIndex:
        """Read what is new; `tell` is called with the bytes read so far now and then. JournalDamaged."""
        numbers = array("q")
        for placed in read_placed(self._journal, seq=self._next, offset=self.read_bytes):
            match placed.event:
                case Record() as record if not record.warmup:
                    numbers.extend(self._trial(record, placed))
                case CaseRow() as case:
                    text = " ".join((case.id, *case.inputs.values()))
                    self._cut += len(text) > LONGEST
                    self._cases.take(case, placed, self._label.get(case.expected, NONE), folded_text(text))
                case Session() as session:
                    self._sessions.append(session)
                case _:
                    pass
            self._next = placed.seq + 1
            self.read_bytes = placed.offset + placed.length
            if placed.seq % _TELL_EVERY == 0:
                tell(self.read_bytes)
        self._trials = gathered(numbers).after(self._trials)
        self._reply_texts = ReplyTexts(self._new_replies, self._reply_texts)
        self._new_replies = []
        return self._index(self._trials.last_of_each())

    def _trial(self, record: Record, placed: Placed) -> tuple[int, ...]:
        candidate = self._candidate.get(record.candidate)
        if candidate is None:
            whose = f"line {placed.seq + 1} is a trial of candidate {record.candidate!r}"
            raise JournalDamaged(f"{self._journal}: {whose}, which the manifest does not name")
        label, outcome, _ = self._readers[candidate].read(record.outcome)
        caller = caller_ns(record)
        return (
            placed.seq,
            placed.offset,
            placed.length,
            self._cases.number_of(record.case),
            candidate,
            self._variant.setdefault(record.variant, len(self._variant)),
            record.repeat,
            -1 - _OUTCOME[outcome] if label is None else self._label[label],
            _OUTCOME[outcome],
            NONE if caller is None else caller,
            min(len(record.attempts), 32_767),
            self._reply(said(record.outcome)),
        )

    def _reply(self, text: str) -> int:
        known = len(self._replies)
        number = self._replies.setdefault(text, known)
        if number == known:
            self._new_replies.append(folded_text(text))
            self._cut += len(text) > LONGEST
        return number

    def _index(self, trials: TrialRows) -> RunIndex:
        return RunIndex(
            manifest=self._manifest,
            suite=self._suite,
            candidates=tuple(self._candidate),
            variants=tuple(self._variant),
            cases=self._cases.rows(),
            trials=trials,
            replies=self._reply_texts,
            sessions=tuple(self._sessions),
            read_bytes=self.read_bytes,
            cut_texts=self._cut,
        )


class _CaseNames:
    """The cases by number, in the order in which they were first seen."""

    def __init__(self) -> None:
        self._number: dict[str, int] = {}
        self._ids: list[str] = []
        self._columns = {name: array("q") for name in _CASE_COLUMNS}
        self._texts: list[bytes] = []
        self._splits: dict[str, int] = {}
        self._tagsets: dict[tuple[str, ...], int] = {(): 0}
        self._rows: CaseRows | None = None  # as long as nothing is new

    def number_of(self, case: str) -> int:
        number = self._number.get(case)
        if number is None:
            number = self._number[case] = len(self._ids)
            self._rows = None
            self._ids.append(case)
            self._texts.append(folded_text(case))
            for name, column in self._columns.items():
                column.append(0 if name == "tagset" else NONE)
        return number

    def take(self, case: CaseRow, placed: Placed, expected: int, text: bytes) -> None:
        number = self.number_of(case.id)
        self._texts[number] = text
        self._rows = None
        found = {
            "seq": placed.seq,
            "offset": placed.offset,
            "length": placed.length,
            "expected": expected,
            "split": self._splits.setdefault(case.split, len(self._splits)) if case.split else NONE,
            "tagset": self._tagsets.setdefault(case.tags, len(self._tagsets)),
        }
        for name, value in found.items():
            self._columns[name][number] = value

    def rows(self) -> CaseRows:
        if self._rows is not None:
            return self._rows
        kinds = {"seq": np.int64, "offset": np.int64, "length": np.int32, "tagset": np.int32}
        columns = {name: np.array(column, dtype=kinds.get(name, np.int16)) for name, column in self._columns.items()}
        rank = np.empty(len(self._ids), dtype=np.int32)
        rank[sorted(range(len(self._ids)), key=self._ids.__getitem__)] = np.arange(len(self._ids))
        self._rows = CaseRows(
            ids=self._ids,
            id_rank=rank,
            number=self._number,
            splits=tuple(self._splits),
            tagsets=tuple(self._tagsets),
            texts=ReplyTexts(self._texts),
            **columns,
        )
        return self._rows
