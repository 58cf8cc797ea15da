"""Two candidates side by side: two runs, or two prompts of one run; fixed and broken cases first."""

from typing import Any

import msgspec

from harness.errors import HarnessError, UsageError
from harness.judge import Comparison, count
from harness.judge.assess import views_of
from harness.judge.compare.comparing import compare
from harness.report.comparison import comparison_values, in_page
from harness.web.site import Addresses, Query, RunFolder, RunSummary, Site

_COMPARING = "Both journals are being read and compared. This page goes on by itself."
SIDES = ("base", "base_candidate", "head", "head_candidate")
TICKED = "tick."  # before the id of a run that was ticked in the list
PREVIOUS = "previous"  # as a baseline: the judged run of the suite before the candidate's


class ChosenSide(msgspec.Struct, frozen=True, kw_only=True):
    """What was chosen for one side; `candidate` is empty until it is clear."""

    run: str = ""
    candidate: str = ""
    candidates: tuple[str, ...] = ()


class ComparePage(msgspec.Struct, frozen=True, kw_only=True):
    """The choice and, once both sides are chosen, the comparison."""

    base: ChosenSide
    head: ChosenSide
    runs: tuple[RunSummary, ...]
    comparison: Comparison | None
    why: str  # why there is no comparison
    live: bool  # it is being made

    def values(self, at: Addresses) -> dict[str, Any]:
        """Give what the template of a comparison takes; its cases are those of either side's run."""
        sides = {"base": self.base, "head": self.head}

        def link(key: str, cases: Query) -> str:
            side = sides[cases.get("side", key)]
            of = {"candidate": side.candidate}
            if "id" in cases:
                return at.case(side.run, cases["id"], of)
            return in_page(key, cases) or at.cases(side.run, {**cases, **of}, side=None)

        return {**comparison_values(self.comparison), "cases_link": link} if self.comparison else {}


def compare_page(site: Site, query: Query) -> ComparePage:
    """Make the comparison of the two candidates that the address names."""
    runs = [run for run in site.all_runs() if run.state == "judged"]
    query, odd = _chosen(runs, query)
    base = _side(site, query.get("base", ""), query.get("base_candidate", ""))
    head = _side(site, query.get("head", ""), query.get("head_candidate", ""))
    if base.run and base.run == head.run and base.candidate == head.candidate:
        if query.get("base_candidate"):
            head = _other(head)
        else:
            base = _other(base)
    comparison, why = None, odd or "Choose two runs, or two candidates of one run."
    if base.run and head.run:
        comparison, why = _compared(site, base, head)
    live = why == _COMPARING
    return ComparePage(base=base, head=head, runs=tuple(runs), comparison=comparison, why=why, live=live)


def _chosen(runs: list[RunSummary], query: Query) -> tuple[Query, str]:
    """Name the sides of ticked runs, the older as the baseline, or of a run and the one before it; or say why not."""
    ticked = [name.removeprefix(TICKED) for name in query if name.startswith(TICKED)]
    if ticked:
        shown = [run.run for run in runs if run.run in ticked]  # newest first
        if len(shown) != 2:
            return {}, f"Tick two judged runs to compare them: {count(len(shown), 'was', 'were')} ticked."
        return {"base": shown[1], "head": shown[0]}, ""
    if query.get("base") != PREVIOUS:
        return query, ""
    names = [run.run for run in runs]
    at = names.index(query.get("head", "")) if query.get("head", "") in names else len(names)
    suite = runs[at].suite if at < len(names) else ""
    before = next((run.run for run in runs[at + 1 :] if run.suite == suite), "")
    same = {"base_candidate": query.get("base_candidate") or query.get("head_candidate", "")}
    return {**query, **same, "base": before}, "" if before else "There is no judged run of this suite before that one."


def _side(site: Site, run: str, candidate: str) -> ChosenSide:
    if not run:
        return ChosenSide()
    summary = site.summaries.of(site.run(run))
    names = tuple(one.name for one in summary.candidates)
    if candidate and candidate not in names:
        candidate = ""  # of the run that was chosen before
    return ChosenSide(run=run, candidate=candidate or (names[0] if names else ""), candidates=names)


def _other(side: ChosenSide) -> ChosenSide:
    """Take another candidate of the same run, where there is one."""
    others = [name for name in side.candidates if name != side.candidate]
    return msgspec.structs.replace(side, candidate=others[0]) if others else side


def _compared(site: Site, base: ChosenSide, head: ChosenSide) -> tuple[Comparison | None, str]:
    if (base.run, base.candidate) == (head.run, head.candidate):
        return None, "Both sides are the same candidate of the same run."
    folders = site.run(base.run), site.run(head.run)
    key = (base, head, *(_journal_stamp(folder) for folder in folders))
    try:
        made = site.comparisons.soon(key, lambda: _compare(folders, base, head), patience_s=site.patience_s)
        return made, "" if made else _COMPARING
    except HarnessError as error:
        return None, f"These two can't be compared: {error.message}"


def _compare(folders: tuple[RunFolder, RunFolder], base: ChosenSide, head: ChosenSide) -> Comparison:
    before = views_of(folders[0].path)
    after = before if folders[0].path == folders[1].path else views_of(folders[1].path)
    return compare(before[base.candidate], after[head.candidate])


def _journal_stamp(folder: RunFolder) -> tuple[int, int]:
    if folder.journal is None:
        raise UsageError(f"run {folder.name} has no journal: nothing was sent")
    status = folder.journal.stat()
    return status.st_mtime_ns, status.st_size
