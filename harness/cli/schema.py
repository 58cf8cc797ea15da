"""`harness schema`: the JSON Schemas of the files that people write and of those that the harness writes."""

from typing import Annotated, Any

import typer

from harness.cli.ground import UsageError, emit_json

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="project, suite, prompt, case, reply, report, manifest, journal, gate, comparison or upgrade.",
            show_default="all",
        ),
    ] = None,
) -> None:
    """Print the JSON Schema of the files that people write and of those that the harness writes."""
    import difflib

    from harness.files.schema import schemas

    every = {**schemas(), **written_schemas()}
    if name is not None and name not in every:
        near = difflib.get_close_matches(name, every, n=1)
        fix = f"Did you mean {near[0]}? " if near else ""
        raise UsageError(f"no schema is called {name!r}", fix=f"{fix}There are: {', '.join(every)}.")
    emit_json(every if name is None else every[name])


def written_schemas() -> dict[str, dict[str, Any]]:
    """Give the schema of each file that the harness writes or replays, by the name that the command knows."""
    from harness.judge import Assessment, Comparison, Gate, Upgrade
    from harness.measure.endpoint.recorded import Recorded
    from harness.record import Event
    from harness.rundir import Manifest

    return {
        "reply": _schema_of(Recorded, "a line of a replies file"),
        "report": _schema_of(Assessment, "harness report.json"),
        "manifest": _schema_of(Manifest, "harness manifest.json"),
        "journal": _schema_of(Event, "the `event` of a line of journal.jsonl"),
        "gate": _schema_of(Gate, "harness gate.json"),
        "comparison": _schema_of(Comparison, "harness compare --json"),
        "upgrade": _schema_of(Upgrade, "harness upgrade.json"),
    }


def _schema_of(kind: Any, title: str) -> dict[str, Any]:  # noqa: ANN401 - a type or a union of types
    """Give the JSON Schema of a msgspec type."""
    import msgspec

    return {"$schema": DIALECT, "title": title, **msgspec.json.schema(kind)}
