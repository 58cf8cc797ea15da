"""`harness history`: how a suite's candidates did over time, from the runs in the results folder."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.ground import UsageError, emit, emit_json, options, project_here

if TYPE_CHECKING:
    from harness.rundir import Manifest


def history(
    suite: Annotated[str, typer.Argument(metavar="SUITE", help="A *.suite.yml file, or the name of a suite.")],
    prompt: options.Prompt = None,
    model: options.Model = None,
    run: Annotated[
        str | None, typer.Option("--run", metavar="RUN", help="Hold this run against those before it, not the latest.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Show accuracy over all runs of a suite: trend, releases, drops, and what can't be compared."""
    from harness.judge.history.found import histories, past_runs
    from harness.report.history import history_terminal
    from harness.rundir import find_run, read_manifest, runs_of_suite

    results = project_here().results
    name = _suite_name(suite)
    names = {Path(one).name.removesuffix(".prompt.yml") for one in prompt or ()}
    runs = [one for one in past_runs(runs_of_suite(results, name)) if not names or one.prompt in names]
    runs = [one for one in runs if not model or one.model in model]
    if not runs:
        raise _no_run(results, name, filtered=bool(prompt or model))
    folder = find_run(results, run if run is not None else runs[-1].run_id)
    manifest = read_manifest(folder)
    margin, confidence = _policy(manifest)
    seen_from = None if run is None else manifest.run_id
    found = histories(runs, margin=margin, confidence=confidence, seen_from=seen_from)
    if as_json:
        emit_json({"suite": name, "margin": margin, "candidates": found})
    elif not found:
        why = f"{manifest.run_id} is not a run of {name!r}, or the same answers were judged again since"
        raise UsageError(why, fix="Name one of `harness list`.")
    else:
        emit(history_terminal(found))


def _suite_name(written: str) -> str:
    """Give the name of a suite from its file; whatever is no file is a name already."""
    from harness.files.suite.reading import read_suite
    from harness.files.written import Findings

    path = Path(written)
    if not path.is_file():
        if path.suffix in {".yml", ".yaml"}:
            raise UsageError(f"there is no file {written}", fix="Name a suite file, or the name of a suite.")
        return written
    findings = Findings()
    checked = read_suite(path, findings)
    if checked is None or not checked.whole("name"):
        findings.raise_if_any()
        raise UsageError(f"{written} has no name", fix="Give it one: `name: ...`.")
    return checked.model.name


def _no_run(results: Path, name: str, *, filtered: bool) -> UsageError:
    from harness.files.written import did_you_mean
    from harness.rundir import list_runs, read_manifest

    if filtered:
        return UsageError(f"no run of {name!r} has that prompt and model", fix="Ask for fewer conditions.")
    known = sorted({read_manifest(folder).suite_name for folder in list_runs(results)})
    fix = did_you_mean(name, known) or "Start one with `harness run SUITE`."
    return UsageError(f"there is no run of a suite {name!r} in {results}", fix=fix)


def _policy(manifest: "Manifest") -> tuple[float, float]:
    """Give the drop that the suite allows, and its confidence, as the run had them."""
    from harness.files.suite import Suite
    from harness.files.thresholds import ThresholdError, parse_threshold
    from harness.judge.history.series import allowed_drop

    suite, known = Suite.model_validate(manifest.suite), []
    for text in suite.thresholds:
        try:
            known.append(parse_threshold(text, labels=suite.labels, perturbations=suite.perturbations))
        except ThresholdError:
            continue
    return allowed_drop(known), suite.confidence
