"""Runs of one suite over time, on recorded replies: drops, releases, new data, a prompt tuned to dev."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from commanded import in_process as harness
from replayed import answers, run, write_cases, write_prompt, write_replies, write_suite
from run_of import check_of, only

from harness.judge.documents import Assessment, CandidateAssessment, History

DRIFT = "drift.drop <= 5%"
GAP = "generalization.gap <= 5%"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Write a suite of 600 cases."""
    write_suite(tmp_path, thresholds=["accuracy >= 50%", DRIFT])
    write_cases(tmp_path / "cases.jsonl", {"": 600})
    return tmp_path


def run_with(root: Path, wrong: int) -> Assessment:
    write_replies(root, answers("", 600, wrong))
    return run(root)


def history_of(assessment: Assessment) -> History:
    found = only(assessment).history
    assert found is not None
    return found


def test_a_drop_since_the_previous_run_fails_and_equal_runs_pass(project: Path) -> None:
    first, second, third = (run_with(project, wrong) for wrong in (30, 32, 90))
    assert only(first).history is None
    assert check_of(first, DRIFT).status == "INCONCLUSIVE"
    assert "no earlier run" in check_of(first, DRIFT).why
    assert check_of(second, DRIFT).status == "PASS"
    fell = check_of(third, DRIFT)
    assert (fell.status, third.verdict) == ("FAIL", "NOT READY")
    # 510/600 - 568/600 = -9.67 points; the pooled history (1,138 of 1,200) is a little higher: -9.83.
    assert fell.estimate.value == pytest.approx(1138 / 1200 - 510 / 600)
    assert first.run_id not in fell.why
    assert "in 2 earlier runs, pooled" in fell.why
    history = history_of(third)
    assert [point.run_id for point in history.points] == [a.run_id for a in (first, second, third)]
    assert [change.change.value for change in history.changes] == pytest.approx(
        [510 / 600 - 568 / 600, 510 / 600 - 1138 / 1200]
    )
    assert history.cusum is not None
    assert history.cusum.signal == third.run_id


def test_judging_again_gives_the_same_bytes_whatever_ran_later(project: Path) -> None:
    from harness.judge.assess import assess_run
    from harness.report.run import render_document

    second = [run_with(project, wrong) for wrong in (30, 40)][1]
    folder = project / "results" / second.run_id
    before = (folder / "report.json").read_bytes()
    run_with(project, 300)
    assert render_document(assess_run(folder)) == before


def test_a_changed_prompt_is_a_release_and_changed_cases_are_never_mixed_in(project: Path) -> None:
    first = run_with(project, 30)
    write_prompt(project, "v1", "Sort this well")
    second = run_with(project, 30)
    assert history_of(second).points[1].changed == ("the prompt changed",)
    write_cases(project / "cases.jsonl", {"": 500})
    third = run_with(project, 30)
    history = history_of(third)
    assert [point.run_id for point in history.points] == [third.run_id]
    assert [(run.run_id, run.why) for run in history.not_comparable] == [
        (first.run_id, "it has other cases (600, not 500)"),
        (second.run_id, "it has other cases (600, not 500)"),
    ]
    assert history.changes == ()
    assert check_of(third, DRIFT).status == "INCONCLUSIVE"


def test_without_thresholds_a_drop_is_demanded_from_the_second_run_on(tmp_path: Path) -> None:
    write_suite(tmp_path)
    write_cases(tmp_path / "cases.jsonl", {"": 600})
    assert DRIFT not in run_with(tmp_path, 0).policy
    second = run_with(tmp_path, 0)
    assert DRIFT in second.policy
    assert check_of(second, DRIFT).status == "PASS"
    write_suite(tmp_path, prompts=("v1", "v2"))
    third = {candidate.name: candidate for candidate in run_with(tmp_path, 0).candidates}
    assert [DRIFT in [c.threshold for c in third[f"{name}@recorded"].checks] for name in ("v1", "v2")] == [
        True,
        False,  # a new version has no past, which is no reason to hold it back
    ]


def test_unfinished_runs_are_marked_and_finished_ones_without_a_report_are_read(project: Path) -> None:
    first, second = run_with(project, 30), run_with(project, 30)
    results = project / "results"
    (results / first.run_id / "report.json").unlink()
    journal = results / second.run_id / "journal.jsonl"
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:-1]))
    (results / second.run_id / "report.json").unlink()
    (results / "not-a-run").mkdir()
    shutil.copytree(results / second.run_id, results / "damaged")
    (results / "damaged" / "manifest.json").write_text('{"schema_version": 1, "suite_name": "small"')
    history = history_of(run_with(project, 31))
    assert [(point.complete, point.accuracy.value) for point in history.points] == [
        (True, 0.95),
        (False, None),
        (True, pytest.approx(569 / 600)),
    ]
    assert history.changes[0].runs == (first.run_id,)


def test_the_command_shows_a_table_or_json(project: Path) -> None:
    ids = [run_with(project, wrong).run_id for wrong in (30, 90)]
    done = harness("history", "small.suite.yml", at=project)
    assert done.returncode == 0, done.stderr
    (row,) = [line for line in done.stdout.splitlines() if line.startswith(">")]
    assert ids[1] in row
    assert "85.0%" in done.stdout
    assert "●" in done.stdout
    assert "Accuracy fell: −10.0 points" in done.stdout
    (found,) = json.loads(harness("history", "small", "--json", at=project).stdout)["candidates"].values()
    assert [point["run_id"] for point in found["points"]] == ids
    assert found["changes"][0]["change"]["value"] == pytest.approx(-0.1)
    earlier = harness("history", "small", "--run", ids[0], at=project)
    assert "There is no earlier finished run to compare with." in earlier.stdout
    wrong = harness("history", "smal", at=project)
    assert wrong.returncode == 2
    assert "Did you mean `small`?" in wrong.stderr


