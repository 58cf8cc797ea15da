"""What a branch changes of the policy that judges it, in sentences: reported by a gate, never obeyed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.files.case.cases import Case
from harness.files.project import ModelEntry
from harness.files.suite import Suite
from harness.files.thresholds.parse import Threshold, ThresholdError, parse_threshold
from harness.files.written.findings import shown

_MOST = 5  # ids named in one sentence
_LISTS = {"labels": "label", "perturbations": "perturbation", "models": "model", "prompts": "prompt pattern"}
_APART = frozenset({"name", "description", "thresholds", "path", *_LISTS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What one side of a gate demands, and of what."""

    suite: Suite
    cases: tuple[Case, ...]
    models: Mapping[str, ModelEntry]


def policy_changes(base: Policy, head: Policy) -> tuple[str, ...]:
    """Say what head would change of the policy once it is merged; a sentence each, gravest first."""
    return tuple(
        f"{sentence}."
        for sentence in (
            *_thresholds(base.suite, head.suite),
            *_cases(base.cases, head.cases),
            *_suite(base.suite, head.suite),
            *_models(base.models, head.models),
        )
    )


def _thresholds(base: Suite, head: Suite) -> Iterator[str]:
    gone = [text for text in base.thresholds if text not in head.thresholds]
    new = [text for text in head.thresholds if text not in base.thresholds]
    before, after = _parsed(gone, base), _parsed(new, head)
    for key, (old_text, old) in before.items():
        if key not in after:
            continue
        now_text, now = after[key]
        gone.remove(old_text)
        new.remove(now_text)
        verb = "loosened" if _required(now) * _wants(now) < _required(old) * _wants(old) else "tightened"
        yield f"threshold {verb}: `{shown(old_text)}` -> `{shown(now_text)}`"
    yield from (f"threshold removed: `{shown(text)}`" for text in gone)
    yield from (f"threshold added: `{shown(text)}`" for text in new)


def _wants(threshold: Threshold) -> int:
    return 1 if threshold.op in {">=", ">"} else -1


def _required(threshold: Threshold) -> float:
    return -threshold.bound if threshold.baseline == "minus" else threshold.bound


def _parsed(texts: Iterable[str], suite: Suite) -> dict[tuple[object, ...], tuple[str, Threshold]]:
    """Key thresholds by what they are about; those of one key differ only in their bound."""
    found: dict[tuple[object, ...], tuple[str, Threshold]] = {}
    for text in texts:
        try:
            t = parse_threshold(text, labels=suite.labels, perturbations=suite.perturbations)
        except ThresholdError:
            continue
        found.setdefault((t.metric, t.label, t.argument, t.where, t.op, t.baseline), (text, t))
    return found


def _cases(base: Sequence[Case], head: Sequence[Case]) -> Iterator[str]:
    before, after = {case.id: case for case in base}, {case.id: case for case in head}
    both = [(case, after[id_]) for id_, case in before.items() if id_ in after]
    yield from _named("case", "deleted", [id_ for id_ in before if id_ not in after])
    yield from _named("case", "edited", [old.id for old, now in both if old.digest != now.digest])
    relabelled = [
        f"{old.id} ({old.expected} -> {now.expected})" for old, now in both if old.expected != now.expected
    ]
    yield from _named("case", "relabelled", relabelled)
    moved = [old.id for old, now in both if (old.split, old.tags) != (now.split, now.tags)]
    yield from _named("case", "given another split or tags", moved)
    yield from _named("case", "added", [id_ for id_ in after if id_ not in before])


def _named(what: str, done: str, names: Sequence[str]) -> Iterator[str]:
    if names:
        some = ", ".join(shown(name) for name in names[:_MOST])
        more = f" and {len(names) - _MOST:,} more" if len(names) > _MOST else ""
        yield f"{len(names):,} {what}{'s' if len(names) != 1 else ''} {done}: {some}{more}"


def _suite(base: Suite, head: Suite) -> Iterator[str]:
    for field, what in _LISTS.items():
        before, after = getattr(base, field), getattr(head, field)
        yield from (f"{what} removed: `{shown(each)}`" for each in before if each not in after)
        yield from (f"{what} added: `{shown(each)}`" for each in after if each not in before)
    old, now = (suite.model_dump(mode="json", exclude=set(_APART)) for suite in (base, head))
    yield from (f"suite: {change}" for change in _differences(old, now))


def _models(base: Mapping[str, ModelEntry], head: Mapping[str, ModelEntry]) -> Iterator[str]:
    yield from (f"harness.yml: model `{shown(name)}` removed" for name in base if name not in head)
    yield from (f"harness.yml: model `{shown(name)}` added" for name in head if name not in base)
    for name in (name for name in base if name in head):
        old, now = base[name].model_dump(mode="json"), head[name].model_dump(mode="json")
        yield from (f"harness.yml: model `{shown(name)}`: {change}" for change in _differences(old, now))


def _differences(old: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key in sorted(old.keys() | now.keys()):
        before, after = old.get(key), now.get(key)
        if before == after:
            continue
        if isinstance(before, dict) and isinstance(after, dict):
            yield from _differences(before, after, f"{prefix}{key}.")
        else:
            yield f"{prefix}{shown(key)} {_value(before)} -> {_value(after)}"


def _value(value: object) -> str:
    return "nothing" if value is None or value == [] else f"`{shown(str(value))}`"
