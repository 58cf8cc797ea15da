"""The history of a suite's candidates on a terminal: one row a run, with its interval drawn in characters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rich.console import Console, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from harness.judge.history.past import History, HistoryPoint
from harness.judge.scores.estimate import Estimate
from harness.report.figures import figure, number
from harness.report.sections.history import cusum_figure, letters, since, when
from harness.report.terminal import Pen

STRIP = 24  # characters of a drawn interval
_WIDE = 110  # columns from which on the interval is also written


def history_terminal(histories: Mapping[str, History], *, console: Console | None = None) -> str:
    """Give the histories as text for stdout."""
    target = console or Console()
    pen = Pen(target)
    with target.capture() as captured:
        for candidate, history in histories.items():
            for block in _candidate(candidate, history, pen):
                target.print(block, highlight=False)
    return "\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n"


def _candidate(candidate: str, history: History, pen: Pen) -> Iterable[RenderableType]:
    yield pen.text(candidate, "bold")
    yield pen.text(f"  {history.sentence}")
    yield ""
    yield _runs(history, pen)
    for change in history.changes:
        yield pen.text(f"  {since(change)}: {figure(change.change, 'points')}")
    if history.cusum is not None:
        made = cusum_figure(history.cusum)
        yield pen.text(f"  CUSUM {made.text} ({made.hint})")
    for point in history.points:
        if point.run_id in letters(history):
            yield pen.text(f"  {letters(history)[point.run_id]}: {', '.join(point.changed)}", "dim")
    for run in history.not_comparable:
        yield pen.text(f"  not comparable: {run.run_id}: {run.why}", "dim")
    yield ""


def _runs(history: History, pen: Pen) -> Grid:
    axis = _axis([point.accuracy for point in history.points])
    ends = f"{number(axis[0], 'share')}".ljust(STRIP - 6) + number(axis[1], "share").rjust(6)
    grid = Grid(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for name in ("", "Run", "When (UTC)", ends, "Accuracy", "Agreement", "p95", "Verdict"):
        right = name in {"Accuracy", "Agreement", "p95"}
        grid.add_column(pen.text(name), justify="right" if right else "left", no_wrap=name in {"", ends})
    marks = letters(history)
    for point in history.points:
        grid.add_row(*_row(point, history, marks.get(point.run_id, ""), axis, pen))
    return grid


def _row(point: HistoryPoint, history: History, mark: str, axis: tuple[float, float], pen: Pen) -> list[Text]:
    now = ">" if point.run_id == history.run_id else " "
    style = "bold" if now == ">" else ""
    accuracy = point.accuracy
    shown = ""
    if accuracy.value is not None:
        whole = pen.width >= _WIDE
        shown = figure(accuracy, "share") if whole else number(accuracy.value, "share")
    return [
        pen.text(f"{now} {mark}".rstrip(), style),
        pen.text(point.run_id, style),
        pen.text(when(point.created_utc)),
        pen.text(_strip(accuracy, axis, ascii_only=pen.ascii)),
        pen.text(shown, style),
        pen.text(_value(point.stability, "share")),
        pen.text(_value(point.p95, "seconds")),
        pen.text("not finished" if not point.complete else point.verdict or "not judged"),
    ]


def _value(estimate: Estimate | None, unit: str) -> str:
    if estimate is None or estimate.value is None:
        return ""
    return number(estimate.value, "seconds" if unit == "seconds" else "share")


def _axis(estimates: Iterable[Estimate]) -> tuple[float, float]:
    """Give ends that hold every interval, with a little room."""
    ends = [end for e in estimates if e.value is not None for end in (e.low, e.high) if end is not None]
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    room = max(0.02 * (high - low), 0.002)
    return max(0.0, low - room), min(1.0, high + room)


def _strip(estimate: Estimate, axis: tuple[float, float], *, ascii_only: bool) -> str:
    """Draw an interval as `   ├────●────┤   `."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return ""
    left, line, dot, right = "|-o|" if ascii_only else "├─●┤"
    places = [
        round((end - axis[0]) / (axis[1] - axis[0]) * (STRIP - 1))
        for end in (estimate.low, estimate.value, estimate.high)
    ]
    drawn = [" "] * STRIP
    for at in range(places[0], places[2] + 1):
        drawn[at] = line
    drawn[places[0]], drawn[places[2]] = left, right
    drawn[places[1]] = dot
    return "".join(drawn)
