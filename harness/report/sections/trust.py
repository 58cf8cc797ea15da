"""Whether the figures hold: across repeats, harmless changes, unseen cases, leaked cases and slices."""

from __future__ import annotations

from harness.judge.assessment import (
    Generalization,
    Leakage,
    PerturbationScores,
    Robustness,
    Slice,
    Stability,
)
from harness.report.figures import count, figure, number, p_value
from harness.report.parts import Cell, Figure, Section, Table
from harness.report.sections.pieces import difference_cells, estimate_cell, named, number_cell

MAX_ROWS = 20
LEAST_CASES = 5  # fewer in a tag say nothing: their interval spans most of the axis


def stability_section(stability: Stability, *, cases: int, repeats: int) -> Section:
    """Say whether the same request gets the same answer."""
    s = stability
    if repeats < 2 or s.agreement.value is None:
        lead = s.agreement.why_undefined or "Each case was sent once: nothing is known of stability."
    else:
        lead = (
            f"{figure(s.agreement, 'share')} agreement between repeats; "
            f"{s.unstable_cases:,} of {count(cases, 'case')} got different answers."
        )
    figures = (
        []
        if s.agreement.value is None
        else [
            *named("Agreement", s.agreement, "share", "two repeats of a case give the same answer"),
            *named("Flip rate", s.flip_rate, "share", "they differ"),
            *named("Same label always", s.tar_label, "share", "cases whose repeats all agree"),
            *named("Same text always", s.tar_raw, "share", "cases whose replies are identical"),
            *(
                f
                for k, e in s.pass_k.items()
                for f in named(f"pass^{k}", e, "share", f"right {k} times in a row")
            ),
            *named("Fleiss' kappa", s.fleiss_kappa, "ratio"),
            *named("Krippendorff's alpha", s.krippendorff_alpha, "ratio"),
            *_plain_figures(s),
        ]
    )
    return Section(
        key="stability",
        title="Stability across repeats",
        lead=lead,
        figures=tuple(figures),
        tables=tuple(t for t in (_unstable(s), _flips(s), _spread(s), *_served(s)) if t.rows),
        notes=(s.concurrency_note,) if s.concurrency_note else (),
    )


def _plain_figures(s: Stability) -> list[Figure]:
    figures = []
    if s.best_accuracy is not None and s.worst_accuracy is not None:
        worst, best = number(s.worst_accuracy, "share"), number(s.best_accuracy, "share")
        figures.append(
            Figure(
                name="Luck of the repeat", text=f"{worst} to {best}", hint="accuracy, worst and best repeats"
            )
        )
    if s.mean_entropy_bits is not None:
        figures.append(Figure(name="Entropy", text=f"{s.mean_entropy_bits:.3f} bits", hint="mean over cases"))
    if s.icc is not None:
        figures.append(
            Figure(name="ICC", text=number(s.icc, "ratio"), hint="how alike repeats of a case are")
        )
    if s.design_effect is not None:
        figures.append(
            Figure(
                name="Design effect", text=f"{s.design_effect:.2f}", hint="why repeats count less than cases"
            )
        )
    return figures


def _flips(s: Stability) -> Table:
    return Table(
        title="Answers that alternate",
        folded=True,
        head=("One repeat", "Another", "Share of pairs", "Pairs"),
        rows=tuple(
            (
                Cell(text=flip.first, kind="code"),
                Cell(text=flip.second, kind="code"),
                number_cell(number(flip.share, "share")),
                number_cell(count(flip.pairs)),
            )
            for flip in s.flips[:MAX_ROWS]
        ),
    )


def _spread(s: Stability) -> Table:
    width = max((len(spread.values) for spread in s.spread), default=0)
    shown = min(width, 8)
    return Table(
        title="Each repeat on its own",
        folded=True,
        head=("Metric", *(f"Repeat {i + 1}" for i in range(shown))),
        rows=tuple(
            (
                Cell(text=spread.metric),
                *(number_cell(number(value, "share")) for value in spread.values[:shown]),
                *(Cell(text="") for _ in range(shown - len(spread.values))),
            )
            for spread in s.spread
        ),
        note=f"The first {shown} of {width} repeats." if width > shown else "",
    )


def _unstable(s: Stability) -> Table:
    shown = s.unstable[:MAX_ROWS]
    return Table(
        title="Cases whose answer moved",
        head=("Case", "Expected", "Answers", "Replies"),
        rows=tuple(
            (
                Cell(text=case.case, kind="code"),
                Cell(text=case.expected, kind="code"),
                Cell(text=", ".join(f"{n} × {label}" for label, n in case.labels.items())),
                Cell(text=" · ".join(case.replies), kind="code"),
            )
            for case in shown
        ),
        note=f"{len(shown)} of {s.unstable_cases:,}." if len(shown) < s.unstable_cases else "",
    )


def _served(s: Stability) -> list[Table]:
    tables = []
    for title, counts in (("Models that answered", s.served_models), ("System fingerprints", s.fingerprints)):
        rows = tuple((Cell(text=name, kind="code"), number_cell(count(n))) for name, n in counts.items())
        tables.append(
            Table(title=title, head=("Name", "Replies"), rows=rows if len(rows) > 1 else (), folded=True)
        )
    return tables


