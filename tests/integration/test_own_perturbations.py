"""A suite's own perturbation changes what an endpoint is asked, in every process and after a resume."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from commanded import in_process as harness
from commanded import write_lines, write_replayed
from measured import places, records, spam, write_project
from scripted import Answer, Request, Script, ScriptedServer

from harness.errors import EndpointUnusable, RunChanged
from harness.files.bundle import load_bundle
from harness.measure.resume import resume
from harness.measure.run import measure
from harness.rundir import find_run

Serve = Callable[[Script], ScriptedServer]
SWAP = "mypkg.noise:swap_currency"
CODE = "def swap_currency(text, rng):\n    return text.replace('no.', rng.choice(['€', '€']))\n"


def with_code(suite: Path, code: str = CODE) -> Path:
    folder = suite.parent / "mypkg"
    folder.mkdir(exist_ok=True)
    (folder / "noise.py").write_text(code)
    return suite


def asked(server: ScriptedServer) -> Counter[str]:
    return Counter(request.json()["messages"][0]["content"] for request in server.requests)


@pytest.mark.parametrize("processes", [1, 2])
def test_the_endpoint_is_asked_the_changed_text(tmp_path: Path, scripted_server: Serve, processes: int) -> None:
    server = scripted_server(lambda request: spam())
    suite = with_code(write_project(tmp_path, server.url, cases=5, repeats=2, perturbations=[SWAP]))
    run = measure(load_bundle(suite), tmp_path / "results", processes=processes)
    assert asked(server) == {f"v1: is this spam? message {mark} {n}": 2 for mark in ("no.", "€") for n in range(5)}
    assert set(places(run).values()) == {1}
    assert Counter(record.variant for record in records(run)) == {"original": 10, SWAP: 10}


def test_a_resume_sends_what_is_left_and_refuses_other_code(tmp_path: Path, scripted_server: Serve) -> None:
    broken = [True]

    def script(request: Request) -> Answer:
        if broken[0] and len(server.requests) > 8:
            return Answer(status=401)
        return spam()

    server = scripted_server(script)
    suite = with_code(write_project(tmp_path, server.url, cases=10, perturbations=[SWAP], limits={"concurrency": 1}))
    with pytest.raises(EndpointUnusable):
        measure(load_bundle(suite), tmp_path / "results")
    run = find_run(tmp_path / "results", "latest")
    broken[0] = False
    with_code(suite, CODE.replace("€", "$"))
    with pytest.raises(RunChanged, match=f"case 0: what {SWAP} makes of it"):
        resume(run)
    with_code(suite)
    resume(run)
    assert len(places(run)) == 20
    assert set(places(run).values()) == {1}
    assert {text for text in asked(server) if "$" in text} == set()


def test_the_command_reports_what_broke_with_the_change_at_its_place(tmp_path: Path) -> None:
    suite = with_code(write_replayed(tmp_path, {("spam", "spam"): 40, ("ham", "ham"): 40}))
    lines = [
        {"case": f"c{n}", "variant": variant, "reply": "ham" if variant == SWAP and n < 12 else said}
        for n, said in enumerate(["spam"] * 40 + ["ham"] * 40)
        for variant in ("original", SWAP)
    ]
    write_lines(tmp_path / "replies.jsonl", lines)
    text = suite.read_text().replace("repeats: 1", "repeats: 3")
    suite.write_text(f"{text}perturbations: ['{SWAP}']\n")
    done = harness("run", suite, "--json", at=tmp_path)
    robustness = json.loads(done.stdout)["candidates"][0]["robustness"]
    (swap,) = robustness["perturbations"]
    assert (swap["name"], swap["cases"]) == (SWAP, 80)
    assert swap["flips_above_noise"]["value"] == pytest.approx(12 / 80)
    assert (swap["worst"][0]["text_before"], swap["worst"][0]["text_after"]) == ("message no. 0", "message € 0")
    (tmp_path / "mypkg" / "noise.py").unlink()  # judging again needs no code
    shown = harness("show", "latest", "--full", at=tmp_path, env={"COLUMNS": "160"})
    assert "message [-no.-]{+€+} 0" in " ".join(shown.stdout.split())


@pytest.mark.parametrize("flag", [(), ("--untrusted",)])
def test_a_suites_code_is_refused_where_it_is_wrong_or_not_trusted(tmp_path: Path, flag: tuple[str, ...]) -> None:
    suite = with_code(
        write_replayed(tmp_path, {("spam", "spam"): 2, ("ham", "ham"): 2}),
        "open('ran', 'w').close()\ndef swap_currency(text, rng):\n    return 1\n",
    )
    suite.write_text(f"{suite.read_text()}perturbations: ['{SWAP}']\n")
    done = harness("check", suite, *flag, at=tmp_path)
    assert done.returncode == 2
    said = " ".join(done.stderr.split())
    assert ("only a trusted suite may name" if flag else "gave int on the case `c0`") in said
    assert (tmp_path / "ran").exists() == (not flag)
