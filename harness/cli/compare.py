"""`harness compare`: two candidates on the same cases, from one run or from two."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from harness.cli.ground import UsageError, emit, emit_json, margin_of, note, options, project_here

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.files.project import Project
    from harness.judge import Comparison
    from harness.judge.assess import View

WHAT = "A run, or one candidate of it as RUN:CANDIDATE"

BaselineArgument: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="BASELINE",
        help=f"{WHAT}; or `baseline`, the run that `harness baseline set` named.",
        autocompletion=options.runs,
    ),
]
CandidateArgument: TypeAlias = Annotated[
    str, typer.Argument(metavar="CANDIDATE", help=f"{WHAT}. It is held against BASELINE.", autocompletion=options.runs)
]
MarginOption: TypeAlias = Annotated[
    str, typer.Option("--margin", metavar="SHARE", help="The loss that would not matter, such as 2%.")
]
HtmlOption: TypeAlias = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="Write the page, with every case.", show_default=False)
]
MarkdownOption: TypeAlias = Annotated[
    Path | None, typer.Option("--md", metavar="FILE", help="Write it as Markdown.", show_default=False)
]
FullOption: TypeAlias = Annotated[bool, typer.Option("--full", help="Every figure and every case that changed.")]


def compare(
    base: BaselineArgument,
    head: CandidateArgument,
    margin: MarginOption = "2%",
    html: HtmlOption = None,
    markdown: MarkdownOption = None,
    full: FullOption = False,
    as_json: options.Json = False,
) -> None:
    """Say what changed between two candidates, and what of it is more than chance.

    A RUN is an id, a unique prefix of it, a path, or `latest`. A CANDIDATE is `prompt@model`, or the prompt
    or the model where only one candidate has it; two runs of several are compared candidate by candidate.
    Exits with 0 whatever changed: `harness gate` decides.
    """
    from harness.judge.compare import compare as compared
    from harness.report.comparison import terminal_comparison

    share = margin_of(margin)
    couples = _couples(project_here(), base, head)
    if len(couples) > 1 and html is not None:
        raise UsageError(
            f"{base} and {head} share {len(couples)} candidates, and a page shows one.",
            fix=f"Name one, such as {head}:{couples[0][1].entry.name}.",
        )
    comparisons = [compared(*couple, margin=share) for couple in couples]
    written = _files(comparisons, html, markdown)
    if as_json:
        emit_json(comparisons[0] if len(comparisons) == 1 else comparisons)
    else:
        emit("".join(terminal_comparison(one, full=full) for one in comparisons))
    for path in written:
        note(f"written: {path}")


def _files(comparisons: Sequence[Comparison], html: Path | None, markdown: Path | None) -> list[Path]:
    """Write the files that are asked for."""
    from harness.report.comparison import render_comparison_html, render_comparison_markdown

    if html is not None:
        _write(html, render_comparison_html(comparisons[0]))
    if markdown is not None:
        _write(markdown, "\n".join(render_comparison_markdown(one) for one in comparisons))
    return [path for path in (html, markdown) if path is not None]


def _couples(project: Project, base: str, head: str) -> list[tuple[View, View]]:
    """Find both candidates; two runs of several are compared candidate by candidate of the same name.

    Where only one side names which, the other is the one of the same name.
    """
    head_views, head_name = _of_run(project, head, suite="")
    suite = next(iter(head_views.values())).manifest.suite_name
    base_views, base_name = _of_run(project, base, suite=suite)
    if not base_name and not head_name and min(len(base_views), len(head_views)) > 1:
        shared = [name for name in base_views if name in head_views]
        if shared:
            return [(base_views[name], head_views[name]) for name in shared]
    if head_name:
        second = _named(head_views, head_name, head)
        return [(_only(base_views, base_name, base, other=second.entry.name), second)]
    first = _only(base_views, base_name, base, other=_single(head_views))
    return [(first, _only(head_views, head_name, head, other=first.entry.name))]


def _of_run(project: Project, reference: str, *, suite: str) -> tuple[Mapping[str, View], str]:
    """Read the run that a reference names, and give the candidate that it names (or nothing)."""
    from harness.judge.assess import views_of
    from harness.rundir import find_candidate, find_run

    run, _, name = reference.partition(":")
    if run == "baseline" and suite:
        from harness.cli.baseline import baseline_run

        return views_of(find_run(project.results, baseline_run(project, suite))), name
    folder, name = find_candidate(project.results, reference)
    return views_of(folder), name


def _single(views: Mapping[str, View]) -> str:
    return next(iter(views)) if len(views) == 1 else ""


def _only(views: Mapping[str, View], name: str, reference: str, *, other: str) -> View:
    """Choose the candidate that is named, else the only one, else the other side's."""
    if name:
        return _named(views, name, reference)
    if len(views) == 1:
        return next(iter(views.values()))
    if other in views:
        return views[other]
    run = reference.partition(":")[0]
    raise UsageError(
        f"{reference} has {len(views)} candidates, and it is not said which one is meant.",
        fix=f"Write one of: {', '.join(f'{run}:{one}' for one in views)}.",
    )


def _named(views: Mapping[str, View], name: str, reference: str) -> View:
    from harness.rundir import candidate_named

    return views[candidate_named((view.entry for view in views.values()), name, reference)]


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}.", fix="Name a file in a folder that exists.") from error
