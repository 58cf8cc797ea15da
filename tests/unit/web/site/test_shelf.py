"""Indexes are built once, kept, read on when a run grew, and built again when its journal is another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from viewed import RUN, events, write_run

from harness.errors import JournalDamaged
from harness.journal import JournalWriter
from harness.rundir import JOURNAL
from harness.web.index import CaseFilter, RunIndex
from harness.web.site import JournalMissing, ReadSoFar, Results, RunFolder, Shelf


def run_in(results: Path, name: str = RUN) -> RunFolder:
    found = Results(results).run(name)
    assert found is not None
    return found


def indexed(shelf: Shelf, run: RunFolder) -> RunIndex:
    found = shelf.index(run)
    assert isinstance(found, RunIndex)
    return found


def test_a_page_that_would_wait_is_told_how_far_the_reading_is(tmp_path: Path) -> None:
    write_run(tmp_path, judge=False)
    begun: list[Callable[[], None]] = []  # and done when the test says so
    shelf, run = Shelf(patience_s=0, at_once=0, begin=begun.append), run_in(tmp_path)
    first = shelf.index(run)
    assert isinstance(first, ReadSoFar)
    assert first.share == 0
    (reading,) = begun
    reading()
    assert len(indexed(shelf, run).trials) == 360


def test_two_pages_that_wait_begin_one_reading(tmp_path: Path) -> None:
    write_run(tmp_path, judge=False)
    begun: list[Callable[[], None]] = []
    shelf, run = Shelf(patience_s=0, at_once=0, begin=begun.append), run_in(tmp_path)
    assert [type(shelf.index(run)) for _ in range(2)] == [ReadSoFar, ReadSoFar]
    begun[0]()
    index = indexed(shelf, run)
    for late in begun[1:]:
        late()
    assert shelf.index(run) is index


def test_a_small_journal_is_read_by_the_request_itself_however_short_its_patience(tmp_path: Path) -> None:
    write_run(tmp_path, judge=False)
    begun: list[Callable[[], None]] = []
    shelf = Shelf(patience_s=0, begin=begun.append)
    assert len(indexed(shelf, run_in(tmp_path)).trials) == 360
    assert begun == []


def test_an_index_is_kept_while_nothing_is_new(tmp_path: Path) -> None:
    write_run(tmp_path, judge=False)
    shelf, run = Shelf(patience_s=60), run_in(tmp_path)
    index = indexed(shelf, run)
    assert shelf.index(run) is index
    selection = shelf.selection(run, index, CaseFilter(candidate="v1@mini"))
    assert shelf.selection(run, index, CaseFilter(candidate="v1@mini")) is selection
    other = shelf.selection(run, index, CaseFilter(candidate="v1@mini", right="never"))
    assert other.basis is selection.basis  # the sums are shared by all filters
    assert len(other.cases) == 7


def test_what_is_new_is_read_at_the_next_request(tmp_path: Path) -> None:
    everything = list(events())
    folder = write_run(tmp_path, journal=everything[:200], judge=False)
    shelf, run = Shelf(patience_s=60), run_in(tmp_path)
    before = indexed(shelf, run)
    old = shelf.selection(run, before, CaseFilter(candidate="v2@mini"))
    writer = JournalWriter.reopen(folder / JOURNAL, RUN)
    for event in everything[200:]:
        writer.append(event)
    writer.close()
    after = indexed(shelf, run)
    assert (len(before.trials), len(after.trials)) == (139, 360)
    new = shelf.selection(run, after, CaseFilter(candidate="v2@mini"))
    assert int(old.figures.trials.sum()) < int(new.figures.trials.sum()) == 180


def test_another_journal_under_the_same_name_is_read_anew(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "results", judge=False)
    other = write_run(tmp_path / "other", journal=list(events())[:100], judge=False)
    shelf, run = Shelf(patience_s=60), run_in(tmp_path / "results")
    assert len(indexed(shelf, run).trials) == 360
    (other / JOURNAL).replace(folder / JOURNAL)
    assert len(indexed(shelf, run).trials) == 39


def test_damage_is_told_at_each_request_until_the_file_is_mended(tmp_path: Path) -> None:
    folder = write_run(tmp_path, judge=False)
    whole = (folder / JOURNAL).read_bytes()
    (folder / JOURNAL).write_bytes(whole.replace(b"case-004", b"case-40", 1))
    shelf, run = Shelf(patience_s=60), run_in(tmp_path)
    for _ in range(2):
        with pytest.raises(JournalDamaged):
            shelf.index(run)
    (folder / JOURNAL).write_bytes(whole)
    assert len(indexed(shelf, run).trials) == 360


def test_a_run_without_a_journal_says_that_nothing_was_sent(tmp_path: Path) -> None:
    (write_run(tmp_path, judge=False) / JOURNAL).unlink()
    with pytest.raises(JournalMissing, match="nothing was sent"):
        Shelf().index(run_in(tmp_path))
