"""The prompts that a suite has on a branch and on its base: found, and confined before one is rendered."""

import posixpath
from collections.abc import Sequence
from contextlib import closing
from fnmatch import fnmatchcase
from pathlib import Path

from harness.errors import UsageError
from harness.files.branch.base_policy import Places, suite_at
from harness.files.branch.repository import Repository, is_pointer
from harness.files.bundle import Bundle, Candidate, Gatherer, inputs_sent, too_dear, unique_names
from harness.files.case import PROMPT_LEVEL, is_own
from harness.files.prompts import RenderFailed, read_prompt, renderer_of
from harness.files.suite.reading import read_suite
from harness.files.written import Findings, Outside, did_you_mean, expand, shown


class SuitePrompts:
    """Finds the prompts of a suite, as paths in the repository.

    `root` is the project's folder in the working tree, `scratch` is where the base's files are.
    """

    def __init__(self, repository: Repository, suite: str, *, root: Path, scratch: Path) -> None:
        self._repository = repository
        self._suite = suite
        self._root = root
        self._scratch = scratch

    def find(self, theirs: Places | None, *, asked: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
        """Give those of the branch, or of them the ones that are asked for, and those that it deleted.

        Raises UsageError for one that is asked for and that the suite has on neither side.
        """
        top = self._repository.top
        before = [] if theirs is None else suite_at(theirs).prompts
        ours = read_suite(top / self._suite, Findings()) if (top / self._suite).is_file() else None
        now = self._expanded([*before, *(ours.model.prompts if ours is not None else ())], top, self._root)
        old = self._expanded(before, self._scratch, self._scratch)
        self._refuse_unreadable([*before, *(ours.model.prompts if ours is not None else ())], now)
        deleted = tuple(path for path in old if not (top / path).exists())
        return (self._chosen(asked, now, deleted) if asked else now), deleted

    def _refuse_unreadable(self, patterns: Sequence[str], now: Sequence[str]) -> None:
        """Refuse what git can't tell about, or the working tree does not hold: it may have changed."""
        for path in now:
            if (other := self._repository.nested(path)) is not None:
                raise _unreadable(path, f"lies in {other}, which is a repository of its own (a submodule)")
            if is_pointer(self._repository.top / path):
                raise _unreadable(path, "is kept by Git LFS and not fetched here", fix="Run `git lfs pull`.")
        folder = posixpath.dirname(self._suite)
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
        chosen = {name: path_of.get(name) or self._file(name) for name in wanted}
        unknown = sorted(name for name, path in chosen.items() if path not in now)
        if unknown:
            raise UsageError(
                f"--prompt {unknown[0]}: the suite has no such prompt.", fix=did_you_mean(unknown[0], sorted(path_of))
            )
        return [path for path in now if path in chosen.values()]

    def _named(self, paths: Sequence[str]) -> dict[str, str]:
        """Give the name by which each prompt goes."""
        top = self._repository.top
        names = unique_names([top / path for path in paths])
        return {path: names[top / path] for path in paths}

    def _file(self, written: str) -> str | None:
        return self._repository.relative(Path(written)) if Path(written).is_file() else None

    def _expanded(self, patterns: Sequence[str], folder: Path, root: Path) -> list[str]:
        """Give what patterns of the suite match below a folder."""
        found: list[Path] = []
        for written in patterns:
            try:
                found += expand(written, (folder / self._suite).parent, root)
            except (Outside, OSError, ValueError):
                continue  # told as a problem of the suite, where it is read
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
    """Tell whether a pattern may match a file."""
    fits = "**" in pattern or len(pattern) == len(path)
    return fits and fnmatchcase(path[-1], pattern[-1]) and _reaches(pattern, path)


def confine(prompts: Sequence[Path], policy: Places) -> None:
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


_SENT_BESIDE = ("parameters", "response_format", "json_schema", "grammar")


def same_requests(base: Candidate, head: Candidate, bundle: Bundle) -> bool:
    """Tell whether both send the same messages for every case and variant, on the same model."""
    if base.model_digest != head.model_digest:
        return False
    if base.prompt_digest == head.prompt_digest:
        return True
    if any(getattr(base.prompt, name) != getattr(head.prompt, name) for name in _SENT_BESIDE):
        return False
    if any(variant in PROMPT_LEVEL for variant in bundle.suite.perturbations):
        return False  # templates and examples are rearranged before they are rendered
    try:
        with closing(renderer_of(base.prompt)) as one, closing(renderer_of(head.prompt)) as two:
            sent = inputs_sent(bundle.cases, bundle.suite.perturbations, bundle.suite.labels)
            return all(one.render(inputs) == two.render(inputs) for inputs in sent)
    except RenderFailed:
        return False
