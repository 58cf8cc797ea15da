"""`harness run`, `resume`, `merge`: measure, or join what was measured; judge, write the reports, say the verdict."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from harness.cli import ground, judged, measured
from harness.cli.notify import webhook_asked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.files.bundle import Bundle
    from harness.measure.adding import Added
    from harness.measure.sharding import Shard

_Changed: TypeAlias = Annotated[
    bool, typer.Option("--changed", help="Measure again exactly the trials whose files changed.")
]
_Failed: TypeAlias = Annotated[
    bool, typer.Option("--failed", help="Send again what the endpoint failed; its latest reply counts.")
]
_Results: TypeAlias = Annotated[
    list[Path] | None,
    typer.Option(
        "--results",
        metavar="FILE",
        exists=True,
        dir_okay=False,
        help="Answers to the lines that a run wrote; may be repeated.",
    ),
]


def run(
    suite: ground.options.Suite,
    prompt: ground.options.Prompt = None,
    model: ground.options.Model = None,
    repeats: ground.options.Repeats = None,
    thresholds: ground.options.Thresholds = None,
    cases: ground.options.Cases = None,
    limit: ground.options.Limit = None,
    first: ground.options.First = None,
    stop: ground.options.Stop = False,
    via: ground.options.Via = None,
    add: ground.options.Add = None,
    retry: ground.options.Retry = "batch",
    max_cost: ground.options.MaxCost = None,
    max_trials: ground.options.MaxTrials = None,
    shard: ground.options.Shard = None,
    processes: ground.options.Processes = None,
    engine: ground.options.Engine = None,
    template: ground.options.Template = None,
    notify: ground.options.Notify = None,
    quiet: ground.options.Quiet = False,
    verbose: ground.options.Verbose = False,
    debug: ground.options.Debug = False,
    as_json: ground.options.Json = False,
) -> None:
    """Measure a suite's prompts on its models and say whether they are ready."""
    judged.check_template(template)
    chosen: dict[str, Any] = {"prompts": prompt or (), "models": model or (), "thresholds": thresholds or ()}
    chosen |= {"cases": cases, "limit": limit, "first": first}
    added = None if add is None else _added(suite, *add, {**chosen, "stop": stop, "via": via, "shard": shard}, repeats)
    bundle = (_read(suite, repeats, chosen) if added is None else added.bundle).asked(stop=stop, via=via, engine=engine)
    share = None if shard is None else _shard_of(shard)
    webhook = webhook_asked(notify, bundle.project)
    for told in () if quiet else (*bundle.left_out, *ground.retiring_models(bundle), *bundle.untimed):
        ground.note(told)
    with judged.reported_if_ended_early(template=template, as_json=as_json, notify=webhook):
        folder = measured.measure_bundle(
            bundle,
            processes=processes,
            quiet=quiet,
            verbose=verbose,
            debug=debug,
            most=ground.bounds_asked(max_cost, max_trials),
            shard=share,
            amend=None if added is None else added.noted,
            reused=() if added is None else added.reused,
            retry=retry,
        )
    _tell(folder, share, template=template, as_json=as_json, notify=webhook)


def _read(suite: Path, repeats: int | None, chosen: "Mapping[str, Any]") -> "Bundle":
    from harness.files.bundle import load_bundle

    return load_bundle(suite, repeats=repeats, **chosen)


def _added(suite: Path, more: int, named: str, others: "Mapping[str, object]", repeats: int | None) -> "Added":
    """Plan the second stage of a run; what it asks for is what the first one did."""
    from harness.measure.adding import added_to, refuse_second_look
    from harness.measure.resume import reread
    from harness.measure.session import something_left

    folder, manifest = ground.run_asked(named)
    names = {"prompts": "prompt", "models": "model"}
    given = [f"--{names.get(name, name)}" for name, value in others.items() if value]
    if given or repeats not in {None, manifest.repeats}:
        raise ground.UsageError(
            f"--add goes on with {folder.name} as it was measured: {(given or ['--repeats'])[0]} can't change that.",
            fix="Leave it out, or start a new run.",
        )
    if more < 1:
        raise ground.UsageError(f"--add {more}: must be 1 or more.")
    refuse_second_look(folder, manifest)
    if something_left(folder):
        by_file = any(entry.model.get("via") == "file" for entry in manifest.candidates)
        how = "--results FILE" if by_file else "--failed"
        raise ground.UsageError(
            f"{folder.name} is not finished.", fix=f"Run `harness resume {folder.name} {how}` first."
        )
    found = judged.as_judged(folder, manifest)
    if found.verdict != "INCONCLUSIVE" or any(one.settled for one in found.candidates):
        was = "was stopped once its verdict was settled" if found.verdict == "INCONCLUSIVE" else f"is {found.verdict}"
        raise ground.UsageError(f"{folder.name} {was}: there is nothing left to settle.", fix="Start a new run.")
    bundle, asked = reread(folder, manifest, Path.cwd())
    if bundle.suite.path is None or bundle.suite.path.resolve() != suite.resolve():
        raise ground.UsageError(f"{folder.name} is no run of {suite}.", fix="Name the suite that it was made of.")
    added = added_to(folder, manifest, more, bundle, asked)
    if (there := len(added.bundle.cases) - len(asked)) < more:
        ground.note(f"--add {more:,}: the suite has {there:,} further cases, and these are asked")
    return added


