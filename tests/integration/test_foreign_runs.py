"""A run folder from elsewhere is data: whatever its files say, a command names what is wrong, or works."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

import pytest
from commanded import write_yaml
from gated import SUITE, Done, classifier, command, served, write_repository
from scripted import Script, ScriptedServer

from harness.web.app import application
from harness.web.site import Results, Site

Serve = Callable[[Script], ScriptedServer]
Change = Callable[[dict[str, Any]], Any]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a project with one finished run of recorded replies."""
    root = tmp_path_factory.mktemp("foreign")
    write_repository(root, {"endpoint": "replay", "replies": "replies.jsonl"}, cases=20)
    (root / "replies.jsonl").write_text(
        "".join(f'{{"case": "c{n}", "reply": "{"ham" if n % 2 else "spam"}"}}\n' for n in range(20))
    )
    assert command(root, "run", SUITE, "--quiet").returncode in {0, 3}
    return root


@pytest.fixture
def project(measured: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(measured, tmp_path / "project", symlinks=True))


def run_of(project: Path) -> Path:
    (run,) = (path for path in (project / "results").iterdir() if (path / "manifest.json").exists())
    return run


def mutate(path: Path, change: Change) -> None:
    document = json.loads(path.read_text())
    changed = change(document)
    path.write_text(json.dumps(document if changed is None else changed))


def put(*keys: str | int, value: Any) -> Change:
    def change(document: Any) -> None:
        for key in keys[:-1]:
            document = document[key]
        document[keys[-1]] = value

    return change


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


COMMANDS = [
    ["report", "latest"],
    ["show", "latest"],
    ["show", "latest", "--case", "c1"],
    ["compare", "latest", "latest"],
    ["export", "latest", "--to", "csv"],
    ["history", SUITE],
    ["list"],
    ["baseline", "set", "latest"],
    ["resume", "latest"],
]

