"""Whether the same request gets the same answer, who answered, and what explains the flips."""

from dataclasses import replace
from typing import cast

from harness.judge import Plain, Spread, Stability
from harness.report import parts
from harness.report.parts import Cell, NamedFigure, Section, Table

MAX_ROWS = 20
_REPEATS = 8  # columns of the table


def stability_section(stability: Stability, *, cases: int, repeats: int) -> Section:
    """Say whether the same request gets the same answer."""
    s = stability
    if repeats < 2 or s.agreement.value is None:
        why = s.agreement.why_undefined or "every case was asked once"
        lead = f"Nothing is known of it: {why}."
    else:
        lead = (
            f"{parts.figure(s.agreement, 'share')} agreement between repeats; "
            f"{s.unstable_cases:,} of {parts.count(cases, 'case')} got different answers."
        )
    flipped, all_agree = {"flipped": "1"}, f"TARa of {repeats}: cases whose repeats all agree"
    figures = [
        *parts.if_any("Agreement", s.agreement, "share", "two repeats of a case give the same answer", cases=flipped),
        *parts.if_any("Flip rate", s.flip_rate, "share", "they differ", cases=flipped),
        *parts.if_any("Same label always", s.tar_label, "share", all_agree, cases=flipped),
        *parts.if_any("Same text always", s.tar_raw, "share", f"TARr of {repeats}: cases whose replies are identical"),
        *(f for k, e in s.pass_k.items() for f in parts.if_any(f"pass^{k}", e, "share", f"right {k} times in a row")),
        *parts.if_any("Fleiss' kappa", s.fleiss_kappa, "number"),
        *parts.if_any("Krippendorff's alpha", s.krippendorff_alpha, "number"),
        *_plain_figures(s),
    ]
    tables = (_unstable(s), _flips(s), _spread(s), _explained(s), *_served(s), _served_changes(s))
    return Section(
        key="stability",
        title="Stability across repeats",
        short="Stability",
        lead=lead,
        figures=() if s.agreement.value is None else tuple(figures),
        tables=tuple(table for table in tables if table.rows),
        notes=tuple(note for note in (_who_answered(s), s.concurrency_note, s.ways_note) if note),
    )


def _plain_figures(s: Stability) -> list[NamedFigure]:
    figures = []
    if s.best_accuracy is not None and s.worst_accuracy is not None:
        worst, best = parts.number(s.worst_accuracy, "share"), parts.number(s.best_accuracy, "share")
        figures.append(NamedFigure("Luck of the repeat", f"{worst} to {best}", hint="accuracy, worst and best repeats"))
    if s.mean_entropy_bits is not None:
        figures.append(NamedFigure("Entropy", f"{s.mean_entropy_bits:.3f} bits", hint="mean over cases"))
    if s.icc is not None:
        figures.append(NamedFigure("ICC", parts.number(s.icc, "number"), hint="how alike repeats of a case are"))
    if s.design_effect is not None:
        hint = "above 1, repeats count less than cases"
        figures.append(NamedFigure("Design effect", f"{s.design_effect:.2f}", hint=hint))
    return figures


def _flips(s: Stability) -> Table:
    """Give both directions of each flip, the commonest pairs first."""
    rows = []
    for flip in s.flips[:MAX_ROWS]:
        for here, there, rate in ((flip.first, flip.second, flip.rate), (flip.second, flip.first, flip.rate_back)):
            rows.append(
                (
                    Cell(f"{here} → {there}", kind="code"),
                    parts.number_cell(parts.number(rate, "share")),
                    parts.number_cell(parts.number(flip.share, "share")),
                    replace(parts.number_cell(parts.count(flip.pairs)), cases={"flipped": "1", "read_as": here}),
                )
            )
    return Table(
        title="Answers that alternate",
        folded=True,
        head=("One repeat → another", "Flip rate", "Share of all pairs", "Pairs"),
        rows=tuple(rows),
        note="The flip rate is a share of the repeats beside one that gave the first answer.",
    )


