"""*.suite.yml: labels, reply rule, thresholds, repeats: what a team demands of a prompt."""

import codecs
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from harness.files.digest import digest
from harness.files.written.units import Age, Money, Share, Texts, in_one_currency, per_month
from harness.files.written.validation import Written
from harness.record import CaseRow

DEFAULT_CONFIDENCE = 0.95
_MOST_LABELS = 1000
MOST_THRESHOLDS = 200

_OF_NAMES = frozenset({"idna", "punycode"})  # encodings that write no texts, but names of hosts
DAY_S = 86_400.0


class ReplyRule(Written):
    """How a reply is read as a label."""

    as_: Literal["exact", "mention", "json", "regex"] = Field(
        "mention", alias="as", description="exact | mention | json (pointer) | regex (pattern)"
    )
    from_: Literal["text", "tool"] = Field(
        "text", alias="from", description="as: json; text, or tool: the arguments of its tool call."
    )
    aliases: dict[str, Texts] = Field({}, description="Other words for a label: {spam: [junk]}.")
    pointer: str = Field("/label", pattern=r"^(/.*)?$", description="as: json; JSON pointer to the label.")
    pattern: str | None = Field(
        None, max_length=1000, description="as: regex; group `label`, or the first group, or the whole match."
    )
    match: Literal["only", "first", "last"] = Field(
        "only", description="as: regex; which match counts. only: all of them, where they say the same."
    )
    score: str | None = Field(None, pattern=r"^(/.*)?$", description="as: json; JSON pointer to a number.")
    case_sensitive: bool = Field(False, description="Whether `Spam` and `spam` are two answers.")


class Costs(Written):
    """Money per error of a suite with a positive label."""

    missed: Money = Field(0.0, ge=0, allow_inf_nan=False, description="A positive case that went unnoticed.")
    false_alarm: Money = Field(0.0, ge=0, allow_inf_nan=False, description="A negative case taken for positive.")
    currency: str | None = Field(None, pattern=r"^[A-Z]{3}$", description="ISO code; absent: that of the prices.")

    _named = model_validator(mode="before")(in_one_currency)


class CaseFile(Written):
    """One file of cases, or a pattern, and how it is written where its name and first line do not tell."""

    file: str = Field(min_length=1, description="A file or a pattern, relative to the suite; or a URL.")
    format: Literal["jsonl", "json", "csv", "tsv", "parquet", "xlsx", "prompt", "lines"] | None = Field(
        None, description="Where the file's name does not tell it."
    )
    separator: str | None = Field(
        None, min_length=1, max_length=1, description='Between two cells: `;`, or a tab as `"\\t"`.'
    )
    header: Texts = Field((), description="The columns' names, of a file that has no header.")
    encoding: str | None = Field(None, description="Such as latin-1 or cp1252; absent: UTF-8, or as its mark says.")
    sheet: str | None = Field(None, description="Name or number of the sheet; absent: the first.")
    values: dict[str, dict[str, str]] = Field(
        {},
        description='Column -> value as written -> value as meant: {expected: {"1": World}}; or a file of '
        "names: {expected: {file: classes.txt}}, with `from: 0` or 1 where the data do not tell.",
    )
    beside: dict[str, str] = Field(
        {}, description="format: lines; column -> file with its values, a line each: {expected: labels.txt}."
    )

    @model_validator(mode="before")
    @classmethod
    def _a_path_is_a_file(cls, written: object) -> object:
        return {"file": written} if isinstance(written, str) else written

    @model_serializer(mode="wrap")
    def _as_short_as_written(self, dump: SerializerFunctionWrapHandler) -> Any:  # noqa: ANN401 - text or mapping
        return self.file if self == CaseFile(file=self.file) else dump(self)

    @field_validator("header")
    @classmethod
    def _names_each_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            raise ValueError("must name each column once")
        return value

    @field_validator("encoding")
    @classmethod
    def _is_known(cls, value: str | None) -> str | None:
        if value is None:
            return None
        plain = bytes(range(32, 127))
        try:
            name = codecs.lookup(value).name
            known = name.startswith(("utf-16", "utf-32")) or plain.decode(value) == plain.decode("ascii")
            known = known and name not in _OF_NAMES
        except (LookupError, ValueError, TypeError):
            known = False
        if not known:
            raise ValueError("must be an encoding of text, such as latin-1, cp1252 or utf-16")
        return value


class GateRule(Written):
    """How `harness gate` holds a branch against its base."""

    margin: Share = Field(
        0.02, gt=0, lt=1, description="The loss of a share that would not matter: `2%` is two points."
    )
    reuse: Age = Field(7 * DAY_S, ge=0, description="How old stored replies of the base may be: `7 days`, or `never`.")


