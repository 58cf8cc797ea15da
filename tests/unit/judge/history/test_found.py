"""Earlier runs as they are found on disk: from a report, from a journal alone, or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from run_of import case_row, events_of, manifest_of, record

from harness.journal import JournalWriter, is_finished
from harness.judge.assess import assess
from harness.judge.history.found import NO_REPLY, NOT_FINISHED, histories, past_runs
from harness.record import Event, Failure, Refused, Session
from harness.report.run import render_document
from harness.rundir import Manifest, runs_of_suite

LABELS = ("spam", "ham")


def events(wrong: int, *, finished: bool = True) -> list[Event]:
    """Give 40 cases of two splits with two repeats; the second repeat of the first `wrong` is wrong."""
    made: list[Event] = [Session(at_utc="2026-01-01T00:00:00Z", event="started")]
    for n in range(40):
        case, expected, other = f"c{n:02d}", LABELS[n % 2], LABELS[(n + 1) % 2]
        made.append(case_row(case, expected, split="dev" if n < 20 else "holdout"))
        made += [record(case, expected), record(case, other if n < wrong else expected, repeat=1)]
    return [*made, Session(at_utc="2026-01-01T01:00:00Z", event="finished")] if finished else made


def write_run(results: Path, number: int, made: list[Event], *, judged: bool, **manifest: Any) -> Manifest:
    described = msgspec.structs.replace(
        manifest_of(LABELS, planned=80, repeats=2),
        run_id=f"run-{number}",
        created_utc=f"2026-01-{number:02d}T00:00:00Z",
        **manifest,
    )
    folder = results / described.run_id
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_bytes(msgspec.json.encode(described))
    writer = JournalWriter.create(folder / "journal.jsonl", described.run_id)
    for event in made:
        writer.append(event)
    writer.close()
    if judged:
        (folder / "report.json").write_bytes(render_document(assess(described, made)))
    return described


def test_a_report_and_a_journal_say_the_same(tmp_path: Path) -> None:
    write_run(tmp_path, 1, events(8), judged=True)
    write_run(tmp_path, 2, events(8), judged=False)
    write_run(tmp_path, 3, events(8), judged=True)
    (tmp_path / "run-3" / "report.json").write_bytes(b'{"schema_version": 1, "complete": tr')
    by_report, by_journal, damaged = past_runs(runs_of_suite(tmp_path, "suite"))
    assert (by_report.complete, by_journal.complete, damaged.complete) == (True, True, True)
    assert by_report.figures["accuracy"].value == pytest.approx(0.9)
    for name, figure in by_journal.figures.items():
        assert by_report.figures[name] == figure
        assert damaged.figures[name] == figure
    assert by_report.splits == by_journal.splits
    assert by_report.splits["dev"].value == pytest.approx(0.8)
    assert (by_report.verdict, by_journal.verdict) == ("NOT READY", "")


def test_an_unfinished_run_is_told_by_the_end_of_its_journal(tmp_path: Path) -> None:
    write_run(tmp_path, 1, events(0, finished=False)[:60], judged=False)
    write_run(tmp_path, 2, events(0)[:60], judged=True)
    without, with_report = past_runs(runs_of_suite(tmp_path, "suite"))
    assert (without.complete, without.why_no_figures, without.figures) == (False, NOT_FINISHED, {})
    assert (with_report.complete, with_report.why_no_figures) == (False, NOT_FINISHED)
    assert not is_finished(tmp_path / "nowhere" / "journal.jsonl")


@pytest.mark.parametrize("judged", [True, False])
def test_a_candidate_that_was_refused_is_not_called_unfinished(tmp_path: Path, judged: bool) -> None:
    wrong_key = Failure(kind="unauthorized", message="wrong key", status=401)
    refused = Refused(at_utc="2026-01-01T00:00:30Z", candidate="v1@mini", failure=wrong_key)
    started, *rest = events(0)
    cases = [event for event in rest if not hasattr(event, "outcome")]
    write_run(tmp_path, 1, [started, *cases[:-1], refused, cases[-1]], judged=judged)
    (run,) = past_runs(runs_of_suite(tmp_path, "suite"))
    assert (run.complete, run.why_no_figures, run.figures) == (False, NO_REPLY, {})
    (history,) = histories([run]).values()
    assert NOT_FINISHED not in history.sentence


def test_only_runs_of_the_suite_that_began_before_are_read(tmp_path: Path) -> None:
    write_run(tmp_path, 1, events(0), judged=True, suite_name="other")
    write_run(tmp_path, 2, events(0), judged=True)
    now = write_run(tmp_path, 3, events(0), judged=True)
    write_run(tmp_path, 4, events(0), judged=True)
    (tmp_path / "a file").write_text("not a run")
    before = (now.created_utc, now.run_id)
    assert [run.folder.name for run in runs_of_suite(tmp_path, "suite", before=before)] == ["run-2"]
    assert [run.folder.name for run in runs_of_suite(tmp_path, "suite", most=2)] == ["run-3", "run-4"]
    assert list(runs_of_suite(tmp_path / "nowhere", "suite")) == []


@pytest.mark.parametrize("made_of", [{"source": {"sha256": "a1"}}, {"merged": [{"run_id": "s1"}, {"run_id": "s2"}]}])
def test_the_same_answers_count_once_however_often_they_were_judged(tmp_path: Path, made_of: dict[str, Any]) -> None:
    write_run(tmp_path, 1, events(0), judged=True, notes=made_of)
    write_run(tmp_path, 2, events(0), judged=True)
    again = write_run(tmp_path, 3, events(0), judged=True, notes=made_of)
    write_run(tmp_path, 4, events(0), judged=True, notes={kind: type(what)() for kind, what in made_of.items()})
    last = write_run(tmp_path, 5, events(0), judged=True)

    def before(now: Manifest) -> list[str]:
        return [run.folder.name for run in runs_of_suite(tmp_path, "suite", before=(now.created_utc, now.run_id))]

    assert [run.folder.name for run in runs_of_suite(tmp_path, "suite")] == ["run-2", "run-3", "run-4", "run-5"]
    assert before(last) == ["run-2", "run-3", "run-4"]
    assert before(again) == ["run-2"]  # they are no history of their own


def test_runs_of_a_newer_harness_are_left_alone(tmp_path: Path) -> None:
    write_run(tmp_path, 1, events_of([("spam", "spam", 4)]), judged=False)
    path = tmp_path / "run-1" / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b'"schema_version":1', b'"schema_version":9'))
    assert past_runs(runs_of_suite(tmp_path, "suite")) == ()
