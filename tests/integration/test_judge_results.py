"""`harness judge`: results in the manner of each tool, judged through the real command, with the tool's own counts."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import polars
import pytest
import stored_elsewhere as stored
from commanded import in_process
from stored_elsewhere import ANSWERS, CONTAINED, EXACT, document, lines


class Made(NamedTuple):
    """A file, what is said of it, and what it holds: trials, cases, those right here and there, failed, timed."""

    file: Path
    right: int
    passed: int | None = None  # as the tool counted; None: as here
    trials: int = 40
    cases: int = 40
    failed: int = 0
    clock: str = ""
    options: tuple[str, ...] = ()
    tool: str = ""


def _rows(**more: Any) -> list[dict[str, Any]]:
    return [stored.promptfoo_row(n, answer, **more) for n, answer in enumerate(ANSWERS)]


def promptfoo_json(at: Path) -> Made:
    return Made(
        document(at / "o.json", stored.promptfoo(_rows(), description="spam")), EXACT, clock="promptfoo's clock"
    )


def promptfoo_failed(at: Path) -> Made:
    rows = _rows()
    for n in (0, 1, 2):
        rows[n] = stored.refused(rows[n], "API error: 429 Too Many Requests")
        rows[n]["testCase"] = {"vars": rows[n]["vars"], "assert": [{"type": "equals", "value": ANSWERS[n][1]}]}
    return Made(document(at / "o.json", stored.promptfoo(rows)), EXACT - 3, failed=3, clock="promptfoo's clock")


def promptfoo_repeated(at: Path) -> Made:
    again = [{**row, "testIdx": row["testIdx"] * 2 + k} for k in (1, 0) for row in _rows()]
    file = document(at / "o.json", stored.promptfoo(again), indent=None)
    return Made(file, 2 * EXACT, trials=80, clock="promptfoo's clock")


def promptfoo_cached(at: Path) -> Made:
    rows = _rows()
    for row in rows:
        row["response"]["cached"] = True
        row["latencyMs"] = 1
    return Made(document(at / "o.json", stored.promptfoo(rows)), EXACT)


def promptfoo_table(at: Path) -> Made:
    file = document(at / "o.json", stored.promptfoo_table(ANSWERS))
    return Made(file, EXACT, clock="promptfoo's clock")


def promptfoo_shared(at: Path) -> Made:
    whole = stored.promptfoo(_rows(), description="spam")
    return Made(document(at / "o.json", {**whole, "results": whole["results"]["results"]}), EXACT, clock="promptfoo's")


def promptfoo_lines(at: Path) -> Made:
    rows = _rows()
    for row, (_, right, reply) in zip(rows, ANSWERS, strict=True):
        row["testCase"]["assert"] = [{"type": "latency", "threshold": 9000}, {"type": "icontains", "value": right}]
        row["success"] = stored.contained(right, reply)
        row["failureReason"] = int(not row["success"])
    return Made(lines(at / "o.jsonl", rows), CONTAINED, clock="promptfoo's clock")


def promptfoo_script(at: Path) -> Made:
    rows = _rows()
    for row, (_, right, _) in zip(rows, ANSWERS, strict=True):
        row["vars"] = row["testCase"]["vars"] = {**row["vars"], "wanted": right}
        row["testCase"]["assert"] = [{"type": "javascript", "value": "output.label === context.vars.wanted"}]
        row["response"]["output"] = {"label": row["response"]["output"], "confidence": 0.9}
    return Made(document(at / "o.json", stored.promptfoo(rows)), EXACT, clock="promptfoo's clock")


def promptfoo_variable(at: Path) -> Made:
    rows = _rows()
    for row, (_, right, _) in zip(rows, ANSWERS, strict=True):
        row["vars"] = {**row["vars"], "wanted": right}
        row["testCase"] = {"vars": row["vars"], "assert": [{"type": "equals", "value": "{{wanted}}"}]}
    return Made(document(at / "o.json", stored.promptfoo(rows)), EXACT, clock="promptfoo's clock")


def promptfoo_named_variable(at: Path) -> Made:
    rows = _rows()
    for row, (_, right, _) in zip(rows, ANSWERS, strict=True):
        row["vars"] = {**row["vars"], "wanted": right}
        row["testCase"] = {"vars": row["vars"], "assert": [{"type": "llm-rubric", "value": "names the kind"}]}
    file = document(at / "o.json", stored.promptfoo(rows))
    return Made(file, CONTAINED, passed=EXACT, clock="promptfoo's clock", options=("--expected", "wanted"))


def promptfoo_metadata(at: Path) -> Made:
    rows = _rows()
    for row, (_, right, _) in zip(rows, ANSWERS, strict=True):
        row["testCase"] = {
            "vars": row["vars"],
            "metadata": {"kind": right},
            "assert": [{"type": "python", "value": "x"}],
        }
    file = document(at / "o.json", stored.promptfoo(rows))
    return Made(file, CONTAINED, passed=EXACT, clock="promptfoo's clock", options=("--expected", "metadata.kind"))


def promptfoo_transformed(at: Path) -> Made:
    """Write replies whose label code has read before an assertion saw it: what it compared is not stored."""
    rows = _rows()
    for row, (_, right, reply) in zip(rows, ANSWERS, strict=True):
        row["testCase"]["assert"] = [{"type": "equals", "value": right, "transform": "JSON.parse(output).label"}]
        row["response"]["output"] = json.dumps({"label": reply})
    return Made(document(at / "o.json", stored.promptfoo(rows)), CONTAINED, passed=EXACT, clock="promptfoo's clock")


def promptfoo_described(at: Path) -> Made:
    """Write tests without variables, such as of prompts that say all: their descriptions tell them apart."""
    rows = _rows()
    for row, (case, _, _) in zip(rows, ANSWERS, strict=True):
        row["vars"], row["testCase"]["vars"], row["testCase"]["description"] = {}, {}, f"about {case}"
    return Made(document(at / "o.json", stored.promptfoo(rows)), EXACT, clock="promptfoo's clock")


def promptfoo_database(at: Path) -> Made:
    evals = {"eval-old": _rows()[:4], "eval-new": _rows()}
    return Made(stored.promptfoo_database(at / "promptfoo.db", evals), EXACT, clock="promptfoo's clock")


def promptfoo_older_database(at: Path) -> Made:
    file = stored.promptfoo_database(at / "promptfoo.db", {"eval-a": _rows(), "eval-b": []}, in_one_cell=True)
    return Made(file, EXACT, clock="promptfoo's clock", options=("--part", "eval-a"))


def inspect_json(at: Path) -> Made:
    samples = [stored.inspect_sample(answer, epoch) for epoch in (2, 1) for answer in ANSWERS]
    file = document(at / "log.json", {**stored.inspect_head(40, 2), "samples": samples, "reductions": []})
    return Made(file, 2 * EXACT, trials=80, clock="Inspect's clock", tool="Inspect")


def inspect_archive(at: Path) -> Made:
    samples = [stored.inspect_sample(answer, scorer="includes") for answer in ANSWERS]
    samples[0]["error"] = {"message": "Connection timed out", "traceback": "...", "traceback_ansi": "..."}
    del samples[0]["output"]["choices"], samples[0]["output"]["completion"]
    samples[0]["scores"] = {}
    file = stored.inspect_archive(at / "2026-09-30_spam.eval", stored.inspect_head(40), samples)
    return Made(file, CONTAINED - 1, failed=1, clock="Inspect's clock", tool="Inspect")


def inspect_zstd(at: Path) -> Made:
    """Multiple choice: targets are letters; texts are kept apart, and replies are parts of which some are thoughts."""
    samples = []
    for case, right, reply in ANSWERS:
        letter, said = "AB"[right == "spam"], {"ham": "A", "spam": "B"}.get(reply)
        text = f"ANSWER: {said}" if said else "A guess"
        parts = [{"type": "reasoning", "reasoning": "ANSWER: A or B?"}, {"type": "text", "text": text}]
        sample = stored.inspect_sample((case, letter, reply), scorer="choice", target=letter, choices=["ham", "spam"])
        sample["input"], sample["attachments"] = "attachment://q1", {"q1": f"Sort: text {case}"}
        sample["output"]["choices"][0]["message"]["content"] = parts
        del sample["output"]["completion"]
        sample["scores"]["choice"]["value"] = "C" if said == letter else "I"
        samples.append(sample)
    file = stored.inspect_archive(at / "z.eval", stored.inspect_head(40), samples, 93)
    return Made(file, EXACT, clock="Inspect's clock", tool="Inspect")


def inspect_first(at: Path) -> Made:
    """Write a log of the first versions: one score without a name; a letter after prose that holds another."""
    samples = []
    for case, right, reply in ANSWERS:
        letter, said = "AB"[right == "spam"], {"ham": "A", "spam": "B"}.get(reply, "C")
        sample = stored.inspect_sample((case, letter, f"A good one. ANSWER: {said}"), choices=["ham", "spam", "-"])
        sample["score"] = {"value": "C" if said == letter else "I", "answer": said}
        del sample["scores"]
        samples.append(sample)
    file = document(at / "log.json", {**stored.inspect_head(40), "version": 1, "samples": samples})
    return Made(file, EXACT, clock="Inspect's clock", tool="Inspect")


def inspect_batched(at: Path) -> Made:
    samples = [stored.inspect_sample(answer) for answer in ANSWERS]
    for sample in samples:
        sample["output"]["time"] = 3600.0
    head = stored.inspect_head(40)
    head["eval"]["model_generate_config"] = {"batch": True}
    return Made(document(at / "log.json", {**head, "samples": samples}), EXACT, tool="and none is read")


def inspect_running(at: Path) -> Made:
    samples = [stored.inspect_sample(answer) for answer in ANSWERS[:30]]
    right = sum(stored.exactly(*answer[1:]) for answer in ANSWERS[:30])
    return Made(
        stored.inspect_archive(at / "r.eval", None, samples), right, trials=30, cases=30, clock="Inspect's clock"
    )


@pytest.mark.parametrize(
    "written", [float, lambda place: str(float(place)), lambda place: [place], lambda place: f"[{place}]"]
)
def test_a_right_choice_is_a_place_however_it_is_written(tmp_path: Path, written: Callable[[int], object]) -> None:
    rows = [stored.lm_eval_choice(n, answer) for n, answer in enumerate(ANSWERS)]
    lines(tmp_path / "plain.jsonl", rows)
    lines(tmp_path / "other.jsonl", [{**row, "target": written(int(row["target"]))} for row in rows])
    plain, other = (
        json.loads(in_process("judge", name, "--json", at=tmp_path).stdout)["candidates"][0]["classification"]
        for name in ("plain.jsonl", "other.jsonl")
    )
    assert plain == other


def test_what_inspect_stopped_before_a_model_answered_is_a_failure(tmp_path: Path) -> None:
    samples = [stored.inspect_sample(answer) for answer in ANSWERS]
    limit = {"type": "message", "limit": 1.0, "reason": "Message limit reached. count: 1; limit: 1"}
    samples[0] |= {"output": {"model": "m", "choices": [], "completion": ""}, "limit": limit}
    samples[1]["output"] = {"model": "m", "choices": [], "completion": ""}
    document(tmp_path / "log.json", {**stored.inspect_head(40), "samples": samples})
    done = in_process("judge", "log.json", "--json", at=tmp_path)
    outcomes = json.loads(done.stdout)["candidates"][0]["outcomes"]
    assert outcomes["failed"] == 2
    assert "Message limit reached" in done.stdout


def lm_eval_choices(at: Path) -> Made:
    rows = [stored.lm_eval_choice(n, answer) for n, answer in enumerate(ANSWERS)]
    right = sum(row["acc"] == 1.0 for row in rows)
    assert right == 36, "the likeliest of none is the first: two more are right by chance"
    return Made(lines(at / "samples_spam_2026-10-01T08-00-00.123456.jsonl", rows), right, tool="lm-evaluation-harness")


def lm_eval_letters(at: Path) -> Made:
    rows = [stored.lm_eval_choice(n, a, (a[1], f"other {a[0]}")) for n, a in enumerate(ANSWERS)]
    for row in rows[:10]:
        row["target"], row["acc"] = "1", 0.0
    return Made(lines(at / "samples_hella.jsonl", rows), 30)


def lm_eval_first(at: Path) -> Made:
    """Write what the first versions did: one list, without filters, numbers as numbers."""
    rows = [stored.lm_eval_choice(n, answer) for n, answer in enumerate(ANSWERS)]
    for row in rows:
        row["arguments"] = [list(each.values()) for each in row["arguments"].values()]
        row["filtered_resps"] = [[float(odds), best == "True"] for odds, best in row["filtered_resps"]]
        row["target"] = int(row["target"])
        del row["filter"]
    return Made(document(at / "model_spam.jsonl", rows), 36, tool="lm-evaluation-harness")


def lm_eval_filters(at: Path) -> Made:
    strict = [stored.lm_eval_text(n, a, "strict-match", a[2] or "[invalid]") for n, a in enumerate(ANSWERS)]
    loose = [stored.lm_eval_text(n, a, "flexible", a[1]) for n, a in enumerate(ANSWERS)]
    file = lines(at / "samples_spam.jsonl", [row for pair in zip(strict, loose, strict=True) for row in pair])
    return Made(file, EXACT, options=("--part", "strict-match"))


def lm_eval_lists(at: Path) -> Made:
    rows = [stored.lm_eval_text(n, a, "none", f"{a[2]}!" if a[2] == a[1] else a[2]) for n, a in enumerate(ANSWERS)]
    for n, row in enumerate(rows):  # as its writer shows a list, and as a list
        right = [row["target"], f"{row['target']}!"]
        row["target"], row["exact_match"] = (str(right) if n % 2 else right), float(row["filtered_resps"][0] in right)
    return Made(lines(at / "samples_spam.jsonl", rows), EXACT)


def lm_eval_mutual(at: Path) -> Made:
    rows = [stored.lm_eval_choice(n, answer) for n, answer in enumerate(ANSWERS)]
    for row in rows:
        row["acc_mutual_info"] = 1.0
        row["filtered_resps"] = [*row["filtered_resps"], ["-0.01", "True"], ["-0.02", "False"]]
        row["arguments"] |= {
            "gen_args_2": {"arg_0": "", "arg_1": " ham"},
            "gen_args_3": {"arg_0": "", "arg_1": " spam"},
        }
    return Made(lines(at / "samples_spam.jsonl", rows), 36)


def openai_log(at: Path) -> Made:
    right = sum(reply.startswith(right) for case, right, reply in ANSWERS if case != "m0")
    rows = stored.openai_evals(ANSWERS, failed=["m0"])
    return Made(lines(at / "26_gpt-4.1.jsonl", rows), right, failed=1, tool="openai/evals")


def openai_includes(at: Path) -> Made:
    """Write what `Includes` records: a reply that holds the label is right, whatever stands before it."""
    rows = stored.openai_evals(ANSWERS)
    for row in rows:
        if row.get("type") == "match":
            row["data"]["correct"] = stored.contained(row["data"]["expected"], row["data"]["sampled"])
    return Made(lines(at / "includes.jsonl", rows), CONTAINED, tool="openai/evals")


def deepeval_run(at: Path) -> Made:
    answers = stored.deepeval(ANSWERS)
    for test in answers["testCases"][:2]:
        test["actualOutput"], test["success"] = None, False
    file = document(at / "test_run_20261001.json", answers)
    return Made(file, CONTAINED - 2, EXACT - 2, failed=2, clock="the clock of the DeepEval test", tool="DeepEval")


def _table() -> list[dict[str, Any]]:
    return [
        {"id": case, "text": f"text {case}", "gold": right, "prediction": reply, "latency_ms": 120.5}
        for case, right, reply in ANSWERS
    ]


def csv_table(at: Path) -> Made:
    with (at / "t.csv").open("w", newline="") as out:
        writer = csv.DictWriter(out, _table()[0], delimiter=";")
        writer.writeheader()
        writer.writerows(_table())
    return Made(at / "t.csv", CONTAINED, clock="the clock of whoever wrote t.csv", tool="a table")


def jsonl_table(at: Path) -> Made:
    rows = [
        {"q": row["id"], "run": run, "y": row["gold"], "said": row["prediction"], "took": 0.2, "broke": None}
        for run in (1, 0)
        for row in _table()
    ]
    rows[0]["broke"], rows[0]["said"] = "timeout: no answer in 30 s", None
    names = ("--expected", "y", "--reply", "said", "--case", "q", "--repeat", "run", "--latency", "took:s")
    file = lines(at / "t.jsonl", rows)
    options = (*names, "--error", "broke", "--candidate", "v2@mini", "--as", "exact")
    return Made(file, 2 * EXACT - 1, trials=80, failed=1, clock="the clock of whoever wrote", options=options)


def json_table(at: Path) -> Made:
    return Made(document(at / "t.json", _table()), CONTAINED, clock="the clock of whoever wrote")


def parquet_table(at: Path) -> Made:
    rows = [{**row, "gold": float(row["gold"] == "spam"), "prediction": None} for row in _table()]
    for row, (_, _, reply) in zip(rows, ANSWERS, strict=True):
        row["prediction"] = {"ham": 0.0, "spam": 1.0}.get(reply)
    polars.DataFrame(rows).write_parquet(at / "t.parquet")
    return Made(at / "t.parquet", EXACT, clock="the clock of whoever wrote")


def camel_case(at: Path) -> Made:
    """Write what Langfuse exports: names of columns as JavaScript has them."""
    rows = [
        {"id": case, "input": {"message": f"text {case}"}, "output": reply, "expectedOutput": right, "latency": 0.4}
        for case, right, reply in ANSWERS
    ]
    options = ("--latency", "latency:s")
    return Made(document(at / "l.json", rows), CONTAINED, clock="the clock of whoever wrote", options=options)


def run_ids(at: Path) -> Made:
    """Write what LangSmith gives of three repetitions: each row has an id, `example_id` is the case."""
    with (at / "s.csv").open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["", "input.message", "outputs.label", "reference.label", "error", "example_id", "id"])
        for n in range(3):
            writer.writerows(["", f"text {case}", said, right, "", case, f"{n}{case}"] for case, right, said in ANSWERS)
    options = ("--expected", "reference.label", "--reply", "outputs.label")
    return Made(at / "s.csv", 3 * CONTAINED, trials=120, options=options)


def objects(at: Path) -> Made:
    rows = [
        {
            "id": case,
            "output": {"label": reply, "why": "ham, not spam"},
            "expected": json.dumps({"label": right}),
            "metrics": {"duration": 400.0},
        }
        for case, right, reply in ANSWERS
    ]
    options = ("--expected", "expected.label", "--reply", "output.label", "--as", "exact", "--latency")
    options = (*options, "metrics.duration:ms")
    return Made(document(at / "o.json", rows), EXACT, clock="the clock of whoever wrote o.json", options=options)


FILES = [
    promptfoo_json, promptfoo_failed, promptfoo_repeated, promptfoo_cached, promptfoo_table, promptfoo_lines,
    promptfoo_script, promptfoo_variable, promptfoo_named_variable, promptfoo_database, promptfoo_older_database,
    promptfoo_shared, promptfoo_metadata, promptfoo_transformed, promptfoo_described, inspect_first, inspect_batched,
    lm_eval_first, inspect_json, inspect_archive, inspect_zstd, inspect_running, lm_eval_choices, lm_eval_letters,
    lm_eval_filters, lm_eval_lists, lm_eval_mutual, openai_log, openai_includes, deepeval_run, csv_table, jsonl_table,
    json_table, parquet_table, camel_case, run_ids, objects,
]  # fmt: skip


@pytest.mark.parametrize("make", FILES, ids=lambda make: make.__name__)
def test_what_a_tool_stored_has_its_own_counts_here(make: Callable[[Path], Made], tmp_path: Path) -> None:
    made = make(tmp_path)
    done = in_process("judge", made.file.name, *made.options, "--thresholds", "accuracy >= 50%", "--json", at=tmp_path)
    assert done.returncode in (0, 4), done.stderr  # 4: what failed may decide
    (judged,) = json.loads(done.stdout)["candidates"]
    table = judged["classification"]["confusion"]
    right = sum(table["counts"][n][table["columns"].index(row)] for n, row in enumerate(table["rows"]))
    assert (judged["trials"], judged["cases"], right) == (made.trials, made.cases, made.right)
    assert sum(map(sum, table["counts"])) == made.trials
    assert judged["outcomes"]["failed"] == made.failed
    assert judged["latency"]["clock"].startswith(made.clock)
    assert bool(judged["latency"]["clock"]) == bool(made.clock)
    if " itself passed " in done.stderr:
        passed = made.right if made.passed is None else made.passed
        assert f" itself passed {passed} of " in done.stderr
        assert f"here {made.right} are right" in done.stderr
    assert made.tool in done.stderr


def _accuracies(at: Path, name: str) -> dict[str, tuple[int, float]]:
    """Judge a file: model -> trials, accuracy."""
    judged = json.loads(in_process("judge", name, "--json", at=at).stdout)["candidates"]
    return {each["model"]: (each["trials"], each["classification"]["accuracy"]["value"]) for each in judged}


def test_a_cost_that_is_asked_of_another_tool_s_answers_is_not_known(tmp_path: Path) -> None:
    """And harness.yml, which has no part in it, is not to be mended."""
    document(tmp_path / "o.json", stored.promptfoo(_rows(cost=0.01)))
    done = in_process("judge", "o.json", "--thresholds", "cost per 1000 <= $1", at=tmp_path)
    assert done.returncode == 3
    assert "can't be decided: no cost is read from o.json." in " ".join(done.stdout.split())


def test_two_columns_of_promptfoo_with_one_name_are_two_candidates(tmp_path: Path) -> None:
    """One model with other parameters has the same id there; as one candidate each would be the other's repeats."""
    other = [stored.promptfoo_row(n, (case, right, right), promptIdx=1) for n, (case, right, _) in enumerate(ANSWERS)]
    document(tmp_path / "o.json", stored.promptfoo([*other, *_rows()]))
    assert _accuracies(tmp_path, "o.json") == {
        "openai:gpt-4.1-mini": (40, EXACT / 40),
        "openai:gpt-4.1-mini (2)": (40, 1.0),
    }


