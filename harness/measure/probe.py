"""`harness models test NAME`: one real call, then one small real call for each feature that may be supported.

Nothing is inferred from a provider's name: a feature is there when a call that uses it shows its effect.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec

from harness.errors import RunIncomplete
from harness.files.project import ModelEntry, Price
from harness.files.prompts import Message, Prompt, Rendered, RenderedChat, RenderedText
from harness.measure.endpoint import Answer, build_endpoint, load_replies
from harness.measure.endpoint.codecs import OUTPUT_NAMES, limit_of, template_variables
from harness.measure.endpoint.embedded import DEFAULT_WEIGHTS
from harness.measure.pacing import RetryBudget, RetryRules, retry, wants_retry
from harness.measure.timeline import RealClock, Timeline
from harness.record import Attempt, Failure, Reply, Trial

Feature: TypeAlias = Literal["streaming", "logprobs", "seed", "json schema"]

QUESTION = "Is the sky blue on a clear day? Answer with one word, yes or no."
_TEXT = "Question: Is fire hot?\nAnswer: yes\n\nQuestion: Is the sky blue on a clear day?\nAnswer:"
_ATTEMPTS = 3  # somebody waits: fewer than a run makes
_LONGEST_WAIT_S = 30.0
_LEAST_OUTPUT = 16  # OpenAI's Responses accept no smaller limit
_NOT_IMPLEMENTED = 501
_JSON_OUTPUT = 64
_SCHEMA = {
    "type": "object",
    "properties": {"label": {"type": "string", "enum": ["yes", "no"]}},
    "required": ["label"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """Whether one feature showed its effect, and how that was seen."""

    feature: Feature
    supported: bool | None  # None: can't tell, the call failed by something else
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What one model of harness.yml answered."""

    name: str
    endpoint: str
    model: str | None
    ok: bool
    request: str  # the body that was sent; no headers, so no keys
    attempt: Attempt
    reply: Reply | None = None
    failure: Failure | None = None
    supports: tuple[Support, ...] = ()
    calls: int = 0
    cost: float | None = None  # of all calls; None when the endpoint counted no tokens of one
    currency: str
    note: str = ""


async def probe(name: str, entry: ModelEntry, *, root: Path) -> Probe:
    """Try a model. Raises UsageError and EndpointUnusable as a run would."""
    if entry.endpoint == "replay":
        return _of_replay(name, entry, root)
    prompt, rendered = question(entry)
    limited = any(name in layer for layer in (entry.params, entry.adapt.override) for name in OUTPUT_NAMES)
    bounded = entry if limited else _with_params(entry, {"max_tokens": _LEAST_OUTPUT})
    asked, answers = await ask(name, bounded, prompt, rendered, root)
    if not limited and _for_our_limit(answers[-1].outcome):
        bounded = entry
        asked, more = await ask(name, entry, prompt, rendered, root)
        answers += more
    answer = answers[-1]
    supports: list[Support] = []
    if isinstance(answer.outcome, Reply):
        for feature in _features(entry):
            changed, prompted = _CHANGES[feature](bounded, prompt)
            _, tried = await ask(name, changed, prompted, rendered, root)
            answers += tried
            supports.append(_judge(feature, tried[-1]))
    outcome = answer.outcome
    return Probe(
        name=name,
        endpoint=entry.endpoint,
        model=entry.model or (entry.weights or DEFAULT_WEIGHTS if entry.endpoint == "local" else None),
        ok=isinstance(outcome, Reply),
        request=asked.decode("utf-8", "replace"),
        attempt=answer.attempt,
        reply=outcome if isinstance(outcome, Reply) else None,
        failure=outcome if isinstance(outcome, Failure) else None,
        supports=tuple(supports),
        calls=len(answers),
        cost=_cost(answers, entry.price),
        currency=entry.price.currency,
    )


def _for_our_limit(outcome: Reply | Failure) -> bool:
    """Tell whether a limit that no run would send was refused, or used up by thoughts."""
    if isinstance(outcome, Failure):
        return outcome.kind == "bad_request" and any(name in outcome.message for name in OUTPUT_NAMES)
    return outcome.finish_reason == "length" and not outcome.text.strip()


def _of_replay(name: str, entry: ModelEntry, root: Path) -> Probe:
    build_endpoint(name, entry, Prompt(), root=root)  # all its checks
    assert entry.replies is not None
    count = len(load_replies(root / entry.replies))
    return Probe(
        name=name,
        endpoint="replay",
        model=None,
        ok=True,
        request="",
        attempt=Attempt(duration_ns=0),
        currency=entry.price.currency,
        note=f"{count:,} recorded {'reply' if count == 1 else 'replies'} in {entry.replies}; no call is made",
    )


