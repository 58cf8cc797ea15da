"""More calls than this process may have open files are not begun; what may be raised is raised."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import resource, sys
from harness.measure.pacing.lane import connections_allowed
soft, hard, wanted = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
print(connections_allowed(wanted), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


def allowed(soft: int, hard: int, wanted: int) -> tuple[int, int]:
    """Give the connections allowed, and the limit afterwards."""
    arguments = [sys.executable, "-c", SCRIPT, *map(str, (soft, hard, wanted))]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    connections, limit = map(int, done.stdout.split())
    return connections, limit


def test_a_limit_that_suffices_is_left_alone() -> None:
    assert allowed(512, 1024, 256) == (256, 512)


def test_a_low_limit_is_raised_by_as_much_as_is_needed() -> None:
    connections, limit = allowed(256, 4096, 1000)
    assert connections == 1000
    assert 1000 < limit < 1100


@pytest.mark.parametrize("wanted", [256, 1000, 100_000])
def test_where_it_can_t_be_raised_enough_fewer_connections_are_allowed(wanted: int) -> None:
    connections, limit = allowed(256, 256, wanted)
    assert limit == 256
    assert 150 < connections < 256
    assert allowed(64, 256, wanted) == (connections, 256)


def test_there_is_always_one() -> None:
    assert allowed(24, 24, 256) == (1, 24)
