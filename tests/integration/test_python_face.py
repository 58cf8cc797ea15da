"""`import harness`: arrays to a verdict, a function as a model, a run read back."""

from __future__ import annotations

import asyncio
import math
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest
from commanded import HANGS_S, write_lines, write_yaml
from scripted import Answer, chat_reply
from threaded import serving

import harness
from harness.errors import FilesError, UsageError
from harness.journal import read_events
from harness.measure.endpoint.function import Function, FunctionEndpoint, entry_of, forget
from harness.record import Failure, Record

EXPECTED = ["spam"] * 40 + ["ham"] * 60
PREDICTED = ["spam"] * 36 + ["ham"] * 64


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_yaml(tmp_path / "harness.yml", {"models": {"m": {"endpoint": "replay", "replies": "replies.jsonl"}}})
    write_lines(tmp_path / "replies.jsonl", ({"case": str(n), "reply": "spam"} for n in range(20)))
    rows = [{"id": str(n), "message": f"text {n}", "expected": "ham" if n % 2 else "spam"} for n in range(20)]
    write_lines(tmp_path / "cases.jsonl", rows)
    write_yaml(tmp_path / "v1.prompt.yml", {"messages": [{"role": "user", "content": "Sort: {{ message }}"}]})
    demands = {"labels": ["spam", "ham"], "positive": "spam", "thresholds": ["accuracy >= 50%"]}
    files = {"cases": "cases.jsonl", "prompts": ["v1.prompt.yml"], "models": ["m"]}
    write_yaml(tmp_path / "s.suite.yml", {"name": "s", "repeats": 2, **demands, **files})
    return tmp_path / "s.suite.yml"


def test_two_arrays_give_a_verdict_and_every_figure() -> None:
    run = harness.judge(EXPECTED, PREDICTED, thresholds=["accuracy >= 80%", "recall[spam] >= 99%"], positive="spam")
    assert run.verdict == "NOT READY"
    assert [check.status for check in run.checks] == ["PASS", "FAIL"]
    accuracy, precision = run.figure("accuracy"), run.figure("precision[spam]")
    assert (accuracy.value, accuracy.n, precision.value, precision.n) == (0.96, 100, 1.0, 36)
    assert accuracy.low is not None
    assert accuracy.high is not None
    # Wilson's interval of 96 in 100, computed by hand
    assert (accuracy.low, accuracy.high) == (pytest.approx(0.9016, abs=5e-4), pytest.approx(0.9843, abs=5e-4))
    assert run.confusion() == {
        "ham": {"ham": 60, "spam": 0, "no label": 0},
        "spam": {"ham": 4, "spam": 36, "no label": 0},
    }


def test_what_was_not_predicted_stays_in_the_denominator() -> None:
    run = harness.judge(["a", "b", "a", "b"], ["a", None, float("nan"), "b"])
    assert (run.figure("accuracy").value, run.confusion()["b"]["no label"]) == (0.5, 1)


def test_rows_of_one_case_are_its_repeats() -> None:
    run = harness.judge(["a", "a", "b", "b"], ["a", "b", "b", "b"], cases=[1, 1, 2, 2])
    assert (run.figure("stability").value, run.figure("stability").n) == (0.5, 2)


def test_a_latency_is_judged_where_one_was_given() -> None:
    timed = harness.judge(EXPECTED, PREDICTED, latency_s=[0.2] * 100, thresholds=["latency.p95 <= 1 s"])
    assert (timed.verdict, timed.figure("latency.p95").value) == ("READY", 0.2)
    assert harness.judge(EXPECTED, PREDICTED).figure("latency.p95").value is None


