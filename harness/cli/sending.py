"""`harness export --to mlflow | otel`: a run's figures, checks and verdict, sent to where a team looks.

Nothing is guessed of where that is: `--url`, or the variable that MLflow or OpenTelemetry itself reads. Neither
library is asked to say anything to anybody else. Both are extras; they are imported where they are used.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any

from harness.cli.ground import UsageError, how_to_install

if TYPE_CHECKING:
    from harness.judge.assess import Assessment, CandidateAssessment, Manifest

_LONGEST_NAME, _LONGEST_TAG = 240, 4_000  # characters that MLflow takes
_LONGEST_WORDS = 300  # of a server, in a message
_MOST_METRICS = 1_000  # of one request to MLflow
_PATIENCE_S = 10
_OWN = "prompt_readiness"  # before the names of what no convention names


def send(to: str, url: str | None, assessment: Assessment, manifest: Manifest) -> tuple[str, int]:
    """Send an assessment; gives where it went and how many figures or events. Raises UsageError."""
    variables, sender = {
        "mlflow": (("MLFLOW_TRACKING_URI",), _to_mlflow),
        "otel": (("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"), _to_otel),
    }[to]
    if url is None and not any(os.environ.get(name) for name in variables):
        raise UsageError(f"--to {to}: it is not said where to.", fix=f"Give --url, or set {variables[-1]}.")
    return sender(url, assessment, manifest)


def _needed(module: str, extra: str) -> Any:  # noqa: ANN401 - a module that may not be there
    try:
        return import_module(module)
    except ModuleNotFoundError as missing:
        fix = how_to_install(extra)
        raise UsageError(f"--to {extra} needs {missing.name}, which is not installed.", fix=fix) from None


def _nanoseconds(manifest: Manifest) -> int:
    return int(datetime.fromisoformat(manifest.created_utc).timestamp() * 1000) * 1_000_000


# MLflow: a run with a child for each candidate.


def _to_mlflow(url: str | None, assessment: Assessment, manifest: Manifest) -> tuple[str, int]:
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true"}
    for name, value in (quiet | {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2"}).items():
        os.environ.setdefault(name, value)
    mlflow = _needed("mlflow", "mlflow")
    where = url or os.environ["MLFLOW_TRACKING_URI"]
    try:
        return _shown(where), _tracked(mlflow.MlflowClient(where), mlflow.entities, assessment, manifest)
    except (mlflow.exceptions.MlflowException, ImportError, OSError) as error:
        said = f"--to mlflow: {_shown(where)} did not take the run: {_shown(str(error))}"
        raise UsageError(said, fix="Is it a tracking server?") from None


def _shown(text: str) -> str:
    """Leave a user's name and password out of an address, and what is too long to read."""
    plain = re.sub(r"(?<=//)[^\s/@]*@", "", " ".join(text.split()))
    return plain if len(plain) <= _LONGEST_WORDS else f"{plain[:_LONGEST_WORDS]}…"


def _tracked(client: Any, entities: Any, assessment: Assessment, manifest: Manifest) -> int:  # noqa: ANN401 - MLflow's
    from harness.report.run import render_document, render_html, run_view

    name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or assessment.suite
    known = client.get_experiment_by_name(name)
    experiment = client.create_experiment(name) if known is None else known.experiment_id
    quoted = re.sub(r"[^\w.-]", "_", assessment.run_id)
    if found := client.search_runs([experiment], f"tags.`{_OWN}.run` = '{quoted}'", max_results=1):
        fix = "Delete that one first, or choose another experiment by MLFLOW_EXPERIMENT_NAME."
        raise UsageError(f"--to mlflow: run {assessment.run_id} is there already, as {found[0].info.run_id}.", fix=fix)
    at = _nanoseconds(manifest) // 1_000_000

    def begun(of: Assessment | CandidateAssessment, title: str, **more: str) -> str:
        tags = {f"{_OWN}.verdict": of.verdict, f"{_OWN}.headline": of.headline, **more}
        tags = {key: text[:_LONGEST_TAG] for key, text in tags.items()}
        return str(client.create_run(experiment, start_time=at, tags=tags, run_name=title[:_LONGEST_NAME]).info.run_id)

    commit = {"mlflow.source.git.commit": manifest.git_commit} if manifest.git_commit else {}
    parent = begun(assessment, assessment.run_id, **{f"{_OWN}.suite": assessment.suite}, **commit)
    sent = 0
    for one, entry in _measured(assessment, manifest):
        child = begun(one, one.name, **{"mlflow.parentRunId": parent})
        params = {"prompt": one.prompt, "model": one.model, "cases": one.cases, "repeats": one.repeats}
        params |= {"prompt_digest": entry.prompt_digest, "model_digest": entry.model_digest}
        metrics = [entities.Metric(key, value, at, 0) for key, value in metrics_of(one)]
        client.log_batch(child, params=[entities.Param(key, str(value)) for key, value in params.items()])
        for start in range(0, len(metrics), _MOST_METRICS):
            client.log_batch(child, metrics=metrics[start : start + _MOST_METRICS])
        client.set_terminated(child)
        sent += len(metrics)
    client.log_text(parent, render_html(run_view(assessment, manifest)), "report.html")
    client.log_text(parent, render_document(assessment).decode(), "report.json")
    client.set_terminated(parent)
    # Last, so that what was cut off halfway can be sent again.
    client.set_tag(parent, f"{_OWN}.run", quoted)
    return sent


