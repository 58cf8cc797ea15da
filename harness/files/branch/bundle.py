"""What a gate has to measure: each prompt that the branch changed, as it is and as it was, under one policy.

The policy (labels, cases, thresholds, models, prices) is that of the base branch, unless told otherwise; the
prompts of the branch are a stranger's: links are not followed out of their place, and each is only ever
rendered in a confined child process, all that is to be sent of it before the first call. What the branch
changed is counted from where it left the base; what it is compared with is the base as it is now.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

from harness.errors import FilesError, UsageError
from harness.files.branch.base_policy import Places, at_commit, lay_out, matching, project_of, suite_at
from harness.files.branch.edits import edits_of, refuse_certificates
from harness.files.branch.prompts import SuitePrompts, confine, confine_own, same_requests
from harness.files.branch.repository import Repository, lies_in, touches
from harness.files.bundle import Bundle, Candidate, Gatherer, load_bundle, unique_names
from harness.files.project import ModelEntry, find_project, model_digest
from harness.files.written import Findings

Side: TypeAlias = Literal["base", "head"]
FREE = frozenset({"local", "replay"})  # endpoints that cost nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A prompt on a model, before and after; `base` is None where the prompt is new."""

    path: str  # below the top of the repository
    prompt: str
    model: str
    base: Candidate | None
    head: Candidate
    same: bool  # both send the same requests for all cases
    lines: tuple[int, int] | None  # the first lines of the file that are new