def test_two_runs_in_one_log_of_openai_evals_are_two_candidates(tmp_path: Path) -> None:
    first = stored.openai_evals(ANSWERS)
    other = json.dumps(stored.openai_evals([(case, right, right) for case, right, _ in ANSWERS]))
    second = json.loads(other.replace('"26"', '"27"').replace("gpt-4.1-mini", "gpt-5-mini"))
    lines(tmp_path / "log.jsonl", [*first, *second])
    assert _accuracies(tmp_path, "log.jsonl") == {"gpt-4.1-mini": (40, EXACT / 40), "gpt-5-mini": (40, 1.0)}


def test_a_tool_that_graded_nothing_is_not_said_to_have_passed_none(tmp_path: Path) -> None:
    samples = [stored.inspect_sample(answer) for answer in ANSWERS]
    for sample in samples:  # a scorer that gives a list, before one that grades
        sample["scores"] = {"parts": {"value": [1, 0]}, **sample["scores"]}
    document(tmp_path / "i.json", {**stored.inspect_head(40), "samples": samples})
    told = in_process("judge", "i.json", "--thresholds", "accuracy >= 50%", at=tmp_path).stderr
    assert f"Inspect itself passed {EXACT} of 40; here {EXACT} are right" in told
    for sample in samples:
        sample["scores"] = {"exact": {"value": None}}
    document(tmp_path / "n.json", {**stored.inspect_head(40), "samples": samples})
    assert "read by `exact`" in in_process("judge", "n.json", at=tmp_path).stderr
    run = stored.deepeval(ANSWERS)
    for test in run["testCases"]:
        test["success"] = None
    document(tmp_path / "d.json", run)
    told = in_process("judge", "d.json", "--thresholds", "accuracy >= 50%", at=tmp_path).stderr
    assert "40 answers to 40 cases" in told
    assert "itself passed" not in told


