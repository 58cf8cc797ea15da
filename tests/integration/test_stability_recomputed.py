"""The stability page equals an independent computation from the journal, on a run whose repeats differ."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from replayed import LABELS, run, write_cases, write_replies, write_suite

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "recompute_stability.py"
OTHERS = ("I can't tell", "SPAM!", "Ham.", "spam or ham", "")


def noisy_replies(cases: int, repeats: int) -> list[dict[str, Any]]:
    """Give replies of which a fifth is wrong, in other words, in doubt, empty, cut off or failed."""
    drawn = random.Random(5)
    rows = []
    for case in range(cases):
        for repeat in range(repeats):
            row: dict[str, Any] = {"case": f"-{case}", "repeat": repeat, "latency_s": 0.1}
            kind = drawn.random()
            if kind < 0.03:
                rows.append(row | {"failure": "timeout"})
            elif kind < 0.06:
                rows.append(row | {"reply": "I think it", "finish_reason": "length"})
            else:
                word = LABELS[case % 2] if kind < 0.8 else drawn.choice((*LABELS, *OTHERS))
                rows.append(row | {"reply": word})
    return rows


@pytest.fixture(scope="module")
def noisy_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("noisy")
    write_suite(root, repeats=5)
    write_cases(root / "cases.jsonl", {"": 60})
    write_replies(root, noisy_replies(60, 5))
    return root / "results" / run(root).run_id


def recompute(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(SCRIPT), str(folder)], capture_output=True, text=True, check=False)


def test_every_figure_of_the_page_is_what_the_journal_says(noisy_run: Path) -> None:
    done = recompute(noisy_run)
    assert done.stderr == ""
    assert done.stdout.endswith("every figure is the same\n"), done.stdout
    for figure in ("agreement", "tar_raw", "pass^5", "fleiss_kappa", "rate ham -> spam", "flips -truncated / ham"):
        assert f"  {figure} " in done.stdout


def test_a_figure_that_is_not_what_the_journal_says_is_found(noisy_run: Path) -> None:
    report = noisy_run / "report.json"
    written = report.read_text()
    try:
        report.write_text(written.replace('"worst_accuracy": ', '"worst_accuracy": 1'))
        done = recompute(noisy_run)
    finally:
        report.write_text(written)
    assert done.returncode == 1
    assert done.stdout.endswith("1 figures DIFFER\n")


def test_the_script_shares_no_code_with_the_project() -> None:
    assert "harness" not in SCRIPT.read_text()
