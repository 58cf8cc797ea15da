"""The journal keeps what was written, names what is damaged, and lets one process work at a time."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import msgspec
import pytest
from journalled import reply_record, some_events, write_journal

from harness.errors import JournalDamaged, RunLocked, StorageFailed
from harness.journal import LONGEST_LINE, Header, JournalWriter, RunLock, iter_records, read_events, read_placed
from harness.journal.line import encode_line
from harness.journal.reader import recover
from harness.measure.endpoint.transports.transport import BODY_CAP
from harness.record import CaseRow, Record

JOURNAL = "journal.jsonl"


def test_events_come_back_in_order_and_unchanged(tmp_path: Path) -> None:
    write_journal(tmp_path / JOURNAL, some_events())
    assert list(read_events(tmp_path / JOURNAL)) == some_events()


def test_lines_are_ascii_json_with_sequence_and_a_checksum_of_the_bytes_as_written(tmp_path: Path) -> None:
    write_journal(tmp_path / JOURNAL, some_events())
    lines = (tmp_path / JOURNAL).read_bytes().split(b"\n")
    assert lines.pop() == b""
    assert json.loads(lines[0])["event"] == {"type": "header", "schema_version": 4, "run_id": "run-1"}
    for seq, line in enumerate(lines):
        assert line.isascii()
        decoded = json.loads(line)
        assert decoded["seq"] == seq
        assert list(decoded) == ["crc", "seq", "event"]
        assert int(decoded["crc"], 16) == zlib.crc32(line[line.index(b'"seq"') :])


def test_records_leave_warm_up_calls_out_unless_asked(tmp_path: Path) -> None:
    warm = Record(key="w", case="1", candidate="v1@m", outcome=reply_record(1).outcome, warmup=True)
    write_journal(tmp_path / JOURNAL, [warm, reply_record(2)])
    assert [r.case for r in iter_records(tmp_path / JOURNAL)] == ["2"]
    assert [r.case for r in iter_records(tmp_path / JOURNAL, warmup=True)] == ["1", "2"]


def test_torn_tail_is_not_read_and_recovering_sets_it_aside(tmp_path: Path) -> None:
    path = tmp_path / JOURNAL
    write_journal(path, some_events())
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    assert list(read_events(path)) == some_events()[:-1]
    found = recover(path)
    last = whole.splitlines(keepends=True)[-1]
    assert found.torn == tmp_path / "journal.torn-1"
    assert found.torn.read_bytes() == last[:-10]
    assert path.read_bytes() == whole[: -len(last)]


def test_a_second_torn_tail_does_not_replace_the_first(tmp_path: Path) -> None:
    path = tmp_path / JOURNAL
    for torn in (b"{first", b"{second"):
        if not path.exists():
            write_journal(path, some_events())
        with path.open("ab") as journal:
            journal.write(torn)
        recover(path)
    assert (tmp_path / "journal.torn-1").read_bytes() == b"{first"
    assert (tmp_path / "journal.torn-2").read_bytes() == b"{second"


def test_going_on_after_a_torn_tail_continues_the_sequence(tmp_path: Path) -> None:
    path = tmp_path / JOURNAL
    write_journal(path, some_events())
    path.write_bytes(path.read_bytes()[:-10])
    writer = JournalWriter.reopen(path, "run-1")
    writer.append(reply_record(9))
    writer.close()
    assert list(read_events(path)) == [*some_events()[:-1], reply_record(9)]


def test_a_journal_cut_before_its_header_was_whole_begins_again(tmp_path: Path) -> None:
    path = tmp_path / JOURNAL
    path.write_bytes(b'{"crc":"00')
    writer = JournalWriter.reopen(path, "run-1")
    writer.append(reply_record(1))
    writer.close()
    assert list(read_events(path)) == [reply_record(1)]


def test_damage_before_the_last_line_is_named_by_line_and_byte(tmp_path: Path) -> None:
    path = tmp_path / JOURNAL
    write_journal(path, some_events())
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = lines[2].replace(b"started", b"stopped")
    path.write_bytes(b"".join(lines))
    offset = len(lines[0]) + len(lines[1])
    with pytest.raises(JournalDamaged, match=rf"line 3 \(byte {offset}\) is damaged: its checksum"):
        list(read_events(path))
    with pytest.raises(JournalDamaged, match="line 3"):
        recover(path)


@pytest.mark.parametrize("change", ["lost", "doubled", "swapped"])
def test_a_line_that_was_lost_doubled_or_moved_is_noticed(tmp_path: Path, change: str) -> None:
    path = tmp_path / JOURNAL
    write_journal(path, some_events())
    lines = path.read_bytes().splitlines(keepends=True)
    match change:
        case "lost":
            del lines[2]
        case "doubled":
            lines.insert(2, lines[2])
        case _:
            lines[2], lines[3] = lines[3], lines[2]
    path.write_bytes(b"".join(lines))
    with pytest.raises(JournalDamaged, match="sequence number"):
        list(read_events(path))


def test_a_journal_of_a_newer_harness_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / JOURNAL
    rest = b'"seq":0,"event":{"type":"header","schema_version":99,"run_id":"r"}}'
    path.write_bytes(b'{"crc":"%08x",%b\n' % (zlib.crc32(rest), rest))
    with pytest.raises(JournalDamaged, match="newer harness"):
        list(read_events(path))


@pytest.mark.parametrize("read", [read_events, read_placed])
def test_the_first_line_and_no_other_is_a_header(tmp_path: Path, read: Callable[[Path], Iterator[object]]) -> None:
    path = tmp_path / JOURNAL
    header = Header(schema_version=1, run_id="run-1")
    path.write_bytes(encode_line(0, reply_record(1)))
    with pytest.raises(JournalDamaged, match=r"line 1 .* not a header"):
        list(read(path))
    path.write_bytes(encode_line(0, header) + encode_line(1, reply_record(1)) + encode_line(2, header))
    with pytest.raises(JournalDamaged, match=r"line 3 .* a second header"):
        list(read(path))


def test_every_record_is_in_the_file_when_append_returns_and_no_fsync_runs(tmp_path: Path) -> None:
    async def write() -> None:
        writer = JournalWriter.create(tmp_path / JOURNAL, "run-1")
        for n in range(2000):
            writer.append(reply_record(n))
            if writer.backlogged:
                await writer.written()
            assert not writer.backlogged
        written = (tmp_path / JOURNAL).read_bytes().count(b"\n")
        writer.close()
        assert written == 2001
        assert writer.saved == 2001

    asyncio.run(write())


def test_one_fsync_wakes_all_that_wait_for_it_but_whoever_was_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_end = threading.Event(), threading.Event()

    def fsync(_: int) -> None:
        begun.set()
        may_end.wait(60)

    async def write() -> None:
        writer = JournalWriter.create(tmp_path / JOURNAL, "run-1")
        monkeypatch.setattr(os, "fsync", fsync)
        writer.append(reply_record(1))
        await asyncio.to_thread(begun.wait, 60)
        writer.append(reply_record(2))
        assert writer.backlogged
        waiting = [asyncio.create_task(writer.written()) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[1].cancel()
        await asyncio.wait([waiting[1]])
        assert not waiting[0].done()
        assert not waiting[2].done()
        may_end.set()
        await asyncio.gather(waiting[0], waiting[2])
        assert (tmp_path / JOURNAL).read_bytes().count(b"\n") == 3
        writer.close()

    asyncio.run(write())


def test_a_failed_fsync_is_final(tmp_path: Path) -> None:
    read_end, write_end = os.pipe()  # a pipe can be written to, and never fsynced
    writer = JournalWriter(tmp_path / JOURNAL, fd=write_end, lines=0, offset=0)
    writer.append(reply_record(1))
    with pytest.raises(StorageFailed, match="Invalid argument"):
        writer.close()
    with pytest.raises(StorageFailed):
        writer.append(reply_record(2))
    assert writer.saved == 0
    with pytest.raises(StorageFailed):
        asyncio.run(writer.written())
    os.close(read_end)


FULL = """
import resource, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from journalled import reply_record
from harness.errors import StorageFailed
from harness.journal import JournalWriter
writer = JournalWriter.create(Path(sys.argv[1]), "run-1")
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
for n in range(1000):
    while writer.backlogged:
        time.sleep(0.001)
    try:
        writer.append(reply_record(n))
    except StorageFailed as error:
        print(n, error.exit_code, error.message)
        break
