"""Interval pictures place numbers on their axis."""

from __future__ import annotations

import re

from harness.report.drawn.pictures import interval_svg, ticks_svg
from harness.report.parts import Picture, ScaleGroup


def places(svg: str, kind: str) -> list[float]:
    shape = re.search(f'class="{kind}"[^>]*', svg)
    assert shape is not None
    return [float(n) for n in re.findall(r"-?\d+\.?\d*", shape.group())]


def test_the_middle_of_the_axis_is_the_middle_of_the_picture() -> None:
    svg = interval_svg(Picture(value=0.5, low=0.0, high=1.0, axis=(0.0, 1.0), alt="half"))
    assert places(svg, "dot")[0] == 75.0
    assert places(svg, "span")[:1] == [4.0]
    assert "146" in svg


def test_the_wanted_side_of_a_threshold_is_shaded() -> None:
    above = interval_svg(Picture(value=0.5, low=0.4, high=0.6, axis=(0, 1), alt="", threshold=0.5, wanted="above"))
    below = interval_svg(Picture(value=0.5, low=0.4, high=0.6, axis=(0, 1), alt="", threshold=0.5, wanted="below"))
    assert places(above, "wanted")[0] == 75.0
    assert places(below, "wanted")[0] == 2.0


def test_nothing_is_drawn_outside_even_when_the_axis_has_no_length() -> None:
    svg = interval_svg(Picture(value=9.0, low=-9.0, high=99.0, axis=(1.0, 1.0), alt="", bound=1e9))
    assert all(0 <= n <= 150 for n in places(svg, "span") + places(svg, "dot"))


def test_its_text_is_escaped() -> None:
    svg = interval_svg(Picture(value=0, low=0, high=0, axis=(0, 1), alt='"><script>\x1b'))
    assert "<script" not in svg
    assert "\x1b" not in svg


def test_the_ticks_of_an_axis_have_room_in_a_narrow_column() -> None:
    shares = ScaleGroup(title="Shares", scale="share", currency="", axis=(0.0, 1.0), rows=(), left_out=0)
    told = re.findall(r'x="([\d.]+)%"[^>]*>([^<]+)</text>', ticks_svg(shares))
    assert [text for _, text in told] == ["0%", "50%", "100%"]  # with 80%, too, it touched 100%
