"""A change of model for people: terminal, Markdown and one HTML page, all from the same sections."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from rich.console import RenderableType
from rich.text import Text

from harness import judge
from harness.files.thresholds import Scale
from harness.report.gate.view import GateRow, broke_most, gate_row, more_cases
from harness.report.parts import VERDICT_TONES, Cell, Section, Table, Tone, TroubleView, cut_markdown
from harness.report.pen import MARKS, STYLES, Pen, bulleted, indented, stdout_console, table_of, written
from harness.report.rendering import markdown_page, render_page
from harness.report.sections import troubles

VERDICTS: dict[judge.UpgradeVerdict, judge.Verdict] = {
    "SWITCH": "READY",
    "DON'T SWITCH": "NOT READY",
    "INCONCLUSIVE": "INCONCLUSIVE",
    "NOT MEASURED": "NOT MEASURED",
}
TONES = {verdict: VERDICT_TONES[same] for verdict, same in VERDICTS.items()}
LINES = 5  # of a list of cases on a terminal
CASES = 25  # of each prompt and model; upgrade.json has all
BESIDE = (
    *("latency.p50", "latency.p95", "ttft.p95", "stability", "robustness.drop"),
    *("tokens_per_case", "cost_per_1000", "cost_per_correct"),
)
_ORDER: dict[judge.Status, int] = {"FAIL": 0, "INCONCLUSIVE": 1, "PASS": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptPart:
    """One prompt on one new model."""

    key: str
    title: str
    verdict: str
    tone: Tone
    headline: str
    troubles: tuple[TroubleView, ...]
    sections: tuple[Section, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeView:
    """Everything that a reader of an upgrade sees."""

    title: str
    verdict: str
    tone: Tone
    headline: str
    next: str  # the one thing to do; empty where what went wrong says it
    open: tuple[tuple[str, GateRow], ...]  # (prompt, check) that did not pass on the model in question; else all
    facts: str
    models: Table
    prompts: tuple[PromptPart, ...]
    to_label: str
    method: str


def render_upgrade_html(made: judge.Upgrade) -> str:
    """Render the page."""
    return render_page("upgrade.html.j2", view=_view(made))


def render_upgrade_markdown(made: judge.Upgrade) -> str:
    """Render the document, at most as long as GitHub accepts in a comment."""
    return cut_markdown(markdown_page("upgrade.md.j2", view=_view(made)))


def terminal_upgrade(made: judge.Upgrade) -> str:
    """Give the decision as text for stdout."""
    target = stdout_console()
    return written(_blocks(_view(made), Pen(target)), target)


def _blocks(view: UpgradeView, pen: Pen) -> Iterable[RenderableType]:
    yield Text.assemble(pen.text(f"{MARKS[view.tone]} ", STYLES[view.tone]), pen.text(view.headline, "bold"))
    if view.next:
        yield bulleted("→", view.next, pen, "bold")
    yield indented(pen.text(view.facts, "dim"))
    for part in view.prompts:
        yield ""
        yield Text.assemble(pen.text(f"{part.title}: "), pen.text(part.verdict, STYLES[part.tone]))
        if part.headline:
            yield indented(pen.text(part.headline))
        for trouble in part.troubles:
            yield bulleted("!", f"{trouble.title}: {trouble.many}. {trouble.next}", pen)
        for section in part.sections:
            yield indented(pen.text(f"{section.title}: {section.lead}" if section.lead else section.title, "bold"))
            yield from (table_of(_shorter(table), pen) for table in section.tables)
            yield from (bulleted("-", note, pen) for note in section.notes)
    if view.to_label:
        yield ""
        yield pen.text(view.to_label)


def _shorter(table: Table) -> Table:
    """Keep of a list of cases what a terminal has room for."""
    hidden = len(table.rows) - LINES
    if not table.folded or hidden <= 0:
        return table
    return replace(table, rows=table.rows[:LINES], note=f"{hidden:,} more are in upgrade.md. {table.note}".rstrip())


def _view(made: judge.Upgrade) -> UpgradeView:
    several = len(made.models) > 1
    rows = tuple(
        (
            Cell(one.model),
            Cell(one.verdict, tone=TONES[one.verdict]),
            Cell(", ".join(one.survive) or "none"),
            Cell(", ".join(one.fall) or "none"),
            Cell(", ".join(one.undecided) or "none"),
        )
        for one in made.models
    )
    margins = judge.demand(made.margin, "points")
    if made.label_margin != made.margin:
        margins += f" ({judge.demand(made.label_margin, 'points')} in one label's recall)"
    return UpgradeView(
        title=f"{made.suite}: from {made.old} to {' or '.join(one.model for one in made.models)}",
        verdict=made.verdict,
        tone=TONES[made.verdict],
        headline=made.headline,
        next=_next(made),
        open=tuple(_open(made)),
        facts=f"Run {made.run_id}, both models in it, interleaved. A loss of {margins} would not matter.",
        models=Table(head=("New model", "Verdict", "Survive", "Fail", "Undecided"), rows=rows),
        prompts=tuple(
            PromptPart(
                key=f"p{place}",
                title=f"{one.prompt} on {one.model}",
                verdict=one.verdict,
                tone=TONES[one.verdict],
                headline="" if len(made.prompts) == 1 else one.headline,  # the page's own says it
                troubles=troubles(one.went_wrong, VERDICTS[one.verdict]),
                sections=tuple(_sections(one)),
            )
            for place, one in enumerate(made.prompts)
        ),
        to_label=_to_label(made),
        method=_method(made, several=several),
    )


def _asked_about(made: judge.Upgrade) -> list[judge.UpgradedPrompt]:
    """Give the prompts on the model that the verdict is about."""
    model = next(one.model for one in made.models if one.verdict == made.verdict)
    return [one for one in made.prompts if one.model == model]


def _open(made: judge.Upgrade) -> Iterator[tuple[str, GateRow]]:
    mine = _asked_about(made)
    checks = [(one, check) for one in mine for check in one.checks]
    unmet = sorted((pair for pair in checks if pair[1].status != "PASS"), key=lambda pair: _ORDER[pair[1].status])
    for one, check in unmet or checks:
        yield ("" if len(mine) == 1 else one.prompt), gate_row(check)


def _next(made: judge.Upgrade) -> str:
    """Say the one thing to do: switch, stay and mend what broke, or add cases."""
    first, *_ = mine = sorted(_asked_about(made), key=lambda one: one.verdict != made.verdict)
    seen = first.comparison
    if made.verdict == "SWITCH":
        return f"Switch {judge.listed([one.prompt for one in mine], 4)} to {first.model}."
    if made.verdict == "INCONCLUSIVE":
        return f"Stay on {made.old} for now, and add {more_cases(seen)}."
    if made.verdict == "NOT MEASURED" or seen is None or not seen.broken:
        return "" if made.verdict == "NOT MEASURED" else f"Stay on {made.old}."
    return f"Stay on {made.old}, or mend {first.prompt} for {first.model}: {broke_most(seen)}."


def _to_label(made: judge.Upgrade) -> str:
    if not made.to_label:
        return ""
    return (
        f"Cases without a label are in {made.to_label}, those on which the models disagree first: fill in `expected`"
        f" there, then run `harness upgrade --run {made.run_id} --labels FILE`; nothing is sent again."
    )


def _method(made: judge.Upgrade, *, several: bool) -> str:
    bound = f"{judge.sure(made.confidence)} confidence"
    each = ", its error divided among the new models" if several else ""
    return (
        "SWITCH needs every threshold met and, for accuracy, the headline figures and every label, a loss of the"
        f" margin excluded by an exact test ({bound}{each}). DON'T SWITCH: a threshold missed for certain,"
        " or a loss that is certain among all these figures and prompts and may exceed the margin. Cases are the"
        " unit; a call that failed is a miss on its side, and what hangs on it stays open."
    )


def _sections(one: judge.UpgradedPrompt) -> Iterator[Section]:
    if one.checks:
        yield Section(key="checks", title="What was asked", tables=(_checks(one.checks),), notes=tuple(_whys(one)))
    seen = one.comparison
    if seen is None:
        return
    if one.agreement is not None:
        yield Section(key="agreement", title="Without labels", lead=one.agreement.sentence)
    beside = [*(m for m in seen.metrics if m.metric in BESIDE), *one.replies]
    rows = [m for m in beside if m.difference.value is not None]
    paid = f"{one.new} {one.bill.told}." if one.bill is not None and one.bill.told else ""
    if rows:
        unknown, known = tuple(_not_compared(beside)), (_differences(rows),)
        yield Section(key="beside", title="Speed, cost and replies", lead=paid, tables=known, notes=unknown)
    if one.worst_slices:
        yield Section(key="slices", title="Worst slices", tables=(_differences(one.worst_slices),))
    if seen.broken or seen.fixed:
        again = set(one.confirmation.confirmed) if one.confirmation is not None else set()
        told = (("Broken", seen.broken), ("Fixed", seen.fixed))
        tables = tuple(_cases(title, cases, again) for title, cases in told if cases)
        yield Section(key="cases", title="Cases broken and fixed", lead=_fresh(one), tables=tables)
    if seen.notes:
        yield Section(key="notes", title="Mind", notes=seen.notes)


def _checks(checks: Sequence[judge.GateCheck]) -> Table:
    rows = []
    for check in sorted(checks, key=lambda check: _ORDER[check.status]):
        row = gate_row(check)
        cells = (Cell(row.status, tone=row.tone), Cell(row.name, kind="code"))
        rows.append((*cells, *(Cell(text) for text in (row.base, row.head, row.change))))
    return Table(head=("", "Demand", "Old", "New", "New − old"), rows=tuple(rows))


def _whys(one: judge.UpgradedPrompt) -> Iterator[str]:
    yield from (check.why for check in one.checks if check.status == "FAIL")
    yield from (check.why for check in one.checks if check.status == "INCONCLUSIVE")
    yield from (f"{threshold}: not judged, for it needs the label of every case." for threshold in one.unjudged)


def _not_compared(rows: Sequence[judge.MetricDifference]) -> Iterator[str]:
    """Say why figures that a side has can't be compared."""
    whys: dict[str, list[str]] = {}
    for row in rows:
        if row.difference.value is None and (row.base.value is not None or row.head.value is not None):
            whys.setdefault(row.difference.why_undefined or "", []).append(row.name)
    yield from (f"{judge.listed(names)}: not compared, {why}." for why, names in whys.items())


