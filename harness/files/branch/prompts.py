"""The prompts that a suite has on a branch and on its base: found, and confined before one is rendered."""

import posixpath
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import chain
from pathlib import Path

from harness.files.branch.answering import Sent, ask_alike
from harness.files.branch.base_policy import PolicyPlaces, nearest_text
from harness.files.branch.repository import LFS, Snapshot, UsageError
from harness.files.bundle import Bundle, Candidate, Gatherer, inputs_sent, too_dear, unique_names
from harness.files.case import PROMPT_LEVEL, Case, is_own
from harness.files.prompts import RenderFailed, read_prompt, renderer_of
from harness.files.written import Findings, Outside, did_you_mean, expand, shown


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPrompts:
    """The prompts of a suite, as paths in the repository."""

    now: tuple[str, ...]  # of the branch, those that are asked for
    was: Mapping[str, str]  # path now -> path on the base that it is held against; a new one has none
    names: Mapping[str, str]  # of each path of the branch
    old_names: Mapping[str, str]  # of each path of the base
    brought: frozenset[str]  # those that the branch changed, renamed or took into the suite
    deleted: tuple[str, ...]  # of the base's, by the branch


class SuitePrompts:
    """Finds the prompts of a suite: `was` and `suite` are its path on the base and on the branch.

    `root` is the project's folder in the working tree, `scratch` is where the base's files are.
    """

    def __init__(self, base: Snapshot, was: str | None, suite: str, *, root: Path, scratch: Path) -> None:
        self._base = base
        self._repository = base.repository
        self._was = was
        self._suite = suite
        self._root = root
        self._scratch = scratch

    def find(
        self, theirs: Sequence[str], ours: Sequence[str] | None, *, asked: Sequence[str], touched: frozenset[str]
    ) -> FoundPrompts:
        """Look for what the base's patterns and the branch's match; `touched` are paths that the branch changed.

        What the branch only takes from the suite is measured still, where it changes it. What is new where
        something is gone is held against the nearest text of that: a renamed prompt is a changed one.
        Raises UsageError for one that is asked for and that the suite has on neither side.
        """
        top, was = self._repository.top, self._was
        still = [] if was is None else self._expanded(was, theirs, top, self._root)
        own = still if ours is None else self._expanded(self._suite, ours, top, self._root)
        now = list(dict.fromkeys((*still, *own)))
        old = [] if was is None else self._expanded(was, theirs, self._scratch, self._scratch)
        for suite, patterns in ((was or self._suite, theirs), (self._suite, ours or ())):
            self._refuse_unreadable(suite, patterns, now)
        gone = [path for path in old if path not in own and (path in touched or (top / path).is_file())]
        deleted = tuple(path for path in gone if not (top / path).is_file())
        if gone and not own and ours is not None:
            raise UsageError("the branch leaves the suite without a prompt.", fix="Keep one, or delete the suite.")
        held = {path: path for path in now if path in old or (was is None and path in self._base.files)}
        new = [path for path in now if path not in held and (path in touched or path in self._base.files)]
        for path in new if gone else ():
            held[path] = nearest_text(self._base, gone, (top / path).read_text(errors="replace").split())
        return FoundPrompts(
            now=tuple(self._chosen(asked, now, deleted) if asked else now),
            was=held,
            names=self._named(now),
            old_names=self._named(old),
            brought=frozenset(new if was is not None else ()) | (touched & {*now}),
            deleted=deleted,
        )

    def _refuse_unreadable(self, suite: str, patterns: Sequence[str], now: Sequence[str]) -> None:
        """Refuse what git can't tell about, or the working tree does not hold: it may have changed."""
        for path in now:
            if (other := self._repository.nested(path)) is not None:
                raise _unreadable(path, f"lies in {other}, which is a repository of its own (a submodule)")
            with (self._repository.top / path).open("rb") as file:
                pointer = file.read(len(LFS)) == LFS
            if pointer:
                raise _unreadable(path, "is kept by Git LFS and not fetched here", fix="Run `git lfs pull`.")
        folder = posixpath.dirname(suite)
        wanted = [tuple(posixpath.normpath(posixpath.join(folder, each)).split("/")) for each in patterns]
        for entry in self._repository.index:
            parts = tuple(entry.path.split("/"))
            if entry.submodule and any(_reaches(pattern, parts) for pattern in wanted):
                raise _unreadable(entry.path, "is a submodule, in which this suite looks for prompts")
            missing = entry.skipped and not (self._repository.top / entry.path).is_file()
            if missing and any(_names(pattern, parts) for pattern in wanted):
                why = "is not checked out here (a sparse checkout)"
                raise _unreadable(entry.path, why, fix="Run `git sparse-checkout disable`.")

    def _chosen(self, asked: Sequence[str], now: list[str], deleted: Sequence[str]) -> list[str]:
        path_of = {name: path for path, name in self._named(now).items()}
        wanted = set(asked) - {*self._named(deleted).values(), *deleted}
        relative = self._repository.relative
        chosen = {
            each: path_of.get(each) or (relative(Path(each)) if Path(each).is_file() else None) for each in wanted
        }
        unknown = sorted(name for name, path in chosen.items() if path not in now)
        if unknown:
            fix = did_you_mean(unknown[0], sorted(path_of))
            raise UsageError(f"--prompt {unknown[0]}: the suite has no such prompt.", fix=fix)
        return [path for path in now if path in chosen.values()]

    def _named(self, paths: Sequence[str]) -> dict[str, str]:
        top = self._repository.top
        names = unique_names([top / path for path in paths])
        return {path: names[top / path] for path in paths}

    def _expanded(self, suite: str, patterns: Sequence[str], folder: Path, root: Path) -> list[str]:
        """Give what patterns of the suite match below a folder. Raises UsageError where the branch leads out of it."""
        found: list[Path] = []
        for written in patterns:
            try:
                found += expand(written, (folder / suite).parent, root)
            except (Outside, OSError, ValueError) as error:
                if folder != self._scratch:  # one link would hide all that the pattern matches
                    raise _unreadable(written, "leads out of the project, perhaps by a symbolic link") from error
        inside = [path.relative_to(folder.resolve()).as_posix() for path in found if path.is_file()]
        return list(dict.fromkeys(inside))


