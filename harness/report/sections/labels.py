"""What is got wrong: the confusions, the matrix, the scores of each label and over all labels."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.files.thresholds import metric_of
from harness.judge import NO_LABEL, CandidateAssessment, Classification, Confused, Confusion, Estimate, Status
from harness.report import parts

MAX_ERRORS = 8
_COVERAGE = "trials whose reply could be read as a label"


def confused_rows(candidate: CandidateAssessment) -> tuple[parts.ConfusedRow, ...]:
    """Give what a candidate gets wrong, most frequent first."""
    most = max((row.trials for row in candidate.confused), default=1)
    thing = "answered trial" if candidate.lost else "trial"
    return tuple(
        parts.ConfusedRow(
            expected=row.expected,
            read_as=row.read_as,
            many=f"{row.trials:,} of {parts.count(row.of, thing)}",
            share=parts.percent_of(row.trials, row.of),
            size=row.trials / most,
            on=parts.count(row.cases, "case"),
            samples=sample_cases(row),
            cases={
                "expected": row.expected,
                **({"outcome": NO_LABEL} if row.read_as == NO_LABEL else {"read_as": row.read_as}),
            },
        )
        for row in candidate.confused
    )


def sample_cases(row: Confused | None) -> tuple[parts.SampleCase, ...]:
    """Give the two cases of a confusion."""
    return tuple(parts.SampleCase(case=s.case, text=s.text, reply=s.reply) for s in row.samples) if row else ()


def confusion_view(confusion: Confusion) -> parts.ConfusionView | None:
    """Give the matrix with its shares; None when there is not a single trial."""
    counts = confusion.counts
    row_totals = [sum(row) for row in counts]
    grand = sum(row_totals)
    if not grand:
        return None
    column_totals = [sum(row[j] for row in counts) for j in range(len(confusion.columns))]
    errors = _off_diagonal(confusion)
    worst = errors[0][1:] if errors else None
    rows = tuple(
        parts.ConfusionRow(
            label=label,
            cells=tuple(
                _cell(confusion, i, j, row_totals[i], column_totals[j], worst=worst == (i, j))
                for j in range(len(confusion.columns))
            ),
            total=parts.count(row_totals[i]),
            recall=parts.percent_of(counts[i][i], row_totals[i]),
        )
        for i, label in enumerate(confusion.rows)
    )
    diagonal = range(len(confusion.rows))
    return parts.ConfusionView(
        columns=confusion.columns,
        rows=rows,
        totals=tuple(parts.count(total) for total in column_totals),
        precisions=tuple(parts.percent_of(counts[j][j], column_totals[j]) for j in diagonal),
        grand_total=parts.count(grand),
        worst=_worst_sentence(confusion, worst, row_totals),
        errors=tuple(
            f"{n:,} × {confusion.rows[i]} {_read_as(confusion, j, 'without a label')}"
            for n, i, j in errors[:MAX_ERRORS]
        ),
    )


def _cell(confusion: Confusion, i: int, j: int, row: int, column: int, *, worst: bool) -> parts.ConfusionCell:
    value = confusion.counts[i][j]
    share = value / row if row else 0.0
    if not value:
        kind = "zero"
    elif j >= len(confusion.rows):
        kind = "none"
    else:
        kind = "right" if i == j else "wrong"
    # Name a column: the last has the trials without a label, which a label may be called, too
    return parts.ConfusionCell(
        count=parts.count(value),
        row_share=parts.percent_of(value, row),
        column_share=parts.percent_of(value, column),
        kind=kind,  # type: ignore[arg-type]  # mypy widens the literal over the branches
        shade=0 if not value else 1 + min(4, int(share * 5)),
        worst=worst,
        cases={
            "expected": confusion.rows[i],
            **({"read_as": confusion.rows[j]} if j < len(confusion.rows) else {"outcome": confusion.columns[j]}),
        },
    )


def _off_diagonal(confusion: Confusion) -> list[tuple[int, int, int]]:
    """Errors as (count, row, column), most frequent first."""
    found = [(value, i, j) for i, row in enumerate(confusion.counts) for j, value in enumerate(row) if value and i != j]
    return sorted(found, key=lambda error: (-error[0], error[1], error[2]))


def _read_as(confusion: Confusion, j: int, unread: str, verb: str = "") -> str:
    return f"{verb}read as {confusion.columns[j]}" if j < len(confusion.rows) else unread


def _worst_sentence(confusion: Confusion, worst: tuple[int, int] | None, totals: Sequence[int]) -> str:
    if worst is None:
        return "No errors: every trial was read as its expected label."
    i, j = worst
    value = confusion.counts[i][j]
    seen = _read_as(confusion, j, "got no label", "was " if value == 1 else "were ")
    return (
        f"Most frequent error: {value:,} of {parts.count(totals[i], 'trial')} expected to be {confusion.rows[i]} "
        f"{seen} ({parts.percent_of(value, totals[i])})."
    )


def labels_section(candidate: CandidateAssessment) -> parts.Section:
    """Give precision and recall of each label with intervals and what was required; those that fail first."""
    statuses = {(c.metric, c.label): c.status for c in candidate.checks if not c.part}
    most: dict[str, parts.Cell] = {}
    for row in candidate.confused:
        read = "no label" if row.read_as == NO_LABEL else row.read_as
        cases = {"expected": row.expected, "outcome" if row.read_as == NO_LABEL else "read_as": read}
        most.setdefault(row.expected, parts.Cell(f"{row.trials:,} × {read}", cases=cases))

    def worst(label: str) -> int:
        known = [statuses.get((metric, label), "PASS") for metric in ("precision", "recall")]
        return min(("FAIL", "INCONCLUSIVE", "PASS").index(status) for status in known)

    rows = tuple(
        (
            parts.Cell(label, kind="code"),
            *(
                _label_cell(name, label, figure, statuses)
                for name, figure in (("precision", scores.precision), ("recall", scores.recall), ("f1", scores.f1))
            ),
            replace(parts.number_cell(parts.count(scores.support)), cases={"expected": label}),
            replace(parts.number_cell(parts.count(scores.predicted)), cases={"read_as": label}),
            most.get(label, parts.Cell("")),
        )
        for label, scores in sorted(candidate.classification.labels.items(), key=lambda item: worst(item[0]))
    )
    return parts.Section(
        key="labels",
        title="Labels",
        lead="Precision: of the trials read as the label, how many were right. "
        "Recall: of the trials that should be the label, how many were found.",
        tables=(
            parts.Table(
                head=("Label", "Precision", "Recall", "F1", "Cases", "Trials read so", "Most often read as"),
                rows=rows,
                picture_note="Axes of the pictures run from 0 to 100%.",
            ),
        ),
    )


def _label_cell(
    metric: str, label: str, figure: Estimate, statuses: Mapping[tuple[str, str | None], Status]
) -> parts.Cell:
    status = statuses.get((metric, label))
    return replace(
        parts.estimate_cell(figure, "share", axis=metric != "f1"),
        cases=metric_of(metric).cases(label),
        tone="plain" if status is None else parts.STATUS_TONES[status],
    )


def quality_section(classification: Classification, outcomes: dict[str, int], currency: str) -> parts.Section:
    """Give the figures over all labels, beside what always guessing the largest label would reach."""
    c = classification
    baseline = c.majority_baseline
    figures = [
        *parts.if_any("Accuracy", c.accuracy, "share", _failure_range(c), cases={"right": "wrong"}),
        parts.NamedFigure(
            "Majority baseline",
            parts.number(baseline.share, "share"),
            hint=f"always answering {baseline.label}{_better(c)}",
        ),
        *parts.if_any("Coverage", c.coverage, "share", _COVERAGE, cases={"outcome": "no label"}),
        *parts.if_any("Balanced accuracy", c.balanced_accuracy, "share", "mean recall of the labels"),
        *parts.if_any("Macro F1", c.macro_f1, "share"),
        *parts.if_any("MCC", c.mcc, "number", "0 is chance, 1 is perfect"),
        *parts.if_any("Cohen's kappa", c.kappa, "number", "agreement beyond chance"),
        *parts.if_any("F-beta", c.f_beta, "share", "of the positive label; the suite's priority sets beta"),
        *parts.if_any("Cost of errors per 1,000", c.error_cost_per_1000, "money", currency=currency),
    ]
    for label, estimate in c.at_prevalence.items():
        figures += parts.if_any(f"Precision of {label} in production", estimate, "share", "at the suite's prevalence")
    return parts.Section(
        key="quality",
        title="Accuracy",
        lead="Nothing was measured."
        if c.accuracy.value is None
        else f"{figures[0].text} of the trials were right; always answering {baseline.label} "
        f"would reach {parts.number(baseline.share, 'share')}.",
        figures=tuple(figures),
        tables=(_outcome_table(outcomes),),
    )


def _better(c: Classification) -> str:
    p = c.majority_baseline.p_value
    if p is None:
        return ""
    return f"; accuracy is {'' if p < 1 - c.accuracy.confidence else 'not shown to be '}better: {parts.p_value(p)}"


def _failure_range(c: Classification) -> str:
    if c.accuracy_best == c.accuracy_worst:
        return ""
    worst, best = parts.number(c.accuracy_worst, "share"), parts.number(c.accuracy_best, "share")
    return f"{worst} if every failed trial counts as wrong (as here), {best} if all had been right"


def _outcome_table(outcomes: dict[str, int]) -> parts.Table:
    total = sum(outcomes.values())
    rows = tuple(
        (
            parts.Cell(name),
            replace(parts.number_cell(parts.count(n)), cases={"outcome": name}),
            parts.number_cell(parts.percent_of(n, total)),
        )
        for name, n in outcomes.items()
        if n
    )
    return parts.Table(title="How trials ended", head=("Outcome", "Trials", "Share"), rows=rows, folded=True)
