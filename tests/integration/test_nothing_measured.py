"""What an endpoint refuses ends a candidate early; what it failed is never the prompt's."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from commanded import in_process as harness
from measured import events_of, places, records, spam, write_project
from scripted import Answer, Request, Script, ScriptedServer, chat_reply

from harness.errors import EndpointUnusable, Exit, RunIncomplete
from harness.files.bundle import load_bundle
from harness.judge.assess import assess_run
from harness.measure.resume import resume
from harness.measure.run import measure
from harness.record import Failure, Refused, Reply, Session
from harness.rundir import find_run

Serve = Callable[[Script], ScriptedServer]

UNSUPPORTED = (
    "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
)
PORTAL = b"<html><head><title>Sign in</title></head><body>Welcome to the portal</body></html>"
REFUSALS: dict[str, tuple[Answer, str]] = {
    "400 of a parameter": (
        Answer.of_json({"error": {"message": UNSUPPORTED, "param": "max_tokens"}}, status=400),
        "Unsupported parameter: 'max_tokens'",
    ),
    "404 of the path": (Answer.of_json({"detail": "Not Found"}, status=404), "Not Found"),
    "422": (
        Answer.of_json({"detail": [{"loc": ["body", "n"], "msg": "Field required"}]}, status=422),
        "Field required",
    ),
    "307": (Answer(status=307, headers={"location": "https://elsewhere.example/"}, body=b""), "redirects"),
    "a portal's page with 200": (Answer(status=200, headers={"content-type": "text/html"}, body=PORTAL), "portal"),
    "a wrong key told as 400": (
        Answer.of_json({"error": {"message": "API key not valid. Please pass a valid API key."}}, status=400),
        "API key not valid",
    ),
    "401": (Answer.of_json({"error": {"message": "bad key"}}, status=401), "bad key"),
    "an error object with 200": (Answer.of_json({"error": {"message": "no such route"}}), "no such route"),
}


def run_of(root: Path) -> Path:
    return find_run(root / "results", "latest")


def other_model(root: Path, url: str, name: str = "n") -> None:
    """Add a second model to the project, and to its suite."""
    file = root / "harness.yml"
    project = yaml.safe_load(file.read_text())
    project["models"][name] = {**project["models"]["m"], "base_url": f"{url}/v1", "model": f"{name}-1"}
    file.write_text(yaml.safe_dump(project))
    suite = yaml.safe_load((root / "small.suite.yml").read_text())
    suite["models"] = [*suite["models"], name]
    (root / "small.suite.yml").write_text(yaml.safe_dump(suite))


def with_thresholds(root: Path, *thresholds: str) -> None:
    suite = yaml.safe_load((root / "small.suite.yml").read_text())
    (root / "small.suite.yml").write_text(yaml.safe_dump({**suite, "thresholds": list(thresholds)}))


def truthful(request: Request) -> Answer:
    """Answer as the cases of `write_project` expect."""
    body = request.body.decode()
    number = int("".join(c for c in body.split("message no. ")[1][:6] if c.isdigit()))
    return Answer.of_json(chat_reply("spam" if number % 2 else "ham"))


@pytest.mark.parametrize("warmup", [0, 3])
@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("name", REFUSALS)
def test_refused_alike_from_the_first_call_on_ends_with_the_endpoints_words(
    tmp_path: Path, scripted_server: Serve, name: str, processes: int, warmup: int
) -> None:
    answer, words = REFUSALS[name]
    server = scripted_server(lambda request: answer)
    suite = write_project(
        tmp_path,
        server.url,
        cases=300,
        warmup=warmup,
        limits={"concurrency": 64, "attempts": 5},
        params={"max_tokens": 8},
    )
    with pytest.raises(EndpointUnusable, match=r"v1@m: ") as caught:
        measure(load_bundle(suite), tmp_path / "results", processes=processes)
    assert len(server.requests) <= 8
    assert caught.value.exit_code == Exit.ENDPOINT_UNUSABLE
    assert words in caught.value.message
    assert "harness.yml:" in caught.value.fix
    assert not [record for record in records(run_of(tmp_path)) if not record.warmup]
    made = assess_run(run_of(tmp_path))
    assert made.verdict == "NOT MEASURED"
    (row,) = made.candidates[0].went_wrong
    assert words in row.message


@pytest.mark.parametrize("protocol", ["chat", "responses", "anthropic", "completions"])
def test_a_page_in_answer_to_a_stream_ends_it_by_what_the_page_shows(
    tmp_path: Path, scripted_server: Serve, protocol: str
) -> None:
    server = scripted_server(lambda request: REFUSALS["a portal's page with 200"][0])
    suite = write_project(tmp_path, server.url, cases=30, stream=True, endpoint=protocol)
    if protocol == "completions":
        (tmp_path / "v1.prompt.yml").write_text("text: 'spam? {{ message }}'\n")
    with pytest.raises(EndpointUnusable) as caught:
        measure(load_bundle(suite), tmp_path / "results")
    assert len(server.requests) <= 8
    assert "the body is HTML or XML, not JSON: Sign in: Welcome to the portal" in caught.value.message


def test_models_that_one_outage_ends_each_say_what_they_were_told(tmp_path: Path, scripted_server: Serve) -> None:
    def script(request: Request) -> Answer:
        return Answer.of_json({"error": {"message": f"{request.json()['model']} is gone"}}, status=500)

    server = scripted_server(script)
    suite = write_project(tmp_path, server.url, cases=20, limits={"concurrency": 8, "attempts": 1})
    other_model(tmp_path, server.url, "b")
    other_model(tmp_path, server.url, "c")
    with pytest.raises(EndpointUnusable) as caught:
        measure(load_bundle(suite), tmp_path / "results")
    ended = {event.candidate: event.failure.message for event in events_of(run_of(tmp_path), Refused)}
    assert len(ended) >= 2, "five trials in a row, of three models that are asked in turn"
    assert {name: said.split(": ")[-1] for name, said in ended.items()} == {
        name: f"{name.removeprefix('v1@')}-1 is gone" for name in ended
    }
    assert all(said in caught.value.message for said in ended.values())


def test_the_line_of_the_parameter_is_named_where_the_prompt_sets_it(tmp_path: Path, scripted_server: Serve) -> None:
    server = scripted_server(lambda request: REFUSALS["400 of a parameter"][0])
    suite = write_project(tmp_path, server.url, cases=30)
    prompt = tmp_path / "v1.prompt.yml"
    prompt.write_text(
        "messages:\n- role: user\n  content: 'spam? {{ message }}'\n"
        "modelParameters:\n  temperature: 0\n  max_tokens: 8\n"
    )
    with pytest.raises(EndpointUnusable) as caught:
        measure(load_bundle(suite), tmp_path / "results")
    assert "Write `max_completion_tokens` in place of `max_tokens` in v1.prompt.yml:6;" in caught.value.fix


@pytest.mark.parametrize("processes", [1, 2])
def test_a_candidate_that_answers_is_judged_beside_one_that_is_refused(
    tmp_path: Path, scripted_server: Serve, processes: int
) -> None:
    good, bad = scripted_server(truthful), scripted_server(lambda request: REFUSALS["404 of the path"][0])
    suite = write_project(tmp_path, good.url, cases=300)
    other_model(tmp_path, bad.url)
    with_thresholds(tmp_path, "accuracy >= 90%")
    run = measure(load_bundle(suite), tmp_path / "results", processes=processes)
    assert len(bad.requests) <= 8
    assert len([record for record in records(run) if record.candidate == "v1@m"]) == 300
    assert [event.candidate for event in events_of(run, Refused)] == ["v1@n"]
    made = assess_run(run)
    assert (made.verdict, made.complete) == ("READY", True)
    assert made.reason.startswith("1 of 2 NOT MEASURED: v1@n: ")
    assert [one.verdict for one in made.candidates] == ["READY", "NOT MEASURED"]
    bad.script = truthful
    resume(run)
    assert set(places(run).values()) == {1}
    assert [one.verdict for one in assess_run(run).candidates] == ["READY", "READY"]


@pytest.mark.parametrize("refusal", ["401", "a wrong key told as 400", "422"])
def test_a_key_that_is_refused_in_the_middle_leaves_other_models_alone(
    tmp_path: Path, scripted_server: Serve, refusal: str
) -> None:
    good = scripted_server(truthful)
    bad = scripted_server(lambda request: truthful(request) if request.number < 50 else REFUSALS[refusal][0])
    suite = write_project(tmp_path, good.url, cases=100)
    other_model(tmp_path, bad.url)
    run = measure(load_bundle(suite), tmp_path / "results")
    assert len([record for record in records(run) if record.candidate == "v1@m"]) == 100
    kept = [record for record in records(run) if record.candidate == "v1@n"]
    if refusal != "422":
        assert len(kept) == 50, "what answered is kept, the rest can be resumed"
        assert not assess_run(run).complete
        bad.script = truthful
        resume(run)
    else:
        assert len(kept) == 100, "it had answered: such a refusal may be the case's own"
        bad.script = truthful
        resume(run, failed=True)
    latest = {(record.candidate, record.case): record for record in records(run)}
    assert all(isinstance(record.outcome, Reply) for record in latest.values())


@pytest.mark.parametrize("processes", [1, 2])
def test_nobody_listening_on_one_address_leaves_the_other_alone(
    tmp_path: Path, scripted_server: Serve, processes: int
) -> None:
    good = scripted_server(truthful)
    suite = write_project(tmp_path, good.url, cases=100)
    other_model(tmp_path, "http://127.0.0.1:9")
    run = measure(load_bundle(suite), tmp_path / "results", processes=processes)
    assert [record.candidate for record in records(run)] == ["v1@m"] * 100
    (ended,) = events_of(run, Refused)
    assert (ended.candidate, ended.failure.kind) == ("v1@n", "connect")


def test_a_server_that_fails_one_model_leaves_the_others_of_its_address_alone(
    tmp_path: Path, scripted_server: Serve
) -> None:
    def script(request: Request) -> Answer:
        model = request.json()["model"]
        if model == "b-1":
            return Answer.of_json({"error": {"message": "backend is gone"}}, status=500)
        if model == "c-1":
            return Answer.of_json({"error": {"message": "no system role"}}, status=400)
        answer = truthful(request)  # it thinks longer than the broken one takes to fail for good
        return Answer(headers=answer.headers, pieces=(2.0, answer.body))

    server = scripted_server(script)
    suite = write_project(tmp_path, server.url, cases=8, limits={"concurrency": 30, "attempts": 1})
    other_model(tmp_path, server.url, "b")
    other_model(tmp_path, server.url, "c")
    run = measure(load_bundle(suite), tmp_path / "results")
    assert [record.candidate for record in records(run)] == ["v1@m"] * 8
    said = {event.candidate: event for event in events_of(run, Refused)}
    assert said.keys() == {"v1@b", "v1@c"}
    assert (
        said["v1@b"].failure.message
        == "5 trials in a row failed, retries included; the last: HTTP 500: backend is gone"
    )
    assert re.fullmatch(r"Mend the server, or correct `base_url` in harness.yml:\d+\.", said["v1@b"].advice)
    assert said["v1@c"].failure.message == "HTTP 400: no system role", "its own refusal, not the other's failure"


@pytest.mark.parametrize("kind", ["stream_cut", "server_error"])
def test_an_endpoint_that_ends_no_reply_is_not_asked_for_all(tmp_path: Path, scripted_server: Serve, kind: str) -> None:
    begun = b'data: {"id": "x", "choices": [{"index": 0, "delta": {"content": "sp"}}]}\n\n'

    def script(request: Request) -> Answer:
        if kind == "server_error":
            return Answer(status=500, body=b"broken")
        return Answer(headers={"content-type": "text/event-stream"}, pieces=(begun,), cut=True)

    server = scripted_server(script)
    suite = write_project(tmp_path, server.url, cases=100, stream=True)
    with pytest.raises(EndpointUnusable, match="5 trials in a row failed") as caught:
        measure(load_bundle(suite), tmp_path / "results")
    assert len(server.requests) <= 20, "five trials of two attempts, and what was in flight"
    assert "Mend the server, or correct `base_url` in harness.yml:" in caught.value.fix


def test_what_failed_in_variants_leaves_robustness_open(tmp_path: Path, scripted_server: Serve) -> None:
    def script(request: Request) -> Answer:
        text = request.body.decode()
        if "message no. " not in text and text.count("1") % 2:
            return Answer.of_json({"error": {"message": f"alas, {WORDS[len(text) % 9]}"}}, status=400)
        return spam()

    server = scripted_server(script)
    suite = write_project(tmp_path, server.url, cases=200, repeats=2, perturbations=["case"])
    with_thresholds(tmp_path, "robustness.drop <= 5%", "robustness.flips <= 5%")
    run = measure(load_bundle(suite), tmp_path / "results")
    failed = sum(isinstance(record.outcome, Failure) for record in records(run))
    assert 20 < failed < 380
    for check in assess_run(run).candidates[0].checks:
        assert (check.status, check.depends_on) == ("INCONCLUSIVE", failed)


def test_refusals_that_differ_go_on(tmp_path: Path, scripted_server: Serve) -> None:
    def picky(request: Request) -> Answer:
        words = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta"]
        return Answer.of_json({"error": {"message": f"not {words[request.number % 6]}"}}, status=400)

    server = scripted_server(picky)
    suite = write_project(tmp_path, server.url, cases=40)
    run = measure(load_bundle(suite), tmp_path / "results")
    assert len(records(run)) == len(server.requests) == 40
    assert assess_run(run).verdict == "NOT MEASURED", "not one reply, however different the refusals"


def test_a_prompt_whose_template_always_fails_is_the_prompts_own(tmp_path: Path, scripted_server: Serve) -> None:
    server = scripted_server(lambda request: spam())
    suite = write_project(tmp_path, server.url, cases=40)
    content = "{% if message != 'message no. 0' %}{{ 1 | join }}{% endif %}{{ message }}"
    (tmp_path / "v1.prompt.yml").write_text(yaml.safe_dump({"messages": [{"role": "user", "content": content}]}))
    run = measure(load_bundle(suite), tmp_path / "results")
    assert len(server.requests) == 1
    assert {r.outcome.kind for r in records(run) if isinstance(r.outcome, Failure)} == {"render"}
    assert len(records(run)) == 40
    assert assess_run(run).verdict != "NOT MEASURED"


def test_a_passing_page_in_the_first_calls_costs_no_trial(tmp_path: Path, scripted_server: Serve) -> None:
    page = REFUSALS["a portal's page with 200"][0]
    server = scripted_server(lambda request: page if request.number in {0, 2} else truthful(request))
    suite = write_project(tmp_path, server.url, cases=40, limits={"concurrency": 4})
    run = measure(load_bundle(suite), tmp_path / "results")
    assert set(places(run).values()) == {1}
    assert all(isinstance(record.outcome, Reply) for record in records(run))
    assert sum(len(record.attempts) for record in records(run)) == len(server.requests) == 42


@pytest.mark.parametrize("cases", [2, 4])
def test_fewer_trials_than_that_all_refused_end_it_as_well(tmp_path: Path, scripted_server: Serve, cases: int) -> None:
    server = scripted_server(lambda request: REFUSALS["422"][0])
    suite = write_project(tmp_path, server.url, cases=cases)
    with pytest.raises(EndpointUnusable):
        measure(load_bundle(suite), tmp_path / "results")
    assert len(server.requests) == cases


def test_a_case_refused_for_good_does_not_end_a_resume(tmp_path: Path, scripted_server: Serve) -> None:
    def script(request: Request) -> Answer:
        return REFUSALS["422"][0] if b"no. 7" in request.body else truthful(request)

    server = scripted_server(script)
    suite = write_project(tmp_path, server.url, cases=40)
    run = measure(load_bundle(suite), tmp_path / "results")
    resume(run, failed=True)
    assert len(server.requests) == 41
    assert events_of(run, Session)[-1].event == "finished"


def replayed(root: Path, lines: Sequence[dict[str, Any]]) -> Path:
    suite = write_project(root, "http://127.0.0.1:9", cases=400)
    (root / "replies.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (root / "harness.yml").write_text(
        yaml.safe_dump({"models": {"m": {"endpoint": "replay", "replies": "replies.jsonl"}}})
    )
    return suite


def test_a_recording_without_one_matching_id_is_told_at_once(tmp_path: Path) -> None:
    suite = replayed(tmp_path, [{"case": f"other-{n}", "reply": "spam"} for n in range(400)])
    with pytest.raises(EndpointUnusable, match="no recorded reply") as caught:
        measure(load_bundle(suite), tmp_path / "results")
    assert "harness.yml:" in caught.value.fix


def test_a_recording_of_a_few_cases_is_judged(tmp_path: Path) -> None:
    suite = replayed(tmp_path, [{"case": "7", "reply": "spam"}])
    run = measure(load_bundle(suite), tmp_path / "results")
    assert len(records(run)) == 400


def test_a_recording_of_failures_alone_is_not_measured(tmp_path: Path) -> None:
    lines = [{"case": str(n), "failure": "server_error", "latency_s": 0.1} for n in range(400)]
    suite = replayed(tmp_path, lines)
    with_thresholds(tmp_path, "specificity[spam] >= 95%", "stability >= 95%")
    run = measure(load_bundle(suite, repeats=2), tmp_path / "results")
    made = assess_run(run)
    assert made.verdict == "NOT MEASURED"
    assert [check.status for check in made.candidates[0].checks] != ["PASS", "PASS"]


QUALITY = (
    "accuracy >= 90%",
    "balanced_accuracy >= 90%",
    "macro_f1 >= 90%",
    "mcc >= 0.5",
    "recall[spam] >= 90%",
    "precision[spam] >= 90%",
    "specificity[spam] >= 90%",
    "f1[spam] >= 90%",
    "coverage >= 90%",
    "stability >= 90%",
    "unparseable <= 5%",
)


def recorded(root: Path, right: int, *, failing: int = 0) -> Path:
    """Measure 200 recorded cases: so many right, so many failed by the endpoint."""
    lines: list[dict[str, Any]] = []
    for n in range(200):
        label, other = ("spam", "ham") if n % 2 else ("ham", "spam")
        failed = {"case": str(n), "failure": "bad_request", "message": "HTTP 404: gone"}
        lines.append(failed if n < failing else {"case": str(n), "reply": label if n < right else other})
    (root / "replies.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return measure(load_bundle(root / "small.suite.yml"), root / "results")


@pytest.mark.parametrize("judged", [True, False])
@pytest.mark.parametrize("failing", [200, 60])
def test_a_run_that_the_endpoint_failed_does_not_pull_the_past_down(tmp_path: Path, failing: int, judged: bool) -> None:
    write_project(tmp_path, "http://127.0.0.1:9", cases=200)
    model = {"endpoint": "replay", "replies": "replies.jsonl"}
    (tmp_path / "harness.yml").write_text(yaml.safe_dump({"models": {"m": model}}))
    with_thresholds(tmp_path, "drift.drop <= 5%")
    for run in (recorded(tmp_path, 196), recorded(tmp_path, 200, failing=failing)):
        if judged:
            (run / "report.json").write_bytes(msgspec.json.encode(assess_run(run)))
    made = assess_run(recorded(tmp_path, 170)).candidates[0]
    assert made.checks[0].status == "FAIL", "98% before, 85% now"
    assert made.history is not None
    assert [point.accuracy.value for point in made.history.points] == [0.98, None, 0.85]
    assert "was not measured" in str(made.history.points[1].accuracy.why_undefined)
    assert [change.before.value for change in made.history.changes] == [0.98]


def test_a_few_failed_calls_leave_the_accuracy_of_what_was_answered(tmp_path: Path) -> None:
    write_project(tmp_path, "http://127.0.0.1:9", cases=200)
    model = {"endpoint": "replay", "replies": "replies.jsonl"}
    (tmp_path / "harness.yml").write_text(yaml.safe_dump({"models": {"m": model}}))
    before = assess_run(recorded(tmp_path, 200, failing=4)).candidates[0]
    assert before.classification.accuracy.value == 0.98, "in print they are misses"
    after = assess_run(recorded(tmp_path, 196)).candidates[0]
    assert after.history is not None
    assert after.history.points[0].accuracy.value == 1.0


WORDS = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota")


@pytest.mark.parametrize("mended", [False, True])
@pytest.mark.parametrize("share", [3, 30, 95])
def test_failures_alone_decide_no_check_of_quality(
    tmp_path: Path, scripted_server: Serve, share: int, mended: bool
) -> None:
    sent: dict[bytes, int] = {}

    def script(request: Request) -> Answer:
        sent[request.body] = sent.get(request.body, 0) + 1
        number = int("".join(c for c in request.body.decode().split("message no. ")[1][:6] if c.isdigit()))
        if (number * 37) % 100 >= share or (mended and sent[request.body] > 1):
            return truthful(request)
        if mended:
            return Answer(status=503, body=b"{}")
        return Answer.of_json({"error": {"message": f"alas, {WORDS[number % 9]}"}}, status=400)

    server = scripted_server(script)
    limits = {"concurrency": 8, "attempts": 3}
    suite = write_project(tmp_path, server.url, cases=200, repeats=2, limits=limits)
    with_thresholds(tmp_path, *QUALITY, "failures <= 10%")
    with suppress(RunIncomplete):  # retries are at most a fifth of the calls: the breaker may end it
        measure(load_bundle(suite), tmp_path / "results")
    run = run_of(tmp_path)
    made = assess_run(run)
    checks = {check.threshold: check for check in made.candidates[0].checks}
    failed = [record for record in records(run) if isinstance(record.outcome, Failure)]
    assert {name for name, check in checks.items() if check.status == "FAIL"} <= {"failures <= 10%"}
    if share >= 30 and not mended:
        assert checks["failures <= 10%"].status == "FAIL"
        assert "The endpoint failed" in checks["failures <= 10%"].why
        assert checks["accuracy >= 90%"].depends_on == len(failed)
        assert {check.status for name, check in checks.items() if name in QUALITY[:9]} == {"INCONCLUSIVE"}
    before, left = len(server.requests), 400 - len(records(run)) + len(failed)
    server.script = truthful
    resume(run, failed=True)
    assert len(server.requests) - before == left
    after = assess_run(run)
    assert after.sent_again == len(failed)
    assert after.candidates[0].outcomes["label"] == 400
    assert {check.why for check in after.candidates[0].checks if check.status != "PASS"} == set()


REPORTS = {"report.json", "report.html", "report.md", "junit.xml"}


@pytest.mark.parametrize("as_json", [False, True])
def test_a_run_that_nobody_answers_writes_its_reports_and_says_why_first(
    tmp_path: Path, scripted_server: Serve, as_json: bool
) -> None:
    server = scripted_server(lambda request: REFUSALS["400 of a parameter"][0])
    write_project(tmp_path, server.url, cases=30, params={"max_tokens": 8})
    done = harness("run", "small.suite.yml", *(["--json"] if as_json else []), at=tmp_path)
    assert done.returncode == 5
    if as_json:
        assert json.loads(done.stdout)["verdict"] == "NOT MEASURED"
    else:
        assert done.stdout.lstrip().startswith("NOT MEASURED")
        assert "Go on with `harness resume" in done.stderr
        assert done.stderr.count("Unsupported parameter") == 1, "told once"
    run = run_of(tmp_path)
    assert {path.name for path in run.iterdir()} >= REPORTS
    assert (run / "report.md").read_text().index("NOT MEASURED") < 100
    assert "Unsupported parameter" in (run / "junit.xml").read_text()
    again = harness("resume", at=tmp_path)
    assert again.returncode == 5
    assert again.stdout.lstrip().startswith("NOT MEASURED")


def test_an_outage_in_the_middle_leaves_reports_too(tmp_path: Path, scripted_server: Serve) -> None:
    server = scripted_server(lambda request: truthful(request) if request.number < 60 else Answer(status=503, body=b""))
    write_project(tmp_path, server.url, cases=100, limits={"attempts": 1})
    done = harness("run", "small.suite.yml", at=tmp_path)
    assert done.returncode == 4
    assert re.search(r"This run is not complete: \d+ of 100 trials were not run", " ".join(done.stdout.split()))
    assert {path.name for path in run_of(tmp_path).iterdir()} >= REPORTS


def test_an_endpoint_that_could_not_be_opened_leaves_neither_run_nor_report(tmp_path: Path) -> None:
    write_project(tmp_path, "http://127.0.0.1:9", api_key_env="NO_SUCH_API_KEY")
    done = harness("run", "small.suite.yml", at=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert not list((tmp_path / "results").glob("*"))


def test_a_key_that_is_taken_back_in_the_middle_leaves_a_run_unfinished_and_not_unmeasured(
    tmp_path: Path, scripted_server: Serve
) -> None:
    refused = Answer.of_json({"error": {"message": "no such key"}}, status=401)
    server = scripted_server(lambda request: truthful(request) if request.number < 20 else refused)
    write_project(tmp_path, server.url, cases=60)
    for command in ("run", "small.suite.yml"), ("resume",), ("report", "latest"):
        assert harness(*command, at=tmp_path).returncode == 4, command
    server.script = truthful
    assert harness("resume", at=tmp_path).returncode in {0, 3}
    assert len(records(run_of(tmp_path))) == 60
