"""Gathers what a suite names: its project, case files, prompts and models, confined to the project."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from harness.files import project, written
from harness.files.case import Case, CaseReader
from harness.files.label_names import by_id, names_a_file, read_names
from harness.files.prompts import Prompt, plain_name, read_prompt
from harness.files.suite.reading import CaseFile, Suite, read_suite


class Gatherer:
    """Reads files for one suite; `files` lists them in order, `findings` collects their problems."""

    def __init__(
        self,
        suite_path: Path,
        named: Path | None,
        findings: written.Findings,
        *,
        entries: Mapping[str, project.ModelEntry] | None = None,
        unlabelled: bool = False,
    ) -> None:
        self.suite_path = suite_path
        self._unlabelled = unlabelled
        self.findings = findings
        self.files: list[Path] = []
        self.by_pattern: set[Path] = set()  # prompts that the suite did not name one by one
        self.reader = CaseReader(None, {}, findings)
        self._read = self._project(named)
        self.project = self._read.project
        self._given = entries is not None
        if entries is not None:
            self.project = self.project.model_copy(update={"models": dict(entries)})
        self.root = self.project.root
        self.files.append(suite_path)

    def _project(self, named: Path | None) -> project.ReadProject:
        """Read harness.yml; see `bundle` for where it is looked for."""
        folder = self.suite_path.resolve().parent
        path = named or project.find_project(Path.cwd())
        if named is None and (path is None or not folder.is_relative_to(path.parent)):
            path = project.find_project(folder)
        if path is None:
            return project.ReadProject(project.default_project(folder.parent))
        self.files.append(written.shortest(path))
        return project.read_project(written.shortest(path), self.findings)

    def suite(self) -> written.Checked[Suite] | None:
        """Read the suite, and the file of its labels if it names one."""
        checked = read_suite(self.suite_path, self.findings, self.root)
        if checked is not None and checked.model.labels_file and checked.whole("labels"):
            file = written.resolve(checked.model.labels_file, self.suite_path.parent, self.root)
            self.files.append(written.shortest(file))
        return checked

    def cases(self, checked: written.Checked[Suite], replaced: Path | None) -> list[Case]:
        """Read the case files of the suite, or the file that replaces them."""
        suite = checked.model
        if not checked.whole("columns"):
            return []
        labels = suite.labels if checked.whole("labels") else None
        self.reader = CaseReader(
            labels, suite.columns, self.findings, suite.reply.case_sensitive, unlabelled=self._unlabelled
        )
        if replaced is not None:
            self.files.append(replaced)
            return list(self.reader.read(replaced))
        if not checked.whole("cases"):
            return []
        found: list[Case] = []
        seen: set[str] = set()
        for i, form in enumerate(suite.cases):
            found += self._entry(checked, ("cases", i), form)
            seen |= self.reader.seen
        for name, column in suite.columns.items() if found else ():
            if column not in seen:  # else a split or a tag would be lost silently
                message = f"no case has a column `{written.shown(column)}`."
                checked.problem(("columns", name), message, written.did_you_mean(column, seen))
        return found

    def _entry(self, checked: written.Checked[Suite], at: written.Path_, form: CaseFile) -> list[Case]:
        reader, url = self.reader, form.file if form.file.startswith(written.REMOTE) else None
        paths = [Path(form.file)] if url else self._expanded(checked, at, form.file)
        beside = {
            column: path
            for column, pattern in form.beside.items()
            for path in self._expanded(checked, (*at, "beside", column), pattern)[:1]
        }
        if len(paths) > 1 and beside:
            checked.problem((*at, "beside"), "goes with one file, not with a pattern.", "Name each file.")
            return []
        if len(beside) < len(form.beside):
            return []
        before = self.findings.total

        def values_of(column: str) -> set[str]:
            each = (reader.values_of(column, path, form, url=url, beside=beside) for path in paths)
            return set().union(*each)

        values = {
            column: self._named_values(checked, (*at, "values", column), names, values_of)
            if names_a_file(names)
            else names
            for column, names in form.values.items()
        }
        if self.findings.total > before:
            return []
        self.files += [*(() if url else paths), *beside.values()]
        reader.seen = set()
        cases = [case for path in paths for case in reader.read(path, form, url=url, values=values, beside=beside)]
        for column in form.values if cases else ():
            if checked.model.columns.get(column, column) not in reader.seen:
                message = f"no case of `{written.shown(form.file)}` has a column `{written.shown(column)}`."
                checked.problem((*at, "values", column), message, written.did_you_mean(column, reader.seen))
        return cases

    def _named_values(
        self,
        checked: written.Checked[Suite],
        at: written.Path_,
        names: Mapping[str, str],
        values_of: Callable[[str], set[str]],
    ) -> dict[str, str]:
        """Give the names of a file by the ids of a column, which tells the first one if the file does not."""
        files = self._expanded(checked, at, names["file"])
        column = checked.model.columns.get(str(at[-1]), str(at[-1]))
        found = read_names(files[0], self.findings, column) if files else None
        if found is None:
            return {}
        self.files.append(files[0])
        first = names.get("from")
        if first is not None and not first.isdecimal():
            checked.problem((*at, "from"), "must be the first id: 0 or 1.", "Leave it out if the data tell.")
            return {}
        values = set() if first is not None or found.ids else values_of(column)
        named = by_id(found, values, None if first is None else int(first))
        if isinstance(named, tuple):
            self.findings.add(files[0], None, "", *named)
            return {}
        return named

    def _expanded(self, checked: written.Checked[Suite], at: written.Path_, pattern: str) -> list[Path]:
        """Files that an entry of the suite names; a problem at that entry when there are none."""
        tell = partial(checked.problem, at)
        return written.named_files(pattern, self.suite_path.parent, self.root, tell)

    def prompts(self, checked: written.Checked[Suite], named: Sequence[str]) -> list[written.Checked[Prompt]]:
        """Read the prompts of the suite, or those that are named: by path, or by the names of the suite's."""
        paths: list[Path] = []
        if checked.whole("prompts"):
            for i, pattern in enumerate(checked.model.prompts):
                if named and all(Path(name).is_file() for name in named):
                    break
                found = self._expanded(checked, ("prompts", i), pattern)
                self.by_pattern |= {*found} if written.is_pattern(pattern) else set()
                paths += found
        paths = list(dict.fromkeys(paths))
        if not named and not paths and not checked.model.prompts and checked.whole("prompts"):
            checked.problem(("prompts",), "names no prompt.", "Add `prompts:`, or use --prompt.")
        names = unique_names(paths)
        self.by_pattern -= set() if not named else set(names)
        chosen = [self._named(name, names) for name in named] if named else paths
        wanted = list(dict.fromkeys(path for path in chosen if path is not None))
        self.files += wanted
        read = {path: read_prompt(path, self.findings) for path in wanted}
        labels = checked.model.labels
        final = unique_names(wanted) | {path: names[path] for path in wanted if path in names}
        return [p.updated(labels=labels, name=final[path]) for path, p in read.items() if p is not None]

    def _named(self, name: str, names: dict[Path, str]) -> Path | None:
        for path, known in names.items():
            if name == known:
                return path
        if "/" in name or "\\" in name or name.lower().endswith((".yml", ".yaml")):
            path = written.shortest(Path(name).resolve())
            if path.is_file():
                return path
            near = written.did_you_mean(plain_name(path), names.values())
            self.findings.add(Path(name), None, "", "no such prompt file.", near or "Check --prompt.")
            return None
        message = f"this suite has no prompt named `{written.shown(name)}`."
        self.findings.add(self.suite_path, None, "prompts", message, written.did_you_mean(name, names.values()))
        return None

    def models(self, checked: written.Checked[Suite], named: Sequence[str]) -> dict[str, project.ModelEntry]:
        """Give the models of the suite, or those that are named."""
        known = self.project.models
        if not checked.whole("models") and not named:
            return {}
        wanted = list(dict.fromkeys(named or checked.model.models))
        where = written.shortlist(known) if known else "there is no model in harness.yml"
        if not wanted:
            checked.problem(("models",), "names no model.", f"Add `models:`, or use --model. Known: {where}.")
        found = {}
        for i, name in enumerate(wanted):
            if name in known:
                found[name] = known[name]
                self._check_replies(name, known[name])
                self._check_certificates(name, known[name])
                for key in sorted(project.ASKED & known[name].params.keys()):
                    said = f"`{key}` is no parameter: it would take the place of what the entry or the prompt says."
                    self._model_problem(name, "params", said, "Remove it.")
            elif not self._read.wrong & {name, "*"}:
                message = f"there is no model `{written.shown(name)}` in harness.yml."
                fix = written.did_you_mean(name, known) if known else "Add it to harness.yml."
                if named:  # on the command line: no line of the suite is to blame
                    self.findings.add(Path("--model"), None, "", message, fix)
                else:
                    checked.problem(("models", i), message, fix)
        return found

    def _check_replies(self, name: str, entry: project.ModelEntry) -> None:
        if entry.endpoint != "replay" or entry.replies is None or self._given:
            return
        try:
            path = written.resolve(str(entry.replies), self.root, self.root)
        except (written.Outside, OSError, ValueError):
            self._model_problem(name, "replies", "leads out of the project.", written.INSIDE)
            return
        if path.is_file():
            self.files.append(written.shortest(path))
        else:
            said = f"no such file: `{written.shown(str(entry.replies))}`."
            self._model_problem(name, "replies", said, written.near_file(path) or "It is relative to harness.yml.")

    def _check_certificates(self, name: str, entry: project.ModelEntry) -> None:
        if entry.ca_file is None or self._given:
            return
        try:
            project.read_certificates(self.root / entry.ca_file)  # a company's lie outside of the project, as a rule
        except ValueError as error:
            said = f"`{written.shown(str(entry.ca_file))}` {error}"
            self._model_problem(name, "ca_file", said, project.CERTIFICATES_FIX)

    def _model_problem(self, name: str, key: str, message: str, fix: str) -> None:
        tree, file = self._read.tree, self.project.path or Path("harness.yml")
        line = tree.at(("models", name, key))[1] if tree is not None else None
        self.findings.add(file, line, f"models.{written.shown(name)}.{key}", message, fix)


def unique_names(paths: Sequence[Path]) -> dict[Path, str]:
    """Name prompts after their files, with as many parent folders as it takes to tell them apart."""
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
