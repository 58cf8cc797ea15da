"""Lines that are answered offline: written, read in parts, and nothing of another run's taken for them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from batching import Batches, spam_or_ham
from bought import Bought, Serve
from commanded import in_process
from measured import events_of, places
from scripted import Answer, chat_reply

from harness.record import Batch, Failure
from harness.rundir import list_runs


def lines_of(bought: Bought) -> list[dict[str, Any]]:
    """Read what the run wrote."""
    (file,) = (bought.folder / "batches").iterdir()
    return [json.loads(line) for line in file.read_text().splitlines()]


def answered(line: dict[str, Any]) -> str:
    """Answer a line as vLLM's `run-batch` does."""
    assert (line["method"], line["url"]) == ("POST", "/v1/chat/completions")
    reply = chat_reply(spam_or_ham(line["body"]["messages"][-1]["content"]))
    response = {"status_code": 200, "request_id": "vllm-batch-1", "body": reply}
    return json.dumps({"id": "vllm-1", "custom_id": line["custom_id"], "response": response, "error": None})


def wanting_a_key(root: Path, serve: Serve) -> Bought:
    bought = Bought(root, serve, Batches(), via="file", api_key_env="NOT_SET_ANYWHERE", stream=True)
    done = bought.run()
    assert done.returncode == 4, done.stderr
    assert "24 trials wait to be answered offline" in done.stderr
    return bought


def test_what_was_answered_offline_is_a_run_like_any_other(tmp_path: Path, scripted_server: Serve) -> None:
    bought = wanting_a_key(tmp_path, scripted_server)
    assert not bought.server.requests
    assert "0 of 24 ready" in in_process("list", at=tmp_path).stdout
    refused = in_process("baseline", "set", "latest", at=tmp_path)
    assert f"`harness resume {bought.folder.name}`, with `--results FILE` for answers made offline" in refused.stderr
    lines = lines_of(bought)
    (tmp_path / "out.jsonl").write_text("".join(answered(line) + "\n" for line in reversed(lines)))
    done = bought.resume("--results", "out.jsonl")
    assert done.returncode in {0, 3}, done.stderr
    assert set(places(bought.folder).values()) == {1}
    assert Counter(record.via for record in bought.records) == {"file": 24}
    assert bought.report["candidates"][0]["classification"]["accuracy"]["value"] == 1.0


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("form", ["[{}]", "{}"])
def test_answers_may_be_one_list_and_in_utf_16(
    tmp_path: Path, scripted_server: Serve, form: str, encoding: str
) -> None:
    bought = wanting_a_key(tmp_path, scripted_server)
    between = ",\n" if form.startswith("[") else "\r\n"
    whole = form.format(between.join(answered(line) for line in lines_of(bought)))
    (tmp_path / "out.json").write_bytes(whole.encode(encoding))
    done = bought.resume("--results", "out.json")
    assert done.returncode in {0, 3}, done.stderr
    assert set(places(bought.folder).values()) == {1}


def test_a_list_of_answers_that_was_cut_is_refused(tmp_path: Path, scripted_server: Serve) -> None:
    bought = wanting_a_key(tmp_path, scripted_server)
    (tmp_path / "out.json").write_text(f"[{answered(lines_of(bought)[0])},")
    done = bought.resume("--results", "out.json")
    assert (done.returncode, "out.json can't be read" in done.stderr) == (2, True), done.stderr


def test_shards_that_wait_are_joined_and_answered_as_one_run(tmp_path: Path, scripted_server: Serve) -> None:
    Bought(tmp_path, scripted_server, Batches(), via="file")
    for shard in ("1/2", "2/2"):
        assert in_process("run", "small.suite.yml", "--quiet", "--shard", shard, at=tmp_path).returncode == 4
    shards = list_runs(tmp_path / "results")
    lines = [line for run in shards for file in (run / "batches").iterdir() for line in file.read_text().splitlines()]
    assert len(lines) == 24
    (tmp_path / "out.jsonl").write_text("".join(answered(json.loads(line)) + "\n" for line in lines))
    joined = in_process("merge", *shards, "--json", at=tmp_path)
    assert joined.returncode == 4
    run = json.loads(joined.stdout)["run_id"]
    done = in_process("resume", run, "--results", "out.jsonl", "--quiet", at=tmp_path)
    assert done.returncode in {0, 3}, done.stderr
    assert set(places(tmp_path / "results" / run).values()) == {1}
    assert sum(places(tmp_path / "results" / run).values()) == 24