try:
    writer.close()
except StorageFailed:
    print("still failed")
"""


def test_a_disk_that_takes_half_a_line_fails_for_good_and_leaves_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / JOURNAL
    specimens = Path(__file__).parents[2] / "specimens"
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path), str(specimens)], capture_output=True, text=True, check=True
    )
    first, last = done.stdout.splitlines()
    kept = int(first.split()[0])
    assert first.split()[1] == "4"
    assert "File too large" in first
    assert last == "still failed"
    assert kept > 5
    assert [r.case for r in iter_records(path)] == [str(n) for n in range(kept)]
    assert recover(path).torn is None
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_a_disk_that_takes_a_few_bytes_at_a_time_gets_every_line_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, sizes = os.write, iter(range(10_000))
    monkeypatch.setattr(os, "write", lambda fd, line: write(fd, line[: 1 + next(sizes) % 40]))
    write_journal(tmp_path / JOURNAL, some_events())
    assert next(sizes) > 3 * len(some_events())
    assert list(read_events(tmp_path / JOURNAL)) == some_events()


def test_a_file_system_without_locks_is_not_taken_for_another_process(tmp_path: Path) -> None:
    script = NO_LOCKS.format(path=str(tmp_path / "run.lock"))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("StorageFailed")
    assert "can't be locked: No locks available" in done.stdout


NO_LOCKS = """
import errno, fcntl, os
from pathlib import Path
def flock(fd, how):
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
fcntl.flock = flock
from harness.errors import HarnessError
from harness.journal import RunLock
try:
    RunLock(Path({path!r})).acquire()
