"""Names and labels that would instruct a CI service, and numbers that no endpoint counts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from commanded import write_lines, write_yaml
from gated import Done, command


def write_project(root: Path, usage: str = "{}", template: str = "{{ message }}") -> None:
    (root / "suites").mkdir()
    write_yaml(root / "harness.yml", {"models": {"r": {"endpoint": "replay", "replies": "replies.jsonl"}}})
    write_yaml(
        root / "suites" / "s.suite.yml",
        {
            "name": "::stop-commands::x",
            "labels": ["::add-mask::spam", "##[group]ham"],
            "cases": "c.jsonl",
            "prompts": ["v1.prompt.yml"],
            "models": ["r"],
            "repeats": 1,
            "thresholds": ["accuracy >= 90%", "recall[::add-mask::spam] >= 90%"],
        },
    )
    write_yaml(root / "suites" / "v1.prompt.yml", {"messages": [{"role": "user", "content": template}]})
    cases = [("::set-output name=a::b", "::add-mask::spam"), ("##[error]x", "##[group]ham")] * 5
    write_lines(
        root / "suites" / "c.jsonl", ({"id": f"::c{n}", "message": m, "expected": e} for n, (m, e) in enumerate(cases))
    )
    (root / "replies.jsonl").write_text(
        "".join(f'{{"case": "::c{n}", "reply": "::warning::x##[y]", "usage": {usage}}}\n' for n in range(len(cases)))
    )


def obeyed(done: Done) -> list[str]:
    lines = [line for text in (done.stdout, done.stderr) for each in text.split("\n") for line in each.split("\r")]
    ours = re.compile(r"::(error|warning|notice) title=[^,:]*::")  # one property, whatever the names hold
    return [line for line in lines if (line.lstrip().startswith("::") and not ours.match(line)) or "##[" in line]


def test_no_command_prints_what_a_service_would_obey(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    write_project(tmp_path)
    suite = "suites/s.suite.yml"
    for arguments in (
        ["check", suite, "--untrusted"],
        ["check", suite, "--json"],
        ["run", suite],
        ["list"],
        ["show", "latest"],
        ["show", "latest", "--case", "::c0"],
        ["report", "latest"],
        ["report", "latest", "--json"],
        ["history", suite],
        ["compare", "latest", "latest"],
        ["baseline", "set", "latest"],
        ["show", "::add-mask::x"],
        ["::add-mask::x"],
        ["check", "::add-mask::x"],
        ["models"],
    ):
        done = command(tmp_path, *arguments)
        assert obeyed(done) == [], arguments
        assert done.returncode != 70, done.stderr


@pytest.mark.parametrize(
    "usage", [f'{{"input": {"9" * 400}}}', '{"output": -1}', '{"input": 1e999}', f'{{"cached": {2**53 + 1}}}']
)
def test_a_recording_with_a_count_that_no_endpoint_gives_is_named_by_its_line(tmp_path: Path, usage: str) -> None:
    write_project(tmp_path, usage)
    done = command(tmp_path, "run", "suites/s.suite.yml")
    assert done.returncode == 2, done.stderr
    assert "replies.jsonl:1" in done.stderr.replace("\n", "")


@pytest.mark.parametrize(
    "template", ["{{ '1e400' | float | int }}", "{{ 1e400 }}", "{{ message | length | round(-300000000) }}"]
)
@pytest.mark.parametrize("how", [["check"], ["check", "--untrusted"], ["run"]])
def test_a_template_that_makes_endless_numbers_is_a_mistake_in_its_file(
    tmp_path: Path, template: str, how: list[str]
) -> None:
    write_project(tmp_path, template=template)
    done = command(tmp_path, how[0], "suites/s.suite.yml", *how[1:])
    assert done.returncode == 2, done.stderr
    assert "v1.prompt.yml" in done.stderr
