"""A project on disk for a benchmark: short cases, one chat prompt, one model that is a loopback server."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import yaml

TESTS = Path(__file__).parents[1] / "tests"
sys.path[:0] = [str(TESTS / "servers"), str(TESTS / "specimens")]

import measured

PROMPT = "Is this message spam or ham? Answer with one word. {{ message }}"


def write_project(
    root: Path, url: str, *, cases: int, repeats: int = 1, concurrency: int = 64, warmup: int = 3
) -> Path:
    """Write the tests' project with this prompt and the usual number of attempts; gives the suite's path."""
    limits = {"concurrency": concurrency, "attempts": 5}
    suite = measured.write_project(
        root, url, cases=cases, repeats=repeats, limits=limits, prompts=["short"], warmup=warmup
    )
    prompt = {"messages": [{"role": "user", "content": PROMPT}]}
    (root / "short.prompt.yml").write_text(yaml.safe_dump(prompt))
    return suite


def load_note() -> str:
    """Say how busy the machine was: figures of a busy one are not the program's."""
    return f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
