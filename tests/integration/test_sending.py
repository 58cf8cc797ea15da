"""`harness export --to mlflow | otel`, against MLflow's tracking server and a receiver of OTLP, both at 127.0.0.1."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from commanded import ended, environment, write_replayed
from commanded import harness as in_a_process
from commanded import in_process as harness
from pages import ROOT, blocks
from scripted import Answer, Script, ScriptedServer

Serve = Callable[[Script], ScriptedServer]
ANSWERS = {("spam", "spam"): 45, ("spam", "ham"): 5, ("ham", "ham"): 50}
DEMANDS = ["accuracy >= 90%", "recall[spam] >= 99%"]
WITHOUT_MLFLOW = "needs mlflow-skinny, sqlalchemy, alembic and flask: `make test` installs them"

TRACKING = """
import os, sys
from wsgiref.simple_server import WSGIRequestHandler, make_server
folder = sys.argv[1]
os.environ.update(
    MLFLOW_DISABLE_TELEMETRY="true",
    _MLFLOW_SERVER_FILE_STORE=f"sqlite:///{folder}/mlflow.db",
    _MLFLOW_SERVER_ARTIFACT_ROOT="mlflow-artifacts:/",
    _MLFLOW_SERVER_ARTIFACT_DESTINATION=f"{folder}/artifacts",
    _MLFLOW_SERVER_SERVE_ARTIFACTS="true",
)
from mlflow.server import app
WSGIRequestHandler.log_message = lambda *_: None
server = make_server("127.0.0.1", 0, app)
print(server.server_port, flush=True)
server.serve_forever()
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    write_replayed(root, ANSWERS, thresholds=DEMANDS)
    assert harness("run", "seed.suite.yml", at=root).returncode == 1
    return root


@contextmanager
def tracking(folder: Path) -> Iterator[str]:
    plain = {**environment(), "PYTHONWARNINGS": "default"}
    with subprocess.Popen(
        [sys.executable, "-c", TRACKING, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=plain
    ) as server:
        assert server.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.kill()


READ = """
import json, sys
from mlflow import MlflowClient
client = MlflowClient(sys.argv[1])
experiment = client.get_experiment_by_name("seed")
runs = client.search_runs([experiment.experiment_id])
print(json.dumps([{"id": r.info.run_id, "name": r.info.run_name, "status": r.info.status, "tags": r.data.tags,
    "metrics": r.data.metrics, "params": r.data.params,
    "artifacts": [a.path for a in client.list_artifacts(r.info.run_id)]} for r in runs]))
"""


@pytest.mark.slow
def test_a_tracking_server_gets_a_run_with_a_child_for_each_candidate(project: Path, tmp_path: Path) -> None:
    for name in ("mlflow", "sqlalchemy", "alembic", "flask"):
        pytest.importorskip(name, reason=WITHOUT_MLFLOW)
    with tracking(tmp_path) as url:
        plain = {"PYTHONWARNINGS": "default"}  # of MLflow's own libraries
        (page,) = (block.text for block in blocks(ROOT / "docs/export.md") if "--to mlflow" in block.text)
        _, _, *words = page.split()  # after the variable and `harness`
        done = in_a_process(*words, "--json", at=project, env={**plain, "MLFLOW_TRACKING_URI": url})
        assert done.returncode == 0, done.stderr
        read = ended([sys.executable, "-c", READ, url], at=tmp_path, env={**plain, "MLFLOW_DISABLE_TELEMETRY": "true"})
        child, parent = sorted(json.loads(read.stdout), key=lambda run: "mlflow.parentRunId" not in run["tags"])
        again = in_a_process("export", "--to", "mlflow", "--url", url, at=project, env=plain)
    (folder,) = (project / "results").iterdir()
    assert (parent["name"], parent["status"], parent["artifacts"]) == (
        folder.name, "FINISHED", ["report.html", "report.json"]
    )  # fmt: skip
    assert (child["name"], child["tags"]["mlflow.parentRunId"]) == ("v1@recorded", parent["id"])
    assert {run["tags"]["prompt_readiness.verdict"] for run in (parent, child)} == {"NOT READY"}
    metrics = child["metrics"]
    assert (metrics["accuracy"], metrics["recall/spam"], metrics["precision/ham"]) == (
        0.95,
        0.9,
        pytest.approx(50 / 55),
    )
    # Wilson's interval of 45 in 50, computed by hand
    bounds = (metrics["recall/spam/low"], metrics["recall/spam/high"])
    assert bounds == (pytest.approx(0.7864, abs=5e-4), pytest.approx(0.9565, abs=5e-4))
    assert json.loads(done.stdout) == {"run": folder.name, "sent": len(metrics), "to": "mlflow"}
    assert (again.returncode, "is there already, as" in again.stderr) == (2, True)


def received(server: ScriptedServer) -> list[dict[str, Any]]:
    """Read what a receiver of OTLP was sent, by the protocol's own messages."""
    from google.protobuf.json_format import MessageToDict
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

    (request,) = server.requests
    assert (request.path, request.headers["content-type"]) == ("/v1/logs", "application/x-protobuf")
    (resource,) = MessageToDict(ExportLogsServiceRequest.FromString(request.body))["resourceLogs"]
    names = {each["key"]: each["value"]["stringValue"] for each in resource["resource"]["attributes"]}
    assert names["service.name"] == "prompt-readiness"
    (scope,) = resource["scopeLogs"]
    return [
        {each["key"]: next(iter(each["value"].values())) for each in record["attributes"]}
        | {"event": record["eventName"]}
        for record in scope["logRecords"]
    ]


def test_a_collector_gets_an_event_for_each_check_and_verdict(project: Path, scripted_server: Serve) -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="needs the extra `otel`")
    server = scripted_server(lambda _: Answer())
    done = harness("export", "--to", "otel", "--url", server.url, at=project)
    assert (done.returncode, f"sent 3 events to {server.url}" in done.stderr) == (0, True), done.stderr
    accuracy, recall, verdict = received(server)
    assert {each["event"] for each in (accuracy, recall, verdict)} == {"gen_ai.evaluation.result"}
    assert (accuracy["gen_ai.evaluation.name"], accuracy["gen_ai.evaluation.score.value"]) == ("accuracy", 0.95)
    assert (recall["gen_ai.evaluation.name"], recall["gen_ai.evaluation.score.label"]) == ("recall[spam]", "fail")
    assert (recall["prompt_readiness.threshold"], recall["prompt_readiness.n"]) == ("recall[spam] >= 99%", "50")
    assert recall["prompt_readiness.low"] == pytest.approx(0.7864, abs=5e-4)
    assert verdict["gen_ai.evaluation.score.label"] == "not_ready"
    assert verdict["prompt_readiness.candidate"] == "v1@recorded"


