"""`harness show`: look into a run: its summary, the trials of a case, what went wrong."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.ground import UsageError, candidate_asked, emit, emit_json, options
from harness.cli.judged import as_judged, only

if TYPE_CHECKING:
    from harness.report.export import Row
    from harness.rundir import CandidateEntry, Manifest


def show(
    run: options.RunOrCandidate = "latest",
    case: Annotated[str | None, typer.Option("--case", help="Every trial of this case.")] = None,
    wrong: Annotated[bool, typer.Option("--wrong", help="Only trials that were not read as expected.")] = False,
    full: Annotated[
        bool, typer.Option("--full", help="The whole report: every label, slice and case to look at.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Show a run's summary, or the trials of a case with their replies and times."""
    folder, manifest, candidate = candidate_asked(run)
    if case is None and not wrong:
        from harness.report.run import terminal_report

        assessment = only(as_judged(folder, manifest), candidate)
        if as_json:
            emit_json(assessment)
        else:
            page = folder / "report.html"
            emit(terminal_report(assessment, manifest, full=full, page=str(page) if page.is_file() else ""))
        return
    rows = [row for row in _trial_rows(folder, manifest, case=case, wrong=wrong) if candidate in {"", row["candidate"]}]
    if case is not None and not rows:
        fix = _near_cases(folder, case) or "`harness show RUN --wrong` shows the cases that went wrong."
        raise UsageError(f"run {manifest.run_id} has no {'wrong trial of ' if wrong else ''}case {case!r}", fix=fix)
    if as_json:
        emit_json(rows)
    else:
        emit("\n\n".join(_trial_text(row) for row in rows) if rows else "no wrong trials")


def _case_ids(folder: Path) -> list[str]:
    from harness.record import CaseRow
    from harness.rundir import events_of

    return [event.id for event in events_of(folder) if isinstance(event, CaseRow)]


def _near_cases(folder: Path, case: str) -> str:
    """Name the cases of a run that a misspelt id may have meant."""
    import difflib

    ids = _case_ids(folder)
    near = difflib.get_close_matches(case, ids, n=3) if case not in ids else []
    return f"Did you mean {' or '.join(near)}?" if near else ""


def _trial_rows(folder: Path, manifest: Manifest, *, case: str | None, wrong: bool) -> list[Row]:
    """Give the trials by candidate, in the order of the cases; of a trial measured again, the last."""
    from harness.report.export import trial_rows

    found: dict[tuple[str, str, str, int], Row] = {}
    for row in trial_rows(folder, manifest):
        if case in (None, row["case"]):
            found[row["candidate"], row["case"], row["variant"], row["repeat"]] = row
    order = {name: number for number, name in enumerate(_case_ids(folder))}
    places = sorted(found, key=lambda place: (place[0], order[place[1]], place[2:]))
    entries = {entry.name: entry for entry in manifest.candidates}
    return [
        {**_trial_row(found[place]), **_cause(found[place], entries[place[0]], manifest.run_id)}
        for place in places
        if not (wrong and found[place]["right"])
    ]


def _cause(row: Row, entry: CandidateEntry, run: str) -> Row:
    """Say why a trial has no label, and what to do about it; of a failure the endpoint's words say why."""
    from harness.files.mending import what_to_change
    from harness.judge.sections.trouble import mend_of, why_no_label
    from harness.record import Failure

    if row["outcome"] == "label":
        return {"why": None, "next": None}
    if "failure" in row:
        failure = Failure(kind=row["failure"], message=row["failure_message"], status=row["status"])
        mend = what_to_change(failure, entry.places, entry.model.get("api_key_env"), run=run)
        return {"why": None, "next": mend.advice}
    mend = mend_of(row["outcome"], entry.places)
    why = why_no_label(row["outcome"], row["why"] or "", row["tokens_out"] or 0, row["tokens_reasoning"] or 0)
    return {"why": why or None, "next": mend.advice}


def _trial_row(row: Row) -> Row:
    failed = f"{row['failure']}: {row['failure_message']}" if "failure" in row else ""
    same = ("candidate", "case", "expected", "variant", "repeat", "latency_s", "recorded", "attempts", "inputs")
    return {
        **{name: row[name] for name in same},
        "read_as": row["label"] or row["outcome"],
        "why": row["why"],
        "reply": failed or row["reply"],
        "cost": row.get("cost"),
    }


def _trial_text(row: Row) -> str:
    from harness.report.parts import count, one_line, visible

    mark = "" if row["expected"] is None else " (ok" if row["read_as"] == row["expected"] else " (WRONG"
    wanted = "no right label is known" if row["expected"] is None else f"expected {row['expected']}"
    untimed = "no latency recorded" if row["recorded"] else "never sent"
    seconds = untimed if row["latency_s"] is None else f"{row['latency_s'] * 1000:.0f} ms"
    why = f": {row['why']}" if row["why"] else ""
    inputs = "\n".join(f"  {name}: {visible(text)}" for name, text in row["inputs"].items())
    return (
        f"{row['case']}  {row['candidate']}  {row['variant']}  repeat {row['repeat']}\n{inputs}\n"
        f"  {wanted}, read as {row['read_as']}{mark}{visible(why)}{')' if mark else ''}; {seconds}, "
        f"{count(row['attempts'], 'attempt')}\n"
        f"  reply: {visible(row['reply'])}"
        + (f"\n  no label: {one_line(row['why'])}" if row["why"] else "")
        + (f"\n  next: {one_line(row['next'])}" if row["next"] else "")
    )
