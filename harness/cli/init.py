"""`harness demo`, `init` and `import`: from nothing, or from what another tool or a data set brings, to a report."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.check import checked
from harness.cli.ground import HarnessError, UsageError, emit, emit_json, note, options
from harness.cli.judged import conclude
from harness.cli.measured import measure_bundle
from harness.cli.starter import SOURCE, starter_files, unpack_demo, write_files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.files.imported import Draft, Hints, ToWrite
    from harness.files.project import ModelEntry

STARTER_SUITE, AROUND = "suites/urgency.suite.yml", (".gitignore", ".github/workflows/prompts.yml")
DEMO_SUITE = Path("suites", "sms_spam.suite.yml")
RECORDED, RECORDED_REPEATS = Path("suites", "sms_spam.replies.jsonl"), 2
DEMO_CASES = 75  # of 150: the whole first run, install and download included, stays under four minutes


def demo(repeats: options.Repeats = None, processes: options.Processes = None, quiet: options.Quiet = False) -> None:
    """Run the SMS spam suite with three prompt versions on the embedded model."""
    from harness.files.bundle import load_bundle
    from harness.measure.endpoint.embedded import what_lacks

    suite = _demo_suite()
    note(f"demo: three prompt versions on a small language model, on this machine, on {DEMO_CASES} cases")
    entries = _recorded(suite) if (lacking := what_lacks()) else None
    if entries is None or lacking is None:
        note(f"(all cases, in a few minutes more: {shlex.join(['harness', 'run', str(suite)])})")
    else:
        note(f"the model's server {lacking[0]}: what it answered on 2026-11-30 is judged instead, with its times")
        note(f"({lacking[1]} Then it is asked on this machine.)")
        repeats = min(repeats or RECORDED_REPEATS, RECORDED_REPEATS)
    bundle = load_bundle(suite, repeats=repeats, first=DEMO_CASES, entries=entries)
    folder = measure_bundle(bundle, processes=processes, quiet=quiet)
    conclude(folder)  # a demo that says NOT READY has done its work: exit 0


def _recorded(suite: Path) -> dict[str, ModelEntry] | None:
    """Give recorded replies in place of the embedded model, where they are there."""
    from harness.files.project import ModelEntry

    if not (suite.parents[1] / RECORDED).is_file():
        return None
    return {"smollm2": ModelEntry(endpoint="replay", replies=RECORDED)}


def _demo_suite() -> Path:
    """Find the demo's suite: here, beside the source, or unpacked from the package into ./harness-demo."""
    for root in (Path.cwd(), Path(__file__).resolve().parents[2]):
        if (root / DEMO_SUITE).exists():
            return root / DEMO_SUITE
    return unpack_demo(Path.cwd() / "harness-demo") / DEMO_SUITE


def init(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", file_okay=False, help="Where to write; made when missing.")
    ] = Path(),
    cases: Annotated[
        str | None, typer.Option("--cases", metavar="FILE", help="Around your own labelled table.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that are already there.")] = False,
) -> None:
    """Write a small working project: harness.yml, a suite, two prompts and a GitHub workflow.

    With --cases the suite and a first prompt are made from your table: which columns were taken is shown, and
    `harness import` takes others. What is there already is kept, then.
    """
    files = starter_files()
    if cases is not None:
        files = _around(cases, folder, files)
    present = [name for name in files if (folder / name).exists()]
    if present and not force:
        fix = "Choose another folder, or overwrite with --force."
        raise UsageError(f"{folder / present[0]} is already there", fix=fix)
    try:
        write_files(folder, files)
    except OSError as error:
        said = f"could not write {error.filename or folder}: {error.strerror}"
        raise UsageError(said, fix="Choose another folder.") from error
    emit("\n".join(f"wrote {folder / name}" for name in files))
    if unnamed := [name for name, text in files.items() if SOURCE in text]:
        note(f"{folder / unnamed[0]} installs the harness from {SOURCE}: put your copy of its repository there")
    if cases is None:
        emit(f"\nnext: {shlex.join(['harness', 'run', str(folder / 'suites' / 'urgency.suite.yml')])}")


def _around(cases: str, folder: Path, starter: dict[str, str]) -> dict[str, str]:
    """Import a table as `harness import` does; gives what of the starter project goes with it."""
    suite = bring(cases, folder).suite
    emit("")
    own = {name: starter[name].replace(STARTER_SUITE, f"suites/{suite.name}") for name in AROUND}
    return {name: text for name, text in own.items() if not (folder / name).exists()}


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
    from harness.files.imported import Hints

    bring(source, to, Hints(name=name, expected=expected, text=tuple(text or ()), names=names), as_json=as_json)


def bring(source: str, to: Path, asked: Hints | None = None, *, as_json: bool = False) -> ToWrite:
    """Write what a file of another tool, or a table, makes, and say what was read and what `check` finds."""
    from harness.files.bundle import load_bundle
    from harness.files.imported import Hints, plan, read_foreign, write

    draft = read_foreign(source, asked or Hints())
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


def _document(draft: Draft, made: ToWrite) -> dict[str, object]:
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


def _told(draft: Draft, made: ToWrite) -> Iterator[str]:
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
