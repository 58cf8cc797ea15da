"""What a branch does to the files that it is judged by, in sentences: reported by a gate, never obeyed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.files.baselines import BASELINES
from harness.files.branch.answering import CALLING, Case, ModelEntry, Policy, Suite, is_file_of_weights, shown
from harness.files.branch.pairing import Sides
from harness.files.branch.repository import Repository, UsageError
from harness.files.thresholds import Threshold, ThresholdError, parse_threshold


def edits_of(sides: Sides, models: Mapping[str, ModelEntry]) -> tuple[str, ...]:
    """Say it in sentences, gravest first, of both sides and the `models` in force."""
    return (
        *_policy(sides),
        *(f"{shown(path)} edited." for path in sorted(sides.touched) if Path(path).name == BASELINES),
        *_recordings(models, sides.root, sides.repository, sides.touched),
    )


def refuse_files(models: Mapping[str, ModelEntry], repository: Repository, root: Path, touched: frozenset[str]) -> None:
    """Raise UsageError where a branch changed whom a connection believes, or what native code would load."""
    for name, entry in models.items():
        files = {"ca_file": entry.ca_file, "weights": entry.weights if is_file_of_weights(entry) else None}
        for key, file in files.items():
            if file and (path := repository.brought_as(root / file, touched)):
                why = "Whom a key is sent to" if key == "ca_file" else "What is loaded by native code"
                said = f"not judged: the branch changes {shown(path)}, the `{key}` of model `{shown(name)}`."
                raise UsageError(said, fix=f"{why} is not a branch's to say: merge that file first, by itself.")


def _policy(sides: Sides) -> Iterator[str]:
    suite, was, base, head = sides.suite, sides.was, sides.before, sides.now
    if base is None:
        yield f"{shown(suite)} is new: the base has no policy for it."
    elif head is None:
        if suite in sides.touched:  # else it is one that the base got since
            yield f"{shown(suite)} deleted."
    else:
        if was is not None and was != suite:
            yield f"{shown(was)} renamed to {shown(suite)}."
        yield from policy_changes(base, head)


def _recordings(
    models: Mapping[str, ModelEntry], root: Path, repository: Repository, touched: frozenset[str]
) -> Iterator[str]:
    for name, entry in models.items():
        path = None if entry.replies is None else repository.brought_as(root / entry.replies, touched)
        if path is not None:
            said = f"the recorded replies of model `{shown(name)}` ({shown(path)}) edited"
            yield f"{said}: the figures of this branch rest on what it recorded itself."


_MOST = 5  # ids named in one sentence
_LISTS = {"labels": "label", "perturbations": "perturbation", "models": "model", "prompts": "prompt pattern"}
_APART = frozenset({"description", "thresholds", "path", "reply", *_LISTS})


def policy_changes(base: Policy, head: Policy) -> tuple[str, ...]:
    """Say what head would change of the policy once it is merged; a sentence each, gravest first.

    Not what answers: that is measured as the branch has it.
    """
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
    relabelled = [f"{old.id} ({old.expected} -> {now.expected})" for old, now in both if old.expected != now.expected]
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
        old, now = (side[name].model_dump(mode="json", include=set(CALLING)) for side in (base, head))
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