@dataclass(frozen=True, slots=True, kw_only=True)
class GateBundle:
    """A branch held against its base: what to measure, and what it changes besides."""

    repository: Repository
    suite: str  # path below the top
    root: Path  # folder of the project in the working tree
    scratch: Path  # where the base's files are
    policy_root: Path  # folder of the harness.yml in force, with its baselines.yml
    base_ref: str
    base_commit: str
    head_commit: str
    uncommitted: bool
    policy: Side
    bundle: Bundle  # base and head candidates; of prompts that send the same, too
    pairs: tuple[Pair, ...]
    deleted: tuple[str, ...]  # prompts of the suite that the branch deleted
    edits: tuple[str, ...]  # of the policy, as sentences
    tracked: frozenset[str]  # every path that the branch has otherwise than the base

    def trusts(self, run: Path) -> bool:
        """Tell whether a branch could not have written any of a folder: runs could be made up in a commit."""
        return not any(touches(path, self.tracked) for path in self.repository.names_of(run))

    def results(self) -> Path:
        """Give the folder of the runs. Raises UsageError where the branch put something in its place."""
        results = self.root / self.bundle.project.results
        for path in self.repository.names_of(results):
            if lies_in(path, self.tracked):
                raise UsageError(
                    f"{path}, where runs are written, comes from the branch.", fix="Remove it from the branch."
                )
        return results


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line asks for."""

    suite: Path
    base: str
    policy: Side = "base"
    prompts: Sequence[str] = ()
    models: Sequence[str] = ()
    repeats: int | None = None
    limit: int | None = None


def gate_bundle(asked: Asked, scratch: Path) -> GateBundle:
    """Find what the branch changed and put both versions side by side; the base's files go into `scratch`.

    Raises UsageError and FilesError.
    """
    return _Gathering(asked, scratch).bundle()


def _repository_of(suite: Path) -> Repository:
    """Find the repository of a suite: that of the working directory, else the one around the suite."""
    place = suite.parent.resolve() if suite.parent.is_dir() else Path.cwd().resolve()
    try:
        here = Repository.around(Path.cwd())
    except UsageError:
        return Repository.around(place)
    if not place.is_relative_to(here.top):
        return Repository.around(place)
    if (other := here.nested(here.relative(suite))) is not None:
        raise UsageError(
            f"{suite} lies in {other}, which is a repository of its own (a submodule).",
            fix="Run the gate inside of that one.",
        )
    return here


class _Gathering:
    """One look at a branch."""

    def __init__(self, asked: Asked, scratch: Path) -> None:
        self.asked = asked
        self.repository = _repository_of(asked.suite)
        top = self.repository.top
        self.suite = self.repository.relative(asked.suite)
        self.policy = asked.policy
        self.base = self.repository.at(self.repository.commit(asked.base))
        since = self.repository.merge_base(self.base.commit)
        self.since = since
        self.tracked = self.repository.brought(since)
        self.touched = self.tracked | self.repository.untracked()
        here = Path.cwd().resolve()
        working = here.relative_to(top).as_posix() if here.is_relative_to(top) else None
        project = project_of(self.base.files, self.suite, "" if working == "." else working)
        self.scratch = scratch
        self.theirs = None if self.suite not in self.base.files else self._lay_out(project)
        self.places = self._places()
        self.root = top / self.places.project.relative_to(self.places.folder).parent
        # Models as they were: only `--policy head` lets the branch's own count at all.
        self.before = self._models(self.theirs) if self.policy == "head" and self.theirs else {}

    def _lay_out(self, project: str | None) -> Places:
        places = lay_out(self.base, self.suite, project, self.scratch)
        for path in matching(self.base, suite_at(places).prompts, self.suite):
            self.base.copy(path, self.scratch)
        return places

    def _places(self) -> Places:
        """Where the policy in force lies."""
        top = self.repository.top
        if self.policy == "base" and self.theirs is not None:
            return self.theirs
        if not self.asked.suite.is_file():
            raise UsageError(f"there is no suite {self.asked.suite}, here or on {self.asked.base}.")
        project = find_project(self.asked.suite.resolve().parent)
        if project is None or not project.is_relative_to(top):
            raise UsageError("this branch has no harness.yml.", fix="Add one, or use `--policy base`.")
        if self.policy == "base":
            self._allow_new_suite(project.relative_to(top).as_posix())
        return Places(folder=top, suite=top / self.suite, project=project)

    def _allow_new_suite(self, project: str) -> None:
        """Let a new suite be judged by its own policy, for want of another; its models must be the base's."""
        if project in self.touched or project not in self.base.files:
            raise UsageError(
                f"{self.suite} is not on {self.asked.base}, and {project} is changed as well: nothing that "
                "this branch is to be judged by comes from the base.",
                fix="Merge harness.yml first, or use `--policy head`.",
            )
        self.policy = "head"

    def _models(self, places: Places) -> Mapping[str, ModelEntry]:
        return Gatherer(places.suite, places.project, Findings()).project.models

    def bundle(self) -> GateBundle:
        """Load, pair, and say what else changed."""
        searched = SuitePrompts(self.repository, self.suite, root=self.root, scratch=self.scratch)
        now, deleted = searched.find(self.theirs, asked=self.asked.prompts)
        after = self._models(self.places)
        moved = {m for m, e in self.before.items() if m in after and model_digest(e) != model_digest(after[m])}
        moved &= set(self.asked.models or suite_at(self.places).models)
        at_fork = self.repository.at(self.since)
        # Whatever git takes for unchanged: a prompt that holds something else than before is another one.
        self.touched |= {path for path in now if not at_fork.is_on_disk(path)}
        refuse_certificates(after, self.root, self.repository.top, self.touched)
        paths = [path for path in now if path in self.touched or moved]
        sides = self._load(paths)
        names = unique_names([self.repository.top / path for path in now])
        pairs = tuple(
            self._pair(path, names[self.repository.top / path], model, sides)
            for path in paths
            for model in dict.fromkeys(c.model_name for c in sides["head"].candidates)
            if path in self.touched or model in moved
        )
        measured = [c for pair in pairs for c in (pair.base, pair.head) if c is not None]
        policy = sides["head"]
        project = policy.project.model_copy(update={"root": self.root})
        files = tuple(dict.fromkeys((*policy.files, *sides["base"].files)))
        return GateBundle(
            repository=self.repository,
            suite=self.suite,
            root=self.root,
            scratch=self.scratch,
            policy_root=self.places.project.parent,
            base_ref=self.asked.base,
            base_commit=self.base.commit,
            head_commit=self.repository.head(),
            uncommitted=bool(self.repository.changed("HEAD")),
            policy=self.policy,
            bundle=replace(policy, project=project, candidates=tuple(measured), files=files),
            pairs=pairs,
            deleted=deleted,
            edits=edits_of(
                self.repository.top / self.suite,
                base=self.theirs,
                models=after,
                root=self.root,
                top=self.repository.top,
                touched=self.touched,
            ),
            tracked=self.tracked,
        )

    def _load(self, paths: Sequence[str]) -> Mapping[Side, Bundle]:
        """Load both versions of the prompts under the policy in force."""
        for path in paths:
            self.base.copy(path, self.scratch)
        before = [str(self.scratch / path) for path in paths if path in self.base.files]
        after = [str(self.repository.top / path) for path in paths]
        confine([Path(path) for path in after], self.places)
        head = self._loaded(after, confined=True)
        confine_own(head)
        return {"head": head, "base": self._loaded(before) if before else replace(head, candidates=())}

    def _loaded(self, prompts: Sequence[str], *, confined: bool = False) -> Bundle:
        """Load the policy with these prompts; with those of the suite where there is none to measure."""
        try:
            return load_bundle(
                self.places.suite,
                prompts=prompts,
                models=self.asked.models,
                repeats=self.asked.repeats,
                limit=self.asked.limit,
                project=self.places.project,
                confined=confined,
            )
        except FilesError as error:
            raise at_commit(error, self.scratch, self.base.commit) from None

    def _pair(self, path: str, name: str, model: str, sides: Mapping[Side, Bundle]) -> Pair:
        base = self._candidate("base", self.scratch / path, name, model, sides["base"])
        head = self._candidate("head", self.repository.top / path, name, model, sides["head"])
        assert head is not None
        return Pair(
            path=path,
            prompt=name,
            model=model,
            base=base,
            head=head,
            same=base is not None and same_requests(base, head, sides["head"]),
            lines=self.repository.changed_lines(self.since, path) if path in self.tracked else None,
        )

    def _candidate(self, side: Side, path: Path, name: str, model: str, bundle: Bundle) -> Candidate | None:
        for found in bundle.candidates:
            place = found.prompt.path
            if found.model_name == model and place is not None and place.resolve() == path.resolve():
                entry = self.before.get(model, found.model) if side == "base" else found.model
                return replace(
                    found,
                    name=f"{name}@{model} ({side})",
                    prompt=found.prompt.model_copy(update={"name": name}),
                    model=entry.model_copy(update={"replies": self._recording(side, entry)}),
                    model_digest=model_digest(entry),
                )
        return None

    def _recording(self, side: Side, entry: ModelEntry) -> Path | None:
        """Give the recording of a replay model: the base's for its prompt, the branch's own for the other."""
        written = entry.replies
        if written is None:
            return None
        path = self.repository.relative(self.root / written)
        theirs = self.scratch / path
        if side == "base" and path in self.touched and (theirs.is_file() or self.base.copy(path, self.scratch)):
            return Path(os.path.relpath(theirs, self.root))
        return written
