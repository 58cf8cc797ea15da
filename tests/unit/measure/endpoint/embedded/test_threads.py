"""How many threads the embedded server gets."""

from __future__ import annotations

import pytest

from harness.cores import usable
from harness.measure.endpoint.embedded.endpoint import default_threads


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 4), (64, 4)])
def test_a_core_is_left_to_others_where_there_are_some(cores: int, threads: int) -> None:
    assert default_threads(cores) == threads


def test_this_machine_has_a_core() -> None:
    assert usable() >= 1
