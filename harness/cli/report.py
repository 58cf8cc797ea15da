"""`harness report`: judge an old run anew, under its own thresholds or others, without a network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.ground import options, run_asked
from harness.cli.judged import conclude


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