def test_a_judged_file_is_a_run_like_any_other(tmp_path: Path) -> None:
    rows = [stored.promptfoo_row(n, answer) for n, answer in enumerate(ANSWERS)]
    document(tmp_path / "old.json", stored.promptfoo(rows, description="spam"))
    better = [stored.promptfoo_row(n, (case, right, right)) for n, (case, right, _) in enumerate(ANSWERS)]
    newer = stored.promptfoo(better, description="spam")
    newer["results"]["timestamp"] = "2026-10-03T09:30:00Z"
    document(tmp_path / "new.json", newer)
    assert in_process("judge", "old.json", "--thresholds", "accuracy >= 95%", at=tmp_path).returncode == 1
    (first,) = (tmp_path / "results").iterdir()
    assert in_process("judge", "new.json", "--thresholds", "accuracy >= 90%", at=tmp_path).returncode == 0
    second = next(run for run in (tmp_path / "results").iterdir() if run != first)
    manifest = json.loads((first / "manifest.json").read_text())
    digest = hashlib.sha256((tmp_path / "old.json").read_bytes()).hexdigest()
    assert manifest["files"] == [{"path": "old.json", "sha256": digest}]
    assert (manifest["notes"]["source"]["tool"], manifest["created_utc"]) == (
        "promptfoo",
        "2026-10-02T09:30:00.000000+00:00",
    )
    report = (first / "report.md").read_text()
    assert "by promptfoo's clock, its own queue and retries included" in report
    assert digest in report
    shown = in_process("show", first.name, "--wrong", at=tmp_path)
    assert "expected spam, read as unparseable" in shown.stdout
    assert "judge it again with `--as`" in shown.stdout
    listed = in_process("list", "--json", at=tmp_path)
    assert {row["suite"] for row in json.loads(listed.stdout)} == {"spam"}
    again = in_process("report", first.name, "--thresholds", "accuracy >= 50%", at=tmp_path)
    assert again.returncode == 0
    compared = in_process("compare", first.name, second.name, at=tmp_path)
    assert "+15.0 points" in compared.stdout
    assert "The prompts are not known: another tool sent them." in compared.stdout
    in_process("export", first.name, "--to", "jsonl", "-o", "back.jsonl", at=tmp_path)
    table = [json.loads(line) for line in (tmp_path / "back.jsonl").read_text().splitlines()]
    assert (len(table), {row["recorded"] for row in table}) == (40, {True})
    history = in_process("history", "spam", "--json", at=tmp_path)
    assert history.returncode == 0, history.stderr
    back = in_process("judge", "back.jsonl", "--thresholds", "accuracy >= 50%", "--as", "exact", at=tmp_path)
    assert "40 answers to 40 cases" in back.stderr
    resumed = in_process("resume", first.name, at=tmp_path)
    assert (resumed.returncode, "nothing to resume" in resumed.stderr) == (2, True)


