"""*.suite.yml: labels, reply rule, thresholds, repeats: what a team demands of a prompt."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, Field, field_validator

from harness.files.digest import digest
from harness.files.written import (
    Age,
    Checked,
    Findings,
    Money,
    Path_,
    Share,
    Written,
    did_you_mean,
    read_model,
    shown,
    units,
)
from harness.record import CaseRow

DEFAULT_CONFIDENCE = 0.95
MOST_LABELS = 1000


def _one_is_a_list(written: object) -> object:
    return (written,) if isinstance(written, str) else written


Texts: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_one_is_a_list)]


DAY_S = 86_400.0


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


SUITE_TEXTS: tuple[Path_, ...] = (
    *(
        (key,)
        for key in ("name", "description", "labels", "positive", "cases", "prompts", "models", "volume")
    ),
    *(
        (key, "*")
        for key in ("labels", "cases", "prompts", "models", "columns", "perturbations", "thresholds")
    ),
    ("perturbations",),
    ("thresholds",),
    ("reply", "pattern"),
    ("reply", "aliases", "**"),
)

_NO_SUITES = {  # what is often named in place of one
    "harness.yml": "the project's file",
    ".prompt.yml": "a prompt",
    ".prompt.yaml": "a prompt",
    ".jsonl": "a file of cases",
    ".csv": "a file of cases",
    ".parquet": "a file of cases",
}


def read_suite(path: Path, findings: Findings) -> Checked[Suite] | None:
    """Read a suite; with stand-ins for its broken parts, None when nothing can be made of it."""
    kind = next((what for ending, what in _NO_SUITES.items() if path.name.endswith(ending)), None)
    if kind is not None and path.is_file():
        findings.add(path, None, "", f"is {kind}, not a suite.", "Name a *.suite.yml file.")
        return None
    stand_ins = {"name": "suite", "labels": ["a", "b"], "cases": ["none"]}
    checked = read_model(Suite, path, findings, texts=SUITE_TEXTS, stand_ins=stand_ins)
    if checked is None:
        return None
    _suite_problems(checked)
    return checked.updated(path=path)


def _suite_problems(checked: Checked[Suite]) -> None:
    suite = checked.model
    if checked.whole("labels"):
        _label_problems(checked)
    if checked.whole("reply"):
        _reply_problems(checked)
    for field in ("thresholds", "perturbations", "models", "prompts", "cases"):
        for text, n in Counter(getattr(suite, field)).items():
            if n > 1:
                at = len(getattr(suite, field)) - 1 - getattr(suite, field)[::-1].index(text)
                checked.problem((field, at), f"`{shown(text)}` stands twice.", "Keep one of them.")
    odd = [label for label, value in suite.prevalence.items() if not 0 < value < 1]
    for label in odd:
        checked.problem(("prevalence", label), "must lie between 0% and 100%.")
    if not odd and sum(suite.prevalence.values()) > 1 + 1e-9:
        checked.problem(("prevalence",), "the shares sum to more than 100%.")
    if suite.costs is not None and suite.positive is None and checked.whole("positive"):
        checked.problem(("costs",), "costs per error need a positive label.", "Add `positive:`.")


def _label_problems(checked: Checked[Suite]) -> None:
    suite = checked.model
    seen: dict[str, str] = {}
    for i, label in enumerate(suite.labels):
        folded = label if suite.reply.case_sensitive else label.casefold()
        if not label.strip() or label != label.strip() or not label.isprintable() or len(label) > 200:
            checked.problem(
                ("labels", i),
                f"`{shown(label)}` is not a label.",
                "Write a short text without edges of spaces.",
            )
        if folded in seen:
            message = f"`{shown(label)}` and `{shown(seen[folded])}` are the same label."
            checked.problem(("labels", i), message, "Keep one of them, or set `reply.case_sensitive: true`.")
        seen[folded] = label
    named: list[tuple[Path_, str]] = [(("prevalence", label), label) for label in suite.prevalence]
    named += [(("reply", "aliases", label), label) for label in suite.reply.aliases]
    if suite.positive is not None:
        named.append((("positive",), suite.positive))
    for at, label in named:
        if label not in suite.labels:
            checked.problem(
                at, f"`{shown(label)}` is not one of the labels.", did_you_mean(label, suite.labels)
            )


def _reply_problems(checked: Checked[Suite]) -> None:
    rule = checked.model.reply
    fold: Callable[[str], str] = str if rule.case_sensitive else str.casefold
    owner = {fold(label): label for label in checked.model.labels} if checked.whole("labels") else {}
    for label, aliases in rule.aliases.items():
        for i, alias in enumerate(aliases):
            at = ("reply", "aliases", label, i)
            other = owner.setdefault(fold(alias), label)
            if not alias.strip():
                checked.problem(at, "is empty.", "Remove it.")
            elif other != label:
                checked.problem(at, f"`{shown(alias)}` already means `{shown(other)}`.", "Keep one meaning.")
    if rule.as_ == "regex":
        if rule.pattern is None:
            checked.problem(("reply", "pattern"), "is required for `as: regex`.", "Add `pattern:`.")
        else:
            try:
                re.compile(rule.pattern)
            except (re.error, RecursionError, OverflowError) as error:
                checked.problem(("reply", "pattern"), f"is not a regular expression: {error}.")
    elif rule.pattern is not None:
        checked.problem(("reply", "pattern"), f"does not apply to `as: {rule.as_}`.", "Use `as: regex`.")


def suite_digest(suite: Suite, cases: Iterable[CaseRow]) -> str:
    """Digest what makes two runs comparable: labels, reply rule, and the cases in any order."""
    rows = sorted((case.id, case.digest, case.expected, case.split) for case in cases)
    rule = suite.reply.model_dump(mode="json")
    return digest([sorted(suite.labels), suite.positive, rule, rows])
