"""`harness check`: everything that can be known before paying."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from harness.cli import check_tables as tables
from harness.cli import ground

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.files.bundle import Bundle
    from harness.judge.checks.ahead import PowerRow
    from harness.judge.checks.forecast import Forecast
    from harness.measure.bounds import CandidateCost, PlanSummary

_MOST = 3  # sentences of a kind
PROMPT_LINES = 6
LONGEST_LINE = 300  # characters of one of them

UntrustedOption: TypeAlias = Annotated[
    bool, typer.Option("--untrusted", help="Render the prompts in a confined child process first.")
]
AllOption: TypeAlias = Annotated[bool, typer.Option("--all", help="Every suite below here.")]
StrictOption: TypeAlias = Annotated[
    bool, typer.Option("--strict", help="Exit with 3 if these cases can't prove a threshold, even all right.")
]


def check(
    suite: ground.options.SuiteOrAll = None,
    every: AllOption = False,
    prompt: ground.options.Prompt = None,
    model: ground.options.Model = None,
    repeats: ground.options.Repeats = None,
    thresholds: ground.options.Thresholds = None,
    cases: ground.options.Cases = None,
    limit: ground.options.Limit = None,
    first: ground.options.First = None,
    stop: ground.options.Stop = False,
    untrusted: UntrustedOption = False,
    strict: StrictOption = False,
    as_json: ground.options.Json = False,
) -> None:
    """Check a suite and its files, and print what a run would do, without a call."""
    from harness.files.bundle import load_bundle

    if every == (suite is not None):
        fix = "Write `harness check SUITE`."
        raise ground.UsageError("`harness check` needs SUITE: a *.suite.yml file, or --all.", fix=fix)
    suites = [suite] if suite is not None else sorted(ground.options.below(Path(), ".suite.yml"))
    read = partial(
        load_bundle,
        prompts=prompt or (),
        models=model or (),
        repeats=repeats,
        thresholds=thresholds or (),
        cases=cases,
        limit=limit,
        first=first,
        trusted=not untrusted,
    )
    bundles = _all_read(suites, read)
    found = [checked(bundle, stop=stop, as_json=as_json) for bundle in bundles]
    if as_json:
        ground.emit_json([said for said, _ in found] if every else found[0][0])
    else:
        ground.emit("\n\n\n".join(said for said, _ in found))
    if strict and not all(provable for _, provable in found):
        raise typer.Exit(int(ground.Exit.INCONCLUSIVE))


def _all_read(suites: Sequence[Path], read: Callable[[Path], Bundle]) -> list[Bundle]:
    """Read every suite; the mistakes of all are told together. Raises FilesError and UsageError."""
    bundles: list[Bundle] = []
    wrong: list[ground.FilesError] = []
    for path in suites:
        try:
            bundles.append(read(path))
        except ground.FilesError as error:
            wrong.append(error)
    if wrong:
        raise ground.FilesError([problem for error in wrong for problem in error.problems])
    if not bundles:
        raise ground.UsageError(f"there is no suite below {Path.cwd()}.", fix="Name a *.suite.yml file.")
    return bundles


def checked(bundle: Bundle, *, stop: bool = False, as_json: bool = False) -> tuple[Any, bool]:
    """Give what is found, as text or as data, and whether these cases can prove every threshold."""
    from harness.judge.checks import power, together  # after the files proved right: mistakes are told at once
    from harness.judge.checks.ahead import cheapest_fix
    from harness.judge.checks.forecast import forecast
    from harness.measure.bounds import estimate

    summary = estimate(bundle)
    rows = power(bundle.suite, bundle.thresholds, bundle.cases, bundle.timed)
    provable = all(row.provable for row in rows)
    leaks = tables.leaks_of(bundle)
    early: Forecast | None = None
    if stop or bundle.suite.stop is not None:
        early = forecast(bundle.suite, bundle.thresholds, bundle.cases, among=len(bundle.candidates))
    notes = (*bundle.left_out, *unset_keys(bundle), *ground.retiring_models(bundle), *bundle.untimed, *bundle.notes)
    notes += () if early is None else (early.told,)
    fix, joint = cheapest_fix(bundle.suite, rows), together(rows)
    if not as_json:
        told = (*fix, *(() if joint is None else (joint.told,)))
        return check_text(
            bundle, summary, rows, told, tables.leak_lines(leaks), notes, width=ground.columns_of_stdout()
        ), provable
    found: dict[str, Any] = {
        "power": rows,
        "ready": None if joint is None else joint._asdict(),
        "cheapest_fix": fix,
        "leakage": tables.leak_json(leaks),
    }
    found |= {} if early is None else {"stopping": early._asdict()}
    labels = label_warnings(bundle)
    return {"suite": bundle.suite.name, "labels": labels, "plan": summary, **found, "notes": notes}, provable


def unset_keys(bundle: Bundle) -> tuple[str, ...]:
    """Name the variables that the models need and the environment lacks: a run would end at once."""
    import os

    from harness.files.project import variables_of

    models = {candidate.model_name: candidate.model for candidate in bundle.candidates}
    return tuple(
        f"the model `{name}` needs {' and '.join(lacking)} in the environment, which is not set here."
        for name, model in models.items()
        if (lacking := [variable for variable in variables_of(model) if not os.environ.get(variable)])
    )


def check_text(
    bundle: Bundle,
    summary: PlanSummary,
    rows: tuple[PowerRow, ...],
    fix: Sequence[str],
    leaks: Sequence[str] = (),
    notes: Sequence[str] = (),
    *,
    width: int | None = None,
) -> str:
    """Give the check's findings as text for people, `width` columns wide; in whole lines where that is None."""
    from harness.judge import count, sure
    from harness.report.parts import visible

    suite = bundle.suite
    alike = [f"  ! {one['sentence']}" for one in label_warnings(bundle)]
    lines = [
        f"{suite.name}: {count(len(bundle.cases), 'case')}, {count(len(bundle.candidates), 'candidate')}, "
        f"{count(suite.repeats, 'repeat')}: {count(summary.trials, 'trial')}",
        "",
        "cases",
        *tables.columns(tables.case_rows(bundle)),
        "",
        *(("notes", *(f"  ! {visible(text)}" for text in notes), "") if notes else ()),
        *(("labels that can be confused", *_few(alike, _MOST, "of them"), "") if alike else ()),
        "a run would make",
        *tables.columns(tables.candidate_rows(summary)),
        *tables.waiting_lines(summary),
        "",
        f"what these cases can prove at {sure(suite.confidence)} confidence",
        *tables.columns(tables.power_rows(rows), width, spare=(1, 3)),
        "",
        "  Proves at best: without a single miss.",
        "  80% power: so many pass four times out of five, if the true value lies half way to perfect.",
        *_few([f"  ✗ {row.sentence}" for row in rows if not row.provable], _MOST, "thresholds"),
        *(f"  {told}" for told in fix),
        "",
        *leaks,
    ]
    for candidate in summary.candidates:
        lines += ["", f"first prompt of {candidate.name}", *_indented(candidate.first_prompt), *_beside(candidate)]
    return "\n".join(lines if width is None else _fitted(lines, width))


