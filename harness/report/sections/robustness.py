"""Whether harmless changes move the answer: each change, what it cost, and the cases that it broke."""

from dataclasses import replace

from harness.judge import ChangedCase, Formats, PerturbationScores, Robustness, verb
from harness.report import parts
from harness.report.changes import marked, written
from harness.report.parts import Cell, Section, Table

MAX_ROWS = 20
PER_CHANGE = 5  # cases shown of one change
LEGEND = "[-gone-] and {+new+} mark the change."


def robustness_section(robustness: Robustness) -> Section:
    """Say whether harmless changes of the input move the answer."""
    r = robustness
    tables = tuple(table for table in (_changes(r), _recalls(r), _broken(r)) if table.rows)
    notes = tuple(note for note in (_formats(r.formats), r.note) if note)
    return Section(key="robustness", title="Robustness", lead=_lead(r), tables=tables, notes=notes)


def _lead(r: Robustness) -> str:
    if not r.perturbations:
        return r.note or r.drop.why_undefined or "No perturbation was measured."
    lost = f"Largest loss of accuracy from a harmless change: {parts.figure(r.drop, 'points')}."
    if all(p.p_value is None for p in r.perturbations):
        return lost
    blamed = [p for p in r.perturbations if p.above_noise]
    if not blamed:
        changes = parts.count(len(r.perturbations), "harmless change")
        none = f"None of {changes} moves" if len(r.perturbations) > 1 else "The harmless change does not move"
        return f"{none} answers beyond what plain repeats do. {lost}"
    told = ", ".join(f"{p.name} by {parts.figure(p.flips_above_noise, 'points')}" for p in blamed)
    return f"Answers move beyond what plain repeats do: {told}. {lost}"


def _changes(r: Robustness) -> Table:
    drops = parts.difference_cells([p.accuracy_drop for p in r.perturbations], "points")
    return Table(
        title="Perturbations",
        head=("Change", "Cases", "Accuracy lost", "Answers moved", "Beyond repeats", "p", "Finding"),
        rows=tuple(
            (
                Cell(p.name),
                replace(parts.number_cell(parts.count(p.cases)), cases={"variant": p.name}),
                replace(drop, cases={"variant": p.name, "right": "wrong"}),
                parts.estimate_cell(p.flips, "share"),
                parts.estimate_cell(p.flips_above_noise, "points"),
                parts.number_cell(parts.p_value(p.p_value)),
                Cell(_finding(p), tone="fail" if p.above_noise else "plain"),
            )
            for p, drop in zip(r.perturbations, drops, strict=True)
        ),
        picture_note="The line in the pictures is at no loss.",
    )


def _finding(p: PerturbationScores) -> str:
    return "not known" if p.p_value is None else "moves answers" if p.above_noise else "within noise"


def _recalls(r: Robustness) -> Table:
    """List the recall lost of each label, the largest first."""
    lost = [(p.name, label, drop) for p in r.perturbations for label, drop in p.recall_drop.items()]
    lost.sort(key=lambda row: (-(row[2].value or 0.0), row[0], row[1]))
    shown = lost[:MAX_ROWS]
    cells = parts.difference_cells([drop for _, _, drop in shown], "points")
    return Table(
        title="Recall lost, by label",
        head=("Change", "Label", "Cases", "Recall lost"),
        rows=tuple(
            (Cell(name), Cell(label, kind="code"), parts.number_cell(parts.count(drop.n)), cell)
            for (name, label, drop), cell in zip(shown, cells, strict=True)
        ),
        note=f"{len(lost) - len(shown):,} more." if len(lost) > len(shown) else "",
        folded=True,
    )


def _broken(r: Robustness) -> Table:
    """Show the cases that broke under each change that is to blame; within the noise nobody is."""
    blamed = [p for p in r.perturbations if p.above_noise or p.p_value is None]
    rows = [_case(p.name, case) for p in blamed for case in p.worst[:PER_CHANGE]][: 2 * MAX_ROWS]
    return Table(
        title="Cases that broke",
        head=("Change", "Case", "Expected", "Answer to the original", "To the changed text", "The change"),
        rows=tuple(rows),
        note=LEGEND if rows else "",
        folded=True,
    )


def _case(name: str, case: ChangedCase) -> tuple[Cell, ...]:
    pieces = marked(case.text_before, case.text_after or case.text_before)
    return (
        Cell(name),
        Cell(case.case, kind="code", cases={"id": case.case}),
        Cell(case.expected, kind="code"),
        Cell(case.before, kind="code"),
        Cell(case.after, kind="code", tone="fail" if case.after != case.expected else "plain"),
        Cell(case.change)
        if case.change
        else Cell(written(pieces), kind="code", pieces=tuple((p.fate, p.text) for p in pieces)),
    )


def _formats(formats: Formats | None) -> str:
    """Say whether the formats differ at all, and name a worst one only then."""
    if formats is None:
        return ""
    cases = f"{parts.count(formats.cases, 'case')} that {verb(formats.cases, 'has', 'have')} them all"
    where = f"{parts.count(len(formats.accuracy), 'format')} on the {cases}"
    if formats.q is None:
        return f"All {where} score alike."
    low, high = min(formats.accuracy.values()), max(formats.accuracy.values())
    test = f"Cochran's Q = {formats.q:.1f}, {parts.p_value(formats.p_value)}"
    spread = f"Accuracy of {where}: {parts.number(low, 'share')} to {parts.number(high, 'share')}"
    if formats.worst is None:
        return f"{spread}, no more than equally good formats differ by chance ({test})."
    return f"{spread}, more than chance explains ({test}); {formats.worst} is the worst."
