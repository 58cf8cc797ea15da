"""Several candidates as a chart: who is on the Pareto front, with names that can be read."""

from __future__ import annotations

import msgspec
import pytest
from judged import three

from harness.judge.documents import Leaderboard, undefined
from harness.report.drawn.drawings import chart_svg
from harness.report.drawn.front import placed
from harness.report.parts import Box, Chart, FrontPlot
from harness.report.sections.leaderboard import standing_view


def board() -> Leaderboard:
    found = three().leaderboard
    assert found is not None
    return found


def drawn(found: Leaderboard) -> Chart | None:
    standing = standing_view(found)
    return None if standing is None else standing.chart


def test_the_front_and_the_beaten_are_told_apart_in_the_drawing_and_in_words() -> None:
    chart = drawn(board())
    assert chart is not None
    assert isinstance(chart.plot, FrontPlot)
    assert [box.name for box in chart.plot.front] == ["v3-plain-text@smollm2"]
    assert [box.name for box in chart.plot.beaten] == ["v2-few-shot@smollm2", "v1-zero-shot@smollm2"]
    assert chart.plot.x_title == "p95 latency (ms)"
    assert (
        "v3-plain-text@smollm2 97.8% (94.8 to 100.8) at 191 ms (181 to 213), $0.119 per 1,000, on the front"
        in chart.alt
    )
    assert "v2-few-shot@smollm2 90.3% (87.3 to 93.3) at 279 ms (268 to 301)" in chart.alt
    svg = chart_svg(chart, "run")
    for text in ("v3-plain-text@smollm2", "v1-zero-shot@smollm2", "balanced accuracy", "p95 latency (ms)"):
        assert f">{text}<" in svg


def test_a_figure_in_a_drawing_keeps_its_digits() -> None:
    chart = drawn(board())
    assert chart is not None
    assert "$0.119 per 1,000<" in chart_svg(chart, "run")


def test_fewer_than_three_with_a_known_latency_are_not_drawn() -> None:
    found = board()
    unknown = msgspec.structs.replace(found.rows[2], p95=undefined("no call was timed"))
    assert drawn(msgspec.structs.replace(found, rows=(*found.rows[:2], unknown))) is None
    assert drawn(msgspec.structs.replace(found, rows=found.rows[:2])) is None


def test_one_without_a_latency_is_left_out_and_named() -> None:
    found = board()
    unknown = msgspec.structs.replace(found.rows[2], name="v0@m", p95=undefined("no call was timed"))
    chart = drawn(msgspec.structs.replace(found, rows=(*found.rows, unknown)))
    assert chart is not None
    assert chart.alt.endswith("Not drawn, without a p95: v0@m.")


def point(name: str, x: float, y: float) -> Box:
    return Box(name=name, x=x, y=y, x_low=x * 0.95, x_high=x * 1.05, y_low=y - 0.02, y_high=y + 0.02)


@pytest.mark.parametrize("log", [False, True])
def test_names_do_not_cover_each_other_and_those_on_the_front_are_all_there(log: bool) -> None:
    front = (point("first@model", 100, 0.9), point("second@model", 900, 0.95))
    beaten = tuple(point(f"beaten-{n}@model", 880 + n, 0.94) for n in range(12))
    found = placed(FrontPlot(x_title="", y_title="", front=front, beaten=beaten, log=log))
    assert [box.name for box, _, _ in found[:2]] == ["first@model", "second@model"]
    assert len(found) < 14
    areas = [area for _, _, area in found]
    for one in areas:
        for other in areas:
            assert one is other or one.shared(other) <= 0.15 * one.size


def test_cost_is_not_named_where_no_model_has_a_price() -> None:
    found = board()
    free = msgspec.structs.replace(
        found,
        rows=tuple(msgspec.structs.replace(row, cost_per_1000=undefined("no price")) for row in found.rows),
        duels=tuple(msgspec.structs.replace(duel, metric="cost_per_1000") for duel in found.duels),
    )
    standing = standing_view(free)
    assert standing is not None
    assert standing.front.startswith("On the Pareto front of quality and p95: v3-plain-text@smollm2; the others")
    assert standing.duels.rows == ()
    assert standing.chart is not None
    assert standing.chart.title.startswith("Quality and p95: filled circles")


def test_two_candidates_are_both_and_the_other() -> None:
    found = board()
    two = msgspec.structs.replace(found, rows=found.rows[:2])
    standing = standing_view(two)
    assert standing is not None
    assert standing.front.endswith("v3-plain-text@smollm2; the other is beaten.")
    both = standing_view(msgspec.structs.replace(two, front=tuple(row.name for row in two.rows)))
    assert both is not None
    assert both.front.startswith("Both are on the Pareto front of quality, p95 and cost")
