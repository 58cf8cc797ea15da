"""Which cases of two runs are the same, and both sides' trials on them, numbered alike.

A case is paired with the one that has its id and the same inputs; what remains is paired by its inputs, so
that renumbered cases find each other. A case whose inputs were edited asks another question: it is listed,
not paired. Trials that were never run say nothing and are left out; failed ones count as misses.
"""

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from harness.files.case import case_digest
from harness.judge.scores import Answers, Resampling, in_seconds
from harness.judge.view import FAILED, NONE, Bool, CaseColumns, Float, Int16, Int64, TrialColumns, View, clocked


@dataclass(frozen=True, slots=True)
class Matching:
    """Rows of the paired cases on both sides, in the order of the head's ids, and what is left over."""

    base: Int64
    head: Int64
    by_digest: int
    unpaired_base: tuple[int, ...]
    unpaired_head: tuple[int, ...]
    edited: tuple[int, ...]  # head rows


def match(base: CaseColumns, head: CaseColumns, base_has: Bool, head_has: Bool) -> Matching:
    """Pair the cases that have trials on their side (`base_has`, `head_has`)."""
    base_left = {base.ids[row]: row for row in np.flatnonzero(base_has).tolist()}
    pairs: list[tuple[int, int]] = []
    head_left: list[int] = []
    for row in np.flatnonzero(head_has).tolist():
        other = base_left.get(head.ids[row])
        if other is not None and _inputs(base, other) == _inputs(head, row):
            pairs.append((row, base_left.pop(head.ids[row])))
        else:
            head_left.append(row)
    known: dict[str, list[int]] = defaultdict(list)
    for row in sorted(base_left.values(), reverse=True):
        if inputs := _inputs(base, row):
            known[case_digest(inputs)].append(row)
    alike = {row: known[digest].pop() for row in head_left if known.get(digest := _digest(head, row))}
    free = {case: row for case, row in base_left.items() if row not in set(alike.values())}
    rest = [row for row in head_left if row not in alike]
    edited = {head.ids[row] for row in rest} & free.keys()
    both = sorted([*pairs, *alike.items()])
    return Matching(
        base=np.array([other for _, other in both], dtype=np.int64),
        head=np.array([row for row, _ in both], dtype=np.int64),
        by_digest=len(alike),
        unpaired_base=tuple(row for case, row in sorted(free.items()) if case not in edited),
        unpaired_head=tuple(row for row in rest if head.ids[row] not in edited),
        edited=tuple(row for row in rest if head.ids[row] in edited),
    )


def _inputs(cases: CaseColumns, row: int) -> dict[str, str]:
    return cases.inputs[row] if cases.inputs else {"text": cases.texts[row]}


def _digest(cases: CaseColumns, row: int) -> str:
    inputs = _inputs(cases, row)
    return case_digest(inputs) if inputs else ""


class Side:
    """One candidate's trials on the paired cases; `answers.case` is the number of the pair."""

    def __init__(self, view: View, rows: Int64, expected: Int16, labels: tuple[str, ...]) -> None:
        self.view = view
        self.rows = rows
        self.labels = labels
        self.place = np.full(len(view.cases), NONE, dtype=np.int64)
        self.place[rows] = np.arange(len(rows))
        self.trials = self._kept(view.trials)
        self.answers = self.answers_of(self.trials, expected)
        self._expected = expected

    @property
    def case(self) -> Int64:
        """The pair of each trial."""
        return np.asarray(self.answers.case, dtype=np.int64)

    @property
    def right(self) -> Bool:
        """Which trials got the expected label."""
        return self.answers.right

    @cached_property
    def resampling(self) -> Resampling:
        """The draws that all averaged figures share."""
        return Resampling.of(self.answers, seed=self.view.suite.seed)

    def _kept(self, trials: TrialColumns) -> TrialColumns:
        return trials.where(np.asarray(self.place[trials.case] != NONE, dtype=np.bool_))

    def answers_of(self, trials: TrialColumns, expected: Int16) -> Answers:
        """Give answers in the labels that both sides share, against the head's expected labels."""
        code = np.array([*(self.labels.index(label) for label in self.view.labels), NONE], dtype=np.int16)
        case = self.place[trials.case]
        return Answers(case, expected[case], code[trials.predicted], self.labels)

    def of_variant(self, variant: str) -> Answers | None:
        """Give the answers to a perturbation; None where it was not measured."""
        every = self.view.every_trial
        if variant not in every.variants:
            return None
        wanted = np.asarray(every.variant == every.variants.index(variant), dtype=np.bool_)
        trials = self._kept(every.where(wanted))
        return self.answers_of(trials, self._expected) if len(trials) else None

    def per_case(self, hits: Bool | Float, keep: Bool | None = None) -> tuple[Float, Float]:
        """Give the sum of `hits` and the number of trials of each pair, of all trials or of some."""
        case = self.case if keep is None else self.case[keep]
        chosen = hits if keep is None else hits[keep]
        pairs = len(self.rows)
        summed = np.bincount(case, weights=chosen, minlength=pairs)
        return summed.astype(np.float64), np.bincount(case, minlength=pairs).astype(np.float64)

    def times(self, column: Int64) -> tuple[Float, Int64]:
        """Give the seconds of the trials that say something of a clock, and the pair of each."""
        keep = clocked(self.trials, column)
        return in_seconds(column[keep], self.trials.outcome[keep] == FAILED), self.case[keep]


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Two candidates on the cases that both have."""

    matching: Matching
    base: Side
    head: Side
    labels: tuple[str, ...]
    expected: Int16  # the head's, in `labels`; one entry per pair
    relabelled: tuple[int, ...]  # pairs whose expected label is not the same

    @property
    def cases(self) -> int:
        """How many cases are paired."""
        return len(self.matching.head)

    @property
    def confidence(self) -> float:
        """Of every interval."""
        return self.head.view.confidence

    @property
    def positive(self) -> int | None:
        """The head's positive label, in `labels`."""
        return self.head.view.positive


def pair(base: View, head: View) -> Pairs:
    """Pair two candidates' cases."""
    matching = match(base.cases, head.cases, _measured(base), _measured(head))
    labels = (*head.labels, *(label for label in base.labels if label not in head.labels))
    expected = np.asarray(head.cases.expected[matching.head], dtype=np.int16)
    code = np.array([labels.index(label) for label in base.labels], dtype=np.int16)
    before = code[base.cases.expected[matching.base]]
    return Pairs(
        matching=matching,
        base=Side(base, matching.base, expected, labels),
        head=Side(head, matching.head, expected, labels),
        labels=labels,
        expected=expected,
        relabelled=tuple(np.flatnonzero(before != expected).tolist()),
    )


def _measured(view: View) -> Bool:
    """Tell which cases have a trial that was run."""
    has = np.zeros(len(view.cases), dtype=np.bool_)
    has[view.trials.case] = True
    return has
