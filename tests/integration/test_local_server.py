"""The embedded model for real: a child process that is shared, answers, and never outlives its parent."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness.errors import EndpointUnusable
from harness.files.project import ModelEntry
from harness.files.prompts import Prompt, RenderedChat, RenderedText
from harness.measure.endpoint.embedded import endpoint as embedded
from harness.measure.endpoint.embedded.endpoint import LocalEndpoint
from harness.measure.endpoint.embedded.weights import find_weights
from harness.measure.endpoint.open_endpoint import build_endpoint
from harness.measure.probe import probe
from harness.record import Reply, Trial

pytest.importorskip("xllamacpp", exc_type=ImportError, reason="run `pip install -e '.[local]'` to have these tests")

WEIGHTS = "smollm2-135m-instruct"
needs_weights = pytest.mark.skipif(
    find_weights(WEIGHTS, root=Path()) is None,
    reason="the embedded model's weights are not in the cache: run `harness demo` or `make demo` once",
)
TRIAL = Trial(key="k", case="1", candidate="p@m")
TEXT = "Message: Win cash now!\nLabel: spam\n\nMessage: hi mum, home at 6\nLabel:"


def entry(**fields: Any) -> ModelEntry:
    params = {"temperature": 0, "max_tokens": 2}
    return ModelEntry(
        endpoint="local", weights=WEIGHTS, params=params, context=2048, threads=1, timeout="60 s", **fields
    )


def endpoint(prompt: Prompt, **fields: Any) -> LocalEndpoint:
    made = build_endpoint("smollm2", entry(**fields), prompt, root=Path())
    assert isinstance(made, LocalEndpoint)
    return made


def children() -> list[psutil.Process]:
    found = []
    for child in psutil.Process().children(recursive=True):
        try:
            if str(embedded._SERVER) in child.cmdline():
                found.append(child)
        except psutil.NoSuchProcess:
            continue
    return found


@pytest.mark.local_model
@needs_weights
def test_candidates_share_one_server_that_answers_chat_and_text_and_stops_with_the_last() -> None:
    async def main() -> None:
        chat = endpoint(Prompt(messages=[{"role": "user", "content": "x"}]))
        text = endpoint(Prompt(text="x"))
        await asyncio.gather(chat.open(), text.open())
        assert len(children()) == 1
        rendered = RenderedChat((("user", "Say hello."),))
        answers = await asyncio.gather(
            chat.attempt(chat.prepare(rendered, TRIAL), timeout_s=60),
            text.attempt(text.prepare(RenderedText(TEXT), TRIAL), timeout_s=60),
        )
        for answer in answers:
            assert isinstance(answer.outcome, Reply), answer.outcome
            assert answer.outcome.text.strip()
            assert answer.outcome.served_model == WEIGHTS
            assert answer.outcome.server_ns is not None
            assert 0 < answer.outcome.server_ns <= answer.attempt.duration_ns * 1.05
        await chat.close()
        await chat.close()
        assert len(children()) == 1  # the other candidate still needs it
        await text.close()
        assert children() == []

    asyncio.run(main())


@pytest.mark.local_model
@needs_weights
def test_another_user_of_the_machine_can_t_use_the_server_and_no_command_line_shows_its_key() -> None:
    async def main() -> None:
        local = endpoint(Prompt(text="x"))
        await local.open()
        try:
            assert local._inner is not None
            call = urllib.request.Request(local._inner.url, b'{"prompt":"a"}', {"content-type": "application/json"})
            with pytest.raises(urllib.error.HTTPError) as refused:
                await asyncio.to_thread(urllib.request.urlopen, call)
            refused.value.close()
            assert refused.value.code == 401
            (shared,) = embedded._shared.values()
            key = shared.starting.result().key
            assert key not in " ".join(children()[0].cmdline())
        finally:
            await local.close()

    asyncio.run(main())


PARENT = """
import asyncio, sys
from pathlib import Path
from harness.files.project import ModelEntry
from harness.files.prompts import Prompt
from harness.measure.endpoint.open_endpoint import build_endpoint

async def main():
    entry = ModelEntry(endpoint="local", weights=sys.argv[1], context=512, threads=1)
    endpoint = build_endpoint("m", entry, Prompt(text="x"), root=Path())
    await endpoint.open()
    print("open", flush=True)
    await asyncio.sleep(120)

asyncio.run(main())
"""


@pytest.mark.local_model
@needs_weights
def test_the_server_dies_with_its_parent_on_kill_9() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, WEIGHTS], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "open\n"
        (server,) = psutil.Process(parent.pid).children()
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait(60)
    _, alive = psutil.wait_procs([server], timeout=60)
    assert alive == []


@pytest.mark.local_model
@needs_weights
def test_the_server_ends_when_its_stdin_does_which_needs_no_help_from_the_kernel(tmp_path: Path) -> None:
    told = {
        "parent": os.getpid(), "name": WEIGHTS, "weights": str(find_weights(WEIGHTS, root=Path())),
        "threads": 1, "context": 512, "slots": 1, "key": "k", "log": str(tmp_path / "log"),
    }  # fmt: skip
    command = [sys.executable, "-P", str(embedded._SERVER)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps(told) + "\n")
        server.stdin.flush()
        assert server.stdout.readline().startswith("ready http://127.0.0.1:")
        began = time.monotonic()
        server.stdin.close()
        assert server.wait(60) == 0
        assert time.monotonic() - began < 5


@pytest.mark.local_model
@needs_weights
def test_the_probe_shows_what_the_model_supports_by_calls_that_it_made() -> None:
    result = asyncio.run(probe("smollm2", entry(), root=Path()))
    assert result.ok
    assert result.reply is not None
    assert {s.feature: s.supported for s in result.supports} == {
        "streaming": True,
        "logprobs": True,
        "seed": True,
        "json schema": True,
    }
    assert result.calls == 5
    assert children() == []


@pytest.mark.local_model
def test_weights_that_are_none_stop_the_run_with_the_log_s_last_words(tmp_path: Path) -> None:
    (tmp_path / "broken.gguf").write_bytes(b"GGUF but no model" * 100)
    broken = ModelEntry(endpoint="local", weights="broken.gguf", context=512)
    made = build_endpoint("m", broken, Prompt(text="x"), root=tmp_path)
    with pytest.raises(EndpointUnusable) as caught:
        asyncio.run(made.open())
    assert "did not start with broken.gguf" in caught.value.message
    assert len(caught.value.message) > 80  # the log's tail
    assert "harness.yml" in caught.value.fix
    assert children() == []
