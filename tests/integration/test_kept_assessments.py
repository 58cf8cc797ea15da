"""What `show` and `compare` keep beside a run is used only while all that it was judged from is the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from commanded import in_process as harness
from commanded import write_replayed

from harness.cli import compare
from harness.cli.judged import KEPT, as_judged
from harness.judge import Assessment, Comparison
from harness.rundir import read_manifest

ANSWERS = {("spam", "spam"): 18, ("spam", "ham"): 2, ("ham", "spam"): 1, ("ham", "ham"): 19}


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """Give two runs of one suite, the older one first."""
    write_replayed(tmp_path, ANSWERS, thresholds=["accuracy >= 50%"])
    for _ in range(2):
        assert harness("run", "seed.suite.yml", "--quiet", at=tmp_path).returncode == 0
    return sorted((tmp_path / "results").iterdir(), key=lambda run: read_manifest(run).created_utc)


def mark(run: Path) -> None:
    """Change a word of what was kept, so that it can be told from what is judged anew."""
    digest, kept = msgspec.msgpack.decode((run / KEPT).read_bytes(), type=tuple[str, Assessment])
    marked = msgspec.structs.replace(kept, headline="as kept")
    (run / KEPT).write_bytes(msgspec.msgpack.encode((digest, marked)))


def shown(run: Path) -> str:
    return as_judged(run, read_manifest(run)).headline


def grow(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


def test_what_is_shown_is_what_is_judged_anew(runs: list[Path], tmp_path: Path) -> None:
    kept = harness("show", runs[1].name, "--full", at=tmp_path).stdout
    (runs[1] / KEPT).unlink()
    assert harness("show", runs[1].name, "--full", at=tmp_path).stdout == kept


def set_baseline(runs: list[Path]) -> None:
    root = runs[0].parents[1]
    assert harness("baseline", "set", runs[0].name, at=root).returncode == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda runs: grow(runs[1] / "manifest.json"),
        lambda runs: grow(runs[1] / "journal.jsonl"),
        lambda runs: grow(runs[0] / "report.json"),
        lambda runs: (runs[0] / "report.json").unlink(),
        lambda runs: (runs[0] / "manifest.json").unlink(),
        lambda runs: (runs[1] / KEPT).write_bytes((runs[1] / KEPT).read_bytes()[:-9]),
        set_baseline,
    ],
    ids=["manifest", "journal", "earlier report", "report gone", "earlier run gone", "kept in part", "baseline"],
)
def test_a_change_of_anything_that_was_judged_has_it_judged_anew(
    runs: list[Path], change: Callable[[list[Path]], object]
) -> None:
    mark(runs[1])
    assert shown(runs[1]) == "as kept"
    change(runs)
    assert shown(runs[1]) != "as kept"


def compared(runs: list[Path], *options: str) -> str:
    done = harness("compare", runs[0].name, runs[1].name, *options, at=runs[0].parents[1])
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_comparison_is_kept_until_a_run_or_the_question_changes(runs: list[Path]) -> None:
    anew, kept = compared(runs), runs[1] / compare.KEPT
    assert compared(runs) == anew
    digest, found = msgspec.msgpack.decode(kept.read_bytes(), type=tuple[str, tuple[Comparison, ...]])
    marked = [msgspec.structs.replace(one, headline="as kept") for one in found]
    before = msgspec.msgpack.encode((digest, marked))
    kept.write_bytes(before)
    assert "as kept" in compared(runs)
    for options in (("--margin", "3%"), ("--full",), ("--json",)):
        assert "as kept" not in compared(runs, *options)
    kept.write_bytes(before)
    grow(runs[0] / "manifest.json")
    assert "as kept" not in compared(runs)
