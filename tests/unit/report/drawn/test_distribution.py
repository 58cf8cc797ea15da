"""A latency histogram shows counts as areas, whatever its axis."""

from __future__ import annotations

import json

import pytest

from harness.report.drawn.drawings import distribution_chart
from harness.report.parts import DistributionPlot


def drawn(plot: DistributionPlot) -> tuple[str, list[float]]:
    """Give the title of the axis of heights, and the heights."""
    spec = json.loads(distribution_chart(plot).to_json())
    (bars,) = (layer for layer in spec["layer"] if layer.get("mark", {}).get("type") == "rect")
    rows = bars.get("data", spec.get("data"))["values"]
    return bars["encoding"]["y"]["title"], [row["n"] for row in rows]


BINS = ((100.0, 200.0, 50), (200.0, 400.0, 100), (400.0, 800.0, 50))  # equal ratios


@pytest.mark.parametrize(
    ("log", "title", "heights"), [(False, "trials per ms", [0.5, 0.5, 0.125]), (True, "trials", [50, 100, 50])]
)
def test_a_bar_twice_as_wide_is_half_as_high_on_a_linear_axis(log: bool, title: str, heights: list[float]) -> None:
    plot = DistributionPlot(unit="ms", bins=BINS, quantiles=(), limit=None, limit_text="", log=log)
    assert drawn(plot) == (title, pytest.approx(heights))


def test_calls_that_all_took_the_same_are_one_bar_of_their_count() -> None:
    plot = DistributionPlot(unit="ms", bins=((200.0, 200.0, 7),), quantiles=(), limit=None, limit_text="", log=False)
    assert drawn(plot) == ("trials", [7])