def _unreadable(path: str, why: str, *, fix: str = "Keep the prompt in this repository.") -> UsageError:
    return UsageError(f"{shown(path)} {why}: the gate can't tell whether it changed.", fix=fix)


def _reaches(pattern: Sequence[str], path: Sequence[str]) -> bool:
    """Tell whether a pattern may match a path or something below it."""
    for wanted, part in zip(pattern, path, strict=False):
        if wanted == "**":
            return True
        if not fnmatchcase(part, wanted):
            return False
    return len(path) <= len(pattern)


def _names(pattern: Sequence[str], path: Sequence[str]) -> bool:
    fits = "**" in pattern or len(pattern) == len(path)
    return fits and fnmatchcase(path[-1], pattern[-1]) and _reaches(pattern, path)


def confine(prompts: Sequence[Path], policy: PolicyPlaces) -> None:
    """Render a stranger's prompts in a child process with limits. Raises FilesError at what they do wrong."""
    findings = Findings()
    gather = Gatherer(policy.suite, policy.project, findings)
    checked = gather.suite()
    if checked is None or not prompts:
        return
    cases = gather.cases(checked, None)
    suite = checked.model
    variants = [variant for variant in suite.perturbations if not is_own(variant)]
    for path in prompts:
        if path.is_symlink():
            findings.add(path, None, "", "is a symbolic link.", "A gate reads a prompt only in its place.")
        elif (read := read_prompt(path, findings)) is not None:
            prompt = read.model.model_copy(update={"labels": suite.labels})
            if (dear := too_dear(prompt, cases, variants, suite)) is not None:
                findings.add(path, None, "", *dear)
    findings.raise_if_any()


def confine_own(bundle: Bundle) -> None:
    """Render what the suite's own perturbations made of the cases as well. Raises FilesError.

    They are code of the policy in force, and known only when it is loaded.
    """
    own = [variant for variant in bundle.suite.perturbations if is_own(variant)]
    findings = Findings()
    for prompt in {id(c.prompt): c.prompt for c in bundle.candidates}.values() if own else ():
        if (dear := too_dear(prompt, bundle.cases, own, bundle.suite)) is not None:
            findings.add(prompt.path or Path(prompt.name), None, "", *dear)
    findings.raise_if_any()


_SENT_BESIDE = ("response_format", "json_schema", "grammar")
_RENDERED = ("messages", "text", "examples", "labels", "template")


def same_requests(base: Candidate, head: Candidate, bundle: Bundle, sent: Sent, unlimited: Sequence[Case] = ()) -> bool:
    """Tell whether both send the same for every case and variant; `sent` gives what goes beside the messages.

    Where a limit keeps cases out of the bundle, `unlimited` are all of them, as the files have them.
    Recordings are looked up by the names of prompt and model: there, others are another request.
    """
    names = {(one.prompt.name, one.model_name) for one in (base, head) if one.model.endpoint == "replay"}
    if not ask_alike(base.model, head.model) or len(names) > 1:
        return False
    beside = [(sent(c.model, c.prompt), *(getattr(c.prompt, name) for name in _SENT_BESIDE)) for c in (base, head)]
    if beside[0] != beside[1]:
        return False
    if all(getattr(base.prompt, name) == getattr(head.prompt, name) for name in _RENDERED):
        return True
    if any(variant in PROMPT_LEVEL for variant in bundle.suite.perturbations):
        return False  # templates and examples are rearranged before they are rendered
    try:
        with closing(renderer_of(base.prompt)) as one, closing(renderer_of(head.prompt)) as two:
            variants, labels = bundle.suite.perturbations, bundle.suite.labels
            samples = inputs_sent(bundle.cases, variants, labels)
            others = inputs_sent(unlimited, [each for each in variants if not is_own(each)], labels)
            return all(one.render(inputs) == two.render(inputs) for inputs in chain(samples, others))
    except RenderFailed:
        return False