TEMPLATE = ("candidates", 0, "prompt", "messages", 0, "content")
MANIFESTS: dict[str, Change] = {
    "suite empty": put("suite", value={}),
    "suite a list": put("suite", value=[]),
    "labels none": put("suite", "labels", value=[]),
    "labels numbers": put("suite", "labels", value=[1, 2]),
    "labels doubled": put("suite", "labels", value=["spam", "spam"]),
    "positive unknown": put("suite", "positive", value="eggs"),
    "pattern broken": put("suite", "reply", value={"as": "regex", "pattern": "("}),
    "pattern slow": put("suite", "reply", value={"as": "regex", "pattern": "(a+)+$"}),
    "pointer of a vast index": put("suite", "reply", value={"as": "json", "pointer": f"/{'9' * 5_000}"}),
    "pointer deep": put("suite", "reply", value={"as": "json", "pointer": "/a" * 200_000}),
    "pointer broken": put("suite", "reply", value={"as": "json", "pointer": "x"}),
    "aliases of nobody": put("suite", "reply", value={"aliases": {"eggs": ["x"]}}),
    "thresholds nonsense": put("suite", "thresholds", value=["accuracy"]),
    "threshold of another label": put("suite", "thresholds", value=["recall[eggs] >= 1%"]),
    "confidence of 2": put("suite", "confidence", value=2),
    "confidence null": put("suite", "confidence", value=None),
    "repeats many": put("repeats", value=1_000_000_000),
    "repeats the most": put("repeats", value=32_767),
    "repeats none": put("repeats", value=0),
    "repeats negative": put("repeats", value=-1),
    "repeats endless": put("repeats", value=10**400),
    "planned endless": put("planned_trials", value=10**30),
    "planned negative": put("planned_trials", value=-5),
    "planned none": put("planned_trials", value=0),
    "planned text": put("planned_trials", value="20"),
    "seed endless": put("seed", value=2**70),
    "variants none": put("variants", value=[]),
    "variants others": put("variants", value=["typos"]),
    "variants doubled": put("variants", value=["original", "typos", "typos"]),
    "candidates none": put("candidates", value=[]),
    "candidates others": put("candidates", 0, "name", value="x@y"),
    "candidates doubled": lambda m: m | {"candidates": m["candidates"] * 2},
    "candidate not one": put("candidates", value=[1]),
    "prompt empty": put("candidates", 0, "prompt", value={}),
    "prompt a bomb": put("candidates", 0, "prompt", "messages", 0, "content", value="{{ 1|round(300000000) }}"),
    "prompt a loop": put("candidates", 0, "prompt", "messages", 0, "content", value="{% for x in x %}"),
    "model empty": put("candidates", 0, "model", value={}),
    "model of text": put("candidates", 0, "model", value="m"),
    "price not finite": put("candidates", 0, "model", "price", value={"input": 1e308, "output": -1}),
    "created never": put("created_utc", value="yesterday"),
    "created far": put("created_utc", value="9999-12-31T23:59:59+00:00"),
    "created number": put("created_utc", value=5),
    "name with escapes": put("suite_name", value="\x1b[2J::error::x"),
    "schema negative": put("schema_version", value=-1),
    "schema newer": put("schema_version", value=99),
    "notes a list": put("notes", value=[]),
    "reload a list": put("notes", "reload", value=[1]),
    "reload numbers": put("notes", "reload", "suite", value=5),
    "reload elsewhere": put("notes", "reload", "root", value="/etc"),
    "reload upward": put("notes", "reload", "suite", value="../../../../etc/passwd"),
    "gate text": put("notes", "gate", value="x"),
    "gate served number": put("notes", "gate", value={"served": 5}),
    "changed text": put("notes", "changed", value="x"),
    "added a list": put("notes", "added", value=[1]),
    "added numbers": put("notes", "added", value={"to": 3, "cases": 1, "share": 0.5}),
    "added beyond": put("notes", "added", value={"to": "\x1b[2J", "cases": 10**18, "share": 7}),
    "added to a stranger": put("notes", "added", value={"to": "\x1b[2J", "cases": 1, "share": 0.0}),
    "unasked text": put("notes", "unasked", value="x"),
    "unasked negative": put("notes", "unasked", value=-(10**30)),
    "deep": put("notes", "x", value=nested(500)),
    "deep suite": put("suite", "x", value=nested(500)),
    "versions numbers": put("versions", value={"python": 3}),
    "files numbers": put("files", value=[1]),
    "files upward": put("files", value=[{"path": "../../../etc/passwd", "sha256": "x"}]),
    "a list": lambda _: [1],
    "null": lambda _: {"x": None}["x"] or 0,
}


def assert_well_ended(done: Done, arguments: list[str], what: str) -> None:
    told = (what, arguments, done.stderr[-600:])
    assert done.returncode in {0, 1, 2, 3, 4}, told
    assert "Traceback" not in done.stderr, told
    shown = "" if arguments[0] == "export" else done.stdout  # rows for a program, as they are
    assert "\x1b" not in shown + done.stderr, told


@pytest.mark.parametrize("what", MANIFESTS)
def test_whatever_a_manifest_says_no_command_fails_over_it(project: Path, what: str) -> None:
    mutate(run_of(project) / "manifest.json", MANIFESTS[what])
    for arguments in COMMANDS:
        assert_well_ended(command(project, *arguments), arguments, what)


REFUSED = ["suite empty", "pattern broken", "repeats many", "seed endless", "candidates doubled", "model empty"]


@pytest.mark.parametrize("what", REFUSED)
def test_a_manifest_that_is_none_is_refused_by_name(project: Path, what: str) -> None:
    run = run_of(project)
    mutate(run / "manifest.json", MANIFESTS[what])
    for arguments in (["report", run.name], ["show", run.name], ["resume", run.name]):
        done = command(project, *arguments)
        assert done.returncode == 2, (what, arguments)
        assert "manifest.json" in done.stderr.replace("\n", "")


