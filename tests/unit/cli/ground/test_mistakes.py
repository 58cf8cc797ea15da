"""Every mistake on the command line says what is wrong, which option, what is valid, and what was meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from commanded import write_replayed
from gated import command

MISTAKES = [
    ("chek a.suite.yml", "there is no command `harness chek`.", "Did you mean `check`?"),
    ("xyzzy", "there is no command `harness xyzzy`.", "`harness -h` lists the commands."),
    ("baseline sett", "there is no command `harness baseline sett`.", "Did you mean `set`?"),
    ("models tset", "there is no command `harness models tset`.", "Did you mean `test`?"),
    ("--verion", "`harness` has no option `--verion`.", "Did you mean `--version`?"),
    ("check a.suite.yml --strct", "`harness check` has no option `--strct`.", "Did you mean `--strict`?"),
    ("run a.suite.yml -x", "`harness run` has no option `-x`.", "`harness run -h` lists its options."),
    ("run", "`harness run` needs SUITE: a *.suite.yml file.", "Write `harness run SUITE`."),
    ("check", "`harness check` needs SUITE: a *.suite.yml file, or --all.", "Write `harness check SUITE`."),
    (
        "compare latest",
        "`harness compare` needs CANDIDATE: a run, or one",
        "Write `harness compare BASELINE CANDIDATE`.",
    ),
    (
        "export",
        "`harness export` needs --to: one of `parquet`, `csv`, `jsonl`, `mlflow`, `otel`.",
        "Write `harness export [RUN] --to parquet|csv|jsonl|mlflow|otel`.",
    ),
    ("run a.suite.yml b", "`harness run` does not take `b` as well.", "Write `harness run SUITE`"),
    ("check a.suite.yml --model", "--model needs a value.", ""),
    ("check a.suite.yml --strict=yes", "--strict takes no value.", ""),
    ("check a.suite.yml --repeats x", "--repeats x: must be a whole number from 1 to 1,000.", ""),
    ("check a.suite.yml --repeats 1001", "--repeats 1001: must be a whole number from 1 to 1,000.", ""),
    ("check a.suite.yml --limit 0", "--limit 0: must be a whole number, 1 or more.", ""),
    ("view --port 70000", "--port 70000: must be a whole number from 0 to 65,535.", ""),
    (
        "list --verdict redy",
        "--verdict redy: must be one of `ready`, `not-ready`, `inconclusive`, `not-measured`, `not-judged`.",
        "Did you mean `ready`?",
    ),
    ("export --to parket", "--to parket: must be one of `parquet`, `csv`,", "Did you mean `parquet`?"),
    ("export --to xml", "--to xml: must be one of `parquet`, `csv`, `jsonl`, `mlflow`, `otel`.", ""),
    ("gate a.suite.yml --policy basis", "--policy basis: must be one of `base`, `head`.", "Did you mean `base`?"),
    ("gate a.suite.yml --margin x", "--margin x: must be a share between 0% and 100%.", "Write it as `2%`."),
    ("gate a.suite.yml --margin 0", "--margin 0: must be a share between 0% and 100%.", "Write it as `2%`."),
    ("compare a b --margin 200%", "--margin 200%: must be a share between 0% and 100%.", "Write it as `2%`."),
    ("gate a.suite.yml --max-cost x", "--max-cost x: must be an amount such as `0.40`", ""),
    ("run a.suite.yml --template none", "--template: dir 'none' does not exist.", ""),
    ("init there.txt", "DIR: dir 'there.txt' is a file.", ""),
    ("check .", ".: cannot be read: is a directory.", ""),
    ("check there.suite.yml", "there.suite.yml: cannot be read:", "Did you mean `here.suite.yml`?"),
]


@pytest.mark.parametrize(("line", "said", "fix"), MISTAKES, ids=[line for line, _, _ in MISTAKES])
def test_a_mistake_on_the_command_line_says_what_is_valid_and_what_was_meant(
    tmp_path: Path, line: str, said: str, fix: str
) -> None:
    (tmp_path / "there.txt").touch()
    (tmp_path / "here.suite.yml").touch()
    done = command(tmp_path, *line.split())
    assert done.returncode == 2
    assert done.stdout == ""
    told = " ".join(done.stderr.split())
    assert told.startswith(f"error: {said}")
    assert fix in told
    assert "Value error" not in told
    assert "Input should be" not in told


def test_choices_may_be_written_in_capitals(tmp_path: Path) -> None:
    done = command(tmp_path, "list", "--verdict", "READY")
    assert done.returncode == 0, done.stderr


def test_a_command_without_its_subcommand_shows_its_help_as_a_mistake(tmp_path: Path) -> None:
    for words in ((), ("baseline",)):
        done = command(tmp_path, *words)
        assert done.returncode == 2
        assert "Usage: harness" in done.stderr


def test_an_export_into_a_folder_that_is_not_there_is_a_mistake_and_no_full_disk(tmp_path: Path) -> None:
    suite = write_replayed(tmp_path, {("spam", "spam"): 1, ("ham", "ham"): 1})
    command(tmp_path, "run", str(suite), "--quiet")
    for form in ("csv", "jsonl", "parquet"):
        done = command(tmp_path, "export", "--to", form, "--output", f"none/rows.{form}")
        assert done.returncode == 2, done.stderr
        assert f"could not write none/rows.{form}: No such file or directory" in " ".join(done.stderr.split())
