"""The columns of each candidate, sorted and complete to the plan.

Rows are sorted and names are sorted, so that the order of reading leaves no trace. Of two records of one
trial the later counts; a planned trial without a record becomes a row with outcome `failed`.

A trial is identified by one number, (variant * cases + case) * width + repeat, so that sorting by it sorts by
variant, case and repeat.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from harness.files.case import PROMPT_LEVEL
from harness.judge.table.columns import NONE, Bool, CaseColumns, Int64, TrialColumns, Why
from harness.judge.table.intake import KINDS, OUTCOMES, Column, Intake, Numbers

NOT_RUN = "not run: the run ended before this trial"
_FAILED = OUTCOMES.index("failed")
_ZERO_IF_NOT_RUN = {
    "queue_ns",
    "rate_limit_ns",
    "backoff_ns",
    "retry_ns",
    "own_ns",
    "attempts",
    "reasoned",
    "in_flight",
}


_Named = TypeVar("_Named", str, Why)


@dataclass(frozen=True, slots=True)
class _Held:
    """The records of one candidate, sorted by trial, one a trial."""

    columns: dict[str, Column]
    trial: Int64
    sent_again: int  # records that a later one of the same trial replaced


@dataclass(slots=True, kw_only=True)
class Columns:
    """Sorts and completes the columns of each candidate over the same cases and variants."""

    cases: CaseColumns
    case_row: Int64  # number in order of reading -> row in CaseColumns
    variants: tuple[str, ...]
    repeats: int
    width: int = 1  # more than any repeat

    def held(self, intake: Intake) -> _Held:
        """Sort the records of one candidate; of two records of one trial the later in the journal stays."""
        columns = intake.columns()
        columns["case"] = self.case_row[columns["case"]].astype(np.int32)
        named = {"reply": intake.replies, "served": intake.served, "tier": intake.tiers}
        for name, names in (*named.items(), ("fingerprint", intake.fingerprints)):
            columns[name] = _sorted_names(columns[name], names)
        columns["why"] = _sorted_names(columns["why"], intake.whys)
        trial = self._trial(columns["variant"], columns["case"], columns["repeat"])
        order = np.argsort(trial, kind="stable")
        ordered = trial[order]
        last = np.ones(len(ordered), dtype=np.bool_)
        last[:-1] = ordered[1:] != ordered[:-1]
        order, ordered = order[last], ordered[last]
        return _Held({name: column[order] for name, column in columns.items()}, ordered, int((~last).sum()))

    def _trial(self, variant: Column, case: Column, repeat: Column) -> Int64:
        pair = variant.astype(np.int64) * len(self.cases) + case
        return np.asarray(pair * self.width + repeat, dtype=np.int64)

    def planned(self, held: Iterable[_Held]) -> Int64:
        """Give every trial that each candidate should have, sorted.

        Every case in its original form, every repeat; a variant of a case counts as planned when any
        candidate has a record of it (a perturbation that changes nothing in a text makes no trial). Whether a
        change of the prompt makes trials hangs on the prompt: `trials` leaves those of other candidates out.
        """
        case = np.repeat(np.arange(len(self.cases)), self.repeats)
        repeat = np.tile(np.arange(self.repeats), len(self.cases))
        originals = self._trial(np.zeros_like(case), case, repeat)
        return np.unique(np.concatenate([originals, *(one.trial for one in held)]))

    def all_original(self, held: _Held) -> bool:
        """Tell whether a candidate was asked every case in its original form, every repeat."""
        return int(np.count_nonzero(held.trial < len(self.cases) * self.width)) >= len(self.cases) * self.repeats

    def trials(self, intake: Intake, held: _Held, planned: Int64) -> TrialColumns:
        """Give the columns of one candidate, with a `failed` row for every planned trial that was not run."""
        columns, missing = held.columns, None
        planned = planned[self._own(planned, held)]
        if len(held.trial) < len(planned):
            row = np.searchsorted(planned, held.trial)
            missing = np.ones(len(planned), dtype=np.bool_)
            missing[row] = False
            columns = self._completed(columns, row, planned)
            columns["reply"][missing] = intake.replies[NOT_RUN]
        at = columns["sent_at"]
        started = at[at != NONE].min(initial=np.iinfo(np.int64).max)
        columns["sent_at"] = np.where(at == NONE, NONE, (at - started) * 1000)
        return TrialColumns(
            **columns,  # type: ignore[arg-type]
            variants=self.variants,
            expected=self.cases.expected[columns["case"]],
            replies=tuple(intake.replies),
            failures=intake.failures,
            whys=tuple(intake.whys),
            served_models=tuple(intake.served),
            fingerprints=tuple(intake.fingerprints),
            tiers=tuple(intake.tiers),
            odd_fields=tuple(intake.odd_fields),
            unknown_endings=tuple(intake.unknown_endings),
            recorded=intake.recorded,
            warmup_calls=intake.warmup_calls,
            warmup_usage=tuple(intake.warmup_usage.values()),
            not_run=missing,
        )

    def _own(self, planned: Int64, held: _Held) -> Bool:
        """Tell which planned trials concern a candidate.

        Not those of an order that its prompt lacks, nor repeats beyond the planned ones, which others got from whoever
        measured elsewhere.
        """
        variant = planned // max(self.width * len(self.cases), 1)
        has = np.unique(held.columns["variant"])
        absent = [k for k, name in enumerate(self.variants) if name in PROMPT_LEVEL and k not in has]
        more = (planned % self.width >= self.repeats) & ~np.isin(planned, held.trial)
        return np.asarray(~np.isin(variant, absent) & ~more, dtype=np.bool_)

    def _completed(self, columns: dict[str, Column], row: Int64, planned: Int64) -> dict[str, Column]:
        """Lay the records over the plan."""
        full: dict[str, Column] = {}
        for name, column in columns.items():
            nothing = np.nan if name == "score" else 0 if name in _ZERO_IF_NOT_RUN else NONE
            full[name] = np.full(len(planned), nothing, dtype=KINDS[name])
            full[name][row] = column
        pair, repeat = np.divmod(planned, self.width)
        variant, case = np.divmod(pair, max(len(self.cases), 1))
        full["variant"][:], full["case"][:], full["repeat"][:] = variant, case, repeat
        failed = np.full(len(planned), _FAILED, dtype=np.int8)
        failed[row] = columns["outcome"]
        full["outcome"] = failed
        return full


def _sorted_names(column: Column, names: Numbers[_Named]) -> Column:
    """Renumber a column so that its names are sorted, whatever the order of reading was."""
    ordered = sorted(names)
    place = np.empty(len(ordered) + 1, dtype=column.dtype)
    place[-1] = NONE  # NONE indexes from the end
    place[[names[name] for name in ordered]] = np.arange(len(ordered), dtype=column.dtype)
    names.clear()
    names.update((name, rank) for rank, name in enumerate(ordered))
    return np.asarray(place[column])
