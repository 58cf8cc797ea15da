"""`harness models`: what harness.yml offers, and real calls to try a model."""

from __future__ import annotations

import difflib
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from harness.cli.ground import Commands, Exit, UsageError, emit, emit_json, note, options, project_here

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date
    from pathlib import Path

    from harness.files.project import ModelEntry, Project
    from harness.measure.adapting import Found
    from harness.measure.endpoint.lifecycle import Lifecycle
    from harness.measure.probe import Probe

app = typer.Typer(
    cls=Commands,
    help="List the models of harness.yml, try one with real calls, or find what one takes.",
    rich_markup_mode=None,
)
ModelName: TypeAlias = Annotated[
    str, typer.Argument(metavar="M", help="A model of harness.yml.", autocompletion=options.models)
]


@app.callback(invoke_without_command=True)
def list_models(
    context: typer.Context,
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask providers until when they serve it.")] = False,
    as_json: options.Json = False,
) -> None:
    """List the models of harness.yml, and until when their providers serve them."""
    if context.invoked_subcommand is not None:
        return
    import asyncio

    from harness.measure.endpoint.lifecycle import Lifecycle, lifecycles

    project = project_here()
    said = {} if offline else asyncio.run(lifecycles(project.models, root=project.root))
    rows = [_model_row(name, entry, said.get(name, Lifecycle())) for name, entry in sorted(project.models.items())]
    if as_json:
        emit_json(rows)
    elif not rows:
        note("no harness.yml names a model here: `harness init` writes a working project")
    else:
        lines = (f"{r['name']:<20} {r['endpoint']:<12} {r['target']}  {r['key']}{_told(r)}" for r in rows)
        emit("\n".join(line.rstrip() for line in lines))
        for row in rows:
            if row["provider"]["retires"] and row["provider"]["retires"] != row["retires"]:
                day = row["provider"]["retires"]
                note(f"write `retires: {day}` into models.{row['name']}: check, run and gate warn 90 days before")


def _project_with(name: str) -> Project:
    """Read the project here, which has a model of this name. Raises UsageError."""
    project = project_here()
    if name not in project.models:
        known = ", ".join(sorted(project.models)) or "none"
        near = difflib.get_close_matches(name, project.models, n=1)
        fix = f"Did you mean {near[0]}? " if near else ""
        raise UsageError(f"harness.yml has no model {name!r}", fix=f"{fix}It has: {known}.")
    return project


def _told(row: dict[str, Any]) -> str:
    """Say until when a model is served: as its provider says, and as harness.yml does."""
    from harness.report.parts import visible

    provider = row["provider"]
    words = [provider["status"] or "", f"retires {provider['retires']}" if provider["retires"] else ""]
    said = visible(" ".join(word for word in words if word))
    own = f"retires {row['retires']} (harness.yml)" if row["retires"] else ""
    return "".join(f"  {part}" for part in (f"{said} (its provider)" if said else "", own) if part)


def _model_row(name: str, entry: ModelEntry, said: Lifecycle) -> dict[str, Any]:
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
        "retires": _iso(entry.retires),
        "provider": {"status": said.status, "retires": _iso(said.retires)},
    }


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


@app.command("test", short_help="Make real calls: show request, reply, timings, price and what the endpoint supports.")
def test(name: ModelName, as_json: options.Json = False) -> None:
    """Make real calls: show request, reply, timings, price and what the endpoint supports."""
    import asyncio

    from harness.measure.probe import probe

    project = _project_with(name)
    result = asyncio.run(probe(name, project.models[name], root=project.root))
    if as_json:
        emit_json(result)
    else:
        emit(probe_text(result))
    if not result.ok:
        raise typer.Exit(int(Exit.ENDPOINT_UNUSABLE))


@app.command("adapt", short_help="Find by real calls which parameters a model refuses, and show or write its `adapt`.")
def adapt(
    name: ModelName,
    write: Annotated[bool, typer.Option("--write", help="Write it into harness.yml.")] = False,
    as_json: options.Json = False,
) -> None:
    """Ask a model as prompts and params ask, read what it refuses, and show the `adapt` that it takes.

    Nothing is written without --write; with it, comments and layout of harness.yml stay.
    """
    import asyncio

    from harness.files.project import adapted, replace_text
    from harness.measure.adapting import find_adapt

    project = _project_with(name)
    if project.path is None:
        raise UsageError("there is no harness.yml here", fix="Write one: `harness init`.")
    entry = project.models[name]
    found = asyncio.run(find_adapt(name, entry, _wanted(project.root), root=project.root))
    before = after = ""
    if found.answered and found.adapt != entry.adapt:
        before, after = adapted(project.path, name, found.adapt)
    if write and after:
        replace_text(project.path, after)
    changes = "".join(_diff(before, after))
    if as_json:
        emit_json({**asdict(found), "adapt": found.adapt.model_dump(mode="json"), "diff": changes, "written": write})
    else:
        emit(adapt_text(found, changes, written=write))
    if not found.answered:
        raise typer.Exit(int(Exit.ENDPOINT_UNUSABLE))