REPORTS: dict[str, Change] = {
    "a list": lambda _: [1],
    "no candidates": put("candidates", value=[]),
    "complete text": put("complete", value="yes"),
    "accuracy of 7": put("candidates", 0, "classification", "accuracy", "value", value=7.0),
    "accuracy negative": put("candidates", 0, "classification", "accuracy", "value", value=-1e308),
    "n none": put("candidates", 0, "classification", "accuracy", "n", value=0),
    "n negative": put("candidates", 0, "classification", "accuracy", "n", value=-9),
    "n endless": put("candidates", 0, "classification", "accuracy", "n", value=10**400),
    "n vast": put("candidates", 0, "classification", "accuracy", "n", value=2**62),
    "low over high": put("candidates", 0, "classification", "accuracy", "low", value=1.0),
    "bounds null": put("candidates", 0, "classification", "accuracy", "low", value=None),
    "confidence of 0": put("candidates", 0, "classification", "accuracy", "confidence", value=0.0),
    "verdict another": put("candidates", 0, "verdict", value="\x1b[31mBEST"),
    "cases negative": put("candidates", 0, "cases", value=-1),
    "deep": put("x", value=nested(900)),
}


@pytest.mark.parametrize("what", REPORTS)
def test_whatever_a_report_of_the_past_says_no_later_run_fails_over_it(project: Path, what: str) -> None:
    run = run_of(project)
    report = json.loads((run / "report.json").read_text())
    changed = REPORTS[what](report)
    (run / "report.json").write_text(json.dumps(report if changed is None else changed))
    suite = project / SUITE
    suite.write_text(suite.read_text().replace("failures <= 10%", "drift.drop <= 5%"))
    for arguments in (["run", SUITE, "--quiet"], ["history", SUITE], ["list"], ["report", run.name]):
        assert_well_ended(command(project, *arguments), arguments, what)


def test_what_a_command_keeps_beside_a_run_does_not_follow_a_link(project: Path, tmp_path: Path) -> None:
    run, mine = run_of(project), tmp_path / "mine"
    mine.write_text("mine")
    for name in ("judged.cache", "compared.cache", "report.json", "report.html", "report.md", "junit.xml"):
        (run / name).unlink(missing_ok=True)
        (run / name).symlink_to(mine)
    for arguments in (
        ["report", run.name],
        ["show", run.name],
        ["show", run.name, "--wrong"],
        ["compare", *[run.name] * 2],
        ["list"],
    ):
        assert_well_ended(command(project, *arguments), arguments, "links")
    assert mine.read_text() == "mine"


@pytest.mark.parametrize("name", ["manifest.json", "journal.jsonl", "report.json"])
@pytest.mark.parametrize("kind", ["link", "device", "pipe", "folder", "gone"])
def test_a_file_of_a_run_that_is_none_is_not_followed_and_not_waited_for(
    project: Path, tmp_path: Path, name: str, kind: str
) -> None:
    run = run_of(project)
    elsewhere = tmp_path / "elsewhere"
    (run / name).rename(elsewhere)
    if kind == "link":
        (run / name).symlink_to(elsewhere)
    elif kind == "device":
        (run / name).symlink_to("/dev/zero")
    elif kind == "pipe":
        os.mkfifo(run / name)
    elif kind == "folder":
        (run / name).mkdir()
    for arguments in COMMANDS:
        arguments = [run.name if each == "latest" else each for each in arguments]  # noqa: PLW2901
        assert_well_ended(command(project, *arguments), arguments, f"{name} {kind}")


# What a journal says


def rewrite(journal: Path, change: Callable[[list[dict[str, Any]]], object]) -> None:
    """Change a journal's events; each line gets the checksum of what it says then."""
    events = [json.loads(line)["event"] for line in journal.read_bytes().splitlines()]
    change(events)
    rests = [f'"seq":{number},"event":{json.dumps(event)}}}'.encode() for number, event in enumerate(events)]
    journal.write_bytes(b"".join(b'{"crc":"%08x",%b\n' % (zlib.crc32(rest), rest) for rest in rests))