def test_a_case_that_was_answered_more_often_makes_no_trials_that_others_lack(tmp_path: Path) -> None:
    rows = [
        {"case": n, "model": model, "repeat": repeat, "expected": "ab"[n % 2], "reply": "ab"[n % 2]}
        for n in range(40)
        for model, repeat in (("x", 0), ("x", 1), ("x", 2), ("y", 0))
        if n < 20 or repeat < 2
    ]
    lines(tmp_path / "t.jsonl", rows)
    done = in_process("judge", "t.jsonl", "--thresholds", "accuracy >= 90%", "--json", at=tmp_path)
    found = {one["name"]: (one["trials"], one["verdict"]) for one in json.loads(done.stdout)["candidates"]}
    assert found == {"x": (100, "READY"), "y": (40, "READY")}


def test_what_a_candidate_was_not_asked_leaves_it_open(tmp_path: Path) -> None:
    rows = [
        {"case": n, "model": model, "expected": "ab"[n % 2], "reply": "ab"[n % 2]}
        for n in range(60)
        for model in "xy"
        if model == "x" or n < 40
    ]
    lines(tmp_path / "t.jsonl", rows)
    done = in_process("judge", "t.jsonl", "--thresholds", "accuracy >= 90%", "--json", at=tmp_path)
    found = {one["name"]: one for one in json.loads(done.stdout)["candidates"]}
    asked, left_out = found["x"], found["y"]
    assert (asked["verdict"], asked["trials"], asked["not_run"]) == ("READY", 60, 0)
    assert (left_out["verdict"], left_out["trials"], left_out["not_run"]) == ("INCONCLUSIVE", 40, 20)
    assert "Let the tool ask the cases that this candidate lacks" in left_out["next_step"]["sentence"]
    refused = in_process("baseline", "set", "latest", at=tmp_path)
    assert (refused.returncode, (tmp_path / "baselines.yml").exists()) == (2, False)
    assert "can't be a baseline for y: it was not asked every case" in refused.stderr
    assert "Let the tool ask the cases" in refused.stderr
    told = json.loads(in_process("history", "t", "--json", at=tmp_path).stdout)["candidates"]
    assert [told[name]["points"][0]["complete"] for name in "xy"] == [True, False]
    compared = in_process("compare", "latest:x", "latest:y", at=tmp_path)
    assert "20 trials were not run and left out. Let the tool ask" in " ".join(compared.stdout.split())


