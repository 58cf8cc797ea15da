"""`harness demo` and `harness init`: from nothing to a first report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.options import ProcessesOption, QuietOption, RepeatsOption
from harness.errors import UsageError

DEMO_SUITE = Path("suites", "sms_spam.suite.yml")
DEMO_CASES = 75  # of 150: the whole first run, install and download included, stays under four minutes


def demo(
    repeats: RepeatsOption = None, processes: ProcessesOption = None, quiet: QuietOption = False
) -> None:
    """Run the SMS spam suite with three prompt versions on the embedded model."""
    from harness.cli.console import note
    from harness.cli.run import conclude, measure_bundle
    from harness.files.bundle import load_bundle

    suite = _demo_suite()
    note(f"demo: three prompt versions on a small language model, on this machine, on {DEMO_CASES} cases")
    note(f"(all cases, in a few minutes more: harness run {suite})")
    _fetch_weights(quiet=quiet)
    bundle = load_bundle(suite, repeats=repeats, limit=DEMO_CASES)
    folder = measure_bundle(bundle, processes=processes, quiet=quiet)
    conclude(folder, template=None, as_json=False)  # a demo that says NOT READY has done its work: exit 0


def _demo_suite() -> Path:
    """Find the demo's suite: here, beside the source, or unpacked from the package into ./harness-demo."""
    for root in (Path.cwd(), Path(__file__).resolve().parents[2]):
        if (root / DEMO_SUITE).exists():
            return root / DEMO_SUITE
    from harness.cli.starter import unpack_demo

    return unpack_demo(Path.cwd() / "harness-demo") / DEMO_SUITE


def _fetch_weights(*, quiet: bool) -> None:
    from harness.cli.progress_display import fetching
    from harness.measure.endpoint.embedded.weights import ensure_weights

    with fetching(quiet=quiet) as progress:
        ensure_weights("smollm2-135m-instruct", progress=progress)


def init(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", file_okay=False, help="Where to write; made when missing.")
    ] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that are already there.")] = False,
) -> None:
    """Write a small working project: harness.yml, a suite, two prompts and a GitHub workflow."""
    from harness.cli.console import emit
    from harness.cli.starter import starter_files, write_files

    files = starter_files()
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
    emit(f"\nnext: harness run {folder / 'suites' / 'urgency.suite.yml'}")