def every(kind: str, *keys: str | int, value: Any) -> Callable[[list[dict[str, Any]]], object]:
    def change(events: list[dict[str, Any]]) -> None:
        for event in events:
            if event["type"] == kind:
                put(*keys, value=value)(event)

    return change


SETTLED = {"type": "settled", "at_utc": "", "asked": -3, "of": 0, "ready": True, "delta": 7.5, "statuses": {"x": "y"}}
REFUSAL = {"type": "failure", "kind": "tls", "message": "\ud800\x1b[2J"}
JOURNALS: dict[str, Callable[[list[dict[str, Any]]], object]] = {
    "cases without a name": every("case", "id", value="\x1b[31m\u202e"),
    "cases renamed alike": every("case", "id", value="c1"),
    "cases of another label": every("case", "expected", value="eggs"),
    "cases without a label": every("case", "expected", value=""),
    "cases with half a character": every("case", "inputs", "message", value="\ud800"),
    "trials of nobody": every("trial", "candidate", value="nobody"),
    "trials of no case": every("trial", "case", value="x"),
    "trials of another variant": every("trial", "variant", value="x" * 10_000),
    "trials of one repeat": every("trial", "repeat", value=32_767),
    "times that are not": every("trial", "attempts", 0, "duration_ns", value=float("nan")),
    "times before the start": every("trial", "attempts", 0, "duration_ns", value=-(2**62)),
    "times without end": every("trial", "attempts", 0, "duration_ns", value=2**62),
    "trials that began never": every("trial", "started_utc", value="yesterday"),
    "trials that began in year one": every("trial", "started_utc", value="0001-01-01T00:00:00+14:00"),
    "replies of another kind": every("trial", "outcome", value=[[]]),
    "replies with half a character": every("trial", "outcome", "text", value="\ud800\x1b]0;x\x07"),
    "replies nested": every("trial", "outcome", "text", value="[" * 100_000),
    "tokens without end": every("trial", "outcome", "usage", value={"input": 2**53, "output": 2**53}),
    "tokens of 400 digits": every("trial", "outcome", "usage", value={"input": 10**400}),
    "a settled candidate that nobody knows": lambda events: events.insert(-1, SETTLED | {"candidate": "nobody"}),
    "a settled candidate after no case": lambda events: events.insert(-1, SETTLED | {"candidate": "v1@m"}),
    "a refusal of somebody else": lambda events: events.insert(
        -1, {"type": "refused", "at_utc": "x", "candidate": "nobody", "failure": REFUSAL, "calls": -5}
    ),
    "a load of minus infinity": lambda events: events.insert(
        -1,
        {"type": "interference", "cpu_share": -1e308, "samples": 0}
        | dict.fromkeys(("lag_p50_ns", "lag_p99_ns", "lag_max_ns"), -(2**62)),
    ),
    "a pace of nothing": lambda events: events.insert(
        -1, {"type": "pace", "at_ns": -1, "endpoint": "", "limit": -(2**62), "in_flight": 2**62, "why": ""}
    ),
    "a second header": lambda events: events.insert(-1, events[0]),
    "an event of no kind": lambda events: events.insert(-1, {"type": "x"}),
    "no session": lambda events: events.__setitem__(slice(None), [e for e in events if e["type"] != "session"]),
    "no case": lambda events: events.__setitem__(slice(None), [e for e in events if e["type"] != "case"]),
    "backwards": lambda events: events.__setitem__(slice(1, None), events[:0:-1]),
    "only the header": lambda events: events.__delitem__(slice(1, None)),
}


@pytest.mark.parametrize("what", JOURNALS)
def test_whatever_a_journal_says_a_refusal_names_the_run(project: Path, what: str) -> None:
    run = run_of(project)
    rewrite(run / "journal.jsonl", JOURNALS[what])
    for arguments in COMMANDS:
        arguments = [run.name if each == "latest" else each for each in arguments]  # noqa: PLW2901
        done = command(project, *arguments)
        assert_well_ended(done, arguments, what)
        if done.returncode == 2:
            assert run.name in done.stderr.replace("\n", ""), (what, arguments, done.stderr)


