"""An eval of OpenAI's registry: its class says how a reply passes, its samples lie below `data`."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from harness.files.case import read_jsonl
from harness.files.imported.draft import Draft, Way, plain_name
from harness.files.imported.samples import SHAPES, Judged, read_samples, turns_of
from harness.files.written import Entries, Outside, as_text, resolve, shortest, shown

_CLASSES: Mapping[str, Way] = {
    "Match": Way("Match", r"\A"),
    "Includes": Way("Includes"),
    "FuzzyMatch": Way("FuzzyMatch", cased=False),
    "JsonMatch": Way("JsonMatch", pointer=""),
}
_DIFFERS = {
    "FuzzyMatch": "`FuzzyMatch` passes a part of a label, too, and no punctuation; here a reply holds all of it.",
    "JsonMatch": "`JsonMatch` fails a reply with more fields than the ideal; here only the field is read.",
}
_Record: TypeAlias = tuple[Path, int, dict[str, Any]]
_READ = frozenset({"samples_jsonl", "ignore_case", "few_shot_jsonl", "num_few_shot"})


def evals_of(tree: Entries) -> list[str]:
    """Name the evals of a registry's file."""
    return [name for name, (_, node) in tree.entries.items() if isinstance(node, Entries) and "class" in node.entries]


def read_registry(path: Path, tree: Entries, draft: Draft, wanted: str) -> None:
    """Read an eval into a draft; `wanted` chooses among several."""
    evals = evals_of(tree)
    names = [name for name in evals if wanted in {"", name, name.partition(".")[0]}]
    if len(names) != 1:
        known = ", ".join(f"`{shown(name)}`" for name in evals)
        draft.findings.add(path, 1, "", f"holds {len(evals)} evals: {known}.", "Name the one to import with --name.")
        return
    name = names[0]
    draft.name = plain_name(name.partition(".")[0])
    args = _args(path, tree, name, draft)
    kind = as_text(tree.at((name, "class"))[0].value()).rpartition(":")[2]
    way = _CLASSES.get(kind)
    if way is None:
        said = f"`{shown(kind)}` is code, and is not run: the suite takes the label that a reply mentions."
        draft.leave(path, tree.at((name, "class"))[1], f"{name}.class", said)
    elif as_text(args.get("ignore_case")).lower() == "true":
        way = Way(f"{way.told} without case", way.before, way.after, cased=False)
    draft.told += [_DIFFERS[kind]] if kind in _DIFFERS else []
    few = as_text(args.get("num_few_shot"))
    shots: list[tuple[str, str]] = []
    if few.isdecimal() and int(few):
        for file, at, record in list(_records(path, tree, name, "few_shot_jsonl", draft))[: int(few)]:
            shots += turns_of(record.get("sample"), draft, file, at) or ()
    samples = list(_records(path, tree, name, "samples_jsonl", draft))
    if samples:
        rows = [(at, each) for _, at, each in samples]
        read_samples(samples[0][0], rows, draft, SHAPES[0], Judged(way, tuple(shots)))


def _args(path: Path, tree: Entries, name: str, draft: Draft) -> Mapping[str, Any]:
    node = tree.at((name, "args"))[0]
    args = node.value((("**",),)) if isinstance(node, Entries) else {}
    for key in args.keys() - _READ:
        draft.leave(path, tree.at((name, "args", key))[1], f"{name}.args.{shown(key)}", "is not carried.")
    return args


def _records(
    path: Path, tree: Entries, name: str, key: str, draft: Draft
) -> Iterator[tuple[Path, int, dict[str, Any]]]:
    """Yield the records of a file: below `data` beside the folder `evals`, or beside the YAML file."""
    node, line, walked = tree.at((name, "args", key))
    written = as_text(node.value()) if len(walked) == 3 else ""
    folder = path.resolve().parent
    roots = [folder.parent / "data", folder] if folder.name == "evals" else [folder, folder / "data"]
    try:
        places = [resolve(written, root, root) for root in roots if written and "://" not in written]
        file = next((place for place in places if place.is_file()), None)
    except Outside:
        said = f"`{shown(written)}` leads out of the registry."
        draft.findings.add(path, line, f"{name}.args.{key}", said, "Copy the file into it.")
        return
    except OSError:  # too long for a name
        file = None
    if file is None:
        looked = " or ".join(f"{root.name}/" for root in roots)
        said = f"no such file: `{shown(written)}`."
        draft.findings.add(path, line, f"{name}.args.{key}", said, f"It is looked for in {looked}.")
        return
    file = shortest(file)
    yield from ((file, at, record) for at, record in read_jsonl(file, draft.findings))
