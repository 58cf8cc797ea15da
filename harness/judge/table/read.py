"""Journal events -> columns: one pass over the records, then everything is arrays.

The result does not depend on the order of the events: rows are sorted, names are sorted, and where one trial
was recorded twice (a prompt was changed and its trials sent again) the later record counts.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from operator import attrgetter

import msgspec
import numpy as np

from harness.errors import JournalDamaged, UsageError
from harness.files.suite import Suite
from harness.judge.table.columns import NONE, CaseColumns, RunTable, TrialColumns
from harness.judge.table.complete import Columns
from harness.judge.table.intake import Intake, NameNumbers, ScoreReader
from harness.record import (
    ORIGINAL,
    Batch,
    CaseRow,
    Event,
    Interference,
    Pace,
    Record,
    Refused,
    Session,
    Stopped,
    Waiting,
)
from harness.rundir import Manifest, reply_rules

MOST_UNPLANNED = 100_000  # rows that are made for trials that nobody planned

_BATCH = 250  # events that are objects at one time: more of them make work for the garbage collector


def build(manifest: Manifest, events: Iterable[Event]) -> tuple[CaseColumns, dict[str, TrialColumns]]:
    """Give the cases, and the trials of each candidate."""
    table = tabulate(manifest, events)
    return table.cases, table.trials


def tabulate(manifest: Manifest, events: Iterable[Event], labelled: Mapping[str, str] | None = None) -> RunTable:
    """Read all events of a run into columns, in one pass.

    Cases that began without a right label are refused with UsageError, unless `labelled` says what is known of
    them by now, case by case: the others are marked as unlabelled.
    """
    reading = _Reading(manifest, labelled)
    remaining = iter(events)
    while batch := list(islice(remaining, _BATCH)):
        reading.take(batch)
    return reading.finish()


class _Reading:
    """One pass over the events of a run."""

    def __init__(self, manifest: Manifest, labelled: Mapping[str, str] | None) -> None:
        self._manifest = manifest
        self._labelled = labelled
        suite = Suite.model_validate(manifest.suite)
        self._label = {label: index for index, label in enumerate(suite.labels)}
        self._case_number = NameNumbers()
        self._variant = NameNumbers()
        for variant in dict.fromkeys((ORIGINAL, *manifest.variants)):
            self._variant[variant]
        rules = reply_rules(manifest)
        readers = {rule.model_dump_json(): ScoreReader(rule, suite.labels) for rule in rules.values()}
        self._intakes = {
            entry.name: Intake(
                cases=self._case_number,
                variants=self._variant,
                reader=readers[rules[entry.name].model_dump_json()],
                positive=suite.positive,
                labels=self._label,
            )
            for entry in manifest.candidates
        }
        self._cases: dict[str, CaseRow] = {}
        self._sessions: list[Session] = []
        self._paces: list[Pace] = []
        self._interference: list[Interference] = []
        self._refused: dict[str, Refused] = {}
        self._stopped: dict[str, Stopped] = {}

    def take(self, events: Sequence[Event]) -> None:
        records = [event for event in events if isinstance(event, Record)]
        if len(records) < len(events):
            for event in events:
                self._other(event)
        for name in dict.fromkeys(record.candidate for record in records):
            intake = self._intakes.get(name)
            if intake is None:
                raise JournalDamaged(f"the journal has a trial of candidate {name!r}, which the manifest does not name")
            intake.take([record for record in records if record.candidate == name])

    def _other(self, event: Event) -> None:
        match event:
            case CaseRow():
                self._cases[event.id] = event
            case Session():
                self._sessions.append(event)
            case Pace():
                self._paces.append(event)
            case Refused():
                self._refused[event.candidate] = event
            case Stopped():
                self._stopped[event.candidate] = event
            case Interference():
                self._interference.append(event)
            case Batch() | Waiting():
                pass  # how records came here, not what they say

    def finish(self) -> RunTable:
        cases = self._case_columns()
        place = {case: row for row, case in enumerate(cases.ids)}
        unknown = sorted(case for case in self._case_number if case not in place)
        if unknown:
            raise JournalDamaged(f"the journal has trials of case {unknown[0]!r}, but not the case itself")
        if len(cases) * self._manifest.repeats > max(self._manifest.planned_trials, MOST_UNPLANNED):
            raise UsageError("the manifest names more repeats than trials were planned.")
        columns = Columns(
            cases=cases,
            case_row=np.array([place[case] for case in self._case_number], dtype=np.int64),
            variants=tuple(self._variant),
            repeats=self._manifest.repeats,
            width=max([self._manifest.repeats, *(one.most_repeats for one in self._intakes.values())]),
        )
        held = {name: columns.held(intake) for name, intake in self._intakes.items()}
        planned = columns.planned(held.values())
        # one that a resume sent again, and that then was asked everything, was not stopped
        stopped = {name: event for name, event in self._stopped.items() if not columns.all_original(held[name])}
        return RunTable(
            cases=cases,
            trials={
                # what was not asked because the verdict was settled is in no denominator
                name: columns.trials(self._intakes[name], mine, mine.trial if name in stopped else planned)
                for name, mine in held.items()
            },
            sessions=self._sessions,  # as they followed each other: a wall clock may have been set back
            paces=sorted(self._paces, key=lambda pace: (pace.endpoint, pace.at_ns, pace.limit, pace.why)),
            interference=sorted(self._interference, key=attrgetter("lag_p99_ns", "lag_max_ns", "cpu_share", "samples")),
            journalled=sum(len(mine.trial) for mine in held.values()),
            refused=self._refused,
            stopped=stopped,
            sent_again=sum(mine.sent_again for mine in held.values()),
        )

    def _case_columns(self) -> CaseColumns:
        """Give the cases; one without a label has the suite's first, and a mark that it means nothing."""
        without = [case for case in self._cases.values() if not case.expected]
        if without and self._labelled is None:
            raise UsageError(
                f"{len(without):,} cases of this run have no right label, first `{without[0].id}`.",
                fix=f"`harness upgrade --run {self._manifest.run_id}` says what can be said of them.",
            )
        known = self._labelled or {}
        first = next(iter(self._label))
        told = (msgspec.structs.replace(case, expected=known.get(case.id, first)) for case in without)
        columns = case_columns((self._cases | {case.id: case for case in told}).values(), self._label)
        unknown = {case.id for case in without if case.id not in known}
        if not unknown:
            return columns
        return replace(columns, unlabelled=np.array([case in unknown for case in columns.ids], dtype=np.bool_))


