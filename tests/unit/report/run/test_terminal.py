"""The terminal report on consoles of all kinds."""

from __future__ import annotations

import io
import re

import pytest
import run_of
from judged import assessment, candidate, manifest, three
from judged_extremes import empty, hostile
from judged_sections import SPAM, classification
from rich.cells import cell_len
from rich.console import Console

from harness.judge.documents import Confusion, NotableCase
from harness.report.run import terminal_report


def on(width: int, encoding: str = "utf-8", *, colour: bool = False, **more: object) -> Console:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    return Console(file=stream, width=width, force_terminal=colour, color_system="standard" if colour else None)


@pytest.mark.parametrize("width", [40, 60, 80, 100, 140])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    for judged in (assessment(), three(), empty(), hostile()):
        for full in (False, True):
            text = terminal_report(judged, manifest(judged), console=on(width), full=full)
            assert max(cell_len(line) for line in text.splitlines()) <= width


def test_a_terminal_without_utf8_gets_ascii_only() -> None:
    for judged in (assessment(), three(), hostile()):
        text = terminal_report(judged, manifest(judged), console=on(80, "ascii"), full=True)
        assert text.isascii()
    assert "+ PASS" in text


def test_hostile_text_brings_no_control_character() -> None:
    judged = hostile()
    for full in (False, True):
        text = terminal_report(judged, manifest(judged), console=on(90), full=full)
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
        assert "[bold red]markup[/]".replace(" ", "") in text.replace(" ", "").replace("\n", "")


def test_colours_are_ours_alone() -> None:
    text = terminal_report(hostile(), console=on(90, colour=True))
    sequences = set(re.findall("\x1b[^m]*m", text))
    assert sequences
    assert all(re.fullmatch("\x1b\\[[0-9;]*m", s) for s in sequences)
    assert "\x1b]8" not in text


def test_no_colour_without_a_terminal_or_with_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b" not in terminal_report(assessment(), console=on(80))
    monkeypatch.setenv("NO_COLOR", "1")
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    colours = re.findall("\x1b\\[([0-9;]*)m", terminal_report(assessment(), console=console))
    assert not any(re.search(r"\b(3[0-7]|4[0-7]|9[0-7]|38|48)\b", c) for c in colours)


def test_meaning_does_not_hang_on_colour() -> None:
    text = terminal_report(assessment(), console=on(80))
    assert "✓ PASS          recall[spam] >= 80%" in text
    assert "✗ FAIL          precision[spam] >= 95%" in text
    assert "? INCONCLUSIVE  accuracy >= 90%" in text


def test_a_matrix_that_does_not_fit_becomes_a_list_of_errors() -> None:
    names = tuple(f"a-rather-long-label-{i:02}" for i in range(12))
    counts = tuple(tuple(5 if i == j else 1 if j == i + 1 else 0 for j in range(13)) for i in range(12))
    wide = Confusion(rows=names, columns=(*names, "no label"), counts=counts)
    judged = assessment(candidate(classification=classification(wide)))
    text = terminal_report(judged, console=on(80))
    assert "Too wide for this terminal" in text
    assert "1 × a-rather-long-label-00 read as a-rather-long-label-01" in text
    assert SPAM.rows[0] not in text.split("Confusion matrix")[1].split("Latency")[0]


def test_wide_characters_keep_the_matrix_aligned() -> None:
    matrix = Confusion(rows=("垃圾", "ok"), columns=("垃圾", "ok", "no label"), counts=((8, 1, 1), (0, 9, 1)))
    text = terminal_report(assessment(candidate(classification=classification(matrix))), console=on(80))
    lines = text.split("Confusion matrix")[1].splitlines()[1:4]
    assert len({cell_len(line) for line in lines}) == 1


def test_full_shows_what_compact_leaves_out() -> None:
    compact = terminal_report(assessment(), console=on(100))
    full = terminal_report(assessment(), manifest(assessment()), console=on(100), full=True)
    for detail in ("Cohen's kappa", "Where the time went", "pass^2", "SHA-256", "Gate change: flight KX 218"):
        assert detail not in compact
        assert detail in full


def test_cases_that_may_be_mislabelled_are_named() -> None:
    maybe = NotableCase(
        why="maybe mislabelled: both candidates agree on another label",
        case="sms-007",
        expected="ham",
        got="spam",
        text="WIN a prize",
        reply="spam",
    )
    judged = assessment(maybe_mislabelled=(maybe,))
    short, full = (terminal_report(judged, console=on(100), full=full) for full in (False, True))
    assert "- Maybe mislabelled: both candidates agree on another label (1): sms-007" in short
    assert "- sms-007: expected ham, got spam" in full


@pytest.mark.parametrize("width", [40, 80, 140])
def test_of_several_candidates_the_best_is_shown_whole_and_the_others_by_what_they_fail(width: int) -> None:
    words = " ".join(terminal_report(three(), console=on(width)).split())
    assert words.count("Checks: ") == words.count("Confusion matrix") == 1
    assert words.count("fails precision[spam] >= 95%") == 2
    assert terminal_report(three(), console=on(width), full=True).count("Confusion matrix") == 3


def test_the_last_line_is_the_verdict_and_the_page() -> None:
    lines = terminal_report(three(), console=on(80), page="results/r1/report.html").splitlines()
    assert lines[-1] == " READY   sms-spam  results/r1/report.html"


def test_a_path_that_does_not_fit_is_not_cut_in_pieces_and_the_verdict_stays_last() -> None:
    page = f"results/{'long-' * 30}/report.html"
    *_, before, last = terminal_report(three(), console=on(80), page=page).splitlines()
    assert (before, last) == (page, " READY   sms-spam")


def test_of_many_checks_those_that_did_not_pass_are_shown_and_the_rest_is_counted() -> None:
    labels = [f"label_{n:02d}" for n in range(30)]
    answers = [(label, label, 2 if n % 10 == 9 else 40) for n, label in enumerate(labels)]
    made = run_of.judged(answers, labels, thresholds=[f"recall[{label}] >= 80%" for label in labels])
    lines = terminal_report(made, console=Console(file=io.StringIO(), width=80)).splitlines()
    shown = [line.split()[2] for line in lines if "100.0% (" in line and ">=" in line]
    assert shown[:3] == ["recall[label_09]", "recall[label_19]", "recall[label_29]"]
    assert len(shown) == 12
    assert "    and 18 more: harness show --full" in lines
    full = terminal_report(made, console=Console(file=io.StringIO(), width=80), full=True).splitlines()
    assert sum("100.0% (" in line and ">=" in line for line in full) >= 30
