"""A .prompt.yml as GitHub kept it: the prompt as it is, its `testData` as cases, its `evaluators` as the reply rule.

Only `{{name}}` is a place there: `{# #}` and `{% %}` are text, and a name may hold a dash.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.files.imported.draft import Draft, Row, Way
from harness.files.imported.providers import SERVICES, provided
from harness.files.imported.templates import filled
from harness.files.prompts import Prompt, plain_name, read_prompt
from harness.files.written import Entries, Findings, Items, as_text, read_written, shown

_WAYS: Mapping[str, Way] = {  # all but `equals` are read without case, by `gh models eval`
    "equals": Way("equals", r"\A", r"\Z"),
    "contains": Way("contains", cased=False),
    "startsWith": Way("startsWith", r"\A", cased=False),
    "endsWith": Way("endsWith", "", r"\Z", cased=False),
}


def read_prompt_file(path: Path, tree: Entries, draft: Draft) -> None:
    """Read a prompt with its cases into a draft; what is wrong with it is a finding."""
    checked = read_prompt(path, draft.findings)
    text = read_written(path, Findings())
    if checked is None or text is None or draft.findings.total:
        return
    prompt = checked.model
    draft.description = prompt.description
    draft.prompts[plain_name(path)] = text
    _model(prompt, path, tree, draft)
    data = tree.entries.get("testData", (1, None))[1]
    lines = [item.line for item in data.items] if isinstance(data, Items) else []
    if not lines:
        said = "is not there: this prompt brings no cases."
        draft.findings.add(path, 1, "testData", said, "Add a list, or import a table.")
        return
    judged = _judged(prompt, path, tree, draft)
    for line, row in zip(lines, prompt.test_data, strict=True):
        inputs = {name: as_text(value) for name, value in row.items() if name not in {"expected", "id"}}
        known = {"id": as_text(row["id"])} if row.get("id") else {}
        label, way = as_text(row.get("expected")), None
        if judged is not None:
            way = judged[0]
            label = filled(judged[1], row) or label
        draft.rows.append(Row(path, line, inputs, (label,), way, known))


def _judged(prompt: Prompt, path: Path, tree: Entries, draft: Draft) -> tuple[Way, str] | None:
    """Give how the first evaluator that names an input of the case compares; the others are told."""
    found = None
    for number, evaluator in enumerate(prompt.evaluators):
        line = tree.at(("evaluators", number))[1]
        rule: Any = evaluator.get("string")
        name, value = next(iter(rule.items())) if isinstance(rule, dict) and len(rule) == 1 else ("", "")
        if name in _WAYS and "{{" in as_text(value) and found is None:
            found = _WAYS[name], as_text(value)
            continue
        why = "is judged by a model" if "llm" in evaluator or "uses" in evaluator else "compares all with one text"
        why = "is demanded as well" if name in _WAYS and "{{" in as_text(value) else why
        what = shown(as_text(evaluator.get("name") or number))
        draft.leave(path, line, f"evaluators[{number}]", f"`{what}` is not carried: it {why}.")
    return found


def _model(prompt: Prompt, path: Path, tree: Entries, draft: Draft) -> None:
    if prompt.model is None:
        return
    line = tree.at(("model",))[1]
    publisher, _, name = prompt.model.partition("/")
    service = {"mistral-ai": "mistral"}.get(publisher, publisher)
    found = provided(f"{service}:{name}") if service in SERVICES and name else None
    if found is None or found.entry is None:
        draft.leave(path, line, "model", f"`{shown(prompt.model)}` has no counterpart: write its entry yourself.")
    else:
        draft.models[found.name] = found.entry
        draft.told.append(
            f"`{shown(prompt.model)}` is asked at {found.entry['base_url']}: GitHub Models serves no more."
        )
