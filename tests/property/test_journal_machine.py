"""Append, save, lose power, tear, damage, go on, in any order: a journal loses nothing that was saved."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from tempfile import mkdtemp

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from journalled import reply_record

from harness.errors import JournalDamaged
from harness.journal import JournalWriter, read_events
from harness.record import Record

words = st.text(st.characters(exclude_categories=()), max_size=12)


class Journal(RuleBasedStateMachine):
    """One file, one writer at a time, and the events that were handed to it."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(mkdtemp(prefix="journal-machine-"))
        self.generation = 0
        self.path = self.folder / "0"
        self.writer: JournalWriter | None = None
        self.appended: list[Record] = []
        self.saved = 0  # events that survive whatever happens

    @initialize()
    def create(self) -> None:
        self.writer = JournalWriter.create(self.path, "run-1")

    @precondition(lambda self: self.writer is not None)
    @rule(texts=st.lists(words, min_size=1, max_size=6))
    def append(self, texts: list[str]) -> None:
        assert self.writer is not None
        for text in texts:
            record = reply_record(len(self.appended), text)
            self.writer.append(record)
            self.appended.append(record)

    @precondition(lambda self: self.writer is not None)
    @rule()
    def wait_until_saved(self) -> None:
        assert self.writer is not None
        until = time.monotonic() + 60
        while self.writer.saved < len(self.appended) + 1:
            assert time.monotonic() < until, "an fsync never came"
            time.sleep(0.005)
        self.saved = len(self.appended)

    @precondition(lambda self: self.writer is not None)
    @rule()
    def close(self) -> None:
        assert self.writer is not None
        self.writer.close()
        self.writer = None
        self.saved = len(self.appended)

    @precondition(lambda self: self.writer is not None)
    @rule(share=st.floats(0, 1))
    def die(self, share: float) -> None:
        """Lose power: of the bytes behind the last saved line any number is left, in a new file."""
        assert self.writer is not None
        saved = max(self.saved, self.writer.saved - 1)
        content = self.path.read_bytes()
        safe = sum(len(line) for line in content.splitlines(keepends=True)[: saved + 1])
        self.writer.close()
        self.writer = None
        self.generation += 1
        self.path = self.folder / str(self.generation)
        self.path.write_bytes(content[: safe + int(share * (len(content) - safe))])
        self.saved = saved

    @precondition(lambda self: self.writer is None)
    @rule()
    def go_on(self) -> None:
        before = [event for event in read_events(self.path) if isinstance(event, Record)]
        self.writer = JournalWriter.reopen(self.path, "run-1")
        self.appended = before
        self.saved = min(self.saved, len(before))

    @precondition(lambda self: self.writer is None)  # never the file's size: a death leaves it to the clock
    @rule(place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
    def damage(self, place: float, flip: int) -> None:
        """Flip a byte: what is read then is a prefix of what was written, or the damage by its name."""
        content = self.path.read_bytes()
        position = int(place * len(content))
        spoilt = bytearray(content)
        spoilt[position] ^= flip
        self.path.write_bytes(spoilt)
        try:
            read = [event for event in read_events(self.path) if isinstance(event, Record)]
        except JournalDamaged:
            pass
        else:
            assert read == self.appended[: len(read)]
        self.path.write_bytes(content)

    @invariant()
    def what_is_read_is_a_prefix_that_holds_all_that_was_saved(self) -> None:
        if not self.path.exists():
            return
        read = [event for event in read_events(self.path) if isinstance(event, Record)]
        assert read == self.appended[: len(read)]
        assert len(read) >= self.saved

    def teardown(self) -> None:
        if self.writer is not None:
            self.writer.close()
        shutil.rmtree(self.folder)


Journal.TestCase.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
TestJournal = pytest.mark.slow(Journal.TestCase)
