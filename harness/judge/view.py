"""A measured run and each of its candidates, with all that judging needs; what several use is computed once.

`RunView` holds what is the same for all candidates of a run, `View` what is one candidate's. What only one
room needs is written there as a function under `@once`: a cached property that stays in its own room. Who reads a
view takes the types and words of its columns from here as well.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import cached_property, wraps
from typing import TypeVar

import numpy as np

from harness.cores import beside, usable
from harness.files.project.entry import ModelEntry
from harness.files.suite.policy import Suite, Threshold, thresholds_of
from harness.judge import OUTCOMES, PastRun
from harness.judge.scores import (
    NONE,
    Answers,
    Bool,
    Float,
    Int16,
    Int64,
    Resampling,
    Votes,
    distinct,
    ends_of,
    in_seconds,
    second_error,
)
from harness.judge.table.columns import (
    DEV,
    FAILURES,
    HOLDOUT,
    VIAS,
    CaseColumns,
    Int32,
    RunTable,
    Stopped,
    TrialColumns,
    Where,
    counts_of_each,
    named_counts,
)
from harness.rundir import MANIFEST, CandidateEntry, Manifest

FAILED = OUTCOMES.index("failed")
LABEL = OUTCOMES.index("label")
SYNC = VIAS.index("sync")
_RENDER = FAILURES.index("render")
BESIDE = range(200_000, 3_000_000)  # trials of which two things are made at a time: fewer are quick, more take memory
_Of = TypeVar("_Of")
_T = TypeVar("_T")


def once(compute: Callable[[_Of], _T]) -> Callable[[_Of], _T]:
    """Make a function of a view, a run or a side a cached property of it."""
    name = f"{compute.__module__}.{compute.__qualname__}"

    @wraps(compute)
    def kept(of: _Of) -> _T:
        known = vars(of)
        if name not in known:
            known[name] = compute(of)
        found: _T = known[name]
        return found

    return kept


def clocked(trials: TrialColumns, column: Int64) -> Bool:
    """Tell which trials say something of a clock: those with a time, and failed ones (over any limit).

    None does where there are replies and not one of them has a time: then nobody looked at that clock. What failed in a
    batch or at a slower tier tells nothing either.
    """
    timed = np.asarray(column != NONE, dtype=np.bool_)
    at_once = (trials.via == SYNC) | ((trials.via == NONE) & ~(trials.via > SYNC).any())
    failed = np.asarray((trials.outcome == FAILED) & at_once, dtype=np.bool_)
    if not timed[trials.outcome != FAILED].any() and not failed.all():
        return np.zeros(len(timed), dtype=np.bool_)
    return timed | failed


def lost(trials: TrialColumns) -> Bool:
    """Tell which trials the endpoint failed, so that nobody knows what the prompt would have said.

    A template that fails on a case is the prompt's own.
    """
    failed = (trials.outcome == FAILED) & (trials.failure != NONE)
    return np.asarray(failed & (trials.failure != _RENDER), dtype=np.bool_)


class RunView:
    """A whole run: its cases, its candidates, and the thresholds that it is judged by."""

    def __init__(
        self,
        manifest: Manifest,
        table: RunTable,
        *,
        past: Sequence[PastRun] = (),
        thresholds: Sequence[Threshold] | None = None,
    ) -> None:
        self.manifest = manifest
        self.table = table
        self.past = tuple(past)  # of all candidates of suites of this name, oldest first
        self.suite = Suite.model_validate(manifest.suite)
        self._given = thresholds  # in place of the suite's own
        self.has_room = usable() > 1 and table.journalled in BESIDE  # to do two things at a time

    def beside(self, function: Callable[..., _T], *args: object) -> "Future[_T]":
        """Begin something beside what the caller does next; its views are its own, where `has_room`."""
        return beside(self.has_room, function, *args)

    @cached_property
    def views(self) -> "tuple[View, ...]":
        """The candidates, in the order of the manifest."""
        return tuple(View(self, entry, self.table.trials[entry.name]) for entry in self.manifest.candidates)

    @cached_property
    def has_defaults(self) -> bool:
        """Whether nobody named thresholds, so that the documented ones apply."""
        return self._given is None and not self.suite.thresholds

    @cached_property
    def error(self) -> float:
        """The error that one decision may have: of a second look, what the first one left of it."""
        alone, before = 1 - self.suite.confidence, self.manifest.second_look
        among = len(self.manifest.candidates)
        return alone if before is None else second_error(alone, before.share, among=among)

    @cached_property
    def policy(self) -> tuple[Threshold, ...]:
        """The thresholds in force: those given, else the suite's own, else all documented defaults."""
        return thresholds_of(self.suite, written_in=MANIFEST) if self._given is None else tuple(self._given)