def test_nobody_is_told_to_resume_what_another_tool_asked(tmp_path: Path) -> None:
    promptfoo_failed(tmp_path)
    done = in_process("judge", "o.json", at=tmp_path)
    (run,) = (tmp_path / "results").iterdir()
    pages = [done.stdout, *((run / name).read_text() for name in ("report.md", "report.html", "report.json"))]
    shown = in_process("show", run.name, "--wrong", at=tmp_path)
    for page in (*pages, shown.stdout):
        assert "harness resume" not in page
        assert "rate_limited" in page
    assert "Let the tool that wrote o.json ask again" in shown.stdout


def test_the_viewer_shows_a_judged_run(tmp_path: Path) -> None:
    inspect_archive(tmp_path)
    in_process("judge", "2026-09-30_spam.eval", at=tmp_path)
    done = in_process("view", "--export", "site", at=tmp_path)
    assert done.returncode == 0, done.stderr
    pages = "".join(page.read_text() for page in (tmp_path / "site").rglob("*.html"))
    assert "spam@openai/gpt-4.1-mini" in pages
    assert "Clearly ham to me" in pages


@pytest.mark.parametrize(
    "pair", [("1", "1.0"), ("1.0", "1")], ids=["an empty reply made them floats", "so did the labels"]
)
def test_an_id_that_one_column_writes_as_a_float_is_that_id(pair: tuple[str, str], tmp_path: Path) -> None:
    right, said = pair
    zero, none = right.replace("1", "0"), said.replace("1", "0")
    rows = [(right, said)] * 5 + [(zero, none)] * 3 + [(zero, said)] * 2
    (tmp_path / "ids.csv").write_text("y_true,y_pred\n" + "".join(f"{a},{b}\n" for a, b in rows))
    done = in_process("judge", "ids.csv", "--json", at=tmp_path)
    (candidate,) = json.loads(done.stdout)["candidates"]
    assert candidate["outcomes"]["label"] == 10
    assert candidate["classification"]["accuracy"]["value"] == 0.8


