"""`--stop`: a candidate whose verdict is settled is asked no more, whatever interrupts the run."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from commanded import in_process as harness
from commanded import write_lines, write_yaml
from measured import write_project
from scripted import Answer, Request, chat_reply
from threaded import serving

CASES = 400
RIGHT = {"good": 0.98, "bad": 0.75, "mid": 0.91}
THRESHOLDS = [
    "accuracy >= 90%",
    "recall[spam] >= 85%",
    "precision[spam] >= 85%",
    "latency.p95 <= 1 s",
    "failures <= 2%",
]


def project(root: Path, *, repeats: int = 1) -> Path:
    """Write three recorded models: one far above the thresholds, one far below, one at them."""
    chance = random.Random(3)
    labels = ("spam", "ham")
    cases = [{"id": f"c{n}", "message": f"text {n}", "expected": labels[n % 2]} for n in range(CASES)]
    write_lines(root / "cases.jsonl", cases)
    write_lines(
        root / "replies.jsonl",
        [
            {
                "case": f"c{n}",
                "model": model,
                "repeat": repeat,
                "reply": labels[(n + (chance.random() >= right)) % 2],
                "latency_s": 0.2,
                "usage": {"input": 100, "output": 2},
            }
            for n in range(CASES)
            for model, right in RIGHT.items()
            for repeat in range(repeats)
        ],
    )
    entry = {"endpoint": "replay", "replies": "replies.jsonl", "price": {"input": 1.0, "output": 2.0}}
    write_yaml(root / "harness.yml", {"models": dict.fromkeys(RIGHT, entry)})
    write_yaml(root / "p.prompt.yml", {"name": "p", "messages": [{"role": "user", "content": "{{ message }}"}]})
    suite = {"name": "s", "labels": list(labels), "positive": "spam", "cases": "cases.jsonl"}
    suite |= {"prompts": ["p.prompt.yml"], "models": list(RIGHT), "repeats": repeats, "thresholds": THRESHOLDS}
    write_yaml(root / "s.suite.yml", suite)
    return root / "s.suite.yml"


def candidates_of(run: Path) -> dict[str, dict[str, Any]]:
    report = json.loads((run / "report.json").read_text())
    assert report["complete"]
    return {candidate["model"]: candidate for candidate in report["candidates"]}


def statuses(candidate: dict[str, Any]) -> dict[str, str]:
    return {check["threshold"]: check["status"] for check in candidate["checks"]}


def test_what_is_settled_is_not_asked_on_and_agrees_with_the_whole_suite(tmp_path: Path) -> None:
    project(tmp_path)
    stopped = harness("run", "s.suite.yml", "--stop", at=tmp_path)
    assert stopped.returncode == 0, stopped.stderr
    (run,) = (tmp_path / "results").iterdir()
    early = candidates_of(run)
    assert harness("run", "s.suite.yml", at=tmp_path).returncode == 0
    (second,) = set((tmp_path / "results").iterdir()) - {run}
    whole = candidates_of(second)
    good, bad = early["good"], early["bad"]
    assert (good["verdict"], bad["verdict"]) == ("READY", "INCONCLUSIVE")
    assert statuses(good) == statuses(whole["good"]) == dict.fromkeys(THRESHOLDS, "PASS")
    assert statuses(whole["bad"])["accuracy >= 90%"] == "FAIL"
    assert bad["settled"]["lost"] == ["accuracy >= 90%"]
    assert bad["settled"]["asked"] <= 100
    assert bad["trials"] == bad["settled"]["asked"]  # one call in flight: nothing beside it
    assert bad["settled"]["saved_calls"] == CASES - bad["trials"]
    assert bad["settled"]["saved"] == pytest.approx((CASES - bad["trials"]) * 104e-6)  # 100 tokens at 1, 2 at 2 dollars
    assert good["settled"]["asked"] % 10 == 0
    assert "accuracy >= 90% can't be met any more; whether the whole suite is NOT READY" in bad["headline"]
    (check,) = (one for one in bad["checks"] if one["threshold"] == "accuracy >= 90%")
    assert check["why"].endswith("the whole suite doesn't PASS it; whether it FAILs was left open.")
    assert bad["next_step"]["kind"] == "prompt"  # more cases would settle nothing
    assert f"after {good['settled']['asked']} of 400 cases" in (run / "report.html").read_text()


def test_a_journal_cut_anywhere_resumes_to_the_same_verdicts_and_asks_the_same_cases(tmp_path: Path) -> None:
    project(tmp_path)
    harness("run", "s.suite.yml", "--stop", at=tmp_path)
    (run,) = (tmp_path / "results").iterdir()
    before = candidates_of(run)
    lines = (run / "journal.jsonl").read_bytes().splitlines(keepends=True)
    settled = next(place for place, line in enumerate(lines) if b'"type":"settled"' in line)
    for cut in (CASES + 50, settled, settled + 1, settled + 40):  # around the event that ends the first candidate
        other = tmp_path / "results" / f"{run.name}-{cut}"
        shutil.copytree(run, other)
        (other / "journal.jsonl").write_bytes(b"".join(lines[:cut]))
        shutil.copy(run / "manifest.json", other / "manifest.json")
        for name in ("report.json", "report.md", "report.html", "junit.xml"):
            (other / name).unlink()
        done = harness("resume", str(other), at=tmp_path)
        assert done.returncode == 0, done.stderr
        after = candidates_of(other)
        for name, candidate in before.items():
            assert after[name]["settled"] == candidate["settled"], (cut, name)
            assert statuses(after[name]) == statuses(candidate)


def test_several_processes_stop_together_where_one_does(tmp_path: Path) -> None:
    def answer(request: Request) -> Answer:
        (message,) = request.json()["messages"]
        number = int(message["content"].rpartition(" ")[2])
        wrong = number % 4 == 0  # a quarter: far below 90%
        return Answer.of_json(chat_reply("ham" if bool(number % 2) == wrong else "spam"), delay_s=0.02)

    found = []
    with serving(answer) as server:
        for processes in ("1", "2"):
            root = tmp_path / processes
            suite = write_project(root, server.url, cases=CASES, repeats=1)
            suite.write_text(suite.read_text() + "thresholds: [accuracy >= 90%]\nstop: {every: 5, from: 10}\n")
            done = harness("run", "small.suite.yml", "--processes", processes, at=root)
            assert done.returncode == 3, done.stderr
            (run,) = (root / "results").iterdir()
            (candidate,) = candidates_of(run).values()
            found.append(candidate["settled"]["asked"])
            assert candidate["trials"] < CASES  # a process that is ahead may have asked more than what settled it
    assert found[0] == found[1] <= 100


def test_scores_of_repeats_are_weighed_by_bets(tmp_path: Path) -> None:
    suite = project(tmp_path, repeats=3)
    suite.write_text(suite.read_text().replace("- precision[spam] >= 85%\n", "- stability >= 80%\n"))
    done = harness("run", "s.suite.yml", "--stop", "--model", "bad", at=tmp_path)
    assert done.returncode == 3, done.stderr
    (run,) = (tmp_path / "results").iterdir()
    (bad,) = candidates_of(run).values()
    assert bad["settled"]["asked"] <= 120
    assert bad["trials"] == bad["settled"]["asked"] * 3


def test_a_check_foretells_what_stopping_saves_and_says_what_it_assumes(tmp_path: Path) -> None:
    project(tmp_path)
    told = json.loads(harness("check", "s.suite.yml", "--stop", "--json", at=tmp_path).stdout)
    early = told["stopping"]
    assert (early["of"], early["true"], early["below"]) == (CASES, pytest.approx(0.95), pytest.approx(0.85))
    assert early["hopeless"] < early["ready"] <= CASES
    assert any("if 95.0% of its answers are right" in note for note in told["notes"])
    assert "stopping" not in json.loads(harness("check", "s.suite.yml", "--json", at=tmp_path).stdout)


def test_a_stopped_run_is_marked_and_compared_on_the_cases_asked_in_both(tmp_path: Path) -> None:
    project(tmp_path)
    harness("run", "s.suite.yml", "--model", "good", at=tmp_path)
    harness("run", "s.suite.yml", "--stop", "--model", "bad", at=tmp_path)
    whole, stopped = sorted((tmp_path / "results").iterdir(), key=lambda run: run.stat().st_ctime_ns)
    (early,) = candidates_of(stopped).values()
    compared = json.loads(harness("compare", whole.name, stopped.name, "--json", at=tmp_path).stdout)
    assert compared["paired_cases"] == early["settled"]["asked"]
    assert compared["unpaired_base"] == []
    assert any("The candidate was stopped once its verdict was settled" in note for note in compared["notes"])
    assert {one["verdict"] for one in compared["metrics"]} == {"can't tell"}  # far worse, on cases that it chose
    assert {one["status"] for one in compared["non_inferior"]} == {"INCONCLUSIVE"}
    refused = harness("baseline", "set", stopped.name, at=tmp_path)
    assert refused.returncode == 2
    assert "stopped once its verdict was settled" in refused.stderr
    history = json.loads(harness("history", "s.suite.yml", "--json", at=tmp_path).stdout)
    assert "stopped once its verdict was settled" in json.dumps(history)


def test_what_the_endpoint_failed_settles_nothing_against_a_candidate(tmp_path: Path) -> None:
    project(tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "replies.jsonl").read_text().splitlines()]
    good = [line for line in lines if line["model"] == "good"]
    for line in good[::3]:
        line["failure"] = "connect"
        del line["reply"], line["usage"]
    write_lines(tmp_path / "replies.jsonl", good)
    suite = tmp_path / "s.suite.yml"
    suite.write_text(suite.read_text().replace("- latency.p95 <= 1 s\n- failures <= 2%\n", ""))
    done = harness("run", "s.suite.yml", "--stop", "--model", "good", at=tmp_path)
    assert done.returncode == 4, done.stderr  # it hangs on the calls that failed, and can be resumed
    (run,) = (tmp_path / "results").iterdir()
    report = json.loads((run / "report.json").read_text())
    assert report["candidates"][0]["settled"] is None
    assert report["candidates"][0]["trials"] == CASES
