"""The table of cases of one candidate: filtered, searched, sorted and paged over any number of trials."""

from collections import Counter

import msgspec
import numpy as np

from harness.errors import UsageError
from harness.journal import read_at
from harness.judge import NO_LABEL, OUTCOMES
from harness.judge.labels import said
from harness.judge.table.columns import NONE, Int64
from harness.record import CaseRow, Record
from harness.web.index import CaseFilter, RunIndex, Selection
from harness.web.index.selection import ORDERS, RIGHT, CaseFigures
from harness.web.site import Paging, Query, ReadSoFar, RunFolder, Site, number_of

PER_PAGE = 50
_PREVIEW = 240  # characters of a text in the table
ALL = "all"  # variants together


class CaseSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the table."""

    case: str
    text: str  # inputs on one line, cut
    expected: str
    split: str
    tags: tuple[str, ...]
    answers: dict[str, int]  # label, or the outcome without one -> trials
    trials: int
    right: int
    flipped: bool
    slow: bool
    slowest_s: float | None
    reply: str  # of the first trial that was not read as expected, else of the first, cut


class CasesPage(msgspec.Struct, frozen=True, kw_only=True):
    """The matching cases."""

    run: str
    suite: str
    query: dict[str, str]  # what was asked, without the page
    wanted: dict[str, str]
    candidates: tuple[str, ...]
    variants: tuple[str, ...]
    labels: tuple[str, ...]
    outcomes: tuple[str, ...]
    splits: tuple[str, ...]
    tags: tuple[str, ...]
    orders: tuple[str, ...]
    rows: tuple[CaseSummary, ...]
    paging: Paging
    cases: int  # of the run
    trials: int  # of the run
    slow_from_s: float | None
    cut_texts: int
    live: bool


class StillReading(msgspec.Struct, frozen=True, kw_only=True):
    """The journal is being read for the first time."""

    run: str
    indexed: float
    megabytes: float
    live: bool = True


def cases_page(site: Site, name: str, query: Query) -> CasesPage | StillReading:
    """Make the table. Raises UsageError for a filter that this run does not have."""
    folder = site.run(name)
    index = site.shelf.index(folder)
    if isinstance(index, ReadSoFar):
        return StillReading(run=name, indexed=index.share, megabytes=index.size / 1e6)
    wanted = wanted_of(index, query)
    selection = selection_of(site, folder, index, wanted)
    paging = Paging.of(len(selection.cases), number_of(query, "page", 1), PER_PAGE)
    shown = selection.cases[paging.first : paging.last]
    slow_from = selection.figures.slow_from_ns
    return CasesPage(
        run=name,
        suite=index.manifest.suite_name,
        query={key: value for key, value in query.items() if key in _FILTERS and value},
        wanted={**dict.fromkeys(_FILTERS, ""), **_written(wanted)},
        candidates=index.candidates,
        variants=(*index.variants, ALL) if len(index.variants) > 1 else index.variants,
        labels=index.labels,
        outcomes=(*OUTCOMES, NO_LABEL),
        splits=index.cases.splits,
        tags=tuple(index.cases.tags),
        orders=ORDERS,
        rows=tuple(_rows(folder, index, selection, shown)),
        paging=paging,
        cases=len(index.cases),
        trials=len(index.trials),
        slow_from_s=None if slow_from == NONE else slow_from / 1e9,
        cut_texts=index.cut_texts,
        live=folder.live,
    )


_FILTERS = (
    "candidate",
    "variant",
    "right",
    "outcome",
    "expected",
    "read_as",
    "label",
    "split",
    "tag",
    "flipped",
    "slow",
    "search",
    "order",
)


def wanted_of(index: RunIndex, query: Query) -> CaseFilter:
    """Read the filters of an address; the first candidate when none is named. Raises UsageError."""
    order, right = query.get("order", "") or "file", query.get("right", "")
    if order not in ORDERS or right not in RIGHT:
        raise UsageError(f"there is no order {order!r} or result {right!r}")
    variant = query.get("variant", "") or "original"
    return CaseFilter(
        candidate=query.get("candidate", "") or index.candidates[0],
        variant="" if variant == ALL else variant,
        right=right,
        outcome=query.get("outcome", ""),
        expected=query.get("expected", ""),
        read_as=query.get("read_as", ""),
        label=query.get("label", ""),
        split=query.get("split", ""),
        tag=query.get("tag", ""),
        flipped=bool(query.get("flipped", "")),
        slow=bool(query.get("slow", "")),
        search=query.get("search", ""),
        order=order,
    )


def selection_of(site: Site, folder: RunFolder, index: RunIndex, wanted: CaseFilter) -> Selection:
    """Find the matching cases. Raises UsageError where the run has no such label, split or candidate."""
    try:
        return site.shelf.selection(folder, index, wanted)
    except KeyError as missing:
        raise UsageError(
            f"run {folder.name} has no {missing.args[0]!r}", fix="Choose from the lists of the cases page."
        ) from None


def _written(wanted: CaseFilter) -> dict[str, str]:
    plain = msgspec.to_builtins(msgspec.json.decode(msgspec.json.encode(wanted)))
    texts = {key: ("1" if value is True else "" if value is False else value) for key, value in plain.items()}
    return {**texts, "variant": wanted.variant or ALL}


def _rows(folder: RunFolder, index: RunIndex, selection: Selection, shown: Int64) -> list[CaseSummary]:
    """Sum up the cases of a page: their lines and one trial of each are read from the journal."""
    trials = _trials_of(index, selection, shown)
    journal = folder.journal
    assert journal is not None, "an index was made of it"
    placed = [row for row in shown.tolist() if index.cases.seq[row] != NONE]
    cases = dict(zip(placed, read_at(journal, [index.cases.place(row) for row in placed]), strict=True))
    told = {row: _telling(index, rows) for row, rows in trials.items()}
    records = dict(zip(told, read_at(journal, [index.trials.place(row) for row in told.values()]), strict=True))
    return [_row(index, selection.figures, row, trials[row], (cases.get(row), records[row])) for row in shown.tolist()]


def _trials_of(index: RunIndex, selection: Selection, shown: Int64) -> dict[int, Int64]:
    """Give the chosen trials of each shown case, by variant and repeat."""
    among = np.zeros(len(index.cases), dtype=np.bool_)
    among[shown] = True
    rows = np.flatnonzero(among[index.trials.case] & selection.trials)
    found: dict[int, list[int]] = {row: [] for row in shown.tolist()}
    for row in rows[np.lexsort((index.trials.repeat[rows], index.trials.variant[rows]))].tolist():
        found[int(index.trials.case[row])].append(row)
    return {case: np.array(trials, dtype=np.int64) for case, trials in found.items()}


def _telling(index: RunIndex, trials: Int64) -> int:
    """Choose the trial whose reply is shown: the first that is wrong, else the first."""
    wrong = index.trials.answer[trials] != index.cases.expected[index.trials.case[trials]]
    return int(trials[int(wrong.argmax())])


def _row(index: RunIndex, figures: CaseFigures, row: int, trials: Int64, lines: tuple[object, object]) -> CaseSummary:
    case, record = lines
    inputs = case.inputs if isinstance(case, CaseRow) else {}
    slowest = int(figures.slowest_ns[row])
    expected, split = int(index.cases.expected[row]), int(index.cases.split[row])
    return CaseSummary(
        case=index.cases.ids[row],
        text=_cut("  ".join(inputs.values())),
        expected=index.labels[expected] if expected != NONE else "",
        split=index.cases.splits[split] if split != NONE else "",
        tags=index.cases.tagsets[int(index.cases.tagset[row])],
        answers=dict(Counter(answer_name(index, int(n)) for n in index.trials.answer[trials]).most_common()),
        trials=int(figures.trials[row]),
        right=int(figures.right[row]),
        flipped=bool(figures.flipped[row]),
        slow=bool(figures.slow[row]),
        slowest_s=None if slowest == NONE else slowest / 1e9,
        reply=_cut(said(record.outcome)) if isinstance(record, Record) else "",
    )


def answer_name(index: RunIndex, answer: int) -> str:
    """Name an answer: its label, or the outcome that left none."""
    return index.labels[answer] if answer >= 0 else OUTCOMES[-1 - answer]


def _cut(text: str) -> str:
    line = " ".join(text[: _PREVIEW * 2].split())
    return line if len(line) <= _PREVIEW else line[: _PREVIEW - 1] + "…"