class StopRule(Written):
    """When a run may stop before all cases are asked: as soon as the whole suite's verdict is settled."""

    delta: Share = Field(0.01, gt=0, le=0.1, description="In how many of all orders the verdict may be another one.")
    every: int = Field(10, ge=1, description="Cases between two looks.")
    from_: int = Field(20, ge=1, alias="from", description="Cases before the first look.")

    def looks(self, asked: int) -> bool:
        """Whether so many finished cases are looked at."""
        return asked >= self.from_ and (asked - self.from_) % self.every == 0


class LatencyRule(Written):
    """How latency is measured where answers are waited for, in a batch or a file."""

    sample: int = Field(ge=1, le=100_000, description="Cases that are asked at once beside a batch, once each.")

    def of(self, cases: Sequence[CaseRow], seed: int) -> list[int]:
        """Give the places of the sample: every nth case by label, then by length, from a start that is drawn."""

        def place(n: int) -> tuple[str, int, str]:
            return cases[n].expected, sum(map(len, cases[n].inputs.values())), cases[n].id

        ordered, many = sorted(range(len(cases)), key=place), min(self.sample, len(cases))
        start = Random(f"{seed}/latency").random()  # noqa: S311 (a start, not a secret)
        return [ordered[int((start + n) * len(ordered) / many)] for n in range(many)]


def asked_order(ids: Iterable[str], seed: int) -> list[str]:
    """Give the order in which cases are asked where a run may stop early: random, whatever the files' order."""
    order = sorted(ids)
    Random(f"{seed}/cases").shuffle(order)  # noqa: S311 (an order, not a secret)
    return order


class Suite(Written):
    """Labelled cases and what is demanded of a candidate on them."""

    name: str = Field(min_length=1, max_length=100, pattern=r"^[^/\\\x00-\x1f]+$", description="Names the runs.")
    description: str = Field("", description="What this suite is about.")
    labels: Texts = Field(
        min_length=2,
        max_length=_MOST_LABELS,
        description="All answers that are possible; or {file: classes.txt}, a file of their names.",
    )
    positive: str | None = Field(None, description="The label that one looks for, in suites with two labels.")
    cases: Annotated[tuple[CaseFile, ...], BeforeValidator(lambda w: (w,) if isinstance(w, (str, dict)) else w)] = (
        Field(
            min_length=1,
            description="Files of cases: .jsonl, .json, .csv, .tsv, the testData of a .prompt.yml; with `tables` "
            "also .xlsx, .parquet, s3://, hf://. A mapping says how a file is written.",
        )
    )
    columns: dict[str, str] = Field({}, description="Field -> column: {expected: label}; other columns are inputs.")
    reply: ReplyRule = Field(ReplyRule(), description="What makes a label of a reply.")
    prompts: Texts = Field((), description="Prompt files or patterns, relative to this file.")
    models: Texts = Field((), description="Names of models of harness.yml.")
    repeats: int = Field(3, ge=1, le=1000, description="How often each request is sent.")
    perturbations: Texts = Field((), description="Harmless changes of the input to try as well.")
    priority: Literal["recall", "precision", "balanced"] = Field("balanced", description="Which error hurts more.")
    prevalence: dict[str, Share] = Field({}, description="Share of a label in production: {spam: 2%}.")
    costs: Costs | None = Field(None, description="Money per kind of error.")
    volume: str | None = Field(None, description="Calls in production: `2M per month`.")
    thresholds: Texts = Field(
        (), max_length=MOST_THRESHOLDS, description="What is demanded; absent: the documented defaults."
    )
    confidence: Share = Field(
        DEFAULT_CONFIDENCE,
        gt=0.5,
        lt=1,
        description="Of intervals and checks, more than 50% and less than 100%: `95%`.",
    )
    gate: GateRule = Field(GateRule(), description="How a branch is held against its base.")
    latency: LatencyRule | None = Field(
        None, description="Where answers come from a batch: {sample: 100} asks so many cases at once, for latency."
    )
    stop: StopRule | None = Field(None, description="Stop when the verdict is settled; absent: ask all cases.")
    seed: int = Field(0, ge=0, lt=1 << 63, description="Of the order in which trials are sent.")
    path: Path | None = Field(None, exclude=True)
    labels_file: str = Field("", exclude=True)  # where the labels were read from, as written

    @field_validator("volume")
    @classmethod
    def _is_a_volume(cls, value: str | None) -> str | None:
        if value is not None:
            per_month(value)
        return value

    @property
    def volume_per_month(self) -> float | None:
        """Calls a month in production; None when the suite does not say."""
        return None if self.volume is None else per_month(self.volume)


def suite_digest(suite: Suite, cases: Iterable[CaseRow]) -> str:
    """Digest what makes two runs comparable: labels, reply rule, and the cases in any order."""
    rows = sorted((case.id, case.digest, case.expected, case.split) for case in cases)
    later = {key for key in ("from_", "match") if getattr(suite.reply, key) == ReplyRule.model_fields[key].default}
    rule = suite.reply.model_dump(mode="json", exclude=later)  # runs of before these keys stay comparable
    return digest([sorted(suite.labels), suite.positive, rule, rows])
