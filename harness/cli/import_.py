"""`harness import`: what another tool or a data set brings, as a suite with cases, prompts and models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.check import checked
from harness.cli.ground import HarnessError, emit, emit_json, options
from harness.cli.starter import starter_files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.files.imported import Asked, Draft, Plan


def import_(
    source: Annotated[
        str,
        typer.Argument(metavar="FILE", help="Another tool's file, a table, or hf://datasets/OWNER/NAME@REVISION/FILE."),
    ],
    to: Annotated[Path, typer.Option("--to", metavar="DIR", file_okay=False, help="The project's folder.")] = Path(),
    name: Annotated[
        str, typer.Option("--name", help="Of the suite; of several evals, the one.", show_default="after the file")
    ] = "",
    expected: Annotated[
        str,
        typer.Option(
            "--expected", metavar="COLUMN", help="The label's column, or a file of labels.", show_default="guessed"
        ),
    ] = "",
    text: Annotated[
        list[str] | None,
        typer.Option("--text", metavar="COLUMN", help="The text's column; may be repeated.", show_default="guessed"),
    ] = None,
    names: Annotated[
        Path | None,
        typer.Option("--names", metavar="FILE", help="Names of label ids: a list, a card.", show_default="guessed"),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Write a suite, its cases, prompts and models from a file of another tool, or from a table.

    What could not be carried is listed; nothing of the file is run, and no file is overwritten. It ends with what
    `harness check` says of the suite. docs/importing.md says what is read of each tool.
    """
    from harness.files.imported import Asked

    bring(source, to, Asked(name=name, expected=expected, text=tuple(text or ()), names=names), as_json=as_json)


def bring(source: str, to: Path, asked: Asked | None = None, *, as_json: bool = False) -> Plan:
    """Write what a file of another tool, or a table, makes, and say what was read and what `check` finds."""
    from harness.files.bundle import load_bundle
    from harness.files.imported import Asked, plan, read_foreign, write

    draft = read_foreign(source, asked or Asked())
    made = plan(draft, to, starter_files()["harness.yml"])
    write(draft, made)
    if not as_json:
        emit("\n".join(_told(draft, made)))
        emit(checked(load_bundle(made.suite, trusted=False))[0])
        return made
    try:
        found, _ = checked(load_bundle(made.suite, trusted=False), as_json=True)
    except HarnessError:
        emit_json(_document(draft, made) | {"check": None})
        raise
    emit_json(_document(draft, made) | {"check": found})
    return made


def _document(draft: Draft, made: Plan) -> dict[str, object]:
    return {
        "source": draft.source,
        "kind": draft.kind,
        "cases": made.cases,
        "wrote": [str(path) for path in made.files],
        "added_to": None if made.project is None else str(made.project[0]),
        "notes": draft.told,
        "not_carried": [
            {"file": str(left.file), "line": left.line, "field": left.field, "message": left.message}
            for left in draft.left
        ],
    }


def _told(draft: Draft, made: Plan) -> Iterator[str]:
    from harness.report.parts import visible

    yield f"{visible(draft.source)}: {draft.kind}, {made.cases:,} cases"
    yield from (f"  {visible(each)}" for each in draft.told)
    if draft.left:
        yield "\nnot carried, or not as it was"
        yield from map(visible, _grouped(draft))
    yield ""
    yield from (f"wrote {path}" for path in made.files)
    if made.project is not None:
        yield f"added {', '.join(draft.models)} to {made.project[0]}"
    yield ""


def _grouped(draft: Draft) -> Iterator[str]:
    """Yield each reason once, with all the lines that it is true of."""
    groups: dict[tuple[Path, str, str], list[int]] = {}
    for left in draft.left:
        groups.setdefault((left.file, left.field, left.message), []).append(left.line or 0)
    for (file, field, message), lines in groups.items():
        yield f"  {file}{_lines(lines)}: {field and f'{field}: '}{message}"


def _lines(lines: list[int]) -> str:
    """Write lines as ranges: `:3-5, 8`."""
    ranges: list[list[int]] = []
    for line in sorted({*lines} - {0}):
        if ranges and line == ranges[-1][1] + 1:
            ranges[-1][1] = line
        else:
            ranges.append([line, line])
    return ":" + ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in ranges) if ranges else ""
