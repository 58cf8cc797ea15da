"""The gate with the embedded model: what breaks recall fails, what improves passes, whitespace is free."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from commanded import write_lines, write_yaml
from gated import CASES, PROMPT, SUITE, branch, command, commit, gate_json, write_repository

from harness.measure.endpoint.embedded.weights import find_weights

pytest.importorskip("xllamacpp", exc_type=ImportError, reason="run `pip install -e '.[local]'` to have these tests")

WEIGHTS = "smollm2-135m-instruct"
ROOT = Path(__file__).parents[2]
EACH = 8  # cases of each label
needs_weights = pytest.mark.skipif(
    find_weights(WEIGHTS, root=Path()) is None,
    reason="the embedded model's weights are not in the cache: run `harness demo` or `make demo` once",
)


def write_examples(repo: Path, good: dict[str, Any], examples: list[dict[str, str]]) -> None:
    write_yaml(repo / PROMPT, {**good, "examples": examples})


@pytest.mark.local_model
@pytest.mark.slow
@pytest.mark.timeout(600)
@needs_weights
def test_the_gate_judges_four_branches_with_the_embedded_model(tmp_path: Path) -> None:
    good = yaml.safe_load((ROOT / "prompts/sms_spam/v3.prompt.yml").read_text())
    normal = [each for each in good["examples"] if each["label"] == "normal"][:4]
    spam = [each for each in good["examples"] if each["label"] == "spam"][:1]
    model = {
        "endpoint": "local",
        "weights": WEIGHTS,
        "params": {"temperature": 0, "seed": 1},
        "limits": {"concurrency": 1},
        "warmup": 0,
        "threads": 1,  # more of them wait for each other where tests run side by side
        "context": 2048,
        "timeout": "120 s",
        "deadline": "5 min",
    }
    write_repository(
        tmp_path,
        model,
        reply={"as": "mention", "aliases": {"ham": ["normal"]}},
        # 0 of 8 is below 40% for certain, with two thresholds too (p = .6^8 = .017); 7 of 8 above it (at least 52.9%)
        thresholds=["recall[spam] >= 40%", "accuracy >= 30%"],
        gate={"margin": "60%"},
    )
    rows = [json.loads(line) for line in (ROOT / "suites/sms_spam.jsonl").read_text().splitlines()]
    chosen = [[row for row in rows if row["expected"] == label][:EACH] for label in ("spam", "ham")]
    write_lines(tmp_path / CASES, [row for pair in zip(*chosen, strict=True) for row in pair])
    write_examples(tmp_path, good, [normal[0], *spam])  # this small, the model says spam to everything
    commit(tmp_path, "one example of each")

    branch(tmp_path, "worse")
    write_examples(tmp_path, good, normal)  # and now normal to everything
    commit(tmp_path, "no example of spam")
    done = command(tmp_path, "gate", SUITE, "--base", "main", "--quiet", "--json")
    (prompt,) = gate_json(done)["prompts"]
    assert done.returncode == 1, done.stderr
    assert {check["name"]: check["status"] for check in prompt["checks"]}["recall[spam] >= 40%"] == "FAIL"
    assert {case["case"] for case in prompt["comparison"]["broken"]} == {row["id"] for row in chosen[0]}
    assert f"{EACH} cases broken: " in prompt["headline"]

    branch(tmp_path, "better")
    write_examples(tmp_path, good, good["examples"])
    commit(tmp_path, "nineteen examples")
    done = command(tmp_path, "gate", SUITE, "--base", "main", "--quiet", "--json")
    document = gate_json(done)
    assert done.returncode == 0, document["headline"]
    assert document["cost"]["calls"] == document["cost"]["reused"] == 2 * EACH  # the base's were stored

    branch(tmp_path, "space")
    (tmp_path / PROMPT).write_text(f"# only a comment\n\n{(tmp_path / PROMPT).read_text()}")
    commit(tmp_path, "a comment")
    done = command(tmp_path, "gate", SUITE, "--base", "main", "--quiet", "--json")
    document = gate_json(done)
    assert (done.returncode, document["cost"]["calls"], document["cost"]["reused"]) == (0, 0, 4 * EACH)
    assert "no difference shown" in document["headline"]

    branch(tmp_path, "cheating")
    write_examples(tmp_path, good, normal)
    suite = yaml.safe_load((tmp_path / SUITE).read_text())
    write_yaml(tmp_path / SUITE, {**suite, "thresholds": ["recall[spam] >= 0%", "accuracy >= 30%"]})
    write_lines(tmp_path / CASES, chosen[1])
    commit(tmp_path, "no example of spam, a lower bar, and no spam cases")
    done = command(tmp_path, "gate", SUITE, "--base", "main", "--quiet", "--json")
    document = gate_json(done)
    (prompt,) = document["prompts"]
    assert done.returncode == 1, done.stderr
    assert {check["name"]: check["status"] for check in prompt["checks"]}["recall[spam] >= 40%"] == "FAIL"
    assert {case["case"] for case in prompt["comparison"]["broken"]} == {row["id"] for row in chosen[0]}
    told = " ".join(document["edits"])
    assert "recall[spam] >= 40%" in told
    assert f"{EACH} cases deleted" in told
