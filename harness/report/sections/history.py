"""How a candidate did over time: a chart with release marks, the runs, and what can't be compared."""

from collections.abc import Iterable
from string import ascii_uppercase

from harness.files.thresholds import ACCURACY
from harness.judge import AccuracyChange, Check, CusumChart, History, HistoryPoint, Plain
from harness.report import parts
from harness.report.parts import Cell, Chart, NamedFigure, Section, Table, TrendPlot, TrendPoint

_NOW = "this run"
_SCALES: tuple[Plain, ...] = ("share", "share", "seconds")  # of accuracy, agreement and p95


def history_section(history: History, checks: Iterable[Check] = ()) -> Section:
    """Say whether accuracy fell since earlier runs of the same cases."""
    tables = (
        _runs(history),
        Table(
            title="Runs that can't be compared",
            folded=True,
            head=("Run", "When (UTC)", "Why"),
            rows=tuple(
                (Cell(run.run_id, kind="code"), Cell(parts.when(run.created_utc)), Cell(run.why))
                for run in reversed(history.not_comparable)
            ),
        ),
    )
    return Section(
        key="history",
        title="History",
        lead=history.sentence,
        figures=tuple(_figures(history)),
        charts=(_chart(history, checks),) if len(history.points) > 1 else (),
        tables=tuple(table for table in tables if table.rows),
    )


def _figures(history: History) -> list[NamedFigure]:
    figures = [
        NamedFigure(since(change), parts.figure(change.change, "points"), hint="accuracy now minus before")
        for change in history.changes
    ]
    if history.cusum is not None:
        figures.append(cusum_figure(history.cusum))
    return figures


def since(change: AccuracyChange) -> str:
    """Name what a change is measured from."""
    if len(change.runs) == 1:
        return "Since the previous run"
    return f"Since the {len(change.runs)} runs before"


def cusum_figure(chart: CusumChart) -> NamedFigure:
    """Say how near the CUSUM chart is to a signal."""
    usual, worse = parts.number(chart.usual, "share"), parts.number(chart.worse, "share")
    text = f"{chart.path[-1]:.2f} of {chart.limit:.2f}" if chart.path else "undefined"
    if chart.signal is not None:
        text += f", signal at {chart.signal}"
    rise = f"signals a rise of errors from {usual} to {worse} over several runs"
    return NamedFigure("CUSUM", text, hint=rise if usual != worse else f"errors can't rise above the usual {usual}")


def letters(history: History) -> dict[str, str]:
    """Give each run that something was released before a letter: A, B, ..., then AA, AB."""
    names: dict[str, str] = {}
    for point in history.points:
        if point.changed:
            tens, ones = divmod(len(names), 26)
            names[point.run_id] = (ascii_uppercase[tens - 1] if tens else "") + ascii_uppercase[ones]
    return names


def _runs(history: History) -> Table:
    marks = letters(history)
    return Table(
        title="Runs of the same cases, newest first",
        head=("No.", "Run", "Accuracy", "Agreement", "p95", "Changed", "Verdict"),
        rows=tuple(
            _row(place, point, marks.get(point.run_id, ""), now=point.run_id == history.run_id)
            for place, point in reversed(list(enumerate(history.points, start=1)))
        ),
        folded=len(history.points) > 10,
    )


def _row(place: int, point: HistoryPoint, mark: str, *, now: bool) -> tuple[Cell, ...]:
    changed = f"{mark}: {', '.join(point.changed)}" if point.changed else ""
    none = Cell("", kind="number")
    seen = zip((point.accuracy, point.stability, point.p95), _SCALES, strict=True)
    return (
        parts.number_cell(str(place)),
        Cell(_NOW if now else point.run_id, kind="text" if now else "code"),
        *(
            parts.estimate_cell(figure, scale) if figure is not None and figure.value is not None else none
            for figure, scale in seen
        ),
        Cell(changed),
        Cell(ended(point)),
    )


def ended(point: HistoryPoint) -> str:
    """Give the verdict of a run, and why no other is held against it."""
    verdict, why = point.verdict or "not judged", point.accuracy.why_undefined
    if point.complete or why is None:
        return verdict
    return "not finished" if "not finished" in why else f"{verdict}, not compared: {why.split(': ')[-1]}"


def _chart(history: History, checks: Iterable[Check]) -> Chart:
    """Draw accuracy over the runs; unfinished ones have a place but no point."""
    steps = {point.run_id: str(place) for place, point in enumerate(history.points, start=1)}
    points = tuple(
        TrendPoint(at=steps[point.run_id], value=seen.value, low=seen.low, high=seen.high)
        for point in history.points
        if (seen := point.accuracy).value is not None and seen.low is not None and seen.high is not None
    )
    marks = tuple((steps[run], letter) for run, letter in letters(history).items())
    wanted = next((c for c in checks if c.metric == ACCURACY.name and not c.part), None)
    return Chart(
        key="history",
        title="Accuracy over the runs",
        alt=history.sentence,
        plot=TrendPlot(
            x_title="run, oldest to newest",
            y_title="accuracy",
            steps=tuple(steps.values()),
            series=(("accuracy", points),),
            marks=marks,
            required=wanted.required if wanted else None,
            required_text=wanted.threshold if wanted else "",
        ),
    )
