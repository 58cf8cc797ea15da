"""`harness import`: files of other tools become suites in which the same replies pass as there."""

# ruff: noqa: E501 - files are read a line each

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from bucket import bucket
from commanded import REPLAY, write_lines, write_yaml
from commanded import harness as of_its_own
from commanded import in_process as harness
from imports import FOREIGN


def laid_out(root: Path, files: dict[str, str | bytes]) -> Path:
    """Write foreign files below a folder."""
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


@pytest.mark.parametrize("name", FOREIGN)
def test_the_same_replies_pass_as_in_the_tool_itself(tmp_path: Path, name: str) -> None:
    foreign = FOREIGN[name]
    if ".xlsx" in foreign.source:
        pytest.importorskip("python_calamine", reason="needs the extra `tables`")
    laid_out(tmp_path, foreign.files)
    project = tmp_path / "project"
    project.mkdir()
    write_yaml(project / "harness.yml", REPLAY)
    (project / "replies.jsonl").write_text("")
    done = harness("import", foreign.source, "--to", "project", *foreign.options, at=tmp_path)
    assert done.returncode == 0, done.stderr
    for said in foreign.told:
        assert said in done.stdout
    (suite,) = (project / "suites").glob("*.suite.yml")
    written = suite.with_name(suite.name.replace(".suite.yml", ".jsonl")).read_text().splitlines()
    cases = [json.loads(line) for line in written]
    assert len(cases) == len(foreign.replies)
    replies = zip(cases, foreign.replies, strict=True)
    write_lines(project / "replies.jsonl", [{"case": case["id"], "reply": reply} for case, reply in replies])
    run = harness("run", suite.relative_to(project), "-m", "recorded", "--repeats", "1", "--json", at=project)
    candidates = json.loads(run.stdout)["candidates"]
    assert len(candidates) == len(list((project / "prompts").glob("*/*")))
    for candidate in candidates:
        counts = candidate["classification"]["confusion"]["counts"]
        assert sum(row[place] for place, row in enumerate(counts)) == foreign.passes