except HarnessError as error:
    print(type(error).__name__, error.message)
"""


HOLD = """
import sys, time
from pathlib import Path
from harness.journal import RunLock
with RunLock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_process_is_refused_by_the_first_ones_number_and_a_dead_ones_lock_is_free(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(RunLocked, match=re.escape(f"process {holder.pid} on ")):
            RunLock(path).acquire()
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        with RunLock(path):
            assert json.loads(path.read_bytes())["pid"] == os.getpid()
    with RunLock(path):
        pass


AS_A_READER = """
import os, sys
from pathlib import Path
from harness.errors import HarnessError
from harness.journal import RunLock
if not os.getuid():
    os.setuid(65534)  # files that may only be read are written by root all the same
for name in sys.argv[1:]:
    try:
        with RunLock(Path(name)):
            print("had", flush=True)
    except HarnessError as error:
        print(type(error).__name__)
"""


def test_the_lock_of_a_run_that_may_only_be_read_can_be_had_by_one_at_a_time() -> None:
    with tempfile.TemporaryDirectory() as name:  # the folder of a test is its user's alone
        lock = Path(name, "run.lock")
        lock.write_text("")
        lock.chmod(0o444)
        Path(name).chmod(0o555)
        reader = [sys.executable, "-c", AS_A_READER, str(lock), str(lock.with_name("none"))]
        ask = partial(subprocess.run, reader, capture_output=True, text=True, check=True)
        assert ask().stdout.split() == ["had", "StorageFailed"]
        with lock.open("rb") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            assert ask().stdout.split() == ["RunLocked", "StorageFailed"]
        assert lock.read_bytes() == b""
        Path(name).chmod(0o755)


@pytest.mark.parametrize("kind", ["symbolic", "hard", "pipe"])
def test_a_lock_that_a_folder_brought_along_empties_no_other_file(tmp_path: Path, kind: str) -> None:
    target, lock = tmp_path / "somebody's", tmp_path / "run.lock"
    target.write_text("worth keeping")
    {
        "symbolic": lambda: lock.symlink_to(target),
        "hard": lambda: lock.hardlink_to(target),
        "pipe": lambda: os.mkfifo(lock),
    }[kind]()
    with pytest.raises(StorageFailed, match="lock"):
        RunLock(lock).acquire()
    assert target.read_text() == "worth keeping"


def test_a_line_that_no_run_writes_is_refused_before_it_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / JOURNAL
    write_journal(path, some_events())
    lines = len(path.read_bytes().splitlines())
    for end in (b"", b"\n", b"\n{}\n"):
        with path.open("ab") as journal:
            size = journal.tell()
            journal.truncate(size + (200 << 20))  # a hole: 200 MB that take no room
            journal.seek(0, os.SEEK_END)
            journal.write(end)
        with pytest.raises(JournalDamaged, match=rf"line {lines + 1} \(byte {size}\) .* longer than 67,108,864 bytes"):
            list(read_events(path))
        os.truncate(path, size)


def test_an_event_that_would_be_too_long_a_line_is_not_written_and_costs_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / JOURNAL
    writer = JournalWriter.create(path, "run-1")
    # A third of the limit in UTF-8; written in ASCII it is beyond it
    huge = CaseRow(id="1", digest="d", expected="spam", inputs={"m": "\x7f" + "\u00e9" * (LONGEST_LINE // 6 + 1)})
    with pytest.raises(StorageFailed, match="caserow of"):
        writer.append(huge)
    for event in some_events():
        writer.append(event)
    writer.close()
    assert list(read_events(path)) == some_events()


def test_the_longest_reply_that_a_transport_takes_has_room_in_a_line() -> None:
    text = "\u00e9" * (BODY_CAP // 2)
    record = reply_record(1)
    long = msgspec.structs.replace(record, outcome=msgspec.structs.replace(record.outcome, text=text))
    assert len(encode_line(1, long)) < LONGEST_LINE
