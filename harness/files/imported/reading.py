"""Which tool wrote a file, told by what it holds; and its draft.

A .prompt.yml, as GitHub kept it, is read here: the prompt as it is, its `testData` as cases, its `evaluators` as the
reply rule. Only `{{name}}` is a place there: `{# #}` and `{% %}` are text, and a name may hold a dash.
"""

import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from harness.files import case, prompts, written
from harness.files.imported.draft import Draft, Hints, Passes, Row, name_for_files
from harness.files.imported.promptfoo import Config
from harness.files.imported.providers import SERVICES, provided
from harness.files.imported.samples import evals_of, of_chat, read_registry, read_samples, shape_of
from harness.files.imported.tables import READERS, read_data_set
from harness.files.imported.templates import filled

_NO_NAMES = frozenset({
    "promptfooconfig", "config", "samples", "test", "train", "data", "dataset", "cases", "goldens", "index", "tests",
})  # fmt: skip
_CODE = (".js", ".cjs", ".mjs", ".ts", ".mts", ".py", ".ipynb")
_RESULTS = (".eval", ".db", ".sqlite")
_PROMPTFOO = frozenset({"prompts", "providers", "targets", "tests", "defaultTest", "scenarios"})
_ALL_RESULTS = frozenset({"results", "evalId", "eval", "samples", "testCases"})
_RESULT: tuple[set[str], ...] = (  # what a row of results has, of one tool each
    {"spec"}, {"run_id", "type"}, {"promptIdx", "testIdx"}, {"doc_id", "resps"}, {"doc_id", "filtered_resps"},
    {"custom_id", "response"},
)  # fmt: skip
_TESTS = ("vars", "assert")  # of a promptfoo test that stands by itself
_WAYS: Mapping[str, Passes] = {  # all but `equals` are read without case, by `gh models eval`
    "equals": Passes("equals", r"\A", r"\Z"),
    "contains": Passes("contains", cased=False),
    "startsWith": Passes("startsWith", r"\A", cased=False),
    "endsWith": Passes("endsWith", "", r"\Z", cased=False),
}


def read_foreign(source: str, asked: Hints) -> Draft:
    """Read a file of another tool, or a table. Raises FilesError where it is broken, or none."""
    path = Path(source)
    draft = Draft("", source, name_for_files(asked.name) or name_of(source))
    if not source.startswith(written.REMOTE):
        _refuse(path, draft)
    if not draft.name:
        draft.refuse("its name makes no name of a suite.", "Give one with --name.")
    suffix = path.suffix.lower()
    if source.startswith(written.REMOTE) or suffix not in {".yml", ".yaml", *READERS}:
        read_data_set(source, draft, asked)
    elif suffix in {".yml", ".yaml"} or (suffix == ".json" and _begins(path) != "["):
        _tree(path, draft, asked)
    else:
        _records(path, draft, asked)
    draft.findings.raise_if_any()
    return draft


def name_of(source: str) -> str:
    """Name a suite after a file, or after its folder where the file's name says nothing."""
    path = Path(source)
    stem = path.name.partition(".")[0]
    says_nothing = re.split(r"[-_0-9]", stem.lower())[0] in _NO_NAMES
    if source.startswith(written.REMOTE):  # hf://datasets/OWNER/NAME@REVISION/...
        stem = source.split("/")[4].partition("@")[0] if source.count("/") > 4 else stem
    elif says_nothing:
        stem = path.resolve().parent.name
    return name_for_files(stem)


def _refuse(path: Path, draft: Draft) -> None:
    name = path.name.lower()
    if not path.is_file():
        if path.exists() and not path.is_dir():
            draft.refuse("is a pipe or a device.", "Write it to a file first.")
        said = "is a folder." if path.is_dir() else "there is no such file."
        draft.refuse(said, written.near_file(path) or "Name a file.")
    if name.endswith((".suite.yml", ".suite.yaml")):
        draft.refuse("is a suite of this tool already.", f"Check it: harness check {shlex.quote(str(path))}")
    if name.endswith(_CODE):
        draft.refuse("is code, and is not run.", "Write what it makes as YAML, JSON or CSV.")
    if name.endswith(_RESULTS):
        _results(draft)


def _begins(path: Path) -> str:
    return next((line.strip()[:1] for _, line in written.read_lines(path, written.Findings()) if line.strip()), "")


def _tree(path: Path, draft: Draft, asked: Hints) -> None:
    text = written.read_written(path, draft.findings)
    text = None if text is None else _as_yaml(text, path, draft)
    tree = None if text is None else written.parse_any(text, path, draft.findings)
    if isinstance(tree, written.Items):
        tree = written.Entries(tree.line, {"tests": (tree.line, tree)})
    if tree is None or draft.findings.total:
        return
    keys = set(tree.entries) if isinstance(tree, written.Entries) else set()
    if isinstance(tree, written.Entries) and "messages" in keys:
        draft.kind = ".prompt.yml"
        _prompt_file(path, tree, draft)
    elif isinstance(tree, written.Entries) and keys & _PROMPTFOO:
        draft.kind = "promptfoo"
        Config(path, tree, draft, asked.expected).read()
    elif isinstance(tree, written.Entries) and evals_of(tree):
        draft.kind = "OpenAI evals"
        read_registry(path, tree, draft, asked.name)
    elif _ALL_RESULTS & keys:
        _results(draft)
    elif keys and path.suffix.lower() == ".json" and (inside := case.list_in(json.loads(text or "{}"))):
        read_data_set(str(path), draft, asked, inside)
    else:
        known = "a promptfoo config, an eval of OpenAI's registry, a .prompt.yml or a list of samples"
        draft.findings.add(path, 1, "", f"is not {known}.", "Name one of these, or a table.")


