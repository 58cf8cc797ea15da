"""Writes a draft as a project: suite, cases, prompts, and models for harness.yml. Nothing is overwritten.

All files are made before the first is written; harness.yml of an existing project gains models at the end of its
list, where its YAML allows that, and is read again: unless just these models came in, nothing is written.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from harness.files.imported.draft import Draft, is_text, settle
from harness.files.imported.templates import first_prompt
from harness.files.project import PROJECT_FILE, ModelEntry, find_project, read_project, replace_text
from harness.files.written import Findings, reason, shortest, shown

_LOCAL = {"smollm2": {"endpoint": "local", "weights": "smollm2-135m-instruct"}}


class ToWrite(NamedTuple):
    """What is to be written: new files, and the text of a harness.yml that is there already."""

    suite: Path
    files: dict[Path, str]
    project: tuple[Path, str] | None
    cases: int


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def _yaml(content: object, *, flow: bool | None = False) -> str:
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110, default_flow_style=flow)


def plan(draft: Draft, folder: Path, starter: str) -> ToWrite:
    """Make the files of a draft. Raises FilesError where one is there already, or no suite can be made.

    `starter` is the harness.yml of a project that has no models of its own.
    """
    settled = settle(draft)
    suites = folder / "suites"
    suite = suites / f"{draft.name}.suite.yml"
    cases = suites / f"{draft.name}.jsonl"
    prompts = folder / "prompts" / draft.name
    existing = _project_of(folder)
    names, project = _models(draft, existing)
    said: dict[str, Any] = {"name": draft.name}
    if draft.description:
        said["description"] = draft.description
    said |= {"labels": settled.labels, "cases": cases.name, "reply": settled.reply}
    said |= {"prompts": [f"../prompts/{draft.name}/*.prompt.yml"], "models": names}
    if draft.repeats is not None:
        said["repeats"] = draft.repeats
    if draft.thresholds:
        said["thresholds"] = ["accuracy >= 90%", *draft.thresholds]
        draft.told.append("`accuracy >= 90%` is a beginning: the file demands that every case passes.")
    head = f"# Imported from {shown(draft.source, 200)} ({draft.kind}). Run it: harness run suites/{suite.name}\n"
    files = {
        suite: head + _yaml(said, flow=None),
        cases: "".join(json.dumps(case, ensure_ascii=False) + "\n" for case in settled.cases),
    }
    if not draft.prompts:
        draft.told.append("no prompt came with it that could be carried: there is one to begin with.")
    for name, content in (draft.prompts or {"v1": first_prompt(settled.cases)}).items():
        files[prompts / f"{name}.prompt.yml"] = content if isinstance(content, str) else _yaml(content)
    if existing is None:
        files[folder / PROJECT_FILE] = _new_project(draft) if draft.models else starter
    if wrong := [path for path, text in files.items() if not is_text(text)]:
        draft.refuse(f"{wrong[0].name} would hold half of a surrogate pair.", "Save the source as UTF-8.")
    if there := [path for path in files if path.exists()]:
        fix = "Choose another folder, or another name: `harness import --name NAME`."
        draft.refuse("is already there, and nothing is overwritten.", fix, there[0])
    return ToWrite(suite, files, project, len(settled.cases))


def write(draft: Draft, made: ToWrite) -> None:
    """Write the files of a plan. Raises FilesError where one can't be written."""
    begun: list[Path] = []
    folders = list(dict.fromkeys(each for path in made.files for each in path.parents if not each.exists()))
    try:
        for path, text in made.files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8", newline="\n") as file:
                begun.append(path)
                file.write(text)
    except OSError as error:
        for path in begun:  # half a project helps nobody
            path.unlink(missing_ok=True)
        for folder in sorted(folders, reverse=True):  # what is in another comes first
            with suppress(OSError):
                folder.rmdir()
        where = Path(error.filename or made.suite)
        draft.refuse(f"can't be written: {reason(error)}.", "Choose another folder.", where)
    if made.project is not None:
        replace_text(*made.project)


def _project_of(folder: Path) -> Path | None:
    """Find harness.yml as `harness check` will for a suite in this folder."""
    found = find_project(Path.cwd())
    if found is None or not folder.resolve().is_relative_to(found.parent):
        found = find_project(folder)
    return None if found is None else shortest(found)


def _new_project(draft: Draft) -> str:
    return (
        f"# Models that suites may name, as {shown(draft.source, 200)} has them. This file is trusted: only it names\n"
        "# endpoints and key variables. Prices, limits and timeouts: see `harness schema project`.\n"
        + _yaml({"models": draft.models, "results": "results"})
    )


def _models(draft: Draft, existing: Path | None) -> tuple[list[str], tuple[Path, str] | None]:
    """Name the models of the suite, and give the text that an existing harness.yml has with them."""
    if existing is None:
        return list(draft.models) or ["smollm2"], None
    findings = Findings()
    known = dict(read_project(existing, findings).project.models)
    findings.raise_if_any()
    if not draft.models and known:
        draft.told.append(f"the suite names the model `{shown(next(iter(known)))}`, the first of {existing}")
        return list(known)[:1], None
    names, new = [], {}
    for name, entry in (draft.models or _LOCAL).items():
        wanted = ModelEntry.model_validate(entry)
        unique, number = name, 2
        while unique in known and known[unique] != wanted:
            unique, number = f"{name}-{number}", number + 1
        names.append(unique)
        if unique not in known:
            new[unique] = entry
            known[unique] = wanted
    return names, None if not new else (existing, _with_models(draft, existing, new, known))


def _with_models(draft: Draft, path: Path, new: Mapping[str, Any], wanted: Mapping[str, ModelEntry]) -> str:
    """Give harness.yml with more models. Raises FilesError where that would change anything else."""
    before = path.read_bytes().decode("utf-8")  # it was read before
    newline = "\r\n" if "\r\n" in before else "\n"
    mark = "\ufeff" if before.startswith("\ufeff") else ""
    before, added = before.removeprefix(mark).replace("\r\n", "\n"), _yaml(dict(new))
    root: Any = yaml.compose(before, Loader=yaml.SafeLoader)
    pairs = {key.value: (key, value) for key, value in root.value} if isinstance(root, yaml.MappingNode) else {}
    after = before.rstrip("\n") + "\n\nmodels:\n" + _indented(added, 2)
    if "models" in pairs:
        node = pairs["models"][1]
        if isinstance(node, yaml.MappingNode) and not node.flow_style and node.value:
            last = before[: node.end_mark.index].rstrip()
            kept = before[len(last) :]
            column = node.value[0][0].start_mark.column
            rest_of_line, _, below = kept.partition("\n")
            after = f"{last}{rest_of_line.rstrip()}\n{_indented(added, column)}{below}"
        else:
            after = ""
    findings = Findings()
    read = read_project(path, findings, after) if after else None
    if read is None or findings.total or dict(read.project.models) != dict(wanted):
        fix = f"Add them below `models:` yourself, then import again:\n{_indented(added, 2)}"
        draft.refuse("models can't be added to it without changing more.", fix, path)
    return mark + after.replace("\n", newline)


def _indented(text: str, by: int) -> str:
    return "".join(f"{' ' * by}{line}" for line in text.splitlines(keepends=True))
