"""A mistake in a file or on the command line: one message with its place, exit code 2, nothing sent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from commanded import in_process as harness
from measured import spam, write_project
from scripted import Script, ScriptedServer

Serve = Callable[[Script], ScriptedServer]

REPEATS = "repeats: 1"
CASE_5 = '"id": "5", "message": "message no. 5", "expected": "spam"'

MISTAKES = [
    ("harness.yml", "model: m-1", "modle: m-1", "harness.yml:8: models.m.modle: unknown key"),
    ("harness.yml", "concurrency: 4", "concurrency: 0", "harness.yml:7: models.m.limits.concurrency:"),
    (
        "harness.yml",
        "model: m-1",
        "model: m-1\n    api_key_env: sk-proj-abcdefghijklmnop1234567890",
        "harness.yml:9: models.m.api_key_env: holds what looks like a key",
    ),
    ("small.suite.yml", "positive: spam", "positive: spma", "small.suite.yml:9: positive: `spma`"),
    ("small.suite.yml", REPEATS, "repeat: 1", "small.suite.yml:12: repeat: unknown key"),
    ("small.suite.yml", REPEATS, f"{REPEATS}\nrepeats: 2", "small.suite.yml:13: repeats: the key"),
    (
        "small.suite.yml",
        REPEATS,
        f"{REPEATS}\nthresholds: ['accuracy >= 90%', 'recal[spam] >= 90%']",
        "small.suite.yml:13: thresholds[1]: column 1: unknown metric `recal`",
    ),
    ("small.suite.yml", "- m\n", "- other\n", "small.suite.yml:6: models[0]: there is no model `other`"),
    ("small.suite.yml", "cases: cases.jsonl", "cases: ../../etc/passwd", "leads out of the project"),
    ("v1.prompt.yml", "{{ message }}", "{{ mesage }}", "v1.prompt.yml:2: messages[0].content: `mesage`"),
    ("v1.prompt.yml", "{{ message }}", "{{ message", "v1.prompt.yml:2: messages[0].content: is not a valid"),
    ("cases.jsonl", CASE_5, CASE_5.replace("spam", "spm"), "cases.jsonl:6: expected: `spm`"),
    ("cases.jsonl", '"id": "5"', '"id": "4"', "cases.jsonl:6: id: the id `4` stands twice (first on line 5)"),
    ("cases.jsonl", '"id": "5", ', '"id": "5" ', "cases.jsonl:6: is not valid JSON"),
]


@pytest.mark.parametrize(("file", "old", "new", "said"), MISTAKES, ids=[f"{m[0]} {m[2][-20:]}" for m in MISTAKES])
def test_a_mistake_is_told_once_with_its_place_and_nothing_is_sent(
    tmp_path: Path, scripted_server: Serve, file: str, old: str, new: str, said: str
) -> None:
    server = scripted_server(lambda request: spam())
    write_project(tmp_path, server.url)
    text = (tmp_path / file).read_text()
    assert old in text
    (tmp_path / file).write_text(text.replace(old, new, 1))
    done = harness("run", "small.suite.yml", at=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "abcdefghijklmnop" not in done.stderr
    assert server.requests == []
    assert not (tmp_path / "results").exists()


def test_the_mistakes_of_all_files_are_told_together(tmp_path: Path) -> None:
    write_project(tmp_path, "http://127.0.0.1:9")
    edits = {
        "cases.jsonl": (CASE_5, CASE_5.replace("spam", "spm")),
        "v1.prompt.yml": ("role: user", "role: usr"),
        "small.suite.yml": (REPEATS, f"{REPEATS}\nthresholds: [accuracy > = 90%]"),
    }
    for file, (old, new) in edits.items():
        text = (tmp_path / file).read_text()
        (tmp_path / file).write_text(text.replace(old, new))
    done = harness("check", "small.suite.yml", at=tmp_path)
    assert done.returncode == 2
    for place in (
        "cases.jsonl:6: expected:",
        "v1.prompt.yml:3: messages[0].role:",
        "small.suite.yml:13: thresholds[0]:",
    ):
        assert place in done.stderr
    assert len(done.stderr.strip().splitlines()) == 3


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["run", "none.suite.yml"], "none.suite.yml"),
        (["run", "small.suite.yml", "--model", "other"], "other"),
        (["run", "small.suite.yml", "--prompt", "v9"], "v9"),
        (["run", "small.suite.yml", "--template", "none"], "none"),
        (["run", "small.suite.yml", "--limit", "0"], "--limit"),
        (["show", "2020"], "no run"),
        (["resume"], "Start one with `harness run SUITE`."),
        (["schema", "sweet"], "There are: project, suite, prompt, case, reply, report"),
        (["models", "test", "other"], "It has: m."),
        (["rnu"], "Did you mean"),
        (["list", "--limt", "3"], "--limit"),
        (["schema", "sutie"], "Did you mean suite?"),
        (["run"], "SUITE"),
    ],
)
def test_a_mistake_on_the_command_line_exits_2_and_nothing_is_sent(
    tmp_path: Path, scripted_server: Serve, args: list[str], said: str
) -> None:
    server = scripted_server(lambda request: spam())
    write_project(tmp_path, server.url)
    done = harness(*args, at=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert said.casefold() in done.stderr.casefold()
    assert server.requests == []


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"report.html.j2": "<p>\n{{ report.headline </p>\n"}, "mine/report.html.j2:2: "),
        ({"report.md.j2": "\n{{ report.headline "}, "mine/report.md.j2:2: "),
        ({"report.md.j2": "{{ report.headline | nothing }}"}, "mine/report.md.j2:1: No filter named 'nothing'"),
        ({"report.html.j2": '\n{% extends "gone.j2" %}'}, "mine/report.html.j2:2: there is no template 'gone.j2'"),
        ({"report.html.j2": '{% include "part.j2" %}', "part.j2": "\n{{"}, "mine/part.j2:2: "),
        ({"report.html.j2": "caf\udce9"}, "mine/report.html.j2: the template 'report.html.j2' is not UTF-8"),
        ({"extra.css": ".a { content: '\udce9' }"}, "mine/extra.css: the template 'extra.css' is not UTF-8"),
        ({"report.jinja": "{{ report.headline }}"}, "Call the files in it as ours: report.html.j2"),
    ],
)
def test_a_slip_in_a_report_template_is_told_before_the_run(
    tmp_path: Path, scripted_server: Serve, files: dict[str, str], said: str
) -> None:
    server = scripted_server(lambda request: spam())
    write_project(tmp_path, server.url)
    (tmp_path / "mine").mkdir()
    for name, text in files.items():
        (tmp_path / "mine" / name).write_text(text, encoding="utf-8", errors="surrogateescape")
    done = harness("run", "small.suite.yml", "--template", "mine", at=tmp_path)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert server.requests == []


@pytest.mark.parametrize("slip", ["{{ 1 / 0 }}", "{{ report.nothing.at_all }}", "{{ draw(1) }}"])
def test_a_slip_that_only_a_report_shows_is_told_after_its_verdict(
    tmp_path: Path, scripted_server: Serve, slip: str
) -> None:
    server = scripted_server(lambda request: spam())
    write_project(tmp_path, server.url)
    harness("run", "small.suite.yml", at=tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/report.html.j2").write_text(
        '{% extends "default/report.html.j2" %}\n{% block banner %}' + slip + "{% endblock %}"
    )
    (run,) = (tmp_path / "results").iterdir()
    before = {name: (run / name).read_bytes() for name in ("report.json", "report.html", "report.md", "junit.xml")}
    done = harness("report", "latest", "--template", "mine", at=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "mine/report.html.j2:2: " in done.stderr
    assert f"`harness report {run.name}`" in done.stderr
    assert "small" in done.stdout
    assert before == {name: (run / name).read_bytes() for name in before}


def test_a_style_sheet_is_no_template(tmp_path: Path, scripted_server: Serve) -> None:
    server = scripted_server(lambda request: spam())
    write_project(tmp_path, server.url)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/extra.css").write_text("@media print{#top{display:none}}")
    done = harness("run", "small.suite.yml", "--template", "mine", at=tmp_path)
    assert done.returncode != 70, done.stderr
    (page,) = tmp_path.glob("results/*/report.html")
    assert "@media print{#top{display:none}}" in page.read_text()
