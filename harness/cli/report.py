"""`harness report`: judge an old run anew, under its own thresholds or others, without a network."""

from pathlib import Path
from typing import Any

import typer

from harness.cli.ground import candidate_asked, note, options
from harness.cli.judged import conclude


def report(
    run: options.RunOrCandidate = "latest",
    thresholds: options.Thresholds = None,
    template: options.Template = None,
    as_json: options.Json = False,
) -> None:
    """Judge a run again and rewrite its reports; judged by other thresholds it gets reports beside them."""
    folder, manifest, candidate = candidate_asked(run)
    if thresholds:
        from harness.files.bundle import read_policy
        from harness.files.suite import Suite
        from harness.report.parts import one_line

        policy, sources = read_policy(thresholds, Suite.model_validate(manifest.suite))
        told = one_line(sources)
        code = conclude(
            folder, template=template, as_json=as_json, thresholds=policy, what_if=told, candidate=candidate
        )
        raise typer.Exit(code)
    before = _of_record(folder)
    code = conclude(folder, template=template, as_json=as_json, candidate=candidate)
    now = _of_record(folder)
    if before and now and before.complete and before.verdict != now.verdict:
        note(f"the verdict of record was {before.verdict}; judged again, it is {now.verdict}")
    raise typer.Exit(code)


def _of_record(folder: Path) -> Any:  # noqa: ANN401 - msgspec is imported where it is used
    """Read the verdict that stands in report.json; None where there is none that can be read."""
    import msgspec

    from harness.rundir import REPORT, plain_content

    recorded = msgspec.defstruct("Recorded", [("verdict", str), ("complete", bool)])
    try:
        return msgspec.json.decode(plain_content(folder / REPORT), type=recorded)
    except (OSError, ValueError, msgspec.MsgspecError):
        return None
