"""Whatever a file of another tool holds, importing it makes a project that loads, or a mistake in words."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from imports import FOREIGN, Foreign

from harness.errors import HarnessError
from harness.files.bundle import load_bundle
from harness.files.imported import Hints, plan, read_foreign, write

STARTER = "models: {smollm2: {endpoint: local, weights: smollm2-135m-instruct}}\n"
JUNK: list[Any] = [
    None, 5, -1, "", "x", [], {}, [1], {"a": 1}, {"type": "equals"}, "{{a}}", "file://x.txt", True, 1.5, [[]],
    "a" * 300, "\0", "\ud83d", [None], {"vars": []}, "{% if", "hf://x", {"role": [1]}, "é\u202e",
]  # fmt: skip


def changed(value: Any, chance: Random) -> Any:
    """Replace, drop or rename a few parts of a document."""
    if chance.random() < 0.1:
        return chance.choice(JUNK)
    if isinstance(value, dict):
        kept = [key for key in value if chance.random() > 0.05]
        return {("type" if chance.random() < 0.03 else key): changed(value[key], chance) for key in kept}
    return [changed(each, chance) for each in value] if isinstance(value, list) else value


def broken(name: str, content: str | bytes, chance: Random) -> bytes:
    """Give a file with changes that its format allows, or with bytes that nothing allows."""
    raw = content if isinstance(content, bytes) else content.encode()
    if name.endswith((".jsonl", ".json", ".yaml", ".yml")) and chance.random() < 0.8:
        if name.endswith(".jsonl"):
            rows = [changed(json.loads(line), chance) for line in raw.decode().splitlines()]
            return "".join(json.dumps(row) + "\n" for row in rows).encode()
        if name.endswith(".json"):
            return json.dumps(changed(json.loads(raw), chance)).encode()
        return str(yaml.safe_dump(changed(yaml.safe_load(raw), chance))).encode()
    made = bytearray(raw)
    for _ in range(chance.randint(0, 5)):
        made[chance.randrange(len(made))] = chance.choice(b'\0\xff"\n\r,;\t{}[]:x1')
    return bytes(made)


def imported(foreign: Foreign, root: Path, chance: Random) -> bool:
    """Import broken files; whether a project came of it."""
    for name, content in foreign.files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(broken(name, content, chance))
    given = dict(zip(foreign.options[::2], foreign.options[1::2], strict=True))
    names = Path(given["--names"]) if "--names" in given else None
    text = (given["--text"],) if "--text" in given else ()
    asked = Hints(name=given.get("--name", ""), expected=given.get("--expected", ""), text=text, names=names)
    try:
        draft = read_foreign(foreign.source, asked)
        made = plan(draft, Path("made"), STARTER)
        write(draft, made)
        load_bundle(made.suite)
    except HarnessError:
        return False
    return True


def test_a_broken_import_is_a_mistake_in_words_and_never_a_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    came = 0
    for seed in range(400):
        chance = Random(seed)
        root = tmp_path / str(seed)
        root.mkdir()
        monkeypatch.chdir(root)
        came += imported(FOREIGN[chance.choice(list(FOREIGN))], root, chance)
    assert 50 < came < 350, "changes are neither harmless nor all fatal"
