"""Where a verdict goes besides the screen: GitHub's page and annotations, and a webhook that decides nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from commanded import harness as in_a_process
from commanded import in_process as harness
from commanded import write_replayed
from crashing import runs_of
from scripted import Answer, Script, ScriptedServer

from harness.report.parts import annotation

Serve = Callable[[Script], ScriptedServer]
HALF = {("spam", "spam"): 30, ("ham", "ham"): 30, ("ham", "spam"): 30}
KEY = "chat-key-0123456789"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write_replayed(tmp_path, HALF, thresholds=["accuracy >= 90%"])
    return tmp_path


def on_github(tmp_path: Path) -> dict[str, str]:
    files = {name: str(tmp_path / name) for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")}
    return {"GITHUB_ACTIONS": "true", **files}


def test_a_run_under_github_annotates_and_leaves_its_page_and_outputs(project: Path) -> None:
    environ = on_github(project)
    done = in_a_process("run", "seed.suite.yml", "--quiet", at=project, env=environ)
    (told,) = [line for line in done.stdout.splitlines() if line.startswith("::")]
    assert told.startswith("::error title=seed%2C v1@recorded%3A NOT READY::the only check failed: accuracy >= 90%25")
    assert "NOT READY" in Path(environ["GITHUB_STEP_SUMMARY"]).read_text()
    (folder,) = (project / "results").iterdir()
    outputs = Path(environ["GITHUB_OUTPUT"]).read_text()
    assert outputs == f"verdict=NOT READY\nexit-code=1\nrun={folder.name}\n"
    as_json = in_a_process("report", "--json", at=project, env=environ)
    assert (json.loads(as_json.stdout)["verdict"], "::error" in as_json.stderr) == ("NOT READY", True)
    ready = in_a_process("report", "--thresholds", "accuracy >= 50%", at=project, env=environ)
    (notice,) = [line for line in ready.stdout.splitlines() if line.startswith("::")]
    assert notice.startswith("::notice title=seed%3A READY::")


def test_a_run_elsewhere_writes_no_command(project: Path) -> None:
    environ = {**on_github(project), "GITHUB_ACTIONS": ""}
    done = in_a_process("run", "seed.suite.yml", "--quiet", at=project, env=environ)
    assert "::" not in done.stdout
    assert not Path(environ["GITHUB_OUTPUT"]).exists()


def test_an_annotation_can_not_be_ended_or_made_another_command() -> None:
    hostile = "a\r\n::set-output name=x::y%0A ##[error]z, title=b:c"
    written = annotation("error", {"title": hostile}, hostile)
    assert written == (
        "::error title=a\\r\\n%3A%3Aset-output name=x%3A%3Ay%250A ##\u2060[error]z%2C title=b%3Ac"
        "::a\\r\\n::set-output name=x::y%250A ##\u2060[error]z, title=b:c"
    )


def asked(server: ScriptedServer) -> list[tuple[str, dict[str, Any], str | None]]:
    return [(one.path, one.json(), one.headers.get("authorization")) for one in server.requests]


def test_a_webhook_gets_the_verdict_and_nothing_of_its_address_is_kept(project: Path, scripted_server: Serve) -> None:
    server = scripted_server(lambda _: Answer(body=b"ok"))
    address = f"{server.url}/services/T0/secret-path"
    for given, environ in ((address, {}), ("CHAT_URL", {"CHAT_URL": address})):
        done = harness("run", "seed.suite.yml", "--quiet", "--notify", given, at=project, env=environ)
        assert done.returncode == 1
        assert "secret-path" not in done.stdout + done.stderr
    bodies = asked(server)
    assert [(path, key) for path, _, key in bodies] == [("/services/T0/secret-path", None)] * 2
    run = runs_of(project)[0].name
    assert bodies[0][1]["text"].startswith("seed: NOT READY: the only check failed: accuracy &gt;= 90% (66.7%")
    assert bodies[0][1]["text"].endswith(f"run {run}, exit code 1")
    files = [path for path in (project / "results").rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if b"secret-path" in path.read_bytes()]


def test_a_key_goes_to_no_server_but_the_one_that_harness_yml_names(project: Path, scripted_server: Serve) -> None:
    trusted, other = (scripted_server(lambda _: Answer()) for _ in range(2))
    written = yaml.safe_load((project / "harness.yml").read_text())
    written["notify"] = {"url": trusted.url, "api_key_env": "CHAT_KEY"}
    (project / "harness.yml").write_text(yaml.safe_dump(written))
    for server in (trusted, other):
        harness("run", "seed.suite.yml", "--notify", f"{server.url}/x", at=project, env={"CHAT_KEY": KEY})
    assert [key for server in (trusted, other) for _, _, key in asked(server)] == [f"Bearer {KEY}", None]
    unset = harness("run", "seed.suite.yml", "--notify", f"{trusted.url}/x", at=project)
    assert (unset.returncode, "CHAT_KEY is not set" in unset.stderr) == (2, True)
    assert not [p for p in (project / "results").rglob("*") if p.is_file() and KEY.encode() in p.read_bytes()]


def elsewhere(_: object) -> Answer:
    return Answer(status=307, headers={"location": "http://127.0.0.1:9/taken"})


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (lambda _: Answer(status=500), "HTTP 500"),
        (elsewhere, "HTTP 307"),
        (lambda _: Answer(raw=b"no http at all\r\n\r\n"), "RemoteProtocolError"),
        (None, "ConnectError: [Errno "),
    ],
)
def test_a_webhook_that_fails_is_told_and_changes_nothing(
    project: Path, scripted_server: Serve, script: Script | None, why: str
) -> None:
    address = "http://127.0.0.1:9" if script is None else scripted_server(script).url  # nothing listens at port 9
    done = harness("run", "seed.suite.yml", "--json", "--notify", f"{address}/hidden", at=project)
    assert (done.returncode, json.loads(done.stdout)["verdict"]) == (1, "NOT READY")
    assert f"{address} was not told the verdict, which stands: {why}" in " ".join(done.stderr.split())
    assert "hidden" not in done.stderr


@pytest.mark.parametrize("given", ["ftp://host/x", "http://", "http://user:pass@host/x", "http://host:x/", "NOT_SET"])
def test_an_address_that_is_none_is_refused_before_the_run_and_not_repeated(project: Path, given: str) -> None:
    done = harness("run", "seed.suite.yml", "--notify", given, at=project)
    assert (done.returncode, (project / "results").exists()) == (2, False)
    assert "--notify" in done.stderr
    assert given == "NOT_SET" or given not in done.stderr


def test_a_variable_that_a_workflow_did_not_set_is_called_empty(project: Path) -> None:
    done = harness("run", "seed.suite.yml", "--notify", "", at=project)
    assert (done.returncode, (project / "results").exists()) == (2, False)
    assert "--notify: is empty" in done.stderr


def test_names_in_a_message_link_and_call_nobody(tmp_path: Path, scripted_server: Serve) -> None:
    server = scripted_server(lambda _: Answer())
    evil = "<!channel> & <http://x|y>"
    answers = {(evil, evil): 30, ("ham", evil): 30}
    write_replayed(tmp_path, answers, thresholds=[f'precision["{evil}"] >= 90%'], positive=evil)
    harness("run", "seed.suite.yml", "--notify", server.url, at=tmp_path)
    ((_, body, _),) = asked(server)
    assert "&lt;!channel&gt; &amp; &lt;http://x|y&gt;" in body["text"]
    assert not {"<", ">"} & set(body["text"])