# Generalisation: dev against holdout, versions, new data


def split_run(root: Path, **wrong: dict[str, int]) -> dict[str, CandidateAssessment]:
    """Run prompts whose recorded replies are wrong so often on each split of 300 cases."""
    write_suite(root, prompts=tuple(wrong), thresholds=["accuracy >= 50%", GAP])
    write_cases(root / "cases.jsonl", {"dev": 300, "holdout": 300})
    write_replies(
        root,
        *(
            answers(split, 300, number, prompt=prompt)
            for prompt, splits in wrong.items()
            for split, number in splits.items()
        ),
    )
    return {candidate.prompt: candidate for candidate in run(root).candidates}


def gap_check(candidate: CandidateAssessment) -> Any:
    return next(check for check in candidate.checks if check.threshold == GAP)


def test_a_prompt_tuned_to_dev_fails_on_generalisation(tmp_path: Path) -> None:
    made = split_run(tmp_path, v1={"dev": 12, "holdout": 48})["v1"]  # 96% and 84%
    assert (gap_check(made).status, made.verdict) == ("FAIL", "NOT READY")
    assert gap_check(made).estimate.value == pytest.approx(0.12)


def test_two_points_between_dev_and_holdout_do_not_fail(tmp_path: Path) -> None:
    made = split_run(tmp_path, v1={"dev": 21, "holdout": 27})["v1"]  # 93% and 91%
    assert gap_check(made).status == "INCONCLUSIVE"  # up to 6.4 points: 300 cases can't prove 5
    assert made.verdict != "NOT READY"


def test_versions_that_improve_on_dev_alone_are_called_overfitting(tmp_path: Path) -> None:
    made = split_run(
        tmp_path, v1={"dev": 42, "holdout": 45}, v2={"dev": 27, "holdout": 45}, v3={"dev": 12, "holdout": 48}
    )
    assert [trap.kind for trap in made["v1"].traps].count("overfitting_to_dev") == 0
    curve = made["v3"].generalization.versions  # type: ignore[union-attr]
    assert curve is not None
    assert [point.prompt for point in curve.points] == ["v1", "v2", "v3"]
    assert curve.overfitting
    assert curve.sentence.startswith("Overfitting to dev: from v1 to v3 dev gained 10.0 points")
    assert curve.sentence in [trap.sentence for trap in made["v3"].traps]


def test_versions_that_improve_everywhere_are_not(tmp_path: Path) -> None:
    made = split_run(tmp_path, v1={"dev": 42, "holdout": 45}, v2={"dev": 12, "holdout": 15})["v2"]
    curve = made.generalization.versions  # type: ignore[union-attr]
    assert curve is not None
    assert not curve.overfitting
    assert curve.sentence.startswith("Both splits improved: from v1 to v2")


def test_versions_under_one_name_are_followed_over_runs(tmp_path: Path) -> None:
    split_run(tmp_path, v1={"dev": 42, "holdout": 45})
    write_prompt(tmp_path, "v1", "Sort")
    write_replies(tmp_path, answers("dev", 300, 12, prompt="v1"), answers("holdout", 300, 48, prompt="v1"))
    made = only(run(tmp_path))
    curve = made.generalization.versions  # type: ignore[union-attr]
    assert curve is not None
    assert curve.overfitting
    assert "from an earlier v1 to this one" in curve.sentence


def test_new_data_is_held_against_the_suites_own_cases(tmp_path: Path) -> None:
    write_suite(tmp_path)
    write_cases(tmp_path / "cases.jsonl", {"": 300})
    write_cases(tmp_path / "march.jsonl", {"": 200}, stem="march")
    replies = answers("", 300, 6), answers("", 200, 30, stem="march")
    write_replies(tmp_path, *replies)
    lab = run(tmp_path)
    assert only(lab).generalization is None
    new = run(tmp_path, cases=tmp_path / "march.jsonl")
    told = only(new).generalization
    assert told is not None
    assert told.new_data is not None
    assert (told.new_data.run_id, told.new_data.cases, told.new_data.worse) == (lab.run_id, 300, True)
    # Newcombe for 294/300 - 170/200, by hand from the Wilson bounds .9571/.9908 and .7939/.8929.
    assert told.gap.value == pytest.approx(0.13)
    assert (told.gap.low, told.gap.high) == (pytest.approx(0.0813, abs=2e-4), pytest.approx(0.1871, abs=2e-4))
    said = "accuracy 98.0% on the suite's 300 cases, 85.0% on 200 new cases"
    assert told.new_data.sentence.startswith(f"Accurate in the lab, worse on new data: {said}")
    assert check_of(new, GAP).status == "FAIL"
    again = run(tmp_path, cases=tmp_path / "march.jsonl")
    history = history_of(again)
    assert [point.run_id for point in history.points] == [new.run_id, again.run_id]
    assert history.not_comparable[0].why == "its cases are the suite's own"


def test_new_data_of_another_prompt_version_is_not_compared(tmp_path: Path) -> None:
    write_suite(tmp_path, thresholds=["accuracy >= 50%", GAP])
    write_cases(tmp_path / "cases.jsonl", {"dev": 150, "holdout": 150})
    write_cases(tmp_path / "march.jsonl", {"": 200}, stem="march")
    replies = answers("dev", 150, 3), answers("holdout", 150, 3), answers("", 200, 30, stem="march")
    write_replies(tmp_path, *replies)
    run(tmp_path)
    write_prompt(tmp_path, "v1", "Another one")
    new = run(tmp_path, cases=tmp_path / "march.jsonl")  # it has no splits, which is no mistake here
    assert only(new).generalization is None
    assert check_of(new, GAP).status == "INCONCLUSIVE"
