"""Everything that a run needs of the files, read once and checked together before the first call.

The project's root is the folder of harness.yml. That file is looked for upward from the working directory;
when the suite lies outside of what was found (or nothing was), upward from the suite. Where there is no
harness.yml at all, the embedded model is the only one and the root is the parent of the suite's folder, so
that `suites/a.suite.yml` may name `../prompts/*.prompt.yml`. Whatever files name must lie inside the root
after symlinks are resolved; what a person names on the command line may lie anywhere.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import FilesError
from harness.files.cases import Case, CaseReader
from harness.files.default_policy import default_thresholds
from harness.files.digest import model_digest, prompt_digest, suite_digest
from harness.files.findings import Findings, did_you_mean, shortlist, shown
from harness.files.fitting import check_cases, check_prompt, check_speaks, read_thresholds
from harness.files.loading import default_project, find_project, read_project, read_prompt, read_suite
from harness.files.perturb import check_names
from harness.files.project import ModelEntry, Project
from harness.files.prompt import Prompt
from harness.files.references import Outside, expand, resolve, shortest
from harness.files.suite import Suite
from harness.files.tables import REMOTE
from harness.files.threshold import Threshold
from harness.files.untrusted import render_untrusted
from harness.files.validation import Checked

_INSIDE = "Keep it inside the project: the folder of harness.yml."


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One prompt on one model."""

    name: str  # prompt@model
    prompt: Prompt
    model_name: str
    model: ModelEntry
    prompt_digest: str
    model_digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A suite with everything that it names, checked."""

    project: Project
    suite: Suite
    candidates: tuple[Candidate, ...]
    cases: tuple[Case, ...]
    thresholds: tuple[Threshold, ...]  # the suite's, or the documented defaults
    files: tuple[Path, ...]  # all that were read
    suite_digest: str


def load_project(start: Path) -> Project:
    """Read harness.yml, found upward from `start`; the defaults when there is none. Raises FilesError."""
    path = find_project(start)
    if path is None:
        return default_project(start)
    findings = Findings()
    project, _ = read_project(shortest(path), findings)
    findings.raise_if_any()
    return project


def load_bundle(
    suite_path: Path,
    *,
    prompts: Sequence[str] = (),
    models: Sequence[str] = (),
    repeats: int | None = None,
    cases: Path | None = None,
    limit: int | None = None,
    splits: Collection[str] = (),
    tags: Collection[str] = (),
    project: Path | None = None,
    trusted: bool = True,
) -> Bundle:
    """Read a suite and all that it names. Raises FilesError with every problem of every file.

    `prompts` are paths or names of the suite's prompts; `models` are names of harness.yml; `cases` replaces
    the suite's case files; `splits` and `tags` keep the cases that have one of them; then `limit` keeps the
    first. `project` names harness.yml (default: found, see above). `trusted=False` is for files of strangers:
    prompts are rendered in a child process with limits first, and perturbations can't be Python code.
    """
    loader = _Loader(suite_path, project, trusted=trusted)
    bundle = loader.load(prompts, models, repeats, cases, _Choice(limit, frozenset(splits), frozenset(tags)))
    loader.findings.raise_if_any()
    if bundle is None:
        raise FilesError([])
    return bundle


@dataclass(frozen=True, slots=True)
class _Choice:
    """Which cases are wanted."""

    limit: int | None
    splits: frozenset[str]
    tags: frozenset[str]

    def of(self, cases: Sequence[Case]) -> list[Case]:
        kept = [
            case
            for case in cases
            if (not self.splits or case.split in self.splits)
            and (not self.tags or self.tags & set(case.tags))
        ]
        return kept if self.limit is None else kept[: self.limit]

    @property
    def narrows(self) -> bool:
        return bool(self.splits or self.tags or self.limit is not None)


class _Loader:
    """Collects problems over all files of one bundle."""

    def __init__(self, suite_path: Path, project: Path | None, *, trusted: bool) -> None:
        self.findings = Findings()
        self.files: list[Path] = []
        self.suite_path = suite_path
        self.trusted = trusted
        self.project, self.wrong_models = self._project(project)
        self.root = self.project.root

    def load(
        self,
        prompts: Sequence[str],
        models: Sequence[str],
        repeats: int | None,
        cases: Path | None,
        choice: _Choice,
    ) -> Bundle | None:
        checked = read_suite(self.suite_path, self.findings)
        if checked is None:
            return None
        self.files.append(self.suite_path)
        before = self.findings.total
        everything = self._cases(checked, cases)
        sound = self.findings.total == before
        rows = choice.of(everything)
        entries = self._models(checked, models)
        read = self._prompts(checked, prompts)
        thresholds = read_thresholds(
            checked, everything if sound else (), repeats or checked.model.repeats, entries.values()
        )
        self._check_perturbations(checked)
        if everything and sound:
            check_cases(checked, everything, replaced=cases is not None)
            if not rows:
                self._no_case_left(checked, choice)
        sample = rows[0] if rows else None
        fitted = [
            check_prompt(prompt, checked, everything, sample)
            for prompt in read
            if self.trusted or self._survives(prompt, rows)
        ]
        check_speaks(read, entries)
        if self.findings.problems:
            return None
        suite = checked.model if repeats is None else checked.model.model_copy(update={"repeats": repeats})
        if not thresholds:
            thresholds = default_thresholds(suite, {case.split for case in rows})
        return Bundle(
            project=self.project,
            suite=suite,
            candidates=_candidates([prompt for prompt in fitted if prompt is not None], entries),
            cases=tuple(rows),
            thresholds=thresholds,
            files=tuple(dict.fromkeys(self.files)),
            suite_digest=suite_digest(suite, rows),
        )

    def _project(self, named: Path | None) -> tuple[Project, frozenset[str]]:
        folder = self.suite_path.resolve().parent
        path = named or find_project(Path.cwd())
        if named is None and (path is None or not folder.is_relative_to(path.parent)):
            path = find_project(folder)
        if path is None:
            return default_project(folder.parent), frozenset()
        self.files.append(shortest(path))
        return read_project(shortest(path), self.findings)

    def _cases(self, checked: Checked[Suite], replaced: Path | None) -> list[Case]:
        suite = checked.model
        if not checked.whole("columns"):
            return []
        labels = suite.labels if checked.whole("labels") else None
        reader = CaseReader(labels, suite.columns, self.findings)
        if replaced is not None:
            self.files.append(replaced)
            return list(reader.read(replaced))
        if not checked.whole("cases"):
            return []
        found: list[Case] = []
        for i, written in enumerate(suite.cases):
            if written.startswith(REMOTE):
                found += reader.read(Path(written), url=written)
                continue
            for path in self._expanded(checked, ("cases", i), written):
                self.files.append(path)
                found += reader.read(path)
        return found

    def _expanded(self, checked: Checked[Suite], at: tuple[str | int, ...], written: str) -> list[Path]:
        """Files that an entry of the suite names; a problem at that entry when there are none."""
        if "://" in written:
            checked.problem(
                at, f"`{shown(written)}` can't be read from there.", f"Use a file, {shortlist(REMOTE)}."
            )
            return []
        try:
            paths = expand(written, self.suite_path.parent, self.root)
        except Outside:
            checked.problem(at, f"`{shown(written)}` leads out of the project.", _INSIDE)
            return []
        except (OSError, ValueError):
            checked.problem(at, f"`{shown(written)}` is not a path.")
            return []
        missing = [path for path in paths if not path.is_file()]
        if missing or not paths:
            said = "no such file" if missing else "no file matches"
            checked.problem(at, f"{said}: `{shown(written)}`.", "Paths are relative to the suite's folder.")
        return [shortest(path) for path in paths if path.is_file()]

    def _prompts(self, checked: Checked[Suite], named: Sequence[str]) -> list[Checked[Prompt]]:
        paths: list[Path] = []
        if checked.whole("prompts"):
            for i, written in enumerate(checked.model.prompts):
                if named and all(_is_path(name) for name in named):
                    break
                paths += self._expanded(checked, ("prompts", i), written)
        paths = list(dict.fromkeys(paths))
        if not named and not paths and not checked.model.prompts and checked.whole("prompts"):
            checked.problem(("prompts",), "names no prompt.", "Add `prompts:`, or use --prompt.")
        names = unique_names(paths)
        chosen = [self._named(name, names) for name in named] if named else paths
        wanted = list(dict.fromkeys(path for path in chosen if path is not None))
        self.files += wanted
        read = {path: read_prompt(path, self.findings) for path in wanted}
        labels = checked.model.labels
        final = unique_names(wanted)
        return [
            Checked(
                p.model.model_copy(update={"labels": labels, "name": final[path]}),
                p.tree,
                path,
                p.broken,
                p.findings,
            )
            for path, p in read.items()
            if p is not None
        ]

    def _survives(self, read: Checked[Prompt], rows: Sequence[Case]) -> bool:
        """Say whether a stranger's prompt can be rendered within limits; ordinary mistakes are told later."""
        problems = render_untrusted(read.model, [case.inputs for case in rows])
        killed = [problem for problem in problems if not problem.field]
        for problem in killed:
            read.problem((), problem.message, problem.fix)
        return not killed

    def _named(self, name: str, names: dict[Path, str]) -> Path | None:
        for path, known in names.items():
            if name == known:
                return path
        if _is_path(name):
            path = shortest(Path(name).resolve())
            if path.is_file():
                return path
            self.findings.add(Path(name), None, "", "no such prompt file.", "Check --prompt.")
            return None
        message = f"this suite has no prompt named `{shown(name)}`."
        self.findings.add(self.suite_path, None, "prompts", message, did_you_mean(name, names.values()))
        return None

    def _models(self, checked: Checked[Suite], named: Sequence[str]) -> dict[str, ModelEntry]:
        known = self.project.models
        if not checked.whole("models") and not named:
            return {}
        wanted = list(dict.fromkeys(named or checked.model.models))
        where = shortlist(known) if known else "there is no model in harness.yml"
        if not wanted:
            checked.problem(("models",), "names no model.", f"Add `models:`, or use --model. Known: {where}.")
        found = {}
        for i, name in enumerate(wanted):
            if name in known:
                found[name] = self._with_replies(name, known[name])
            elif name not in self.wrong_models and "*" not in self.wrong_models:
                at = () if named else ("models", i)
                fix = did_you_mean(name, known) if known else "Add it to harness.yml."
                checked.problem(at, f"there is no model `{shown(name)}` in harness.yml.", fix)
        return found

    def _with_replies(self, name: str, entry: ModelEntry) -> ModelEntry:
        if entry.endpoint != "replay" or entry.replies is None:
            return entry
        base, file = self.root, self.project.path or Path("harness.yml")
        field = f"models.{shown(name)}.replies"
        try:
            path = resolve(str(entry.replies), base, self.root)
        except (Outside, OSError, ValueError):
            self.findings.add(file, None, field, "leads out of the project.", _INSIDE)
            return entry
        if not path.is_file():
            self.findings.add(
                file,
                None,
                field,
                f"no such file: `{shown(str(entry.replies))}`.",
                "It is relative to harness.yml.",
            )
            return entry
        self.files.append(shortest(path))
        return entry

    def _check_perturbations(self, checked: Checked[Suite]) -> None:
        if checked.whole("perturbations"):
            for i, message, fix in check_names(checked.model.perturbations, trusted=self.trusted):
                checked.problem(("perturbations", i), message, fix)

    def _no_case_left(self, checked: Checked[Suite], choice: _Choice) -> None:
        wanted = [*(f"split={s}" for s in sorted(choice.splits)), *(f"tag={t}" for t in sorted(choice.tags))]
        checked.problem(
            (), f"no case is left by {shortlist(wanted) or 'the limit'}.", "Ask for fewer conditions."
        )


def _candidates(prompts: Sequence[Prompt], models: dict[str, ModelEntry]) -> tuple[Candidate, ...]:
    return tuple(
        Candidate(
            name=f"{prompt.name}@{name}",
            prompt=prompt,
            model_name=name,
            model=entry,
            prompt_digest=prompt_digest(prompt),
            model_digest=model_digest(entry),
        )
        for prompt in prompts
        for name, entry in models.items()
    )


def _is_path(name: str) -> bool:
    return "/" in name or "\\" in name or name.lower().endswith((".yml", ".yaml"))


def unique_names(paths: Sequence[Path]) -> dict[Path, str]:
    """Name prompts after their files, with as many parent folders as it takes to tell them apart."""
    from harness.files.loading import plain_name

    names = {path: plain_name(path) for path in paths}
    depth = 0
    while len(set(names.values())) < len(names) and depth < 20:
        depth += 1
        counts = [*names.values()]
        for path, name in list(names.items()):
            if counts.count(name) > 1:
                parents = path.resolve().parts[:-1][-depth:]
                names[path] = "/".join((*parents, plain_name(path)))
    return names
