"""What a reader of the cases table wants, and the cases that match, in the wanted order."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from harness.judge import NO_LABEL, OUTCOMES
from harness.judge.table.columns import NONE, Bool, Int64
from harness.web.index.columns import RunIndex

Right = Literal["", "always", "sometimes", "never", "wrong"]  # wrong: at least once
Order = Literal["file", "id", "wrong", "slowest", "fastest", "expected"]
RIGHT: tuple[Right, ...] = get_args(Right)
ORDERS: tuple[Order, ...] = get_args(Order)
SLOW_SHARE = 0.95  # a case is slow when its slowest trial is beyond this share of the candidate's cases


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFilter:
    """Filters and order, all optional; an empty text asks for everything."""

    candidate: str = ""  # empty: all candidates together
    variant: str = "original"  # empty: all variants together
    right: Right = ""
    outcome: str = ""
    expected: str = ""
    read_as: str = ""
    label: str = ""  # expected or read
    split: str = ""
    tag: str = ""
    flipped: bool = False
    slow: bool = False
    differ: bool = False  # two candidates' most frequent answers are not the same
    search: str = ""
    order: Order = "file"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFigures:
    """What each case of a run came to, for one candidate and one variant or all."""

    trials: Int64
    right: Int64
    slowest_ns: Int64  # NONE where nothing was sent
    flipped: Bool  # answered in more than one way
    slow: Bool
    slow_from_ns: int  # NONE where nothing was timed


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What every table of one candidate and variant rests on."""

    candidate: str  # empty: all of them
    trials: Bool  # the trials of the candidate and variant
    figures: CaseFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The matching cases in order, with the figures of all."""

    cases: Int64  # rows of CaseRows
    basis: Basis

    @property
    def figures(self) -> CaseFigures:
        """What each case came to, the matching ones and the others."""
        return self.basis.figures

    @property
    def trials(self) -> Bool:
        """The trials of the candidate and variant."""
        return self.basis.trials


def basis_of(index: RunIndex, candidate: str, variant: str) -> Basis:
    """Sum up the cases of a candidate and a variant, an empty one for all; KeyError where there is none."""
    chosen = index.rows_of(_place(candidate, index.candidates), _place(variant, index.variants))
    return Basis(candidate=candidate, trials=chosen, figures=figures_shown(index, chosen))


def figures_shown(index: RunIndex, chosen: Bool) -> CaseFigures:
    """Sum up the chosen trials by case."""
    size = len(index.cases)
    case = index.trials.case[chosen]
    answer = index.trials.answer[chosen]
    expected = index.cases.expected[case]
    low = np.full(size, np.iinfo(np.int16).max, dtype=np.int16)
    high = np.full(size, np.iinfo(np.int16).min, dtype=np.int16)
    slowest = np.full(size, NONE, dtype=np.int64)
    np.minimum.at(low, case, answer)
    np.maximum.at(high, case, answer)
    np.maximum.at(slowest, case, index.trials.caller_ns[chosen])
    timed = slowest[slowest != NONE]
    limit = int(np.quantile(timed, SLOW_SHARE)) if len(timed) else NONE
    return CaseFigures(
        trials=np.bincount(case, minlength=size),
        right=np.bincount(case[(answer == expected) & (expected != NONE)], minlength=size),
        slowest_ns=slowest,
        flipped=low < high,
        slow=(slowest > limit) & (limit != NONE),
        slow_from_ns=limit,
    )


def answers_differ(index: RunIndex, chosen: Bool) -> Bool:
    """Tell on which cases two candidates' most frequent answers differ; of equally frequent ones the first counts."""
    trials, lowest, many = index.trials, len(OUTCOMES), len(index.labels) + len(OUTCOMES)
    asked = trials.case[chosen].astype(np.int64) * len(index.candidates) + trials.candidate[chosen]
    keys, times = np.unique(asked * many + trials.answer[chosen] + lowest, return_counts=True)
    order = np.lexsort((keys, -times, keys // many))
    asked, answer = np.divmod(keys[order], many)
    _, first = np.unique(asked, return_index=True)
    case, answer = asked[first] // len(index.candidates), answer[first]
    low, high = np.full(len(index.cases), many), np.full(len(index.cases), -1)
    np.minimum.at(low, case, answer)
    np.maximum.at(high, case, answer)
    return np.asarray(low < high, dtype=np.bool_)


def select(index: RunIndex, wanted: CaseFilter, basis: Basis | None = None) -> Selection:
    """Find the matching cases of one candidate; KeyError names what the run does not have."""
    basis = basis or basis_of(index, wanted.candidate, wanted.variant)
    rows = np.flatnonzero(_matching(index, wanted, basis.trials, basis.figures))
    return Selection(cases=rows[_order(index, wanted.order, basis.figures, rows)], basis=basis)


def _matching(index: RunIndex, wanted: CaseFilter, chosen: Bool, figures: CaseFigures) -> Bool:
    keep = np.asarray(figures.trials > 0, dtype=np.bool_)
    if wanted.right:
        keep &= {
            "always": figures.right == figures.trials,
            "sometimes": (figures.right > 0) & (figures.right < figures.trials),
            "never": figures.right == 0,
            "wrong": figures.right < figures.trials,
        }[wanted.right]
    if (expected := _place(wanted.expected, index.labels)) is not None:
        keep &= index.cases.expected == expected
    if wanted.outcome or wanted.read_as or wanted.label:
        keep &= index.cases_with(chosen & _trials_so(index, wanted))
    if (split := _place(wanted.split, index.cases.splits)) is not None:
        keep &= index.cases.split == split
    if wanted.tag:
        keep &= index.cases.tagged(wanted.tag)
    if wanted.flipped:
        keep &= figures.flipped
    if wanted.slow:
        keep &= figures.slow
    if wanted.differ:
        keep &= answers_differ(index, index.rows_of(None, _place(wanted.variant, index.variants)))
    if wanted.search.strip():
        replies = index.replies.matching(wanted.search)
        found = index.cases.texts.matching(wanted.search)
        keep &= found | index.cases_with(chosen & replies[index.trials.reply])
    return keep


def _trials_so(index: RunIndex, wanted: CaseFilter) -> Bool:
    """Tell which trials ended as wanted; the wrong ones where wrong ones are wanted."""
    answer, expected = index.trials.answer, index.cases.expected[index.trials.case]
    so = np.ones(len(index.trials), dtype=np.bool_)
    if wanted.outcome == NO_LABEL:
        so &= answer < 0
    elif (outcome := _place(wanted.outcome, OUTCOMES)) is not None:
        so &= index.trials.outcome == outcome
    if (read_as := _place(wanted.read_as, index.labels)) is not None:
        so &= answer == read_as
    if (label := _place(wanted.label, index.labels)) is not None:
        so &= (answer == label) | (expected == label)
    return so & (answer != expected) if wanted.right == "wrong" else so


def _order(index: RunIndex, order: Order, figures: CaseFigures, rows: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    match order:
        case "file":
            return np.arange(len(rows))
        case "id":
            return np.argsort(index.cases.id_rank[rows], kind="stable")
        case "wrong":
            return np.argsort(figures.right[rows] / figures.trials[rows], kind="stable")
        case "slowest":
            return np.argsort(-figures.slowest_ns[rows], kind="stable")
        case "fastest":
            times = figures.slowest_ns[rows]
            return np.argsort(np.where(times == NONE, np.iinfo(np.int64).max, times), kind="stable")
        case "expected":
            return np.argsort(index.cases.expected[rows], kind="stable")


def _place(name: str, names: tuple[str, ...]) -> int | None:
    """Give the place of a name; None for an empty one, KeyError for one that is not there."""
    if not name:
        return None
    if name not in names:
        raise KeyError(name)
    return names.index(name)