def test_the_defaults_are_those_that_bare_answers_can_meet() -> None:
    told = [check.threshold for check in harness.judge(EXPECTED, PREDICTED, positive="spam").checks]
    assert "accuracy >= 90%" in told
    assert not [text for text in told if text.startswith(("latency", "stability", "failures", "drift", "leakage"))]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ((["a", "b"], ["a"]), "expected has 2, predicted has 1"),
        (([], []), "expected has 0"),
        ((["a", "a"], ["a", "a"]), "all labels are 'a'. Give rows of at least two labels."),
        ((["a", ""], ["a", "b"]), r"expected\[1\] is missing"),
        (("spam", "spam"), "expected is a str. Give a sequence"),
        (({"a": "b"}, ["a"]), "expected is a dict. Give a sequence"),
        ((pandas.DataFrame({"label": ["a", "b"]}), ["a", "b"]), "expected is a DataFrame. Give a sequence"),
        ((numpy.array([["a"], ["b"]]), ["a", "b"]), r"expected\[0\] is a ndarray. Give one value for each row"),
        ((["a", "b"], [["a"], ["b"]]), r"predicted\[0\] is a list. Give one value for each row"),
        ((numpy.eye(2), numpy.eye(2)), r"expected\[0\] is a ndarray"),
    ],
)
def test_what_can_not_be_judged_is_refused_with_the_reason(given: tuple[Any, Any], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        harness.judge(*given)


@pytest.mark.parametrize(
    "took", [["0.1", "0.1"], [timedelta(seconds=1)] * 2, numpy.full(2, 10**9, dtype="m8[ns]"), [-1, 1], [math.inf, 1]]
)
def test_what_is_no_time_in_seconds_is_refused(took: Any) -> None:
    with pytest.raises(UsageError, match=r"latency_s\[0\] is .*: must be seconds"):
        harness.judge(["a", "b"], ["a", "b"], latency_s=took)


def test_a_row_without_its_case_is_refused() -> None:
    with pytest.raises(UsageError, match=r"cases\[1\] is missing: name the case of every row"):
        harness.judge(["a", "b"], ["a", "b"], cases=["x", math.nan])


FOUR = ["spam", "ham", "ham", "spam"]


@pytest.mark.parametrize(
    ("column", "right"),
    [
        (numpy.array(FOUR, dtype="S4"), 1.0),
        (pandas.Series(FOUR, dtype="category"), 1.0),
        (numpy.ma.array(FOUR, mask=[False] * 3 + [True]), 0.75),
        (pandas.array([*FOUR[:3], None], dtype="string"), 0.75),
    ],
)
def test_columns_of_numpy_and_pandas_are_read_as_their_values(column: Any, right: float) -> None:
    run = harness.judge(FOUR, column, thresholds="accuracy >= 10%")
    assert run.figure("accuracy").value == right
    assert set(run.confusion()) == {"spam", "ham"}


class Indexed(list[str]):
    """A column of pandas after a shuffle: it goes through its rows in order, and `[n]` gives the row named n."""

    def __getitem__(self, name: Any) -> Any:
        return super().__getitem__(len(self) - 1 - name)


def test_columns_are_paired_row_by_row_whatever_their_index() -> None:
    assert harness.judge(Indexed(EXPECTED), EXPECTED, thresholds=["accuracy >= 90%"]).figure("accuracy").value == 1.0


@pytest.mark.parametrize(("one", "other"), [([0, 1], [0.0, 1.0]), ([True, False], [1, 0])])
def test_labels_that_python_calls_equal_are_one(one: list[Any], other: list[Any]) -> None:
    run = harness.judge(one * 30, [*other * 29, math.nan, None], thresholds="accuracy >= 50%")
    assert (run.verdict, run.figure("accuracy").value) == ("READY", pytest.approx(58 / 60))


def test_a_text_is_one_name_and_a_number_below_one_is_refused(suite: Path) -> None:
    assert harness.run(suite, prompts="v1", models="m", thresholds="accuracy >= 1%").checks[0].threshold
    for asked in ({"limit": -3}, {"repeats": 0}):
        with pytest.raises(FilesError, match="must be a whole number, 1 or more"):
            harness.run(suite, **asked)
    same = harness.judge(EXPECTED, PREDICTED)
    for margin in (2, -0.1, math.nan):
        with pytest.raises(UsageError, match="must be a share"):
            harness.compare(same, same, margin=margin)


def test_contradicting_labels_and_bad_thresholds_are_refused() -> None:
    with pytest.raises(UsageError, match="case '1' is expected to be 'a' and 'b'"):
        harness.judge(["a", "b"], ["a", "b"], cases=[1, 1])
    with pytest.raises((UsageError, FilesError), match="accurcy"):
        harness.judge(EXPECTED, PREDICTED, thresholds=["accurcy >= 90%"])
    with pytest.raises(UsageError, match="recal"):
        harness.judge(EXPECTED, PREDICTED).figure("recal[spam]")


def test_a_function_is_a_model_with_a_journal_and_retries(suite: Path) -> None:
    asked: list[str] = []
    failed = threading.Lock()

    def classify(text: str) -> str:
        with failed:
            asked.append(text)
            if asked.count(text) == 1 and text.endswith(" 7"):
                raise ConnectionError("once")
        return "ham" if int(text.rsplit(" ", 1)[1]) % 2 else "spam"

    run = harness.run(suite, models={"mine": classify})
    assert (run.verdict, run.candidates, run.figure("accuracy").value) == ("READY", ("v1@mine",), 1.0)
    assert asked.count("Sort: text 3") == 2
    assert run.folder is not None
    records = [event for event in read_events(run.folder / "journal.jsonl") if isinstance(event, Record)]
    assert len(records) == 40
    assert sum(len(record.attempts) for record in records) == 41
    assert harness.load("latest").headline == run.headline
    assert harness.load(run.folder).trials().height == 40


def test_an_async_function_may_take_the_inputs_and_give_an_object(suite: Path) -> None:
    content = suite.read_text().replace("labels:", "reply: {as: json, pointer: /label}\nlabels:")
    suite.write_text(content)

    async def classify(inputs: dict[str, str]) -> dict[str, str]:
        await asyncio.sleep(0)
        return {"label": "ham" if int(inputs["message"].split()[1]) % 2 else "spam"}

    assert harness.run(suite, models={"mine": classify}).figure("accuracy").value == 1.0


def test_what_a_function_raises_or_gives_amiss_is_a_failure_of_the_endpoint(suite: Path) -> None:
    def classify(text: str) -> str:
        if text.endswith(" 3"):
            raise ValueError("no such thing")
        if text.endswith(" 4"):
            raise asyncio.CancelledError  # as where a client of its own ends a task that it waits for
        return "spam" if not text.endswith(" 5") else 5  # type: ignore[return-value]

    run = harness.run(suite, models={"mine": classify})
    assert run.folder is not None
    outcomes = {
        event.case: event.outcome
        for event in read_events(run.folder / "journal.jsonl")
        if isinstance(event, Record) and isinstance(event.outcome, Failure)
    }
    assert {case: outcome.message for case, outcome in outcomes.items()} == {
        "3": "ValueError: no such thing",
        "4": "what the function waited for was cancelled",
        "5": "TypeError: the function gave int, not a text",
    }


class _Answers:
    def __init__(self, label: str) -> None:
        self.label = label

    def ask(self, text: str) -> str:
        return self.label

    async def __call__(self, inputs: dict[str, str]) -> str:
        return self.label if "message" in inputs else "neither"


def _shared(label: str, text: str) -> str:
    return label


@pytest.mark.parametrize(
    "answering",
    [
        lambda label: lambda text: label,
        lambda label: _Answers(label).ask,
        _Answers,
        lambda label: partial(_shared, label),
    ],
    ids=["closures", "methods", "objects", "partials"],
)
def test_functions_of_one_source_are_models_of_their_own(suite: Path, answering: Callable[[str], Function]) -> None:
    trials = harness.run(suite, models={label: answering(label) for label in ("spam", "ham")}).trials()
    assert set(trials.select("model", "label").iter_rows()) == {("spam", "spam"), ("ham", "ham")}


def test_runs_of_one_moment_ask_their_own_functions(suite: Path) -> None:
    others: list[object] = []

    def answering(label: str) -> Function:
        return lambda text: label

    entry = entry_of("mine", answering("spam"))
    try:
        others += harness.run(suite, models={"mine": answering("ham")}).trials()["label"].unique().to_list()
        assert FunctionEndpoint("mine", entry)._function("any") == "spam"
    finally:
        forget([entry])
    assert others == ["ham"]
    with pytest.raises(UsageError, match="not known here"):
        FunctionEndpoint("mine", entry)


def test_a_function_that_cannot_be_called_is_refused(suite: Path) -> None:
    with pytest.raises(UsageError, match="'mine': str can't be called"):
        harness.run(suite, models={"mine": "gpt"})  # type: ignore[dict-item]


def test_a_function_in_harness_yml_is_refused(suite: Path) -> None:
    write_yaml(suite.parent / "harness.yml", {"models": {"m": {"endpoint": "function", "model": "os.system"}}})
    with pytest.raises(FilesError, match="models that Python code gives"):
        harness.check(suite)


def test_two_runs_are_compared_and_a_suite_is_checked(suite: Path) -> None:
    first = harness.run(suite)
    second = harness.run(suite, models={"mine": lambda text: "ham" if int(text.rsplit(" ", 1)[1]) % 2 else "spam"})
    assert harness.compare(first, second).paired_cases == 20
    assert harness.check(suite).trials == 40


def test_a_notebook_shows_a_run_without_running_what_a_label_holds() -> None:
    shown = harness.judge(["<script>", "b"] * 9, ["<script>", "b"] * 9)._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown


@pytest.mark.parametrize("first", ["import harness", "import harness.judge.labels", "from harness import judge"])
def test_the_function_and_the_room_of_one_name_are_both_there(first: str) -> None:
    code = f"{first}\nimport harness\nprint(harness.judge(['a', 'b'], ['a', 'b']).verdict)\nharness.judge.Check"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "INCONCLUSIVE\n"), done.stderr


