"""A branch's prompt is rendered in a confined child process, and nowhere else: before the first call and after."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from commanded import write_lines
from gated import (
    CASES,
    PROMPT,
    SUITE,
    Done,
    branch,
    classifier,
    command,
    commit,
    gate_json,
    served,
    write_prompt,
    write_repository,
)
from scripted import Script, ScriptedServer

from harness.files.prompts import ConfinedRenderer, Prompt, Renderer

Serve = Callable[[Script], ScriptedServer]
# Within the rules of templates: a loop over an input, one over the examples, filters whose work is bounded.
WORK = "{{ (message | list | sort | join)[:0] }}"
ENDLESS = "{% for c in message %}{% for e in examples %}" + WORK + "{% endfor %}{% endfor %}"
EXAMPLES = [{"message": f"message {n}", "label": "ham"} for n in range(200)]
OWN = """
def doubled(text, rng):
    return "doubled " + text
"""


@pytest.fixture
def server(scripted_server: Serve) -> ScriptedServer:
    return scripted_server(classifier)


def repository(root: Path, server: ScriptedServer, **suite: object) -> Path:
    root.mkdir()
    write_repository(root, served(server.url), **suite)  # type: ignore[arg-type]
    (root / "own.py").write_text(OWN)
    commit(root, "code of the project")
    return root


@pytest.fixture
def little_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a prompt's batch have a second of CPU and not five: what is endless takes either."""
    monkeypatch.setitem(ConfinedRenderer.__init__.__kwdefaults__, "cpu_s", 1)


def write_long_cases(root: Path) -> None:
    text = 3_000 * "x"
    write_lines(
        root / CASES,
        ({"id": f"c{n}", "message": f"message {n} {text}", "expected": "ham" if n % 2 else "spam"} for n in range(20)),
    )


def gate(root: Path, *more: str) -> Done:
    return command(root, "gate", SUITE, "--base", "main", "--quiet", "--json", *more)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect what is rendered, or made ready to be, in this process; it is rendered all the same."""
    seen: list[str] = []
    render, make = Renderer.render, Renderer.__init__

    def made(self: Renderer, prompt: Prompt) -> None:
        seen.extend(message.content for message in prompt.messages)
        make(self, prompt)

    def rendered(self: Renderer, inputs: Mapping[str, str]) -> object:
        found = render(self, inputs)
        seen.append(str(found))
        return found

    monkeypatch.setattr(Renderer, "__init__", made)
    monkeypatch.setattr(Renderer, "render", rendered)
    return seen


@pytest.mark.parametrize("perturbations", [[], ["typos", "label_order", "own:doubled"]])
def test_a_gate_renders_nothing_of_a_branch_in_its_own_process(
    tmp_path: Path, server: ScriptedServer, here: list[str], perturbations: list[str]
) -> None:
    root = repository(tmp_path / "repo", server, perturbations=perturbations, cases=20)
    branch(root, "worse")
    write_prompt(root, "Sort badly {{ labels | join(' ') }}: {{ message }}")
    commit(root, "worse")
    document = gate_json(gate(root))
    assert document["status"] in {"FAIL", "INCONCLUSIVE"}
    sent = [request.json()["messages"][-1]["content"] for request in server.requests]
    assert sum(said.startswith("Sort badly spam ham:") for said in sent) >= 20
    assert any(said.startswith("Sort: ") for said in here), "the base's own are rendered here"
    assert not [said for said in here if "badly" in said]


@pytest.mark.usefixtures("little_time")
@pytest.mark.parametrize(
    ("where", "perturbations"),
    [
        ("message 17", []),  # one case
        ("MESSAGE", ["upper"]),  # a variant of the suite's
        ("doubled", ["own:doubled"]),  # a variant that the project's own code makes
    ],
)
def test_a_prompt_that_is_endless_only_where_a_run_would_send_it_is_refused_before_the_first_call(
    tmp_path: Path, server: ScriptedServer, where: str, perturbations: list[str]
) -> None:
    root = repository(tmp_path / "repo", server, perturbations=perturbations, cases=20)
    write_long_cases(root)
    commit(root, "long cases")
    branch(root, "endless")
    write_prompt(root, "{% if '" + where + "' in message %}" + ENDLESS + "{% endif %}{{ message }}", examples=EXAMPLES)
    commit(root, "endless")
    done = gate(root)
    assert (done.returncode, len(server.requests)) == (2, 0), done.stderr
    assert f"{PROMPT}: takes too much time or memory to render." in done.stderr.replace("\n", " ")


@pytest.mark.usefixtures("little_time")
def test_check_of_a_strangers_prompt_renders_every_variant_confined(
    tmp_path: Path, server: ScriptedServer, here: list[str]
) -> None:
    root = repository(tmp_path / "repo", server, perturbations=["upper"], cases=20)
    write_prompt(root, "{% if 'MESSAGE' in message %}" + ENDLESS + "{% endif %}{{ message }}", examples=EXAMPLES)
    write_long_cases(root)
    done = command(root, "check", SUITE, "--untrusted")
    assert done.returncode == 2
    assert "too much time or memory" in done.stderr.replace("\n", " ")
    assert here == []


@pytest.mark.parametrize("key", ["confined", "labels", "lines"])
def test_a_prompt_cannot_say_itself_what_the_harness_keeps_about_it(
    tmp_path: Path, server: ScriptedServer, key: str
) -> None:
    root = repository(tmp_path / "repo", server, cases=4)
    write_prompt(root, "Sort: {{ message }}", **{key: False})
    done = command(root, "check", SUITE)
    assert done.returncode == 2
    assert f"{key}:" in done.stderr
