"""`harness merge` joins the shards of a run and judges the whole."""

from typing import Annotated

import typer

from harness.cli import judged
from harness.cli.ground import note, options, project_here, run_asked


def merge(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN...", help="The shards: run ids, folders, s3:// addresses.", autocompletion=options.runs
        ),
    ],
    template: options.Template = None,
    as_json: options.Json = False,
) -> None:
    """Join the shards of a run to one, and say whether its prompts are ready.

    Shards of other files, models, seeds or harnesses are refused with the difference, and so is one that is
    there twice. What missing shards owe counts as not run.
    """
    from harness.measure.merging import merge as join

    judged.check_template(template)
    project = project_here()
    done = join([run_asked(run)[0] for run in runs], project.results, project.root)
    for name in done.unfinished:
        note(f"{name} was not finished: `harness resume {done.folder.name}` sends what is left")
    for command in done.missing:
        note(f"a shard is missing; this measures it: {command}")
    raise typer.Exit(judged.conclude(done.folder, template=template, as_json=as_json))
