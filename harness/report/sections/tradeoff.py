"""The trade-off between precision and recall, and what scores are worth."""

from collections.abc import Iterable, Mapping

from harness.judge import CandidateAssessment, Check, LabelScores, ScoreCurve, Tradeoff, sentence
from harness.report import parts
from harness.report.parts import Box, Cell, Chart, Line, NamedFigure, Section, SharePlot, Table

MAX_BOXES = 8


def tradeoff_section(candidate: CandidateAssessment, positive: str | None) -> Section | None:
    """Give the curve where replies carry a score, else each label's point with its interval box."""
    labels = candidate.classification.labels
    shown = {positive: labels[positive]} if positive in labels and positive else _lowest_first(labels)
    boxes = tuple(box for name, scores in shown.items() if (box := _box(name, scores)) is not None)
    tradeoff = candidate.tradeoff
    curve = tradeoff.pr if tradeoff else None
    if not boxes and curve is None:
        return None
    lead = (
        f"Each reply carries a score for {tradeoff.label}: the curve shows what another score threshold would give."
        if tradeoff and curve
        else f"Replies carry no score, so {_each(tuple(shown), len(labels))} is one point; "
        "its box is the interval in both directions."
    )
    plot = SharePlot(
        x_title="recall",
        y_title="precision",
        boxes=boxes,
        line=_line(curve),
        x_required=_required(candidate.checks, "recall", positive),
        y_required=_required(candidate.checks, "precision", positive),
    )
    alt = "Precision over recall. " + " ".join(
        f"{name}: precision {parts.figure(s.precision, 'share')}, recall {parts.figure(s.recall, 'share')}."
        for name, s in shown.items()
    )
    charts = [Chart(key="tradeoff", title="Precision over recall", alt=alt, plot=plot)]
    return Section(
        key="tradeoff",
        title="Trade-off between precision and recall",
        short="Trade-off",
        lead=lead,
        figures=tuple(_score_figures(tradeoff) if tradeoff else ()),
        charts=(*charts, *(_score_charts(tradeoff) if tradeoff else ())),
        tables=tuple(_operating_points(tradeoff) if tradeoff else ()),
        notes=(tradeoff.note,) if tradeoff and tradeoff.note else (),
    )


def _lowest_first(labels: Mapping[str, LabelScores]) -> dict[str, LabelScores]:
    """Choose the labels that are drawn: all, or of too many those with the lowest F1."""
    if len(labels) <= MAX_BOXES:
        return dict(labels)
    known = sorted(labels, key=lambda name: (labels[name].f1.value or 0.0, name))
    return {name: labels[name] for name in known[:MAX_BOXES]}


def _each(shown: tuple[str, ...], of: int) -> str:
    if len(shown) == 1:
        return f"the label {shown[0]}"
    return "each label" if len(shown) == of else f"each label ({len(shown)} of {of} drawn, lowest F1 first)"


def _required(checks: Iterable[Check], metric: str, positive: str | None) -> float | None:
    bounds = [c.required for c in checks if c.metric == metric and positive and c.label == positive and not c.part]
    return max(bounds) if bounds else None


def _box(name: str, scores: LabelScores) -> Box | None:
    recall, precision = scores.recall, scores.precision
    if recall.value is None or precision.value is None:
        return None
    (x_low, x_high), (y_low, y_high) = parts.ends_of(recall), parts.ends_of(precision)
    return Box(name=name, x=recall.value, y=precision.value, x_low=x_low, x_high=x_high, y_low=y_low, y_high=y_high)


def _line(curve: ScoreCurve | None) -> Line | None:
    return Line(x=curve.x, y=curve.y, low=curve.low, high=curve.high) if curve else None


def _score_figures(tradeoff: Tradeoff) -> list[NamedFigure]:
    figures = [
        *parts.if_any("Average precision", tradeoff.average_precision, "number"),
        *parts.if_any("ROC AUC", tradeoff.roc_auc, "number"),
    ]
    if tradeoff.ece is not None:
        by_chance, hint = tradeoff.ece_by_chance, "ECE, 10 equal-width bins"
        if by_chance is not None:
            hint += f"; perfectly calibrated scores show up to {parts.number(by_chance, 'number')}"
        figures.append(NamedFigure("Calibration error", parts.number(tradeoff.ece, "number"), hint=hint))
    if tradeoff.brier is not None:
        figures.append(NamedFigure("Brier score", parts.number(tradeoff.brier, "number"), hint="0 is perfect"))
    return figures


def _score_charts(tradeoff: Tradeoff) -> list[Chart]:
    charts = []
    if tradeoff.roc:
        plot = SharePlot(
            x_title="false positive rate", y_title="true positive rate", line=_line(tradeoff.roc), diagonal=True
        )
        area = parts.figure(tradeoff.roc_auc, "number") if tradeoff.roc_auc else "not computed"
        charts.append(Chart(key="roc", title="ROC curve", alt=f"ROC curve; area {area}.", plot=plot))
    if tradeoff.reliability:
        scores, right, _ = zip(*tradeoff.reliability, strict=True)
        line = Line(x=scores, y=right)
        share = f"share that is {tradeoff.label}"
        plot = SharePlot(x_title="mean score", y_title=share, line=line, diagonal=True)
        alt = f"{sentence(share)} over mean score; on the diagonal the scores are honest."
        charts.append(Chart(key="reliability", title="Are the scores honest?", alt=alt, plot=plot))
    return charts


def _operating_points(tradeoff: Tradeoff) -> list[Table]:
    rows = tuple(
        (
            Cell(point.rule),
            Cell(f"{point.score:.4g}", kind="number"),
            parts.estimate_cell(point.precision, "share"),
            parts.estimate_cell(point.recall, "share"),
            Cell(f"chosen on {point.chosen_on}, judged on {point.judged_on}"),
        )
        for point in tradeoff.points
    )
    head = ("Rule", "Score", "Precision", "Recall", "Cases")
    return [Table(title="Operating points", head=head, rows=rows)] if rows else []
