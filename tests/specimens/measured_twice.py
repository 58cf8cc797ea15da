"""Projects that are measured in two ways, recorded or at a server, and what both reports must agree in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import yaml
from commanded import write_lines, write_yaml
from measured import write_project

# Of a candidate, what is about the clock alone, or what the engine did.
_TIMED = ("latency", "timing_quality")
# Of two candidates, what a 95th percentile decides.
_RANKED_BY_TIME = ("on_front", "beaten_by", "p95")
_ADVISED_BY_TIME = ("front", "recommended", "recommendation")


def write_served(root: Path, url: str, *, cases: int = 23, **more: Any) -> Path:
    """Write a project for `classifier`: two prompts, two variants, two repeats, no threshold about times."""
    suite = write_project(root, url, cases=cases, repeats=2, prompts=("v1", "v2"), perturbations=("case",), **more)
    written = yaml.safe_load(suite.read_text())
    written["thresholds"] = ["accuracy >= 80%", "recall[spam] >= 70%", "stability >= 90%", "failures <= 1%"]
    suite.write_text(yaml.safe_dump(written))
    for name in ("v1", "v2"):
        text = f"{name}{' well' if name == 'v2' else ''}: {{{{ message }}}}"
        write_yaml(root / f"{name}.prompt.yml", {"messages": [{"role": "user", "content": text}]})
    return suite


def write_recorded(root: Path, *, cases: int = 40) -> Path:
    """Write the same with recorded replies that differ between repeats, times, a few failures and gaps."""
    suite = write_project(root, "", cases=cases, repeats=2, prompts=("v1", "v2"), perturbations=("case",))
    write_yaml(root / "harness.yml", {"models": {"m": {"endpoint": "replay", "replies": "replies.jsonl"}}})
    write_lines(root / "replies.jsonl", _replies(Random(17), cases))
    return suite


def _replies(chance: Random, cases: int) -> Iterator[dict[str, Any]]:
    places = (
        {"prompt": prompt, "case": str(case), "variant": variant, "repeat": repeat}
        for prompt in ("v1", "v2")
        for case in range(cases)
        for variant in ("original", "case")
        for repeat in (0, 1)
    )
    for place in places:
        said = "spam" if (int(place["case"]) % 2 == 1) != (chance.random() < 0.1) else "ham"
        drawn, seconds = chance.random(), round(chance.random(), 3)
        if drawn < 0.02:
            yield place | {"failure": "timeout"}
        elif drawn < 0.98:
            yield place | {"reply": said, "latency_s": seconds}


def agreed(report: dict[str, Any], *, recorded: bool) -> dict[str, Any]:
    """Give all of a report but its run's name and what clocks and engines decide: two ways of measuring agree in it.

    Recorded times are answers as any other; only when a trial was measured, and what the harness spent, is not.
    """
    found: dict[str, Any] = json.loads(json.dumps(report).replace(report["run_id"], "RUN"))
    del found["created_utc"]
    for each in found["candidates"]:
        if recorded:
            del each["timing_quality"], each["latency"]["parts"]
            each["latency"]["over_time"] = sorted(seconds for _, seconds, *_ in each["latency"]["over_time"])
            continue
        for name in _TIMED:
            del each[name]
        del each["stability"]["concurrency"]
        each["stability"]["spread"] = [one for one in each["stability"]["spread"] if "latency" not in one["metric"]]
        each["notable"] = [one | {"latency_s": None} for one in each["notable"] if one["why"] != "slowest"]
    if not recorded and (board := found["leaderboard"]) is not None:
        board["rows"] = [{k: v for k, v in row.items() if k not in _RANKED_BY_TIME} for row in board["rows"]]
        duels = [one | {"p_adjusted": None} for one in board["duels"] if "latency" not in one["metric"]]
        found["leaderboard"] = {k: v for k, v in board.items() if k not in _ADVISED_BY_TIME} | {"duels": duels}
    return found