@pytest.mark.parametrize("name", ["manifest.json", "journal.jsonl", "report.json"])
@pytest.mark.parametrize("seed", range(4))
def test_flipped_bytes_are_refused_by_name_or_change_nothing_that_matters(project: Path, name: str, seed: int) -> None:
    run, random = run_of(project), Random(seed)
    content = bytearray((run / name).read_bytes())
    for _ in range(1 + seed):
        content[random.randrange(len(content))] = random.randrange(256)
    (run / name).write_bytes(content)
    for arguments in COMMANDS:
        arguments = [run.name if each == "latest" else each for each in arguments]  # noqa: PLW2901
        done = command(project, *arguments)
        assert_well_ended(done, arguments, f"{name} {seed}")
        if done.returncode == 2:
            assert run.name in done.stderr.replace("\n", ""), (arguments, done.stderr)


PAGES = ("", ".json", "/cases", "/cases.json", "/case?id=c1", "/case.json?id=c1")


@pytest.mark.parametrize("what", [*MANIFESTS, *JOURNALS])
def test_whatever_a_run_says_the_viewer_has_a_page_for_it(project: Path, what: str) -> None:
    run = run_of(project)
    if what in MANIFESTS:
        mutate(run / "manifest.json", MANIFESTS[what])
    else:
        rewrite(run / "journal.jsonl", JOURNALS[what])
    viewer = application(Site(Results(project / "results")))
    for address in (
        "/runs",
        f"/compare?base={run.name}&head={run.name}",
        *(f"/runs/{run.name}{page}" for page in PAGES),
    ):
        status, text = answered(viewer, address)
        assert "could not be made" not in text, (what, address, text[-600:])
        assert "\x1b" not in text, (what, address)
        assert status in {200, 202, 400, 404, 500}, (what, address, status)


def answered(viewer: Any, address: str) -> tuple[int, str]:
    """Ask the viewer for a page, without a network."""
    parts, sent = urlsplit(address), []
    scope = {"type": "http", "method": "GET", "path": parts.path, "raw_path": parts.path.encode(), "headers": []}
    scope |= {"query_string": parts.query.encode(), "http_version": "1.1", "scheme": "http", "root_path": ""}
    scope |= {"server": ("127.0.0.1", 80)}

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(viewer(scope, receive, send))
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:]).decode()


def test_a_pattern_that_is_not_matched_any_more_is_named_with_what_to_write(project: Path) -> None:
    run = run_of(project)
    mutate(run / "manifest.json", put("suite", "reply", value={"as": "regex", "pattern": "(?<!not )(spam|ham)"}))
    for arguments in (["report", run.name], ["show", run.name], ["export", run.name, "--to", "csv"]):
        done = command(project, *arguments)
        said = done.stderr.replace("\n", "")
        assert done.returncode == 2, arguments
        assert "manifest.json: `suite.reply.pattern` can't be matched in linear time: it has look-around" in said
        assert "write `suite.reply` in this file so that it can be" in said.replace("  ", " ")
    mutate(run / "manifest.json", put("suite", "reply", value={"as": "regex", "pattern": "(spam|ham)"}))
    assert command(project, "report", run.name).returncode in {0, 3}, "and that is what helps"


# Going on with a run of somebody else's


