"""*.suite.yml: labels, reply rule, thresholds, repeats: what a team demands of a prompt."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from harness.files.project import Written

DEFAULT_CONFIDENCE = 0.95


class ReplyRule(Written):
    """How a reply is read as a label."""

    as_: Literal["exact", "mention", "json", "regex"] = Field("mention", alias="as")
    aliases: dict[str, tuple[str, ...]] = {}
    pointer: str = "/label"  # as: json
    pattern: str | None = None  # as: regex; group `label`, or the first group, or the whole match
    score: str | None = None  # as: json; pointer to a number in the reply
    case_sensitive: bool = False


class Costs(Written):
    """Money per error of a suite with a positive label."""

    missed: float = Field(0.0, ge=0)
    false_alarm: float = Field(0.0, ge=0)


class Suite(Written):
    """Labelled cases and what is demanded of a candidate on them."""

    name: str
    description: str = ""
    labels: tuple[str, ...]
    positive: str | None = None
    cases: tuple[str, ...]  # as written; a single string becomes one item
    columns: dict[str, str] = {}
    reply: ReplyRule = Field(default_factory=lambda: ReplyRule(**{"as": "mention"}))
    prompts: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    repeats: int = Field(3, ge=1, le=1000)
    perturbations: tuple[str, ...] = ()
    priority: Literal["recall", "precision", "balanced"] = "balanced"
    prevalence: dict[str, float] = {}
    costs: Costs | None = None
    volume: str | None = None  # `2M per month`
    thresholds: tuple[str, ...] = ()  # parsed by files/threshold.py; empty: the documented defaults
    confidence: float = Field(DEFAULT_CONFIDENCE, gt=0.5, lt=1)  # `95%`
    seed: int = 0
    path: Path | None = Field(None, exclude=True)