def robustness_section(robustness: Robustness) -> Section:
    """Say whether harmless changes of the input move the answer."""
    r = robustness
    lead = f"Largest loss of accuracy from a harmless change: {figure(r.drop, 'points')}."
    if not r.perturbations:
        lead = r.note or r.drop.why_undefined or "No perturbation was measured."
    drops = difference_cells([p.accuracy_drop for p in r.perturbations], "points")
    rows = tuple(_perturbation(p, drop) for p, drop in zip(r.perturbations, drops, strict=True))
    changed = tuple(
        (
            Cell(text=p.name),
            Cell(text=case.case, kind="code"),
            Cell(text=f"{case.before} → {case.after}"),
            Cell(text=case.text_after, kind="code"),
        )
        for p in r.perturbations
        for case in p.worst[:3]
    )[:MAX_ROWS]
    head = ("Change", "Cases", "Accuracy lost", "Answers moved", "Beyond repeats", "p")
    tables = (
        Table(
            title="Perturbations",
            head=head,
            rows=rows,
            picture_note="The line in the pictures is at no loss.",
        ),
        Table(
            title="Cases that broke",
            head=("Change", "Case", "Answer", "Changed text"),
            rows=changed,
            folded=True,
        ),
    )
    return Section(
        key="robustness",
        title="Robustness",
        lead=lead,
        tables=tuple(t for t in tables if t.rows),
        notes=(r.note,) if r.note and r.note != lead else (),
    )


def _perturbation(p: PerturbationScores, drop: Cell) -> tuple[Cell, ...]:
    return (
        Cell(text=p.name),
        number_cell(count(p.cases)),
        drop,
        estimate_cell(p.flips, "share"),
        estimate_cell(p.flips_above_noise, "points"),
        number_cell(p_value(p.p_value)),
    )


def generalization_section(generalization: Generalization) -> Section:
    """Say whether dev figures hold on cases that nobody tuned to."""
    g = generalization
    gaps = difference_cells([gap.gap for gap in g.gaps], "points")
    rows = tuple(
        (
            Cell(text=gap.metric),
            estimate_cell(gap.dev, "share"),
            Cell(text=gap.other_split),
            estimate_cell(gap.other, "share"),
            cell,
            number_cell(p_value(gap.p_value)),
        )
        for gap, cell in zip(g.gaps, gaps, strict=True)
    )
    lead = f"Accuracy on dev minus holdout: {figure(g.gap, 'points')}."
    if g.gap.value is None:
        lead = g.note or g.gap.why_undefined or "There is no second split to compare with."
    head = ("Metric", "Dev", "Other split", "There", "Dev minus there", "p")
    return Section(
        key="generalization",
        title="Generalization",
        lead=lead,
        tables=(Table(title="", head=head, rows=rows),) if rows else (),
        notes=(g.note,) if g.note and g.note != lead else (),
    )


def leakage_section(leakage: Leakage) -> Section:
    """Say which cases the prompt, or another split, gives away."""
    lead = "No case is given away by the prompt or shared between splits."
    if leakage.leaked_cases or leakage.findings:
        lead = (
            f"{count(leakage.leaked_cases, 'leaked case')}, "
            f"{count(len(leakage.findings), 'finding')} in all: these cases test memory, not judgement."
        )
    rows = tuple(
        (
            Cell(text=finding.kind.replace("_", " ")),
            Cell(text=finding.case, kind="code"),
            Cell(text=finding.other, kind="code"),
            number_cell(number(finding.similarity, "share")),
            Cell(text=finding.text, kind="code"),
            Cell(text=finding.other_text, kind="code"),
        )
        for finding in leakage.findings[:MAX_ROWS]
    )
    head = ("Kind", "Case", "Other", "Alike", "Text", "Other text")
    more = len(leakage.findings) - len(rows)
    return Section(
        key="leakage",
        title="Leakage",
        lead=lead,
        figures=(
            *named("Accuracy with leaked cases", leakage.accuracy_with, "share"),
            *named("Accuracy without", leakage.accuracy_without, "share"),
        ),
        tables=(Table(title="", head=head, rows=rows, note=f"{more:,} more." if more > 0 else ""),)
        if rows
        else (),
        notes=(leakage.note,) if leakage.note else (),
    )


def slices_section(slices: tuple[Slice, ...], *, positive: str | None) -> Section | None:
    """Give the figures again on each tag and split; name one only if it differs by more than noise."""
    if not slices:
        return None
    worst = [s for s in slices if s.worst]
    lead = "No tag or split differs from the rest by more than chance explains."
    if worst:
        lead = "Worse than the rest by more than chance explains: " + ", ".join(
            f"{s.kind} {s.name} with {figure(s.accuracy, 'share')}" for s in worst
        )
    listed = [s for s in slices if s.kind == "split" or s.worst or s.cases >= LEAST_CASES]
    rows = tuple(
        (
            Cell(text=f"{s.kind} {s.name}", tone="fail" if s.worst else "plain"),
            number_cell(count(s.cases)),
            estimate_cell(s.accuracy, "share", axis=True),
            *_of_positive(s, positive),
            number_cell(p_value(s.p_value)),
        )
        for s in listed
    )
    extra = (f"Recall of {positive}", f"Precision of {positive}") if positive else ()
    head = ("Slice", "Cases", "Accuracy", *extra, "p")
    small = len(slices) - len(listed)
    note = f"{count(small, 'tag')} with fewer than {LEAST_CASES} cases: in report.json." if small else ""
    table = Table(title="", head=head, rows=rows, note=note)
    return Section(key="slices", title="Slices", lead=lead, tables=(table,) if rows else ())


def _of_positive(s: Slice, positive: str | None) -> tuple[Cell, ...]:
    if not positive:
        return ()
    return tuple(
        estimate_cell(scores[positive], "share") if positive in scores else Cell(text="")
        for scores in (s.recall, s.precision)
    )