class View:
    """The trials of one candidate; `trials` are the unchanged cases, on which every headline figure rests."""

    def __init__(
        self, run: RunView, entry: CandidateEntry, every_trial: TrialColumns, originals: TrialColumns | None = None
    ) -> None:
        self.run = run
        self.manifest = run.manifest
        self.suite = run.suite
        self.past = run.past
        self.cases: CaseColumns = run.table.cases
        self.entry = entry
        self.every_trial = every_trial  # variants included
        self.trials = every_trial.originals() if originals is None else originals
        self.labels = run.suite.labels
        self.confidence = run.suite.confidence
        self.positive = None if run.suite.positive is None else self.labels.index(run.suite.positive)

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
        return Answers(self.trials.case, self.trials.expected, self.trials.predicted, self.labels)

    @cached_property
    def answer_codes(self) -> Int32:
        """The answers to the unchanged cases as numbers."""
        return self.codes_of(self.trials)

    def codes_of(self, trials: TrialColumns) -> Int32:
        """Give each trial's answer as a number: its label, or else its outcome as an answer of its own.

        Each failed trial of a case has a number of its own: nobody answered, so that it agrees with nothing.
        """
        outcome, k = trials.outcome, len(self.labels)
        codes = np.where(outcome == LABEL, trials.predicted, outcome.astype(np.int16) + k).astype(np.int32)
        repeats = int(self.every_trial.repeat.max(initial=0)) + 1
        failed = outcome == FAILED
        codes[failed] = k + FAILED + trials.variant[failed].astype(np.int64) * repeats + trials.repeat[failed]
        return codes

    @cached_property
    def most_codes(self) -> int:
        """One more than the greatest number that an answer may have."""
        every = self.every_trial
        known = len(self.labels) + len(OUTCOMES)
        if not (every.outcome == FAILED).any():
            return known
        return known + len(every.variants) * (int(every.repeat.max(initial=0)) + 1)

    def answer_name(self, code: int) -> str:
        """Give the label or outcome that a code stands for."""
        k = len(self.labels)
        return self.labels[code] if code < k else OUTCOMES[min(code - k, FAILED)]

    @cached_property
    def votes(self) -> Votes:
        """How often each case got each answer; cases asked once are left out."""
        return Votes.of(self.trials.case, self.answer_codes, told=len(self.labels) + FAILED)

    @cached_property
    def resampling(self) -> Resampling:
        """The draws that all averaged figures share."""
        return Resampling.of(self.answers, seed=self.suite.seed)

    @cached_property
    def timed(self) -> Bool:
        """Trials that say something of latency: all but recorded replies without a recorded time."""
        return clocked(self.trials, self.trials.caller_ns)

    @cached_property
    def waited(self) -> str:
        """Say why replies have no time that production would see; empty where all were asked at once."""
        ways = {VIAS[way] for way in np.unique(self.trials.via) if way != NONE} - {"sync"}
        if "flex" in ways or "flex" in named_counts(self.trials.tier, self.trials.tiers):
            return "measured at flex"
        return "not measured in a batch" if ways else ""

    def on_clock(self, column: Int64) -> Bool:
        """Tell which trials say something of a clock; what a replies file leaves out is not known."""
        return clocked(self.trials, column) if self.trials.recorded else self.timed

    def times(self, column: Int64) -> tuple[Float, Int64]:
        """Give seconds of the timed trials, infinite where they failed (over any limit), and their cases."""
        on_clock = self.on_clock(column)
        keep = slice(None) if on_clock.all() else on_clock
        return in_seconds(column[keep], self.failed[keep]), self.trials.case[keep].astype(np.int64)

    def recorded_of(self, column: Int64) -> tuple[int, int]:
        """Give how many replies have a time on a clock, and how many replies there are."""
        replies = ~self.failed
        return int(np.count_nonzero(replies & (column != NONE))), int(np.count_nonzero(replies))

    @cached_property
    def failed(self) -> Bool:
        """Trials that ended without a reply."""
        return np.asarray(self.trials.outcome == FAILED, dtype=np.bool_)

    @cached_property
    def lost(self) -> int:
        """How many trials of the unchanged cases the endpoint failed."""
        return int(lost(self.trials).sum())

    @cached_property
    def answered(self) -> "View":
        """The same candidate without what the endpoint failed: all that is known of the prompt."""
        if not lost(self.every_trial).any():
            return self
        every = self.every_trial.where(~lost(self.every_trial))
        alike = self.trials is self.every_trial
        return View(self.run, self.entry, every, every if alike else self.trials.where(~lost(self.trials)))

    @property
    def stopped(self) -> Stopped | None:
        """How its verdict was settled before all cases were asked; None where all were."""
        return self.run.table.stopped.get(self.entry.name)

    @property
    def missing(self) -> int:
        """How many planned trials were not run: the run ended before them."""
        return self.trials.not_run

    @property
    def error(self) -> float:
        """The error that one decision may have."""
        return self.run.error

    @cached_property
    def repeats(self) -> int:
        """The most repeats that a case has."""
        return int(self.trials.repeat.max(initial=-1)) + 1

    def cases_in(self, which: Bool | Int64) -> int:
        """Count the cases of some trials."""
        return distinct(self.trials.case[which])

    def has(self, where: Where) -> Bool:
        """Tell which trials are of cases that match every filter."""
        return np.asarray(self.cases.having(where)[self.trials.case], dtype=np.bool_)

    def narrowed(self, where: Where) -> "View":
        """Give the same candidate on a part of the cases."""
        return self.of_trials(self.has(where)) if where else self

    def of_trials(self, keep: Bool) -> "View":
        """Give the same candidate on a part of its trials."""
        return View(self.run, self.entry, self.every_trial, self.trials.where(keep))
