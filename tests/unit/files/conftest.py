"""A sound little project on disk, in which a test spoils one file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

HARNESS = """\
models:
  recorded: {endpoint: replay, replies: replies.jsonl}
  mini:
    endpoint: chat
    base_url: https://api.example.com/v1
    model: mini-1
    api_key_env: EXAMPLE_KEY
"""
SUITE = """\
name: greetings
labels: [spam, ham]
positive: spam
cases: cases.jsonl
reply: {as: mention, aliases: {spam: [junk]}}
prompts: [../prompts/v1.prompt.yml]
models: [recorded]
repeats: 2
thresholds:
  - accuracy >= 90%
"""
PROMPT = """\
name: first
messages:
  - role: user
    content: |
      Spam or ham?
      {{ message }}
"""
CASES = """\
{"id": "1", "message": "win money", "expected": "spam", "tags": ["short"], "split": "dev"}
{"id": "2", "message": "see you at noon", "expected": "ham", "split": "holdout"}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Write the project, with some files replaced, and give the path of its suite."""
    monkeypatch.chdir(tmp_path)

    def write(files: dict[str, str | bytes] | None = None) -> Path:
        sound: dict[str, str | bytes] = {
            "harness.yml": HARNESS,
            "replies.jsonl": "",
            "suites/a.suite.yml": SUITE,
            "suites/cases.jsonl": CASES,
            "prompts/v1.prompt.yml": PROMPT,
        }
        for name, content in {**sound, **(files or {})}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return Path("suites/a.suite.yml")

    return write