def case_columns(rows: Iterable[CaseRow], label: dict[str, int]) -> CaseColumns:
    """Give the cases as columns; `label` numbers the labels of the suite."""
    cases = sorted(rows, key=lambda case: case.id)
    for case in cases:
        if case.expected not in label:
            raise JournalDamaged(f"case {case.id!r} expects {case.expected!r}, which is not a label of the suite")
    splits = tuple(sorted({case.split for case in cases if case.split}))
    split = {name: index for index, name in enumerate(splits)}
    tagged: dict[str, list[int]] = {}
    for row, case in enumerate(cases):
        for tag in case.tags:
            tagged.setdefault(tag, []).append(row)
    tags = {tag: np.zeros(len(cases), dtype=np.bool_) for tag in sorted(tagged)}
    for tag, mine in tagged.items():
        tags[tag][mine] = True
    return CaseColumns(
        ids=tuple(case.id for case in cases),
        expected=np.array([label[case.expected] for case in cases], dtype=np.int16),
        split=np.array([split.get(case.split, NONE) for case in cases], dtype=np.int16),
        splits=splits,
        tags=tags,
        texts=tuple(_one_line(case.inputs) for case in cases),
        inputs=tuple(case.inputs for case in cases),
        variants=tuple(case.variants for case in cases),
    )


def _one_line(inputs: dict[str, str]) -> str:
    if len(inputs) == 1:
        (text,) = inputs.values()
        return _joined(text)
    return " · ".join(f"{name}: {_joined(text)}" for name, text in inputs.items())


def _joined(text: str) -> str:
    """Put a text on one line; one that is on one line already is not copied."""
    line = " ".join(text.split())
    return text if line == text else line
