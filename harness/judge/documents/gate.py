"""What judging a branch yields: one tree of frozen values, the contract of `harness gate --json`."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from harness.judge.documents.assessment import Status
from harness.judge.documents.comparison import Comparison
from harness.judge.documents.estimate import Estimate

GATE_SCHEMA = 1

GatedKind: TypeAlias = Literal["changed", "new", "same"]
DemandOf: TypeAlias = Literal["threshold", "no worse"]


class GateCheck(msgspec.Struct, frozen=True, kw_only=True):
    """One demand on a changed prompt: a threshold, or to be no worse than its base version."""

    of: DemandOf
    name: str
    metric: str
    label: str | None
    status: Status
    base: Estimate | None
    head: Estimate | None
    difference: Estimate | None  # head minus base
    gain: bool | None  # whether the difference is for the better; None where it is neither
    why: str
    currency: str | None  # of head's price; None where head was not measured


class GatedPrompt(msgspec.Struct, frozen=True, kw_only=True):
    """A changed prompt on one model."""

    path: str
    prompt: str
    model: str
    kind: GatedKind
    lines: tuple[int, int] | None  # of the file, the first that are new
    status: Status
    headline: str
    checks: tuple[GateCheck, ...]
    comparison: Comparison | None
    reused: bool  # base's replies are those of an earlier run


class GateCost(msgspec.Struct, frozen=True, kw_only=True):
    """What this gate itself sent and paid."""

    calls: int
    reused: int  # trials that an earlier run had paid for
    money: float | None  # None without a price, or where the prices are in several currencies
    currency: str | None
    priced: bool
    by_currency: dict[str, float] = {}
    free: bool = False  # the model runs here, or its replies were recorded


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """A branch, judged; the contract of `harness gate --json`."""

    schema_version: int
    status: Status
    exit_code: int
    headline: str
    suite: str
    base_ref: str
    base_commit: str
    head_commit: str
    uncommitted: bool
    policy: Literal["base", "head"]
    thresholds: tuple[str, ...]
    margin: float
    prompts: tuple[GatedPrompt, ...]
    edits: tuple[str, ...]  # of the policy, by this branch
    deleted: tuple[str, ...]  # prompts
    cost: GateCost
    run_id: str | None  # None: nothing was measured
    currency: str | None  # of what it paid; None where it paid nothing, or in several
    reason: str = ""  # the headline without its status
