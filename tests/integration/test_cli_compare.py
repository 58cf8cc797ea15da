"""`harness compare` and `harness baseline` on a project of recorded replies."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from commanded import in_process as harness
from commanded import write_lines, write_yaml
from crashing import runs_of

from harness import load
from harness.cli.baseline import clear_baseline, set_baseline, show_baselines
from harness.cli.compare import compare
from harness.cli.judged import baseline_for
from harness.errors import UsageError
from harness.judge.assess import assess_run

CASES = 80
DEMANDS = ["recall[spam] >= baseline - 20%", "cost per 1000 <= baseline * 1.5", "regressions <= 3"]


def expected(n: int) -> str:
    return "spam" if n % 4 == 0 else "ham"


def replies(prompt: str, wrong: set[int], tokens: int) -> list[dict[str, object]]:
    return [
        {
            "case": f"c{n:02d}",
            "prompt": prompt,
            "reply": ("ham" if expected(n) == "spam" else "spam") if n in wrong else expected(n),
            "latency_s": 0.2 + n / 1000,
            "usage": {"input": tokens, "output": 1},
        }
        for n in range(CASES)
    ]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two prompts, the second one better and dearer; a run of both, and one of the second alone."""
    root = tmp_path_factory.mktemp("project")
    price = {"input": 1.0, "output": 4.0}
    entry = {"endpoint": "replay", "replies": "replies.jsonl", "price": price}
    write_yaml(root / "harness.yml", {"models": {"recorded": entry}})
    rows = [{"id": f"c{n:02d}", "message": f"text {n * 7919 % 1009}", "expected": expected(n)} for n in range(CASES)]
    write_lines(root / "cases.jsonl", rows)
    answers = replies("v1", set(range(0, 40, 2)), 100) + replies("v2", {41, 42}, 120)
    write_lines(root / "replies.jsonl", answers)
    for prompt, text in (("v1", "Sort this"), ("v2", "Sort this carefully")):
        messages = [{"role": "user", "content": f"{text}: {{{{ message }}}}"}]
        write_yaml(root / f"{prompt}.prompt.yml", {"messages": messages})
    suite = {"name": "small", "labels": ["spam", "ham"], "positive": "spam", "cases": "cases.jsonl"}
    suite |= {"prompts": ["*.prompt.yml"], "models": ["recorded"], "repeats": 1, "thresholds": DEMANDS}
    write_yaml(root / "small.suite.yml", suite)
    done = harness("run", "small.suite.yml", "-q", at=root)
    assert done.returncode == 3, done.stderr  # no baseline is set yet
    assert "no baseline is set" in done.stdout
    harness("run", "small.suite.yml", "--prompt", "v2", "-q", at=root)
    return root


def runs(project: Path) -> list[str]:
    return [run.name for run in runs_of(project)]


def test_a_report_of_two_candidates_opens_with_a_recommendation(project: Path) -> None:
    shown = " ".join(harness("show", runs(project)[0], at=project).stdout.split())
    assert shown.startswith("INCONCLUSIVE small The best of 2 candidates is v2@recorded")
    folder = project / "results" / runs(project)[0]
    said = json.loads((folder / "report.json").read_text())["leaderboard"]["recommendation"]
    assert "v2@recorded" in said
    assert "really better in balanced accuracy than v1@recorded" in said
    assert "gives up $0.02 per 1,000 to v1@recorded" in said
    page = (folder / "report.html").read_text()
    assert "Every pair, on the same cases" in page


def test_two_candidates_of_one_run_are_compared(project: Path) -> None:
    run = runs(project)[0]
    done = harness("compare", f"{run}:v1", f"{run}:v2", "--json", at=project)
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    verdicts = {(m["metric"], m["label"]): m["verdict"] for m in made["metrics"]}
    assert verdicts[("accuracy", None)] == "better"
    assert verdicts[("cost_per_1000", None)] == "worse"
    assert [case["case"] for case in made["broken"]] == ["c41", "c42"]
    assert len(made["fixed"]) == 20
    assert {"kind": "added", "text": " carefully"} in made["prompt_diff"]


def test_a_run_compared_with_itself_shows_no_difference(project: Path) -> None:
    done = harness("compare", "latest", "latest", at=project)
    assert done.returncode == 0
    assert "No difference is shown on the same 80 cases." in done.stdout
    assert " better" not in done.stdout
    assert " worse " not in done.stdout.replace("no worse", "").replace("No worse", "")


def test_two_runs_of_several_candidates_are_compared_one_by_one(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project)
    compare(runs(project)[0], runs(project)[0], as_json=True)
    made = json.loads(capsys.readouterr().out)
    assert [one["head"]["name"] for one in made] == ["v1@recorded", "v2@recorded"]
    verdicts = {m["verdict"] for one in made for m in one["metrics"] if m["difference"]["value"] is not None}
    assert verdicts == {"no difference shown"}


