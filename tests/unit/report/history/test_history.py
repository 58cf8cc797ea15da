"""The history on a terminal and in a report: intervals drawn, releases lettered, gaps named."""

from __future__ import annotations

import io

import over_time
import pytest
from rich.console import Console

from harness.judge.documents import Generalization, undefined
from harness.report.history import history_terminal
from harness.report.parts import TrendPlot
from harness.report.sections.generalization import generalization_section
from harness.report.sections.history import history_section, letters


def shown(width: int, encoding: str = "utf-8", text: str = "") -> str:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    console = Console(file=stream, width=width, color_system=None)
    return history_terminal({"v1@mini": over_time.history(text)}, console=console)


@pytest.mark.parametrize("width", [80, 100, 140])
def test_every_run_has_a_line_with_its_whole_id_and_no_line_is_too_long(width: int) -> None:
    lines = shown(width).splitlines()
    for point in over_time.history().points:
        assert sum(point.run_id in line for line in lines) == 1
    assert max(map(len, lines)) <= width
    (now,) = [line for line in lines if line.startswith("> B")]
    assert "●" in now
    assert "90.4%" in now
    assert any("not finished" in line and "●" not in line for line in lines)


def test_forty_columns_keep_every_figure_and_verdict() -> None:
    text = shown(40)
    assert max(map(len, text.splitlines())) <= 40
    rows = [line for line in text.splitlines() if line.endswith(("  READY", "  not finished"))]
    assert [row.split()[-2] for row in rows] == ["94.0%", "93.0%", "95.0%", "not", "90.4%"]


def test_intervals_are_drawn_where_they_lie() -> None:
    # Intervals .879 to .975 in all; the axis adds 2% on each side: 90.4% lies left of 95.0%.
    lines = [line for line in shown(140).splitlines() if "●" in line]
    first, second, third, last = (line.index("●") for line in lines)
    assert last < second < first < third


def test_a_terminal_without_unicode_gets_plain_characters() -> None:
    text = shown(100, encoding="ascii")
    assert text.isascii()
    assert "|-" in text


def test_hostile_text_cannot_move_the_cursor() -> None:
    assert "\x1b" not in shown(100, text="\x1b[2J\x07 evil")


def test_the_report_letters_releases_and_leaves_unfinished_runs_out_of_the_chart() -> None:
    history = over_time.history()
    assert list(letters(history).values()) == ["A", "B"]
    section = history_section(history)
    (chart,) = section.charts
    assert isinstance(chart.plot, TrendPlot)
    ((_, points),) = chart.plot.series
    assert [point.at for point in points] == ["1", "2", "3", "5"]
    assert chart.plot.steps == ("1", "2", "3", "4", "5")
    assert chart.plot.marks == (("3", "A"), ("5", "B"))
    runs, left_out = section.tables
    assert [cell.text for cell in runs.rows[0][:2]] == ["5", "this run"]
    assert left_out.rows[0][2].text == "it has other cases (120, not 150)"


def test_the_report_says_overfitting_and_worse_on_new_data_in_its_first_sentence() -> None:
    section = generalization_section(
        Generalization(
            gap=undefined("no splits"), gaps=(), versions=over_time.versions(), new_data=over_time.new_data()
        )
    )
    assert section.lead.startswith("Accurate in the lab, worse on new data")
    assert "Overfitting to dev: from v1 to v3" in section.lead
    assert section.notes == ()
    assert [table.title for table in section.tables] == [
        "New data against run 20260301T080000Z-sms-spam-000001",
        "Versions of the prompt",
    ]
    (chart,) = section.charts
    assert isinstance(chart.plot, TrendPlot)
    assert [name for name, _ in chart.plot.series] == ["dev", "holdout"]