@pytest.mark.parametrize(("status", "fix"), [(400, "collector"), (307, "collector"), (401, "OTLP_HEADERS")])
def test_a_collector_that_refuses_is_told_with_code_2(
    project: Path, scripted_server: Serve, status: int, fix: str
) -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="needs the extra `otel`")
    server = scripted_server(lambda _: Answer(status=status, headers={"location": "http://127.0.0.1:9/x"}))
    address = server.url.replace("http://", "http://user:secret@")
    done = harness("export", "--to", "otel", "--url", address, at=project)
    assert (done.returncode, "secret" in done.stderr) == (2, False)
    assert f"--to otel: {server.url} did not take the events: HTTP {status}." in " ".join(done.stderr.split())
    assert fix in done.stderr


def test_a_collector_that_is_not_there_is_told(project: Path) -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="needs the extra `otel`")
    done = harness("export", "--to", "otel", "--url", "http://127.0.0.1:9", at=project)
    assert (done.returncode, "did not take the events: no answer" in " ".join(done.stderr.split())) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--to", "mlflow"), "--to mlflow: it is not said where to. Give --url, or set MLFLOW_TRACKING_URI."),
        (("--to", "otel"), "--to otel: it is not said where to."),
        (("--to", "otel", "-o", "x"), "--to otel takes no --output."),
        (("--to", "csv", "--url", "http://127.0.0.1:9"), "--to csv takes no --url."),
    ],
)
def test_what_can_not_be_sent_says_what_to_write(project: Path, arguments: tuple[str, ...], said: str) -> None:
    done = harness("export", *arguments, at=project)
    assert (done.returncode, said in " ".join(done.stderr.split())) == (2, True), done.stderr


@pytest.mark.parametrize(("to", "module"), [("mlflow", "mlflow"), ("otel", "opentelemetry")])
def test_an_extra_that_is_missing_is_named_with_its_install(
    project: Path, monkeypatch: pytest.MonkeyPatch, to: str, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    for name in [name for name in sys.modules if name.startswith(f"{module}.")]:
        monkeypatch.delitem(sys.modules, name)
    done = harness("export", "--to", to, "--url", "http://127.0.0.1:9", at=project)
    told = " ".join(done.stderr.split())
    assert (done.returncode, f"--to {to} needs {module}" in told) == (2, True)
    assert re.search(f"pip install .{module}|with its extra `{to}`", told)