def test_importing_it_loads_nothing_heavy() -> None:
    code = "import sys, harness; print(sorted({'numpy', 'scipy', 'pydantic', 'harness.api'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_run_works_where_a_loop_runs_already_as_in_a_notebook_and_from_any_thread(suite: Path) -> None:
    with serving(lambda _: Answer.of_json(chat_reply("spam"))) as server:
        entry = {"endpoint": "chat", "base_url": f"{server.url}/v1", "model": "m"}
        write_yaml(suite.parent / "harness.yml", {"models": {"m": entry}})
        done = subprocess.run(
            [sys.executable, "-c", IN_LOOPS_AND_THREADS], capture_output=True, text=True, check=False, timeout=HANGS_S
        )
    assert (done.returncode, done.stdout.split()) == (0, ["INCONCLUSIVE"] * 8), done.stderr


IN_LOOPS_AND_THREADS = """
import asyncio, pathlib, threading, harness

def measure():
    print(harness.run("s.suite.yml").verdict, flush=True)

async def cell():
    measure()

asyncio.run(cell())
for _ in range(4):  # each thread ends before the next begins
    one = threading.Thread(target=measure)
    one.start()
    one.join()
measure()
asyncio.run(cell())

project = pathlib.Path("harness.yml")  # so many calls at once are sent from several processes
project.write_text(project.read_text() + "    limits: {concurrency: 600}\\n")
asyncio.run(cell())
"""


def test_a_ctrl_c_in_a_notebook_stops_the_run_and_keeps_what_ended(suite: Path) -> None:
    cells: list[subprocess.Popen[str]] = []
    answered = 0

    def asked(_: object) -> Answer:
        nonlocal answered
        answered += 1
        if answered == 5:
            cells[0].send_signal(signal.SIGINT)
        return Answer.of_json(chat_reply("spam"))

    with serving(asked) as server:
        entry = {"endpoint": "chat", "base_url": f"{server.url}/v1", "model": "m", "limits": {"concurrency": 1}}
        write_yaml(suite.parent / "harness.yml", {"models": {"m": entry}})
        cells.append(cell := subprocess.Popen([sys.executable, "-c", IN_A_CELL], stdout=subprocess.PIPE, text=True))
        said, _ = cell.communicate(timeout=HANGS_S)
    assert said.startswith("Interrupted: Stopped by Ctrl-C; finished trials are saved."), said
    assert answered < 40


IN_A_CELL = """
import asyncio, signal, harness

async def cell():  # as a kernel has it: Ctrl-C raises in the cell, not in the loop
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        harness.run("s.suite.yml")
    except Exception as error:
        print(f"{type(error).__name__}: {error}")

asyncio.run(cell())
"""
