"""What answers on each side of a gate: models, reply rule and labels, as each side's own files say.

Counted is what the branch itself changed since it left the base: what it did not touch is on both sides as the
base says now. Every key of a model's entry counts as one that may move an answer, but for those in `CALLING`:
how a model is called and what it costs is the policy's. A branch may change what is asked of an address and a
key that the base names together, never whom a key goes to, nor what a parser in native code loads; `admitted`
refuses that, and the gate ends before a call.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from harness.errors import UsageError
from harness.files.bundle.gathering import Gatherer
from harness.files.case import Case
from harness.files.project import ModelEntry, Project
from harness.files.prompts import Prompt
from harness.files.suite import Suite
from harness.files.written import REMOTE, Findings, Written, shortest, shown

FREE = frozenset({"local", "replay"})  # endpoints that cost nothing
CALLING = frozenset({"price", "limits", "timeout_s", "deadline_s", "warmup", "retires", "via"})
_AS_SENT = frozenset({"params", "adapt"})  # compared as what becomes of them in a request
_RECEIVER = ("api_key_env", "headers", "azure", "ca_file")
_FIRST = "Merge harness.yml first, by itself; or use `--policy head` where you trust the branch."

Sent: TypeAlias = Callable[[ModelEntry, Prompt], object]
"""Gives what a request holds besides the prompt's messages."""

