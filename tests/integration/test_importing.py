"""`harness import`: files of other tools become suites in which the same replies pass as there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commanded import REPLAY, write_lines, write_yaml
from commanded import in_process as harness
from imports import FOREIGN


def laid_out(root: Path, files: dict[str, str | bytes]) -> Path:
    """Write foreign files below a folder."""
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


@pytest.mark.parametrize("name", FOREIGN)
def test_the_same_replies_pass_as_in_the_tool_itself(tmp_path: Path, name: str) -> None:
    foreign = FOREIGN[name]
    if ".xlsx" in foreign.source:
        pytest.importorskip("python_calamine", reason="needs the extra `tables`")
    laid_out(tmp_path, foreign.files)
    project = tmp_path / "project"
    project.mkdir()
    write_yaml(project / "harness.yml", REPLAY)
    (project / "replies.jsonl").write_text("")
    done = harness("import", foreign.source, "--to", "project", *foreign.options, at=tmp_path)
    assert done.returncode == 0, done.stderr
    for said in foreign.told:
        assert said in done.stdout
    (suite,) = (project / "suites").glob("*.suite.yml")
    written = suite.with_name(suite.name.replace(".suite.yml", ".jsonl")).read_text().splitlines()
    cases = [json.loads(line) for line in written]
    assert len(cases) == len(foreign.replies)
    replies = zip(cases, foreign.replies, strict=True)
    write_lines(project / "replies.jsonl", [{"case": case["id"], "reply": reply} for case, reply in replies])
    run = harness("run", suite.relative_to(project), "-m", "recorded", "--repeats", "1", "--json", at=project)
    candidates = json.loads(run.stdout)["candidates"]
    assert len(candidates) == len(list((project / "prompts").glob("*/*")))
    for candidate in candidates:
        counts = candidate["classification"]["confusion"]["counts"]
        assert sum(row[place] for place, row in enumerate(counts)) == foreign.passes
