"""A project of recorded replies, run again and again in this process: what a history is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from commanded import REPLAY, write_lines, write_yaml

from harness.files.bundle import load_bundle
from harness.judge.assess import assess_run
from harness.judge.documents import Assessment
from harness.measure.run import measure
from harness.report.run import render_document

LABELS = ("spam", "ham")


def write_suite(root: Path, *, prompts: Sequence[str] = ("v1",), **suite: Any) -> Path:
    """Write harness.yml, a suite named `small` and its prompts."""
    root.mkdir(parents=True, exist_ok=True)
    write_yaml(root / "harness.yml", REPLAY)
    for name in prompts:
        write_prompt(root, name, "Sort this")
    demands = {
        "name": "small",
        "labels": list(LABELS),
        "positive": "spam",
        "cases": "cases.jsonl",
        "prompts": [f"{name}.prompt.yml" for name in prompts],
        "models": ["recorded"],
        "repeats": 1,
    }
    write_yaml(root / "small.suite.yml", demands | suite)
    return root / "small.suite.yml"


def write_prompt(root: Path, name: str, text: str) -> None:
    messages = [{"role": "user", "content": f"{text} ({name}): {{{{ message }}}}"}]
    write_yaml(root / f"{name}.prompt.yml", {"messages": messages})


def write_cases(path: Path, cases: Mapping[str, int], *, stem: str = "") -> None:
    """Write cases by split; every other one is spam, and no two texts resemble each other."""
    write_lines(path, (row for split, number in cases.items() for row in _rows(split, number, stem)))


def _rows(split: str, number: int, stem: str) -> Iterable[dict[str, str]]:
    for n in range(number):
        text = f"{stem}{split} {n * 7919 % 100003} {n * 104729 % 999983}"
        row = {"id": f"{stem}{split}-{n}", "message": text, "expected": LABELS[n % 2]}
        yield row | ({"split": split} if split else {})


def answers(split: str, number: int, wrong: int, *, stem: str = "", **fields: Any) -> list[dict[str, Any]]:
    """Give a recorded reply to each case of a split; the first `wrong` are wrong."""
    return [
        {"case": f"{stem}{split}-{n}", "reply": LABELS[(n + 1) % 2 if n < wrong else n % 2], "latency_s": 0.2, **fields}
        for n in range(number)
    ]


def write_replies(root: Path, *groups: Iterable[Mapping[str, Any]]) -> None:
    write_lines(root / "replies.jsonl", (row for group in groups for row in group))


def run(root: Path, **load: Any) -> Assessment:
    """Measure, judge after the runs before, and leave the report that later runs read."""
    bundle = load_bundle(root / "small.suite.yml", project=root / "harness.yml", **load)
    folder = measure(bundle, root / "results", command=("harness", "run", "small.suite.yml"))
    assessment = assess_run(folder)
    (folder / "report.json").write_bytes(render_document(assessment))
    return assessment
