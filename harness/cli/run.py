"""`harness run` and `harness resume`: measure, judge, write the reports, say the verdict."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.options import (
    CasesOption,
    DebugOption,
    JsonOption,
    LimitOption,
    ModelOption,
    ProcessesOption,
    PromptOption,
    QuietOption,
    RepeatsOption,
    RunArgument,
    SuiteArgument,
    TemplateOption,
    VerboseOption,
)
from harness.errors import FilesError, Problem, StorageFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.files.bundle import Bundle
    from harness.files.thresholds import Threshold
    from harness.judge.documents.assessment import Assessment


def run(
    suite: SuiteArgument,
    prompt: PromptOption = None,
    model: ModelOption = None,
    repeats: RepeatsOption = None,
    cases: CasesOption = None,
    limit: LimitOption = None,
    processes: ProcessesOption = None,
    template: TemplateOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    debug: DebugOption = False,
    as_json: JsonOption = False,
) -> None:
    """Measure a suite's prompts on its models and say whether they are ready."""
    from harness.files.bundle import load_bundle

    check_template(template)
    bundle = load_bundle(
        suite, prompts=prompt or (), models=model or (), repeats=repeats, cases=cases, limit=limit
    )
    folder = measure_bundle(bundle, processes=processes, quiet=quiet, verbose=verbose, debug=debug)
    raise typer.Exit(conclude(folder, template=template, as_json=as_json))


def resume(
    run: RunArgument = "latest",
    changed: Annotated[
        bool, typer.Option("--changed", help="Measure again exactly the trials whose files changed.")
    ] = False,
    template: TemplateOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    debug: DebugOption = False,
    as_json: JsonOption = False,
) -> None:
    """Finish a run that was interrupted; finished trials are not sent again."""
    from harness.cli.progress import watching
    from harness.files.bundle import load_project
    from harness.measure.resume import resume as resume_run
    from harness.rundir import JOURNAL, find_run, read_manifest

    check_template(template)
    folder = find_run(load_project(Path.cwd()).results, run)
    expected, before = _so_far(folder / JOURNAL)
    manifest = read_manifest(folder)
    with watching(manifest, expected, before, quiet=quiet, verbose=verbose) as observer:
        resume_run(folder, changed=changed, observer=observer, debug=debug)
    raise typer.Exit(conclude(folder, template=template, as_json=as_json))


def _so_far(journal: Path) -> tuple[dict[str, str], dict[str, int]]:
    """Give the expected label of each case, and how many trials of each candidate are finished."""
    from harness.journal import read_events
    from harness.record import CaseRow, Record

    expected: dict[str, str] = {}
    before: dict[str, set[str]] = {}
    for event in read_events(journal):
        match event:
            case CaseRow():
                expected[event.id] = event.expected
            case Record() if not event.warmup:
                before.setdefault(event.candidate, set()).add(event.key)
            case _:
                pass
    return expected, {name: len(keys) for name, keys in before.items()}


def check_template(folder: Path | None) -> None:
    """Compile a user's report template, so that a slip in it is told before a run is paid for."""
    if folder is None or not (folder / "report.html.j2").is_file():
        return
    from jinja2 import Environment, TemplateSyntaxError

    path = folder / "report.html.j2"
    try:
        Environment(autoescape=True).parse(path.read_text(encoding="utf-8"))
    except TemplateSyntaxError as error:
        raise FilesError([Problem(path, error.lineno, "", error.message or "syntax error")]) from error


def measure_bundle(
    bundle: Bundle, *, processes: int | None, quiet: bool, verbose: bool = False, debug: bool = False
) -> Path:
    """Measure with live progress on stderr; gives the run's folder."""
    from harness.cli.progress import watching_bundle
    from harness.measure.run import measure

    with watching_bundle(bundle, quiet=quiet, verbose=verbose) as observer:
        return measure(
            bundle,
            bundle.project.results,
            observer=observer,
            processes=processes,
            command=command_line(),
            debug=debug,
        )


def command_line() -> tuple[str, ...]:
    """Give the command as a user would type it again."""
    return ("harness", *sys.argv[1:])


def conclude(
    folder: Path, *, template: Path | None, as_json: bool, thresholds: Sequence[Threshold] | None = None
) -> int:
    """Judge a measured run, write its reports, print the summary; gives the exit code."""
    from harness.cli.baseline import baseline_for
    from harness.cli.console import emit, emit_json, note
    from harness.judge.assess import assess_run
    from harness.report.run.terminal import terminal_report
    from harness.report.write import write_reports
    from harness.rundir import read_manifest

    manifest = read_manifest(folder)
    assessment = assess_run(folder, thresholds=thresholds, baseline=baseline_for(folder))
    unwritten: StorageFailed | None = None
    try:
        html = write_reports(folder, assessment, manifest, template_dir=template)["html"]
    except StorageFailed as error:
        unwritten = error  # the verdict was paid for: it is said before what could not be kept
    if as_json:
        emit_json(assessment)
    else:
        emit(terminal_report(assessment, manifest))
    if unwritten is not None:
        raise unwritten
    if not as_json:
        note(f"report: {html}")
    return int(exit_for(assessment))


def exit_for(assessment: Assessment) -> int:
    """Give the exit code of a judged run: that of its best candidate."""
    from harness.errors import Exit

    if not assessment.complete:
        return Exit.INCOMPLETE
    codes = {"READY": Exit.READY, "NOT READY": Exit.NOT_READY, "INCONCLUSIVE": Exit.INCONCLUSIVE}
    return codes[assessment.verdict]
