"""Records as columns: the judge computes on arrays, never on objects."""

from dataclasses import dataclass, field, fields
from typing import get_args

import numpy as np
import numpy.typing as npt

from harness.judge.labels.reasons import Why  # the ground of all columns: not the whole room
from harness.record import Failure, FailureKind, Interference, Pace, Refused, Session, Stopped, Usage, Via

Int8 = npt.NDArray[np.int8]
Int16 = npt.NDArray[np.int16]
Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

NONE = -1  # no label, no value
VIAS: tuple[Via, ...] = get_args(Via)
FAILURES: tuple[FailureKind, ...] = get_args(FailureKind)
DEV, HOLDOUT = "dev", "holdout"  # the split that a prompt is tuned on, and the one that nobody tunes to


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseColumns:
    """The cases, one row each, sorted by id."""

    ids: tuple[str, ...]
    expected: Int16  # index into the suite's labels
    split: Int16  # index into `splits`; NONE where a case has no split
    splits: tuple[str, ...]
    tags: dict[str, Bool]
    texts: tuple[str, ...]  # inputs on one line, for people
    inputs: tuple[dict[str, str], ...] = ()  # as written
    variants: tuple[dict[str, str], ...] = ()  # what the suite's own perturbations made of the longest input
    unlabelled: Bool | None = None  # cases whose right label nobody gave: `expected` is any; None: all have one

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialColumns:
    """The trials of one candidate, one row each, sorted by (variant, case, repeat); warm-up left out.

    Missing trials of an unfinished run are rows with outcome `failed`, so that nothing leaves a denominator.
    """

    case: Int32  # row in CaseColumns
    variant: Int16  # index into `variants`; 0 is `original`
    variants: tuple[str, ...]
    repeat: Int16
    expected: Int16
    predicted: Int16  # index into labels, NONE when there is no label
    outcome: Int8  # index into OUTCOMES
    failure: Int8  # index into FAILURES; NONE where there is a reply, or the trial was not run
    why: Int16  # index into `whys`, NONE where there is a label, or no record
    whys: tuple[Why, ...]  # why there is no label; two trials with the same reason and labels share it
    caller_ns: Int64  # NONE when never sent
    service_ns: Int64
    ttft_ns: Int64
    queue_ns: Int64
    rate_limit_ns: Int64
    backoff_ns: Int64
    retry_ns: Int64  # failed attempts
    connect_ns: Int64  # the final attempt's, opening a connection; NONE when it opened none
    own_ns: Int64
    attempts: Int16
    sent_at: Int64  # ns since the first trial was admitted
    in_flight: Int32
    tokens_in: Int64  # NONE when the endpoint did not say
    tokens_out: Int64
    tokens_cached: Int64
    tokens_reasoning: Int64  # part of `tokens_out`
    reasoned: Int8  # 1 where the reply holds thoughts, or tokens were spent on them
    odd: Int16  # index into `odd_fields`; NONE where all that keeps books could be read
    ending: Int16  # index into `unknown_endings`; NONE where the finish reason is a known one, or none
    score: Float  # of the positive label, nan when none
    reply: Int32  # index into `replies`: two trials with the same reply text share it
    replies: tuple[str, ...]  # text of a reply, or `kind: message` of a failure
    failures: dict[str, Failure]  # by what `replies` says of them
    served: Int16  # index into `served_models`, NONE when unknown
    served_models: tuple[str, ...]
    fingerprint: Int16
    tier: Int16  # index into `tiers`, NONE where the endpoint named none
    tiers: tuple[str, ...]
    via: Int8  # index into VIAS; NONE where it was not run
    fingerprints: tuple[str, ...]
    odd_fields: tuple[tuple[str, ...], ...]  # the fields of a reply that could not be read
    unknown_endings: tuple[str, ...]  # words for an ending that no provider is known to say
    recorded: bool
    warmup_calls: int
    warmup_usage: tuple[Usage, ...] = ()  # of each service tier: paid for, never judged
    not_run: Bool | None = None  # planned, but the run ended before; None: all were run

    def __len__(self) -> int:
        return len(self.case)

    def where(self, keep: Bool) -> "TrialColumns":
        """Keep some trials; the names that they index stay."""
        if keep.all():
            return self
        kept = {each.name: getattr(self, each.name) for each in fields(self)}
        for name, column in kept.items():
            if isinstance(column, np.ndarray):
                kept[name] = column[keep]
        return TrialColumns(**kept)

    def originals(self) -> "TrialColumns":
        """Keep the trials of unchanged cases: all headline figures rest on these."""
        return self.where(self.variant == 0)


@dataclass(slots=True, kw_only=True)
class RunTable:
    """A whole run as columns, with what is said of its sessions."""

    cases: CaseColumns
    trials: dict[str, TrialColumns]
    sessions: list[Session]
    paces: list[Pace]
    interference: list[Interference]
    journalled: int  # distinct trials with a record, warm-up left out
    sent_again: int = 0  # records that a later one of the same trial replaced
    refused: dict[str, Refused] = field(default_factory=dict)  # candidates that were ended: the last time
    stopped: dict[str, Stopped] = field(default_factory=dict)  # candidates whose verdict was settled early


def named_counts(column: Int16, names: tuple[str, ...]) -> dict[str, int]:
    """Count how often a column holds each name; names that it never holds are left out."""
    counts = np.bincount(column[column != NONE], minlength=len(names))
    return {name: int(counts[index]) for index, name in enumerate(names) if counts[index]}