def _measured(assessment: Assessment, manifest: Manifest) -> Iterator[tuple[CandidateAssessment, Any]]:
    entries = {entry.name: entry for entry in manifest.candidates}
    return ((one, entries[one.name]) for one in assessment.candidates)


def metrics_of(candidate: CandidateAssessment) -> Iterator[tuple[str, float]]:
    """Give every figure with its bounds, under names that MLflow takes: `recall/spam`, `recall/spam/low`."""
    taken: set[str] = set()
    for name, estimate in _figures(candidate).items():
        key = _key(name)
        while key in taken:  # of labels that differ in what a name can't hold
            key += "_"
        taken.add(key)
        for ending, value in (("", estimate.value), ("/low", estimate.low), ("/high", estimate.high)):
            if value is not None:
                yield key + ending, value


def _figures(candidate: CandidateAssessment) -> Mapping[str, Any]:
    """Give the figures as they are printed: what the endpoint failed is a miss in them."""
    from msgspec.structs import replace

    from harness.judge.checks import figures_of

    return figures_of(replace(candidate, answered={})) if candidate.verdict != "NOT MEASURED" else {}


def _key(name: str) -> str:
    metric, bracket, label = name.partition("[")
    parts = [metric, label.rpartition("]")[0] + label.rpartition("]")[2]] if bracket else [metric]
    plain = (re.sub(r"[^\w. -]", "_", part).strip() for part in parts)
    return "/".join(part if part.strip(". ") else f"_{part}" for part in plain)[:_LONGEST_NAME]


# OpenTelemetry: an event for each check and for each verdict.


def _to_otel(url: str | None, assessment: Assessment, manifest: Manifest) -> tuple[str, int]:
    import logging

    exporting = _needed("opentelemetry.exporter.otlp.proto.http._log_exporter", "otel")
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # what goes wrong is said below
    endpoint = None if url is None else url if url.rstrip("/").endswith("/v1/logs") else f"{url.rstrip('/')}/v1/logs"
    session = _needed("requests", "otel").Session()
    heard: list[str] = []

    def hear(answer: Any, **_: object) -> None:  # noqa: ANN401 - of requests
        heard.append(f"HTTP {answer.status_code}")
        if answer.is_redirect:  # the exporter would take it for success
            answer.close()
            raise OSError("moved")

    session.hooks["response"].append(hear)
    exporter = exporting.OTLPLogExporter(endpoint=endpoint, timeout=_PATIENCE_S, session=session)
    found = url or os.environ.get("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT") or os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"]
    where = _shown(found)
    events = _logged(assessment, manifest)
    try:
        taken, failed = exporter.export(events).name == "SUCCESS", ""
    except Exception as error:
        taken, failed = False, f" ({type(error).__name__})"
    finally:
        exporter.shutdown()
        session.close()
    if not taken:
        said = heard[-1] if heard else f"no answer{failed}"
        denied = said in {"HTTP 401", "HTTP 403"}
        fix = (
            "Give its key by OTEL_EXPORTER_OTLP_HEADERS." if denied else "Is it the address of an OTLP/HTTP collector?"
        )
        raise UsageError(f"--to otel: {where} did not take the events: {said}.", fix=fix)
    return where, len(events)


def _logged(assessment: Assessment, manifest: Manifest) -> Any:  # noqa: ANN401 - the SDK's records
    logs, export = _needed("opentelemetry.sdk._logs", "otel"), _needed("opentelemetry.sdk._logs.export", "otel")
    resource = _needed("opentelemetry.sdk.resources", "otel").Resource.create({"service.name": "prompt-readiness"})
    kept = export.InMemoryLogRecordExporter()
    provider = logs.LoggerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_log_record_processor(export.SimpleLogRecordProcessor(kept))
    logger = provider.get_logger("prompt-readiness", manifest.harness_version)
    for attributes in evaluations_of(assessment, manifest):
        at = _nanoseconds(manifest)
        logger.emit(event_name="gen_ai.evaluation.result", timestamp=at, observed_timestamp=at, attributes=attributes)
    return kept.get_finished_logs()


def evaluations_of(assessment: Assessment, manifest: Manifest) -> Iterator[dict[str, str | float | int]]:
    """Give the attributes of each event: one a check, and one a candidate, `readiness`, with its verdict.

    Names as in the semantic conventions for generative AI; what they have none for begins with `prompt_readiness`.
    """
    for one, entry in _measured(assessment, manifest):
        common = {f"{_OWN}.run": assessment.run_id, f"{_OWN}.suite": assessment.suite, f"{_OWN}.candidate": one.name}
        common["gen_ai.request.model"] = str(entry.model.get("model") or one.model)
        for check in one.checks:
            figure = check.estimate
            numbers = {"gen_ai.evaluation.score.value": figure.value}
            numbers |= {f"{_OWN}.low": figure.low, f"{_OWN}.high": figure.high}
            yield {
                "gen_ai.evaluation.name": check.name or check.metric,
                "gen_ai.evaluation.score.label": check.status.lower(),
                "gen_ai.evaluation.explanation": check.why,
                f"{_OWN}.threshold": check.threshold,
                f"{_OWN}.n": figure.n,
                **{key: float(value) for key, value in numbers.items() if value is not None},
                **common,
            }
        yield {
            "gen_ai.evaluation.name": "readiness",
            "gen_ai.evaluation.score.label": one.verdict.lower().replace(" ", "_"),
            "gen_ai.evaluation.explanation": one.headline,
            **common,
        }