W = TypeVar("W", bound=Written)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What one side of a gate demands, of what, and what answers there."""

    suite: Suite
    cases: tuple[Case, ...]
    models: Mapping[str, ModelEntry]
    project: Project | None = None  # its harness.yml


def read_side(suite: Path, project: Path | None, *, fetched: Collection[str] | None = None) -> Policy:
    """Read a suite with its cases and the models around it. Raises FilesError.

    Cases at an address are read with the user's own keys: only at one of `fetched`, unless all may be. Else UsageError.
    """
    findings = Findings()
    gather = Gatherer(shortest(suite), project, findings)
    checked = gather.suite()
    files = () if checked is None or fetched is None else [form.file for form in checked.model.cases]
    if new := next((file for file in files if file.startswith(REMOTE) and file not in (fetched or ())), None):
        said = f"not judged: the branch takes cases from {shown(new)}, which the suite of the base does not name."
        raise UsageError(said, fix="They are read with keys of this machine: merge the suite first, by itself.")
    cases = () if checked is None else tuple(gather.cases(checked, None))
    findings.raise_if_any()
    assert checked is not None
    return Policy(suite=checked.model, cases=cases, models=gather.project.models, project=gather.project)


def since_then(fork: Policy, base: Policy, head: Policy) -> Policy:
    """Give what the branch makes of the base as it is now: its own changes, over those of the base."""
    models = {}
    for name in dict.fromkeys((*base.models, *head.models)):
        before, now, after = (side.models.get(name) for side in (fork, base, head))
        if before is not None and now is not None and after is not None:
            models[name] = _merged(before, now, after)
        elif kept := (now if before == after else after):
            models[name] = kept
    return Policy(
        suite=_merged(fork.suite, base.suite, head.suite),
        cases=base.cases if head.cases == fork.cases else head.cases,
        models=models,
        project=head.project,
    )


def _merged(before: W, now: W, after: W) -> W:
    changed = {name: new for name in type(now).model_fields if (new := getattr(after, name)) != getattr(before, name)}
    return now.model_copy(update=changed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heir:
    """A model of the branch and the one of the base that it is held against."""

    name: str
    entry: ModelEntry
    was: str | None  # None: it is new
    before: ModelEntry | None
    changed: bool = False  # some key that may move an answer, or its name


def heirs(base: Policy | None, head: Policy, asked: Sequence[str], *, trusted: bool) -> list[Heir]:
    """Pair the models that are asked for, or those of the suites; what is new in place of what is gone, with it.

    A model that the branch only takes from the suite is the base's still. Unless the branch is `trusted`, an
    entry of its own is called as the base says. Raises UsageError for one that may not be called.
    """
    wanted = tuple(asked) or head.suite.models
    if base is None:
        return [_kept(name, head.models) for name in wanted]
    old = [name for name in tuple(asked) or base.suite.models if name in base.models]
    gone = [name for name in old if name not in wanted or name not in head.models]
    found = [
        _heir(name, head.models[name], name if name in old else None, gone, base.models, trusted=trusted)
        if name in head.models
        else _kept(name, base.models if asked else head.models)
        for name in wanted
    ]
    known = {name for heir in found for name in (heir.name, heir.was)}
    return found + [_kept(name, base.models) for name in gone if name not in known]


def _heir(
    name: str, entry: ModelEntry, same: str | None, gone: list[str], base: Mapping[str, ModelEntry], *, trusted: bool
) -> Heir:
    was = same or max(gone, key=lambda each: _likeness(base[each], entry), default=None)
    before = None if was is None else base[was]
    if before is not None and same_entry(before, entry) and not trusted:
        return Heir(name=name, entry=before, was=was, before=before, changed=was != name)
    own = entry if trusted else admitted(name, entry, base, before if was == name else None)
    changed = before is None or was != name or not same_entry(before, entry)
    return Heir(name=name, entry=own, was=was, before=before, changed=changed)


def _kept(name: str, models: Mapping[str, ModelEntry]) -> Heir:
    if name not in models:
        raise UsageError(f"there is no model `{shown(name)}` in harness.yml.", fix="Add it, or correct the name.")
    return Heir(name=name, entry=models[name], was=name, before=models[name])


def _likeness(one: ModelEntry, two: ModelEntry) -> float:
    return float(sum(bool(getattr(one, name) == getattr(two, name)) for name in ModelEntry.model_fields))


def same_entry(one: ModelEntry, two: ModelEntry) -> bool:
    """Tell whether nothing that may move an answer is written otherwise."""
    return _written(one, CALLING) == _written(two, CALLING)


def ask_alike(one: ModelEntry, two: ModelEntry) -> bool:
    """Tell whether two entries ask alike where their parameters do; `adapt` drops names of the wire as well."""
    dropped = [set(getattr(getattr(entry, "adapt", None), "drop", ())) for entry in (one, two)]
    return dropped[0] == dropped[1] and _written(one, CALLING | _AS_SENT) == _written(two, CALLING | _AS_SENT)


def _written(entry: ModelEntry, without: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in entry.model_dump(mode="json").items() if name not in without}


def admitted(name: str, entry: ModelEntry, known: Mapping[str, ModelEntry], before: ModelEntry | None) -> ModelEntry:
    """Give an entry of a branch as it may be called beside those that the base knows. Raises UsageError."""
    if entry.endpoint not in FREE and _receiver(entry) not in [_receiver(each) for each in known.values()]:
        keys = [entry.api_key_env] if entry.api_key_env else []
        where = f"{shown(str(entry.base_url or entry.url))} with {shown(', '.join(keys) or 'no key')}"
        why = f"{where}, these headers and this `ca_file` together are nowhere in the harness.yml of the base"
        raise _not_judged(name, why)
    templates = {text for each in known.values() for text in _texts(each.body)}
    if new := next((text for text in _texts(entry.body) if "{" in text and text not in templates), None):
        raise _not_judged(name, f"its `body` has a template that the base has not: `{shown(new)}`")
    if is_file_of_weights(entry) and entry.weights not in {each.weights for each in known.values()}:
        raise _not_judged(name, f"it names weights that the base does not: {shown(str(entry.weights))}")
    if before is None:
        return entry
    own = {"price"} if entry.model != before.model else set()
    return entry.model_copy(update={key: getattr(before, key) for key in CALLING - own if hasattr(before, key)})


def is_file_of_weights(entry: ModelEntry) -> bool:
    """Tell whether an entry names a file of weights, not an embedded model whose digest the harness knows."""
    return (entry.weights or "").lower().endswith(".gguf")


def _not_judged(name: str, why: str) -> UsageError:
    return UsageError(f"not judged: the branch changes the model `{shown(name)}`, and {why}.", fix=_FIRST)


def _receiver(entry: ModelEntry) -> tuple[object, ...]:
    """Say who is sent what is secret: the whole address, as paths of gateways name accounts, and what it gets."""
    return (str(entry.base_url or entry.url).rstrip("/"), *(getattr(entry, key) for key in _RECEIVER))


def _texts(body: object) -> Iterator[str]:
    if isinstance(body, str):
        yield body
    elif isinstance(body, (dict, list, tuple)):
        for part in body.values() if isinstance(body, dict) else body:
            yield from _texts(part)
