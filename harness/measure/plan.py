"""What is to be measured: cases x candidates x variants x repeats -> trials.

A million trials are never objects at once: a trial has a number, its *code*, and becomes a `Planned` when a
worker takes it. The order is drawn once from the suite's seed: each repeat is a pass of its own over all
cases, candidates and variants, shuffled together; so time of day and server load hit all candidates alike,
and the repeats of one case are spread apart. Where a run may stop early, cases come one after the other in the
order of `asked_order` instead, each with all that is asked of it.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Set
from contextlib import ExitStack, closing
from functools import cached_property
from itertools import islice
from random import Random

from harness.files.bundle.bundle import Bundle, Candidate
from harness.files.case import PROMPT_LEVEL, perturb_case
from harness.files.digest import digest, trial_key
from harness.files.prompts import Prompt, Renders, perturb_prompt, renderer_of
from harness.files.suite import asked_order
from harness.record import ORIGINAL, Batch, CaseRow, Planned, Record, Trial


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
        rule = bundle.suite.latency
        self.sampled = () if rule is None else tuple(rule.of(bundle.cases, self.seed))  # places of cases

    @property
    def planned(self) -> int:
        """How many trials there are."""
        return len(self._slots) * self.repeats

    def nothing_done(self) -> bytearray:
        """Make the marks of finished trials, one byte for each code."""
        return bytearray(self._width * self.repeats)

    def mark(self, done: bytearray, record: Record, *, done_with: bool = True) -> bool:
        """Mark a record's trial as finished (or not); False when no planned trial has its key."""
        code = self.code_of(record)
        if code is None or self._trial(*self._named(code)).key != record.key:
            return False
        done[code] = done_with
        return True

    def trials(
        self, done: bytearray, candidates: frozenset[str], *, shard: int = 0, shards: int = 1
    ) -> Iterator[Planned]:
        """Give the unfinished trials of these candidates in the drawn order; a shard takes every nth."""
        codes = islice(self.codes(done, candidates), (shard or shards) - 1, None, shards)
        return map(self.planned_at, codes)

    def codes(self, done: bytearray, candidates: Set[str]) -> Iterator[int]:
        """Give the codes of the unfinished trials of these candidates, in the drawn order; `done` may change."""
        wanted = [candidate.name in candidates for candidate in self.candidates]
        if all(wanted):
            return (code for code in self._codes() if not done[code])
        return (code for code in self._codes() if not done[code] and wanted[self.candidate_of(code)])

    def candidate_of(self, code: int) -> int:
        """Give the place of a trial's candidate in the bundle."""
        return self._parts(code % self._width)[1]

    def remaining(self, done: bytearray) -> dict[str, int]:
        """Count the unfinished trials of each candidate."""
        counts = [0] * len(self.candidates)
        for repeat in range(self.repeats):
            for slot in self._slots:
                if not done[repeat * self._width + slot]:
                    counts[self._parts(slot)[1]] += 1
        return {c.name: n for c, n in zip(self.candidates, counts, strict=True)}

    def at_once(self, done: bytearray) -> bytearray:
        """Mark what is waited for as not to be sent: all of a model's trials that comes in a batch, but its sample's.

        The sample is asked in its first repeat, in its original form; other repeats of it come in the batch.
        """
        marked = bytearray(done)
        for place, candidate in enumerate(self.candidates):
            if candidate.model.waits:
                self.end(marked, candidate.name)
                for slot in (self._slot(case, place, 0) for case in self.sampled):
                    marked[slot] = done[slot]
        return marked

    def tagged(self) -> Iterator[tuple[str, int]]:
        """Yield the code of each trial that is waited for under its key, numbered where cases alike share one."""
        alike: Counter[str] = Counter()
        for code in self.codes(self.nothing_done(), {each.name for each in self.candidates if each.model.waits}):
            key = self._trial(*self._named(code)).key
            yield f"{key}-{alike[key]}" if alike[key] else key, code
            alike[key] += 1

    def bought(self, done: bytearray, batches: Iterable[Batch]) -> bytearray:
        """Mark what is in a batch that has not ended as not to be sent."""
        out: dict[str, tuple[str, ...]] = {}
        for batch in batches:
            if batch.step == "begun":
                out[batch.id] = batch.trials
            elif batch.step == "ended":
                out.pop(batch.id, None)
        marked = bytearray(done)
        for code in self._codes_of(tag for trials in out.values() for tag in trials):
            marked[code] = True
        return marked

    def reopen(self, done: bytearray, batch: Batch) -> None:
        """Take the marks off what a batch was begun for: nothing that was recorded of it before stands."""
        for code in self._codes_of(batch.trials):
            done[code] = False

    def _codes_of(self, tags: Iterable[str]) -> Iterator[int]:
        return (self._tags[tag] for tag in tags if tag in self._tags)

    @cached_property
    def _tags(self) -> dict[str, int]:
        return dict(self.tagged())

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
            planned = self.planned_at(self._slot(n % len(self.cases), self._names[candidate.name], 0))
            trial = planned.trial
            key = f"warmup-{n}-{trial.key}"
            yield Planned(Trial(key=key, case=trial.case, candidate=trial.candidate), planned.inputs)

    def _prompts(self, candidate: Candidate) -> dict[str, Prompt]:
        """Give the prompt that each variant of a candidate renders."""
        return {
            v: perturb_prompt(v, candidate.prompt, self.seed) if v in PROMPT_LEVEL else candidate.prompt
            for v in self.variants
        }

    def renderers(self, candidate: Candidate, until: ExitStack) -> dict[str, Renders]:
        """Give what renders each variant of a candidate, until the stack is closed."""

        def made(prompt: Prompt) -> Renders:
            return until.enter_context(closing(renderer_of(prompt)))

        plain = made(candidate.prompt)
        return {v: plain if p is candidate.prompt else made(p) for v, p in self._prompts(candidate).items()}

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
            yield from map((repeat * self._width).__add__, order)

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

    def _named(self, code: int) -> tuple[CaseRow, Candidate, str, int]:
        repeat, slot = divmod(code, self._width)
        case, candidate, variant = self._parts(slot)
        return self.cases[case], self.candidates[candidate], self.variants[variant], repeat

    def _trial(self, case: CaseRow, candidate: Candidate, variant: str, repeat: int) -> Trial:
        content = case.digest if variant not in case.variants else digest([case.digest, case.variants[variant]])
        return Trial(
            key=trial_key(candidate.prompt_digest, candidate.model_digest, content, variant, repeat),
            case=case.id,
            candidate=candidate.name,
            variant=variant,
            repeat=repeat,
        )

    def planned_at(self, code: int) -> Planned:
        """Make the trial that has this code."""
        case, candidate, variant, repeat = self._named(code)
        inputs = case.inputs if variant == ORIGINAL else self.varied(case, variant)
        assert inputs is not None, "a variant that changes nothing was planned"
        return Planned(self._trial(case, candidate, variant, repeat), inputs)

    def code_of(self, record: Record) -> int | None:
        """Give the code of the trial that a record is of; None where it is none of the plan's."""
        i, j = self._places.get(record.case), self._names.get(record.candidate)
        if i is None or j is None or record.variant not in self.variants or record.repeat >= self.repeats:
            return None
        return record.repeat * self._width + self._slot(i, j, self.variants.index(record.variant))
