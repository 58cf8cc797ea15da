"""`harness models adapt NAME`: what a model takes, found by asking it and by reading its own refusals.

Nothing is inferred from a model's name. One call after another is made as prompts and `params` ask for it. What a
refusal names is dropped, or sent as the refusal says; a reply without text whose thoughts used its output limit up
gets a larger limit. Each step is one parameter, and the steps are bounded.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from harness.endings import ending_of
from harness.errors import UsageError
from harness.files.mending import first_named
from harness.files.project import Adapt, ModelEntry
from harness.measure.endpoint.codecs import OUTPUT_NAMES, limit_of
from harness.measure.probe import ask, question
from harness.record import Failure, Reply

MOST_STEPS = 12
_LEAST_ROOM, _MOST_ROOM = 64, 32_768  # tokens of a limit that is raised
_ROOM = 4  # times what a trivial question took: cases are harder
_QUESTION = frozenset({"model", "messages", "prompt", "input", "system", "stream"})
_EFFORTS = {"none": 0, "minimal": 1, "low": 2, "medium": 3, "default": 3, "high": 4, "xhigh": 5, "max": 6}
# What turns thinking on, off or down, as providers and servers call it; a refusal may only say `thinking`.
_THOUGHT = (
    *("enable_thinking", "thinking", "think", "thinking_budget", "reasoning_effort", "reasoning", "include_reasoning"),
    *("prompt_mode", "chat_template_kwargs"),
)

# What providers say of a limit, and of values: OpenAI, Azure, Groq; Anthropic; pydantic (vLLM, Mistral).
_LEAST = re.compile(r"(?:>=|at least|greater than or equal to|minimum (?:of|is|value is))\s*`?(\d{1,7})", re.IGNORECASE)
_MOST = re.compile(
    r"(?:<=|at most|less than or equal to|not greater than|maximum (?:of|is|value is)|\d >|\[\d{1,7},)\s*`?(\d{1,7})",
    re.IGNORECASE,
)
_TOO_SMALL = re.compile(r"\b(?:higher|larger|increase|must be greater|limit was reached)\b", re.IGNORECASE)
_ALLOWED = re.compile(
    r"(?:supported values are|must be one of|should be|valid values are|expected one of)(.+)", re.IGNORECASE
)
_QUOTED = re.compile(r"['\"`]([A-Za-z_-]{2,20})['\"`]")
_OF_THOUGHT = re.compile(r"thinking|reasoning", re.IGNORECASE)
_SWITCH = re.compile(  # Alibaba, which also names what was not sent
    r"([a-z_]{0,30}(?:think|reason)[a-z_]{0,30})['\"`]?(?: parameter)?"
    r"(?: must be(?: set to)?| is restricted to|必须设置为)\s?['\"`]?(true|false)",
    re.IGNORECASE,
)
_MOVED = re.compile(r"moved to ['\"`](\w{2,40})\.(\w{2,40})['\"`]")


class Step(NamedTuple):
    """What the endpoint said, and what follows from it."""

    said: str
    change: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a model takes; `failure` is what no adapting mends."""

    name: str
    adapt: Adapt
    asked: dict[str, Any]  # of the first call, as prompts and `params` ask for it
    steps: tuple[Step, ...]
    calls: int
    reply: Reply | None
    failure: Failure | None

    @property
    def answered(self) -> bool:
        """Whether the model said something in the end."""
        return self.reply is not None and bool(self.reply.text.strip())


async def find_adapt(name: str, entry: ModelEntry, wanted: Mapping[str, Any], *, root: Path) -> Found:
    """Ask a model for what prompts want until it answers. Raises UsageError and EndpointUnusable as a run would."""
    if entry.endpoint in ("http", "replay"):
        what = "`body`" if entry.endpoint == "http" else "`replies`"
        raise UsageError(f"models.{name}: `endpoint: {entry.endpoint}` sends no parameters", fix=f"Change its {what}.")
    prompt, rendered = question(entry)
    prompt = prompt.model_copy(update={"parameters": dict(wanted)})
    found = Found(name=name, adapt=entry.adapt, asked={}, steps=(), calls=0, reply=None, failure=None)
    for _ in range(MOST_STEPS):
        body, answers = await ask(name, entry.model_copy(update={"adapt": found.adapt}), prompt, rendered, root)
        sent = {key: value for key, value in msgspec.json.decode(body or b"{}").items() if key not in _QUESTION}
        outcome = answers[-1].outcome
        reply, failure = (outcome, None) if isinstance(outcome, Reply) else (None, outcome)
        found = replace(found, calls=found.calls + len(answers), reply=reply, failure=failure)
        found = found if found.asked else replace(found, asked=sent)
        change = _of_reply(outcome, sent) if isinstance(outcome, Reply) else _of_refusal(outcome, sent)
        if change is None:
            break
        step, override, drop = change
        found = replace(found, adapt=_changed(found.adapt, override, drop), steps=(*found.steps, step))
        if found.answered:
            break  # it answered: more room is a precaution that needs no call
    return found


_Change = tuple[Step, dict[str, Any], str | None]


def _of_refusal(failure: Failure, sent: Mapping[str, Any]) -> _Change | None:
    """Find the parameter that a refusal is about, and what to send in its place."""
    words = failure.message
    name, member = _named(words, sent)
    if failure.kind not in ("bad_request", "error_in_body"):
        return None
    if member is None and (switch := _SWITCH.search(words)):
        on = switch[2].lower() == "true"
        return None if sent.get(switch[1]) is on else _override(words, switch[1], on)
    return None if name is None else _of_named(words, name, member, sent)


