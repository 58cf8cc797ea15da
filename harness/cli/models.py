"""`harness models`: what harness.yml offers, and one real call to try a model."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli import completion
from harness.cli.mistakes import Commands
from harness.cli.options import JsonOption
from harness.errors import Exit, UsageError

if TYPE_CHECKING:
    from harness.files.project import ModelEntry

app = typer.Typer(
    cls=Commands, help="List the models of harness.yml, or try one with a real call.", rich_markup_mode=None
)


@app.callback(invoke_without_command=True)
def list_models(context: typer.Context, as_json: JsonOption = False) -> None:
    """List the models of harness.yml."""
    if context.invoked_subcommand is not None:
        return
    from harness.cli.console import emit, emit_json, note
    from harness.files.bundle import load_project

    project = load_project(Path.cwd())
    rows = [_model_row(name, entry) for name, entry in sorted(project.models.items())]
    if as_json:
        emit_json(rows)
    elif not rows:
        note("no harness.yml names a model here: `harness init` writes a working project")
    else:
        emit(
            "\n".join(f"{r['name']:<20} {r['endpoint']:<12} {r['target']}  {r['key']}".rstrip() for r in rows)
        )


def _model_row(name: str, entry: ModelEntry) -> dict[str, Any]:
    target = entry.base_url or entry.url or entry.weights or str(entry.replies or "")
    key = ""
    if entry.api_key_env:
        key = f"{entry.api_key_env} ({'set' if os.environ.get(entry.api_key_env) else 'NOT set'})"
    return {
        "name": name,
        "endpoint": entry.endpoint,
        "model": entry.model,
        "target": " ".join(part for part in (target, entry.model) if part),
        "key": key,
    }


@app.command(
    "test", short_help="Make real calls: show request, reply, timings, price and what the endpoint supports."
)
def test(
    name: Annotated[
        str,
        typer.Argument(metavar="M", help="A model of harness.yml.", autocompletion=completion.models),
    ],
    as_json: JsonOption = False,
) -> None:
    """Make real calls: show request, reply, timings, price and what the endpoint supports."""
    import asyncio

    from harness.cli.console import emit, emit_json
    from harness.cli.probe_text import probe_text
    from harness.files.bundle import load_project
    from harness.measure.endpoint.probe import probe

    project = load_project(Path.cwd())
    if name not in project.models:
        known = ", ".join(sorted(project.models)) or "none"
        near = difflib.get_close_matches(name, project.models, n=1)
        fix = f"Did you mean {near[0]}? " if near else ""
        raise UsageError(f"harness.yml has no model {name!r}", fix=f"{fix}It has: {known}.")
    result = asyncio.run(probe(name, project.models[name], root=project.root))
    if as_json:
        emit_json(result)
    else:
        emit(probe_text(result))
    if not result.ok:
        raise typer.Exit(int(Exit.ENDPOINT_UNUSABLE))
