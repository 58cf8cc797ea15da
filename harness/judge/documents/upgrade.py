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

    label: str  # the label
    gained: int  # cases that only the new model got right
    lost: int  # cases that only the old model got right


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
    sentence: str  # the same in words


class Confirmation(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the broken cases when both models were asked about them again."""

    asked: int  # cases
    repeats: int  # how often each was asked again
    confirmed: tuple[str, ...]  # broken again: right on the old model, wrong on the new one
    recovered: tuple[str, ...]  # not broken when asked again
    run_id: str  # of the fresh repeats; empty where nothing was asked
    why_not: str = ""  # why not all broken cases were asked about again


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """What both models cost, a month at the stated volume or for 1,000 decisions."""

    old: Estimate  # money with the old model
    new: Estimate  # money with the new model
    difference: Estimate  # new minus old: negative is saved
    currency: str  # ISO 4217
    per: Literal["month", "1,000 decisions"]  # what the money is for
    volume_per_month: float | None  # calls a month in production; null where not stated
    told: str  # `saves $1,200 a month`; empty where it is not known


class UpgradedPrompt(msgspec.Struct, frozen=True, kw_only=True):
    """One prompt on the old model and on a new one."""

    prompt: str  # name of the prompt
    old: str  # candidates: prompt@model
    new: str  # name of the new model
    model: str  # the new one
    verdict: UpgradeVerdict  # for this prompt on this model
    headline: str  # the decision and its reason in one sentence
    checks: tuple[GateCheck, ...]  # every threshold on the new model, and no worse than on the old one
    unjudged: tuple[str, ...] = ()  # thresholds that need labels which nobody gave
    comparison: Comparison | None = None  # old against new model; null where not measured
    replies: tuple[MetricDifference, ...] = ()  # how long they are, and how much was thought
    worst_slices: tuple[MetricDifference, ...] = ()  # parts of the cases that lost most
    confirmation: Confirmation | None = None  # what became of broken cases; null where none was asked again
    agreement: Agreement | None = None  # how often both answered alike; null where not measured
    bill: Bill | None = None  # what both cost; null without a price
    not_measured: str = ""  # why not; empty where it was measured
    went_wrong: tuple[Trouble, ...] = ()  # ways in which trials ended without a label
    settled: SettledEarly | None = None  # of the new model; None where all cases were asked


class UpgradedModel(msgspec.Struct, frozen=True, kw_only=True):
    """A new model over all prompts."""

    model: str  # name of the new model
    verdict: UpgradeVerdict  # over all prompts
    headline: str  # the decision and its reason in one sentence
    survive: tuple[str, ...]  # prompts
    fall: tuple[str, ...]  # prompts that may not switch
    undecided: tuple[str, ...]  # prompts that are open


class Upgrade(msgspec.Struct, frozen=True, kw_only=True):
    """A change of model, judged; the contract of `harness upgrade --json`."""

    schema_version: int  # version of this document; additions keep it
    verdict: UpgradeVerdict  # the best; of equal ones that of the model with the fewest demands open
    exit_code: int  # what the command ended with
    headline: str  # one sentence, the verdict first
    suite: str  # name of the suite
    run_id: str  # name of the folder of the run
    created_utc: str  # when the run began, ISO 8601
    old: str  # name of the old model
    models: tuple[UpgradedModel, ...]  # one for each new model
    prompts: tuple[UpgradedPrompt, ...]  # one for each prompt on each new model
    margin: float  # the loss that would not matter, a share
    label_margin: float  # the same for the recall of a label
    confidence: float  # of intervals and tests, a share
    complete: bool  # every planned trial has ended
    labelled: bool  # whether every case has its right label
    to_label: str = ""  # the file of cases that want one
