"""What is to be measured, and what it would cost: cases x candidates x variants x repeats -> trials.

A million trials are never objects at once: a trial has a number, its *code*, and becomes a `Planned` when a
worker takes it. The order is drawn once from the suite's seed: each repeat is a pass of its own over all
cases, candidates and variants, shuffled together; so time of day and server load hit all candidates alike,
and the repeats of one case are spread apart. Where a run may stop early, cases come one after the other in the
order of `asked_order` instead, each with all that is asked of it.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Set
from contextlib import closing
from random import Random
from typing import Any

import msgspec

from harness.files.bundle.bundle import Bundle, Candidate
from harness.files.case import PROMPT_LEVEL, perturb_case
from harness.files.digest import digest, trial_key
from harness.files.prompts import Prompt, Rendered, RenderedText, RenderFailed, perturb_prompt, renderer_of
from harness.files.suite import asked_order
from harness.measure.endpoint.codecs import OUTPUT_NAMES, limit_of, merged
from harness.record import ORIGINAL, CaseRow, Planned, Record, Trial


class Plan:
    """All trials that a bundle asks for; a variant that changes nothing in a case is no trial."""

    def __init__(self, bundle: Bundle) -> None:
        self.candidates = bundle.candidates
        self.cases = bundle.cases
        self.labels = bundle.suite.labels
        self.seed = bundle.suite.seed
        self._stop = bundle.suite.stop
        self.repeats = bundle.suite.repeats
        self.variants = (ORIGINAL, *bundle.suite.perturbations)
        self._names = {c.name: i for i, c in enumerate(bundle.candidates)}
        self._slots = self._applicable()
        self._width = len(self.cases) * len(self.candidates) * len(self.variants)
        self._places = {case.id: i for i, case in enumerate(bundle.cases)}

    @property
    def planned(self) -> int:
        """How many trials there are."""
        return len(self._slots) * self.repeats

    def nothing_done(self) -> bytearray:
        """Make the marks of finished trials, one byte for each code."""
        return bytearray(self._width * self.repeats)

    def mark(self, done: bytearray, record: Record, *, done_with: bool = True) -> bool:
        """Mark a record's trial as finished (or not); False when no planned trial has its key."""
        code = self._code_of(record)
        if code is None or self._trial(code).key != record.key:
            return False
        done[code] = done_with
        return True

    def trials(
        self, done: bytearray, candidates: frozenset[str], *, shard: int = 0, shards: int = 1
    ) -> Iterator[Planned]:
        """Yield the unfinished trials of these candidates in the drawn order; a shard takes every nth."""
        wanted = [candidate.name in candidates for candidate in self.candidates]
        position = 0
        for code in self._codes():
            if done[code] or not wanted[self._parts(code % self._width)[1]]:
                continue
            position += 1
            if position % shards == shard:
                yield self._planned(code)

    def remaining(self, done: bytearray) -> dict[str, int]:
        """Count the unfinished trials of each candidate."""
        counts = [0] * len(self.candidates)
        for repeat in range(self.repeats):
            for slot in self._slots:
                if not done[repeat * self._width + slot]:
                    counts[self._parts(slot)[1]] += 1
        return {c.name: n for c, n in zip(self.candidates, counts, strict=True)}

    def beyond(self, done: bytearray, most: int) -> bytearray:
        """Mark all but the first so many unfinished trials, in the drawn order, as not to be sent."""
        marked = bytearray(done)
        for code in self._codes():
            if not done[code]:
                marked[code] = most <= 0
                most -= 1
        return marked

    def warmups(self, candidate: Candidate) -> Iterator[Planned]:
        """Yield the warm-up calls of a candidate: its first cases under keys that no trial has."""
        for n in range(candidate.model.warmup):
            planned = self._planned(self._slot(n % len(self.cases), self._names[candidate.name], 0))
            trial = planned.trial
            key = f"warmup-{n}-{trial.key}"
            yield Planned(Trial(key=key, case=trial.case, candidate=trial.candidate), planned.inputs)

    def prompts(self, candidate: Candidate) -> dict[str, Prompt]:
        """Give the prompt that each variant of a candidate renders."""
        return {
            v: perturb_prompt(v, candidate.prompt, self.seed) if v in PROMPT_LEVEL else candidate.prompt
            for v in self.variants
        }

    def varied(self, case: CaseRow, variant: str) -> dict[str, str] | None:
        """Give the inputs of a case's variant; None when it changes nothing."""
        if variant == ORIGINAL or variant in PROMPT_LEVEL:
            return case.inputs
        return perturb_case(variant, case, self.labels)

    def _applicable(self) -> array[int]:
        changes = [
            [v not in PROMPT_LEVEL or perturb_prompt(v, c.prompt, self.seed) != c.prompt for v in self.variants]
            for c in self.candidates
        ]
        slots = array("Q")
        for i, case in enumerate(self.cases):
            varies = [self.varied(case, v) is not None for v in self.variants]
            for j, changed in enumerate(changes):
                slots.extend(self._slot(i, j, k) for k in range(len(self.variants)) if varies[k] and changed[k])
        return slots

    def _codes(self) -> Iterator[int]:
        return self._by_pass() if self._stop is None else self._by_case()

    def _by_pass(self) -> Iterator[int]:
        orders = [self._slots[:] for _ in range(self.repeats)]
        for repeat, order in enumerate(orders):
            Random(f"{self.seed}/{repeat}").shuffle(order)  # noqa: S311 (an order, not a secret)
        for repeat, order in enumerate(orders):
            yield from (repeat * self._width + slot for slot in order)

    def _by_case(self) -> Iterator[int]:
        mine: dict[int, list[int]] = {}
        for slot in self._slots:
            mine.setdefault(self._parts(slot)[0], []).append(slot)
        for id_ in asked_order(self._places, self.seed):
            codes = [repeat * self._width + slot for repeat in range(self.repeats) for slot in mine[self._places[id_]]]
            Random(f"{self.seed}/{id_}").shuffle(codes)  # noqa: S311 (an order, not a secret)
            yield from codes

    def keep(self, done: bytearray, cases: Set[str]) -> int:
        """Mark the trials of all other cases as not to be sent; gives how many of them were not finished."""
        before = sum(done)
        self._mark_all(done, (slot for slot in self._slots if self.cases[self._parts(slot)[0]].id not in cases))
        return sum(done) - before

    def end(self, done: bytearray, candidate: str) -> None:
        """Mark all of a candidate's trials as finished: nothing more is asked of it."""
        place = self._names[candidate]
        self._mark_all(done, (slot for slot in self._slots if self._parts(slot)[1] == place))

    def _mark_all(self, done: bytearray, slots: Iterable[int]) -> None:
        for slot in slots:
            done[slot :: self._width] = b"\1" * self.repeats

    def _slot(self, case: int, candidate: int, variant: int) -> int:
        return (case * len(self.candidates) + candidate) * len(self.variants) + variant

    def _parts(self, slot: int) -> tuple[int, int, int]:
        rest, variant = divmod(slot, len(self.variants))
        case, candidate = divmod(rest, len(self.candidates))
        return case, candidate, variant

    def _trial(self, code: int) -> Trial:
        repeat, slot = divmod(code, self._width)
        i, j, k = self._parts(slot)
        case, candidate, variant = self.cases[i], self.candidates[j], self.variants[k]
        content = case.digest if variant not in case.variants else digest([case.digest, case.variants[variant]])
        return Trial(
            key=trial_key(candidate.prompt_digest, candidate.model_digest, content, variant, repeat),
            case=case.id,
            candidate=candidate.name,
            variant=variant,
            repeat=repeat,
        )

    def _planned(self, code: int) -> Planned:
        trial = self._trial(code)
        case = self.cases[self._parts(code % self._width)[0]]
        inputs = self.varied(case, trial.variant)
        assert inputs is not None, "a variant that changes nothing was planned"
        return Planned(trial, inputs)

    def _code_of(self, record: Record) -> int | None:
        i, j = self._places.get(record.case), self._names.get(record.candidate)
        if i is None or j is None or record.variant not in self.variants or record.repeat >= self.repeats:
            return None
        return record.repeat * self._width + self._slot(i, j, self.variants.index(record.variant))


