"""A latency histogram shows counts as areas, whatever its axis."""

from __future__ import annotations

import pytest

from harness.report.drawn.drawings import bar_heights, chart_svg
from harness.report.parts import Chart, DistributionPlot


def drawn(plot: DistributionPlot) -> tuple[str, list[float]]:
    """Give the title of the axis of heights, and the heights."""
    title = "trials per ms" if ">trials per ms<" in chart_svg(Chart(key="d", title="", alt="", plot=plot)) else "trials"
    return title, bar_heights(plot)[1]


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
