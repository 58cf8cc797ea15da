"""Whether dev figures hold elsewhere: on other splits, on new data, over the versions of a prompt."""

from collections.abc import Sequence
from dataclasses import replace

from harness.files.thresholds import metric_of
from harness.judge import Estimate, Generalization, SplitGap, VersionCurve
from harness.report import parts
from harness.report.parts import Cell, Chart, Section, Table, TrendPlot, TrendPoint


def generalization_section(generalization: Generalization) -> Section:
    """Say whether dev figures hold on cases that nobody tuned to."""
    g = generalization
    tables = [_gap_table("", g.gaps, ("Dev", "Other split", "There", "Dev minus there"))]
    if g.new_data is not None:
        head = ("Suite", "Here", "There", "Suite minus there")
        tables.insert(0, _gap_table(f"New data against run {g.new_data.run_id}", g.new_data.gaps, head))
    if g.versions is not None:
        tables.append(_version_table(g.versions))
    lead = _lead(g)
    return Section(
        key="generalization",
        title="Generalization",
        lead=lead,
        charts=(_version_chart(g.versions),) if g.versions is not None else (),
        tables=tuple(table for table in tables if table.rows),
        notes=tuple(note for note in (g.note, g.versions.sentence if g.versions else "") if note not in lead),
    )


def _lead(g: Generalization) -> str:
    told = []
    if g.new_data is not None:
        told.append(g.new_data.sentence)
    elif g.gap.value is None:
        told.append(g.note or g.gap.why_undefined or "There is no second split to compare with.")
    elif g.gaps:
        first = g.gaps[0]
        dev, other = parts.number(first.dev.value, "share"), parts.number(first.other.value, "share")
        where = f"on dev and {other} on {first.other_split}"
        told.append(f"Accuracy is {dev} {where}: a gap of {parts.figure(g.gap, 'points')}.")
    if g.versions is not None and g.versions.overfitting:
        told.append(g.versions.sentence)
    return " ".join(told)


def _gap_table(title: str, gaps: Sequence[SplitGap], head: tuple[str, ...]) -> Table:
    cells = parts.difference_cells([gap.gap for gap in gaps], "points")
    rows = tuple(
        (
            Cell(gap.metric),
            _on_split(gap.dev, gap.metric, "" if title else "dev"),
            Cell(gap.other_split),
            _on_split(gap.other, gap.metric, "" if title else gap.other_split),
            cell,
            parts.number_cell(parts.p_value(gap.p_value)),
        )
        for gap, cell in zip(gaps, cells, strict=True)
    )
    return Table(title=title, head=("Metric", *head, "p"), rows=rows)


def _on_split(figure: Estimate, metric: str, split: str) -> Cell:
    """Give a figure with its cases, where they are of a split of this run."""
    name, _, label = metric.removesuffix("]").partition("[")
    cases = metric_of(name).cases(label or None, f"split={split}") if split else None
    return replace(parts.estimate_cell(figure, "share"), cases=cases)


def _version_table(curve: VersionCurve) -> Table:
    return Table(
        title="Versions of the prompt",
        folded=True,
        head=("Version", "Content", "Dev", curve.other_split, "Run"),
        rows=tuple(
            (
                Cell(point.prompt),
                Cell(point.prompt_digest[:8], kind="code"),
                parts.estimate_cell(point.dev, "share"),
                parts.estimate_cell(point.other, "share"),
                Cell(point.run_id, kind="code"),
            )
            for point in curve.points
        ),
    )


def _version_chart(curve: VersionCurve) -> Chart:
    names = [point.prompt for point in curve.points]
    steps = tuple(
        name if names.count(name) == 1 else f"{name} {point.prompt_digest[:4]}"
        for name, point in zip(names, curve.points, strict=True)
    )
    series = []
    for title, which in (("dev", "dev"), (curve.other_split, "other")):
        points = []
        for step, version in zip(steps, curve.points, strict=True):
            seen = version.dev if which == "dev" else version.other
            if seen.value is not None and seen.low is not None and seen.high is not None:
                points.append(TrendPoint(at=step, value=seen.value, low=seen.low, high=seen.high))
        series.append((title, tuple(points)))
    plot = TrendPlot(x_title="version", y_title="accuracy", steps=steps, series=tuple(series))
    return Chart(key="versions", title="Accuracy over the versions of the prompt", alt=curve.sentence, plot=plot)
