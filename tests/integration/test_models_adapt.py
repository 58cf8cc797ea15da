"""From the first refusal to a verdict: an old model, a new one that answers 2% otherwise, and the real commands."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from commanded import in_process as harness
from crashing import runs_of
from measured import write_project
from scripted import Answer, Request, Script, ScriptedServer, chat_reply

Serve = Callable[[Script], ScriptedServer]

HARNESS = """\
# the models of the help desk
models:
  old: {{endpoint: chat, base_url: {url}/v1, model: old-1, warmup: 0}}

  # asked for by finance
  new:
    endpoint: chat            # as the old one
    base_url: {url}/v1
    model: new-1
    warmup: 0
    limits: {{concurrency: 1}}  # slow
"""
PROMPT = """\
modelParameters: {temperature: 0, max_tokens: 8}
messages:
  - {role: user, content: "Is this spam? {{ message }}"}
"""
NEEDS = 300  # tokens of thought of the new model


def refused(param: str, code: str, message: str) -> Answer:
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return Answer.of_json({"error": error}, status=400)


def answer(asked: dict[str, Any], wrong: set[int]) -> str:
    """Name the label of the case that is asked about, or the other one."""
    case = int(asked["messages"][-1]["content"].partition("message no. ")[2] or 0)  # adapting asks about none
    return "spam" if (case % 2 == 1) != (case in wrong) else "ham"


def old(asked: dict[str, Any]) -> Answer:
    """Take temperature and max_tokens, and know nothing of what came later."""
    later = {"max_completion_tokens", "reasoning_effort"} & set(asked)
    if later:
        return refused(min(later), "unknown_parameter", f"Unrecognized request argument supplied: {min(later)}")
    return Answer.of_json(chat_reply(answer(asked, {0, 1, 2, 3})))


def new(asked: dict[str, Any]) -> Answer:
    """Refuse both, think, and say nothing where the limit leaves no room to."""
    if "max_tokens" in asked:
        said = (
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
        )
        return refused("max_tokens", "unsupported_parameter", said)
    if asked.get("temperature", 1) != 1:
        said = "'temperature' does not support 0 with this model. Only the default (1) value is supported."
        return refused("temperature", "unsupported_value", f"Unsupported value: {said}")
    limit = asked.get("max_completion_tokens", 10_000)
    reply = chat_reply(answer(asked, {4, 5}) if limit > NEEDS else "")
    used = min(limit, NEEDS + 5)
    reply["usage"] = {
        "prompt_tokens": 11,
        "completion_tokens": used,
        "total_tokens": 11 + used,
        "completion_tokens_details": {"reasoning_tokens": min(limit, NEEDS)},
    }
    reply["choices"][0]["finish_reason"] = "stop" if limit > NEEDS else "length"
    return Answer.of_json(reply)


def either(request: Request) -> Answer:
    asked = request.json()
    return {"old-1": old, "new-1": new}[asked["model"]](asked)


def project(root: Path, url: str) -> None:
    write_project(root, url, cases=300)
    (root / "harness.yml").write_text(HARNESS.format(url=url))
    (root / "v1.prompt.yml").write_text(PROMPT)
    suite = root / "small.suite.yml"
    suite.write_text(
        suite.read_text().replace("models:\n- m", "models: [old, new]")
        + "thresholds: [accuracy >= 95%, failures <= 1%]\n"
    )


def test_a_new_model_goes_from_its_first_refusal_to_a_verdict(tmp_path: Path, scripted_server: Serve) -> None:
    server = scripted_server(either)
    project(tmp_path, server.url)
    first = harness("run", "small.suite.yml", at=tmp_path)
    assert first.returncode == 5 or "NOT MEASURED" in first.stdout
    assert "or let `harness models adapt` find what this model takes" in " ".join(first.stdout.split())

    before = (tmp_path / "harness.yml").read_text()
    shown = harness("models", "adapt", "new", at=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert (tmp_path / "harness.yml").read_text() == before
    line = "adapt: {override: {max_completion_tokens: 1300}, drop: [max_tokens, temperature]}"
    assert f"+    {line}\n" in shown.stdout
    calls = len(server.requests)
    written = harness("models", "adapt", "new", "--write", at=tmp_path)
    assert written.returncode == 0, written.stderr
    assert len(server.requests) - calls == 6  # two refusals, then 8, 64, 256 and 1,024 tokens
    text = (tmp_path / "harness.yml").read_text()
    assert text == before + f"    {line}\n"

    checked = harness("check", "small.suite.yml", "--model", "new", at=tmp_path)
    assert "  with max_completion_tokens 1300; adapt leaves out temperature\n" in checked.stdout
    asked = ("upgrade", "small.suite.yml", "--from", "old", "--to", "new", "--margin", "5%", "--json")
    done = harness(*asked, at=tmp_path)
    judged = json.loads(done.stdout)
    assert (done.returncode, judged["verdict"]) == (0, "SWITCH"), judged["headline"]
    (prompt,) = judged["prompts"]
    moved = {name: {case["case"] for case in prompt["comparison"][name]} for name in ("fixed", "broken")}
    assert moved == {"fixed": {"0", "1", "2", "3"}, "broken": {"4", "5"}}
    assert prompt["confirmation"]["confirmed"] == ["4", "5"]
    thought = next(one for one in prompt["replies"] if one["metric"] == "reasoning tokens")
    assert (thought["base"]["value"], thought["head"]["value"]) == (0, NEEDS)
    manifest = json.loads((runs_of(tmp_path)[-1] / "manifest.json").read_text())
    adapted = {one["model_name"]: one["model"]["adapt"] for one in manifest["candidates"]}
    assert adapted["new"] == {"override": {"max_completion_tokens": 1300}, "drop": ["max_tokens", "temperature"]}


def test_a_model_that_takes_what_is_asked_has_nothing_to_adapt(tmp_path: Path, scripted_server: Serve) -> None:
    project(tmp_path, scripted_server(either).url)
    done = harness("models", "adapt", "old", "--write", at=tmp_path)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "It takes what is sent: nothing to adapt.")
    assert "adapt" not in (tmp_path / "harness.yml").read_text()
    again = json.loads(harness("models", "adapt", "old", "--json", at=tmp_path).stdout)
    assert (again["calls"], again["steps"], again["diff"]) == (1, [], "")


def test_what_no_adapting_mends_is_told_and_nothing_is_written(tmp_path: Path, scripted_server: Serve) -> None:
    server = scripted_server(lambda _: refused("user", "insufficient_permissions", "You may not."))
    project(tmp_path, server.url)
    before = (tmp_path / "harness.yml").read_bytes()
    done = harness("models", "adapt", "new", "--write", at=tmp_path)
    assert done.returncode == 5
    assert "HTTP 400: You may not. (`user`)" in done.stdout
    assert (len(server.requests), (tmp_path / "harness.yml").read_bytes()) == (1, before)


def test_a_model_that_refuses_for_ever_is_asked_twelve_times(tmp_path: Path, scripted_server: Serve) -> None:
    server = scripted_server(lambda request: refused("", "", "Please try again with higher max_tokens."))
    project(tmp_path, server.url)
    done = harness("models", "adapt", "new", at=tmp_path)
    assert done.returncode == 5
    assert len(server.requests) <= 12
