"""`harness list`: the runs of a project, filtered, without judging anew."""

import math
import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from harness.cli.ground import HarnessError, UsageError, columns_of_stdout, emit, emit_json, note, options, project_here

_DAYS = re.compile(r"^(\d+) ?d$")


class ListedVerdict(StrEnum):
    """Verdicts to filter by."""

    READY = "ready"
    NOT_READY = "not-ready"
    INCONCLUSIVE = "inconclusive"
    NOT_MEASURED = "not-measured"
    NOT_JUDGED = "not-judged"


SuiteFilter: TypeAlias = Annotated[
    str | None, typer.Option("--suite", help="Only runs of this suite.", autocompletion=options.suite_names)
]
VerdictFilter: TypeAlias = Annotated[
    ListedVerdict | None, typer.Option("--verdict", case_sensitive=False, help="Only runs with this verdict.")
]
PromptFilter: TypeAlias = Annotated[
    str | None,
    typer.Option("--prompt", "-p", help="Only runs that measured this prompt.", autocompletion=options.prompts),
]
ModelFilter: TypeAlias = Annotated[
    str | None, typer.Option("--model", "-m", help="Only runs that measured this model.", autocompletion=options.models)
]
SinceFilter: TypeAlias = Annotated[
    str | None, typer.Option("--since", metavar="WHEN", help="Only runs since a day (2026-11-24) or for a time (7 d).")
]
NewestOption: TypeAlias = Annotated[int | None, typer.Option("--limit", min=1, help="Only the newest N.")]


def list_runs(
    suite: SuiteFilter = None,
    verdict: VerdictFilter = None,
    prompt: PromptFilter = None,
    model: ModelFilter = None,
    since: SinceFilter = None,
    limit: NewestOption = None,
    as_json: options.Json = False,
) -> None:
    """List the runs of this project, newest first."""
    from harness.rundir import list_runs as runs_in

    earliest = _earliest(since) if since else ""
    every = [_run_row(folder) for folder in reversed(runs_in(project_here().results))]
    wanted = {"suite": suite, "verdict": verdict.value.upper().replace("-", " ") if verdict else None}
    rows = [
        row
        for row in every
        if all(value in (None, row[key]) for key, value in wanted.items())
        and prompt in (None, *row["prompts"])
        and model in (None, *row["models"])
        and row["created_utc"] >= earliest
    ][:limit]
    if as_json:
        emit_json(rows)
    elif rows:
        emit("\n".join(_lines(rows, columns_of_stdout())))
    else:
        note(_nothing(every, suite=suite, prompt=prompt, model=model))


def _earliest(written: str) -> str:
    from harness.files.written import units

    try:
        day = datetime.fromisoformat(written)
        return (day if day.tzinfo else day.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
    except ValueError:
        pass
    try:
        return (datetime.now(UTC) - timedelta(seconds=units.age(_DAYS.sub(r"\1 days", written)))).isoformat()
    except (ValueError, OverflowError):
        fix = "Write 2026-11-24, or 12 h, or 7 d."
        raise UsageError(f"--since {written!r} is neither a day nor a time", fix=fix) from None


def _run_row(folder: Path) -> dict[str, Any]:
    from harness.rundir import decision_of, read_manifest, waiting_of

    try:
        manifest = read_manifest(folder)
    except HarnessError:  # one bad folder must not hide the others
        said = {"run": folder.name, "verdict": "UNREADABLE", "candidates": "its manifest.json can't be read"}
        known: dict[str, Any] = {"trials": 0, "prompts": [], "models": [], "created_utc": ""}
        return dict.fromkeys(("suite", "accuracy", "shard", "waiting", "decided")) | said | known
    candidates, (shard, trials) = manifest.candidates, manifest.share
    verdict, accuracy = _judged(folder / "report.json")
    return {
        "run": folder.name,
        "suite": manifest.suite_name,
        "verdict": verdict,
        "accuracy": accuracy,
        "trials": trials,
        "shard": shard or None,
        "candidates": ", ".join(candidate.name for candidate in candidates),
        "prompts": sorted({candidate.prompt_name for candidate in candidates}),
        "models": sorted({candidate.model_name for candidate in candidates}),
        "created_utc": manifest.created_utc,
        "waiting": waiting_of(folder),
        "decided": decision_of(folder),
    }


def _judged(report: Path) -> tuple[str, float | None]:
    """Give a run's verdict, and the accuracy of the candidate to take or of the only one, once all was run."""
    import msgspec

    from harness.rundir import plain_content

    if not report.exists():
        return "NOT JUDGED", None
    try:
        judged = msgspec.json.decode(plain_content(report))
        measured = [one for one in judged["candidates"] if one["verdict"] != "NOT MEASURED"]
        shares = {one["name"]: one["classification"]["accuracy"]["value"] for one in measured}
        taken = (judged.get("leaderboard") or {}).get("recommended")
        share = shares.get(taken, next(iter(shares.values()), None)) if judged.get("complete", True) else None
        return str(judged["verdict"]), None if share is None else float(share)
    except (msgspec.MsgspecError, OSError, ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return "UNREADABLE", None


def _lines(rows: list[dict[str, Any]], width: int | None) -> list[str]:
    """Lay the runs out in columns; on a terminal those that have no room are left out, or stand below the run."""
    from harness.report.parts import one_line, shorten, when

    head = ("Run", "Verdict", "Accuracy", "Begun (UTC)", "Trials", "Candidates")
    cells = [
        (
            one_line(row["run"]),
            f"shard {row['shard']}" if row["shard"] else row["verdict"],
            "" if row["accuracy"] is None or row["shard"] else f"{row['accuracy']:.1%}",
            when(row["created_utc"]),
            f"{row['trials']:,}",
            one_line(row["candidates"]),
        )
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
    most = len(head)
    while most > 3 and sum(widths[: most - 1]) + 2 * (most - 1) + min(widths[most - 1], 16) > (width or math.inf):
        most -= 1
    if most > 3:
        sides = (str.ljust, str.ljust, str.rjust, str.ljust, str.rjust, str.ljust)
        laid = [
            "  ".join(side(one, wide) for side, one, wide in zip(sides[:most], line, widths, strict=False)).rstrip()
            for line in (head, *cells)
        ]
    else:  # the time has no room beside the run: it stands below it, with verdict and accuracy
        laid = [head[0], *(f"{run}\n  {told:<12} {share:>6}  {at}" for run, told, share, at, *_ in cells)]
    more = ((row["waiting"], row["decided"]) for row in rows)
    below = ("", *("\n".join(f"  {one_line(told)}" for told in both if told) for both in more))
    lines = (line for pair in zip(laid, below, strict=True) for lines in pair for line in lines.splitlines())
    return [line if width is None else shorten(line, width) for line in lines]


def _nothing(every: list[dict[str, Any]], **asked: str | None) -> str:
    """Say why the list is empty, and what a misspelt name may have meant."""
    import difflib

    if not every:
        return "no runs yet: `harness run SUITE` makes one"
    for key, name in asked.items():
        known = {row["suite"] for row in every} if key == "suite" else {n for r in every for n in r[f"{key}s"]}
        if name is not None and name not in known:
            names = sorted(filter(None, known))
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(names)}"
            return f"no run has the {key} {name!r}: {hint}"
    return f"no run of {len(every)} is like that"