def test_the_other_runs_candidate_of_the_same_name_is_meant(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = runs(project)
    monkeypatch.chdir(project)
    compare(first, second, html=Path("out.html"), markdown=Path("out.md"))
    assert "v2@recorded → v2@recorded" in capsys.readouterr().out
    assert "No difference is shown" in (project / "out.html").read_text()
    assert "No difference is shown" in (project / "out.md").read_text()


@pytest.mark.parametrize(
    ("args", "options", "said"),
    [
        (("{0}", "{0}"), {"html": Path("out.html")}, "share 2 candidates"),
        (("{0}:v1", "{0}:v7"), {}, "is not a candidate"),
        (("{0}:v7", "latest"), {}, "is not a candidate"),
        (("{0}:recorded", "latest"), {}, "stands for several candidates"),
        (("nowhere", "latest"), {}, "No run"),
        (("baseline", "latest"), {}, "no baseline is set"),
        (("latest", "latest"), {"margin": "2 points"}, "must be a share between 0% and 100%"),
        (("latest", "latest"), {"html": Path("no/such/folder.html")}, "No such file"),
    ],
)
def test_mistakes_are_named_with_what_to_write(
    project: Path, monkeypatch: pytest.MonkeyPatch, args: tuple[str, str], options: dict[str, Any], said: str
) -> None:
    monkeypatch.chdir(project)
    base, head = (arg.format(*runs(project)) for arg in args)
    with pytest.raises(UsageError, match=said) as raised:
        compare(base, head, **options)
    assert raised.value.fix


def test_a_baseline_is_set_used_shown_and_cleared(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = runs(project)
    monkeypatch.chdir(project)
    done = harness("baseline", "set", first, at=project)
    assert done.returncode == 0, done.stderr
    written = yaml.safe_load((project / "baselines.yml").read_text())
    assert written["small"]["run"] == first
    assert written["small"]["candidates"]["v1@recorded"]["figures"]["cost per 1000"]["value"] == 0.104
    show_baselines()
    assert "recall[spam]" in capsys.readouterr().out
    compare("baseline:v1", "latest")
    assert "v1@recorded → v2@recorded" in capsys.readouterr().out

    again = harness("report", second, "--json", at=project)
    (candidate,) = json.loads(again.stdout)["candidates"]
    checks = {check["threshold"]: check for check in candidate["checks"]}
    assert {check["status"] for check in checks.values()} == {"PASS"}
    assert checks["cost per 1000 <= baseline * 1.5"]["required"] == pytest.approx(0.124 * 1.5)

    clear_baseline()
    assert not (project / "baselines.yml").exists()
    with pytest.raises(UsageError, match="no baseline is set"):
        clear_baseline()


def test_the_figures_stay_when_the_baselines_folder_is_gone(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = runs(project)
    copy = tmp_path / "copy"
    shutil.copytree(project, copy)
    monkeypatch.chdir(copy)
    set_baseline(first)
    shutil.rmtree(copy / "results" / first)
    assessment = assess_run(copy / "results" / second, baseline=baseline_for(copy / "results" / second))
    statuses = {check.threshold: check.status for check in assessment.candidates[0].checks}
    assert statuses == {DEMANDS[0]: "PASS", DEMANDS[1]: "PASS", DEMANDS[2]: "INCONCLUSIVE"}


def test_an_unfinished_run_is_no_baseline(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(project, copy)
    monkeypatch.chdir(copy)
    journal = copy / "results" / runs(project)[0] / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[: len(lines) // 2]))
    with pytest.raises(UsageError, match="is not finished"):
        set_baseline(runs(project)[0])


def test_one_candidate_of_a_run_is_named_alike_everywhere(project: Path) -> None:
    both = runs(project)[0]
    for named, meant in ((f"{both}:v1", "v1@recorded"), (f"{both[:-2]}:v2@recorded", "v2@recorded")):
        shown = json.loads(harness("show", named, "--json", at=project).stdout)
        (one,) = shown["candidates"]
        assert (one["name"], shown["verdict"], shown["leaderboard"]) == (meant, one["verdict"], None)
        wrong = json.loads(harness("show", named, "--wrong", "--json", at=project).stdout)
        assert {row["candidate"] for row in wrong} == {meant}
        harness("export", named, "--to", "jsonl", "-o", "rows.jsonl", at=project)
        rows = (project / "rows.jsonl").read_text().splitlines()
        assert ({json.loads(row)["candidate"] for row in rows}, len(rows)) == ({meant}, CASES)
    page = project / "results" / both / "report.json"
    before = page.read_bytes()
    typed = ("--thresholds", "accuracy >= 85%", "--json")
    judged = [harness("report", f"{both}:{name}", *typed, at=project) for name in ("v1", "v2")]
    assert [(done.returncode, json.loads(done.stdout)["verdict"]) for done in judged] == [
        (1, "NOT READY"),
        (0, "READY"),
    ]
    assert page.read_bytes() == before
    with contextlib.chdir(project):
        loaded = load(f"{both}:v1")
        assert (loaded.candidates, loaded.checks[0].threshold) == (("v1@recorded",), DEMANDS[0])
        assert set(loaded.trials()["candidate"]) == {"v1@recorded"}


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("show", "latest:v9"), "'v9' is not a candidate of that run. Write one of: latest:v2@recorded."),
        (("resume", "latest:v2"), "this takes the whole run, not one candidate of it."),
        (("baseline", "set", "latest:v2"), "this takes the whole run, not one candidate of it."),
        (("show", "nowhere:v2"), "No run 'nowhere' in"),
        (("show", "latest:"), "No run 'latest:' in"),
    ],
)
def test_what_names_no_candidate_or_needs_a_run_says_what_to_write(
    project: Path, command: tuple[str, ...], said: str
) -> None:
    done = harness(*command, at=project)
    assert (done.returncode, said in " ".join(done.stderr.split())) == (2, True)
