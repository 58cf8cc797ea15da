"""What a run would cost: calls, tokens and money of each candidate, before anything is paid."""

from __future__ import annotations

import msgspec

from harness.files.bundle import Bundle, Candidate
from harness.files.prompts import Rendered, RenderedText, Renderer, RenderFailed
from harness.measure.endpoint.codecs.params import merged, most_output
from harness.measure.plan.trials import Plan

_SAMPLE = 500  # cases that are rendered to know the mean length of a prompt
_CHARS_PER_TOKEN = 4  # rough for English in the usual byte-pair vocabularies
_TOKENS_PER_MESSAGE = 4
_OUTPUT_LIMITS = ("max_completion_tokens", "max_output_tokens", "max_tokens", "n_predict")


class CandidateCost(msgspec.Struct, frozen=True, kw_only=True):
    """What one candidate would take. `tokens_out` and `money` are upper bounds where output is limited."""

    name: str
    calls: int  # without retries, with warm-up calls
    tokens_in: int
    tokens_out: int | None  # None: nothing limits the output
    money: float | None  # None without a price
    currency: str
    priced: bool
    first_prompt: str


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
    trials = plan.remaining(plan.nothing_done())
    costs = tuple(_cost(plan, candidate, trials[candidate.name]) for candidate in bundle.candidates)
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


def _cost(plan: Plan, candidate: Candidate, trials: int) -> CandidateCost:
    entry = candidate.model
    warmups = 0 if entry.endpoint == "replay" else entry.warmup
    calls = trials + warmups
    first, mean = _sample(plan, candidate)
    params = merged(entry, candidate.prompt)
    tokens_in = round(calls * mean)
    tokens_out = calls * most_output(params) if any(name in params for name in _OUTPUT_LIMITS) else None
    price = entry.price
    return CandidateCost(
        name=candidate.name,
        calls=calls,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        money=price.money(float(tokens_in), float(tokens_out or 0), 0.0) if price.is_given else None,
        currency=price.currency,
        priced=price.is_given,
        first_prompt=first,
    )


def _sample(plan: Plan, candidate: Candidate) -> tuple[str, float]:
    """Give the first rendered prompt and the mean tokens of evenly spread cases."""
    renderer = Renderer(candidate.prompt)
    step = max(1, len(plan.cases) // _SAMPLE)
    sizes: list[int] = []
    first = ""
    for case in plan.cases[::step]:
        try:
            rendered = renderer.render(case.inputs)
        except RenderFailed:
            continue  # this case becomes a failure of the run; its size is nobody's cost
        first = first or plain(rendered)
        sizes.append(_tokens(rendered))
    return first, sum(sizes) / len(sizes) if sizes else 0.0


def plain(rendered: Rendered) -> str:
    """Write a rendered prompt for people."""
    if isinstance(rendered, RenderedText):
        return rendered.text
    return "\n".join(f"[{role}] {content}" for role, content in rendered.messages)


def _tokens(rendered: Rendered) -> int:
    if isinstance(rendered, RenderedText):
        return len(rendered.text) // _CHARS_PER_TOKEN + 1
    size = sum(len(content) for _, content in rendered.messages)
    return size // _CHARS_PER_TOKEN + _TOKENS_PER_MESSAGE * len(rendered.messages) + 1