def test_a_sample_that_is_refused_leaves_a_run_of_read_answers_unfinished(
    tmp_path: Path, scripted_server: Serve
) -> None:
    provider = Batches()
    bought = Bought(tmp_path, scripted_server, provider, via="file")
    with (tmp_path / "small.suite.yml").open("a") as suite:
        suite.write("latency: {sample: 4}\n")
    bought.server.script = lambda _: Answer.of_json({"error": {"message": "no such key"}}, status=401)
    assert bought.run().returncode == 4
    (tmp_path / "out.jsonl").write_text("".join(answered(line) + "\n" for line in lines_of(bought)))
    done = bought.resume("--results", "out.jsonl")
    assert (done.returncode, len(bought.records), bought.report["verdict"]) == (4, 20, "INCONCLUSIVE"), done.stderr
    assert "no such key" in done.stderr
    assert bought.resume().returncode == in_process("report", "latest", at=tmp_path).returncode == 4
    bought.server.script = provider
    assert bought.resume().returncode in {0, 3}
    assert Counter(record.via for record in bought.records) == {"file": 20, "sync": 4}


def test_answers_may_come_in_parts(tmp_path: Path, scripted_server: Serve) -> None:
    bought = wanting_a_key(tmp_path, scripted_server)
    lines = [answered(line) for line in lines_of(bought)]
    (tmp_path / "a.jsonl").write_text("\n".join(lines[:10]) + "\n" + lines[10][:40])
    done = in_process("run", "small.suite.yml", "--add", "5", "latest", at=tmp_path)
    assert (done.returncode, f"resume {bought.folder.name} --results FILE" in done.stderr) == (2, True), done.stderr
    done = bought.resume("--results", "a.jsonl")
    assert done.returncode == 4
    assert "a line that can't be read" in done.stderr
    assert "14 trials wait to be answered offline" in done.stderr
    assert "10 of 24 ready" in in_process("list", at=tmp_path).stdout
    assert bought.resume().returncode == 4
    (tmp_path / "b.jsonl").write_text("\n".join([*lines[5:], lines[7], '{"custom_id": "of-another", "response": {}}']))
    done = bought.resume("--results", "b.jsonl")
    assert done.returncode in {0, 3}, done.stderr
    assert set(places(bought.folder).values()) == {1}
    assert len(bought.records) == 24
    refused = [event.refused for event in events_of(bought.folder, Batch) if event.step == "ended"]
    assert refused == [(json.loads(lines[7])["custom_id"], "of-another")]


def test_an_error_of_a_line_is_its_failure(tmp_path: Path, scripted_server: Serve) -> None:
    bought = wanting_a_key(tmp_path, scripted_server)
    first, *rest = lines_of(bought)
    (file,) = (bought.folder / "batches").iterdir()
    said = {"message": "the prompt is too long", "type": "BadRequestError", "code": 400}
    error = {"custom_id": first["custom_id"], "response": {"status_code": 400, "request_id": "r"}, "error": said}
    (tmp_path / "out.jsonl").write_text("\n".join([json.dumps(error), *map(answered, rest)]))
    bought.resume("--results", "out.jsonl")
    failures = [record.outcome for record in bought.records if isinstance(record.outcome, Failure)]
    assert [(failure.kind, failure.status) for failure in failures] == [("bad_request", 400)]
    assert set(places(bought.folder).values()) == {1}
    done = bought.resume("--failed")
    assert done.returncode == 4
    assert "1 trials wait to be answered offline" in done.stderr
    (again,) = set((bought.folder / "batches").iterdir()) - {file}
    (tmp_path / "again.jsonl").write_text(answered(json.loads(again.read_text())))
    done = bought.resume("--results", "again.jsonl")
    assert done.returncode in {0, 3}, done.stderr
    assert bought.report["candidates"][0]["classification"]["accuracy"]["value"] == 1.0


