"""Every kind of change that can move an answer, in a repository with two branches: measured, refused or said."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from commanded import write_lines, write_yaml
from gated import PROMPT, SUITE, Done, branch, command, commit, gate_json, git, served, write_prompt, write_repository
from scripted import Answer, Request, Script, ScriptedServer, chat_reply

Serve = Callable[[Script], ScriptedServer]
CASES = 60


def by_everything(request: Request) -> Answer:
    """Answer well, unless model, parameters or prompt say `badly`; in capitals of JSON where the prompt says so."""
    body = request.json()
    said = body["messages"][-1]["content"]
    bad = "badly" in said or body["model"] == "bad-1" or body.get("temperature") == 1
    spam = int(said.rsplit(" ", 1)[1]) % 2 == 0 and not (bad and int(said.rsplit(" ", 1)[1]) % 4 == 0)
    word = "spam" if spam else "ham"
    if "json" in said:
        word = json.dumps({"answer": "spam or ham", "label": word})
    return Answer.of_json(chat_reply(word))


@pytest.fixture
def server(scripted_server: Serve) -> ScriptedServer:
    return scripted_server(by_everything)


@pytest.fixture
def repo(tmp_path: Path, server: ScriptedServer) -> Path:
    write_repository(tmp_path, served(server.url), cases=CASES)
    return tmp_path


def gate(repo: Path, *more: str) -> Done:
    return command(repo, "gate", SUITE, "--base", "main", "--quiet", "--json", *more)


def entry(repo: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((repo / "harness.yml").read_text())["models"]["m"]
    return found


def write_models(repo: Path, **models: dict[str, Any]) -> None:
    write_yaml(repo / "harness.yml", {"models": models})


def write_suite(repo: Path, path: str = SUITE, **more: Any) -> None:
    write_yaml(repo / path, yaml.safe_load((repo / path).read_text()) | more)


def the_one(done: Done) -> dict[str, Any]:
    """Give the only thing that was judged."""
    (prompt,) = gate_json(done)["prompts"]
    found: dict[str, Any] = prompt
    return found


def model_of(repo: Path) -> None:
    write_models(repo, m=entry(repo) | {"model": "bad-1"})


def params(repo: Path) -> None:
    write_models(repo, m=entry(repo) | {"params": {"temperature": 1, "max_tokens": 4}})


def adapted(repo: Path) -> None:
    write_models(repo, m=entry(repo) | {"adapt": {"override": {"temperature": 1}}})


def models_of_suite(repo: Path) -> None:
    write_models(repo, m=entry(repo), worse=entry(repo) | {"model": "bad-1"})
    write_suite(repo, models=["worse"])


def renamed_prompt(repo: Path) -> None:
    git(repo, "mv", PROMPT, "prompts/v1b.prompt.yml")
    write_prompt(repo, "Sort badly: {{ message }}", "prompts/v1b.prompt.yml")


def patterns_of_suite(repo: Path) -> None:
    (repo / "prompts" / "other").mkdir()
    write_prompt(repo, "Sort badly: {{ message }}", "prompts/other/v2.prompt.yml")
    write_suite(repo, prompts=["../prompts/other/*.prompt.yml"])


def reply_rule(repo: Path) -> None:
    write_suite(repo, reply={"as": "regex", "pattern": "(?P<label>spam)"})


def examples(repo: Path) -> None:
    write_prompt(repo, "Sort badly: {{ message }}", examples=[{"message": "message 3", "label": "ham"}])


def renamed_suite(repo: Path) -> None:
    git(repo, "mv", SUITE, "suites/other.suite.yml")
    write_suite(repo, "suites/other.suite.yml", thresholds=["accuracy >= 1%"], gate={"margin": "99%"})
    write_prompt(repo, "Sort badly: {{ message }}")


@pytest.mark.parametrize(
    ("change", "changed", "was", "suite"),
    [
        (model_of, ["model"], "", SUITE),
        (params, ["model"], "", SUITE),
        (adapted, ["model"], "", SUITE),
        (models_of_suite, ["model"], f"{PROMPT} on m", SUITE),
        (renamed_prompt, ["prompt"], f"{PROMPT} on m", SUITE),
        (patterns_of_suite, ["prompt"], f"{PROMPT} on m", SUITE),
        (reply_rule, ["reply rule"], "", SUITE),
        (examples, ["prompt"], "", SUITE),
        (renamed_suite, ["prompt"], "", "suites/other.suite.yml"),
    ],
)
def test_what_moves_answers_is_measured_old_beside_new_and_fails(
    repo: Path, server: ScriptedServer, change: Callable[[Path], None], changed: list[str], was: str, suite: str
) -> None:
    branch(repo, "changed")
    change(repo)
    commit(repo, "changed")
    done = command(repo, "gate", suite, "--base", "main", "--quiet", "--json")
    document = gate_json(done)
    (prompt,) = document["prompts"]
    assert (done.returncode, document["status"], prompt["kind"]) == (1, "FAIL", "changed"), document["headline"]
    assert (prompt["changed"], prompt["was"]) == (changed, was)
    assert prompt["comparison"]["paired_cases"] == CASES
    assert {check["of"] for check in prompt["checks"]} == {"threshold", "no worse"}
    assert len(server.requests) == 2 * CASES


def test_a_model_beside_the_others_is_new_and_held_to_the_thresholds(repo: Path, server: ScriptedServer) -> None:
    branch(repo, "more")
    write_models(repo, m=entry(repo), worse=entry(repo) | {"model": "bad-1"})
    write_suite(repo, models=["m", "worse"])
    commit(repo, "more")
    done = gate(repo)
    prompt = the_one(done)
    assert (done.returncode, prompt["model"], prompt["kind"]) == (1, "worse", "new")
    assert len(server.requests) == CASES


def test_a_deleted_prompt_is_said_first(repo: Path, server: ScriptedServer) -> None:
    write_prompt(repo, "Sort well: {{ message }}", "prompts/v2.prompt.yml")
    commit(repo, "two")
    branch(repo, "fewer")
    git(repo, "rm", "-q", PROMPT)
    commit(repo, "fewer")
    document = gate_json(gate(repo))
    assert document["deleted"] == [PROMPT]
    assert f"Deleted, so nothing is known of it: {PROMPT}." in document["headline"]
    assert not server.requests


@pytest.mark.parametrize("how", ["deleted", "a folder", "no match"])
def test_a_suite_that_is_left_without_a_prompt_is_refused(repo: Path, how: str) -> None:
    branch(repo, "none")
    if how == "no match":
        write_suite(repo, prompts=["../other/*.prompt.yml"])
    else:
        git(repo, "rm", "-q", PROMPT)
    if how == "a folder":
        (repo / PROMPT).mkdir(parents=True)
        write_prompt(repo, "Sort: {{ message }}", f"{PROMPT}/v1.prompt.yml")
    commit(repo, "none")
    done = gate(repo)
    assert (done.returncode, "leaves the suite without a prompt" in done.stderr) == (2, True)


def moved_param(repo: Path) -> None:
    write_models(repo, m=entry(repo) | {"params": {"temperature": 0}})
    write_prompt(repo, "Sort: {{ message }}", modelParameters={"maxTokens": 4})


def moved_to_adapt(repo: Path) -> None:
    write_models(repo, m=entry(repo) | {"params": {}, "adapt": {"override": {"temperature": 0, "max_tokens": 4}}})


def renamed_model(repo: Path) -> None:
    write_models(repo, other=entry(repo))
    write_suite(repo, models=["other"])


def renamed_only(repo: Path) -> None:
    git(repo, "mv", PROMPT, "prompts/v1b.prompt.yml")


def description(repo: Path) -> None:
    write_suite(repo, description="for people")


def calling(repo: Path) -> None:
    write_models(repo, m=entry(repo) | {"timeout": "50 s", "limits": {"concurrency": 1}, "price": {"input": 9.0}})


@pytest.mark.parametrize("change", [moved_param, moved_to_adapt, renamed_model, renamed_only, description, calling])
def test_what_sends_the_same_makes_no_call(repo: Path, server: ScriptedServer, change: Callable[[Path], None]) -> None:
    branch(repo, "same")
    change(repo)
    commit(repo, "same")
    done = gate(repo)
    document = gate_json(done)
    assert (done.returncode, {prompt["kind"] for prompt in document["prompts"]} <= {"same"}) == (0, True)
    assert not server.requests


def test_what_sends_the_same_to_a_few_cases_alone_is_measured(repo: Path, server: ScriptedServer) -> None:
    branch(repo, "changed")
    write_prompt(repo, "Sort{% if message == 'message 7' %} badly{% endif %}: {{ message }}")
    commit(repo, "changed")
    done = gate(repo, "--limit", "5")
    assert (done.returncode, the_one(done)["kind"], len(server.requests)) == (3, "changed", 10), done.stdout
    assert not any("message 7" in request.body.decode() for request in server.requests)


def test_cases_are_the_bases_and_what_a_branch_does_to_them_is_said(repo: Path, server: ScriptedServer) -> None:
    branch(repo, "easier")
    rows = [{"id": f"c{n}", "message": f"message {n}", "expected": "ham" if n % 2 else "spam"} for n in range(8, 60)]
    write_lines(repo / "suites" / "cases.jsonl", rows)
    commit(repo, "easier")
    document = gate_json(gate(repo))
    assert document["edits"] == ["8 cases deleted: c0, c1, c2, c3, c4 and 3 more."]
    write_prompt(repo, "Sort badly: {{ message }}")
    assert the_one(gate(repo))["comparison"]["paired_cases"] == CASES


def test_labels_that_a_template_lists_are_each_sides_own(repo: Path, server: ScriptedServer) -> None:
    write_prompt(repo, "{{ labels | join(', ') }}. Sort: {{ message }}")
    commit(repo, "lists its labels")
    branch(repo, "third")
    write_suite(repo, labels=["spam", "ham", "badly"])
    commit(repo, "third")
    prompt = the_one(gate(repo))
    assert (prompt["changed"], prompt["kind"], prompt["status"]) == (["labels"], "changed", "FAIL")
    asked = [request.json()["messages"][-1]["content"].partition(".")[0] for request in server.requests]
    assert {text: asked.count(text) for text in asked} == {"spam, ham": CASES, "spam, ham, badly": CASES}


def test_each_side_is_read_by_its_own_rule_in_every_report(repo: Path) -> None:
    write_suite(repo, gate={"margin": "30%"})
    commit(repo, "few cases")
    branch(repo, "json")
    write_prompt(repo, "Sort, as json: {{ message }}")
    write_suite(repo, reply={"as": "json", "pointer": "/label"})
    commit(repo, "json")
    done = gate(repo)
    prompt = the_one(done)
    assert (done.returncode, prompt["status"]) == (0, "PASS"), gate_json(done)["headline"]
    assert prompt["changed"] == ["prompt", "reply rule"]
    run = gate_json(done)["run_id"]
    told = json.loads(command(repo, "show", run, "--json").stdout)
    assert {one["name"]: one["outcomes"]["label"] for one in told["candidates"]} == {
        "v1@m (base)": CASES,
        "v1@m (head)": CASES,
    }
    assert command(repo, "export", run, "--to", "jsonl", "--output", "rows.jsonl").returncode == 0
    rows = [json.loads(line) for line in (repo / "rows.jsonl").read_text().splitlines()]
    assert sum(row["right"] for row in rows) == 2 * CASES


def elsewhere(repo: Path) -> None:
    write_models(repo, m=entry(repo) | {"base_url": "http://127.0.0.1:9/v1"})


def other_path(repo: Path) -> None:
    write_models(repo, m=entry(repo) | {"base_url": entry(repo)["base_url"].replace("/v1", "/account/v1")})


def other_key(repo: Path) -> None:
    write_models(repo, m=entry(repo) | {"api_key_env": "AWS_SECRET_ACCESS_KEY"})


def key_in_a_header(repo: Path) -> None:
    write_models(repo, m=entry(repo) | {"headers": {"x-trace": "${GITHUB_TOKEN}"}})


def host(repo: Path) -> None:
    write_models(repo, m=entry(repo) | {"headers": {"host": "evil.example"}})


def new_model_elsewhere(repo: Path) -> None:
    write_models(repo, m=entry(repo), n=entry(repo) | {"base_url": "http://127.0.0.1:9/v1"})
    write_suite(repo, models=["m", "n"])


def weights(repo: Path) -> None:
    (repo / "w.gguf").write_bytes(b"GGUF")
    write_models(repo, m={"endpoint": "local", "weights": "w.gguf"})


def template(repo: Path) -> None:
    url = entry(repo)["base_url"]
    body = {"text": "{% for i in range(10**9) %}{% endfor %}"}
    write_models(repo, m={"endpoint": "http", "url": url, "body": body, "reply": "/label"})


@pytest.mark.parametrize(
    "change", [elsewhere, other_path, other_key, key_in_a_header, host, new_model_elsewhere, weights, template]
)
def test_whom_a_branch_would_have_called_or_loaded_is_not_judged(
    repo: Path, server: ScriptedServer, change: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    monkeypatch.setenv("GITHUB_TOKEN", "canary")
    branch(repo, "elsewhere")
    change(repo)
    commit(repo, "elsewhere")
    done = gate(repo)
    assert (done.returncode, done.stdout) == (2, ""), done.stdout
    assert "not judged: the branch changes the model" in done.stderr
    assert not server.requests


def test_an_address_of_one_model_and_the_key_of_another_are_not_put_together(
    tmp_path: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONE_KEY", "canary")
    write_repository(tmp_path, served(server.url), cases=CASES)
    other = served("http://127.0.0.1:9", api_key_env="ONE_KEY")
    write_models(tmp_path, m=entry(tmp_path), n=other)
    commit(tmp_path, "two")
    branch(tmp_path, "mixed")
    write_models(tmp_path, m=entry(tmp_path) | {"api_key_env": "ONE_KEY"}, n=other)
    commit(tmp_path, "mixed")
    done = gate(tmp_path)
    assert (done.returncode, len(server.requests)) == (2, 0)


def test_weights_that_a_branch_changes_are_never_loaded(tmp_path: Path) -> None:
    write_repository(tmp_path, {"endpoint": "local", "weights": "w.gguf"}, cases=4)
    (tmp_path / "real.gguf").write_bytes(b"GGUF")
    (tmp_path / "w.gguf").symlink_to("real.gguf")
    commit(tmp_path, "weights")
    for number, path in enumerate(("real.gguf", "w.gguf")):
        branch(tmp_path, f"other-{number}")
        (tmp_path / path).unlink()
        (tmp_path / path).write_bytes(b"GGUF, but other")
        commit(tmp_path, "other")
        done = gate(tmp_path)
        assert (done.returncode, f"the branch changes {path}, the `weights`" in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize("text", ["{% include '../secrets.txt' %} {{ message }}", "{% import 'a' as b %}{{ message }}"])
def test_a_template_that_includes_a_file_is_refused(repo: Path, text: str) -> None:
    branch(repo, "includes")
    write_prompt(repo, text)
    commit(repo, "includes")
    done = gate(repo)
    assert (done.returncode, PROMPT in done.stderr) == (2, True)


def test_a_model_that_the_suite_names_and_harness_yml_lost_is_a_mistake(repo: Path) -> None:
    branch(repo, "lost")
    write_models(repo, other=entry(repo))
    commit(repo, "lost")
    done = gate(repo)
    assert (done.returncode, "there is no model `m`" in done.stderr) == (2, True)


def test_what_main_changed_since_is_no_change_of_the_branch(repo: Path, server: ScriptedServer) -> None:
    branch(repo, "behind")
    (repo / "README.md").write_text("hello\n")
    commit(repo, "behind")
    git(repo, "checkout", "-q", "main")
    write_models(repo, m=entry(repo) | {"model": "new-1"})
    write_suite(repo, thresholds=["recall[spam] >= 85%"], reply={"as": "exact"})
    write_prompt(repo, "Sort well: {{ message }}", "prompts/v2.prompt.yml")
    commit(repo, "main moves")
    git(repo, "checkout", "-q", "behind")
    document = gate_json(gate(repo))
    assert (document["prompts"], document["edits"], document["deleted"]) == ([], [], [])
    write_models(repo, m=entry(repo) | {"params": {"temperature": 1, "max_tokens": 4}})
    prompt = the_one(gate(repo))
    assert prompt["changed"] == ["model"]
    asked = [(body["model"], body["temperature"]) for body in (request.json() for request in server.requests)]
    assert set(asked) == {("new-1", 0), ("new-1", 1)}, "the branch's change, over what main changed since"


def recorded(repo: Path, good: bool, **more: Any) -> None:
    def reply(n: int) -> str:
        return "spam" if n % 2 == 0 and (good or n % 4) else "ham"

    write_lines(repo / "replies.jsonl", ({"case": f"c{n}", "reply": reply(n), **more} for n in range(CASES)))


def test_a_recording_that_the_branch_changed_is_another_answer(tmp_path: Path) -> None:
    recorded(tmp_path, good=True)
    write_repository(tmp_path, {"endpoint": "replay", "replies": "replies.jsonl"}, cases=CASES)
    branch(tmp_path, "recorded")
    recorded(tmp_path, good=False)
    commit(tmp_path, "recorded")
    done = gate(tmp_path)
    assert (done.returncode, the_one(done)["changed"]) == (1, ["model"])


@pytest.mark.parametrize("how", ["another file behind it", "another link between", "another folder"])
def test_a_recording_behind_links_changes_with_whatever_they_lead_to(tmp_path: Path, how: str) -> None:
    for folder, good in (("one", True), ("two", False)):
        recorded(tmp_path, good=good)
        (tmp_path / folder).mkdir()
        (tmp_path / "replies.jsonl").rename(tmp_path / folder / "replies.jsonl")
    (tmp_path / "replies.jsonl").symlink_to("between.jsonl")
    (tmp_path / "between.jsonl").symlink_to("folder/replies.jsonl")
    (tmp_path / "folder").symlink_to("one")
    write_repository(tmp_path, {"endpoint": "replay", "replies": "replies.jsonl"}, cases=CASES)
    branch(tmp_path, "recorded")
    if how == "another file behind it":
        (tmp_path / "one" / "replies.jsonl").write_bytes((tmp_path / "two" / "replies.jsonl").read_bytes())
    else:
        link, to = ("between.jsonl", "two/replies.jsonl") if "between" in how else ("folder", "two")
        (tmp_path / link).unlink()
        (tmp_path / link).symlink_to(to)
    commit(tmp_path, "recorded")
    done = gate(tmp_path)
    assert (done.returncode, the_one(done)["changed"]) == (1, ["model"]), done.stderr
    accuracy = next(m for m in the_one(done)["comparison"]["metrics"] if m["metric"] == "accuracy")
    assert (accuracy["base"]["value"], accuracy["head"]["value"]) == (1.0, 0.75)


def test_what_lies_in_linked_folders_is_held_against_the_base(repo: Path) -> None:
    (repo / "shared" / "cases").mkdir(parents=True)
    (repo / "prompts").rename(repo / "shared" / "prompts")
    (repo / "suites" / "cases.jsonl").rename(repo / "shared" / "cases" / "cases.jsonl")
    (repo / "prompts").symlink_to("shared/prompts")
    (repo / "suites" / "cases").symlink_to("../shared/cases")
    write_suite(repo, cases="cases/cases.jsonl")
    commit(repo, "linked")
    branch(repo, "worse")
    write_prompt(repo, "Sort badly: {{ message }}")
    commit(repo, "worse")
    done = gate(repo)
    assert (done.returncode, the_one(done)["kind"]) == (1, "changed"), done.stderr


def test_what_patterns_find_behind_links_is_the_bases_too(repo: Path) -> None:
    for folder in ("shared/a", "prompts/own", "suites/own", "code"):
        (repo / folder).mkdir(parents=True)
    (repo / "code" / "mine.py").write_text("def shout(text, rng):\n    return text\n")
    (repo / "lib").symlink_to("code")
    lines = (repo / "suites" / "cases.jsonl").read_text().splitlines(keepends=True)
    (repo / "shared" / "a" / "cases.jsonl").write_text("".join(lines[: CASES // 2]))
    (repo / "suites" / "own" / "cases.jsonl").write_text("".join(lines[CASES // 2 :]))
    (repo / PROMPT).rename(repo / "shared" / "a" / "v1.prompt.yml")
    write_prompt(repo, "Please sort it: {{ message }}", "shared/v2.prompt.yml")
    (repo / "prompts" / "own" / "v2.prompt.yml").symlink_to("../../shared/v2.prompt.yml")
    for folder in ("prompts", "suites"):
        (repo / folder / "a").symlink_to("../shared/a")
    more = {"prompts": ["../prompts/*/*.prompt.yml"], "perturbations": ["lib.mine:shout"]}
    write_suite(repo, cases=["*/cases.jsonl"], **more)
    commit(repo, "linked")
    branch(repo, "worse")
    write_prompt(repo, "Please sort it badly: {{ message }}", "shared/a/v1.prompt.yml")
    commit(repo, "worse")
    done = gate(repo)
    prompt = the_one(done)
    assert (done.returncode, prompt["kind"], prompt["was"]) == (1, "changed", ""), done.stderr
    assert (prompt["comparison"]["paired_cases"], gate_json(done)["edits"]) == (CASES, [])


def test_what_main_moved_to_where_another_pattern_finds_it_is_not_passed_by(repo: Path) -> None:
    branch(repo, "behind")
    write_prompt(repo, "Sort badly: {{ message }}")
    commit(repo, "behind")
    branch(repo, "unmoved")
    git(repo, "checkout", "-q", "main")
    git(repo, "mv", "prompts", "templates")
    write_suite(repo, prompts=["../templates/*.prompt.yml"])
    commit(repo, "main moves them")
    for name, code in (("behind", 2), ("unmoved", 0)):
        git(repo, "checkout", "-q", name)
        done = gate(repo)
        assert (done.returncode, f"{PROMPT} was moved or deleted there" in done.stderr) == (code, code == 2), done


@pytest.mark.parametrize("moved", [PROMPT, SUITE])
def test_what_main_moved_since_is_not_taken_for_new(repo: Path, server: ScriptedServer, moved: str) -> None:
    branch(repo, "behind")
    write_prompt(repo, "Sort badly: {{ message }}")
    commit(repo, "behind")
    git(repo, "checkout", "-q", "main")
    git(repo, "mv", moved, moved.replace("/", "/other_"))
    commit(repo, "main moves it")
    git(repo, "checkout", "-q", "behind")
    done = gate(repo)
    assert (done.returncode, len(server.requests)) == (2, 0)
    assert f"since this branch left main, {moved} was moved or deleted there" in done.stderr


def test_a_suite_that_main_got_or_moved_since_is_gated_and_not_called_deleted(repo: Path) -> None:
    branch(repo, "behind")
    write_prompt(repo, "Sort badly: {{ message }}")
    commit(repo, "behind")
    git(repo, "checkout", "-q", "main")
    git(repo, "mv", SUITE, "suites/moved.suite.yml")
    commit(repo, "main moves it")
    git(repo, "checkout", "-q", "behind")
    done = command(repo, "gate", "--all", "--base", "main", "--quiet", "--json")
    document = gate_json(done)
    assert ([one["suite"] for one in document["prompts"]], document["edits"]) == (["suites/moved.suite.yml"], [])


def test_cases_at_an_address_that_a_branch_names_are_not_fetched(repo: Path, server: ScriptedServer) -> None:
    branch(repo, "fetching")
    write_suite(repo, cases=["cases.jsonl", "hf://datasets/someone/else@main/cases.jsonl"])
    commit(repo, "fetching")
    done = gate(repo)
    assert (done.returncode, len(server.requests)) == (2, 0)
    assert "takes cases from hf://datasets/someone/else@main/cases.jsonl, which the suite of the base" in done.stderr


@pytest.mark.parametrize("key", ["model", "messages"])
def test_no_parameter_names_who_is_asked_or_what(repo: Path, server: ScriptedServer, key: str) -> None:
    branch(repo, "other")
    write_prompt(repo, "Sort: {{ message }}", modelParameters={key: "bad-1"})
    commit(repo, "other")
    done = gate(repo)
    assert (done.returncode, len(server.requests)) == (2, 0)
    assert f"{PROMPT}:5: modelParameters.{key}: `{key}` is no parameter" in done.stderr
    write_prompt(repo, "Sort: {{ message }}")
    write_models(repo, m=entry(repo) | {"params": {key: "bad-1"}})
    done = gate(repo)
    assert (done.returncode, f"models.m.params: `{key}` is no parameter" in done.stderr) == (2, True)


def test_calls_of_perturbations_are_a_gates_calls(repo: Path, server: ScriptedServer) -> None:
    write_suite(repo, perturbations=["typos"], gate={"margin": "6%", "reuse": "7 days"})
    commit(repo, "perturbed")
    branch(repo, "well")
    write_prompt(repo, "Sort well: {{ message }}")
    first, again = (gate_json(gate(repo))["cost"] for _ in range(2))
    assert (first["calls"], again["calls"], again["reused"]) == (4 * CASES, 2 * CASES, 2 * CASES)
    assert len(server.requests) == 6 * CASES


def test_a_new_suite_is_not_judged_by_a_harness_yml_that_changed_behind_a_link(
    repo: Path, server: ScriptedServer
) -> None:
    git(repo, "mv", "harness.yml", "models.yml")
    (repo / "harness.yml").symlink_to("models.yml")
    commit(repo, "linked")
    branch(repo, "new")
    write_models(repo, m=entry(repo) | {"params": {"temperature": 1}})
    write_yaml(repo / "suites/new.suite.yml", yaml.safe_load((repo / SUITE).read_text()) | {"name": "new"})
    write_prompt(repo, "Sort well: {{ message }}")
    commit(repo, "new")
    done = command(repo, "gate", "suites/new.suite.yml", "--base", "main", "--quiet")
    assert (done.returncode, "harness.yml is changed as well" in done.stderr, len(server.requests)) == (2, True, 0)


@pytest.mark.parametrize("suite", ["app/suites/small.suite.yml", "app/suites/new.suite.yml"])
def test_the_harness_yml_of_a_branchs_own_policy_is_the_one_that_a_run_finds(
    tmp_path: Path, server: ScriptedServer, suite: str
) -> None:
    write_repository(tmp_path / "app", served(server.url, model="nearer-1"), cases=CASES)
    (tmp_path / "app" / ".git").rename(tmp_path / ".git")
    write_yaml(tmp_path / "harness.yml", {"models": {"m": served(server.url, model="upper-1")}})
    commit(tmp_path, "one around the other")
    branch(tmp_path, "new")
    write_suite(tmp_path / "app", "suites/small.suite.yml", name="changed")
    write_yaml(tmp_path / "app/suites/new.suite.yml", yaml.safe_load((tmp_path / "app" / SUITE).read_text()))
    write_prompt(tmp_path / "app", "Sort well: {{ message }}")
    commit(tmp_path, "new")
    policy = ["--policy", "head"] if "small" in suite else []
    done = command(tmp_path, "gate", suite, "--base", "main", "--quiet", *policy)
    assert done.returncode in {0, 3}, done.stderr
    assert {request.json()["model"] for request in server.requests} == {"upper-1"}


def test_a_prompt_that_git_does_not_know_yet_is_not_committed(repo: Path) -> None:
    branch(repo, "new")
    write_prompt(repo, "Sort well: {{ message }}", "prompts/v2.prompt.yml")
    done = gate(repo)
    assert (the_one(done)["prompt"], gate_json(done)["uncommitted"]) == ("v2", True)


def branch_with_a_prompt_of_its_own(root: Path, name: str, *, good: bool) -> None:
    """Write a project of recorded replies, good ones or not, and a branch that records those of a new prompt."""
    recorded(root, good=good, prompt="v1")
    write_repository(root, {"endpoint": "replay", "replies": "replies.jsonl"}, cases=CASES)
    old = (root / "replies.jsonl").read_text()
    branch(root, name)
    recorded(root, good=True, prompt="v2")
    (root / "replies.jsonl").write_text(old + (root / "replies.jsonl").read_text())
    write_prompt(root, "Another: {{ message }}", "prompts/v2.prompt.yml")
    commit(root, name)


def test_what_is_recorded_for_a_new_prompt_leaves_the_others_alone(tmp_path: Path) -> None:
    branch_with_a_prompt_of_its_own(tmp_path, "recorded", good=True)
    done = gate(tmp_path)
    assert (done.returncode, the_one(done)["prompt"]) == (0, "v2"), done.stderr


def test_what_main_recorded_since_is_no_change_of_the_branch(tmp_path: Path) -> None:
    branch_with_a_prompt_of_its_own(tmp_path, "behind", good=False)
    git(tmp_path, "checkout", "-q", "main")
    recorded(tmp_path, good=True, prompt="v1")
    commit(tmp_path, "main records anew")
    git(tmp_path, "checkout", "-q", "behind")
    done = gate(tmp_path)
    assert (done.returncode, the_one(done)["prompt"]) == (0, "v2"), done.stderr


def test_a_renamed_prompt_keeps_the_replies_that_were_recorded_under_its_old_name(tmp_path: Path) -> None:
    recorded(tmp_path, good=True, prompt="v1")
    write_repository(tmp_path, {"endpoint": "replay", "replies": "replies.jsonl"}, cases=CASES)
    branch(tmp_path, "renamed")
    git(tmp_path, "mv", PROMPT, "prompts/v2.prompt.yml")
    recorded(tmp_path, good=False, prompt="v2")
    commit(tmp_path, "renamed")
    done = gate(tmp_path)
    prompt = the_one(done)
    assert (done.returncode, prompt["was"], prompt["status"]) == (1, f"{PROMPT} on m", "FAIL")
    accuracy = next(m for m in prompt["comparison"]["metrics"] if m["metric"] == "accuracy")
    assert (accuracy["base"]["value"], accuracy["head"]["value"]) == (1.0, 0.75)


def test_a_prompt_that_another_one_makes_longer_named_keeps_what_the_base_recorded(tmp_path: Path) -> None:
    right = [{"case": f"c{n}", "prompt": "v1", "reply": "ham" if n % 2 else "spam"} for n in range(CASES)]
    write_repository(tmp_path, {"endpoint": "replay", "replies": "replies.jsonl"}, cases=CASES)
    write_lines(tmp_path / "replies.jsonl", right)
    commit(tmp_path, "recorded")
    branch(tmp_path, "longer")
    (tmp_path / "other").mkdir()
    write_prompt(tmp_path, "Sort badly: {{ message }}", "other/v1.prompt.yml")
    write_suite(tmp_path, prompts=["../prompts/*.prompt.yml", "../other/*.prompt.yml"])
    names = ("prompts/v1", "other/v1")
    write_lines(tmp_path / "replies.jsonl", [line | {"prompt": name} for line in right for name in names])
    commit(tmp_path, "longer")
    found = {each["prompt"]: each for each in gate_json(gate(tmp_path))["prompts"]}
    assert found["prompts/v1"]["comparison"]["paired_cases"] == CASES


def test_under_policy_head_every_entry_counts_as_the_branch_wrote_it(repo: Path, server: ScriptedServer) -> None:
    branch(repo, "own")
    model_of(repo)
    commit(repo, "own")
    done = gate(repo, "--policy", "head")
    assert (done.returncode, the_one(done)["changed"]) == (1, ["model"])
    assert {request.json()["model"] for request in server.requests} == {"m-1", "bad-1"}


def test_two_prompts_in_place_of_one_share_its_answers(repo: Path, server: ScriptedServer) -> None:
    branch(repo, "two")
    for name, how in (("v2", "well"), ("v3", "badly")):
        write_prompt(repo, f"Sort {how}: {{{{ message }}}}", f"prompts/{name}.prompt.yml")
    git(repo, "rm", "-q", PROMPT)
    write_suite(repo, thresholds=["accuracy >= baseline - 10%"])
    commit(repo, "two")
    document = gate_json(gate(repo, "--policy", "head"))
    found = {each["prompt"]: each for each in document["prompts"]}
    assert {each["was"] for each in found.values()} == {f"{PROMPT} on m"}
    assert {name: each["comparison"]["paired_cases"] for name, each in found.items()} == {"v2": CASES, "v3": CASES}
    assert [found[name]["status"] for name in ("v2", "v3")] == ["INCONCLUSIVE", "FAIL"]
    assert len(server.requests) == document["cost"]["calls"] == 3 * CASES