def _spread(s: Stability) -> Table:
    width = max((len(spread.values) for spread in s.spread), default=0)
    shown = min(width, _REPEATS)
    return Table(
        title="Each repeat on its own",
        folded=True,
        head=("Metric", "Range", "Deviation", *(f"Repeat {i + 1}" for i in range(shown))),
        rows=tuple(_spread_row(spread, shown) for spread in s.spread) if width > 1 else (),
        note=f"The first {shown} of {width} repeats; the range is over all." if width > shown else "",
    )


def _spread_row(spread: Spread, shown: int) -> tuple[Cell, ...]:
    scale = cast("Plain", spread.scale)
    known = spread.low is not None and spread.high is not None
    across = f"{parts.number(spread.low, scale)} to {parts.number(spread.high, scale)}" if known else "undefined"
    apart = "points" if scale == "share" else scale
    return (
        Cell(spread.metric),
        parts.number_cell(across),
        parts.number_cell("" if spread.deviation is None else parts.number(spread.deviation, apart)),
        *(parts.number_cell(parts.number(value, scale)) for value in spread.values[:shown]),
        *(Cell("") for _ in range(shown - len(spread.values))),
    )


def _unstable(s: Stability) -> Table:
    shown = s.unstable[:MAX_ROWS]
    return Table(
        title="Cases whose answer moved",
        head=("Case", "Expected", "Answers", "Replies"),
        rows=tuple(
            (
                Cell(case.case, kind="code", cases={"id": case.case}),
                Cell(case.expected, kind="code"),
                Cell(", ".join(f"{n} × {label}" for label, n in case.labels.items())),
                Cell(" · ".join(dict.fromkeys(case.replies)), kind="code"),
            )
            for case in shown
        ),
        note=f"{s.unstable_cases:,} cases moved in all." if len(shown) < s.unstable_cases else "",
    )


def _explained(s: Stability) -> Table:
    return Table(
        title="What repeats that differ have in common",
        folded=True,
        head=("Pairs of repeats", "Differ", "Other pairs", "Differ", "More", "Explains flips"),
        rows=tuple(
            (
                Cell(pair.first_kind),
                parts.estimate_cell(pair.first, "share"),
                Cell(pair.second_kind),
                parts.estimate_cell(pair.second, "share"),
                parts.estimate_cell(pair.difference, "points"),
                Cell("yes" if pair.explains else "not shown"),
            )
            for pair in (s.concurrency, s.by_fingerprint, s.by_way)
            if pair is not None
        ),
    )


def _served(s: Stability) -> list[Table]:
    tables = []
    for title, counts in (("Models that answered", s.served_models), ("System fingerprints", s.fingerprints)):
        most = sorted(counts, key=lambda name: -counts[name])[:MAX_ROWS] if len(counts) > MAX_ROWS else counts
        rows = tuple((Cell(name, kind="code"), parts.number_cell(parts.count(counts[name]))) for name in most)
        more = f"{len(counts) - len(rows):,} more." if len(counts) > len(rows) else ""
        head, shown = ("Name", "Replies"), rows if len(rows) > 1 else ()
        tables.append(Table(title=title, head=head, rows=shown, note=more, folded=True))
    return tables


def _served_changes(s: Stability) -> Table:
    more = s.served_changes_in_all - len(s.served_changes)
    return Table(
        title="Changes of who answered",
        folded=True,
        head=("Into the run", "What", "Before", "After"),
        rows=tuple(
            (
                parts.number_cell(parts.number(change.at_s, "seconds")),
                Cell(change.what),
                Cell(change.before, kind="code"),
                Cell(change.after, kind="code"),
            )
            for change in s.served_changes
        ),
        note=f"{more:,} more." if more > 0 else "",
    )


def _who_answered(s: Stability) -> str:
    """Say in words that the endpoint was not one and the same during the run."""
    if not s.served_changes:
        return ""
    first = s.served_changes[0]
    if s.served_changes_in_all == 1:
        when = parts.number(first.at_s, "seconds")
        return f"The {first.what} changed {when} into the run: {first.before} → {first.after}."
    what = " and ".join(dict.fromkeys(f"{change.what}s" for change in s.served_changes))
    return f"Answers came from different {what} in turn: {s.served_changes_in_all:,} changes during the run."
