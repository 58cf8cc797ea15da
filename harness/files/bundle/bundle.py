"""A suite with everything that it names, frozen; what may be asked of it otherwise, and which of its cases."""

from collections.abc import Callable, Collection, Container, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec

from harness.files.case import Case
from harness.files.project import ModelEntry, Project, Via, checked_via
from harness.files.prompts import Prompt
from harness.files.suite import LatencyRule, ReplyRule, StopRule, Suite, Threshold, suite_digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One prompt on one model."""

    name: str  # prompt@model
    prompt: Prompt
    model_name: str
    model: ModelEntry
    prompt_digest: str
    model_digest: str
    places: Mapping[str, str] = field(default_factory=dict)  # file and line of what one may change
    reply: ReplyRule | None = None  # in place of the suite's


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A suite with everything that it names, checked."""

    project: Project
    suite: Suite
    candidates: tuple[Candidate, ...]
    cases: tuple[Case, ...]
    thresholds: tuple[Threshold, ...]  # the suite's, or the documented defaults
    files: tuple[Path, ...]  # all that were read
    replaced: Path | None = None  # the case file that stands for the suite's own
    suite_digest: str
    own_repeats: int  # as the suite's file says, whatever was asked for
    demanded: bool = False  # the thresholds stand for the suite's own
    unasked: int = 0  # cases of its files that a limit left out
    left_out: tuple[str, ...] = ()  # what a run will not do although the files ask for it, in sentences
    notes: tuple[str, ...] = ()  # what is allowed and seldom meant, in sentences

    def __reduce__(self) -> tuple[Callable[[dict[str, Any]], "Bundle"], tuple[dict[str, Any]]]:
        """Give the cases to another process as MessagePack: pickle takes four times as long for so many."""
        parts = {each.name: getattr(self, each.name) for each in fields(self)}
        with suppress(UnicodeEncodeError):  # a lone surrogate: pickle can write it
            parts["cases"] = msgspec.msgpack.encode(self.cases)
        return _given, (parts,)

    def stopping(self, written: object) -> "Bundle":
        """Give the same bundle with another rule of when to stop, as a suite writes it; None: ask all cases."""
        rule = None if written is None else StopRule.model_validate(written)
        return replace(self, suite=self.suite.model_copy(update={"stop": rule}))

    def asked(self, *, stop: bool, via: Via | None, engine: str | None = None) -> "Bundle":
        """Give the same bundle as the command line asks for it: stopping early, bought and measured in another way."""
        stopping = self.stopping({}) if stop and self.suite.stop is None else self
        return stopping.bought(via).measured_by(engine)

    def as_begun(self, suite: Mapping[str, object]) -> "Bundle":
        """Give the same bundle with the rules that a run began with, as its manifest keeps the suite."""
        rule = suite.get("latency")
        latency = None if rule is None else LatencyRule.model_validate(rule)
        begun = self.stopping(suite.get("stop"))
        return replace(begun, suite=begun.suite.model_copy(update={"latency": latency}))

    @property
    def timed(self) -> tuple[Case, ...] | None:
        """The cases that latency rests on: a sample, or none, where a model is not asked at once; else None: all."""
        rule, models = self.suite.latency, [one.model for one in self.candidates]
        if all(model.via == "sync" for model in models):
            return None
        if rule is None or not all(model.via == "sync" or model.waits for model in models):
            return ()
        return tuple(self.cases[place] for place in rule.of(self.cases, self.suite.seed))

    @property
    def untimed(self) -> tuple[str, ...]:
        """Say by what latency is decided, or that it is not, of each model whose calls are not asked at once."""
        rule = self.suite.latency
        none = "no latency is decided; `latency: {sample: 100}` in the suite asks 100 cases at once beside it."
        sampled = 0 if rule is None else min(rule.sample, len(self.cases))
        some = f"latency is decided by {sampled:,} cases that are asked at once." if sampled else ""
        told = {"batch": f"in a batch: {some or none}", "file": f"by a file: {some or none}"}
        told["flex"] = "at the service tier flex: no latency is decided."
        models = {one.model_name: one.model.via for one in self.candidates}
        return tuple(f"the model `{name}` is asked {told[via]}" for name, via in models.items() if via in told)

    def bought(self, via: Via | Mapping[str, Via] | None) -> "Bundle":
        """Give the same bundle, its answers bought in one way or each model's in its own; None: as harness.yml says.

        What waits for a batch asks every case: it is sent whole. Raises UsageError for a model that can't.
        """
        bought = self
        if via is not None:
            own = via if isinstance(via, Mapping) else {c.model_name: via for c in self.candidates}
            models = [checked_via(c.model_name, c.model, own[c.model_name]) for c in self.candidates]
            bought = replace(
                self, candidates=tuple(replace(c, model=m) for c, m in zip(self.candidates, models, strict=True))
            )
        if self.suite.stop is None or not any(c.model.waits for c in bought.candidates):
            return bought
        told = "a batch is sent whole: `stop` is left out, every case is asked."
        return replace(bought.stopping(None), left_out=(*self.left_out, told))

    def measured_by(self, engine: str | None) -> "Bundle":
        """Give the same bundle with another engine, at the address that harness.yml names; None: as it is."""
        if engine is None:
            return self
        changed = self.project.engine.model_copy(update={"name": engine})
        return replace(self, project=self.project.model_copy(update={"engine": changed}))

    def only(self, ids: Container[str]) -> "Bundle":
        """Give the same bundle with the cases of these ids."""
        cases = tuple(case for case in self.cases if case.id in ids)
        unasked = self.unasked + len(self.cases) - len(cases)
        return replace(self, cases=cases, unasked=unasked, suite_digest=suite_digest(self.suite, cases))

    def with_more(self, asked: Collection[str], more: int) -> "Bundle":
        """Give the same bundle with the cases that were asked and a sample of the others, each label with its share."""
        others = [case for case in self.cases if case.id not in asked]
        return self.only({*asked, *(case.id for case in RunChoice(limit=more).of(others, self.suite.seed))})


