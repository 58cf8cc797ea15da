"""How many calls may be in flight at once as far as the operating system is concerned.

Each connection is an open file, and a process may have only so many: 256 on macOS unless told otherwise. A
call beyond that fails on this machine, which would look like a failure of the endpoint.
"""

from __future__ import annotations

import resource
from contextlib import suppress
from pathlib import Path

_OTHERS = 32  # the journal, pipes, look-ups of names, connections that are still closing


def connections_allowed(wanted: int) -> int:
    """Raise the limit as far as the system lets us; give how many of `wanted` connections may be open."""
    taken = sum(1 for _ in Path("/dev/fd").iterdir()) + _OTHERS
    limit, highest = resource.getrlimit(resource.RLIMIT_NOFILE)
    if _below(limit, taken + wanted):
        with suppress(ValueError, OSError):  # more than the kernel allows, whatever the limit says
            raised = taken + wanted if not _below(highest, taken + wanted) else highest
            resource.setrlimit(resource.RLIMIT_NOFILE, (raised, highest))
            limit = raised
    return wanted if not _below(limit, taken + wanted) else max(1, limit - taken)


def _below(limit: int, files: int) -> bool:
    return limit != resource.RLIM_INFINITY and limit < files
