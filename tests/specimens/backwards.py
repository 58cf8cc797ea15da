"""Runs the command with a wall clock that is set back again and again; the monotonic clock goes on.

    python backwards.py SECONDS ARGUMENTS...

Each look at the wall clock finds it SECONDS further back.
"""

from __future__ import annotations

import datetime
import itertools
import sys
import time

_LOOKS = itertools.count(1)
_REAL = datetime.datetime


class _AnyDatetime(type):
    """Lets real datetimes pass as those of the class that stands in for theirs."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _REAL)


class SetBack(_REAL, metaclass=_AnyDatetime):
    """A datetime whose `now` is set back."""

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:  # type: ignore[override]
        return _REAL.fromtimestamp(time.time(), tz)


def main() -> None:
    """Set the clocks, then run the command."""
    back, real_time = float(sys.argv.pop(1)), time.time
    time.time = lambda: real_time() - back * next(_LOOKS)
    time.time_ns = lambda: round(time.time() * 1e9)
    datetime.datetime = SetBack  # type: ignore[misc]
    from harness.cli.main import main as command

    command()


if __name__ == "__main__":
    main()