_SAMPLE = 500  # cases that are rendered to know the mean length of a prompt
_CHARS_PER_TOKEN = 4  # rough for English in the usual byte-pair vocabularies
_TOKENS_PER_MESSAGE = 4


class CandidateCost(msgspec.Struct, frozen=True, kw_only=True):
    """What one candidate would take. `tokens_out` and `money` are upper bounds where output is limited."""

    name: str
    calls: int  # without retries, with warm-up calls
    tokens_in: int
    tokens_out: int | None  # None: nothing limits the output
    money: float | None  # None without a price
    currency: str
    priced: bool
    ways: dict[str, float]  # money by way of asking, as far as its price is known: sync, batch, flex
    first_prompt: str
    params: dict[str, Any]  # asked for with every prompt, as `adapt` leaves them
    left_out: tuple[str, ...]  # by `adapt`, of what prompt and model ask for


class PlanSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What a run would do."""

    cases: int
    trials: int
    calls: int
    labels: dict[str, dict[str, int]]  # label -> split -> cases
    candidates: tuple[CandidateCost, ...]


def estimate(bundle: Bundle) -> PlanSummary:
    """Estimate a run of this bundle without a call."""
    plan = Plan(bundle)
    costs = costs_of(plan, plan.nothing_done())
    labels: dict[str, dict[str, int]] = {label: {} for label in bundle.suite.labels}
    for case in bundle.cases:
        splits = labels.setdefault(case.expected, {})
        splits[case.split] = splits.get(case.split, 0) + 1
    return PlanSummary(
        cases=len(bundle.cases),
        trials=plan.planned,
        calls=sum(cost.calls for cost in costs),
        labels=labels,
        candidates=costs,
    )


def costs_of(plan: Plan, done: bytearray) -> tuple[CandidateCost, ...]:
    """Estimate what is not done of a plan, candidate by candidate, without a call."""
    trials = plan.remaining(done)
    return tuple(_cost(plan, candidate, trials[candidate.name]) for candidate in plan.candidates)


def _cost(plan: Plan, candidate: Candidate, trials: int) -> CandidateCost:
    entry = candidate.model
    warmups = 0 if entry.endpoint == "replay" or not trials else entry.warmup
    calls = trials + warmups
    first, mean = _sample(plan, candidate)
    params = merged(entry, candidate.prompt)
    tokens_in = round(calls * mean)
    asked = {*entry.params, *candidate.prompt.parameters}
    limit = limit_of(params)
    tokens_out = None if limit is None else calls * limit
    price, out = entry.price, float(tokens_out or 0)
    ways = {w: price.money(float(tokens_in), out, 0.0, price.factor(w)) for w in price.ways if price.is_given}
    return CandidateCost(
        name=candidate.name,
        calls=calls,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        money=ways.get("sync"),
        currency=price.currency,
        priced=price.is_given,
        ways=ways,
        first_prompt=first,
        params={} if entry.endpoint in ("http", "replay", "function") else params,
        left_out=tuple(n for n in entry.adapt.drop if n not in OUTPUT_NAMES and n in asked),
    )


def _sample(plan: Plan, candidate: Candidate) -> tuple[str, float]:
    """Give the first rendered prompt and the mean tokens of evenly spread cases."""
    step = max(1, len(plan.cases) // _SAMPLE)
    sizes: list[int] = []
    first = ""
    with closing(renderer_of(candidate.prompt)) as renderer:
        for case in plan.cases[::step]:
            try:
                rendered = renderer.render(case.inputs)
            except RenderFailed:
                continue  # this case becomes a failure of the run; its size is nobody's cost
            first = first or _plain(rendered)
            sizes.append(_tokens(rendered))
    return first, sum(sizes) / len(sizes) if sizes else 0.0


def _plain(rendered: Rendered) -> str:
    """Write a rendered prompt for people."""
    if isinstance(rendered, RenderedText):
        return rendered.text
    return "\n".join(f"[{role}] {content}" for role, content in rendered.messages)


def _tokens(rendered: Rendered) -> int:
    if isinstance(rendered, RenderedText):
        return len(rendered.text) // _CHARS_PER_TOKEN + 1
    size = sum(len(content) for _, content in rendered.messages)
    return size // _CHARS_PER_TOKEN + _TOKENS_PER_MESSAGE * len(rendered.messages) + 1
