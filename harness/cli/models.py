"""`harness models`: what harness.yml offers, and one real call to try a model."""

from __future__ import annotations

import difflib
import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli.ground import Commands, Exit, UsageError, emit, emit_json, note, options, project_here
from harness.report.parts import visible

if TYPE_CHECKING:
    from harness.files.project import ModelEntry
    from harness.measure.probe import Probe, Support
    from harness.record import Attempt

app = typer.Typer(
    cls=Commands, help="List the models of harness.yml, or try one with a real call.", rich_markup_mode=None
)


@app.callback(invoke_without_command=True)
def list_models(context: typer.Context, as_json: options.Json = False) -> None:
    """List the models of harness.yml."""
    if context.invoked_subcommand is not None:
        return
    project = project_here()
    rows = [_model_row(name, entry) for name, entry in sorted(project.models.items())]
    if as_json:
        emit_json(rows)
    elif not rows:
        note("no harness.yml names a model here: `harness init` writes a working project")
    else:
        emit("\n".join(f"{r['name']:<20} {r['endpoint']:<12} {r['target']}  {r['key']}".rstrip() for r in rows))


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


@app.command("test", short_help="Make real calls: show request, reply, timings, price and what the endpoint supports.")
def test(
    name: Annotated[str, typer.Argument(metavar="M", help="A model of harness.yml.", autocompletion=options.models)],
    as_json: options.Json = False,
) -> None:
    """Make real calls: show request, reply, timings, price and what the endpoint supports."""
    import asyncio

    from harness.measure.probe import probe

    project = project_here()
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


def probe_text(probe: Probe) -> str:
    """Give request, reply, timings, price and support as text for people."""
    lines = [f"{probe.name}: {probe.endpoint} {probe.model or ''}".rstrip(), "", f"  request  {visible(probe.request)}"]
    if probe.reply is not None:
        usage, served = probe.reply.usage, probe.reply.served_model or "not said"
        lines += [
            f"  reply    {visible(probe.reply.text)}",
            f"  finish   {probe.reply.finish_reason or 'not said'}; served by {served}",
            f"  tokens   {_count(usage.input)} in, {_count(usage.output)} out, {_count(usage.cached)} cached",
        ]
    if probe.failure is not None:
        lines.append(f"  failure  {probe.failure.kind}: {visible(probe.failure.message)}")
    lines.append(f"  time     {_time(probe.attempt)}")
    cost = "not known" if probe.cost is None else f"{probe.cost:.6f} {probe.currency}"
    lines.append(f"  cost     {cost} ({probe.calls} calls)")
    lines += [f"  {s.feature:<12} {_support(s)}" for s in probe.supports]
    if probe.note:
        lines.append(f"  {probe.note}")
    return "\n".join(lines)


def _support(support: Support) -> str:
    if support.supported is None:
        return f"can't tell: {visible(support.why)}"
    return f"{'yes' if support.supported else 'no':<4} {visible(support.why)}"


def _count(tokens: int | None) -> str:
    return "not counted" if tokens is None else str(tokens)


def _time(attempt: Attempt) -> str:
    whole = f"{attempt.duration_ns / 1e6:.0f} ms"
    if attempt.first_byte_ns is None:
        return whole
    return f"{whole}, first byte after {attempt.first_byte_ns / 1e6:.0f} ms"
