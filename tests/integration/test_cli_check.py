"""`harness check` says what these cases can prove, what would fix it, and what nothing could satisfy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from commanded import in_process as harness
from commanded import write_replayed

ANSWERS = {("spam", "spam"): 18, ("ham", "ham"): 42}


def test_what_these_cases_cannot_prove_is_told_with_the_cheapest_fix(tmp_path: Path) -> None:
    write_replayed(tmp_path, ANSWERS, thresholds=["recall[spam] >= 90%", "accuracy >= 80%"])
    done = harness("check", "seed.suite.yml", at=tmp_path)
    assert done.returncode == 0  # the files are right, and the run may still tell a lot
    (row,) = [line.split() for line in done.stdout.splitlines() if line.startswith("  recall[spam]")]
    assert row == ["recall[spam]", ">=", "90%", "18", "spam", "cases", "84.7%", "179", "can't", "pass"]
    assert (
        "✗ recall[spam] >= 90% can't pass: 18 spam cases without a miss prove no more than 84.7% at 95% "
        "confidence, 90% takes 29; add 161 spam cases: a true 95.0% then passes with 80% probability."
    ) in done.stdout
    assert "So that every threshold can pass at all, add 11 more spam cases." in done.stdout


def test_labels_that_can_be_confused_are_named(tmp_path: Path) -> None:
    write_replayed(tmp_path, {("C#", "C#"): 3, ("C", "C"): 3}, positive="C")
    done = harness("check", "seed.suite.yml", at=tmp_path)
    assert done.returncode == 0
    assert "labels that can be confused\n  ! `C` and `C#` differ only in what may be decoration\n" in done.stdout
    (told,) = json.loads(harness("check", "seed.suite.yml", "--json", at=tmp_path).stdout)["labels"]
    assert told["kind"] == "decoration"


@pytest.mark.parametrize(("threshold", "code"), [("recall[spam] >= 90%", 3), ("recall[spam] >= 80%", 0)])
def test_strict_refuses_what_these_cases_cannot_prove(tmp_path: Path, threshold: str, code: int) -> None:
    write_replayed(tmp_path, ANSWERS, thresholds=[threshold])
    done = harness("check", "seed.suite.yml", "--strict", "--json", at=tmp_path)
    assert done.returncode == code
    (row,) = json.loads(done.stdout)["power"]
    assert row["provable"] == (code == 0)


def test_what_waiting_buys_is_told_beside_the_price_of_asking_at_once(tmp_path: Path) -> None:
    write_replayed(tmp_path, ANSWERS)
    project = tmp_path / "harness.yml"
    entry = yaml.safe_load(project.read_text())
    entry["models"]["recorded"] |= {"price": {"input": 200.0, "batch": 0.5, "flex": 0.25}}
    project.write_text(yaml.safe_dump(entry))
    done = harness("check", "seed.suite.yml", at=tmp_path)
    # "Sort: message no. 12" is 20 characters: 5 tokens and 1, 4 for the message; 10 cases have one less: 590 in all
    assert (
        "what waiting buys\n"
        "  v1@recorded: USD 0.0590 instead of 0.1180 in a batch, which may take 24 hours; latency is measured on none\n"
        "  v1@recorded: USD 0.0295 instead of 0.1180 at the tier flex, where a call may take minutes and latency is "
        "that tier's\n"
    ) in done.stdout
    (cost,) = json.loads(harness("check", "seed.suite.yml", "--json", at=tmp_path).stdout)["plan"]["candidates"]
    assert cost["ways"] == {"sync": cost["money"], "batch": cost["money"] / 2, "flex": cost["money"] / 4}


def test_what_no_result_could_satisfy_is_a_mistake_of_the_files(tmp_path: Path) -> None:
    faults = {
        "generalization.gap <= 5%": "the cases have no two splits to compare.",
        "robustness.drop <= 5%": "this suite has no perturbations.",
        "stability >= 98%": "`stability` needs 2 repeats, there is 1.",
        "recall[spam] where tag=short >= 90%": "column 24: `short` is not a tag of these cases.",
    }
    write_replayed(tmp_path, ANSWERS, thresholds=list(faults))
    done = harness("check", "seed.suite.yml", at=tmp_path)
    assert done.returncode == 2
    for number, said in enumerate(faults.values()):
        assert f"thresholds[{number}]: {said}" in done.stderr


@pytest.mark.parametrize("threshold", ["stability >= 80%", "pass^2 >= 80%"])
def test_a_first_look_of_one_repeat_leaves_open_what_one_repeat_cannot_decide(tmp_path: Path, threshold: str) -> None:
    suite = write_replayed(tmp_path, ANSWERS, thresholds=["accuracy >= 80%", threshold])
    suite.write_text(suite.read_text().replace("repeats: 1", "repeats: 2"))
    told = f"{threshold} stays open: it takes 2 repeats, there is 1."
    look = ("seed.suite.yml", "--limit", "20", "--repeats", "1")
    done = harness("check", *look, at=tmp_path)
    assert (done.returncode, told in done.stdout) == (0, True)
    done = harness("run", *look, at=tmp_path)
    assert (done.returncode, told in done.stderr) == (3, True)  # never READY on less than the suite demands
    assert f"? INCONCLUSIVE  {threshold}" in done.stdout
    assert harness("run", "seed.suite.yml", at=tmp_path).returncode == 0


@pytest.mark.parametrize(("stream", "code"), [(False, 2), (True, 0)])
def test_a_time_to_first_token_is_demanded_only_of_what_streams(tmp_path: Path, stream: bool, code: int) -> None:
    write_replayed(tmp_path, ANSWERS, thresholds=["ttft.p95 <= 1 s"])
    entry = {"endpoint": "chat", "base_url": "http://127.0.0.1:9/v1", "model": "m", "stream": stream}
    (tmp_path / "harness.yml").write_text(yaml.safe_dump({"models": {"recorded": entry}}))
    done = harness("check", "seed.suite.yml", at=tmp_path)
    assert done.returncode == code
    assert ("thresholds[0]: `recorded` can't time a first token." in done.stderr) == (code == 2)


def test_what_is_wrong_with_the_cases_is_told_once_and_of_no_prompt(tmp_path: Path) -> None:
    write_replayed(tmp_path, ANSWERS)
    (tmp_path / "v2.prompt.yml").write_text((tmp_path / "v1.prompt.yml").read_text())
    suite = tmp_path / "seed.suite.yml"
    suite.write_text(suite.read_text().replace("- v1.prompt.yml", "- v1.prompt.yml\n- v2.prompt.yml"))
    told = harness("check", "seed.suite.yml", at=tmp_path).stdout
    leakage = told[told.index("\nleakage\n") :]
    assert leakage.count("c18 and c1 expect different labels") == 1
    shared, first, second = (leakage.index(text) for text in ("the cases themselves", "v1:", "v2:"))
    assert shared < leakage.index("c18 and c1") < min(first, second)


def test_all_suites_below_here_are_checked_and_every_mistake_is_told(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_replayed(tmp_path / name, ANSWERS)
    done = harness("check", "--all", "--json", at=tmp_path)
    assert (done.returncode, [each["suite"] for each in json.loads(done.stdout)]) == (0, ["seed", "seed"])
    for name in ("a", "b"):
        (tmp_path / name / "seed.suite.yml").write_text("name: [")
    broken = harness("check", "--all", at=tmp_path)
    assert broken.returncode == 2
    assert {"a/seed.suite.yml:1:", "b/seed.suite.yml:1:"} <= set(broken.stderr.split())


def test_which_suites_are_meant_must_be_said(tmp_path: Path) -> None:
    assert [harness("check", *given, at=tmp_path).returncode for given in ((), ("x.suite.yml", "--all"))] == [2, 2]
    none = harness("check", "--all", at=tmp_path)
    assert (none.returncode, "there is no suite below" in none.stderr) == (2, True)