def _fitted(lines: Sequence[str], width: int) -> list[str]:
    """Break lines between words where they reach the edge; what follows stands below its first word."""
    import textwrap

    fitted = []
    for line in lines:
        start = len(line) - len(line.lstrip(" !|✗"))
        indent = " " * min(start, width // 2)
        fitted += textwrap.wrap(line, width, subsequent_indent=indent, break_on_hyphens=False) or [line]
    return fitted


def _beside(candidate: CandidateCost) -> list[str]:
    """Say what is asked for beside the prompt, and what the model's `adapt` leaves out of it."""
    from harness.report.parts import visible

    asked = ", ".join(f"{name} {value}" for name, value in candidate.params.items())
    left_out = f"adapt leaves out {', '.join(candidate.left_out)}" if candidate.left_out else ""
    told = "; ".join(part for part in (asked and f"with {asked}", left_out) if part)
    return [f"  {visible(told)}"] if told else []


def _few(lines: Sequence[str], most: int, what: str) -> list[str]:
    """Give the first few lines, and how many more there are."""
    more = len(lines) - most
    told = [f"  and {more:,} more {what}: `harness check --json` lists all"] if more > 0 else []
    return [*lines[:most], *told]


def label_warnings(bundle: Bundle) -> list[dict[str, str]]:
    """Give what a reader or a model could take for each other among the labels, as plain data."""
    from harness.judge.labels import confusable
    from harness.report.parts import visible

    rule = bundle.suite.reply
    found = confusable(bundle.suite.labels, rule.aliases, reads=rule.as_)
    return [
        {"kind": one.kind, "sentence": one.sentence.format(*(f"`{visible(name)}`" for name in one.names))}
        for one in found
    ]


def _indented(text: str) -> list[str]:
    """Give a prompt as it is sent; of a long one, and of a long line, the start (and the end)."""
    from harness.report.parts import shorten, visible

    lines = text.splitlines()
    if len(lines) > PROMPT_LINES + 1:
        half = PROMPT_LINES // 2
        lines = [*lines[:half], f"... {len(lines) - 2 * half:,} more lines ...", *lines[-half:]]
    return [f"  | {visible(shorten(line, LONGEST_LINE))}" for line in lines]
