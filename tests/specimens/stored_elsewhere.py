"""Result files in the manner of other tools, in our own words: the same forty messages, judged by each tool.

`ANSWERS` are what a model said of each case, and what was right. A tool that asks for the whole text passes 34 of
them, one that looks for the label in it 36: two replies say more than the label, two name another, two nothing.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

Answer = tuple[str, str, str]  # case, right label, reply


def _answers() -> list[Answer]:
    said = {3: "That is spam", 8: "Clearly ham to me", 11: "ham", 14: "spam", 21: "", 30: "no idea"}
    rows = []
    for n in range(40):
        right = "spam" if n % 2 else "ham"
        rows.append((f"m{n}", right, said.get(n, right)))
    return rows


ANSWERS = _answers()
EXACT, CONTAINED = 34, 36


def exactly(right: str, reply: str) -> bool:
    return right == reply


def contained(right: str, reply: str) -> bool:
    return right in reply.lower()


def promptfoo_row(n: int, answer: Answer, **more: Any) -> dict[str, Any]:
    case, right, reply = answer
    passed = exactly(right, reply)
    return {
        "promptIdx": 0,
        "testIdx": n,
        "testCase": {"vars": {"message": f"text {case}"}, "assert": [{"type": "equals", "value": right}]},
        "promptId": "0a1b",
        "provider": {"id": "openai:gpt-4.1-mini", "label": ""},
        "prompt": {"raw": f"Sort: text {case}", "label": "sort.txt"},
        "vars": {"message": f"text {case}"},
        "response": {
            "output": reply,
            "tokenUsage": {"prompt": 20, "completion": 1, "total": 21},
            "cached": False,
            "finishReason": "stop",
        },
        "error": None if passed else f"Expected output to equal {right}",
        "failureReason": 0 if passed else 1,
        "success": passed,
        "score": float(passed),
        "latencyMs": 400 + n,
        "gradingResult": {"pass": passed, "score": float(passed), "reason": "", "componentResults": []},
        "namedScores": {},
        **more,
    }


def refused(row: dict[str, Any], why: str) -> dict[str, Any]:
    """Make of an answer of promptfoo one that its provider refused."""
    return {
        **row, "response": {"error": why}, "error": why, "failureReason": 2, "success": False, "score": 0,
        "gradingResult": None,
    }  # fmt: skip


def promptfoo(rows: Sequence[dict[str, Any]], **config: Any) -> dict[str, Any]:
    stats = {"successes": sum(row["success"] for row in rows), "failures": sum(not row["success"] for row in rows)}
    results = {
        "version": 3,
        "timestamp": "2026-10-02T09:30:00.000Z",
        "prompts": [{"raw": "Sort: {{message}}", "label": "sort.txt", "provider": "openai:gpt-4.1-mini"}],
        "results": list(rows),
        "stats": stats,
    }
    return {"evalId": "eval-abc", "results": results, "config": config, "shareableUrl": None}


def promptfoo_table(answers: Iterable[Answer]) -> dict[str, Any]:
    """Give version 2 with its table alone."""
    head = {"prompts": [{"raw": "Sort: {{message}}", "label": "sort.txt", "provider": "openai:gpt-4.1-mini"}]}
    body = []
    for case, right, reply in answers:
        passed = exactly(right, reply)
        out = {"pass": passed, "text": reply, "latencyMs": 350, "cost": 0.0, "tokenUsage": {"prompt": 20}}
        test = {"vars": {"message": f"text {case}"}, "assert": [{"type": "equals", "value": right}]}
        body.append({"outputs": [out], "vars": [f"text {case}"], "test": test})
    table = {"head": {**head, "vars": ["message"]}, "body": body}
    return {"results": {"version": 2, "results": [], "stats": {}, "table": table}, "config": {"description": "spam"}}


def promptfoo_database(path: Path, evals: dict[str, Sequence[dict[str, Any]]], *, in_one_cell: bool = False) -> Path:
    made = sqlite3.connect(path)
    made.execute(
        "CREATE TABLE evals (id TEXT PRIMARY KEY, created_at INTEGER, description TEXT, results TEXT, config TEXT, "
        "prompts TEXT)"
    )
    made.execute(
        "CREATE TABLE eval_results (id TEXT, created_at INTEGER, eval_id TEXT, prompt_idx INTEGER, test_idx INTEGER, "
        "test_case TEXT, prompt TEXT, prompt_id TEXT, provider TEXT, latency_ms INTEGER, cost REAL, response TEXT, "
        "error TEXT, failure_reason INTEGER, success INTEGER, score REAL, grading_result TEXT, named_scores TEXT, "
        "metadata TEXT)"
    )
    for at, (name, rows) in enumerate(evals.items()):
        stored = json.dumps(promptfoo(rows)["results"]) if in_one_cell else "{}"
        made.execute(
            "INSERT INTO evals VALUES (?, ?, ?, ?, ?, ?)", (name, 1_780_000_000_000 + at, "nightly", stored, "{}", "[]")
        )
        for row in [] if in_one_cell else rows:
            texts = {
                key: json.dumps(row[key]) for key in ("testCase", "prompt", "provider", "response", "gradingResult")
            }
            made.execute(
                f"INSERT INTO eval_results VALUES ({', '.join('?' * 19)})",
                (
                    f"{name}-{row['testIdx']}", 0, name, row["promptIdx"], row["testIdx"], texts["testCase"],
                    texts["prompt"], "p", texts["provider"], row["latencyMs"], 0.0, texts["response"], row["error"],
                    row["failureReason"], int(row["success"]), row["score"], texts["gradingResult"], "{}", "{}",
                ),
            )  # fmt: skip
    made.commit()
    made.close()
    return path


def inspect_sample(answer: Answer, epoch: int = 1, *, scorer: str = "exact", **more: Any) -> dict[str, Any]:
    case, right, reply = answer
    passed = exactly(right, reply) if scorer == "exact" else contained(right, reply)
    message = {"role": "assistant", "content": reply, "source": "generate"}
    return {
        "id": case,
        "epoch": epoch,
        "input": f"Sort: text {case}",
        "target": f" {right}",
        "messages": [{"role": "user", "content": f"Sort: text {case}"}, message],
        "output": {
            "model": "gpt-4.1-mini",
            "choices": [{"message": message, "stop_reason": "stop"}],
            "completion": reply,
            "usage": {"input_tokens": 20, "output_tokens": 1, "total_tokens": 21, "input_tokens_cache_read": 0},
            "time": 0.5,
        },
        "scores": {scorer: {"value": "C" if passed else "I", "answer": reply, "explanation": reply}},
        "metadata": {},
        "total_time": 0.9,
        "working_time": 0.6,
        **more,
    }


def inspect_head(samples: int, epochs: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "version": 2,
        "status": "success",
        "eval": {
            "task": "team/spam",
            "model": "openai/gpt-4.1-mini",
            "run_id": "r1",
            "created": "2026-09-30T12:00:00+02:00",
            "dataset": {"name": "sms", "samples": samples},
            "config": {"epochs": epochs},
        },
        "plan": {},
        "results": {"total_samples": samples},
        "stats": {},
        **more,
    }


def inspect_archive(
    path: Path, head: dict[str, Any] | None, samples: Iterable[dict[str, Any]], method: int = 8
) -> Path:
    packing: Any = zipfile
    if method == 93 and sys.version_info < (3, 14):
        from backports.zstd import zipfile as packing
    with packing.ZipFile(path, "w", compression=method) as packed:
        packed.writestr("_journal/start.json", json.dumps({**inspect_head(40), "status": "started"}))
        for sample in samples:
            packed.writestr(f"samples/{sample['id']}_epoch_{sample['epoch']}.json", json.dumps(sample))
        packed.writestr("summaries.json", "[]")
        if head is not None:
            packed.writestr("header.json", json.dumps(head))
    return path


def lm_eval_choice(n: int, answer: Answer, choices: Sequence[str] = ("ham", "spam")) -> dict[str, Any]:
    case, right, reply = answer
    best = choices.index(reply) if reply in choices else 0
    odds = [[str(-0.1 if at == best else -2.5), str(at == best)] for at in range(len(choices))]
    return {
        "doc_id": n,
        "doc": {"text": f"text {case}", "label": choices.index(right)},
        "target": str(choices.index(right)),
        "arguments": {f"gen_args_{at}": {"arg_0": "Sort:", "arg_1": f" {each}"} for at, each in enumerate(choices)},
        "resps": [[each] for each in odds],
        "filtered_resps": odds,
        "filter": "none",
        "metrics": ["acc"],
        "doc_hash": f"h{n}",
        "acc": float(choices[best] == right),
    }


def lm_eval_text(n: int, answer: Answer, name: str, said: str) -> dict[str, Any]:
    case, right, reply = answer
    return {
        "doc_id": n,
        "doc": {"text": f"text {case}"},
        "target": right,
        "arguments": {"gen_args_0": {"arg_0": "Sort:", "arg_1": {"until": ["\n"]}}},
        "resps": [[reply]],
        "filtered_resps": [said],
        "filter": name,
        "metrics": ["exact_match"],
        "exact_match": float(said == right),
    }


def openai_evals(answers: Iterable[Answer], failed: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Give a record log: events of a sample stand apart, as they came."""
    spec = {"completion_fns": ["gpt-4.1-mini"], "eval_name": "spam.dev.v0", "base_eval": "spam", "split": "dev"}
    head: list[dict[str, Any]] = [{"spec": {**spec, "run_id": "26", "created_at": "2026-08-01 10:00:00.123456"}}]
    sampled, matched = [], []
    for n, (case, right, reply) in enumerate(answers):
        event = {"run_id": "26", "sample_id": f"spam.dev.{n}", "created_at": "2026-08-01 10:00:01+00:00"}
        sampled.append(
            {**event, "event_id": n, "type": "sampling", "data": {"prompt": f"text {case}", "sampled": [reply]}}
        )
        right_one = reply.startswith(right)
        told = {"expected": right, "picked": right if right_one else None, "sampled": reply, "options": [right]}
        if case in failed:
            data = {"type": "RateLimitError", "message": "429 Too Many Requests", "expected": right}
            sampled[-1] = {**event, "event_id": n, "type": "error", "data": data}
        else:
            matched.append({**event, "event_id": 99, "type": "match", "data": {"correct": right_one, **told}})
    return [*head, {"final_report": {"accuracy": 0.9}}, *sampled, *reversed(matched)]


def deepeval(answers: Iterable[Answer]) -> dict[str, Any]:
    tests = [
        {
            "name": f"test_case_{n}",
            "input": f"text {case}",
            "actualOutput": reply,
            "expectedOutput": right,
            "success": exactly(right, reply),
            "completionTime": 0.25,
            "tags": ["sms"],
            "metricsData": [{"name": "Exact Match", "threshold": 0.5, "success": exactly(right, reply), "score": 1.0}],
            "runDuration": 9.0,
        }
        for n, (case, right, reply) in enumerate(answers)
    ]
    return {
        "testCases": tests,
        "conversationalTestCases": [],
        "identifier": "spam",
        "hyperparameters": {"model": "mini"},
    }


def lines(path: Path, rows: Iterable[object]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def document(path: Path, whole: object, indent: int | None = 2) -> Path:
    path.write_text(json.dumps(whole, indent=indent), encoding="utf-8")
    return path
