"""The history of a suite's candidates on a terminal: one row a run, with its interval drawn in characters."""

from collections.abc import Iterable, Mapping

from rich.console import Console, RenderableType
from rich.table import Table as Grid

from harness.judge import Estimate, FigureText, History, HistoryPoint, Plain, figure_text
from harness.report.parts import figure, number
from harness.report.pen import Pen, indented, stdout_console, written
from harness.report.sections import cusum_figure, ended, letters, since

NARROW, WIDE = 16, 24  # characters of a drawn interval
_ROOMY, _FULL = 112, 140  # columns from which on agreement and p95, and the intervals, are also written
_DRAWN, _WHOLE = 60, 72  # columns from which on intervals are drawn, and ids take one line
_LONG_ID = 36  # characters: longer ids take several lines


def history_terminal(histories: Mapping[str, History], *, console: Console | None = None) -> str:
    """Give the histories as text for stdout."""
    target = console or stdout_console()
    pen = Pen(target)
    blocks = (block for name, history in histories.items() for block in _candidate(name, history, pen))
    return written(blocks, target)


def _candidate(candidate: str, history: History, pen: Pen) -> Iterable[RenderableType]:
    yield pen.text(candidate, "bold")
    yield indented(pen.text(history.sentence))
    yield ""
    yield _runs(history, pen)
    yield ""
    for change in history.changes:
        yield indented(pen.text(f"{since(change)}: {figure(change.change, 'points')}"))
    if history.cusum is not None:
        made = cusum_figure(history.cusum)
        yield indented(pen.text(f"CUSUM {made.text} ({made.hint})"))
    marks = letters(history)
    for point in history.points:
        if point.run_id in marks:
            yield indented(pen.text(f"{marks[point.run_id]}: {', '.join(point.changed)}", "dim"))
    for run in history.not_comparable:
        yield indented(pen.text(f"not comparable: {run.run_id}: {run.why}", "dim"))
    yield ""


def _runs(history: History, pen: Pen) -> Grid:
    axis = _axis([point.accuracy for point in history.points])
    room = WIDE if pen.width >= _ROOMY else NARROW
    low, high = (number(end, "share") for end in axis)
    grid = Grid(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    drawn, longest = pen.width >= _DRAWN, max(len(point.run_id) for point in history.points)
    names = ["", "Run", *([low + high.rjust(room - len(low))] if drawn else []), "Accuracy"]
    names += ["Agreement", "p95"] if pen.width >= _ROOMY else []
    for name in (*names, "Verdict"):
        justify = "right" if name in {"Accuracy", "Agreement", "p95"} else "left"
        whole = name != "Verdict" and not (name == "Run" and (pen.width < _WHOLE or longest > _LONG_ID))
        grid.add_column(pen.text(name), justify=justify, overflow="fold", no_wrap=whole)  # type: ignore[arg-type]
    marks = letters(history)
    for point in history.points:
        mark = f"{'>' if point.run_id == history.run_id else ' '} {marks.get(point.run_id, '')}".rstrip()
        strip = [_strip(point.accuracy, axis, room, pen)] if drawn else []
        cells = [mark, point.run_id, *strip, *_seen(point, pen)]
        style = "bold" if point.run_id == history.run_id else ""
        grid.add_row(*(pen.text(cell, style) for cell in cells))
    return grid


def _seen(point: HistoryPoint, pen: Pen) -> list[str]:
    accuracy = point.accuracy
    told = FigureText("") if accuracy.value is None else figure_text(accuracy, "share")
    cells = [str(told) if pen.width >= _FULL else told.value]
    if pen.width >= _ROOMY:
        cells += [_value(point.stability, "share"), _value(point.p95, "seconds")]
    return [*cells, ended(point)]


def _value(estimate: Estimate | None, scale: Plain) -> str:
    return "" if estimate is None or estimate.value is None else number(estimate.value, scale)


def _axis(estimates: Iterable[Estimate]) -> tuple[float, float]:
    """Give ends that hold every interval, with a little room."""
    ends = [end for e in estimates if e.value is not None for end in (e.low, e.high) if end is not None]
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    room = max(0.02 * (high - low), 0.002)
    return max(0.0, low - room), min(1.0, high + room)


def _strip(estimate: Estimate, axis: tuple[float, float], room: int, pen: Pen) -> str:
    """Draw an interval as `   ├────●────┤   `."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return ""
    left, line, dot, right = "|-o|" if pen.ascii else "├─●┤"
    start, at, end = (
        round((place - axis[0]) / (axis[1] - axis[0]) * (room - 1))
        for place in (estimate.low, estimate.value, estimate.high)
    )
    drawn = [" "] * start + [line] * (end - start + 1) + [" "] * (room - 1 - end)
    drawn[start], drawn[end] = left, right
    drawn[at] = dot
    return "".join(drawn)