def _differences(rows: Sequence[judge.MetricDifference]) -> Table:
    cells = []
    for row in rows:
        scale: Scale = row.scale  # type: ignore[assignment]
        base = judge.figure_alone(row.base, scale, row.base_currency)
        head = judge.figure_alone(row.head, scale, row.currency)
        change = str(judge.signed_text(row.difference, scale, row.currency))
        cells.append(tuple(Cell(text) for text in (row.name, base, head, change, row.verdict)))
    return Table(head=("", "Old", "New", "New − old", ""), rows=tuple(cells))


def _fresh(one: judge.UpgradedPrompt) -> str:
    again = one.confirmation
    if again is None:
        return ""
    if not again.asked:
        return f"Broken once; not asked again: {again.why_not}."
    told = (
        f"{judge.count(again.asked, 'broken case')} asked again, {again.repeats:,} times on both models: "
        f"{len(again.confirmed):,} broke again, {len(again.recovered):,} did not and are not called broken"
    )
    return f"{told} ({again.why_not})." if again.why_not else f"{told}."


def _cases(title: str, cases: Sequence[judge.CaseChange], again: set[str]) -> Table:
    shown = sorted(cases, key=lambda case: case.case not in again)[:CASES]
    rows = tuple(
        (
            Cell(case.case, kind="code"),
            Cell(case.expected),
            Cell(", ".join(case.base_answers)),
            Cell(", ".join(case.head_answers)),
            Cell(case.text),
            Cell("yes" if case.case in again else ""),
        )
        for case in shown
    )
    more = f"{len(cases) - len(shown):,} more are in upgrade.json." if len(shown) < len(cases) else ""
    head = ("Case", "Expected", "Old", "New", "Input", "Again" if title == "Broken" else "")
    return Table(title=f"{title}: {len(cases):,}", head=head, rows=rows, note=more, folded=True)
