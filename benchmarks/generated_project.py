"""A project on disk for a benchmark: short cases, one chat prompt, one model that is a loopback server."""

from __future__ import annotations

import json
import os
from pathlib import Path

import yaml

PROMPT = "Is this message spam or ham? Answer with one word. {{ message }}"


def write_project(
    root: Path, url: str, *, cases: int, repeats: int = 1, concurrency: int = 64, warmup: int = 3
) -> Path:
    """Write harness.yml, a suite, its prompt and cases; gives the suite's path."""
    root.mkdir(parents=True, exist_ok=True)
    model = {
        "endpoint": "chat",
        "base_url": f"{url}/v1",
        "model": "m-1",
        "warmup": warmup,
        "limits": {"concurrency": concurrency},
    }
    suite = {
        "name": "bench",
        "labels": ["spam", "ham"],
        "positive": "spam",
        "cases": "cases.jsonl",
        "prompts": ["short.prompt.yml"],
        "models": ["m"],
        "repeats": repeats,
    }
    prompt = {"messages": [{"role": "user", "content": PROMPT}]}
    (root / "harness.yml").write_text(yaml.safe_dump({"models": {"m": model}}))
    (root / "bench.suite.yml").write_text(yaml.safe_dump(suite))
    (root / "short.prompt.yml").write_text(yaml.safe_dump(prompt))
    with (root / "cases.jsonl").open("w") as rows:
        for n in range(cases):
            row = {"id": str(n), "message": f"message no. {n}", "expected": "spam" if n % 2 else "ham"}
            rows.write(json.dumps(row) + "\n")
    return root / "bench.suite.yml"


def load_note() -> str:
    """Say how busy the machine was: figures of a busy one are not the program's."""
    return f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
