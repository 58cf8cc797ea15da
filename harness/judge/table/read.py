"""Journal events -> columns: one pass over the records, then everything is arrays.

The result does not depend on the order of the events: rows are sorted, names are sorted, and where one trial
was recorded twice (a prompt was changed and its trials sent again) the later record counts.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Any, TypeAlias, TypeVar, get_args

from harness.errors import JournalDamaged, UsageError
from harness.files.suite import Suite
from harness.journal import blocks_of
from harness.judge.table.cases import CaseIntake, CasePart, GatheredCases, columns_of, without_label
from harness.judge.table.columns import CaseColumns, RunTable, TrialColumns
from harness.judge.table.complete import Columns, Gathered
from harness.judge.table.intake import Intake, NameNumbers, Part, ScoreReader
from harness.judge.table.packed import Rows, are_whole, keys_of, text_out
from harness.record import ORIGINAL, CaseRow, Event, Interference, Pace, Record, Refused, Session, Stopped
from harness.rundir import Manifest, reply_rules

_T = TypeVar("_T")
_Other: TypeAlias = Session | Pace | Interference | Refused | Stopped
_OTHERS = get_args(_Other)
MOST_UNPLANNED = 100_000  # rows that are made for trials that nobody planned


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
    for block in blocks_of(events, partial(block_of, manifest)):
        reading.take(block)
    return reading.finish()


@dataclass(slots=True, kw_only=True)
class Block:
    """A part of a journal as columns: what is handed from one process to another."""

    parts: dict[str, Part]  # by candidate
    variants: list[str]  # as they came
    cases: CasePart
    others: list[_Other]  # those of a kind in their order


def block_of(manifest: Manifest, events: Iterable[list[Event]]) -> Block:
    """Read a part of a run's events, some at a time. Raises JournalDamaged for a candidate that the manifest lacks."""
    suite = Suite.model_validate(manifest.suite)
    variants, cases = NameNumbers(), CaseIntake()
    others: list[_Other] = []
    rules = reply_rules(manifest)
    readers = {rule.model_dump_json(): ScoreReader(rule, suite.labels) for rule in rules.values()}
    label = {label: index for index, label in enumerate(suite.labels)}
    intakes = {
        entry.name: Intake(
            variants=variants,
            reader=readers[rules[entry.name].model_dump_json()],
            positive=suite.positive,
            labels=label,
        )
        for entry in manifest.candidates
    }
    for batch in events:
        of = _by_kind(batch)
        cases.take(of.get(CaseRow, ()))
        for kind in _OTHERS:
            others += of.get(kind, ())
        records = of.get(Record, ())
        names = dict.fromkeys([record.candidate for record in records])
        for name in names:
            intake = intakes.get(name)
            if intake is None:
                raise JournalDamaged(f"the journal has a trial of candidate {name!r}, which the manifest does not name")
            intake.take(records if len(names) == 1 else [record for record in records if record.candidate == name])
    return Block(
        parts={name: intake.part() for name, intake in intakes.items()},
        variants=list(variants),
        cases=cases.part(),
        others=others,
    )


def _by_kind(events: list[Event]) -> dict[type, Sequence[Any]]:
    """Give the events of each kind, in their order; how records came here is of none that is asked for."""
    kinds = set(map(type, events))
    if len(kinds) == 1:
        return {kinds.pop(): events}
    return {kind: [event for event in events if isinstance(event, kind)] for kind in kinds}


class _Reading:
    """The blocks of a run, put together in their order."""

    def __init__(self, manifest: Manifest, labelled: Mapping[str, str] | None) -> None:
        self._manifest = manifest
        self._labelled = labelled
        self._label = {label: index for index, label in enumerate(Suite.model_validate(manifest.suite).labels)}
        self._variant = NameNumbers()
        for variant in dict.fromkeys((ORIGINAL, *manifest.variants)):
            self._variant[variant]
        self._gathered = {entry.name: Gathered() for entry in manifest.candidates}
        self._cases = GatheredCases()
        self._others: list[_Other] = []

    def take(self, block: Block) -> None:
        variants = [self._variant[variant] for variant in block.variants]
        for name, part in block.parts.items():
            self._gathered[name].add(part, variants)
        self._cases.add(block.cases)
        self._others += block.others

    def finish(self) -> RunTable:
        cases, rows = self._case_columns()
        unknown = sorted(key for one in self._gathered.values() for key in one.place(rows))
        if unknown:
            named = text_out(unknown[0]) if are_whole(keys_of(unknown)) else "(a long one)"
            raise JournalDamaged(f"the journal has trials of case {named!r}, but not the case itself")
        if len(cases) * self._manifest.repeats > max(self._manifest.planned_trials, MOST_UNPLANNED):
            raise UsageError("the manifest names more repeats than trials were planned.")
        columns = Columns(
            cases=cases,
            variants=tuple(self._variant),
            repeats=self._manifest.repeats,
            width=max([self._manifest.repeats, *(one.most_repeats for one in self._gathered.values())]),
        )
        held = {name: columns.held(gathered) for name, gathered in self._gathered.items()}
        planned = columns.planned(held.values())
        share, own = self._manifest.share
        # One that a resume sent again, and that then was asked everything, was not stopped; nor is a shard by itself:
        # what settled it others hold.
        said = () if share else self._of(Stopped)
        stopped = {one.candidate: one for one in said if not columns.all_original(held[one.candidate])}
        return RunTable(
            cases=cases,
            trials={
                # what was not asked because the verdict was settled is in no denominator
                name: columns.trials(self._gathered[name], mine, mine.trial if name in stopped else planned)
                for name, mine in held.items()
            },
            sessions=self._of(Session),  # as they followed each other: a wall clock may have been set back
            paces=sorted(self._of(Pace), key=lambda pace: (pace.endpoint, pace.at_ns, pace.limit, pace.why)),
            interference=sorted(
                self._of(Interference), key=attrgetter("lag_p99_ns", "lag_max_ns", "cpu_share", "samples")
            ),
            journalled=sum(len(mine.trial) for mine in held.values()),
            own=own,
            shard=bool(share),
            refused={one.candidate: one for one in self._of(Refused)},
            stopped=stopped,
            sent_again=sum(mine.sent_again for mine in held.values()),
        )

    def _of(self, kind: type[_T]) -> list[_T]:
        return [event for event in self._others if isinstance(event, kind)]

    def _case_columns(self) -> tuple[CaseColumns, Rows]:
        """Give the cases, and what finds their rows; one without a label has the first, and a mark."""
        cases = self._cases.sorted()
        ids = cases.ids.keys()
        without = without_label(cases)
        if len(without) and self._labelled is None:
            raise UsageError(
                f"{len(without):,} cases of this run have no right label, first `{cases.ids.first_of(without)}`.",
                fix=f"`harness upgrade --run {self._manifest.run_id}` says what can be said of them.",
            )
        return columns_of(cases, self._label, self._labelled or {}), Rows(ids)