def unfinished(project: Path) -> Path:
    run = run_of(project)
    lines = (run / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (run / "journal.jsonl").write_bytes(b"".join(lines[:-4]))
    return run


def test_a_run_of_the_project_is_gone_on_with_from_any_folder_in_it(project: Path) -> None:
    run = unfinished(project)
    done = command(project / "suites", "resume", f"../results/{run.name}")
    assert done.returncode in {0, 3}, done.stderr


@pytest.mark.parametrize("where", ["elsewhere", "in results"])
def test_a_run_whose_manifest_names_its_own_project_gets_no_key_and_runs_no_code(
    project: Path, tmp_path: Path, scripted_server: Serve, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    server = scripted_server(classifier)
    monkeypatch.setenv("MINE_KEY", "sk-canary-0123456789")
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    write_repository(theirs, served(server.url, api_key_env="MINE_KEY"), cases=20, perturbations=["evil:change"])
    mark = tmp_path / "mark"
    (theirs / "evil.py").write_text(
        f"import pathlib\npathlib.Path({str(mark)!r}).touch()\ndef change(text, rng):\n    return 'so ' + text\n"
    )
    ran = command(theirs, "run", SUITE, "--quiet")
    assert ran.returncode in {0, 1, 3}, ran.stderr
    sent = len(server.requests)
    assert sent
    assert mark.exists()
    mark.unlink()
    run = unfinished(theirs)
    if where == "in results":
        foreign = project / "results" / run.name
        shutil.copytree(run, foreign)
        mutate(foreign / "manifest.json", put("notes", "reload", "root", value=os.path.relpath(theirs, foreign)))
    else:
        foreign = run
    for more in ([], ["--changed"]):
        done = command(project, "resume", str(foreign), *more)
        assert done.returncode == 2, done.stderr
        assert "root" in done.stderr
        assert "--project" in done.stderr
    assert len(server.requests) == sent
    assert not mark.exists()
    done = command(project, "resume", str(run), "--project", str(theirs))
    assert done.returncode in {0, 1, 3}, done.stderr
    assert len(server.requests) > sent


def test_files_beside_a_foreign_run_are_none_of_this_projects(project: Path) -> None:
    run = unfinished(project)
    shutil.copytree(project / "suites", run / "suites")
    shutil.copytree(project / "prompts", run / "prompts")
    mutate(run / "manifest.json", put("notes", "reload", "suite", value=f"results/{run.name}/{SUITE}"))
    done = command(project, "resume", run.name)
    assert done.returncode == 2
    assert "none of this project's" in done.stderr


def test_a_run_that_went_elsewhere_or_with_another_key_is_refused_with_the_difference(
    tmp_path: Path, scripted_server: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = scripted_server(classifier)
    for name in ("A_KEY", "B_KEY"):
        monkeypatch.setenv(name, "sk-canary-0123456789")
    write_repository(tmp_path, served(server.url, api_key_env="A_KEY"), cases=20)
    command(tmp_path, "run", SUITE, "--quiet")
    run = unfinished(tmp_path)
    write_yaml(tmp_path / "harness.yml", {"models": {"m": served("http://127.0.0.1:9", api_key_env="B_KEY")}})
    done = command(tmp_path, "resume", run.name)
    assert done.returncode == 2
    assert f"base_url {server.url}/v1 -> http://127.0.0.1:9/v1" in done.stderr.replace("\n", "")
    assert "api_key_env A_KEY -> B_KEY" in done.stderr.replace("\n", "")


@pytest.mark.parametrize(
    ("repeats", "more", "goes_on"),
    [
        (1, [], True),
        (9, [], False),
        (9, ["--repeats", "9"], True),
        (9, ["-n9"], True),
        (9, ["--repeats", "99"], False),
        (9, ["--repeats=2"], False),
    ],
)
def test_a_manifest_alone_does_not_make_a_resume_ask_oftener(
    tmp_path: Path, scripted_server: Serve, repeats: int, more: list[str], goes_on: bool
) -> None:
    server = scripted_server(classifier)
    write_repository(tmp_path, served(server.url), cases=20)
    command(tmp_path, "run", SUITE, "--quiet")
    run, sent = unfinished(tmp_path), len(server.requests)
    mutate(run / "manifest.json", put("repeats", value=repeats))
    mutate(run / "manifest.json", put("command", value=["harness", "run", SUITE, *more]))
    done = command(tmp_path, "resume", run.name, "--quiet")
    if goes_on:
        assert done.returncode in {0, 1, 3}, done.stderr
        return
    assert done.returncode == 2
    assert "asks 9 times for each case" in done.stderr
    assert "write `repeats: 9` into the suite" in done.stderr
    assert len(server.requests) == sent
