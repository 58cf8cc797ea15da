"""A key is a canary: wherever an endpoint echoes it, no file, screen, log or process list ever shows it."""

from __future__ import annotations

import base64
import html
import json
import subprocess
import time
import urllib.parse
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from commanded import COMMAND, HANGS_S, environment, harness, in_process
from measured import write_project
from scripted import Answer, Request, Script, ScriptedServer, chat_reply

Serve = Callable[[Script], ScriptedServer]

KEY = "sk-canary/0123456789+abcdefghijklmnop"
HEADER_KEY = "canary-in-a-header-9876543210"
PLACED = ("", "x", "xx", "Bearer ", "user:")  # before a key within base64
IN_BASE64 = {before: base64.b64encode(f"{before}{KEY}".encode()).decode() for before in PLACED}
PIECES = (KEY[:17], KEY[17:])
SHOWN = (
    *(KEY, HEADER_KEY, urllib.parse.quote(KEY, safe=""), json.dumps(KEY)[1:-1], PIECES[0], PIECES[1]),
    *(code[len(before) * 2 : -4] for before, code in IN_BASE64.items()),
)


def echo(request: Request) -> Answer:
    """Give the key back in every place that a client may keep: by turns."""
    key = request.headers["authorization"].removeprefix("Bearer ")
    other = request.headers["x-shop-token"]
    echoes = [
        Answer.of_json({"error": {"message": f"Incorrect API key provided: {key}", "type": other}}, status=400),
        Answer.of_json(chat_reply(f"spam, and your key is {key} and {other}")),
        Answer.of_json({**chat_reply("spam"), "model": key, "system_fingerprint": other, "id": key}),
        Answer.of_json(chat_reply("spam"), headers={"x-request-id": key, "x-ratelimit-limit-requests": other}),
        Answer(status=302, headers={"location": f"http://127.0.0.1:9/?key={urllib.parse.quote(key, safe='')}"}),
        Answer(body=f"<html>{key}</html>".encode()),
        Answer(status=500, body=f"Traceback: {{'authorization': 'Bearer {key}', 'x': '{other}'}}".encode()),
        Answer.of_json({"error": key}),
        Answer.of_json({**chat_reply("spam"), "service_tier": key}),
        Answer.of_json({"choices": [{"message": {"content": "x", "refusal": key}, "finish_reason": other}]}),
        Answer.of_json(chat_reply(f"spam {key.upper()} {other.title()}")),
        Answer.of_json({"error": {"message": f"bad key {urllib.parse.quote(key, safe='').lower()}"}}, status=400),
        Answer.of_json(chat_reply(f"spam {' '.join(IN_BASE64.values())}")),
        Answer.of_json(chat_reply("spam"), headers={"x-request-id": IN_BASE64["Bearer "], "x-echo": key.upper()}),
        Answer.of_json(chat_reply("spam"), headers={"x-echo-1": PIECES[0], "x-echo-2": PIECES[1]}),
        Answer(status=500, body=f"<html>{html.escape(json.dumps({'key': IN_BASE64['Bearer ']}))}</html>".encode()),
    ]
    return echoes[request.number % len(echoes)]


def project(root: Path, url: str) -> None:
    write_project(
        root,
        url,
        cases=48,
        api_key_env="SHOP_KEY",
        headers={"x-shop-token": "${SHOP_TOKEN}"},
        limits={"concurrency": 2, "attempts": 2},
    )


def shown_in(text: bytes) -> list[str]:
    return [secret for secret in SHOWN if secret.lower().encode() in text.lower()]


@pytest.mark.parametrize("transport", ["wire", "httpx", "openai"])
def test_no_output_of_a_run_shows_a_key_that_the_endpoint_echoes(
    tmp_path: Path, scripted_server: Serve, transport: str
) -> None:
    server = scripted_server(echo)
    project(tmp_path, server.url)
    written = (tmp_path / "harness.yml").read_text()
    (tmp_path / "harness.yml").write_text(
        written.replace("    model: m-1", f"    model: m-1\n    transport: {transport}")
    )
    keys = {"SHOP_KEY": KEY, "SHOP_TOKEN": HEADER_KEY}
    ran = harness("run", "small.suite.yml", "--debug", at=tmp_path, env=keys)
    assert ran.returncode in {0, 1, 3}, ran.stderr
    assert len(server.requests) >= 48
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    outputs = [ran.stdout, ran.stderr]
    for command in (("show", "latest", "--wrong"), ("report", "latest", "--json"), ("export", "latest", "--to", "csv")):
        done = in_process(*command, at=tmp_path, env=keys)
        outputs += [done.stdout, done.stderr]
    outputs.append(harness("models", "test", "m", at=tmp_path, env=keys).stdout)
    assert [shown_in(text.encode()) for text in outputs] == [[]] * len(outputs)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 8
    assert {str(path): found for path in files if (found := shown_in(path.read_bytes()))} == {}
    assert not any(base64.b64encode(KEY.encode()) in path.read_bytes() for path in files)


def command_line(process: psutil.Process) -> str:
    """Give it; empty for a process that has just ended, as git's do."""
    with suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


def test_no_process_shows_a_key_on_its_command_line(tmp_path: Path, scripted_server: Serve) -> None:
    server = scripted_server(lambda _: Answer.of_json(chat_reply("spam"), delay_s=0.2))
    project(tmp_path, server.url)
    process = subprocess.Popen(
        [*COMMAND, "run", "small.suite.yml", "--processes", "2"],
        cwd=tmp_path,
        env=environment(SHOP_KEY=KEY, SHOP_TOKEN=HEADER_KEY),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    seen = 0
    until = time.monotonic() + HANGS_S
    while process.poll() is None and time.monotonic() < until and len(server.requests) < 20:
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        lines = [line for each in family if (line := command_line(each))]
        assert not any(secret in line for line in lines for secret in SHOWN)
        seen = max(seen, len(lines))
        time.sleep(0.05)
    process.terminate()
    process.wait(HANGS_S)
    assert seen >= 2
