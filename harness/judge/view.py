"""One candidate of a run, with all that judging it needs; what several sections use is computed once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from harness.files.project import ModelEntry
from harness.files.suite import Suite
from harness.judge.documents.assessment import OUTCOMES
from harness.judge.documents.history import PastRun
from harness.judge.scores.answers import Answers
from harness.judge.scores.classification import Resampling
from harness.judge.scores.latency import seconds
from harness.judge.table.columns import NONE, Bool, CaseColumns, Float, Int64, TrialColumns
from harness.rundir import CandidateEntry, Manifest

FAILED = OUTCOMES.index("failed")
LABEL = OUTCOMES.index("label")
_T = TypeVar("_T")
Where = tuple[tuple[str, str], ...]


def clocked(trials: TrialColumns, column: Int64) -> Bool:
    """Tell which trials say something of a clock: those with a time, and failed ones (over any limit).

    None does where there are replies and not one of them has a time: then nobody looked at that clock.
    """
    timed = np.asarray(column != NONE, dtype=np.bool_)
    failed = np.asarray(trials.outcome == FAILED, dtype=np.bool_)
    if not timed[~failed].any() and not failed.all():
        return np.zeros(len(timed), dtype=np.bool_)
    return timed | failed


class View:
    """The trials of one candidate; `trials` are the unchanged cases, on which every headline figure rests."""

    def __init__(
        self,
        *,
        manifest: Manifest,
        suite: Suite,
        entry: CandidateEntry,
        cases: CaseColumns,
        every_trial: TrialColumns,
        originals: TrialColumns | None = None,
        of_run: dict[str, Any] | None = None,
        past: Sequence[PastRun] = (),
    ) -> None:
        self.manifest = manifest
        self.suite = suite
        self.entry = entry
        self.cases = cases
        self.every_trial = every_trial  # variants included
        self.trials = every_trial.originals() if originals is None else originals
        self.past = tuple(past)  # of all candidates of suites of this name, oldest first
        self.labels = suite.labels
        self.confidence = suite.confidence
        self._once: dict[str, Any] = {}
        self._of_run: dict[str, Any] = {} if of_run is None else of_run  # shared by all candidates
        self.positive = None if suite.positive is None else suite.labels.index(suite.positive)

    def once(self, name: str, compute: Callable[[], _T]) -> _T:
        """Compute something that several sections use only once."""
        if name not in self._once:
            self._once[name] = compute()
        return self._once[name]  # type: ignore[no-any-return]

    def shared(self, name: str, compute: Callable[[], _T]) -> _T:
        """Compute something that is the same for all candidates of a run only once."""
        if name not in self._of_run:
            self._of_run[name] = compute()
        return self._of_run[name]  # type: ignore[no-any-return]

    @cached_property
    def model(self) -> ModelEntry:
        """The model entry as measured."""
        return ModelEntry.model_validate(self.entry.model)

    @property
    def currency(self) -> str:
        """The currency of the model's prices."""
        return self.model.price.currency

    @cached_property
    def answers(self) -> Answers:
        """Expected and given labels."""
        return self.answers_of(self.trials)

    def answers_of(self, trials: TrialColumns) -> Answers:
        """Give expected and given labels of some trials."""
        return Answers(trials.case, trials.expected, trials.predicted, self.labels)

    @cached_property
    def resampling(self) -> Resampling:
        """The draws that all averaged figures share."""
        return Resampling.of(self.answers, seed=self.suite.seed)

    @cached_property
    def timed(self) -> Bool:
        """Trials that say something of latency: all but recorded replies without a recorded time."""
        return clocked(self.trials, self.trials.caller_ns)

    @cached_property
    def timed_case(self) -> Int64:
        """The case of each timed trial."""
        return self.trials.case[self.timed].astype(np.int64)

    def times(self, column: Int64) -> Float:
        """Give seconds of the timed trials; failed ones are over any limit (infinite)."""
        return seconds(column[self.timed], self.trials.outcome[self.timed] == FAILED)

    @cached_property
    def failed(self) -> Bool:
        """Trials that ended without a reply."""
        return np.asarray(self.trials.outcome == FAILED, dtype=np.bool_)

    @property
    def missing(self) -> int:
        """How many planned trials were not run: the run ended before them."""
        return 0 if self.trials.not_run is None else int(self.trials.not_run.sum())

    @cached_property
    def repeats(self) -> int:
        """The most repeats that a case has."""
        return int(self.trials.repeat.max(initial=-1)) + 1

    def has(self, where: Where) -> Bool:
        """Tell which trials are of cases that match every filter; an unknown tag or split matches none."""
        keep = np.ones(len(self.cases), dtype=np.bool_)
        for kind, name in where:
            if kind == "tag":
                keep &= self.cases.tags.get(name, np.zeros(len(self.cases), dtype=np.bool_))
            elif name in self.cases.splits:
                keep &= self.cases.split == self.cases.splits.index(name)
            else:
                keep &= False
        return np.asarray(keep[self.trials.case], dtype=np.bool_)

    def narrowed(self, where: Where) -> View:
        """Give the same candidate on a part of the cases."""
        return self.of_trials(self.has(where)) if where else self

    def of_trials(self, keep: Bool) -> View:
        """Give the same candidate on a part of its trials."""
        return View(
            manifest=self.manifest,
            suite=self.suite,
            entry=self.entry,
            cases=self.cases,
            every_trial=self.every_trial,
            originals=self.trials.where(keep),
            of_run=self._of_run,
            past=self.past,
        )
