"""Words that people decide by say what is so: one word for a state, counted units, no false hope."""

from __future__ import annotations

import io
from typing import Any

import msgspec
import pytest
from judged import manifest, three
from rich.console import Console
from run_of import check_of, judged, only

from harness.judge.documents import Assessment, CusumChart
from harness.report.run import terminal_report
from harness.report.run.view import run_view
from harness.report.sections.history import cusum_figure
from harness.report.sections.tradeoff import tradeoff_section

LABELS = ("spam", "ham")


def told(made: Assessment) -> str:
    console = Console(file=io.StringIO(), width=120, color_system=None)
    return terminal_report(made, console=console)


def why(right: int, wrong: int, threshold: str, **more: Any) -> str:
    made = judged([("spam", "spam", right), ("spam", "ham", wrong)], LABELS, thresholds=[threshold], **more)
    return check_of(made, threshold).why


def test_more_cases_are_not_promised_to_settle_what_they_will_not() -> None:
    assert "more cases won't settle it" in why(90_001, 9_999, "accuracy >= 90%")


def test_cases_that_would_only_show_a_failure_are_said_to() -> None:
    assert "would show a FAIL in 4 of 5 runs if it stays at" in why(5, 2, "accuracy >= 90%")
    assert "would settle it in 4 of 5 runs if it stays at" in why(92, 8, "accuracy >= 90%")


def test_support_counts_cases_however_often_each_was_asked() -> None:
    made = only(judged([("spam", "spam", 7), ("ham", "ham", 5)], LABELS, repeats=3))
    assert {name: scores.support for name, scores in made.classification.labels.items()} == {"spam": 7, "ham": 5}


def test_an_undecided_check_is_inconclusive_everywhere() -> None:
    made = judged([("spam", "spam", 10)], LABELS, thresholds=["accuracy >= 99%"])
    text = told(made)
    assert "INCONCLUSIVE" in text
    assert "OPEN" not in text
    assert run_view(made).candidates[0].tally == "0 of 1 pass, 1 inconclusive"


@pytest.mark.parametrize(("verdict", "standing"), [("READY", "recommended"), ("NOT READY", "nearest")])
def test_only_what_is_ready_is_recommended(verdict: Any, standing: str) -> None:
    made = three()
    assert made.leaderboard is not None
    rows = tuple(
        msgspec.structs.replace(row, verdict=verdict) if row.name == made.leaderboard.recommended else row
        for row in made.leaderboard.rows
    )
    board = msgspec.structs.replace(made.leaderboard, rows=rows)
    view = run_view(msgspec.structs.replace(made, leaderboard=board), manifest(made))
    assert standing in {row.standing for row in view.leaderboard}


def test_the_last_verdict_on_the_terminal_is_the_runs_own() -> None:
    made = three()
    assert len({candidate.verdict for candidate in made.candidates}) > 1
    assert told(made).rstrip().splitlines()[-1].split("  ")[0].strip() == made.verdict


def test_of_many_labels_the_lowest_are_drawn_and_it_is_said() -> None:
    labels = tuple(f"l{n:02}" for n in range(12))
    answers = [(label, label, 5) for label in labels[:-1]] + [(labels[-1], labels[0], 5)]
    section = tradeoff_section(only(judged(answers, labels)), None)
    assert section is not None
    assert "each label (8 of 12 drawn, lowest F1 first)" in section.lead
    assert "l11" in section.charts[0].alt


def test_errors_that_cannot_rise_are_not_said_to() -> None:
    chart = CusumChart(usual=1.0, worse=1.0, limit=5.0, path=(0.0,), signal=None)
    assert cusum_figure(chart).hint == "errors can't rise above the usual 100.0%"
