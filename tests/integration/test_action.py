"""The action's script as GitHub runs it: the real command once, and the exit codes of several suites."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from commanded import HANGS_S
from gated import SUITE, branch, classifier, commit, git, served, write_prompt, write_repository
from scripted import Script, ScriptedServer

GATE = Path(__file__).parents[2] / ".github" / "gate.sh"
REAL = Path(sys.executable).with_name("harness")


def run(at: Path, temp: Path, harness: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the script with the variables that the action gives it."""
    temp.mkdir(exist_ok=True)
    given = {
        "SUITES": SUITE,
        "BASE": "",
        "MODEL": "",
        "FORK_MODEL": "",
        "MARGIN": "",
        "MAX_COST": "",
        "STOP": "",
        "INCONCLUSIVE": "warn",
        "HEAD_REPOSITORY": "us/repo",
        "GITHUB_REPOSITORY": "us/repo",
        "GITHUB_BASE_REF": "main",
        "GITHUB_ACTIONS": "true",
        "GITHUB_OUTPUT": str(temp / "output"),
        "GITHUB_STEP_SUMMARY": str(temp / "summary"),
        "RUNNER_TEMP": str(temp),
        "HARNESS": str(harness),
    }
    return subprocess.run(
        ["bash", str(GATE)],
        cwd=at,
        env={**os.environ, **given, **more},
        capture_output=True,
        text=True,
        timeout=HANGS_S,
        check=False,
    )


def test_a_failing_gate_fails_the_step_with_comment_summary_annotation_and_output(
    tmp_path: Path, scripted_server: Callable[[Script], ScriptedServer]
) -> None:
    repo, temp = tmp_path / "repo", tmp_path / "temp"
    write_repository(repo, served(scripted_server(classifier).url), cases=120)
    git(repo, "update-ref", "refs/remotes/origin/main", "main")
    branch(repo, "worse")
    write_prompt(repo, "Sort badly: {{ message }}")
    commit(repo, "worse")
    done = run(repo, temp, REAL)
    assert done.returncode == 1, done.stderr
    assert (temp / "output").read_text() == "exit-code=1\n"
    assert "Gate failed" in (temp / "summary").read_text()
    assert (temp / "prompt-gate-reports" / "gate.md").read_text().startswith("<!-- prompt-readiness gate -->")
    assert "::error file=prompts/v1.prompt.yml,line=" in done.stdout
    stopped = done.stdout.index("::stop-commands::")
    assert stopped < done.stdout.index("v1 on m: ") < done.stdout.index("::error file=")


def stub(folder: Path, *codes: int) -> Path:
    """Write a command that ends with one code after the other, and notes how it was called."""
    script, calls = folder / "stub", shlex.quote(str(folder / "calls"))
    lines = [
        "#!/bin/bash",
        f'echo "$@" >> {calls}',
        '[ "$1" = check ] && exit 0',
        f"codes=({' '.join(map(str, codes))})",
        f"exit ${{codes[$(($(grep -c ^gate {calls}) - 1))]}}",
    ]
    script.write_text("\n".join(lines) + "\n")
    script.chmod(0o755)
    return script


@pytest.mark.parametrize(
    ("codes", "worst", "ends"),
    [((0, 0), 0, 0), ((0, 3), 3, 0), ((3, 1), 1, 1), ((1, 3), 1, 1), ((5, 1), 5, 5), ((1, 4), 4, 4)],
)
def test_the_gravest_of_several_suites_counts(tmp_path: Path, codes: tuple[int, ...], worst: int, ends: int) -> None:
    done = run(tmp_path, tmp_path, stub(tmp_path, *codes), SUITES="a.suite.yml\nb.suite.yml")
    assert done.returncode == ends
    assert (tmp_path / "output").read_text() == f"exit-code={worst}\n"


def test_inconclusive_fails_where_one_asks_for_it(tmp_path: Path) -> None:
    assert run(tmp_path, tmp_path, stub(tmp_path, 3), INCONCLUSIVE="fail").returncode == 3


@pytest.mark.parametrize(("fork_model", "calls"), [("", ["check"]), ("recorded", ["check", "gate"])])
def test_a_fork_is_only_checked_or_measured_on_a_model_without_secrets(
    tmp_path: Path, fork_model: str, calls: list[str]
) -> None:
    run(tmp_path, tmp_path, stub(tmp_path, 0), HEAD_REPOSITORY="them/repo", MODEL="paid", FORK_MODEL=fork_model)
    lines = (tmp_path / "calls").read_text().splitlines()
    assert [line.split()[0] for line in lines] == calls
    assert "--untrusted" in lines[0]
    assert not [line for line in lines if "paid" in line]


def test_what_a_variable_holds_is_never_run(tmp_path: Path) -> None:
    hostile = "a.suite.yml;touch$IFS./pwned $(touch${IFS}./pwned) `touch ./pwned` --help"
    run(tmp_path, tmp_path, stub(tmp_path, *[0] * 9), SUITES=hostile, MARGIN="$(touch ./pwned)")
    assert not (tmp_path / "pwned").exists()


def test_without_a_suite_all_are_gated_as_one_and_a_forks_are_checked_first(tmp_path: Path) -> None:
    for name in ("a.suite.yml", "b c.suite.yml"):
        (tmp_path / name).write_text("")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    assert run(tmp_path, tmp_path, stub(tmp_path, 1), SUITES=" \n").returncode == 1
    assert (tmp_path / "calls").read_text().splitlines()[-1].startswith("gate --all --base origin/main --out ")
    run(tmp_path, tmp_path, stub(tmp_path, 0, 0), SUITES="", HEAD_REPOSITORY="them/repo", FORK_MODEL="recorded")
    assert [line.split(" --")[0] for line in (tmp_path / "calls").read_text().splitlines()[1:]] == [
        "check a.suite.yml",
        "check b c.suite.yml",
        "gate",
    ]
