"""`harness compare`: two candidates on the same cases, from one run or from two."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple, TypeAlias

import typer

from harness.cli import kept
from harness.cli.ground import UsageError, emit, emit_json, found_or_fetched, margin_of, note, options, project_here

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.files.project import Project
    from harness.judge import Comparison
    from harness.rundir import Manifest

KEPT = "compared.cache"
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
    Path | None, typer.Option("--html", metavar="FILE", help="Write the page, with every case.")
]
MarkdownOption: TypeAlias = Annotated[Path | None, typer.Option("--md", metavar="FILE", help="Write it as Markdown.")]
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
    from harness.report.comparison import render_comparison_html, render_comparison_markdown, terminal_comparison

    share = margin_of(margin)
    couples = _couples(project_here(), base, head)
    if len(couples) > 1 and html is not None:
        fix = f"Name one, such as {head}:{couples[0][1].name}."
        raise UsageError(f"{base} and {head} share {len(couples)} candidates, and a page shows one.", fix=fix)
    whole = full or as_json or html is not None or markdown is not None
    comparisons = _compared(couples, share, prompts=True) if whole else _in_short(couples, share)
    if html is not None:
        _write(html, render_comparison_html(comparisons[0]))
    if markdown is not None:
        _write(markdown, "\n".join(render_comparison_markdown(one) for one in comparisons))
    if as_json:
        emit_json(comparisons[0] if len(comparisons) == 1 else comparisons)
    else:
        emit("".join(terminal_comparison(one, full=full) for one in comparisons))
    for path in (html, markdown):
        if path is not None:
            note(f"written: {path}")


class _Side(NamedTuple):
    """A candidate of a run."""

    run: Path
    name: str


def _compared(couples: Sequence[tuple[_Side, _Side]], margin: float, *, prompts: bool) -> tuple[Comparison, ...]:
    """Compare each couple, with the prompts of the cases that changed or without."""
    from harness.judge.assess import views_of
    from harness.judge.compare import compare as compared

    views = {run: views_of(run) for run in dict.fromkeys(side.run for couple in couples for side in couple)}
    sides = [(views[base.run][base.name], views[head.run][head.name]) for base, head in couples]
    return tuple(compared(*both, margin=margin, prompts=prompts) for both in sides)


def _in_short(couples: Sequence[tuple[_Side, _Side]], margin: float) -> tuple[Comparison, ...]:
    """Give what a terminal shows: as it was kept, while both runs are the same, else compared anew and kept."""
    from harness.judge import Comparison
    from harness.rundir import JOURNAL, MANIFEST

    runs = dict.fromkeys(side.run for couple in couples for side in couple)
    names = [f"{list(runs).index(side.run)} {side.name!r}" for couple in couples for side in couple]
    digest = kept.digest_of((run / name for run in runs for name in (MANIFEST, JOURNAL)), repr(margin), *names)
    place = couples[0][1].run / KEPT
    found = kept.read_kept(place, digest, tuple[Comparison, ...])
    if found is None:
        found = _compared(couples, margin, prompts=False)
        kept.keep(place, digest, found)
    return found


def _couples(project: Project, base: str, head: str) -> list[tuple[_Side, _Side]]:
    """Find both candidates; two runs of several are compared candidate by candidate of the same name.

    Where only one side names which, the other is the one of the same name.
    """
    new = _of_run(project, head, suite="")
    old = _of_run(project, base, suite=new.manifest.suite_name)
    if not old.asked and not new.asked and min(len(old.names), len(new.names)) > 1:
        shared = [name for name in old.names if name in new.names]
        if shared:
            return [(_Side(old.folder, name), _Side(new.folder, name)) for name in shared]
    if new.asked:
        second = _only(new, head, other="")
        return [(_only(old, base, other=second.name), second)]
    first = _only(old, base, other=new.names[0] if len(new.names) == 1 else "")
    return [(first, _only(new, head, other=first.name))]


class _Run(NamedTuple):
    """A run, and which of its candidates is asked for (or none)."""

    folder: Path
    manifest: Manifest
    asked: str

    @property
    def names(self) -> list[str]:
        return [entry.name for entry in self.manifest.candidates]


def _of_run(project: Project, reference: str, *, suite: str) -> _Run:
    from harness.rundir import find_run, read_manifest

    run, _, name = reference.partition(":")
    if run == "baseline" and suite:
        from harness.cli.baseline import baseline_run

        folder = find_run(project.results, baseline_run(project, suite))
    else:
        folder, name = found_or_fetched(project.results, reference)
    return _Run(folder, read_manifest(folder), name)


def _only(of: _Run, reference: str, *, other: str) -> _Side:
    """Choose the candidate that is named, else the only one, else the other side's."""
    if of.asked:
        from harness.rundir import candidate_named

        return _Side(of.folder, candidate_named(of.manifest.candidates, of.asked, reference))
    if len(of.names) == 1:
        return _Side(of.folder, of.names[0])
    if other in of.names:
        return _Side(of.folder, other)
    run = reference.partition(":")[0]
    fix = f"Write one of: {', '.join(f'{run}:{one}' for one in of.names)}."
    raise UsageError(f"{reference} has {len(of.names)} candidates, and it is not said which one is meant.", fix=fix)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}.", fix="Name a file in a folder that exists.") from error
