"""One process at a time works on a run: an advisory lock that dies with its process."""

import errno
import fcntl
import json
import os
import platform
import stat
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from harness.errors import RunLocked, StorageFailed


class RunLock:
    """An flock on a file that names its holder; the kernel drops it however the holder ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None

    def acquire(self) -> Self:
        """Take the lock at once or raise RunLocked, which names the process that has it.

        A run's folder may come from anywhere: what is a link there is not followed, for its target would be emptied.
        """
        try:
            fd = self._opened()
        except OSError as error:
            raise StorageFailed(f"{self._path}: {error.strerror}", fix="Allow writing there.") from error
        if not stat.S_ISREG((found := os.fstat(fd)).st_mode) or found.st_nlink != 1:
            os.close(fd)
            raise StorageFailed(f"{self._path} is not a file of its own.", fix="Remove it, if no run goes on there.")
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(fd, 4096, 0)
            os.close(fd)
            raise _locked(self._path, holder) from None
        except OSError as error:
            os.close(fd)
            raise StorageFailed(
                f"{self._path} can't be locked: {error.strerror}",
                fix="Let `results` be a folder on a file system that has locks.",
            ) from error
        self._fd = fd
        with suppress(OSError):  # who holds the lock is only for the words of whoever is refused
            os.ftruncate(fd, 0)
            os.pwrite(fd, _myself(), 0)
        return self

    def _opened(self) -> int:
        plain = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            return os.open(self._path, os.O_RDWR | os.O_CREAT | plain, 0o644)
        except (
            OSError
        ) as error:  # of a run that may only be read, say an archived shard, the lock can be had all the same
            if error.errno in {errno.EROFS, errno.EACCES, errno.EPERM} and self._path.exists():
                return os.open(self._path, os.O_RDONLY | plain)
            raise

    def release(self) -> None:
        """Give the lock back; safe to call twice."""
        # The file stays: removing it would race with the next holder.
        if self._fd is not None:
            with suppress(OSError):
                os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = None

    def __enter__(self) -> Self:
        return self.acquire()

    def __exit__(self, *_raised: object) -> None:
        self.release()


def _myself() -> bytes:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    return json.dumps({"pid": os.getpid(), "host": platform.node(), "since": since}).encode()


def _locked(path: Path, holder: bytes) -> RunLocked:
    try:
        who = json.loads(holder)
        named = f"process {who['pid']} on {who['host']}, since {who['since']}"
    except (ValueError, KeyError, TypeError):  # it took the lock and has not written its name yet
        named = "another process"
    return RunLocked(f"{path.parent} is in use by {named}.", fix="Wait until it ends, or stop it.")