def _diff(before: str, after: str) -> Iterator[str]:
    old, new = (text.splitlines(keepends=True) for text in (before, after))
    for line in difflib.unified_diff(old, new, "harness.yml", "harness.yml, adapted"):
        yield line if line.endswith("\n") else f"{line}\n"


def _wanted(root: Path) -> dict[str, Any]:
    """Give what the project's prompts ask for: the largest output limit, of other numbers the least."""
    from harness.files.mending import OUTPUT_LIMITS
    from harness.files.prompts import read_prompt
    from harness.files.written import Findings

    wanted: dict[str, Any] = {}
    for path in options.below(root, ".prompt.yml"):
        checked = read_prompt(root / path, Findings())
        for name, value in (checked.model.parameters if checked is not None else {}).items():
            key = next((limit for limit in OUTPUT_LIMITS if limit in wanted), name) if name in OUTPUT_LIMITS else name
            pick = max if name in OUTPUT_LIMITS else min
            known = wanted.setdefault(key, value)
            if isinstance(value, (int, float)) and isinstance(known, (int, float)):
                wanted[key] = pick(known, value)
    return wanted


def adapt_text(found: Found, changes: str, *, written: bool) -> str:
    """Give what was asked, what the model said to it, and what follows, as text for people."""
    from harness.report.parts import visible

    asked = ", ".join(f"{name} {value}" for name, value in found.asked.items()) or "no parameters"
    lines = [f"{found.name}: asked as its entry and the project's prompts ask: {asked}", ""]
    for step in found.steps:
        lines += [f"  {step.said}", f"    -> {step.change}"]
    if found.failure is not None:
        lines.append(f"  failure  {found.failure.kind}: {found.failure.message}")
    elif found.reply is not None:
        said = found.reply.text.strip() or "nothing"
        lines.append(f"  {'answered' if found.answered else 'still answered'} {said}, after {found.calls} calls")
    lines = [visible(line) for line in lines]
    if not found.answered:
        return "\n".join([*lines, "", "No `adapt` was found that this model answers to."])
    if not changes:
        return "\n".join([*lines, "", "It takes what is sent: nothing to adapt."])
    told = "written to harness.yml" if written else "to write it: --write"
    return "\n".join([*lines, "", *(visible(line) for line in changes.splitlines()), "", told])


def probe_text(probe: Probe) -> str:
    """Give request, reply, timings, price and support as text for people."""
    from harness.report.parts import visible

    lines = [f"{probe.name}: {probe.endpoint} {probe.model or ''}".rstrip(), "", f"  request  {probe.request}"]
    if probe.reply is not None:
        usage, served = probe.reply.usage, probe.reply.served_model or "not said"
        lines += [
            f"  reply    {probe.reply.text}",
            f"  finish   {probe.reply.finish_reason or 'not said'}; served by {served}",
            f"  tokens   {_count(usage.input)} in, {_count(usage.output)} out, {_count(usage.cached)} cached"
            + (f", {usage.reasoning} of thoughts" if usage.reasoning else ""),
        ]
    if probe.failure is not None:
        lines.append(f"  failure  {probe.failure.kind}: {probe.failure.message}")
        if probe.failure.kind == "bad_request" and probe.endpoint != "http":
            lines.append(f"  next     `harness models adapt {probe.name}` finds what it takes")
    first = probe.attempt.first_byte_ns
    told = "" if first is None else f", first byte after {first / 1e6:.0f} ms"
    lines.append(f"  time     {probe.attempt.duration_ns / 1e6:.0f} ms{told}")
    cost = "not known" if probe.cost is None else f"{probe.cost:.6f} {probe.currency}"
    lines.append(f"  cost     {cost} ({probe.calls} {'call' if probe.calls == 1 else 'calls'})")
    answers = {True: "yes ", False: "no  ", None: "can't tell:"}
    lines += [f"  {s.feature:<12} {answers[s.supported]} {s.why}" for s in probe.supports]
    if probe.note:
        lines.append(f"  {probe.note}")
    return "\n".join(visible(line) for line in lines)


def _count(tokens: int | None) -> str:
    return "not counted" if tokens is None else str(tokens)
