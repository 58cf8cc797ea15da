"""How the nodes of a cluster share a rate, and what is said of a cluster that does not start."""

from __future__ import annotations

import pytest

from harness.errors import UsageError
from harness.measure.engine.cluster import connected, weighed

QUOTA = 600


def rounds(parts: list[float], able: list[float], number: int) -> tuple[list[float], float]:
    """Let nodes send as much as their part of the quota and their own ability allow; gives the last round's sum too."""
    sent = 0.0
    for _ in range(number):
        counts = [round(min(part * QUOTA, most)) for part, most in zip(parts, able, strict=True)]
        sent, parts = sum(counts), weighed(parts, counts)
        assert sum(parts) == pytest.approx(1)
    return parts, sent


def test_what_a_slow_node_leaves_goes_to_the_others_and_comes_back_once_it_is_well() -> None:
    equal = [1 / 3] * 3
    slow, sent = rounds(equal, [60, QUOTA, QUOTA], 12)
    assert sent >= 0.95 * QUOTA  # left alone, they would send 460
    assert slow[0] < 0.15
    assert slow[1] == pytest.approx(slow[2])
    well, sent = rounds(slow, [QUOTA] * 3, 60)
    assert sent == pytest.approx(QUOTA, abs=2)
    assert well == pytest.approx(equal, abs=0.03)


def test_few_calls_move_nothing() -> None:
    assert weighed([0.5, 0.5], [9, 0]) == [0.5, 0.5]


def test_a_cluster_that_does_not_start_is_an_error_and_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray raises a bare Exception where its own processes are not up in time."""
    ray = pytest.importorskip("ray", exc_type=ImportError, reason="install the extra `ray` to run this")

    def init(**_options: object) -> None:
        raise Exception("The current node timed out during startup. This could happen\nbecause")

    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(UsageError, match=r"^Ray did not start on this machine: The current node timed out") as refused:
        connected("local", 1).__enter__()
    assert "measure without `engine: ray`" in refused.value.fix
