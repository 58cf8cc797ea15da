"""`harness show`: look into a run: its summary, the trials of a case, what went wrong."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli import options
from harness.cli.asked import run_asked
from harness.cli.console import emit, emit_json
from harness.cli.judged import judged
from harness.errors import UsageError
from harness.record import CaseRow, Record, caller_ns
from harness.report.neutral import visible

if TYPE_CHECKING:
    from harness.judge.labels import Reading
    from harness.rundir import Manifest


def show(
    run: options.Run = "latest",
    case: Annotated[str | None, typer.Option("--case", help="Every trial of this case.")] = None,
    wrong: Annotated[
        bool, typer.Option("--wrong", help="Only trials that were not read as expected.")
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="The whole report: every label, slice and case to look at.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Show a run's summary, or the trials of a case with their replies and times."""
    folder, manifest = run_asked(run)
    if case is None and not wrong:
        _show_summary(folder, manifest, full=full, as_json=as_json)
        return
    rows = _trial_rows(folder, manifest, case=case, wrong=wrong)
    if case is not None and not rows:
        raise UsageError(
            f"run {manifest.run_id} has no {'wrong trial of ' if wrong else ''}case {case!r}",
            fix=_near_cases(folder, case) or "`harness show RUN --wrong` shows the cases that went wrong.",
        )
    if as_json:
        emit_json(rows)
    else:
        emit("\n\n".join(_trial_text(row) for row in rows) if rows else "no wrong trials")


def _near_cases(folder: Path, case: str) -> str:
    """Name the cases of a run that a misspelt id may have meant."""
    import difflib

    from harness.journal import read_events
    from harness.rundir import JOURNAL

    ids = [event.id for event in read_events(folder / JOURNAL) if isinstance(event, CaseRow)]
    near = difflib.get_close_matches(case, ids, n=3) if case not in ids else []
    return f"Did you mean {' or '.join(near)}?" if near else ""


def _show_summary(folder: Path, manifest: Manifest, *, full: bool, as_json: bool) -> None:
    from harness.report.run import terminal_report

    assessment = judged(folder)
    if as_json:
        emit_json(assessment)
    else:
        emit(terminal_report(assessment, manifest, full=full))


def _trial_rows(folder: Path, manifest: Manifest, *, case: str | None, wrong: bool) -> list[dict[str, Any]]:
    """Give the trials by candidate, in the order of the cases; of a trial measured again, the last."""
    from harness.files.project import price_of
    from harness.files.suite import Suite
    from harness.journal import read_events
    from harness.judge.labels import LabelReader
    from harness.rundir import JOURNAL

    suite = Suite.model_validate(manifest.suite)
    reader = LabelReader(suite.reply, suite.labels)
    prices = {entry.name: price_of(entry.model) for entry in manifest.candidates}
    cases: dict[str, CaseRow] = {}
    found: dict[tuple[str, str, str, int], dict[str, Any]] = {}
    for event in read_events(folder / JOURNAL):
        match event:
            case CaseRow():
                cases[event.id] = event
            case Record() if not event.warmup and case in (None, event.case):
                place = (event.candidate, event.case, event.variant, event.repeat)
                found.pop(place, None)
                read = reader.reading(event.outcome, prices[event.candidate])
                if not wrong or read.label != cases[event.case].expected:
                    found[place] = _trial_row(event, cases[event.case], read)
            case _:
                pass
    order = {name: number for number, name in enumerate(cases)}
    return [found[place] for place in sorted(found, key=lambda p: (p[0], order[p[1]], p[2:]))]


def _trial_row(record: Record, case: CaseRow, read: Reading) -> dict[str, Any]:
    latency = caller_ns(record)
    return {
        "candidate": record.candidate,
        "case": record.case,
        "expected": case.expected,
        "read_as": read.label or read.outcome,
        "variant": record.variant,
        "repeat": record.repeat,
        "reply": read.said,
        "latency_s": None if latency is None else latency / 1e9,
        "attempts": len(record.attempts),
        "cost": read.cost,
        "inputs": case.inputs,
    }


def _trial_text(row: dict[str, Any]) -> str:
    from harness.judge.wording import count

    mark = "ok" if row["read_as"] == row["expected"] else "WRONG"
    seconds = "never sent" if row["latency_s"] is None else f"{row['latency_s'] * 1000:.0f} ms"
    inputs = "\n".join(f"  {name}: {visible(text)}" for name, text in row["inputs"].items())
    return (
        f"{row['case']}  {row['candidate']}  {row['variant']}  repeat {row['repeat']}\n{inputs}\n"
        f"  expected {row['expected']}, read as {row['read_as']} ({mark}); {seconds}, "
        f"{count(row['attempts'], 'attempt')}\n"
        f"  reply: {visible(row['reply'])}"
    )
