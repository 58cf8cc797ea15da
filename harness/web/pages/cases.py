"""The table of cases of one candidate: filtered, searched, sorted and paged over any number of trials."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields

import msgspec
import numpy as np

from harness.errors import UsageError
from harness.journal import read_at
from harness.judge import NO_LABEL, OUTCOMES
from harness.judge.labels import said
from harness.judge.table.columns import NONE, Int64
from harness.record import CaseRow, Record
from harness.report.export import csv_lines
from harness.web.index import ORDERS, RIGHT, CaseFilter, RunIndex, Selection
from harness.web.site import Paging, Query, ReadSoFar, RunFolder, Site, number_of

PER_PAGE = 50
_AT_ONCE = 500  # cases of a download that are read together
_PREVIEW = 240  # characters of a text in the table
ALL = "all"  # variants, or candidates, together


class CaseSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the table."""

    case: str
    text: str  # inputs on one line, cut
    expected: str
    split: str
    tags: tuple[str, ...]
    answers: dict[str, int]  # label, or the outcome without one -> trials
    by_candidate: dict[str, dict[str, int]]  # the same, of each candidate where all are asked for
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
        query={key: value for key, value in query.items() if key in CASE_FILTERS and value},
        wanted={**dict.fromkeys(CASE_FILTERS, ""), **_written(wanted)},
        candidates=(*index.candidates, ALL) if len(index.candidates) > 1 else index.candidates,
        variants=(*index.variants, ALL) if len(index.variants) > 1 else index.variants,
        labels=index.labels,
        outcomes=(*OUTCOMES, NO_LABEL),
        splits=index.cases.splits,
        tags=tuple(index.cases.tags),
        orders=ORDERS,
        rows=tuple(_row(index, selection, one) for one in _shown(folder, index, selection, shown)),
        paging=paging,
        cases=len(index.cases),
        trials=len(index.trials),
        slow_from_s=None if slow_from == NONE else slow_from / 1e9,
        cut_texts=index.cut_texts,
        live=folder.live,
    )


CASE_FILTERS = tuple(field.name for field in fields(CaseFilter))
DOWNLOADS = {"csv": "text/csv", "jsonl": "application/x-ndjson"}


def cases_download(site: Site, name: str, query: Query, kind: str) -> Iterator[str] | StillReading:
    """Give every matching case, texts whole, as lines of CSV or JSON. Raises UsageError before the first line."""
    folder = site.run(name)
    index = site.shelf.index(folder)
    if isinstance(index, ReadSoFar):
        return StillReading(run=name, indexed=index.share, megabytes=index.size / 1e6)
    selection = selection_of(site, folder, index, wanted_of(index, query))
    chunks = (selection.cases[at : at + _AT_ONCE] for at in range(0, len(selection.cases), _AT_ONCE))
    every = (one for chunk in chunks for one in _shown(folder, index, selection, chunk))
    columns = CaseSummary.__struct_fields__
    rows = (msgspec.structs.asdict(_row(index, selection, one, whole=True)) for one in every)
    if kind == "csv":
        return csv_lines(columns, ([_cell(row[column]) for column in columns] for row in rows))
    return (json.dumps(row) + "\n" for row in rows)


def _cell(value: object) -> object:
    """Write what is no text or number as one text; replace a lone surrogate, which no file can hold."""
    match value:
        case tuple():
            return ";".join(value).encode("utf-8", "replace").decode()
        case dict():
            return json.dumps(value)
        case str():
            return value.encode("utf-8", "replace").decode()
    return value


def wanted_of(index: RunIndex, query: Query) -> CaseFilter:
    """Read the filters of an address; the first candidate when none is named. Raises UsageError."""
    order, right = query.get("order", "") or "file", query.get("right", "")
    if order not in ORDERS or right not in RIGHT:
        raise UsageError(f"there is no order {order!r} or result {right!r}")
    variant = query.get("variant", "") or "original"
    candidate = query.get("candidate", "") or index.candidates[0]
    texts = {name: query.get(name, "") for name in CASE_FILTERS}
    ticked = {name: bool(texts[name]) for name in ("flipped", "slow", "differ")}
    sides = {"candidate": "" if candidate == ALL else candidate, "variant": "" if variant == ALL else variant}
    return msgspec.convert({**texts, **ticked, **sides, "order": order}, CaseFilter)


