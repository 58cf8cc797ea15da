"""A small project whose model is asked in batches, and what must hold of its run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from batching import Batches
from commanded import Done, in_process
from measured import places, records, write_project
from scripted import Script, ScriptedServer

from harness.measure.engine import batch, buying
from harness.record import Record, Reply

Serve = Callable[[Script], ScriptedServer]
TRIALS = 24
PRICE = {"input": 1.0, "output": 2.0, "batch": 0.5}


class Bought:
    """A small project whose model is asked in batches."""

    def __init__(self, root: Path, serve: Serve, provider: Batches, **project: Any) -> None:
        self.root, self.provider, self.server = root, provider, serve(provider)
        endpoint = "anthropic" if provider.anthropic else "chat"
        entry = {"endpoint": endpoint, "via": "batch", "price": PRICE, "params": {"max_tokens": 5}, **project}
        write_project(root, self.server.url, **{"cases": 12, "repeats": 2, **entry})

    def run(self, *args: str) -> Done:
        return self._done("run", "small.suite.yml", "--quiet", *args)

    def resume(self, *args: str) -> Done:
        return self._done("resume", "latest", *args)

    def _done(self, *command: str) -> Done:
        """Run a command that asks as often as ever, without the seconds between two questions."""
        with patch.object(buying, "FIRST_S", 0.02), patch.object(batch, "FIRST_S", 0.02):
            return in_process(*command, at=self.root)

    @property
    def folder(self) -> Path:
        (run,) = [path.parent for path in self.root.glob("results/*/manifest.json")]
        return run

    @property
    def records(self) -> list[Record]:
        return records(self.folder)

    @property
    def report(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "report.json").read_text())
        return found

    def check_whole(self, trials: int = TRIALS) -> None:
        """Each trial has one record, which is a right answer, paid for at half the price."""
        assert set(places(self.folder).values()) == {1}
        assert len(self.records) == trials
        assert all(isinstance(record.outcome, Reply) for record in self.records)
        (candidate,) = self.report["candidates"]
        assert candidate["classification"]["accuracy"]["value"] == 1.0
        assert candidate["cost"]["total"] == pytest.approx(trials * (11 * 1.0 + 1 * 2.0) / 1e6 * 0.5)