@pytest.mark.parametrize(
    "rows", ["True,1\nFalse,0\n", "1,True\n0,False\n", "true,1.0\nfalse,0.0\n", "True,TRUE\nFalse,\n"]
)
def test_a_truth_that_the_other_column_writes_as_a_number_is_that_truth(rows: str, tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text("y_true,y_pred\n" + rows)
    done = in_process("judge", "v.csv", "--json", at=tmp_path)
    (candidate,) = json.loads(done.stdout)["candidates"]
    assert candidate["classification"]["accuracy"]["value"] == (0.5 if rows.endswith(",\n") else 1.0)


def test_labels_that_an_export_wrote_as_json_texts_are_those_texts(tmp_path: Path) -> None:
    rows = [("in", "expected_output", "output"), ("aa", '"ham"', "ham"), ("bb", '"spam"', '"spam"')]
    with (tmp_path / "l.csv").open("w", newline="") as out:
        csv.writer(out).writerows(rows)
    done = in_process("judge", "l.csv", "--json", "--as", "exact", at=tmp_path)
    (candidate,) = json.loads(done.stdout)["candidates"]
    assert candidate["classification"]["confusion"]["rows"] == ["ham", "spam"]
    assert candidate["classification"]["accuracy"]["value"] == 1.0
    in_process("import", "l.csv", "--name", "l", "--expected", "expected_output", "--text", "in", at=tmp_path)
    assert "labels: [ham, spam]" in (tmp_path / "suites/l.suite.yml").read_text()


def test_versions_that_differ_by_a_zero_stay_two_labels(tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text("y_true,y_pred\n2,2.0\n2.0,2.0\n2,2\n2.0,2\n")
    done = in_process("judge", "v.csv", "--json", "--as", "exact", at=tmp_path)
    (candidate,) = json.loads(done.stdout)["candidates"]
    assert candidate["classification"]["accuracy"]["value"] == 0.5


def test_a_column_of_flags_says_which_answers_failed(tmp_path: Path) -> None:
    flags = ["0.0", "0", "False", "", "NaN", "[]", "1.0", "True"]
    rows = "".join(f"{label},{label},{flag}\n" for flag in flags for label in "ab")
    (tmp_path / "f.csv").write_text("expected,output,error\n" + rows)
    done = in_process("judge", "f.csv", "--json", at=tmp_path)
    (candidate,) = json.loads(done.stdout)["candidates"]
    assert (candidate["outcomes"]["label"], candidate["outcomes"]["failed"]) == (12, 4)


def test_rows_that_ask_the_same_under_ids_of_their_own_are_told(tmp_path: Path) -> None:
    rows = "".join(f"{n},text {n // 3},{label},{label}\n" for n, label in enumerate(["a", "b", "a"] * 20))
    (tmp_path / "t.csv").write_text("id,input,expected,output\n" + rows)
    assert "40 of 60 cases ask what another asks; if they are its repeats: --case input" in told(tmp_path)
    assert "another asks" not in told(tmp_path, "--case", "input")


def told(at: Path, *options: str) -> str:
    return " ".join(in_process("judge", "t.csv", *options, at=at).stderr.split())