def _results(draft: Draft) -> NoReturn:
    draft.refuse("holds results, not cases to measure.", f"Judge them: harness judge {shlex.quote(str(draft.source))}")


def _as_yaml(text: str, path: Path, draft: Draft) -> str | None:
    """Give JSON as YAML's parser takes it: no tabs, and no character written as two halves."""
    if path.suffix.lower() != ".json":
        return text
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        draft.findings.add(path, error.lineno, "", f"is not valid JSON: {error.msg} at column {error.colno}.")
        return None
    except (ValueError, RecursionError):
        draft.findings.add(path, None, "", "is not valid JSON: it is nested too deeply.")
        return None
    halves = r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    return re.sub(halves, lambda match: json.loads(f'"{match[0]}"'), text.replace("\t", " "))


def _records(path: Path, draft: Draft, asked: Hints) -> None:
    reader = READERS[path.suffix.lower()]
    raw: dict[str, Any] = next((row for _, row in reader(path, written.Findings())), {})
    first = of_chat(raw)
    shape = None if isinstance(first.get("input"), dict) else shape_of(first)  # of fields it is a row's, not a sample's
    if any(key in _TESTS or key.startswith("__expected") for key in first) and shape is None:
        draft.kind = "promptfoo tests"
        named = written.Scalar(path.name, plain=False, line=1)
        Config(path, written.Entries(1, {"tests": (1, named)}), draft, asked.expected).read()
    elif shape is not None and not asked.expected:
        draft.kind = shape.kind if first is raw else "chat examples"
        read_samples(path, ((line, of_chat(row)) for line, row in reader(path, draft.findings)), draft, shape)
    elif any(keys <= raw.keys() for keys in _RESULT):
        _results(draft)
    else:
        read_data_set(str(path), draft, asked)


def _prompt_file(path: Path, tree: written.Entries, draft: Draft) -> None:
    """Read a prompt with its cases; what is wrong with it is a finding."""
    checked = prompts.read_prompt(path, draft.findings)
    text = written.read_written(path, written.Findings())
    if checked is None or text is None or draft.findings.total:
        return
    prompt = checked.model
    draft.description = prompt.description
    draft.prompts[prompts.plain_name(path)] = text
    _model(prompt, path, tree, draft)
    data = tree.entries.get("testData", (1, None))[1]
    lines = [item.line for item in data.items] if isinstance(data, written.Items) else []
    if not lines:
        said = "is not there: this prompt brings no cases."
        draft.findings.add(path, 1, "testData", said, "Add a list, or import a table.")
        return
    judged = _judged(prompt, path, tree, draft)
    for line, row in zip(lines, prompt.test_data, strict=True):
        inputs = {name: written.as_text(value) for name, value in row.items() if name not in {"expected", "id"}}
        known = {"id": written.as_text(row["id"])} if row.get("id") else {}
        label, way = written.as_text(row.get("expected")), None
        if judged is not None:
            way = judged[0]
            label = filled(judged[1], row) or label
        draft.rows.append(Row(path, line, inputs, (label,), way, known))


def _judged(prompt: prompts.Prompt, path: Path, tree: written.Entries, draft: Draft) -> tuple[Passes, str] | None:
    """Give how the first evaluator that names an input of the case compares; the others are told."""
    found = None
    for number, evaluator in enumerate(prompt.evaluators):
        line = tree.at(("evaluators", number))[1]
        rule: Any = evaluator.get("string")
        name, value = next(iter(rule.items())) if isinstance(rule, dict) and len(rule) == 1 else ("", "")
        if name in _WAYS and "{{" in written.as_text(value) and found is None:
            found = _WAYS[name], written.as_text(value)
            continue
        why = "is judged by a model" if "llm" in evaluator or "uses" in evaluator else "compares all with one text"
        why = "is demanded as well" if name in _WAYS and "{{" in written.as_text(value) else why
        what = written.shown(written.as_text(evaluator.get("name") or number))
        draft.leave(path, line, f"evaluators[{number}]", f"`{what}` is not carried: it {why}.")
    return found


def _model(prompt: prompts.Prompt, path: Path, tree: written.Entries, draft: Draft) -> None:
    if prompt.model is None:
        return
    line = tree.at(("model",))[1]
    publisher, _, name = prompt.model.partition("/")
    service = {"mistral-ai": "mistral"}.get(publisher, publisher)
    found = provided(f"{service}:{name}") if service in SERVICES and name else None
    if found is None or found.entry is None:
        said = f"`{written.shown(prompt.model)}` has no counterpart: write its entry yourself."
        draft.leave(path, line, "model", said)
    else:
        draft.models[found.name] = found.entry
        asked = f"`{written.shown(prompt.model)}` is asked at {found.entry['base_url']}"
        draft.told.append(f"{asked}: GitHub Models serves no more.")
