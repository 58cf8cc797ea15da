"""A prompt that holds cases as examples is found out, before a run and in its report, by the real command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from commanded import in_process as harness
from commanded import write_lines, write_replayed, write_yaml

SMS = Path(__file__).parents[2] / "suites" / "sms_spam.jsonl"


def changed(text: str, how: int) -> str:
    """Leave a text as it is, change its case and spacing, or two of its words."""
    words = text.split()
    if how == 0:
        return text
    if how == 1:
        return "  " + "   ".join(words).swapcase() + "\n"
    words[len(words) // 3], words[2 * len(words) // 3] = "quite", "otherwise"
    return " ".join(words)


@pytest.fixture
def leaking(tmp_path: Path) -> tuple[Path, dict[str, int]]:
    """Write 150 cases and a prompt whose examples hold 12 of them, 4 in each way, and 2 texts of its own."""
    rows: list[dict[str, Any]] = [json.loads(line) for line in SMS.read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 150
    suite = write_replayed(tmp_path, {("spam", "spam"): 1, ("ham", "ham"): 1})
    write_lines(tmp_path / "cases.jsonl", rows)
    write_lines(tmp_path / "replies.jsonl", [{"case": row["id"], "reply": row["expected"]} for row in rows])
    chosen = [row for row in rows if len(row["message"].split()) >= 12][:12]
    examples = [
        {"message": changed(row["message"], how), "label": row["expected"]}
        for row, how in zip(chosen, [0, 1, 2] * 4, strict=True)
    ]
    examples.append({"message": "Lunch at noon behind the town hall, bring a chair please", "label": "ham"})
    examples.append({"message": "ok see you there", "label": "ham"})
    messages = [{"role": "user", "content": "Spam or ham?\n{{ message }}"}]
    write_yaml(tmp_path / "v1.prompt.yml", {"messages": messages, "examples": examples})
    return suite, {row["id"]: how for row, how in zip(chosen, [0, 1, 2] * 4, strict=True)}


def test_twelve_leaked_cases_are_found_by_check_and_no_other(leaking: tuple[Path, dict[str, int]]) -> None:
    suite, chosen = leaking
    found = json.loads(harness("check", suite, "--json", at=suite.parent).stdout)["leakage"]["v1"]
    assert found["leaked_cases"] == 12
    assert {finding["case"] for finding in found["findings"]} == set(chosen)
    assert {finding["kind"] for finding in found["findings"]} == {"example_in_cases"}
    exact = {finding["case"] for finding in found["findings"] if finding["measure"] == "exact"}
    assert exact == {case for case, how in chosen.items() if how < 2}
    assert all(0.8 <= finding["similarity"] <= 1 for finding in found["findings"])
    told = harness("check", suite, at=suite.parent).stdout
    assert "v1: 12 cases given away" in told
    assert sum(f"{case} is example" in told for case in chosen) == 3
    assert "and 9 more: `harness check --json` lists all" in told


def test_a_run_reports_them_fails_the_check_and_gives_scores_without_them(leaking: tuple[Path, dict[str, int]]) -> None:
    suite, chosen = leaking
    done = harness("run", suite, "--json", at=suite.parent)
    (candidate,) = json.loads(done.stdout)["candidates"]
    leakage = candidate["leakage"]
    assert {finding["case"] for finding in leakage["findings"]} == set(chosen)
    assert (leakage["leaked_cases"], leakage["accuracy_with"]["n"], leakage["accuracy_without"]["n"]) == (12, 150, 138)
    (check,) = [check for check in candidate["checks"] if check["metric"] == "leakage"]
    assert (check["threshold"], check["status"]) == ("leakage <= 0", "FAIL")
    assert (candidate["verdict"], done.returncode) == ("NOT READY", 1)


def test_a_template_that_uses_the_expected_label_is_refused(tmp_path: Path) -> None:
    suite = write_replayed(tmp_path, {("spam", "spam"): 2, ("ham", "ham"): 2})
    messages = [{"role": "user", "content": "{{ message }} is {{ expected }}"}]
    write_yaml(tmp_path / "v1.prompt.yml", {"messages": messages})
    done = harness("check", suite, at=tmp_path)
    assert done.returncode == 2
    assert "`expected` would give the answer away" in " ".join(done.stderr.split())