def _given(parts: dict[str, Any]) -> Bundle:
    if isinstance(parts["cases"], bytes):
        parts["cases"] = msgspec.msgpack.decode(parts["cases"], type=tuple[Case, ...])
    return Bundle(**parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunChoice:
    """What the command line asks for; `limit` is the size of a sample that has every label."""

    limit: int | None = None
    first: int | None = None
    splits: Collection[str] = ()
    tags: Collection[str] = ()

    def of(self, cases: Sequence[Case], seed: int) -> list[Case]:
        """Keep the cases that are wanted, in their order."""
        kept = [
            case
            for case in cases
            if (not self.splits or case.split in self.splits) and (not self.tags or set(self.tags) & set(case.tags))
        ][: self.first]
        return kept if self.limit is None else sample(kept, self.limit, seed)


def sample(cases: Sequence[Case], size: int, seed: int) -> list[Case]:
    """Draw a sample stratified by label: each has its share, and one place at least if there is room.

    The draw depends on the seed and the cases' ids alone: a case that is added moves few others, and a larger
    sample of the same seed holds the smaller but for rounding. Places go by largest remainders (Hamilton).
    """
    if size >= len(cases):
        return list(cases)
    strata: dict[str, list[Case]] = {}
    for case in cases:
        strata.setdefault(case.expected, []).append(case)
    places = _places({label: len(found) for label, found in strata.items()}, size)

    def lot(case: Case) -> bytes:
        return blake2b(f"{seed}\0{case.id}".encode(), digest_size=8).digest()

    drawn = {case.id for label, found in strata.items() for case in sorted(found, key=lot)[: places[label]]}
    return [case for case in cases if case.id in drawn]


def _places(sizes: dict[str, int], size: int) -> dict[str, int]:
    total = sum(sizes.values())
    least = 1 if size >= len(sizes) else 0
    places = {label: max(least, size * n // total) for label, n in sizes.items()}
    by_remainder = sorted(sizes, key=lambda label: (-(size * sizes[label] % total), label))
    for label in by_remainder:
        if sum(places.values()) < size and places[label] < sizes[label]:
            places[label] += 1
    while sum(places.values()) > size:  # the least places were too many
        largest = max(places, key=lambda label: (places[label], label))
        places[largest] -= 1
    return places
