"""baselines.yml: what is written is read again, and slips are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import FilesError, UsageError
from harness.files.baselines import (
    BASELINES,
    StoredBaseline,
    StoredCandidate,
    StoredFigure,
    read_baselines,
    write_baselines,
)


def stored(run: str = "20260101T000000Z-s-abc123") -> StoredBaseline:
    candidate = StoredCandidate(
        prompt="v1",
        model="mini",
        prompt_digest="00",
        model_digest="12e4",
        figures={
            "accuracy": StoredFigure(value=0.9, n=300, low=0.86, high=0.93),
            'recall[no: "1"]': StoredFigure(value=1.0, n=20),
        },
    )
    return StoredBaseline(run=run, set_utc="2026-01-01T00:00:00Z", suite_digest="ab", candidates={"v1@mini": candidate})


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    written = {"yes": stored(), "sms-spam": stored("other")}
    path = write_baselines(tmp_path, written)
    assert read_baselines(tmp_path) == written
    text = path.read_text()
    assert text.startswith("# The runs that new runs are held against")
    assert "accuracy: {value: 0.9, n: 300, low: 0.86, high: 0.93}" in text
    assert [entry.name for entry in tmp_path.iterdir()] == [BASELINES]


def test_the_same_baselines_give_the_same_bytes_in_any_order(tmp_path: Path) -> None:
    first = write_baselines(tmp_path, {"b": stored(), "a": stored()}).read_bytes()
    assert write_baselines(tmp_path, {"a": stored(), "b": stored()}).read_bytes() == first


def test_without_a_baseline_there_is_no_file(tmp_path: Path) -> None:
    write_baselines(tmp_path, {"a": stored()})
    write_baselines(tmp_path, {})
    assert not (tmp_path / BASELINES).exists()
    assert read_baselines(tmp_path) == {}


def test_a_file_of_comments_holds_no_baseline(tmp_path: Path) -> None:
    (tmp_path / BASELINES).write_text("# nothing yet\n\n")
    assert read_baselines(tmp_path) == {}


@pytest.mark.parametrize(
    ("written", "line", "field"),
    [
        ("s: {runn: x, set_utc: t, suite_digest: d, candidates: {}}\n", 1, "s.runn"),
        ("s:\n  run: x\n  set_utc: t\n  suite_digest: d\n  candidates: {}\n", 5, "s.candidates"),
        ("s: here\n", 1, "s"),
        (
            "s:\n  run: x\n  set_utc: t\n  suite_digest: d\n  candidates:\n    a@m:\n      prompt: p\n"
            "      model: m\n      prompt_digest: d\n      model_digest: d\n      figures:\n"
            "        accuracy: {value: much}\n",
            12,
            "s.candidates.a@m.figures.accuracy.value",
        ),
    ],
)
def test_a_slip_is_named_with_its_line_and_field(tmp_path: Path, written: str, line: int, field: str) -> None:
    (tmp_path / BASELINES).write_text(written)
    with pytest.raises(FilesError) as raised:
        read_baselines(tmp_path)
    assert (line, field) in {(problem.line, problem.field) for problem in raised.value.problems}


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        write_baselines(tmp_path / "gone", {"a": stored()})