def selection_of(site: Site, folder: RunFolder, index: RunIndex, wanted: CaseFilter) -> Selection:
    """Find the matching cases. Raises UsageError where the run has no such label, split or candidate."""
    try:
        return site.shelf.selection(folder, index, wanted)
    except KeyError as missing:
        said = f"run {folder.name} has no {missing.args[0]!r}"
        raise UsageError(said, fix="Choose from the lists of the cases page.") from None


def _written(wanted: CaseFilter) -> dict[str, str]:
    texts = {key: ("1" if value is True else value or "") for key, value in asdict(wanted).items()}
    return {**texts, "variant": wanted.variant or ALL, "candidate": wanted.candidate or ALL}


@dataclass(frozen=True, slots=True)
class _Shown:
    """A matching case: its trials, its line of the journal where it has one, and the trial that tells most."""

    row: int
    trials: Int64
    case: CaseRow | None
    told: object


def _shown(folder: RunFolder, index: RunIndex, selection: Selection, shown: Int64) -> Iterator[_Shown]:
    """Read the lines of these cases, and one trial of each, from the journal."""
    # Give the chosen trials of each shown case, by variant and repeat
    among = np.zeros(len(index.cases), dtype=np.bool_)
    among[shown] = True
    rows = np.flatnonzero(among[index.trials.case] & selection.trials)
    found: dict[int, list[int]] = {row: [] for row in shown.tolist()}
    for row in rows[np.lexsort((index.trials.repeat[rows], index.trials.variant[rows]))].tolist():
        found[int(index.trials.case[row])].append(row)
    trials = {case: np.array(trials, dtype=np.int64) for case, trials in found.items()}
    journal = folder.journal
    assert journal is not None, "an index was made of it"
    placed = [row for row in shown.tolist() if index.cases.seq[row] != NONE]
    cases = dict(zip(placed, read_at(journal, [index.cases.place(row) for row in placed]), strict=True))
    told = {row: _telling(index, rows) for row, rows in trials.items()}
    records = dict(zip(told, read_at(journal, [index.trials.place(row) for row in told.values()]), strict=True))
    for row in shown.tolist():
        case = cases.get(row)
        yield _Shown(row, trials[row], case if isinstance(case, CaseRow) else None, records[row])


def _telling(index: RunIndex, trials: Int64) -> int:
    """Choose the trial whose reply is shown: the first that is wrong, else the first."""
    wrong = index.trials.answer[trials] != index.cases.expected[index.trials.case[trials]]
    return int(trials[int(wrong.argmax())])


def _row(index: RunIndex, selection: Selection, one: _Shown, whole: bool = False) -> CaseSummary:
    figures, row = selection.figures, one.row
    slowest = int(figures.slowest_ns[row])
    expected, split = int(index.cases.expected[row]), int(index.cases.split[row])
    cut = str if whole else _cut
    candidates = index.trials.candidate[one.trials]
    apart = () if selection.basis.candidate else range(len(index.candidates))
    return CaseSummary(
        case=index.cases.ids[row],
        text=cut("  ".join(one.case.inputs.values() if one.case else ())),
        expected=index.labels[expected] if expected != NONE else "",
        split=index.cases.splits[split] if split != NONE else "",
        tags=index.cases.tagsets[int(index.cases.tagset[row])],
        answers=_answers(index, one.trials),
        by_candidate={index.candidates[n]: _answers(index, one.trials[candidates == n]) for n in apart},
        trials=int(figures.trials[row]),
        right=int(figures.right[row]),
        flipped=bool(figures.flipped[row]),
        slow=bool(figures.slow[row]),
        slowest_s=None if slowest == NONE else slowest / 1e9,
        reply=cut(said(one.told.outcome)) if isinstance(one.told, Record) else "",
    )


def _answers(index: RunIndex, trials: Int64) -> dict[str, int]:
    return dict(Counter(answer_name(index, int(n)) for n in index.trials.answer[trials]).most_common())


def answer_name(index: RunIndex, answer: int) -> str:
    """Name an answer: its label, or the outcome that left none."""
    return index.labels[answer] if answer >= 0 else OUTCOMES[-1 - answer]


def _cut(text: str) -> str:
    line = " ".join(text[: _PREVIEW * 2].split())
    return line if len(line) <= _PREVIEW else line[: _PREVIEW - 1] + "…"
