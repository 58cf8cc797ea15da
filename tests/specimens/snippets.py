"""Parts of files as the documentation shows them, made whole and given to the command that reads such files."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from commanded import in_process, write_lines, write_yaml
from pages import Block

from harness.files.schema import schemas

KNOWN = {kind: schema["properties"].keys() for kind, schema in schemas().items()} | {
    "model": schemas()["project"]["$defs"]["ModelEntry"]["properties"].keys()
}
NOWHERE = "http://127.0.0.1:9/v1"
REPLAY = {"endpoint": "replay", "replies": "replies.jsonl"}
CHAT = {"messages": [{"role": "user", "content": "{{ message }}"}]}
PLAIN = {"text": "{{ message }}"}


def wrong(block: Block, folder: Path) -> list[str]:
    """Give what the harness has to say against a snippet, which is made whole in an empty folder."""
    if block.excused is not None:
        return []
    if block.language == "json":
        return _wrong_lines(block, folder)
    tree = yaml.safe_load(block.text)
    if isinstance(tree, list):
        tree = {"thresholds": tree}
    kind = next((kind for kind in ("project", "suite", "prompt", "model") if tree.keys() <= KNOWN[kind]), None)
    if kind is None:
        return [f"{block.place}: no file of the harness has all of these keys: {', '.join(map(str, tree))}"]
    if kind == "model":
        kind, tree = "project", {"models": {"one": {"endpoint": "chat", "base_url": NOWHERE, "model": "m", **tree}}}
    return _checked(block, folder, **{kind: tree})


def _wrong_lines(block: Block, folder: Path) -> list[str]:
    rows = [json.loads(line) for line in block.text.splitlines()]
    if all("crc" in row for row in rows):
        lines = [line.encode() for line in block.text.splitlines()]
        return [f"{block.place}: {line!r}" for line in lines if b"%08x" % zlib.crc32(line[18:]) != line[8:16]]
    if all("expected" in row for row in rows):
        return _checked(block, folder, cases=rows)
    return _checked(block, folder, replies=rows)


def _checked(
    block: Block,
    folder: Path,
    *,
    project: Mapping[str, Any] | None = None,
    suite: Mapping[str, Any] | None = None,
    prompt: Mapping[str, Any] | None = None,
    cases: Sequence[Mapping[str, Any]] = (),
    replies: Sequence[Mapping[str, Any]] = (),
) -> list[str]:
    models = (project or {}).get("models") or {"recorded": REPLAY}
    labels = (suite or {}).get("labels") or ["spam", "ham", "urgent", "routine", "odd ] label"]
    whole = {
        "name": "shown",
        "labels": labels,
        "positive": labels[0],
        "repeats": 3,
        "perturbations": ["typos"],
        **(suite or {}),
    }
    whole |= {"cases": "cases.jsonl", "prompts": ["*.prompt.yml"], "models": list(models)}
    write_yaml(folder / "harness.yml", {**(project or {}), "models": models})
    write_yaml(folder / "shown.suite.yml", whole)
    write_yaml(folder / "v1.prompt.yml", prompt or CHAT)
    if prompt is None:
        write_yaml(folder / "v2.prompt.yml", PLAIN)
    write_lines(folder / "cases.jsonl", cases or _cases(labels))
    write_lines(folder / "replies.jsonl", replies)
    command = ("run", "--quiet") if replies else ("check",)
    done = in_process(*command, "shown.suite.yml", at=folder, together=True)
    return [f"{block.place}: {done.stdout}"] if done.returncode == 2 else []


def _cases(labels: Sequence[str]) -> Iterator[dict[str, Any]]:
    for number in range(40):
        split = ("dev", "holdout")[number // len(labels) % 2]
        label = labels[number % len(labels)]
        yield {"id": str(number), "message": f"no. {number}", "expected": label, "split": split, "tags": ["short"]}