def _shard_of(written: str) -> "Shard":
    from harness.measure.sharding import shard_asked

    return shard_asked(written, os.environ)


def _tell(
    folder: Path, shard: "Shard | None", *, template: Path | None, as_json: bool, notify: "judged.Webhook | None"
) -> None:
    """Judge what was measured, and leave with the code of its verdict; of a shard say only where it is."""
    if shard is None:
        raise typer.Exit(judged.conclude(folder, template=template, as_json=as_json, notify=notify))
    if as_json:
        ground.emit_json({"run_id": folder.name, "folder": str(folder), "shard": str(shard)})
    else:
        ground.emit(
            f"shard {shard} is measured: {folder}\nJoin all {shard.of} with `harness merge RUN...` for the verdict."
        )


def resume(
    run: ground.options.Run = "latest",
    changed: _Changed = False,
    project: ground.options.TrustedProject = None,
    failed: _Failed = False,
    engine: ground.options.Engine = None,
    results: _Results = None,
    retry: ground.options.Retry = "batch",
    max_cost: ground.options.MaxCost = None,
    max_trials: ground.options.MaxTrials = None,
    template: ground.options.Template = None,
    notify: ground.options.Notify = None,
    quiet: ground.options.Quiet = False,
    verbose: ground.options.Verbose = False,
    debug: ground.options.Debug = False,
    as_json: ground.options.Json = False,
) -> None:
    """Finish a run that was interrupted; finished trials are not sent again.

    Only the harness.yml here, or that of --project, says where calls and keys go: a run of another project
    is refused with the difference.
    """
    from harness.cli.progress import watching
    from harness.measure.resume import resume as resume_run
    from harness.measure.sharding import shard_of

    judged.check_template(template)
    folder, manifest = ground.run_asked(run, project)
    trusted, most = project or Path.cwd(), ground.bounds_asked(max_cost, max_trials)
    webhook = webhook_asked(notify, ground.project_here(project))
    with (
        judged.reported_if_ended_early(template=template, as_json=as_json, notify=webhook),
        watching(folder, manifest, quiet=quiet, verbose=verbose) as observer,
    ):
        resume_run(
            folder,
            changed=changed,
            failed=failed,
            engine=engine,
            trusted=trusted,
            observer=observer,
            stopping=measured.stopper_of,
            debug=debug,
            most=most,
            results=tuple(results or ()),
            retry=retry,
        )
    _tell(folder, shard_of(manifest.notes), template=template, as_json=as_json, notify=webhook)


def merge(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN...", help="The shards: run ids, folders, s3:// addresses.", autocompletion=ground.options.runs
        ),
    ],
    template: ground.options.Template = None,
    as_json: ground.options.Json = False,
    notify: ground.options.Notify = None,
) -> None:
    """Join the shards of a run to one, and say whether its prompts are ready.

    Shards of other files, models, seeds or harnesses are refused with the difference, and so is one that is
    there twice. What missing shards owe counts as not run.
    """
    from harness.measure.merging import merge as join

    judged.check_template(template)
    project = ground.project_here()
    webhook = webhook_asked(notify, project)
    folders = [ground.run_asked(run)[0] for run in runs]
    done = join(
        folders,
        project.results,
        project.root,
        lambda manifest, cases: measured.stopper_of_shards(manifest, cases, project.results),
    )
    for name in done.unfinished:
        ground.note(f"{name} was not finished: `harness resume {done.folder.name}` sends what is left")
    for candidate in done.unsettled:
        why = f"{candidate}: a shard stopped for what these together don't settle"
        ground.note(f"{why}; `harness resume {done.folder.name}` sends what is left")
    for command in done.missing:
        ground.note(f"a shard is missing; this measures it: {command}")
    raise typer.Exit(judged.conclude(done.folder, template=template, as_json=as_json, notify=webhook))
