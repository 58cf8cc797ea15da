"""Reading the base from git itself, in real repositories."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest
from gated import commit, git

from harness.errors import UsageError
from harness.files.branch.repository import Repository, lies_in, touches


@pytest.fixture
def top(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "a.txt").write_text("one\ntwo\nthree\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.txt").write_text("b\n")
    commit(tmp_path, "base")
    return tmp_path


def test_a_file_is_read_as_it_was_in_the_commit_whatever_the_working_tree_says(top: Path) -> None:
    repository = Repository.around(top / "sub")
    (top / "a.txt").write_text("changed\n")
    snapshot = repository.at(repository.commit("main"))
    assert snapshot.read("a.txt") == b"one\ntwo\nthree\n"
    assert snapshot.read("none.txt") is None


def test_what_a_branch_changed_is_counted_from_where_it_left_the_base(top: Path) -> None:
    git(top, "checkout", "-q", "-b", "side")
    (top / "sub" / "b.txt").write_text("changed\n")
    commit(top, "side")
    git(top, "checkout", "-q", "main")
    (top / "a.txt").write_text("moved on\n")
    tip = commit(top, "main moved")
    git(top, "checkout", "-q", "side")
    repository = Repository.around(top)
    assert repository.commit("main") == tip
    assert repository.changed(repository.merge_base(tip)) == {"sub/b.txt"}


def test_uncommitted_deleted_and_untracked_files_are_seen_and_ignored_ones_are_not(top: Path) -> None:
    (top / ".gitignore").write_text("*.log\n")
    (top / "x.log").write_text("")
    (top / "new ü\n.txt").write_text("")
    (top / "a.txt").unlink()
    repository = Repository.around(top)
    assert repository.changed("HEAD") == {"a.txt"}
    assert repository.untracked() == {".gitignore", "new ü\n.txt"}


def test_the_first_new_lines_of_a_file_are_found(top: Path) -> None:
    (top / "a.txt").write_text("one\nTWO\nTWO AND A HALF\nthree\nfour\n")
    repository = Repository.around(top)
    assert repository.changed_lines("HEAD", "a.txt") == (2, 3)
    (top / "a.txt").write_text("one\n")
    assert repository.changed_lines("HEAD", "a.txt") is None


def test_a_link_is_followed_inside_the_commit_and_nowhere_else(top: Path) -> None:
    (top / "inside").symlink_to("sub/b.txt")
    (top / "outside").symlink_to("/etc/hostname")
    (top / "loop").symlink_to("loop")
    commit(top, "links")
    repository = Repository.around(top)
    snapshot = repository.at(repository.commit("HEAD"))
    assert snapshot.read("inside") == b"b\n"
    assert snapshot.read("outside") is None
    assert snapshot.read("loop") is None


@pytest.mark.parametrize("ref", ["--help", "-n", "--output=/tmp/x", "no-such", "main:a.txt", "", "a b", "@{u}"])
def test_a_ref_that_is_no_commit_is_refused_and_never_taken_for_an_option(top: Path, ref: str) -> None:
    with pytest.raises(UsageError, match="git knows no such commit"):
        Repository.around(top).commit(ref)


def test_paths_are_literal_and_never_patterns(top: Path) -> None:
    (top / "a.txt").write_text("changed\n")
    assert Repository.around(top).changed_lines("HEAD", ":(top)a.txt") is None
    assert Repository.around(top).changed_lines("HEAD", "*.txt") is None


def test_unrelated_histories_and_folders_without_git_are_told_with_what_to_do(
    top: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    base = git(top, "rev-parse", "HEAD")
    git(top, "checkout", "-q", "--orphan", "other")
    commit(top, "other")
    with pytest.raises(UsageError) as caught:
        Repository.around(top).merge_base(base)
    assert "fetch-depth: 0" in caught.value.fix
    with pytest.raises(UsageError, match="not in a git repository"):
        Repository.around(tmp_path_factory.mktemp("bare"))


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder to another user")
def test_a_repository_of_another_user_is_refused_with_what_lets_git_read_it(
    top: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container whose user is not the one that checked out."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    for each in (top, top / ".git"):
        os.chown(each, 1234, 1234)
    with pytest.raises(UsageError, match=r"git refuses .*: it belongs to another user") as caught:
        Repository.around(top / "sub")
    advice = shlex.split(caught.value.fix.partition(": ")[2])
    assert advice[:5] == ["git", "config", "--global", "--add", "safe.directory"]
    advice[2:3] = ["--file", str(home / ".gitconfig")]  # wherever this user keeps a configuration of their own
    subprocess.run(advice, check=True)
    assert Repository.around(top / "sub").commit("main")


def test_files_that_are_called_like_revisions_are_files(top: Path) -> None:
    commit_id = git(top, "rev-parse", "HEAD")
    for name in ("HEAD", "main", commit_id):
        (top / name).write_text("")
    commit(top, "names")
    (top / "HEAD").write_text("changed")
    repository = Repository.around(top)
    assert repository.changed(repository.commit("HEAD")) == {"HEAD"}
    assert repository.brought(commit_id) == {"HEAD", "main", commit_id}
    assert repository.changed_lines(commit_id, "HEAD") == (1, 1)


def test_what_lies_at_below_or_above_a_brought_path_is_touched_in_whatever_letters() -> None:
    brought = frozenset({"Results/Ru\u0308n/journal.jsonl", "link"})
    for path in ("results/r\u00fcn", "results", "RESULTS/r\u00fcn/journal.jsonl", "link/run"):
        assert touches(path, brought), path
    for path in ("results/run-2", "result", "lin", "results/r\u00fcn/journal.jsonl2"):
        assert not touches(path, brought), path
    assert lies_in("LINK/run", brought)
    assert not lies_in("results", brought)