def test_a_file_of_another_run_is_refused(tmp_path: Path, scripted_server: Serve) -> None:
    bought = wanting_a_key(tmp_path, scripted_server)
    (tmp_path / "out.jsonl").write_text('{"custom_id": "0123456789abcdef-1", "response": {"body": {}}}\n')
    done = bought.resume("--results", "out.jsonl")
    assert done.returncode == 2
    assert "none of its lines answers what this run waits for" in done.stderr
    assert not bought.records


def test_parts_that_windows_wrote_and_somebody_joined_lose_no_line(tmp_path: Path, scripted_server: Serve) -> None:
    bought = wanting_a_key(tmp_path, scripted_server)
    lines = [answered(line) + "\r\n" for line in lines_of(bought)]
    parts = ("".join(lines[:9]), "".join(lines[9:]))
    (tmp_path / "out.jsonl").write_bytes(b"".join(part.encode("utf-8-sig") for part in parts))
    assert bought.resume("--results", "out.jsonl").returncode in {0, 3}
    assert len(bought.records) == 24


def test_answers_that_no_run_waits_for_are_refused_before_they_are_paid_for_again(
    tmp_path: Path, scripted_server: Serve
) -> None:
    bought = wanting_a_key(tmp_path, scripted_server)
    (tmp_path / "out.jsonl").write_text("".join(answered(line) + "\n" for line in lines_of(bought)))
    assert bought.resume("--results", "out.jsonl").returncode in {0, 3}
    again = bought.resume("--results", "out.jsonl")
    assert (again.returncode, "waits for no answers: nothing of out.jsonl was read" in again.stderr) == (2, True)

    at_once = Bought(tmp_path / "other", scripted_server, Batches(), via="sync")
    assert at_once.run("--max-trials", "5").returncode == 4
    asked = len(at_once.server.requests)
    (at_once.root / "out.jsonl").write_text((tmp_path / "out.jsonl").read_text())
    refused = at_once.resume("--results", "out.jsonl")
    assert (refused.returncode, len(at_once.server.requests)) == (2, asked), refused.stderr
    assert at_once.resume().returncode in {0, 3}


def test_a_case_that_can_not_be_written_is_a_failure_and_no_line(tmp_path: Path, scripted_server: Serve) -> None:
    bought = Bought(tmp_path, scripted_server, Batches(), via="file")
    odd = "{% if message == 'message no. 3' %}{{ 1 | join }}{% endif %}Spam? {{ message }}"
    (tmp_path / "v1.prompt.yml").write_text(json.dumps({"messages": [{"role": "user", "content": odd}]}))
    assert bought.run().returncode == 4
    assert len(lines_of(bought)) == 22
    failures = [(record.case, record.via, record.outcome.kind) for record in bought.records]  # type: ignore[union-attr]
    assert failures == [("3", "file", "render")] * 2


def test_an_upgrade_that_is_answered_offline_says_how_and_asks_no_endpoint(
    tmp_path: Path, scripted_server: Serve
) -> None:
    bought = Bought(tmp_path, scripted_server, Batches(), via="file")
    models = yaml.safe_load((tmp_path / "harness.yml").read_text())["models"]
    models["new"] = {**models["m"], "model": "m-2"}
    (tmp_path / "harness.yml").write_text(yaml.safe_dump({"models": models}))
    upgrade = ("upgrade", "small.suite.yml", "--from", "m", "--to", "new", "--quiet")
    done = in_process(*upgrade, at=tmp_path)
    assert done.returncode == 4
    assert f"`harness resume {bought.folder.name} --results out.jsonl`. Run the same `harness upgrade`" in done.stderr
    lines = [json.loads(line) for f in (bought.folder / "batches").iterdir() for line in f.read_text().splitlines()]
    wrong = [
        line for line in lines if line["body"]["model"] == "m-2" and " 3" in line["body"]["messages"][-1]["content"]
    ]
    assert len(wrong) == 2  # both repeats
    said = [answered(line).replace('"spam"', '"ham"') if line in wrong else answered(line) for line in lines]
    (tmp_path / "out.jsonl").write_text("\n".join(said))
    bought.resume("--results", "out.jsonl")
    done = in_process(*upgrade, at=tmp_path)
    assert done.returncode in {1, 3}, done.stderr
    assert "answers that were made offline can't be asked for again at once" in " ".join(done.stdout.split())
    assert not bought.server.requests
