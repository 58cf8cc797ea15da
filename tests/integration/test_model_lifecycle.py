"""Until when a model is served: what its provider says is listed, what harness.yml says is warned of."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from commanded import in_process as harness
from gated import git
from measured import spam, write_project
from scripted import Answer, Request, Script, ScriptedServer

Serve = Callable[[Script], ScriptedServer]

ENTRIES = """\
models:
  openai: {{endpoint: chat, base_url: {url}/v1, model: gpt, api_key_env: OPENAI_API_KEY}}
  anthropic: {{endpoint: anthropic, base_url: {url}, model: claude, api_key_env: OPENAI_API_KEY, retires: 2027-01-14}}
  router: {{endpoint: chat, base_url: {url}/v1, model: maker/one}}
  silent: {{endpoint: chat, base_url: {url}/v1, model: none}}
  keyless: {{endpoint: chat, base_url: {url}/v1, model: gpt, api_key_env: OTHER_API_KEY}}
  away: {{endpoint: chat, base_url: http://127.0.0.1:9/v1, model: gpt}}
  recorded: {{endpoint: replay, replies: replies.jsonl}}
"""
KEY = "sk-0123456789abcdef"


def listed(request: Request) -> Answer:
    """Answer as OpenAI does for one model, as Anthropic does for another, and as OpenRouter's list."""
    assert request.method == "GET"
    if request.path == "/v1/models/gpt" and request.headers.get("authorization") == f"Bearer {KEY}":
        return Answer.of_json({"id": "gpt", "object": "model", "shutdown_date": "2027-02-03"})
    if request.path == "/v1/models/claude" and request.headers.get("x-api-key") == KEY:
        end = {"status": f"deprecated {KEY}", "retires_at": "2027-01-14T00:00:00Z"}
        return Answer.of_json({"id": "claude", "type": "model", "lifecycle": end})
    if request.path == "/v1/models":
        return Answer.of_json({"data": [{"id": "x"}, {"id": "maker/one", "expiration_date": "2027-03-04"}]})
    return Answer.of_json({"error": {"message": "no such model"}}, status=404)


def test_models_lists_what_each_provider_says(tmp_path: Path, scripted_server: Serve) -> None:
    server = scripted_server(listed)
    (tmp_path / "harness.yml").write_text(ENTRIES.format(url=server.url))
    done = harness("models", at=tmp_path, env={"OPENAI_API_KEY": KEY})
    assert done.returncode == 0, done.stderr
    said = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert said["openai"].endswith("OPENAI_API_KEY (set)  retires 2027-02-03 (its provider)")
    assert said["anthropic"].endswith("[redacted] retires 2027-01-14 (its provider)  retires 2027-01-14 (harness.yml)")
    assert said["router"].endswith("retires 2027-03-04 (its provider)")
    assert not any("retires" in said[name] for name in ("silent", "keyless", "away", "recorded"))
    assert "write `retires: 2027-02-03` into models.openai" in done.stderr
    assert "models.anthropic" not in done.stderr
    assert KEY not in done.stdout + done.stderr
    rows = json.loads(harness("models", "--json", at=tmp_path, env={"OPENAI_API_KEY": KEY}).stdout)
    assert {row["name"]: row["provider"]["retires"] for row in rows if row["provider"]["retires"]} == {
        "openai": "2027-02-03",
        "anthropic": "2027-01-14",
        "router": "2027-03-04",
    }


def test_no_provider_is_asked_offline(tmp_path: Path, scripted_server: Serve) -> None:
    server = scripted_server(listed)
    (tmp_path / "harness.yml").write_text(ENTRIES.format(url=server.url))
    assert "(its provider)" not in harness("models", "--offline", at=tmp_path).stdout
    assert server.requests == []


def test_check_run_and_gate_warn_of_a_model_that_retires_soon(tmp_path: Path, scripted_server: Serve) -> None:
    end = (datetime.now(UTC) + timedelta(days=40)).date()
    server = scripted_server(lambda _: spam())
    write_project(tmp_path, server.url, retires=end.isoformat())
    told = f"the model `m` retires on {end}, in "
    assert told in harness("check", "small.suite.yml", at=tmp_path).stdout
    assert len(server.requests) == 0
    assert told in harness("run", "small.suite.yml", at=tmp_path).stderr
    assert len(server.requests) == 10
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", "harness.yml", "small.suite.yml", "v1.prompt.yml", "cases.jsonl")
    git(tmp_path, "commit", "-q", "-m", "base")
    git(tmp_path, "checkout", "-q", "-b", "branch")
    prompt = tmp_path / "v1.prompt.yml"
    prompt.write_text(prompt.read_text().replace("spam?", "spam at all?"))
    git(tmp_path, "commit", "-q", "-a", "-m", "head")
    assert told in harness("gate", "small.suite.yml", "--base", "main", at=tmp_path).stderr
