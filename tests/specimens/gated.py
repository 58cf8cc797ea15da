"""A small git repository whose branches change a prompt, a loopback classifier that reacts to it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from commanded import Done, in_process, write_lines, write_yaml
from scripted import Answer, Request, chat_reply

SUITE = "suites/small.suite.yml"
PROMPT = "prompts/v1.prompt.yml"
CASES = "suites/cases.jsonl"


def git(root: Path, *arguments: str) -> str:
    """Run git as nobody in particular."""
    identity = ["-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", "-C", str(root), *identity, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def write_prompt(root: Path, text: str, path: str = PROMPT, **more: Any) -> None:
    write_yaml(root / path, {"messages": [{"role": "user", "content": text}], **more})


def write_repository(root: Path, model: dict[str, Any], *, cases: int = 120, **suite: Any) -> Path:
    """Write a project on `main`: half of its cases are spam; `classifier` answers them."""
    for folder in ("suites", "prompts"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    git(root, "init", "-q", "-b", "main")
    (root / ".gitignore").write_text("results/\n")
    write_yaml(root / "harness.yml", {"models": {"m": model}})
    demands = {
        "name": "small",
        "labels": ["spam", "ham"],
        "positive": "spam",
        "cases": "cases.jsonl",
        "prompts": ["../prompts/*.prompt.yml"],
        "models": ["m"],
        "repeats": 1,
        "thresholds": ["recall[spam] >= 80%", "failures <= 10%"],
        "gate": {"margin": "6%"},
    }
    write_yaml(root / SUITE, demands | suite)
    write_lines(
        root / CASES,
        ({"id": f"c{n}", "message": f"message {n}", "expected": "ham" if n % 2 else "spam"} for n in range(cases)),
    )
    write_prompt(root, "Sort: {{ message }}")
    commit(root, "base")
    return root / SUITE


def commit(root: Path, message: str) -> str:
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", message)
    return git(root, "rev-parse", "HEAD")


def branch(root: Path, name: str) -> None:
    """Begin a branch at main."""
    git(root, "checkout", "-q", "main")
    git(root, "checkout", "-q", "-b", name)


def served(url: str, **more: Any) -> dict[str, Any]:
    """Give the entry of a model on a loopback server."""
    return {
        "endpoint": "chat",
        "base_url": f"{url}/v1",
        "model": "m-1",
        "warmup": 0,
        "params": {"temperature": 0, "max_tokens": 4},
        "limits": {"concurrency": 8, "attempts": 2},
        **more,
    }


def classifier(request: Request) -> Answer:
    """Answer well where the prompt says `well`; miss a third of the spam where it says `badly`."""
    said = request.json()["messages"][-1]["content"]
    number = int(said.rsplit(" ", 1)[1])
    spam = number % 2 == 0
    slips = 10 if "badly" not in said else 3
    if "well" not in said and spam and (number // 2) % slips == 0:
        spam = False
    return Answer.of_json(chat_reply("spam" if spam else "ham"))


def gate_json(done: Done) -> dict[str, Any]:
    """Give the document that a gate printed."""
    assert done.stdout, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def command(folder: Path, *arguments: str) -> Done:
    """Run the command in a folder."""
    return in_process(*arguments, at=folder)