def question(entry: ModelEntry) -> tuple[Prompt, Rendered]:
    """Give the question that a model of this kind is asked."""
    inputs = dict.fromkeys(template_variables(entry.body), QUESTION) if entry.endpoint == "http" else {}
    if entry.endpoint == "completions":
        return Prompt(text=_TEXT), RenderedText(_TEXT)
    prompt = Prompt(messages=(Message(role="user", content=QUESTION),))
    return prompt, RenderedChat((("user", QUESTION),), inputs)


def _features(entry: ModelEntry) -> tuple[Feature, ...]:
    """Return the features that this protocol has words for."""
    if entry.endpoint == "http":
        return ()
    if entry.endpoint == "anthropic":
        return ("streaming", "json schema")
    return ("streaming", "logprobs", "seed", "json schema")


async def ask(
    name: str, entry: ModelEntry, prompt: Prompt, rendered: Rendered, root: Path
) -> tuple[bytes, list[Answer]]:
    """Call once, and again as a run would what may pass; gives the body that was sent and every answer."""
    endpoint = build_endpoint(name, entry, prompt, root=root)
    prepared = endpoint.prepare(rendered, Trial(key="probe", case="probe", candidate=f"probe@{name}"))
    answers: list[Answer] = []
    timeline = Timeline(RealClock())

    async def attempt() -> Answer:
        answers.append(await endpoint.attempt(prepared, timeout_s=entry.timeout_s))
        timeline.attempted(answers[-1])
        return answers[-1]

    await endpoint.open()
    try:
        if wants_retry(first := await attempt()):
            rules = RetryRules(
                attempts=min(_ATTEMPTS, entry.limits.attempts),
                deadline_s=entry.deadline_s,
                max_retry_after_s=min(_LONGEST_WAIT_S, entry.limits.max_retry_after_s),
                budget=RetryBudget(),
            )
            with suppress(RunIncomplete):  # it asks for a longer wait: its answer says so
                await retry(
                    first,
                    attempt,
                    rules=rules,
                    timeline=timeline,
                    clock=RealClock(),
                    on_backoff=lambda _answer, _seconds: None,
                )
    finally:
        await endpoint.close()
    return prepared.body, answers


def _json_schema(entry: ModelEntry, prompt: Prompt) -> tuple[ModelEntry, Prompt]:
    name = next((name for name in OUTPUT_NAMES if name in entry.params), None)
    limit = limit_of(entry.params)
    wider = entry if name is None or limit is None else _with_params(entry, {name: max(limit, _JSON_OUTPUT)})
    return wider, prompt.model_copy(update={"json_schema": _SCHEMA})


_CHANGES: dict[Feature, Callable[[ModelEntry, Prompt], tuple[ModelEntry, Prompt]]] = {
    "streaming": lambda entry, prompt: (entry.model_copy(update={"stream": True}), prompt),
    "logprobs": lambda entry, prompt: (_with_params(entry, {"logprobs": True, "top_logprobs": 2}), prompt),
    "seed": lambda entry, prompt: (_with_params(entry, {"seed": 1}), prompt),
    "json schema": _json_schema,
}


def _judge(feature: Feature, answer: Answer) -> Support:
    outcome = answer.outcome
    if isinstance(outcome, Failure):
        # The plain call was let through: a key that may not is one that may not use this feature.
        refused = outcome.kind in ("bad_request", "unauthorized") or outcome.status == _NOT_IMPLEMENTED
        return Support(feature=feature, supported=False if refused else None, why=outcome.message)
    if feature == "seed":
        return Support(feature=feature, supported=True, why="accepted; repeats of a run show whether it is honoured")
    shown, lacks = {
        "logprobs": (bool(outcome.logprobs), "none came"),
        "streaming": (bool(answer.attempt.tokens_ns), "no stream came"),
        "json schema": (_follows_schema(outcome.text), f"the reply does not follow it: {outcome.text[:60]!r}"),
    }[feature]
    return Support(feature=feature, supported=shown, why="" if shown else f"accepted, but {lacks}")


def _follows_schema(text: str) -> bool:
    try:
        value = msgspec.json.decode(text.encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and set(value) == {"label"} and value["label"] in ("yes", "no")


def _cost(answers: list[Answer], price: Price) -> float | None:
    costs = [price.of(a.outcome.usage) for a in answers if isinstance(a.outcome, Reply)]
    known = [cost for cost in costs if cost is not None]
    return sum(known) if known and len(known) == len(costs) else None  # a part of the calls is not what they cost


def _with_params(entry: ModelEntry, more: dict[str, Any]) -> ModelEntry:
    return entry.model_copy(update={"params": {**entry.params, **more}})
