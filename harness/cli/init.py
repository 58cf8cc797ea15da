"""`harness demo` and `harness init`: from nothing to a first report."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.ground import UsageError, emit, how_to_install, note, options
from harness.cli.judged import conclude, measure_bundle
from harness.cli.starter import SOURCE, starter_files, unpack_demo, write_files

if TYPE_CHECKING:
    from harness.files.project import ModelEntry

STARTER_SUITE, AROUND = "suites/urgency.suite.yml", (".gitignore", ".github/workflows/prompts.yml")
DEMO_SUITE = Path("suites", "sms_spam.suite.yml")
RECORDED, RECORDED_REPEATS = Path("suites", "sms_spam.replies.jsonl"), 2
DEMO_CASES = 75  # of 150: the whole first run, install and download included, stays under four minutes


def demo(repeats: options.Repeats = None, processes: options.Processes = None, quiet: options.Quiet = False) -> None:
    """Run the SMS spam suite with three prompt versions on the embedded model."""
    from harness.files.bundle import load_bundle

    suite = _demo_suite()
    note(f"demo: three prompt versions on a small language model, on this machine, on {DEMO_CASES} cases")
    entries = _recorded(suite)
    if entries is None:
        note(f"(all cases, in a few minutes more: harness run {suite})")
        _fetch_weights(quiet=quiet)
    else:
        note("the model's server is not installed: what it answered on 2026-11-30 is judged instead, with its times")
        note(f"({how_to_install('local')} Then it is asked on this machine.)")
        repeats = min(repeats or RECORDED_REPEATS, RECORDED_REPEATS)
    bundle = load_bundle(suite, repeats=repeats, first=DEMO_CASES, entries=entries)
    folder = measure_bundle(bundle, processes=processes, quiet=quiet)
    conclude(folder)  # a demo that says NOT READY has done its work: exit 0


def _recorded(suite: Path) -> dict[str, ModelEntry] | None:
    """Give recorded replies in place of the embedded model where its server is not installed."""
    from importlib.util import find_spec

    from harness.files.project import ModelEntry

    if find_spec("xllamacpp") is not None or not (suite.parents[1] / RECORDED).is_file():
        return None
    return {"smollm2": ModelEntry(endpoint="replay", replies=RECORDED)}


def _demo_suite() -> Path:
    """Find the demo's suite: here, beside the source, or unpacked from the package into ./harness-demo."""
    for root in (Path.cwd(), Path(__file__).resolve().parents[2]):
        if (root / DEMO_SUITE).exists():
            return root / DEMO_SUITE
    return unpack_demo(Path.cwd() / "harness-demo") / DEMO_SUITE


def _fetch_weights(*, quiet: bool) -> None:
    from harness.cli.progress import fetching
    from harness.measure.endpoint.embedded import ensure_weights

    with fetching(quiet=quiet) as progress:
        ensure_weights("smollm2-135m-instruct", progress=progress)


def init(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", file_okay=False, help="Where to write; made when missing.")
    ] = Path(),
    cases: Annotated[
        str | None, typer.Option("--cases", metavar="FILE", help="Around your own labelled table.", show_default=False)
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
        raise UsageError(
            f"{folder / present[0]} is already there", fix="Choose another folder, or overwrite with --force."
        )
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
    from harness.cli.import_ import bring

    suite = bring(cases, folder).suite
    emit("")
    own = {name: starter[name].replace(STARTER_SUITE, f"suites/{suite.name}") for name in AROUND}
    return {name: text for name, text in own.items() if not (folder / name).exists()}
