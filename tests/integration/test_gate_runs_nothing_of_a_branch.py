"""Branches built to make a gate run, leak or overlook something; a planted command leaves a mark."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from certified import Certified
from commanded import ended, write_yaml
from gated import (
    PROMPT,
    SUITE,
    Done,
    branch,
    classifier,
    command,
    commit,
    gate_json,
    git,
    served,
    write_prompt,
    write_repository,
)
from measured import write_project
from scripted import Answer, Script, ScriptedServer, chat_reply

import harness
from harness.files.bundle import load_bundle
from harness.journal import read_events
from harness.journal.line import encode_line
from harness.measure.manifest import git_state
from harness.measure.run import measure
from harness.record import CaseRow, Record, Reply, Session

Serve = Callable[[Script], ScriptedServer]
KEY = "sk-canary-0123456789abcdef"
CONFIG = '[core]\n\trepositoryformatversion = 0\n\tbare = true\n\tfsmonitor = "{mark}"\n'


@pytest.fixture
def server(scripted_server: Serve) -> ScriptedServer:
    return scripted_server(classifier)


@pytest.fixture
def repo(tmp_path: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GATE_TEST_KEY", KEY)
    root = tmp_path / "repo"
    root.mkdir()
    write_repository(root, served(server.url, api_key_env="GATE_TEST_KEY"))
    return root


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """Give a command that leaves a mark; what it would show stands in a file of this name with `.out`."""
    script = tmp_path / "mark"
    script.write_text(f'#!/bin/sh\nenv >> "{script}.out"\ncat\n')
    script.chmod(0o755)
    return script


def gate(repo: Path, *more: str, base: str = "main") -> Done:
    return command(repo, "gate", SUITE, "--base", base, "--quiet", "--json", *more)


def worse(repo: Path, name: str = "worse") -> None:
    branch(repo, name)
    write_prompt(repo, "Sort badly: {{ message }}")


def left(mark: Path) -> str:
    out = Path(f"{mark}.out")
    return out.read_text() if out.exists() else ""


def assert_fails_unmoved(repo: Path, mark: Path, base_commit: str, **how: Any) -> None:
    """Expect the verdict that the prompt deserves, over the true base, and no mark."""
    document = gate_json(gate(repo, **how))
    assert (document["status"], document["base_commit"]) == ("FAIL", base_commit), document["headline"]
    assert left(mark) == ""


def plant_repository(folder: Path, mark: Path) -> None:
    """Write what makes a folder look like a bare repository of its own."""
    for name in ("objects", "refs/heads"):
        (folder / name).mkdir(parents=True)
        (folder / name / "keep").write_text("")
    (folder / "HEAD").write_text("ref: refs/heads/main\n")
    (folder / "config").write_text(CONFIG.format(mark=mark))


@pytest.mark.parametrize("place", ["suites", "prompts", "."])
@pytest.mark.parametrize("inside", [False, True])
def test_a_bare_repository_in_a_folder_of_the_branch_is_not_taken_for_the_repository(
    repo: Path, mark: Path, place: str, inside: bool
) -> None:
    base = git(repo, "rev-parse", "main")
    worse(repo)
    plant_repository(repo / place, mark)
    commit(repo, "a repository in the repository")
    if inside:
        done = command(repo / place, "gate", os.path.relpath(repo / SUITE, repo / place), "--base", "main", "--json")
        document = gate_json(done)
        assert (document["status"], document["base_commit"]) == ("FAIL", base)
        assert left(mark) == ""
    else:
        assert_fails_unmoved(repo, mark, base)
    assert git_state(repo / place)[0] == git(repo, "rev-parse", "HEAD")
    assert left(mark) == ""


@pytest.mark.parametrize(
    ("attributes", "configured"),
    [
        ("* filter=mine", ["filter.mine.clean", "filter.mine.smudge"]),
        ("* filter=mine", ["filter.mine.process"]),
        ("* diff=mine", ["diff.mine.textconv"]),
        ("* diff=mine", ["diff.mine.command"]),
        ("* merge=mine", ["merge.mine.driver"]),
        ("", ["diff.external"]),
        ("", ["core.fsmonitor"]),
        ("", ["core.pager"]),
        ("", ["core.alternateRefsCommand"]),
        ("", ["gpg.program"]),
        ("", ["core.sshCommand"]),
    ],
)
def test_no_driver_that_attributes_name_and_no_program_of_the_configuration_is_run(
    repo: Path, mark: Path, attributes: str, configured: Sequence[str]
) -> None:
    base = git(repo, "rev-parse", "main")
    worse(repo)
    commit(repo, "worse")
    (repo / ".gitattributes").write_text(attributes + "\n")
    commit(repo, "attributes")
    for key in configured:
        git(repo, "config", key, str(mark))
    write_prompt(repo, "Sort very badly: {{ message }}")  # the working tree is not what the index remembers
    assert git_state(repo)[1] is True
    assert_fails_unmoved(repo, mark, base)


def test_no_hook_runs_whoever_set_the_folder_of_hooks(repo: Path, mark: Path) -> None:
    base = git(repo, "rev-parse", "main")
    worse(repo)
    for hook in ("post-index-change", "reference-transaction", "post-checkout", "fsmonitor-watchman"):
        for folder in (repo / "hooks", repo / ".git" / "hooks"):
            folder.mkdir(exist_ok=True)
            shutil.copy(mark, folder / hook)
    git(repo, "config", "core.hooksPath", "/dev/null")
    commit(repo, "hooks")
    git(repo, "config", "core.hooksPath", "hooks")
    os.utime(repo / PROMPT)  # an index that wants a refresh
    assert_fails_unmoved(repo, mark, base)


def test_a_git_in_the_working_directory_is_not_the_git_that_runs(
    repo: Path, mark: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = git(repo, "rev-parse", "main")
    worse(repo)
    shutil.copy(mark, repo / "git")
    commit(repo, "a git")
    monkeypatch.setenv("PATH", f".{os.pathsep}{os.pathsep}{os.environ['PATH']}")
    assert_fails_unmoved(repo, mark, base)


def test_git_gets_no_key_and_nothing_of_a_callers_git_variables(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    true_git = shutil.which("git")
    spy = tmp_path / "spy"
    spy.mkdir()
    (spy / "git").write_text(f'#!/bin/sh\nenv >> "{spy}/seen"\nexec {true_git} "$@"\n')
    (spy / "git").chmod(0o755)
    worse(repo)
    commit(repo, "worse")
    monkeypatch.setenv("PATH", f"{spy}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", "/nonexistent")
    monkeypatch.setenv("GIT_ASKPASS", "/nonexistent")
    assert gate_json(gate(repo))["status"] == "FAIL"
    seen = (spy / "seen").read_text()
    assert "GIT_NO_REPLACE_OBJECTS=1" in seen
    for secret in (KEY, "GATE_TEST_KEY", "GIT_EXTERNAL_DIFF", "GIT_ASKPASS"):
        assert secret not in seen


def test_a_replace_ref_does_not_change_what_the_base_holds(repo: Path, mark: Path) -> None:
    base = git(repo, "rev-parse", "main")
    worse(repo, "lower")
    suite = (repo / SUITE).read_text()
    (repo / SUITE).write_text(suite.replace("80%", "1%"))
    lower = commit(repo, "a lower bar")
    worse(repo)
    commit(repo, "worse")
    git(repo, "replace", base, lower)
    assert_fails_unmoved(repo, mark, base)


@pytest.mark.parametrize("kind", ["tag", "heads"])
def test_a_base_that_two_refs_are_called_is_refused(repo: Path, kind: str) -> None:
    worse(repo)
    own = commit(repo, "worse")
    git(repo, "update-ref", "refs/remotes/origin/main", "main")
    if kind == "tag":
        git(repo, "tag", "origin/main", own)
    else:
        git(repo, "update-ref", "refs/heads/origin/main", own)
    done = gate(repo, base="origin/main")
    assert done.returncode == 2
    assert "ambiguous" in done.stderr
    assert "refs/remotes/origin/main" in done.stderr
    assert gate(repo, base="refs/remotes/origin/main").returncode == 1


@pytest.mark.parametrize(
    ("base", "ref", "other"),
    [
        ("release#2", "refs/heads/release#2", "refs/tags/release#2"),
        ("origin/main~0", "refs/remotes/origin/main", "refs/tags/origin/main"),
        ("origin", "refs/remotes/origin/HEAD", "refs/heads/origin"),
    ],
)
def test_a_base_is_refused_whose_name_is_odd_or_a_part_of_what_is_asked(
    repo: Path, base: str, ref: str, other: str
) -> None:
    git(repo, "update-ref", ref, "main")
    worse(repo)
    git(repo, "update-ref", other, commit(repo, "worse"))
    done = gate(repo, base=base)
    assert (done.returncode, "ambiguous" in done.stderr) == (2, True), done.stderr
    assert gate(repo, base=f"{ref}~0").returncode == 1


def test_a_branch_that_is_called_like_a_commits_digits_is_refused(repo: Path) -> None:
    base = git(repo, "rev-parse", "main")
    worse(repo)
    commit(repo, "worse")
    git(repo, "branch", base[:8])
    done = gate(repo, base=base[:8])
    assert done.returncode == 2
    assert "ambiguous" in done.stderr
    assert gate(repo, base=base).returncode == 1


def test_a_partial_clone_fetches_nothing_and_says_what_is_missing(repo: Path, mark: Path, tmp_path: Path) -> None:
    worse(repo)
    commit(repo, "worse")
    git(repo, "config", "uploadpack.allowFilter", "true")
    git(repo, "config", "uploadpack.packObjectsHook", str(mark))
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", "--no-local", "--filter=blob:none", f"file://{repo}", str(clone))
    git(clone, "config", "remote.origin.uploadpack", str(mark))
    done = gate(clone, base="origin/main")
    assert done.returncode == 2
    assert "--no-filter" in done.stderr
    assert left(mark) == ""


def test_a_hook_before_a_push_from_a_linked_worktree_gates_that_worktree(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    linked = tmp_path / "linked"
    git(repo, "worktree", "add", "-q", "-b", "side", str(linked))
    write_prompt(linked, "Sort badly: {{ message }}")
    commit(linked, "worse")
    for name, value in {
        "GIT_DIR": str(repo / ".git" / "worktrees" / "linked"),
        "GIT_WORK_TREE": str(repo),
        "GIT_INDEX_FILE": str(tmp_path / "no-index"),
        "GIT_PREFIX": "",
        "GIT_CONFIG_PARAMETERS": "'core.bare=true'",
    }.items():
        monkeypatch.setenv(name, value)
    assert gate_json(gate(linked))["status"] == "FAIL"


def test_a_real_hook_before_a_push_from_a_linked_worktree_stops_the_push(repo: Path, tmp_path: Path) -> None:
    linked, bare = tmp_path / "linked", tmp_path / "bare.git"
    git(tmp_path, "init", "-q", "--bare", str(bare))
    git(repo, "worktree", "add", "-q", "-b", "side", str(linked))
    write_prompt(linked, "Sort badly: {{ message }}")
    commit(linked, "worse")
    hook = repo / ".git" / "hooks" / "pre-push"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\n{sys.executable} -m harness gate {SUITE} --base main --quiet\necho ended $? >&2\n")
    hook.chmod(0o755)
    done = subprocess.run(
        ["git", "-C", str(linked), "push", str(bare), "side"], capture_output=True, text=True, check=False
    )
    assert "ended 1" in done.stderr, done.stderr


def submodule(repo: Path, tmp_path: Path, place: str) -> None:
    """Add a repository with a prompt as a submodule."""
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q", "-b", "main")
    write_prompt(other, "Sort badly: {{ message }}", "v9.prompt.yml")
    commit(other, "prompt")
    git(repo, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), place)


@pytest.mark.parametrize("checked_out", [True, False])
def test_a_prompt_in_a_submodule_is_refused_and_never_unchanged(
    repo: Path, tmp_path: Path, server: ScriptedServer, checked_out: bool
) -> None:
    suite = (repo / SUITE).read_text()
    (repo / SUITE).write_text(suite.replace("../prompts/*.prompt.yml", "../prompts/**/*.prompt.yml"))
    commit(repo, "folders of prompts")
    branch(repo, "hidden")
    submodule(repo, tmp_path, "prompts/more")
    commit(repo, "submodule")
    if not checked_out:
        git(repo, "submodule", "deinit", "-f", "prompts/more")
    done = gate(repo)
    assert done.returncode == 2
    assert "submodule" in done.stderr
    assert not server.requests


def test_a_submodule_in_place_of_the_prompts_folder_is_refused(repo: Path, tmp_path: Path) -> None:
    branch(repo, "hidden")
    git(repo, "rm", "-rq", "prompts")
    submodule(repo, tmp_path, "prompts")
    commit(repo, "submodule")
    done = gate(repo)
    assert done.returncode == 2
    assert "submodule" in done.stderr


def test_a_suite_in_a_submodule_is_not_gated_by_the_repository_around_it(repo: Path, tmp_path: Path) -> None:
    submodule(repo, tmp_path, "more")
    (repo / "more" / "suites").mkdir()
    shutil.copy(repo / SUITE, repo / "more" / SUITE)
    commit(repo, "submodule")
    done = command(repo, "gate", f"more/{SUITE}", "--base", "main", "--json")
    assert done.returncode == 2
    assert "submodule" in done.stderr


@pytest.mark.parametrize("moved", [True, False])
def test_all_suites_are_not_those_around_a_submodule_that_moved(repo: Path, tmp_path: Path, moved: bool) -> None:
    submodule(repo, tmp_path, "more")
    git(repo, "commit", "-q", "-m", "submodule")
    branch(repo, "moved")
    inner = repo / "more"
    (inner / "suites").mkdir()
    shutil.copy(repo / SUITE, inner / SUITE)
    if moved:
        commit(inner, "a suite")
        git(repo, "commit", "-q", "-am", "moved")
    done = command(repo, "gate", "--all", "--base", "main")
    assert (done.returncode, "submodule that holds suites" in done.stderr) == ((2, True) if moved else (0, False))


def test_a_clone_that_nobody_committed_is_no_place_for_prompts(repo: Path, tmp_path: Path) -> None:
    branch(repo, "clone")
    suite = (repo / SUITE).read_text()
    (repo / SUITE).write_text(suite.replace("../prompts/*.prompt.yml", "../prompts/**/*.prompt.yml"))
    write_prompt(tmp_path, "Sort badly: {{ message }}", "v9.prompt.yml")
    commit(repo, "deeper")
    nested = repo / "prompts" / "nested"
    nested.mkdir()
    git(nested, "init", "-q")
    write_prompt(nested, "Sort badly: {{ message }}", "v9.prompt.yml")
    done = gate(repo)
    assert done.returncode == 2
    assert "repository of its own" in done.stderr


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_a_prompt_that_the_index_calls_unchanged_is_read_all_the_same(repo: Path, flag: str) -> None:
    branch(repo, "flagged")
    git(repo, "update-index", flag, PROMPT)
    write_prompt(repo, "Sort badly: {{ message }}")
    assert gate_json(gate(repo))["status"] == "FAIL"


def test_a_prompt_that_a_sparse_checkout_left_out_is_refused(repo: Path) -> None:
    worse(repo)
    write_prompt(repo, "Sort badly: {{ message }}", "prompts/v2.prompt.yml")
    commit(repo, "worse")
    git(repo, "update-index", "--skip-worktree", "prompts/v2.prompt.yml")
    (repo / "prompts" / "v2.prompt.yml").unlink()
    done = gate(repo)
    assert done.returncode == 2
    assert "sparse" in done.stderr


def test_a_prompt_that_git_lfs_has_not_fetched_is_refused(repo: Path) -> None:
    branch(repo, "pointer")
    (repo / PROMPT).write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 12\n")
    commit(repo, "pointer")
    done = gate(repo)
    assert done.returncode == 2
    assert "LFS" in done.stderr


@pytest.mark.parametrize("stored", [True, False])
def test_a_prompt_that_git_lfs_keeps_is_read_from_this_clone_and_no_filter_runs(
    repo: Path, mark: Path, stored: bool
) -> None:
    content = (repo / PROMPT).read_bytes()
    oid = sha256(content).hexdigest()
    (repo / PROMPT).write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 1\n")
    base = commit(repo, "in LFS")
    (repo / ".gitattributes").write_text("prompts/* filter=lfs diff=lfs merge=lfs\n")
    git(repo, "config", "filter.lfs.process", str(mark))
    if stored:
        kept = repo / ".git" / "lfs" / "objects" / oid[:2] / oid[2:4]
        kept.mkdir(parents=True)
        (kept / oid).write_bytes(content)
    (repo / PROMPT).write_bytes(content)
    if stored:
        assert gate(repo).returncode == 0, "smudged, and as the base has it"
    write_prompt(repo, "Sort badly: {{ message }}")
    if stored:
        assert_fails_unmoved(repo, mark, base)
    else:
        done = gate(repo)
        assert (done.returncode, "LFS" in done.stderr) == (2, True)
    assert left(mark) == ""


def test_a_prompt_behind_a_link_changes_with_what_the_link_leads_to(repo: Path) -> None:
    (repo / "shared").mkdir()
    (repo / PROMPT).rename(repo / "shared" / "v1.txt")
    (repo / PROMPT).symlink_to("../shared/v1.txt")
    commit(repo, "linked")
    branch(repo, "worse")
    write_prompt(repo, "Sort badly: {{ message }}", "shared/v1.txt")
    commit(repo, "worse")
    assert "no prompt" not in gate(repo).stdout
    assert gate(repo).returncode in {1, 2}


@pytest.mark.parametrize("how", ["in its place", "beside it"])
def test_a_link_out_of_the_project_does_not_hide_what_else_changed(repo: Path, tmp_path: Path, how: str) -> None:
    (tmp_path / "outside.txt").write_text("messages: [{role: user, content: 'Sort: {{ message }}'}]\n")
    suite = repo / SUITE
    if how == "beside it":
        written = yaml.safe_load(suite.read_text())
        pattern = str(Path(os.path.relpath((repo / PROMPT).parent, suite.parent)) / "*.prompt.yml")
        suite.write_text(yaml.safe_dump(written | {"prompts": [pattern]}))
        commit(repo, "by a pattern")
    branch(repo, "worse")
    write_prompt(repo, "Sort badly: {{ message }}")
    link = (repo / PROMPT) if how == "in its place" else (repo / PROMPT).with_name("zz.prompt.yml")
    link.unlink(missing_ok=True)
    link.symlink_to(tmp_path / "outside.txt")
    commit(repo, "worse")
    done = gate(repo)
    assert (done.returncode, done.stdout) == (2, "")
    assert "leads out of the project" in done.stderr


# What a branch brings into results/


def flattered(run: Path) -> None:
    """Make an unfinished run of a finished one, in which every answer is right; checksums are right, too."""
    events = list(read_events(run / "journal.jsonl"))
    expected = {event.id: event.expected for event in events if isinstance(event, CaseRow)}
    kept: list[Any] = []
    for event in events:
        if isinstance(event, Session) and event.event == "finished":
            continue
        if isinstance(event, Record) and isinstance(event.outcome, Reply):
            said = msgspec.structs.replace(event.outcome, text=expected[event.case])
            event = msgspec.structs.replace(event, outcome=said)  # noqa: PLW2901
        kept.append(event)
    header = (run / "journal.jsonl").read_bytes().splitlines(keepends=True)[0]
    (run / "journal.jsonl").write_bytes(header + b"".join(encode_line(n, e) for n, e in enumerate(kept, 1)))


def one_run(repo: Path) -> Path:
    (run,) = (path for path in (repo / "results").iterdir() if (path / "manifest.json").exists())
    return run


@pytest.mark.parametrize("how", ["committed", "staged", "link"])
def test_a_gate_does_not_go_on_with_a_run_that_the_branch_brought(repo: Path, server: ScriptedServer, how: str) -> None:
    worse(repo)
    commit(repo, "worse")
    assert gate(repo).returncode == 1
    run = one_run(repo)
    flattered(run)
    paid = len(server.requests)
    if how == "link":
        run.rename(repo / "kept")
        run.symlink_to("../kept")
        git(repo, "add", "-f", str(run), "kept")
    else:
        git(repo, "add", "-f", str(run))
    if how != "staged":
        git(repo, "commit", "-q", "-m", "helpful")
    document = gate_json(gate(repo))
    assert document["status"] == "FAIL"
    assert document["run_id"] != run.name
    assert len(server.requests) == paid + 240


def test_a_run_that_the_branch_brought_is_no_past_of_the_suite(repo: Path) -> None:
    suite = (repo / SUITE).read_text()
    (repo / SUITE).write_text(suite.replace("recall[spam] >= 80%", "drift.drop <= 90%"))
    commit(repo, "drift")
    worse(repo)
    commit(repo, "worse")
    gate(repo)
    run = one_run(repo)
    (prompt,) = gate_json(gate(repo, "--no-reuse"))["prompts"]
    with_past = next(check for check in prompt["checks"] if check["name"] == "drift.drop <= 90%")
    git(repo, "add", "-f", str(run))
    git(repo, "commit", "-q", "-m", "a past")
    for other in (repo / "results").iterdir():
        if other != run:
            shutil.rmtree(other)
    (prompt,) = gate_json(gate(repo, "--no-reuse"))["prompts"]
    without = next(check for check in prompt["checks"] if check["name"] == "drift.drop <= 90%")
    assert "no earlier run" in without["why"]
    assert with_past["name"] == without["name"]


def test_results_in_a_place_that_the_branch_chose_are_refused(repo: Path, tmp_path: Path) -> None:
    worse(repo)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (repo / "results").symlink_to(elsewhere)
    git(repo, "add", "-f", "results")
    commit(repo, "link")
    done = gate(repo)
    assert done.returncode == 2
    assert "comes from the branch" in done.stderr
    assert list(elsewhere.iterdir()) == []


def test_reports_are_not_written_where_a_link_of_the_branch_leads(repo: Path, server: ScriptedServer) -> None:
    worse(repo)
    (repo / "reports").symlink_to(".git")
    commit(repo, "worse")
    done = gate(repo, "--out", "reports")
    assert (done.returncode, "reports, where reports are written" in done.stderr, len(server.requests)) == (2, True, 0)


@pytest.mark.skipif(sys.platform == "darwin", reason="its file systems take UTF-8 alone")
@pytest.mark.parametrize("folder", ["prompts", "suites"])
def test_a_name_that_is_no_text_is_refused_before_a_call(repo: Path, server: ScriptedServer, folder: str) -> None:
    worse(repo)
    (like,) = (repo / folder).glob("*.yml")
    shutil.copy(like, repo / folder / f"\udcff.{like.name.split('.', 1)[1]}")
    commit(repo, "worse")
    done = command(repo, "gate", "--all", "--base", "main", "--quiet")
    assert (done.returncode, "not UTF-8" in done.stderr, len(server.requests)) == (2, True, 0)


def test_a_link_among_the_files_that_a_gate_writes_is_replaced_and_not_followed(repo: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("mine")
    worse(repo)
    (repo / "out").mkdir()
    for name in ("gate.md", "gate.json", "gate-junit.xml", "report.html"):
        (repo / "out" / name).symlink_to(mine)
    commit(repo, "links")
    assert gate(repo, "--out", "out").returncode == 1
    assert mine.read_text() == "mine"
    assert "Sort badly" in (repo / "out" / "gate.md").read_text()


@pytest.mark.parametrize("how", ["the file", "the file behind a link", "the entry"])
def test_a_branch_does_not_choose_whom_the_gate_trusts_with_the_key(
    repo: Path, server: ScriptedServer, certified: Certified, how: str
) -> None:
    model = served(server.url, api_key_env="GATE_TEST_KEY", ca_file="company.pem")
    write_yaml(repo / "harness.yml", {"models": {"m": model}})
    (repo / "kept.pem").write_bytes(certified.authority.read_bytes())
    if how == "the file behind a link":
        (repo / "company.pem").symlink_to("kept.pem")
    else:
        (repo / "kept.pem").rename(repo / "company.pem")
    commit(repo, "an authority")
    worse(repo)
    theirs = (certified.folder / "self_signed.pem").read_bytes()
    if how == "the entry":
        (repo / "mine.pem").write_bytes(theirs)
        write_yaml(repo / "harness.yml", {"models": {"m": {**model, "ca_file": "mine.pem"}}})
    else:
        (repo / ("kept.pem" if how == "the file behind a link" else "company.pem")).write_bytes(theirs)
    commit(repo, "another authority")
    done = gate(repo)
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert "`ca_file`" in done.stderr
    assert not server.requests


@pytest.mark.parametrize("ca_file", ["../company.pem", "certs/company.pem"])
def test_a_certificate_outside_or_in_a_linked_folder_is_the_one_that_a_run_reads(
    repo: Path, certified: Certified, ca_file: str
) -> None:
    model = yaml.safe_load((repo / "harness.yml").read_text())["models"]["m"]
    write_yaml(repo / "harness.yml", {"models": {"m": model | {"ca_file": ca_file}}})
    (repo / "kept").mkdir()
    (repo / "certs").symlink_to("kept")
    (repo / ca_file).write_bytes(certified.authority.read_bytes())
    commit(repo, "an authority")
    worse(repo)
    assert gate(repo).returncode == 1


def test_processes_of_a_run_import_nothing_from_where_it_stands(
    tmp_path: Path, scripted_server: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = scripted_server(lambda request: Answer.of_json(chat_reply("spam")))
    suite = write_project(tmp_path, server.url, cases=12)
    ran = tmp_path / "ran"
    planted = f"import os\nopen({str(ran)!r}, 'w').write(str(dict(os.environ)))\n"
    (tmp_path / "harness").mkdir()
    for name in ("harness/__init__.py", "msgspec.py", "sitecustomize.py", "usercustomize.py", "asyncio.py"):
        (tmp_path / name).write_text(planted)
    monkeypatch.chdir(tmp_path)
    measure(load_bundle(suite), tmp_path / "results", processes=2)
    assert not ran.exists(), "a branch's file ran with the keys of the environment"
    assert len(server.requests) == 12


@pytest.mark.parametrize("named", [(SUITE.replace("small", "new"),), ("--all",)])
def test_no_code_runs_that_a_new_suite_of_the_branch_names(
    repo: Path, server: ScriptedServer, tmp_path: Path, named: tuple[str, ...]
) -> None:
    branch(repo, "new")
    (repo / "noise.py").write_text(f"from pathlib import Path\nPath({str(tmp_path / 'ran')!r}).touch()\n")
    suite = yaml.safe_load((repo / SUITE).read_text())
    write_yaml(repo / "suites/new.suite.yml", suite | {"name": "new", "perturbations": ["noise:up"]})
    write_prompt(repo, "Sort well: {{ message }}")
    commit(repo, "new")
    done = command(repo, "gate", *named, "--base", "main", "--quiet")
    assert (done.returncode, "only a trusted suite" in done.stderr, len(server.requests)) == (2, True, 0)
    assert not (tmp_path / "ran").exists()


def test_no_child_of_the_harness_looks_for_modules_in_the_working_directory() -> None:
    started = {
        f"{file.name}: {found}"
        for file in Path(harness.__file__).parent.rglob("*.py")
        for found in re.findall(r'\bsys\.executable, "([^"]*)"', file.read_text())
    }
    assert len(started) >= 4, "the pattern must find them"
    assert {one for one in started if one.split(": ")[1] not in ("-P", "-I")} == set()


PLANTED = [
    "sitecustomize.py",
    "usercustomize.py",
    "conftest.py",
    "harness/__init__.py",
    "harness/__main__.py",
    "json.py",
    "re2.py",
    "yaml.py",
    "site.py",
    "typer.py",
    "numpy.py",
    "msgspec.py",
    "uvloop.py",
    "subprocess.py",
    "jinja2/__init__.py",
    "asyncio/__init__.py",
    "encodings/__init__.py",
    "pyreqwest/__init__.py",
    "suites/sitecustomize.py",
    "suites/harness/__init__.py",
    "prompts/jinja2.py",
    "__main__.py",
    ".venv/lib/python3/site-packages/sitecustomize.py",
]


@pytest.mark.parametrize(
    ("folder", "arguments", "more"),
    [
        ("", ["gate", SUITE, "--base", "main"], {}),
        ("", ["gate", "--all", "--base", "main"], {"PYTHONPATH": "", "PATH": f".:{os.environ['PATH']}"}),
        ("suites", ["gate", "small.suite.yml", "--base", "main"], {}),
        ("", ["check", SUITE, "--untrusted"], {}),
        ("", ["run", SUITE, "--processes", "2"], {}),
    ],
)
def test_the_command_imports_nothing_that_a_branch_planted_where_it_stands(
    tmp_path: Path, scripted_server: Serve, folder: str, arguments: list[str], more: dict[str, str]
) -> None:
    repo, ran = tmp_path / "repo", tmp_path / "ran"
    repo.mkdir()
    server = scripted_server(lambda request: Answer.of_json(chat_reply("spam")))
    write_repository(repo, served(server.url, api_key_env="PLANTED_API_KEY"), cases=8)
    branch(repo, "planted")
    write_prompt(repo, "Sort well: {{ message }}")
    for name in PLANTED:
        (repo / name).parent.mkdir(parents=True, exist_ok=True)
        (repo / name).write_text(f"import os\nopen({str(ran)!r}, 'a').write(__file__ + str(dict(os.environ)))\n")
    for name, text in {
        "evil.pth": f"import os; os.system('touch {ran}')\n",
        "pyvenv.cfg": "home = .\ninclude-system-site-packages = true\n",
        "git": f'#!/bin/sh\ntouch {ran}\nexec /usr/bin/env -i git "$@"\n',
        "python3": f"#!/bin/sh\ntouch {ran}\n",
    }.items():
        (repo / name).write_text(text)
        (repo / name).chmod(0o755)
    git(repo, "add", "-A", "-f")
    git(repo, "commit", "-q", "-m", "planted")
    script = Path(sys.executable).parent / "harness"
    done = ended([str(script), *arguments], at=repo / folder, env={"PLANTED_API_KEY": "sk-canary-0123456789", **more})
    assert done.returncode in {0, 1, 3}, done.stderr
    assert not ran.exists(), ran.read_text()
