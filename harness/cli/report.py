"""`harness report` judges an old run anew without a network; `harness schema` prints the file formats."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options
from harness.cli.asked import run_asked
from harness.cli.console import emit_json
from harness.cli.judged import conclude
from harness.errors import UsageError


def report(
    run: options.Run = "latest",
    thresholds: Annotated[
        Path | None,
        typer.Option(
            "--thresholds", metavar="FILE", help="Other thresholds: a suite, or a YAML list of them."
        ),
    ] = None,
    template: options.Template = None,
    as_json: options.Json = False,
) -> None:
    """Judge a run again, under its own thresholds or others, and rewrite its reports."""
    from harness.files.bundle import read_policy as read_thresholds
    from harness.files.suite import Suite

    folder, manifest = run_asked(run)
    policy = None
    if thresholds is not None:
        policy = read_thresholds(thresholds, Suite.model_validate(manifest.suite))
    raise typer.Exit(conclude(folder, template=template, as_json=as_json, thresholds=policy))


def schema(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="project, suite, prompt, case, reply, report, manifest, journal or gate.",
            show_default="all",
        ),
    ] = None,
) -> None:
    """Print the JSON Schema of the files that people write and of those that the harness writes."""
    from harness.files.schema import schemas
    from harness.measure.endpoint.recorded import Recorded
    from harness.report.schema import report_schema, schema_of, written_schemas

    reply = schema_of(Recorded, "a line of a replies file")
    every = {**schemas(), "reply": reply, "report": report_schema(), **written_schemas()}
    if name is not None and name not in every:
        near = difflib.get_close_matches(name, every, n=1)
        fix = f"Did you mean {near[0]}? " if near else ""
        raise UsageError(f"no schema is called {name!r}", fix=f"{fix}There are: {', '.join(every)}.")
    emit_json(every if name is None else every[name])
