"""`harness judge` and `harness report`: results that are there already, judged anew, without a network."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness import __version__
from harness.cli import judged
from harness.cli.ground import UsageError, candidate_asked, command_line, note, options, project_here

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def _column(name: str, what: str) -> Any:  # noqa: ANN401 - typer's own type
    return typer.Option(f"--{name}", metavar="COLUMN", help=what)


def judge(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What the tool wrote its results to.")],
    expected: Annotated[str, _column("expected", "Column, or variable of promptfoo, with the right label.")] = "",
    reply: Annotated[str, _column("reply", "Column with what came back.")] = "",
    case: Annotated[str, _column("case", "Column that names the case; rows of one case are its repeats.")] = "",
    repeat: Annotated[str, _column("repeat", "Column with the number of the repeat.")] = "",
    candidate: Annotated[str, _column("candidate", "Column with the candidate, or a name for all rows.")] = "",
    latency: Annotated[str, _column("latency", "Column with the time of an answer; COLUMN:ms for its unit.")] = "",
    error: Annotated[str, _column("error", "Column with the error of an answer that failed.")] = "",
    part: Annotated[str, typer.Option(metavar="NAME", help="Filter of lm-eval, eval of promptfoo.db, or sheet.")] = "",
    labels: Annotated[str, typer.Option(metavar="A,B", help="Labels besides those that are right somewhere.")] = "",
    positive: Annotated[str, typer.Option(metavar="LABEL", help="The label that one looks for, of two.")] = "",
    read_as: Annotated[
        str,
        typer.Option(
            "--as",
            metavar="RULE",
            help="How a reply is read: exact, mention, json:/POINTER, regex:PATTERN.",
            show_default="as there",
        ),
    ] = "",
    name: Annotated[
        str, typer.Option(metavar="SUITE", help="Under which name it is kept.", show_default="the file's own")
    ] = "",
    thresholds: options.Thresholds = None,
    template: options.Template = None,
    as_json: options.Json = False,
) -> None:
    """Judge results that another tool stored, with intervals and thresholds, and keep them as a run.

    FILE is of promptfoo, Inspect, lm-evaluation-harness, openai/evals or DeepEval, or a table with a column for
    what was right and one for what came back. No prompt, model or network is needed: docs/judging.md.
    """
    judged.check_template(template)
    named = {"expected": expected, "reply": reply, "case": case, "repeat": repeat, "candidate": candidate}
    folder = _kept(
        file,
        {**named, "latency": latency, "error": error, "part": part},
        {"labels": labels, "positive": positive, "read_as": read_as, "name": name},
        thresholds or [],
    )
    raise typer.Exit(judged.conclude(folder, template=template, as_json=as_json))


def _kept(file: Path, asked: Mapping[str, str], said: Mapping[str, str], demands: Sequence[str]) -> Path:
    from harness.files.answers import ReadAs, read_stored
    from harness.files.bundle import read_policy
    from harness.judge.given import decidable, read_here, stored_run, suite_of_stored
    from harness.rundir import write_run

    stored = read_stored(file, ReadAs(**asked))
    try:
        suite = suite_of_stored(stored, **said)
        if demands:
            found, _ = read_policy(demands, suite)
            written = [threshold.text for threshold in found]
        else:  # none on a clock that is not the endpoint's
            written = decidable(suite, timed=bool(stored.clock) and not stored.queued, failed=True)
        suite = suite.model_copy(update={"thresholds": tuple(written)})
        told = read_here(stored, suite)
        manifest, events = stored_run(
            stored,
            suite,
            told,
            file=file.name,
            now=datetime.now(UTC).isoformat(timespec="microseconds"),
            version=__version__,
            command=command_line(),
        )
    except ValueError as wrong:
        raise UsageError(f"{file}: {wrong}") from None
    for each in told:
        note(each)
    return write_run(project_here().results, manifest, events)


def report(
    run: options.RunOrCandidate = "latest",
    thresholds: options.Thresholds = None,
    template: options.Template = None,
    as_json: options.Json = False,
) -> None:
    """Judge a run again and rewrite its reports; judged by other thresholds it gets reports beside them."""
    judged.check_template(template)
    folder, manifest, candidate = candidate_asked(run)
    if thresholds:
        from harness.files.bundle import read_policy
        from harness.files.suite import Suite
        from harness.report.parts import one_line

        policy, sources = read_policy(thresholds, Suite.model_validate(manifest.suite))
        told = one_line(sources)
        code = judged.conclude(
            folder, template=template, as_json=as_json, thresholds=policy, what_if=told, candidate=candidate
        )
        raise typer.Exit(code)
    before = _of_record(folder)
    code = judged.conclude(folder, template=template, as_json=as_json, candidate=candidate)
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
