"""A small project on disk whose endpoint is a loopback server, and what a run of it journalled."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from scripted import Answer, chat_reply

from harness.journal import iter_records, read_events
from harness.record import Pace, Record
from harness.rundir import JOURNAL

T = TypeVar("T")


def spam() -> Answer:
    return Answer.of_json(chat_reply("spam"))


def write_project(
    root: Path,
    url: str,
    *,
    cases: int = 10,
    repeats: int = 1,
    limits: dict[str, Any] | None = None,
    prompts: Sequence[str] = ("v1",),
    perturbations: Sequence[str] = (),
    **entry: Any,
) -> Path:
    """Write harness.yml, a suite, its prompts and cases; gives the suite's path."""
    root.mkdir(parents=True, exist_ok=True)
    model = {
        "endpoint": "chat",
        "base_url": f"{url}/v1",
        "model": "m-1",
        "warmup": 0,
        "limits": {"concurrency": 4, "attempts": 2, **(limits or {})},
        **entry,
    }
    (root / "harness.yml").write_text(yaml.safe_dump({"models": {"m": model}}))
    suite = {
        "name": "small",
        "labels": ["spam", "ham"],
        "positive": "spam",
        "cases": "cases.jsonl",
        "prompts": [f"{name}.prompt.yml" for name in prompts],
        "models": ["m"],
        "repeats": repeats,
        "perturbations": list(perturbations),
    }
    (root / "small.suite.yml").write_text(yaml.safe_dump(suite))
    for name in prompts:
        messages = [{"role": "user", "content": f"{name}: is this spam? {{{{ message }}}}"}]
        (root / f"{name}.prompt.yml").write_text(yaml.safe_dump({"messages": messages}))
    rows = [{"id": str(n), "message": f"message no. {n}", "expected": "spam" if n % 2 else "ham"} for n in range(cases)]
    (root / "cases.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return root / "small.suite.yml"


def places(run: Path) -> Counter[tuple[str, str, str, int]]:
    """Count the records of each place of a run."""
    return Counter((r.candidate, r.case, r.variant, r.repeat) for r in records(run))


def records(run: Path) -> list[Record]:
    return list(iter_records(run / JOURNAL))


def events_of(run: Path, kind: type[T]) -> list[T]:
    return [event for event in read_events(run / JOURNAL) if isinstance(event, kind)]


def whys(run: Path) -> list[str]:
    """Give the reasons of all changes of pace."""
    return [pace.why for pace in events_of(run, Pace)]
