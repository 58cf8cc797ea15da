"""Both sides of a gate, loaded under one policy and paired: each prompt and model whose answers may have moved."""

import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

from harness.errors import FilesError, UsageError
from harness.files.branch.answering import Heir, Policy, Sent
from harness.files.branch.base_policy import PolicyPlaces, at_commit
from harness.files.branch.prompts import FoundPrompts, confine, confine_own, same_requests
from harness.files.branch.repository import Repository, Snapshot
from harness.files.bundle import Bundle, Candidate, load_bundle
from harness.files.mending import places_of
from harness.files.project import ModelEntry, model_digest
from harness.files.prompts import prompt_digest

GateSide: TypeAlias = Literal["base", "head"]
Changed: TypeAlias = Literal["prompt", "model", "reply rule", "labels"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A prompt on a model, before and after; `base` is None where the prompt is new."""

    path: str  # below the top of the repository
    prompt: str
    model: str
    base: Candidate | None
    head: Candidate
    same: bool  # both send the same requests for all cases, and replies are read alike
    lines: tuple[int, int] | None  # the first lines of the file that are new
    changed: tuple[Changed, ...]
    was: str = ""  # prompt and model of the base where they have other names


@dataclass(frozen=True, slots=True, kw_only=True)
class GateAsked:
    """What the command line asks for."""

    suite: Path
    base: str
    policy: GateSide = "base"
    prompts: Sequence[str] = ()
    models: Sequence[str] = ()
    repeats: int | None = None
    limit: int | None = None


class Sides:
    """Where both sides lie, and what each of them says; the look at a branch fills it in."""

    asked: GateAsked
    repository: Repository
    suite: str  # of the branch, below the top of the repository
    was: str | None  # of the base
    sent: Sent
    base: Snapshot
    since: str  # the commit at which the branch left the base
    fork: Snapshot  # of that commit
    touched: frozenset[str]  # paths that the branch changed
    tracked: frozenset[str]
    scratch: Path
    root: Path
    places: PolicyPlaces
    before: Policy | None
    now: Policy | None
    found: FoundPrompts

    def paired(self, found: FoundPrompts, models: Sequence[Heir]) -> tuple[tuple[Pair, ...], Bundle, Bundle]:
        """Give what may answer otherwise, and the bundles of head and base. Raises UsageError, FilesError."""
        self.found = found
        wanted = [
            (path, heir, changed)
            for path in self.found.now
            for heir in models
            if (changed := tuple(self._changes(path, heir)))
        ]
        head, base = self._load([(path, heir) for path, heir, _ in wanted])
        made = [self._pair(path, heir, changed, head, base) for path, heir, changed in wanted]
        return _with_one_base([pair for pair in made if pair is not None]), head, base

    def _changes(self, path: str, heir: Heir) -> Iterator[Changed]:
        """Say what of a prompt on a model the branch wrote otherwise."""
        old, now = (None if side is None else side.suite for side in (self.before, self.now))
        if path in self.found.brought:
            yield "prompt"
        if heir.changed or self._rerecorded(heir.entry, self.found.names[path]):
            yield "model"
        if old is not None and now is not None and old.reply != now.reply:
            yield "reply rule"
        if old is not None and now is not None and old.labels != now.labels:
            yield "labels"

    def _rerecorded(self, entry: ModelEntry, prompt: str) -> bool:
        """Tell whether the branch changed what was recorded for a prompt, or lines that name none."""
        if entry.replies is None or self.repository.brought_as(self.root / entry.replies, self.touched) is None:
            return False
        written = self.root / entry.replies
        lines = {*(self.fork.read(next(self.repository.names_of(written))) or b"").splitlines()} ^ {
            *(written.read_bytes() if written.is_file() else b"").splitlines()
        }
        return any(_recorded_for(line) in (prompt, None) for line in lines if line.strip())

    def _load(self, wanted: Sequence[tuple[str, Heir]]) -> tuple[Bundle, Bundle]:
        """Load head and base: the prompts of each on its own models, under the policy in force."""
        after = list(dict.fromkeys(path for path, _ in wanted))
        before = list(
            dict.fromkeys(self.found.was[path] for path, heir in wanted if path in self.found.was and heir.was)
        )
        for path in before:
            self.base.copy(path, self.scratch)
        confine([self.repository.top / path for path in after], self.places)
        entries = {heir.name: heir.entry for _, heir in wanted}
        head = self._loaded([str(self.repository.top / path) for path in after], entries, confined=True)
        confine_own(head)
        old = {heir.was: heir.before for _, heir in wanted if heir.was is not None and heir.before is not None}
        base = self._loaded([str(self.scratch / path) for path in before], old) if before else None
        return head, replace(head, candidates=()) if base is None else base

    def _loaded(self, prompts: Sequence[str], entries: Mapping[str, ModelEntry], *, confined: bool = False) -> Bundle:
        """Load the policy with these prompts; with those of the suite where there is none to measure."""
        try:
            return load_bundle(
                self.places.suite,
                prompts=prompts,
                models=tuple(entries),
                repeats=self.asked.repeats,
                limit=self.asked.limit,
                project=self.places.project,
                entries=entries or None,
                trusted=self.before is not None or self.asked.policy == "head",  # a new suite is the branch's own
                confined=confined,
            )
        except FilesError as error:
            raise at_commit(error, self.scratch, self.base.commit) from None

    def _pair(self, path: str, heir: Heir, changed: tuple[Changed, ...], head: Bundle, base: Bundle) -> Pair | None:
        was, name = self.found.was.get(path), self.found.names[path]
        now = self._candidate("head", self.repository.top / path, name, (heir.name, heir.entry), head.candidates)
        if now is None:
            return None
        now = replace(now, name=f"{name}@{heir.name} (head)")
        old = None
        if was is not None and heir.was is not None and heir.before is not None:
            old_name = self.found.old_names.get(was, name)
            old = self._candidate("base", self.scratch / was, old_name, (heir.was, heir.before), base.candidates)
            old = None if old is None else replace(old, name=f"{name}@{heir.name} (base)")
        policy = self.now if self.before is None or self.asked.policy == "head" else self.before
        cases = () if policy is None or not head.unasked else policy.cases  # what holds for a few may not for all
        renamed = old is not None and (was, heir.was) != (path, heir.name)
        return Pair(
            path=path,
            prompt=name,
            model=heir.name,
            base=old,
            head=now,
            same=old is not None and old.reply == now.reply and same_requests(old, now, head, self.sent, cases),
            lines=self.repository.changed_lines(self.since, path) if path in self.tracked else None,
            changed=changed,
            was=f"{was} on {heir.was}" if renamed else "",
        )

    def _candidate(
        self, side: GateSide, path: Path, name: str, model: tuple[str, ModelEntry], among: Collection[Candidate]
    ) -> Candidate | None:
        """Find a prompt on a model, and give it what its own side says: labels, reply rule, recording."""
        own = self.before if side == "base" else self.now
        for found in among:
            place = found.prompt.path
            if found.model_name == model[0] and place is not None and place.resolve() == path.resolve():
                labels = found.prompt.labels if own is None else own.suite.labels
                prompt = found.prompt.model_copy(update={"name": name, "labels": labels})
                lines = found.places if own is None or own.project is None else places_of(prompt, model[0], own.project)
                below = self.root.resolve().relative_to(self.repository.top)  # paths of prompts begin there, too
                from_top = {what: (below / where).as_posix() for what, where in lines.items() if where}
                return replace(
                    found,
                    prompt=prompt,
                    prompt_digest=prompt_digest(prompt),
                    model=model[1].model_copy(update={"replies": self._recording(side, model[1])}),
                    model_digest=model_digest(model[1]),
                    reply=None if own is None else own.suite.reply,
                    places=from_top,
                )
        return None

    def _recording(self, side: GateSide, entry: ModelEntry) -> Path | None:
        """Give the recording of a replay model: the base's for its prompt, the branch's own for the other."""
        written = entry.replies
        if written is None:
            return None
        if not (self.root / written).resolve().is_relative_to(self.repository.top):
            raise UsageError(f"the recorded replies {written} lie outside of the repository.", fix="Put them inside.")
        if side == "base" and self.repository.brought_as(self.root / written, self.touched):
            path = next(self.repository.names_of(self.root / written))
            if self.base.copy(path, self.scratch):
                return Path(os.path.relpath(self.scratch / path, self.root))
        return written


def _with_one_base(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    """Let those that come from the same prompt on the same model share their base, which is then measured once."""
    first: dict[tuple[Path | None, str, str], Candidate] = {}
    return tuple(
        pair
        if (base := pair.base) is None
        else replace(pair, base=first.setdefault((base.prompt.path, base.prompt.name, base.model_name), base))
        for pair in pairs
    )


def _recorded_for(line: bytes) -> object:
    """Give the prompt that a recorded line is for; None for all, or for a line that can't be read."""
    try:
        read = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return read.get("prompt") if isinstance(read, dict) else None
