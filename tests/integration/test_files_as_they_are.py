"""What the command says of files that are a little wrong, or of what the environment lacks."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
from commanded import in_process as harness
from commanded import write_lines

from harness.measure.endpoint.embedded import what_lacks

ROWS = [{"id": str(i), "message": f"m {i}", "expected": "spam" if i < 150 else "ham"} for i in range(200)]


def written(root: Path, case_rows: list[dict[str, str]]) -> Path:
    """Write a little project by hand: a recorded model, one prompt, these cases."""
    (root / "harness.yml").write_text(
        "models:\n  recorded: {endpoint: replay, replies: replies.jsonl}\n"
        "  keyed: {endpoint: chat, base_url: 'http://127.0.0.1:9/v1', model: m, api_key_env: NO_SUCH_KEY}\n"
    )
    (root / "v1.prompt.yml").write_text("messages:\n  - {role: user, content: '{{message}}'}\n")
    (root / "a.suite.yml").write_text(
        "name: a\nlabels: [spam, ham]\ncases: cases.jsonl\nprompts: [v1.prompt.yml]\nmodels: [recorded]\n"
        "repeats: 1\nthresholds: [accuracy >= 90%]\n"
    )
    write_lines(root / "cases.jsonl", case_rows)
    write_lines(root / "replies.jsonl", [{"case": r["id"], "reply": r["expected"]} for r in case_rows])
    return root


def test_a_place_stays_a_place(tmp_path: Path) -> None:
    written(tmp_path, [*ROWS[:99], {"id": "x", "message": "m", "expected": "eggs"}])
    done = harness("check", "a.suite.yml", at=tmp_path)
    assert done.returncode == 2
    assert "cases.jsonl:100: expected: `eggs`" in done.stderr


def test_a_limit_takes_every_label_and_first_takes_the_first(tmp_path: Path) -> None:
    written(tmp_path, ROWS)
    done = harness("run", "a.suite.yml", "--limit", "20", "--json", at=tmp_path)
    labels = json.loads(done.stdout)["candidates"][0]["classification"]["labels"]
    assert {name: each["support"] for name, each in labels.items()} == {"spam": 15, "ham": 5}
    done = harness("run", "a.suite.yml", "--first", "20", "--json", at=tmp_path)
    labels = json.loads(done.stdout)["candidates"][0]["classification"]["labels"]
    assert {name: each["support"] for name, each in labels.items()} == {"spam": 20, "ham": 0}


def test_a_key_that_is_not_set_is_named_by_check_and_leaves_no_run(tmp_path: Path) -> None:
    written(tmp_path, ROWS)
    done = harness("check", "a.suite.yml", "--model", "keyed", at=tmp_path)
    assert done.returncode == 0
    assert "! the model `keyed` needs NO_SUCH_KEY in the environment" in done.stdout
    done = harness("run", "a.suite.yml", "--model", "keyed", at=tmp_path)
    assert done.returncode == 2
    assert "NO_SUCH_KEY" in done.stderr
    assert not list((tmp_path / "results").glob("*"))
    notes = json.loads(harness("check", "a.suite.yml", "--model", "keyed", "--json", at=tmp_path).stdout)["notes"]
    assert len(notes) == 1


def test_a_project_file_that_is_spelt_yaml_is_told(tmp_path: Path) -> None:
    written(tmp_path, ROWS)
    (tmp_path / "harness.yml").rename(tmp_path / "harness.yaml")
    done = harness("check", "a.suite.yml", at=tmp_path)
    assert done.returncode == 2
    assert "harness.yaml is not read." in done.stderr.replace("\n", "")
    assert "Rename it to harness.yml." in done.stderr


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{endpoint: local, weights: missing.gguf}", "there is no file"),
        ("{endpoint: replay, replies: broken.jsonl}", "broken.jsonl:1: needs one of `reply`"),
        (
            "{endpoint: chat, transport: openai, base_url: 'https://a.example', model: m,"
            " azure: {entra: true, api_version: '2024-10-21'}}",
            "azure-identity is not installed",
        ),
    ],
)
def test_an_endpoint_that_can_not_be_opened_leaves_no_run(tmp_path: Path, entry: str, said: str) -> None:
    if "azure" in entry and find_spec("azure") is not None:
        pytest.skip("the package is there")
    if "local" in entry and what_lacks():
        pytest.skip("the embedded model's server can't run here")
    written(tmp_path, ROWS)
    assert harness("run", "a.suite.yml", "--first", "151", at=tmp_path).returncode != 2
    runs = [path.name for path in (tmp_path / "results").glob("*")]
    (tmp_path / "harness.yml").write_text(f"models:\n  recorded: {entry}\n")
    (tmp_path / "broken.jsonl").write_text('{"case": "a-1", "reply": null}\n')
    done = harness("run", "a.suite.yml", at=tmp_path)
    assert done.returncode in (2, 5)
    assert said in " ".join(done.stderr.split())
    assert "harness resume" not in done.stderr
    assert [path.name for path in (tmp_path / "results").glob("*")] == runs
