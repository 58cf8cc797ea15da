"""`harness baseline`: name the run that new runs are held against, in a file that is committed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.ground import Commands, UsageError, emit, emit_json, note, options, project_here, run_asked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.files.baselines import StoredBaseline
    from harness.files.project import Project
    from harness.judge.assess import Assessment, Manifest

app = typer.Typer(
    cls=Commands,
    help="Set, show or clear the run that relative thresholds and `compare baseline` refer to.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("set", short_help="Make a run the baseline of its suite.")
def set_baseline(run: options.Run = "latest", as_json: options.Json = False) -> None:
    """Make a run the baseline of its suite: writes its id, digests and figures to baselines.yml."""
    from datetime import UTC, datetime

    from harness.files.baselines import read_baselines, write_baselines
    from harness.judge.assess import assess_run
    from harness.judge.checks import to_store

    root = project_here().root
    folder, manifest = run_asked(run)
    assessment = assess_run(folder)
    if not assessment.complete:
        message = f"run {manifest.run_id} is not finished, so its figures are not those of the suite."
        raise UsageError(message, fix=manifest.to_finish(shard_done=assessment.shard_done))
    _refuse_what_says_nothing(assessment, manifest)
    stored = to_store(assessment, manifest, now_utc=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
    path = write_baselines(root, {**read_baselines(root), manifest.suite_name: stored})
    if as_json:
        emit_json({manifest.suite_name: stored.model_dump(mode="json")})
    else:
        emit(_text(manifest.suite_name, stored))
        note(f"written: {path}; commit it, so that everybody is held against the same run")


def _refuse_what_says_nothing(assessment: Assessment, manifest: Manifest) -> None:
    """Refuse a gate's run, one that did not ask all cases, and one whose figures hang on what the endpoint failed."""
    from harness.judge.history.section import why_not_measured

    if "gate" in manifest.notes:
        fix = "Run the suite after the merge, and set that run."
        raise UsageError(f"run {manifest.run_id} belongs to a gate: it measured what a branch proposes.", fix=fix)
    for one in assessment.candidates:
        if one.settled is not None:
            raise UsageError(
                f"run {manifest.run_id} can't be a baseline for {one.name}: it was stopped once its verdict was "
                f"settled, after {one.settled.asked:,} of {one.settled.of:,} cases.",
                fix="Run the suite without --stop, and set that run.",
            )
        told, fix = why_not_measured((one.lost or 0) / max(one.trials, 1)), manifest.again("these")
        if one.trials and one.not_run:
            told, fix = "it was not asked every case", manifest.to_finish(shard_done=assessment.shard_done)
        if told:
            raise UsageError(f"run {manifest.run_id} can't be a baseline for {one.name}: {told}.", fix=fix)


@app.command("show")
def show_baselines(as_json: options.Json = False) -> None:
    """Show the baseline of each suite, with its main figures."""
    from harness.files.baselines import read_baselines

    found = read_baselines(project_here().root)
    if as_json:
        emit_json({suite: stored.model_dump(mode="json") for suite, stored in found.items()})
    elif found:
        emit("\n\n".join(_text(suite, found[suite]) for suite in sorted(found)))
    else:
        note("no baseline is set: `harness baseline set RUN` sets one")


@app.command("clear", short_help="Remove the baseline of a suite; runs are not touched.")
def clear_baseline(
    suite: Annotated[
        str | None,
        typer.Argument(
            metavar="SUITE", help="The suite's name; may be left out if one is set.", autocompletion=options.suite_names
        ),
    ] = None,
) -> None:
    """Remove the baseline of a suite from baselines.yml; runs are not touched."""
    from harness.files.baselines import read_baselines, write_baselines

    root = project_here().root
    found = read_baselines(root)
    name = _which(found, suite)
    write_baselines(root, {other: stored for other, stored in found.items() if other != name})
    note(f"cleared: {name} has no baseline now")


def _which(found: Mapping[str, StoredBaseline], suite: str | None) -> str:
    if not found:
        raise UsageError("no baseline is set.", fix="Set one with `harness baseline set RUN`.")
    if suite is None and len(found) == 1:
        return next(iter(found))
    if suite is None or suite not in found:
        said = "it is not said which baseline is meant" if suite is None else f"{suite!r} has no baseline"
        raise UsageError(f"{said}.", fix=f"There are: {', '.join(sorted(found))}.")
    return suite


def baseline_run(project: Project, suite: str) -> str:
    """Give the run that is the baseline of a suite; UsageError where none is set."""
    from harness.files.baselines import read_baselines

    found = read_baselines(project.root)
    return found[_which(found, suite)].run


def _text(suite: str, stored: StoredBaseline) -> str:
    from harness.files.thresholds import ACCURACY, BALANCED_ACCURACY, COST_PER_1000, P95, STABILITY
    from harness.judge import amount, scale_of
    from harness.report.parts import one_line

    shown = {one.written for one in (ACCURACY, BALANCED_ACCURACY, P95, STABILITY, COST_PER_1000)}
    lines = [f"{suite}: {stored.run}", f"  set {stored.set_utc}, commit {stored.git_commit or 'none'}"]
    for name, candidate in stored.candidates.items():
        lines.append(f"  {name}")
        for one, figure in candidate.figures.items():
            if " where " not in one and (one in shown or one.startswith(("recall[", "precision["))):
                scale = scale_of(one.partition("[")[0])
                lines.append(f"    {one:<24} {amount(figure.value, scale, candidate.currency or '')}")
    return "\n".join(one_line(line) for line in lines)
