"""promptfoo's tests as cases: inline, from CSV, JSONL, JSON, YAML and spreadsheets, each with `defaultTest`.

Variables that are lists make a test of each combination, as they do there.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import product
from math import prod
from pathlib import Path
from typing import Any, TypeAlias

from harness.files.case import named_cells, read_json, read_jsonl, read_separated, read_sheet
from harness.files.imported.assertions import Meaning, from_cell, meaning
from harness.files.imported.draft import Draft, Row
from harness.files.imported.templates import filled, inputs_of, names_in
from harness.files.written import Entries, Items, Node, Scalar, as_text, parse_any, read_written, shown

_MOST = 100_000  # cases of one test's combinations
_UNREAD = object()  # the value of a variable that is a picture, or code
_CARRIED = frozenset({"vars", "assert", "description", "metadata"})
_Found: TypeAlias = tuple[Path, int, Mapping[str, Any]]  # where a test stands, and what it says
_Files: TypeAlias = Callable[[str, int, str], list[Path]]


class Tests:
    """Reads the tests of one config; `files` finds what they name inside its folder."""

    def __init__(self, path: Path, draft: Draft, files: _Files, expected: str = "") -> None:
        self._path, self._draft, self._findings, self._files = path, draft, draft.findings, files
        self._expected = expected  # the variable with the label, where no assertion says it
        self._whole: Any = {}
        self._used = {name for prompt in draft.prompts.values() for name in names_in(prompt)}
        self._default: Mapping[str, Any] = {}

    def read(self, tree: Entries) -> None:
        """Read the default, every test, and the tests of scenarios."""
        self._whole = tree.value((("**",),))
        line, node = tree.entries.get("defaultTest", (0, None))
        for _, _, test in self._tests(node, line, "defaultTest") if node is not None else ():
            self._tell(self._path, line, test, "defaultTest.")
            self._default = test
        line, node = tree.entries.get("tests", (tree.line, None))
        for file, at, test in self._tests(node, line, "tests") if node is not None else ():
            self._tell(file, at, test, "")
            self._rows(file, at, test)
        line, scenarios = tree.entries.get("scenarios", (0, None))
        for file, at, each in self._tests(scenarios, line, "scenarios") if scenarios is not None else ():
            parts = [self._listed(at, f"scenarios.{key}", each.get(key)) for key in ("config", "tests")]
            for config, tested in product(*parts):
                variables = {**_map(config.get("vars")), **_map(tested.get("vars"))}
                demands = [*_list(config.get("assert")), *_list(tested.get("assert"))]
                self._rows(file, at, {**tested, "vars": variables, "assert": demands})
        if node is None and scenarios is None and not self._findings.total:
            self._findings.add(self._path, tree.line, "tests", "is required but missing.", "Add `tests:`.")

    def _listed(self, line: int, at: str, value: object) -> list[Mapping[str, Any]]:
        """Give the mappings of a list, or of the files that it names; one that says nothing where it is not there."""
        found: list[Mapping[str, Any]] = []
        for each in value if isinstance(value, list) else [value or {}]:
            if isinstance(each, Mapping):
                found.append(each)
            else:
                found += [test for _, _, test in self._named(as_text(each), line, at)]
        return found

    def _tests(self, node: Node, line: int, at: str) -> Iterator[_Found]:
        if isinstance(node, Items):
            for number, each in enumerate(node.items):
                yield from self._tests(each, each.line, f"{at}[{number}]")
        elif isinstance(node, Scalar):
            yield from self._named(node.text, line, at)
        elif "path" in node.entries and isinstance(node.entries["path"][1], Scalar):
            yield from self._named(node.entries["path"][1].text, line, at)
        else:
            yield self._path, node.line, node.value((("**",),))

    def _named(self, text: str, line: int, at: str) -> Iterator[_Found]:
        name, _, sheet = text.removeprefix("file://").partition("#")
        if "://" in name:
            hint = f": import it by itself, `hf://{name.partition('://')[2]}`" if name.startswith("huggingface") else ""
            self._draft.leave(self._path, line, at, f"`{shown(text)}` is not fetched{hint}.")
            return
        suffix = "." + name.partition(":")[0].rpartition(".")[2].lower()
        if suffix not in {".csv", ".tsv", ".jsonl", ".json", ".yaml", ".yml", ".xlsx", ".xls"}:
            self._draft.leave(self._path, line, at, f"`{shown(text)}` is code, or no file of tests: nothing is run.")
            return
        for path in self._files(name, line, at):
            yield from self._of_file(path, suffix, sheet)

    def _of_file(self, path: Path, suffix: str, sheet: str) -> Iterator[_Found]:
        if suffix in {".jsonl", ".json"}:
            rows = (read_jsonl if suffix == ".jsonl" else read_json)(path, self._findings)
            yield from ((path, line, test) for line, test in rows)
        elif suffix in {".yaml", ".yml"}:
            text = read_written(path, self._findings)
            node = None if text is None else parse_any(text, path, self._findings)
            for each in node.items if isinstance(node, Items) else [node] if node is not None else []:
                yield path, each.line, each.value((("**",),)) if isinstance(each, Entries) else {}
        elif suffix in {".xlsx", ".xls"}:
            rows = named_cells(path, read_sheet(path, self._findings, sheet), (), self._findings)
            yield from ((path, line, _of_cells(cells)) for line, cells in rows)
        else:
            rows = read_separated(path, self._findings, needed=())
            yield from ((path, line, _of_cells(cells)) for line, cells in rows)

    def _tell(self, file: Path, line: int, test: Mapping[str, Any], at: str) -> None:
        """Tell what of a test is not carried, whatever its cases are."""
        for key, value in test.items():
            inner = value if key in {"options", "metadata"} and isinstance(value, Mapping) else {}
            for name in inner:
                if key == "options" or name not in {"id", "tags", "split"}:
                    self._draft.leave(file, line, f"{at}{key}.{shown(str(name))}", "is not carried.")
            if key not in _CARRIED and not inner:
                self._draft.leave(file, line, f"{at}{shown(str(key))}", "is not carried.")

    def _rows(self, file: Path, line: int, test: Mapping[str, Any]) -> None:
        mine, common = test.get("vars") or {}, self._default.get("vars") or {}
        demands = [*_each(test.get("assert")), *_each(self._default.get("assert"))]
        if not isinstance(mine, Mapping) or not isinstance(common, Mapping):
            said = "the case is left out: its `vars` are no mapping of names to values."
            self._draft.leave(file, line, "vars", said)
            return
        variables = {str(name): self._value(file, line, str(name), value) for name, value in {**common, **mine}.items()}
        whole = any("disableVarExpansion" in _map(each.get("options")) for each in (test, self._default))
        many = [
            [(name, each) for each in (_list(value) if not whole and value else []) or [value]]
            for name, value in variables.items()
        ]
        if (number := prod(map(len, many))) > _MOST:
            said = f"the lists of its variables make {number:,} cases."
            self._findings.add(file, line, "vars", said, f"Keep them to {_MOST:,}, or write the tests out.")
            return
        for combination in product(*many):
            if all(value is not _UNREAD for _, value in combination):
                self._row(file, line, dict(combination), demands, test)

    def _value(self, file: Path, line: int, name: str, value: object) -> object:
        if isinstance(value, list):
            return [self._value(file, line, name, each) for each in value]
        if not isinstance(value, str) or not value.startswith("file://"):
            return value
        if not value.endswith((".txt", ".md")):
            self._draft.leave(file, line, f"vars.{shown(name)}", f"the case is left out: `{shown(value)}` is not read.")
            return _UNREAD
        texts = [read_written(path, self._findings) for path in self._files(value, line, f"vars.{name}")]
        return next((text.strip() for text in texts if text is not None), "")

    def _row(
        self, file: Path, line: int, variables: dict[str, Any], demands: list[Any], test: Mapping[str, Any]
    ) -> None:
        texts = {
            name: filled(value, variables) if isinstance(value, str) else value for name, value in variables.items()
        }
        for name in [name for name, value in texts.items() if value is None]:
            said = "has a template that is more than names of variables, and stays as it is."
            self._draft.leave(file, line, f"vars.{shown(name)}", said)
        variables = {name: variables[name] if text is None else text for name, text in texts.items()}
        found = self._meaning(file, line, [self._demand(file, line, each, variables) for each in demands])
        if any("transform" in _map(each.get("options")) for each in (test, self._default)):
            found = found._replace(way=None)  # code has read the label from the reply
        if not found.accepted and variables.get(self._expected):
            found = Meaning(None, (as_text(variables[self._expected]),))
        metadata = _map(test.get("metadata"))
        known = {key: metadata[key] for key in ("id", "split", "tags") if metadata.get(key)}
        if test.get("description"):
            known.setdefault("id", as_text(test["description"]))
        if not variables:
            self._draft.leave(file, line, "vars", "the case is left out: it has no variables.")
            return
        inputs = {
            name: text
            for name, text in inputs_of(variables).items()
            if name in self._used or text not in found.accepted
        }
        inputs |= dict.fromkeys(self._used - inputs.keys(), "")  # what nobody gave is empty there
        self._draft.rows.append(Row(file, line, inputs, found.accepted, found.way, known))

    def _demand(self, file: Path, line: int, written: object, variables: Mapping[str, Any]) -> Meaning:
        """Read one assertion; `$ref: '#/assertionTemplates/x'` stands for what is written there."""
        assertion = _map(written)
        if isinstance(named := assertion.get("$ref"), str) and named.startswith("#/"):
            found = self._whole
            for step in named[2:].split("/"):
                found = _map(found).get(step)
            assertion = {**_map(found), **{key: value for key, value in assertion.items() if key != "$ref"}}
        for key in assertion.keys() - {"type", "value", "threshold"}:
            self._draft.leave(file, line, f"assert.{shown(str(key))}", "is not carried.")
        return meaning(assertion, variables)

    def _meaning(self, file: Path, line: int, found: list[Meaning]) -> Meaning:
        """Give the assertion that says the label; the others are told, or are limits of the suite."""
        labelled = [each for each in found if each.accepted]
        for each in found:
            if each.threshold:
                metric = each.threshold.partition("<=")[0]
                if not any(other.startswith(metric) for other in self._draft.thresholds):
                    self._draft.thresholds.append(each.threshold)
            if each.why:
                self._draft.leave(file, line, "assert", each.why)
        for each in labelled[1:]:
            if {*each.accepted} != {*labelled[0].accepted} or each.way != labelled[0].way:
                told = each.way.told if each.way else ""
                texts = " or ".join(f"`{shown(text)}`" for text in each.accepted)
                self._draft.leave(file, line, "assert", f"`{told}` {texts} is demanded as well.")
        return labelled[0] if labelled else Meaning()


def _each(demands: object) -> Iterator[object]:
    """Yield assertions; of a set, each of it."""
    for each in _list(demands):
        yield from _list(_map(each).get("assert")) or [each]


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _map(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _of_cells(cells: Mapping[str, Any]) -> dict[str, Any]:
    """Make a test of a row: columns with two underscores are promptfoo's own."""
    test: dict[str, Any] = {"vars": {}, "assert": [], "metadata": {}}
    for column, cell in cells.items():
        if column.startswith("__expected"):
            test["assert"] += [from_cell(cell)] if cell.strip() else []
        elif column.startswith("__metadata:"):
            test["metadata"][column.removeprefix("__metadata:").removesuffix("[]")] = cell
        elif column.startswith("__"):
            if cell.strip():
                test[column.removeprefix("__")] = cell
        elif column:
            test["vars"][column] = cell
    return test
