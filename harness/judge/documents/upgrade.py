"""What a change of model yields: one tree of frozen values, the contract of `harness upgrade --json`."""

from typing import Literal, TypeAlias

import msgspec

from harness.judge.documents.comparison import Comparison, GateCheck, MetricDifference, NonInferiority
from harness.judge.documents.estimate import Estimate, SettledEarly, Trouble

UPGRADE_SCHEMA = 1

# NOT MEASURED: the new model never answered, so nothing is known of it.
UpgradeVerdict: TypeAlias = Literal["SWITCH", "DON'T SWITCH", "INCONCLUSIVE", "NOT MEASURED"]


class LabelShift(msgspec.Struct, frozen=True, kw_only=True):
    """Cases of one label that the new model alone got right, and those that it alone got wrong."""

    label: str
    gained: int
    lost: int


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """How often both models gave a case the same answers, and what that says of accuracy."""

    share: Estimate  # of the cases
    disagreeing: int  # cases
    unlabelled: int  # of them, those whose right label nobody gave
    accuracy: NonInferiority  # with every label that is missing to the new model's harm, and to its favour
    exact: bool  # whether every disagreeing case has a label: then the difference is what all labels would give
    least: float | None  # the difference in accuracy, every missing label against the new model
    most: float | None  # and every one for it
    labels: tuple[LabelShift, ...]  # of the disagreeing cases with a label
    sentence: str


class Confirmation(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the broken cases when both models were asked about them again."""

    asked: int  # cases
    repeats: int
    confirmed: tuple[str, ...]  # broken again: right on the old model, wrong on the new one
    recovered: tuple[str, ...]  # not broken when asked again
    run_id: str  # of the fresh repeats; empty where nothing was asked
    why_not: str = ""  # why not all broken cases were asked about again


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """What both models cost, a month at the stated volume or for 1,000 decisions."""

    old: Estimate
    new: Estimate
    difference: Estimate  # new minus old: negative is saved
    currency: str
    per: Literal["month", "1,000 decisions"]
    volume_per_month: float | None
    told: str  # `saves $1,200 a month`; empty where it is not known


class UpgradedPrompt(msgspec.Struct, frozen=True, kw_only=True):
    """One prompt on the old model and on a new one."""

    prompt: str
    old: str  # candidates: prompt@model
    new: str
    model: str  # the new one
    verdict: UpgradeVerdict
    headline: str
    checks: tuple[GateCheck, ...]  # every threshold on the new model, and no worse than on the old one
    unjudged: tuple[str, ...] = ()  # thresholds that need labels which nobody gave
    comparison: Comparison | None = None
    replies: tuple[MetricDifference, ...] = ()  # how long they are, and how much was thought
    worst_slices: tuple[MetricDifference, ...] = ()
    confirmation: Confirmation | None = None
    agreement: Agreement | None = None
    bill: Bill | None = None
    not_measured: str = ""
    went_wrong: tuple[Trouble, ...] = ()
    settled: SettledEarly | None = None  # of the new model; None where all cases were asked


class UpgradedModel(msgspec.Struct, frozen=True, kw_only=True):
    """A new model over all prompts."""

    model: str
    verdict: UpgradeVerdict
    headline: str
    survive: tuple[str, ...]  # prompts
    fall: tuple[str, ...]
    undecided: tuple[str, ...]


class Upgrade(msgspec.Struct, frozen=True, kw_only=True):
    """A change of model, judged; the contract of `harness upgrade --json`."""

    schema_version: int
    verdict: UpgradeVerdict  # the best; of equal ones that of the model with the fewest demands open
    exit_code: int
    headline: str  # one sentence, the verdict first
    suite: str
    run_id: str
    created_utc: str
    old: str
    models: tuple[UpgradedModel, ...]
    prompts: tuple[UpgradedPrompt, ...]
    margin: float
    label_margin: float
    confidence: float
    complete: bool
    labelled: bool  # whether every case has its right label
    to_label: str = ""  # the file of cases that want one
