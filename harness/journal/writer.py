"""The one writer of a journal: append at once, fsync in a thread, fail for good (theory: __init__.py)."""

import errno
import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from harness.journal.line import LONGEST_LINE, SCHEMA_VERSION, Event, Header, encode_line
from harness.journal.reader import StorageFailed, recover

if TYPE_CHECKING:
    import asyncio  # takes a tenth of the time of commands that only read

FSYNC_EVERY_S = 0.05


class JournalWriter:
    """Appends events; `saved` of them have survived whatever happens next. Not for use by two threads."""

    def __init__(self, path: Path, *, fd: int, lines: int, offset: int) -> None:
        self._path = path
        self._fd = fd
        self._next = lines
        self._mutex = threading.Lock()
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._fsyncing = False
        self._waiting_lines: list[bytes] = []
        self._waiters: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None  # all that wait for one fsync
        self._whole = offset  # the file holds whole lines up to here
        self._durable = offset  # and these survive a power cut
        self.saved = lines
        self.failure: StorageFailed | None = None
        self._thread = threading.Thread(target=self._sync_until_closed, name="journal-fsync", daemon=True)
        self._thread.start()

    @classmethod
    def create(cls, path: Path, run_id: str) -> Self:
        """Create the file with its header, durable together with its name in the folder."""
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise _storage_failed(path, error) from error
        return cls._begin(path, fd, run_id)

    @classmethod
    def reopen(cls, path: Path, run_id: str) -> Self:
        """Go on with a journal that another process left; a torn tail is set aside first."""
        found = recover(path)
        try:
            fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError as error:
            raise _storage_failed(path, error) from error
        if found.lines == 0:
            return cls._begin(path, fd, run_id)
        return cls(path, fd=fd, lines=found.lines, offset=found.offset)

    @classmethod
    def _begin(cls, path: Path, fd: int, run_id: str) -> Self:
        writer = cls(path, fd=fd, lines=0, offset=0)
        writer.append(Header(schema_version=SCHEMA_VERSION, run_id=run_id))
        try:
            sync_folder(path.parent)
        except OSError as error:
            raise _storage_failed(path, error) from error
        return writer

    def append(self, event: Event | Header, *more: Event) -> None:
        """Hand events to the operating system, in one write; StorageFailed when it was refused, now or before."""
        lines = self._line(0, event)
        if more:  # few together: they are one piece of memory
            lines += b"".join([self._line(n, each) for n, each in enumerate(more, 1)])
        with self._mutex:
            self.check()
            self._next += 1 + len(more)
            if self._fsyncing:
                self._waiting_lines.append(lines)
            else:
                self._write(lines)
        self.check()
        if not self._wake.is_set():  # it is set until what it was set for is synced
            self._wake.set()

    def _line(self, after: int, event: Event | Header) -> bytes:
        line = encode_line(self._next + after, event)
        if len(line) > LONGEST_LINE:
            what = f"{type(event).__name__.lower()} of {len(line):,} bytes"
            raise StorageFailed(f"{self._path}: a {what} is longer than a line may be.", fix="Send shorter inputs.")
        return line

    def check(self) -> None:
        """Raise StorageFailed if storage has failed."""
        if self.failure is not None:
            raise self.failure

    @property
    def backlogged(self) -> bool:
        """Whether appended lines still wait in memory for an fsync to end."""
        return bool(self._waiting_lines)

    async def written(self) -> None:
        """Wait until every appended line has reached the operating system. Raises StorageFailed."""
        import asyncio

        with self._mutex:
            self.check()
            if not self._waiting_lines:
                return
            loop = asyncio.get_running_loop()
            if self._waiters is None or self._waiters[0] is not loop:
                self._waiters = (loop, asyncio.Event())
            ended = self._waiters[1]
        await ended.wait()
        self.check()

    async def durable(self) -> None:
        """Wait until every appended line has survived whatever happens next. Raises StorageFailed."""
        import asyncio

        while self.saved < self._next:
            self.check()
            await asyncio.sleep(FSYNC_EVERY_S / 10)

    def close(self) -> None:
        """Save everything and end; StorageFailed when that was not possible. Safe to call twice."""
        self._closing.set()
        self._wake.set()
        self._thread.join()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        self.check()

    def _sync_until_closed(self) -> None:
        last = 0.0
        while self.failure is None:
            if not self._closing.is_set():  # else a sync may have cleared the wake-up that `close` gave
                self._wake.wait()
            self._closing.wait(max(0.0, last + FSYNC_EVERY_S - time.monotonic()))
            closing = self._closing.is_set()
            self._sync_once()
            last = time.monotonic()
            if closing and not self.backlogged and self.saved == self._next:
                return

    def _sync_once(self) -> None:
        with self._mutex:
            self._wake.clear()
            self._fsyncing = True
            appended, whole = self._next, self._whole
        try:
            if self.failure is None and whole > self._durable:
                os.fsync(self._fd)
        except OSError as error:
            # What the kernel holds after a failed fsync may never reach the disk: keep what did.
            self._fail(error, keep=self._durable)
        with self._mutex:
            self._fsyncing = False
            if self.failure is None:
                self.saved, self._durable = appended, whole
                self._write_waiting()
            waiters, self._waiters = self._waiters, None
        if waiters is not None:
            loop, ended = waiters
            with suppress(RuntimeError):  # the loop was closed: nobody waits any more
                loop.call_soon_threadsafe(ended.set)

    def _write_waiting(self) -> None:
        if self._waiting_lines:
            self._write(b"".join(self._waiting_lines))
            self._waiting_lines.clear()
            self._wake.set()

    def _write(self, lines: bytes) -> None:
        try:
            done = os.write(self._fd, lines)
            while done < len(lines):
                done += os.write(self._fd, memoryview(lines)[done:])
            self._whole += len(lines)
        except OSError as error:
            self._fail(error, keep=self._whole)

    def _fail(self, error: OSError, *, keep: int) -> None:
        self.failure = _storage_failed(self._path, error)
        self.failure.__cause__ = error
        try:
            os.ftruncate(self._fd, keep)
        except OSError:
            return  # reading sets a torn line aside anyway


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable, where its file system can do that: some shared folders can't."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:
            raise
    finally:
        os.close(fd)


def _storage_failed(path: Path, error: OSError) -> StorageFailed:
    return StorageFailed(
        f"{path}: {error.strerror or error}. Dispatching stopped; what was saved before is safe.",
        fix="Make room or repair the disk, then `harness resume`.",
    )
