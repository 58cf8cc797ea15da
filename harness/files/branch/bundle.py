"""What a gate has to measure: whatever answers otherwise on the branch, as it is and as it was, under one policy.

The policy (cases, labels, thresholds, prices) is that of the base branch, unless told otherwise; what answers
(prompts, models, reply rule) is each side's own. The prompts of the branch are a stranger's: links are not
followed out of their place, and each is only ever rendered in a confined child process, all that is to be sent
of it before the first call. What the branch changed is counted from where it left the base; what it is compared
with is the base as it is now.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from harness.files.branch.answering import Findings, Gatherer, Policy, Sent, heirs, read_side, shown, since_then
from harness.files.branch.base_policy import (
    PolicyPlaces,
    at_commit,
    is_suite,
    lay_out,
    matching,
    nearest_suite,
    project_of,
)
from harness.files.branch.edits import edits_of, refuse_files
from harness.files.branch.pairing import Bundle, FilesError, GateAsked, GateSide, Pair, Sides
from harness.files.branch.prompts import FoundPrompts, SuitePrompts
from harness.files.branch.repository import Repository, UsageError, touches


@dataclass(frozen=True, slots=True, kw_only=True)
class GateBundle:
    """A branch held against its base: what to measure, and what it changes besides."""

    repository: Repository
    suite: str  # path below the top
    was: str | None  # its path on the base
    root: Path  # folder of the project in the working tree
    scratch: Path  # where the base's files are
    policy_root: Path  # folder of the harness.yml in force, with its baselines.yml
    base_ref: str
    base_commit: str
    head_commit: str
    uncommitted: bool
    policy: GateSide
    bundle: Bundle  # base and head candidates; of prompts that send the same, too
    pairs: tuple[Pair, ...]
    deleted: tuple[str, ...]  # prompts of the suite that the branch deleted
    edits: tuple[str, ...]  # of the policy, as sentences
    tracked: frozenset[str]  # every path that the branch has otherwise than the base

    def stopping(self) -> "GateBundle":
        """Give the same with pairs that end once they are settled, as the suite says or by the defaults."""
        return self if self.bundle.suite.stop is not None else replace(self, bundle=self.bundle.stopping({}))

    def trusts(self, run: Path) -> bool:
        """Tell whether a branch could not have written any of a folder: runs could be made up in a commit."""
        return not any(touches(path, self.tracked) for path in self.repository.names_of(run))

    def results(self) -> Path:
        """Give the folder of the runs. Raises UsageError where the branch put something in its place."""
        return self.apart(self.root / self.bundle.project.results, "runs")

    def apart(self, folder: Path, what: str) -> Path:
        """Give a folder to write into. Raises UsageError where the branch put something in its place."""
        if path := self.repository.brought_as(folder, self.tracked):
            said = f"{shown(path)}, where {what} are written, comes from the branch."
            raise UsageError(said, fix="Remove it from the branch.")
        return folder


def gate_bundle(asked: GateAsked, scratch: Path, sent: Sent) -> GateBundle:
    """Find what the branch changed and put both versions side by side; the base's files go into `scratch`.

    `sent` gives what a request holds besides messages. Raises UsageError and FilesError.
    """
    return _Gathering(asked, scratch, sent).bundle()


def gate_bundles(asked: GateAsked, scratch: Path, sent: Sent) -> tuple[GateBundle, ...]:
    """Do the same for each suite below the working directory that the branch touches; `asked.suite` is not looked at.

    Where it touches none, the first is given, with nothing in it to measure. Raises UsageError where there is none.
    """
    repository, here = Repository.around(Path.cwd()), Path.cwd().resolve()
    base = repository.at(repository.commit(asked.base))
    fork = repository.at(repository.merge_base(base.commit))
    _refuse_submodules(repository, fork.commit, here)
    known = {*base.files, *(entry.path for entry in repository.index), *repository.untracked()}
    suites = sorted(path for path in known if is_suite(path) and (repository.top / path).is_relative_to(here))
    suites = [path for path in suites if path in base.files or not fork.is_on_disk(path)]  # the base has done with it
    there = [path for path in suites if (repository.top / path).is_file()]
    found: list[GateBundle] = []
    for n, path in enumerate([*there, *(path for path in suites if path not in there)]):
        if path not in {gate.was for gate in found if gate.was != gate.suite}:
            found.append(gate_bundle(replace(asked, suite=repository.top / path), scratch / str(n), sent))
    if not found:
        raise UsageError(f"there is no suite below {here}, here or on {asked.base}.", fix="Name a *.suite.yml file.")
    return tuple(gate for gate in found if gate.pairs or gate.deleted or gate.edits) or (found[0],)


def _refuse_submodules(repository: Repository, since: str, here: Path) -> None:
    """Refuse a submodule below a folder that the branch moved to another commit, where it holds suites."""
    folders = {entry.path: repository.top / entry.path for entry in repository.index if entry.submodule}
    below = {path for path, folder in folders.items() if folder.is_relative_to(here)}
    for path in sorted(below & repository.brought(since)) if below else ():
        if any(folders[path].rglob("*.suite.y*ml")):
            fix = "Run the gate inside of that one, too, and name the suites of this one here."
            raise UsageError(f"not judged: the branch changes {shown(path)}, a submodule that holds suites.", fix=fix)


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
        fix = "Run the gate inside of that one."
        raise UsageError(f"{suite} lies in {other}, which is a repository of its own (a submodule).", fix=fix)
    return here


class _Gathering(Sides):
    """One look at a branch."""

    def __init__(self, asked: GateAsked, scratch: Path, sent: Sent) -> None:
        self.asked, self.sent, self.scratch = asked, sent, scratch
        self.repository = _repository_of(asked.suite)
        self.top = self.repository.top
        self.suite = self.repository.relative(asked.suite)
        self.policy = asked.policy
        self.base = self.repository.at(self.repository.commit(asked.base))
        self.since = self.repository.merge_base(self.base.commit)
        self.fork = self.repository.at(self.since)
        self.tracked = self.repository.brought(self.since)
        self.untracked = self.repository.untracked()
        self.touched = self.tracked | self.untracked
        if self.policy == "base":
            self._refuse_moved([self.suite])
        self.was = self.suite if self.suite in self.base.files else nearest_suite(self.base, self.suite, self.touched)
        self.theirs = None if self.was is None else self._lay_out(self.base.commit, scratch)
        self.places = self._places()
        self.root = self.top / self.places.project.relative_to(self.places.folder).parent
        self.before = None if self.theirs is None else self._policy_at(self.base.commit, self.theirs)
        self.left: tuple[str, ...] = ()  # the suite's patterns for prompts where the branch left the base
        self.now = self._branch_policy()

    def _lay_out(self, commit: str, into: Path) -> PolicyPlaces:
        here = Path.cwd().resolve()
        working = here.relative_to(self.top).as_posix() if here.is_relative_to(self.top) else None
        snapshot, suite = self.repository.at(commit), self.was or self.suite
        project = project_of(snapshot.files, suite, "" if working == "." else working)
        return lay_out(snapshot, suite, project, into)

    def _policy_at(self, commit: str, places: PolicyPlaces) -> Policy:
        """Read what is laid out. Raises FilesError at the commit's files."""
        try:
            return read_side(places.suite, places.project)
        except FilesError as error:
            raise at_commit(error, places.folder, commit) from None

    def _refuse_moved(self, paths: Iterable[str]) -> None:
        """Refuse what the base has no more where this branch has it: it would be taken for new."""
        for path in paths:
            if path in self.fork.files and path not in self.base.files:
                raise UsageError(
                    f"not judged: since this branch left {self.asked.base}, {shown(path)} was moved or deleted there.",
                    fix=f"Merge {self.asked.base} into this branch first.",
                )

    def _places(self) -> PolicyPlaces:
        if self.policy == "base" and self.theirs is not None:
            return self.theirs
        if not self.asked.suite.is_file():
            raise UsageError(f"there is no suite {self.asked.suite}, here or on {self.asked.base}.")
        found = Gatherer(self.asked.suite, None, Findings()).project.path  # as a run finds it
        project = None if found is None else found.parent.resolve() / found.name
        if project is None or not project.is_relative_to(self.top):
            raise UsageError("this branch has no harness.yml.", fix="Add one, or use `--policy base`.")
        if self.policy == "base":
            self._allow_new_suite(project.relative_to(self.top).as_posix())
        return PolicyPlaces(folder=self.top, suite=self.top / self.suite, project=project)

    def _allow_new_suite(self, project: str) -> None:
        """Let a new suite be judged by its own policy, for want of another; its models must be the base's."""
        if self.repository.brought_as(self.top / project, self.touched) or project not in self.base.files:
            raise UsageError(
                f"{self.suite} is not on {self.asked.base}, and {project} is changed as well: nothing that "
                "this branch is to be judged by comes from the base.",
                fix="Merge harness.yml first, or use `--policy head`.",
            )
        self.policy = "head"

    def _branch_policy(self) -> Policy | None:
        """Read what the branch makes of the base as it is now; None where it deleted the suite."""
        if not (self.top / self.suite).is_file():
            return None
        known = () if self.before is None else [form.file for form in self.before.suite.cases]
        project = self.places.project if self.policy == "head" else None
        head = read_side(self.top / self.suite, project, fetched=None if self.asked.policy == "head" else known)
        if self.before is None or self.since == self.base.commit:
            return head
        fork = self._policy_at(self.since, self._lay_out(self.since, self.scratch / ".fork"))
        self.left = fork.suite.prompts
        return since_then(fork, self.before, head)

    def _find_prompts(self) -> FoundPrompts:
        """Find the prompts of both sides; what holds something else than before counts as touched."""
        searched = SuitePrompts(self.base, self.was, self.suite, root=self.root, scratch=self.scratch)
        theirs = () if self.before is None else self.before.suite.prompts
        for path in matching(self.base, theirs, self.was or self.suite):
            self.base.copy(path, self.scratch)
        ours = None if self.now is None else self.now.suite.prompts
        found = searched.find(theirs, ours, asked=self.asked.prompts, touched=self.touched)
        left = matching(self.fork, self.left, self.was or self.suite)
        self._refuse_moved(path for path in (*left, *found.now) if path in self.touched | found.brought)
        self.touched |= {path for path in found.now if not self.fork.is_on_disk(path)}  # whatever git says
        return replace(found, brought=found.brought | (self.touched & {*found.now}))

    def bundle(self) -> GateBundle:
        """Load, pair, and say what else changed."""
        now = self.now or self.before
        assert now is not None  # `_places` refuses a suite that is nowhere
        found = self._find_prompts()
        models = heirs(self.before, now, self.asked.models, trusted=self.policy == "head")
        in_force = {**now.models, **{heir.name: heir.entry for heir in models}}
        refuse_files(in_force, self.repository, self.root, self.touched)
        pairs, head, base = self.paired(found, models)
        measured = {c.name: c for pair in pairs for c in (pair.base, pair.head) if c is not None}
        project = head.project.model_copy(update={"root": self.root})
        files = tuple(dict.fromkeys((*head.files, *base.files)))
        return GateBundle(
            repository=self.repository,
            suite=self.suite,
            was=self.was,
            root=self.root,
            scratch=self.scratch,
            policy_root=self.places.project.parent,
            base_ref=self.asked.base,
            base_commit=self.base.commit,
            head_commit=self.repository.commit("HEAD"),
            uncommitted=bool(self.repository.changed("HEAD") or self.untracked & {self.suite, *found.now}),
            policy=self.policy,
            bundle=replace(head, project=project, candidates=tuple(measured.values()), files=files),
            pairs=pairs,
            deleted=tuple(shown(path) for path in found.deleted),
            edits=edits_of(self, in_force),
            tracked=self.tracked,
        )