CONFIG = "prompts: ['{{a}}']\nproviders: [openai:gpt-4.1-mini]\n"
TESTS = "tests:\n  - {vars: {a: x}, assert: [{type: equals, value: spam}]}\n  - {vars: {a: y}, assert: [{type: equals, value: ham}]}\n"
BROKEN: dict[str, tuple[dict[str, str | bytes], list[str], str]] = {
    "no YAML": ({"c.yaml": "prompts: [a\ntests: {"}, ["c.yaml"], "c.yaml:2: is not valid YAML"),
    "no JSON": ({"c.json": '{\n "prompts": [,]}'}, ["c.json"], "c.json:2: is not valid JSON: Expecting value at column 14."),
    "a prompt that is not there": ({"c.yaml": "prompts: ['file://prompt.txt']\n" + TESTS, "prompts.txt": "x"}, ["c.yaml"], "c.yaml:1: prompts[0]: no such file: `prompt.txt`. Did you mean `prompts.txt`?"),
    "a prompt outside": ({"sub/c.yaml": "prompts: ['file://../p.txt']\n" + TESTS, "p.txt": "x"}, ["sub/c.yaml"], "sub/c.yaml:1: prompts[0]: `../p.txt` leads out of the config's folder. Copy the file into it."),
    "tests outside": ({"sub/c.yaml": CONFIG + "tests: file:///etc/passwd.csv\n"}, ["sub/c.yaml"], "sub/c.yaml:3: tests: `/etc/passwd.csv` leads out of the config's folder."),
    "a variable's file outside": ({"sub/c.yaml": CONFIG + TESTS.replace("a: x", "a: 'file://../../key.txt'")}, ["sub/c.yaml"], "sub/c.yaml:4: vars.a: `file://../../key.txt` leads out of the config's folder."),
    "no tests": ({"c.yaml": CONFIG}, ["c.yaml"], "c.yaml:1: tests: is required but missing. Add `tests:`."),
    "tests without labels": ({"c.yaml": CONFIG + "tests:\n  - {vars: {a: x}, assert: [{type: llm-rubric, value: good}]}\n"}, ["c.yaml"], "no case can be carried: `llm-rubric` says no label."),
    "one label": ({"c.yaml": CONFIG + TESTS.replace("ham", "spam")}, ["c.yaml"], "every case expects `spam`, and a classifier has two labels or more"),
    "answers, no labels": ({"a.csv": "question,answer\n" + "".join(f"what is {i} and {i}?,answer {i}\n" for i in range(1100))}, ["a.csv", "--expected", "answer", "--text", "question"], "1,100 different texts are expected, more than a classifier has labels"),
    "code": ({"promptfooconfig.js": "module.exports = {}"}, ["promptfooconfig.js"], "promptfooconfig.js: is code, and is not run."),
    "results": ({"o 1.json": '{"evalId": "x", "results": {"version": 3}, "config": {}}'}, ["o 1.json"], "Judge them: harness judge 'o 1.json'"),
    "samples of lm-eval": ({"s.jsonl": '{"doc_id": 0, "target": "a", "resps": [["a"]], "doc": {"text": "some words"}}\n'}, ["s.jsonl"], "Judge them: harness judge s.jsonl"),
    "what came back of a batch": ({"b.jsonl": '{"custom_id": "1", "response": {"body": {}}}\n'}, ["b.jsonl"], "Judge them: harness judge b.jsonl"),
    "a suite": ({"a.suite.yml": "name: a\n"}, ["a.suite.yml"], "Check it: harness check a.suite.yml"),
    "samples that are not there": ({"evals/e.yaml": "e.dev:\n  class: evals.elsuite.basic.match:Match\n  args: {samples_jsonl: e/s.jsonl}\n"}, ["evals/e.yaml"], "evals/e.yaml:3: e.dev.args.samples_jsonl: no such file: `e/s.jsonl`. It is looked for in data/ or evals/."),
    "samples outside": ({"evals/e.yaml": "e.dev:\n  class: a:Match\n  args: {samples_jsonl: ../../../s.jsonl}\n"}, ["evals/e.yaml"], "`../../../s.jsonl` leads out of the registry."),
    "two evals": ({"evals/e.yaml": "a.dev: {class: 'a:Match'}\nb.dev: {class: 'a:Match'}\n"}, ["evals/e.yaml"], "holds 2 evals: `a.dev`, `b.dev`. Name the one to import with --name."),
    "a prompt file without cases": ({"a.prompt.yml": "messages: [{role: user, content: '{{a}}'}]\n"}, ["a.prompt.yml"], "a.prompt.yml:1: testData: is not there"),
    "a bad line": ({"s.jsonl": '{"input": "a", "ideal": "x"}\n{"input": "b", "ideal": }\n'}, ["s.jsonl"], "s.jsonl:2: is not valid JSON"),
    "no such column": ({"a.csv": "text,label\na,x\nb,y\n"}, ["a.csv", "--expected", "lable"], "a.csv:1: --expected: there is no column `lable`. Did you mean `label`?"),
    "no header": ({"a.csv": "Win money,positive\nso sad today,negative\n"}, ["a.csv"], "Name it with --expected; if the first line is a row, write one above it that names the columns, such as `text,label`."),
    "no columns": ({"notes.txt": "a\nb\n"}, ["notes.txt"], "notes.txt:1: has no columns."),
    "a text": ({"a.json": "\"{{a}}\""}, ["a.json"], "a.json:1: is not a promptfoo config"),
    "something else": ({"a.yaml": "on: push\njobs: {}\n"}, ["a.yaml"], "a.yaml:1: is not a promptfoo config"),
    "names without ids that do not fit": ({"a.csv": "text,label\naa,1\nbb,2\ncc,1\n", "n.txt": "x\ny\nz\n"}, ["a.csv", "--names", "n.txt"], "n.txt: has names without ids"),
    "a bomb of combinations": ({"c.yaml": CONFIG + "tests:\n  - vars: {" + ", ".join(f"v{i}: [{', '.join('0123456789')}]" for i in range(9)) + "}\n    assert: [{type: equals, value: spam}]\n"}, ["c.yaml"], "c.yaml:4: vars: the lists of its variables make 1,000,000,000 cases."),
    "no spreadsheet": ({"a.xlsx": b"PK\x03\x04junk"}, ["a.xlsx"], "a.xlsx: "),
    "an empty table": ({"a.csv": "text,label\n"}, ["a.csv"], "a.csv: holds no rows."),
    "nothing there": ({"b.csv": "x"}, ["a.csv"], "a.csv: there is no such file"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_refused_by_name_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    files, arguments, said = BROKEN[name]
    laid_out(tmp_path, files)
    done = harness("import", *arguments, "--to", "made", at=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr.replace("\n  ", " ")
    assert not (tmp_path / "made").exists()


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("the key is 1234")
    laid_out(tmp_path, {"sub/c.yaml": "prompts: ['file://p.txt']\n" + TESTS})
    (tmp_path / "sub/p.txt").symlink_to(tmp_path / "secret.txt")
    done = harness("import", "sub/c.yaml", "--to", "made", at=tmp_path)
    assert done.returncode == 2
    assert "leads out of the config's folder" in done.stderr
    assert "1234" not in done.stdout + done.stderr


def test_no_key_of_a_config_reaches_the_disk_or_the_screen(tmp_path: Path) -> None:
    key = "sk-proj-4f9A8b7C6d5E4f3A2b1C"
    providers = f"providers:\n  - {{id: 'openai:gpt-4.1-mini', config: {{apiKey: {key}, headers: {{x: {key}}}}}}}\n"
    providers += f"  - {{id: 'openai:gpt-4o', config: {{apiKeyEnvar: {key}}}}}\n  - 'https://me:{key}@example.org/v1?api_key={key}'\n"
    for address in (f"https://me:{key}@h.example/v1", f"https://h.example/{key}?k={key}#{key}", f"{key}@h.example/v1"):
        providers += f"  - {{id: 'openai:gpt-4o', config: {{apiBaseUrl: '{address}'}}}}\n"
    laid_out(tmp_path, {"c.yaml": f"prompts: ['{{{{a}}}}']\nenv: {{OPENAI_API_KEY: {key}}}\n{providers}{TESTS}"})
    for more in ([], ["--json"]):
        done = harness("import", "c.yaml", "--to", f"made{len(more)}", *more, at=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "apiKey" in done.stdout
        assert "base_url: must not hold a user name" in done.stdout.replace("\n", " ")
        assert key not in done.stdout + done.stderr
    written = [path for path in tmp_path.glob("made*/**/*") if path.is_file()]
    assert written
    assert not [path for path in written if key in path.read_text()]


def test_a_file_can_not_choose_who_is_sent_a_key(tmp_path: Path) -> None:
    providers = "providers: [{id: 'openai:gpt-4.1-mini', config: {apiBaseUrl: 'https://collects.example/v1'}}, {id: 'openai:o', config: {apiHost: collects.example, apiKeyEnvar: MY_SECRET}}]\n"
    laid_out(tmp_path, {"c.yaml": "prompts: ['{{a}}']\n" + providers + TESTS})
    done = harness("import", "c.yaml", at=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("name its `api_key_env` yourself, if you trust it") == 2
    models = yaml.safe_load((tmp_path / "harness.yml").read_text())["models"]
    assert [model["base_url"] for model in models.values()] == ["https://collects.example/v1"] * 2
    assert not [model for model in models.values() if "api_key_env" in model]


def test_what_is_there_is_never_overwritten(tmp_path: Path) -> None:
    laid_out(tmp_path, {"c.yaml": CONFIG + TESTS, "made/prompts/mail/v1.prompt.yml": "mine"})
    done = harness("import", "c.yaml", "--to", "made", "--name", "mail", at=tmp_path)
    assert done.returncode == 2
    assert "made/prompts/mail/v1.prompt.yml: is already there" in done.stderr
    assert [path.name for path in (tmp_path / "made").rglob("*") if path.is_file()] == ["v1.prompt.yml"]


def test_a_project_that_can_not_be_written_leaves_no_folder(tmp_path: Path) -> None:
    laid_out(tmp_path, {"c.yaml": CONFIG + TESTS, "made/prompts": "a file where a folder would be"})
    done = harness("import", "c.yaml", "--to", "made", "--name", "mail", at=tmp_path)
    assert (done.returncode, "can't be written" in done.stderr) == (2, True), done.stderr
    assert [path.name for path in (tmp_path / "made").rglob("*")] == ["prompts"]


PROJECTS = {
    "models and comments below": "models:\n  mine: {endpoint: replay, replies: r.jsonl}  # kept\n\n# results go there\nresults: out\n",
    "deeper, with a list after": "results: out\nmodels:\n    mine:\n        endpoint: replay\n        replies: r.jsonl\n",
    "no models": "results: out\n",
    "carriage returns": "models:\r\n  mine:\r\n    endpoint: replay\r\n    replies: r.jsonl\r\nresults: out\r\n",
    "the same model": "models:\n  gpt-4.1-mini: {endpoint: chat, base_url: 'https://api.openai.com/v1', model: gpt-4.1-mini, api_key_env: OPENAI_API_KEY}\n",
    "another of its name": "models:\n  gpt-4.1-mini: {endpoint: replay, replies: r.jsonl}\n",
}  # fmt: skip


@pytest.mark.parametrize("name", PROJECTS)
def test_models_are_added_to_a_project_and_nothing_else_of_it_changes(tmp_path: Path, name: str) -> None:
    before = PROJECTS[name]
    laid_out(tmp_path, {"c.yaml": CONFIG + TESTS, "harness.yml": before.encode(), "r.jsonl": ""})
    done = harness("import", "c.yaml", "--name", "mail", at=tmp_path)
    assert done.returncode == 0, done.stderr
    after = (tmp_path / "harness.yml").read_bytes().decode()
    lines = after.splitlines(keepends=True)
    kept = iter(lines)
    assert all(line in kept for line in before.splitlines(keepends=True))
    assert ("\r\n" in before) == all(line.endswith("\r\n") for line in lines)
    suite = yaml.safe_load((tmp_path / "suites/mail.suite.yml").read_text())
    (model,) = suite["models"]
    assert model == ("gpt-4.1-mini-2" if name == "another of its name" else "gpt-4.1-mini")
    assert yaml.safe_load(after)["models"][model]["base_url"] == "https://api.openai.com/v1"


def test_a_project_that_can_not_be_added_to_is_left_alone_and_the_lines_are_given(tmp_path: Path) -> None:
    laid_out(
        tmp_path,
        {
            "c.yaml": CONFIG + TESTS,
            "harness.yml": "models: {mine: {endpoint: replay, replies: r.jsonl}}\n",
            "r.jsonl": "",
        },
    )
    done = harness("import", "c.yaml", at=tmp_path)
    assert done.returncode == 2
    assert "gpt-4.1-mini:" in done.stderr
    assert not (tmp_path / "suites").exists()


def test_parquet_keeps_the_names_of_its_classes(tmp_path: Path) -> None:
    polars = pytest.importorskip("polars", reason="needs the extra `tables`")
    features = {
        "info": {"features": {"label": {"names": ["neg", "pos"], "_type": "ClassLabel"}, "text": {"dtype": "string"}}}
    }
    table = polars.DataFrame({"text": ["bad film", "good film", "dull"], "label": [0, 1, 0]})
    table.write_parquet(tmp_path / "imdb.parquet", metadata={"huggingface": json.dumps(features)})
    done = harness("import", "imdb.parquet", "--json", at=tmp_path)
    document = json.loads(done.stdout)
    assert document["cases"] == 3
    assert "names of the label ids: kept in the table itself (--names)" in document["notes"]
    assert document["check"]["suite"] == "imdb"
    rows = [json.loads(line) for line in (tmp_path / "suites/imdb.jsonl").read_text().splitlines()]
    assert [row["expected"] for row in rows] == ["neg", "pos", "neg"]


def test_a_table_at_an_address_is_copied_with_its_class_names(tmp_path: Path) -> None:
    polars = pytest.importorskip("polars", reason="needs the extra `tables`")
    features = {"info": {"features": {"label": {"names": ["neg", "pos"]}}}}
    table = polars.DataFrame({"text": ["bad film", "good film", "dull"], "label": [0, 1, 0]})
    table.write_parquet(tmp_path / "x", metadata={"huggingface": json.dumps(features)})
    with bucket() as store:
        store.objects["b/films.parquet"] = (tmp_path / "x").read_bytes()
        done = of_its_own("import", "s3://b/films.parquet", at=tmp_path, env=store.environment)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (tmp_path / "suites/films.jsonl").read_text().splitlines()]
    assert [row["expected"] for row in rows] == ["neg", "pos", "neg"]
    assert "names of the label ids: kept in the table itself (--names)" in done.stdout


def test_a_table_at_an_address_is_cut_as_its_header_tells(tmp_path: Path) -> None:
    pytest.importorskip("polars", reason="needs the extra `tables`")
    with bucket() as store:
        store.objects["b/t.csv"] = b"Message-ID;text;label\nM1;win, a prize, now;spam\nM2;see you at noon;ham\n"
        store.objects["b/broken.csv"] = b"text,label\nwin,spam,more,cells\n"
        done = of_its_own("import", "s3://b/t.csv", at=tmp_path, env=store.environment)
        broken = of_its_own("import", "s3://b/broken.csv", at=tmp_path, env=store.environment)
        (tmp_path / "suites/far.suite.yml").write_text(
            "name: far\nlabels: [spam, ham]\nmodels: [smollm2]\ncases: s3://b/far.csv\n"
        )
        store.objects["b/far.csv"] = b"text;expected\nwin, a prize, now;spam\nsee you at noon;ham\n"
        asked = ("check", "suites/far.suite.yml", "--prompt", "prompts/t/v1.prompt.yml")
        far = of_its_own(*asked, at=tmp_path, env=store.environment)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (tmp_path / "suites/t.jsonl").read_text().splitlines()]
    assert [(row["id"], row["text"]) for row in rows] == [("M1", "win, a prize, now"), ("M2", "see you at noon")]
    assert (broken.returncode, "s3://b/broken.csv: cannot be read as a table" in broken.stderr) == (2, True)
    assert "far: 2 cases" in far.stdout, far.stderr
