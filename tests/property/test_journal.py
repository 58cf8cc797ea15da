"""Whatever happens to its bytes, a journal reads as a prefix of what was written, or names the damage."""

from __future__ import annotations

import string
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from journalled import some_events, write_journal

from harness.errors import JournalDamaged
from harness.journal import JournalWriter, read_events
from harness.journal.line import check_line, decode_line, encode_line
from harness.record import Attempt, Failure, Record, Reply, TokenLogprob, Usage

any_text = st.text(st.characters(exclude_categories=()), max_size=30)  # lone surrogates too
counts = st.integers(0, 2**62)  # a journal holds no longer time
tokens = st.integers(0, 2**53)
usages = st.builds(Usage, input=st.none() | tokens, output=st.none() | tokens)
logprobs = st.lists(st.builds(TokenLogprob, any_text, st.floats(-9999, 0), st.just((("a", -1.5),))), max_size=2).map(
    tuple
)
outcomes = st.builds(Reply, text=any_text, usage=usages, refusal=st.none() | any_text, logprobs=logprobs) | st.builds(
    Failure, kind=st.sampled_from(["timeout", "render", "quota"]), message=any_text
)
records = st.builds(
    Record,
    key=st.text(string.hexdigits, max_size=8),
    case=any_text,
    candidate=any_text,
    repeat=st.integers(0, 1000),
    outcome=outcomes,
    attempts=st.lists(st.builds(Attempt, duration_ns=counts, backoff_ns=counts), max_size=2).map(tuple),
    queue_ns=counts,
)


@given(records, st.integers(0, 2**40))
def test_any_record_comes_back_from_its_line(record: Record, seq: int) -> None:
    line = encode_line(seq, record)
    assert line.isascii()
    assert line.count(b"\n") == 1
    check_line(line)
    assert decode_line(line, seq) == record


def _whole() -> bytes:
    with TemporaryDirectory() as folder:
        write_journal(Path(folder) / "j", some_events())
        return (Path(folder) / "j").read_bytes()


WHOLE = _whole()


def test_every_truncation_recovers_the_lines_before_it() -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "journal.jsonl"
        for length in range(len(WHOLE) + 1):
            path.write_bytes(WHOLE[:length])
            whole_lines = WHOLE[:length].count(b"\n")
            assert list(read_events(path)) == some_events()[: max(0, whole_lines - 1)]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, len(WHOLE)))
def test_writing_goes_on_after_any_truncation(length: int) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "journal.jsonl"
        path.write_bytes(WHOLE[:length])
        kept = list(read_events(path))
        writer = JournalWriter.reopen(path, "run-1")
        writer.append(some_events()[0])
        writer.close()
        assert list(read_events(path)) == [*kept, some_events()[0]]


@settings(max_examples=300, deadline=None)
@example(WHOLE.rindex(b'"'), 0x28)  # a quote in the last line becomes a line feed
@example(WHOLE[:-1].rindex(b"\n"), 1)  # the last two lines become one
@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_a_changed_byte_is_never_read_as_something_else(position: int, flip: int) -> None:
    changed = bytearray(WHOLE)
    changed[position] ^= flip
    with TemporaryDirectory() as folder:
        path = Path(folder) / "journal.jsonl"
        path.write_bytes(changed)
        line = WHOLE[:position].count(b"\n")
        splits_the_last_line = changed[position] == 0x0A and position < len(WHOLE) - 1
        if line < len(some_events()) or splits_the_last_line:  # lines follow
            with pytest.raises(JournalDamaged, match=f"line {line + 1} "):
                list(read_events(path))
        else:  # only the last line may pass for torn
            assert list(read_events(path)) == some_events()[:-1]


@pytest.mark.parametrize("cut", [1, 20])
def test_a_line_is_not_lost_with_the_torn_one_behind_it(tmp_path: Path, cut: int) -> None:
    before, last = WHOLE[:-1].rsplit(b"\n", 1)
    path = tmp_path / "journal.jsonl"
    path.write_bytes(before + b" " + last[:-cut])
    with pytest.raises(JournalDamaged, match="another line begins in it"):
        list(read_events(path))