def _of_named(words: str, name: str, member: str | None, sent: Mapping[str, Any]) -> _Change | None:
    """Change a parameter as a refusal says, or drop it."""
    if name in OUTPUT_NAMES and (limit := _said_limit(words, limit_of(dict(sent)))) is not None:
        return None if limit == sent[name] else _override(words, name, limit)
    if moved := _MOVED.search(words):
        step, override, _ = _override(words, moved[1], {moved[2]: sent[name]})
        return step, override, name
    whole = sent[name]
    value = _allowed(words, whole if member is None else whole[member])
    if value is not None:
        return _override(words, name, value if member is None else {**whole, member: value})
    if member is None or len(whole) == 1 or first_named(words, [name]):
        return Step(words, f"drop {name}"), {}, name
    return _override(words, name, {key: value for key, value in whole.items() if key != member})


def _named(words: str, sent: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Find the parameter that a refusal is about, and the member of it where the words name one."""
    within = {member: name for name, value in sent.items() if isinstance(value, dict) for member in value}
    name, member = first_named(words, sent), first_named(words, within)
    if member is not None and name in (None, within[member]):
        return within[member], member
    if name is None and not _EFFORTS.keys().isdisjoint(_values(words)):
        name = next((key for key, value in sent.items() if isinstance(value, str) and value in _EFFORTS), None)
    if name is None and _TOO_SMALL.search(words) and first_named(words, OUTPUT_NAMES):
        name = next((key for key in OUTPUT_NAMES if key in sent), None)  # under a name that was not sent
    if name is None and _OF_THOUGHT.search(words):
        name = next((key for key in _THOUGHT if key in sent), None)
    return name, None


def _values(words: str) -> list[str]:
    """Give the values that a refusal allows."""
    allowed = _ALLOWED.search(words)
    return _QUOTED.findall(allowed[1]) if allowed else []


def _allowed(words: str, asked: object) -> object:
    """Give what a refusal allows in place of a value; None where it names nothing."""
    if isinstance(asked, str) and (values := _values(words)) and asked not in values:
        return _nearest(asked, values)
    if isinstance(asked, int) and not isinstance(asked, bool):
        bounds = (_LEAST.search(words), max), (_MOST.search(words), min)
        return next((n for at, of in bounds if at and (n := of(int(at[1]), asked)) != asked), None)
    return None


def _said_limit(words: str, limit: int | None) -> int | None:
    """Read the output limit that a refusal asks for; None where it refuses the name, not the number."""
    if limit is None:
        return None
    if (least := _LEAST.search(words)) and int(least[1]) > limit:
        return int(least[1])
    if (most := _MOST.search(words)) and int(most[1]) <= limit:
        return int(most[1]) if int(most[1]) < limit else limit // 2  # what was asked takes room of it, too
    return min(max(_ROOM * limit, _LEAST_ROOM), _MOST_ROOM) if _TOO_SMALL.search(words) else None


def _of_reply(reply: Reply, sent: Mapping[str, Any]) -> _Change | None:
    """Find an output limit that thoughts used up, or nearly: the cases need more thought than a question."""
    name, limit = next((key for key in OUTPUT_NAMES if key in sent), ""), limit_of(dict(sent))
    if limit is None:
        return None
    used, thought = reply.usage.output or 0, reply.usage.reasoning or 0
    empty = not reply.text.strip() or bool(re.match(r"\s*<(?:think|thought|reason)", reply.text))
    if empty and (ending_of(reply.finish_reason) == "length" or used >= limit):
        said = f"no answer: its {limit:,} tokens were used up{' by thoughts' if thought or reply.reasoning else ''}"
        room = max(_ROOM * limit, _LEAST_ROOM)
    elif (thought or reply.reasoning) and _ROOM * used > limit:
        said, room = f"answered with {used:,} of {limit:,} tokens, thoughts included", -(-_ROOM * used // 100) * 100
    else:
        return None
    return None if limit >= _MOST_ROOM else _override(said, name, min(room, _MOST_ROOM))


def _override(said: str, name: str, value: object) -> _Change:
    return Step(said, f"send {name} {value}"), {name: value}, None


def _nearest(asked: str, values: list[str]) -> str:
    """Give the allowed value that is nearest to the one that was asked for; the first where none has a rank."""
    ranked = [value for value in values if value in _EFFORTS]
    if asked not in _EFFORTS or not ranked:
        return values[0]
    return min(ranked, key=lambda value: abs(_EFFORTS[value] - _EFFORTS[asked]))


def _changed(adapt: Adapt, override: Mapping[str, Any], drop: str | None) -> Adapt:
    limited = OUTPUT_NAMES if any(name in OUTPUT_NAMES for name in override) else ()
    if drop in adapt.override and drop in OUTPUT_NAMES:  # its value stays, under the protocol's other name
        other = "max_completion_tokens" if drop == "max_tokens" else "max_tokens"
        override = {other: adapt.override[drop]} if other not in adapt.drop else override
    kept = {name: value for name, value in adapt.override.items() if name != drop and name not in limited}
    dropped = [name for name in (*adapt.drop, drop) if name is not None and name not in override]
    return Adapt(override={**kept, **override}, drop=tuple(dict.fromkeys(dropped)))
