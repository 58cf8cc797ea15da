"""A suite's own perturbations run once, before the first call, and their mistakes are told like any other."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import Exit, FilesError
from harness.files.bundle import Bundle, load_bundle
from harness.files.digest import digest
from harness.measure.plan import Plan

Write = Callable[..., Path]
LOUD = "def shout(text, rng):\n    return text.upper() + '!' * rng.randint(1, 9)\n"


def loaded(project: Write, code: str, *names: str) -> Bundle:
    suite = project({"own/noise.py": code})
    named = "".join(f"  - '{name}'\n" for name in names or ["own.noise:shout"])
    suite.write_text(f"{suite.read_text()}perturbations:\n{named}")
    return load_bundle(suite)


def problem(project: Write, code: str, *names: str) -> str:
    with pytest.raises(FilesError) as raised:
        loaded(project, code, *names)
    assert raised.value.exit_code == Exit.USAGE
    (found,) = raised.value.problems
    assert (found.file, found.line, found.field) == (Path("suites/a.suite.yml"), 12, "perturbations[0]")
    return f"{found.message} {found.fix}"


def test_every_case_gets_its_variant_the_same_in_each_process(project: Write) -> None:
    first, again = (loaded(project, LOUD) for _ in range(2))
    texts = [case.variants["own.noise:shout"] for case in first.cases]
    assert [text.rstrip("!") for text in texts] == ["WIN MONEY", "SEE YOU AT NOON"]
    assert [case.variants for case in again.cases] == [case.variants for case in first.cases]


def test_a_text_that_stays_as_it_is_makes_no_trial(project: Write) -> None:
    code = "def shout(text, rng):\n    return text.replace('money', 'cash')\n"
    bundle = loaded(project, code)
    assert [sorted(case.variants) for case in bundle.cases] == [["own.noise:shout"], []]
    assert Plan(bundle).planned == 2 * (2 + 1)  # two repeats of two originals and one variant


@pytest.fixture(autouse=True)
def _python_as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Python write bytecode, whatever this machine's PYTHONDONTWRITEBYTECODE says."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)


def test_no_bytecode_stays_that_would_stand_for_a_file_edited_within_the_second(project: Write) -> None:
    made = [
        [case.variants["own.noise:shout"].strip("WINMOEYSUAT ") for case in loaded(project, code).cases]
        for code in (LOUD, LOUD.replace("'!'", "'?'"))
    ]
    assert [{text[0] for text in texts} for texts in made] == [{"!"}, {"?"}]
    assert sys.dont_write_bytecode is False


def test_a_trial_is_another_one_when_the_function_makes_another_text(project: Write) -> None:
    def keys(code: str) -> dict[str, str]:
        plan = Plan(loaded(project, code))
        trials = [planned.trial for planned in plan.trials(plan.nothing_done(), frozenset({"v1@recorded"}))]
        return {f"{trial.variant} {trial.case} {trial.repeat}": trial.key for trial in trials}

    before, after = keys(LOUD), keys(LOUD.replace("'!'", "'?'"))
    assert before.keys() == after.keys()
    assert {name for name in before if before[name] != after[name]} == {
        f"own.noise:shout {case} {repeat}" for case in "12" for repeat in (0, 1)
    }


def test_the_code_is_among_the_files_of_the_run_and_not_left_imported(project: Write) -> None:
    bundle = loaded(project, LOUD)
    assert Path("own/noise.py") in bundle.files
    assert "own.noise" not in sys.modules
    assert str(bundle.project.root) not in sys.path
    assert digest([c.variants for c in bundle.cases])  # plain data, with nothing of the code in it


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def whisper(text, rng):\n    return text\n", "can't be imported: AttributeError"),
        ("import no_such_package\n", "No module named 'no_such_package' (noise.py line 1)"),
        ("shout = 'loud'\n", "is not a function"),
        ("raise SystemExit(3)\n", "can't be imported: SystemExit: 3 (noise.py line 1)"),
        (
            "def shout(text, rng):\n    return text[999]\n",
            "failed on the case `1`: IndexError: string index out of range (noise.py line 2)",
        ),
        ("def shout(text):\n    return text\n", "failed on the case `1`: TypeError"),
        ("def shout(text, rng):\n    return None\n", "gave NoneType on the case `1`, not a text"),
        ("def shout(text, rng):\n    return text + '\\0'\n", "can't be an input"),
        (
            "n = []\ndef shout(text, rng):\n    n.append(1)\n    return text + str(len(n))\n",
            "gave two texts on the case `1`",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place_before_any_call(project: Write, code: str, said: str) -> None:
    assert said in problem(project, code)


def test_what_the_code_prints_stays_away_from_stdout(project: Write, capsys: pytest.CaptureFixture[str]) -> None:
    loaded(project, "print('loading')\n" + LOUD.replace("    return", "    print(text)\n    return"))
    said = capsys.readouterr()
    assert (said.out, "loading" in said.err) == ("", True)


def test_each_function_tells_its_first_problem(project: Write) -> None:
    with pytest.raises(FilesError) as raised:
        loaded(project, "def a(text, rng):\n    return 1\n", "own.noise:a", "own.noise:b", "typo")
    assert [found.field for found in raised.value.problems] == [f"perturbations[{i}]" for i in range(3)]
