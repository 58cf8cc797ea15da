"""*.suite.yml: labels, reply rule, thresholds, repeats: what a team demands of a prompt."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, Field, field_validator

from harness.files.project import Money, Share, Written
from harness.files.thresholds import units

DEFAULT_CONFIDENCE = 0.95
MOST_LABELS = 1000


def _one_is_a_list(written: object) -> object:
    return (written,) if isinstance(written, str) else written


Texts: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_one_is_a_list)]


DAY_S = 86_400.0
Age: TypeAlias = Annotated[float, BeforeValidator(units.age)]


class ReplyRule(Written):
    """How a reply is read as a label."""

    as_: Literal["exact", "mention", "json", "regex"] = Field(
        "mention", alias="as", description="exact | mention | json (pointer) | regex (pattern)"
    )
    aliases: dict[str, Texts] = Field({}, description="Other words for a label: {spam: [junk]}.")
    pointer: str = Field("/label", pattern=r"^(/.*)?$", description="as: json; JSON pointer to the label.")
    pattern: str | None = Field(
        None, max_length=1000, description="as: regex; group `label`, or the first group, or the whole match."
    )
    score: str | None = Field(None, pattern=r"^(/.*)?$", description="as: json; JSON pointer to a number.")
    case_sensitive: bool = Field(False, description="Whether `Spam` and `spam` are two answers.")


class Costs(Written):
    """Money per error of a suite with a positive label."""

    missed: Money = Field(0.0, ge=0, allow_inf_nan=False, description="A positive case that went unnoticed.")
    false_alarm: Money = Field(
        0.0, ge=0, allow_inf_nan=False, description="A negative case taken for positive."
    )


class GateRule(Written):
    """How `harness gate` holds a branch against its base."""

    margin: Share = Field(
        0.02, gt=0, lt=1, description="The loss of a share that would not matter: `2%` is two points."
    )
    reuse: Age = Field(
        7 * DAY_S, ge=0, description="How old stored replies of the base may be: `7 days`, or `never`."
    )


class Suite(Written):
    """Labelled cases and what is demanded of a candidate on them."""

    name: str = Field(
        min_length=1, max_length=100, pattern=r"^[^/\\\x00-\x1f]+$", description="Names the runs."
    )
    description: str = Field("", description="What this suite is about.")
    labels: Texts = Field(min_length=2, max_length=MOST_LABELS, description="All answers that are possible.")
    positive: str | None = Field(None, description="The label that one looks for, in suites with two labels.")
    cases: Texts = Field(
        min_length=1, description="Files of cases: .jsonl, .csv; with `tables` also .parquet, s3://, hf://."
    )
    columns: dict[str, str] = Field(
        {}, description="Field -> column: {expected: label}; other columns are inputs."
    )
    reply: ReplyRule = Field(ReplyRule(), description="What makes a label of a reply.")
    prompts: Texts = Field((), description="Prompt files or patterns, relative to this file.")
    models: Texts = Field((), description="Names of models of harness.yml.")
    repeats: int = Field(3, ge=1, le=1000, description="How often each request is sent.")
    perturbations: Texts = Field((), description="Harmless changes of the input to try as well.")
    priority: Literal["recall", "precision", "balanced"] = Field(
        "balanced", description="Which error hurts more."
    )
    prevalence: dict[str, Share] = Field({}, description="Share of a label in production: {spam: 2%}.")
    costs: Costs | None = Field(None, description="Money per kind of error.")
    volume: str | None = Field(None, description="Calls in production: `2M per month`.")
    thresholds: Texts = Field(
        (), max_length=200, description="What is demanded; absent: the documented defaults."
    )
    confidence: Share = Field(DEFAULT_CONFIDENCE, gt=0.5, lt=1, description="Of intervals and checks: `95%`.")
    gate: GateRule = Field(GateRule(), description="How a branch is held against its base.")
    seed: int = Field(0, ge=0, lt=1 << 63, description="Of the order in which trials are sent.")
    path: Path | None = Field(None, exclude=True)

    @field_validator("volume")
    @classmethod
    def _is_a_volume(cls, value: str | None) -> str | None:
        if value is not None:
            units.per_month(value)
        return value

    @property
    def volume_per_month(self) -> float | None:
        """Calls a month in production; None when the suite does not say."""
        return None if self.volume is None else units.per_month(self.volume)
