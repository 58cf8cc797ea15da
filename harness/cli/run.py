"""`harness run` and `harness resume`: measure, judge, write the reports, say the verdict."""

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import judged
from harness.cli.ground import bounds_asked, note, options, retiring_models, run_asked


def run(
    suite: options.Suite,
    prompt: options.Prompt = None,
    model: options.Model = None,
    repeats: options.Repeats = None,
    cases: options.Cases = None,
    limit: options.Limit = None,
    first: options.First = None,
    stop: options.Stop = False,
    max_cost: options.MaxCost = None,
    max_trials: options.MaxTrials = None,
    processes: options.Processes = None,
    template: options.Template = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
    as_json: options.Json = False,
) -> None:
    """Measure a suite's prompts on its models and say whether they are ready."""
    from harness.files.bundle import load_bundle

    judged.check_template(template)
    bundle = load_bundle(
        suite, prompts=prompt or (), models=model or (), repeats=repeats, cases=cases, limit=limit, first=first
    )
    if stop and bundle.suite.stop is None:
        bundle = bundle.stopping({})
    if not quiet:
        for told in (*bundle.left_out, *retiring_models(bundle)):
            note(told)
    with judged.reported_if_ended_early(template=template, as_json=as_json):
        most = bounds_asked(max_cost, max_trials)
        folder = judged.measure_bundle(
            bundle, processes=processes, quiet=quiet, verbose=verbose, debug=debug, most=most
        )
    raise typer.Exit(judged.conclude(folder, template=template, as_json=as_json))


def resume(
    run: options.Run = "latest",
    changed: Annotated[
        bool, typer.Option("--changed", help="Measure again exactly the trials whose files changed.")
    ] = False,
    project: options.TrustedProject = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="Send again what the endpoint failed; its latest reply counts.")
    ] = False,
    max_cost: options.MaxCost = None,
    max_trials: options.MaxTrials = None,
    template: options.Template = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
    as_json: options.Json = False,
) -> None:
    """Finish a run that was interrupted; finished trials are not sent again.

    Only the harness.yml here, or that of --project, says where calls and keys go: a run of another project
    is refused with the difference.
    """
    from harness.cli.progress import watching
    from harness.measure.resume import resume as resume_run

    judged.check_template(template)
    folder, manifest = run_asked(run, project)
    trusted, most = project or Path.cwd(), bounds_asked(max_cost, max_trials)
    with (
        judged.reported_if_ended_early(template=template, as_json=as_json),
        watching(folder, manifest, quiet=quiet, verbose=verbose) as observer,
    ):
        resume_run(
            folder,
            changed=changed,
            failed=failed,
            trusted=trusted,
            observer=observer,
            stopping=judged.stopper_of,
            debug=debug,
            most=most,
        )
    raise typer.Exit(judged.conclude(folder, template=template, as_json=as_json))
