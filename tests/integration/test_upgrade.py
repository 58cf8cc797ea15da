"""`harness upgrade` on a loopback server that serves an old and a new model, and on recorded replies."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from commanded import write_lines, write_yaml
from gated import Done, command, served
from scripted import Answer, Request, Script, ScriptedServer, chat_reply

from harness.judge.documents import Upgrade

Serve = Callable[[Script], ScriptedServer]
Answers = Callable[[str, int, int], str]  # model, case, how often it was asked before -> reply
CASES = 240
SUITE = "small.suite.yml"
THRESHOLDS = ["accuracy >= 85%", "recall[spam] >= 80%", "failures <= 2%"]


def expected(n: int) -> str:
    return "spam" if n % 2 == 0 else "ham"


def other(label: str) -> str:
    return "ham" if label == "spam" else "spam"


def write_project(root: Path, models: Mapping[str, object], *, labelled: bool = True, **suite: object) -> Path:
    rows = [{"id": f"c{n:03d}", "message": f"text no. {n}", "expected": expected(n)} for n in range(CASES)]
    if not labelled:
        rows = [{key: value for key, value in row.items() if key != "expected"} for row in rows]
    write_lines(root / "cases.jsonl", rows)
    write_yaml(root / "harness.yml", {"models": dict(models)})
    write_yaml(root / "v1.prompt.yml", {"messages": [{"role": "user", "content": "Sort: {{ message }}"}]})
    written = {"name": "small", "labels": ["spam", "ham"], "positive": "spam", "cases": "cases.jsonl"}
    written |= {"prompts": ["*.prompt.yml"], "models": ["old"], "repeats": 1, "thresholds": THRESHOLDS, **suite}
    write_yaml(root / SUITE, written)
    return root


def recorded(root: Path, name: str, wrong: set[int], **line: Any) -> dict[str, object]:
    """Write the replies of a model that is wrong on some cases; gives its entry."""
    lines = [
        {"case": f"c{n:03d}", "reply": other(expected(n)) if n in wrong else expected(n), "latency_s": 0.2, **line}
        for n in range(CASES)
    ]
    write_lines(root / f"{name}.jsonl", lines)
    return {"endpoint": "replay", "replies": f"{name}.jsonl"}


def answering(say: Answers) -> Script:
    """Answer as a model would: `m-old` and `m-new` are served by the same server."""
    return scripting(lambda *asked: Answer.of_json(chat_reply(say(*asked))))


def scripting(say: Callable[[str, int, int], Answer]) -> Script:
    """Answer, or fail, by model, case and how often it was asked before."""
    asked: Counter[tuple[str, int]] = Counter()
    lock = threading.Lock()

    def script(request: Request) -> Answer:
        body = request.json()
        case = int(body["messages"][0]["content"].rpartition(" ")[2])
        with lock:
            before = asked[body["model"], case]
            asked[body["model"], case] += 1
        return say(body["model"], case, before)

    return script


def both_served(url: str, **more: object) -> dict[str, object]:
    return {name: served(url, **{"model": f"m-{name}", **more}) for name in ("old", "new")}


def upgrade(root: Path, *more: str, to: str = "new") -> tuple[Done, dict[str, Any]]:
    done = command(root, "upgrade", SUITE, "--from", "old", "--to", to, "--quiet", "--json", *more)
    return done, json.loads(done.stdout) if done.stdout else {}


def statuses(document: dict[str, Any], prompt: int = 0) -> dict[str, str]:
    return {check["name"]: check["status"] for check in document["prompts"][prompt]["checks"]}


def test_an_equal_and_cheaper_model_is_taken(tmp_path: Path) -> None:
    price = {"old": {"input": 1.0, "output": 4.0}, "new": {"input": 0.2, "output": 0.8}}
    usage = {"usage": {"input": 100, "output": 2}}
    models = {name: recorded(tmp_path, name, {3}, **usage) | {"price": price[name]} for name in ("old", "new")}
    write_project(tmp_path, models, volume="2M per month")
    done, document = upgrade(tmp_path, "--margin", "4%")
    assert (done.returncode, document["verdict"]) == (0, "SWITCH"), document["headline"]
    assert document["headline"].startswith("SWITCH from old to new: v1 survives: on 240 cases")
    assert "saves $172.80 a month" in document["headline"]  # 2,000 x (0.108 - 0.0216)
    assert set(statuses(document).values()) == {"PASS"}
    assert {"accuracy at most 4 points below old", "recall[ham] at most 4 points below old"} <= statuses(
        document
    ).keys()
    msgspec.convert(document, Upgrade)
    (run,) = (tmp_path / "results").iterdir()
    assert {"upgrade.md", "upgrade.html", "upgrade.json", "report.json", "manifest.json"} <= {
        p.name for p in run.iterdir()
    }
    assert "**→ Switch v1 to new.**" in (run / "upgrade.md").read_text()
    assert "What speaks for it" in (run / "upgrade.html").read_text()
    assert json.loads((run / "upgrade.json").read_text()) == document


def test_a_model_that_loses_recall_is_refused_and_its_broken_cases_are_named(tmp_path: Path) -> None:
    models = {"old": recorded(tmp_path, "old", set()), "new": recorded(tmp_path, "new", set(range(0, 80, 2)))}
    done, document = upgrade(write_project(tmp_path, models))
    assert (done.returncode, document["verdict"]) == (1, "DON'T SWITCH")
    assert statuses(document)["recall[spam] at most 2 points below old"] == "FAIL"
    (prompt,) = document["prompts"]
    assert len(prompt["comparison"]["broken"]) == 40
    assert prompt["confirmation"]["why_not"] == "recorded replies can't be asked for again"
    assert "40 cases broke, not yet confirmed by fresh repeats; 0 were fixed" in document["headline"]
    (run,) = (tmp_path / "results").iterdir()
    page = (run / "upgrade.html").read_text()
    assert "Stay on old, or mend v1 for new: spam became ham in 40 of 40 broken cases, such as " in page
    assert page.index("What speaks against it") < page.index("recall[spam] at most 2 points below old")


def test_a_label_with_few_cases_is_never_shown_to_be_no_worse(tmp_path: Path) -> None:
    models = {name: recorded(tmp_path, name, set()) for name in ("old", "new")}
    done, document = upgrade(write_project(tmp_path, models))
    assert (done.returncode, document["verdict"]) == (3, "INCONCLUSIVE")  # 120 of a label: 150 would show it
    open_ = {name for name, status in statuses(document).items() if status == "INCONCLUSIVE"}
    assert {"recall[spam] at most 2 points below old", "recall[ham] at most 2 points below old"} <= open_
    assert "about 150 spam cases would show it" in document["headline"]
    done, document = upgrade(tmp_path, "--label-margin", "5%")
    assert statuses(document)["recall[spam] at most 5 points below old"] == "PASS"


def test_what_broke_is_called_broken_only_after_fresh_repeats(tmp_path: Path, scripted_server: Serve) -> None:
    def say(model: str, case: int, before: int) -> str:
        always, once = model == "m-new" and case < 20, model == "m-new" and 20 <= case < 26 and before == 0
        return other(expected(case)) if always or once else expected(case)

    server = scripted_server(answering(say))
    write_project(tmp_path, both_served(server.url))
    done, document = upgrade(tmp_path)
    assert (done.returncode, document["verdict"]) == (1, "DON'T SWITCH")
    again = document["prompts"][0]["confirmation"]
    assert again["confirmed"] == [f"c{n:03d}" for n in range(20)]
    assert again["recovered"] == [f"c{n:03d}" for n in range(20, 26)]
    assert "20 cases broke, on fresh repeats too; 6 more only once" in document["headline"]
    assert len(server.requests) == 2 * CASES + 2 * 26 * 3  # both models, three fresh repeats each
    done, again_ = upgrade(tmp_path, "--confirm", "0")
    assert again_["prompts"][0]["confirmation"] is None


def test_both_models_are_asked_in_one_shuffled_run(tmp_path: Path, scripted_server: Serve) -> None:
    server = scripted_server(answering(lambda _, case, __: expected(case)))
    upgrade(write_project(tmp_path, both_served(server.url)))
    new = [request.json()["model"] == "m-new" for request in server.requests]
    assert len(new) == 2 * CASES
    assert 0.35 < sum(new[:CASES]) / CASES < 0.65


def test_a_new_model_that_never_answers_is_not_measured(tmp_path: Path, scripted_server: Serve) -> None:
    def script(request: Request) -> Answer:
        if request.json()["model"] == "m-new":
            return Answer.of_json({"error": {"message": "temperature is not supported"}}, status=400)
        return Answer.of_json(chat_reply(expected(int(request.json()["messages"][0]["content"].rpartition(" ")[2]))))

    server = scripted_server(script)
    done, document = upgrade(write_project(tmp_path, both_served(server.url)))
    assert (done.returncode, document["verdict"]) == (5, "NOT MEASURED")
    assert "temperature is not supported" in document["headline"]


def test_of_several_prompts_it_says_which_survive(tmp_path: Path) -> None:
    wrong = {"prompt": "v2"}
    models = {name: recorded(tmp_path, name, set()) for name in ("old", "new")}
    write_project(tmp_path, models)
    write_yaml(tmp_path / "v2.prompt.yml", {"messages": [{"role": "user", "content": "Sort it: {{ message }}"}]})
    lines = [{"case": f"c{n:03d}", "reply": other(expected(n)), "latency_s": 0.2, **wrong} for n in range(60)]
    kept = [json.loads(line) | {"prompt": "v1"} for line in (tmp_path / "new.jsonl").read_text().splitlines()]
    rest = [line | wrong for line in kept[60:]]
    write_lines(tmp_path / "new.jsonl", [*kept, *lines, *rest])
    done, document = upgrade(tmp_path, "--margin", "5%")
    assert (done.returncode, document["verdict"]) == (1, "DON'T SWITCH")
    (model,) = document["models"]
    assert (model["survive"], model["fall"]) == (["v1"], ["v2"])
    assert "of 2 prompts v2 fails; v1 survives" in document["headline"]


def test_of_several_new_models_the_best_verdict_counts(tmp_path: Path) -> None:
    models = {name: recorded(tmp_path, name, set()) for name in ("old", "new")}
    models["bad"] = recorded(tmp_path, "bad", set(range(60)))
    write_project(tmp_path, models)
    done, document = upgrade(tmp_path, "--to", "bad", "--margin", "5%")
    assert (done.returncode, document["verdict"]) == (0, "SWITCH")
    assert [(one["model"], one["verdict"]) for one in document["models"]] == [
        ("new", "SWITCH"),
        ("bad", "DON'T SWITCH"),
    ]


def test_of_equal_verdicts_the_one_with_fewest_demands_open_is_named(tmp_path: Path) -> None:
    wrong: dict[str, set[int]] = {"old": set(), "new": {0, 1}, "third": set()}
    models = {name: recorded(tmp_path, name, some) for name, some in wrong.items()}
    write_project(tmp_path, models)
    _, document = upgrade(tmp_path, "--to", "third")
    assert {one["verdict"] for one in document["models"]} == {"INCONCLUSIVE"}
    assert document["headline"].startswith("INCONCLUSIVE whether to switch from old to third")


def test_the_same_command_goes_on_with_what_was_interrupted(tmp_path: Path, scripted_server: Serve) -> None:
    refusing = threading.Event()
    refusing.set()

    def script(request: Request) -> Answer:
        if request.number >= 100 and refusing.is_set():
            return Answer.of_json({"error": {"message": "no key"}}, status=401)
        return Answer.of_json(chat_reply(expected(int(request.json()["messages"][0]["content"].rpartition(" ")[2]))))

    server = scripted_server(script)
    write_project(tmp_path, both_served(server.url))
    done, _ = upgrade(tmp_path)
    assert done.returncode == 4, done.stderr
    assert "Run the same `harness upgrade` command again" in done.stderr
    refusing.clear()
    done, document = upgrade(tmp_path)
    assert len(list((tmp_path / "results").iterdir())) == 1
    assert (document["verdict"], document["complete"]) == ("INCONCLUSIVE", True)
    upgrade(tmp_path)
    assert len(list((tmp_path / "results").iterdir())) == 2, "what was judged whole is measured anew"


def test_two_currencies_are_not_compared_and_a_retiring_model_is_said(tmp_path: Path) -> None:
    price = {"old": {"input": 1.0, "output": 4.0}, "new": {"input": 1.0, "output": 4.0, "currency": "EUR"}}
    usage = {"usage": {"input": 100, "output": 2}}
    models = {name: recorded(tmp_path, name, set(), **usage) | {"price": price[name]} for name in price}
    models["old"]["retires"] = "2020-01-14"
    write_project(tmp_path, models, volume="2M per month")
    done = command(tmp_path, "upgrade", SUITE, "--from", "old", "--to", "new")
    assert "the model `old`" in done.stderr
    assert "2020-01-14" in done.stderr
    assert "not compared, the baseline is priced in USD, the candidate in EUR." in " ".join(done.stdout.split())
    (run,) = (tmp_path / "results").iterdir()
    assert json.loads((run / "upgrade.json").read_text())["prompts"][0]["bill"] is None


def test_fresh_repeats_that_nobody_answers_call_no_case_recovered(tmp_path: Path, scripted_server: Serve) -> None:
    def say(model: str, case: int, before: int) -> Answer:
        if before:
            return Answer.of_json({"error": {"message": "busy"}}, status=400)
        return Answer.of_json(chat_reply(other(expected(case)) if model == "m-new" and case < 30 else expected(case)))

    server = scripted_server(scripting(say))
    write_project(tmp_path, both_served(server.url))
    _, document = upgrade(tmp_path)
    again = document["prompts"][0]["confirmation"]
    assert (again["asked"], again["confirmed"], again["recovered"]) == (0, [], [])
    assert "30 cases broke, not yet confirmed by fresh repeats" in document["headline"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--max-cost", "$0.0001"), "may cost"),
        (("--to", "old"), "different models"),
        (("--margin", "200%"), "--margin"),
    ],
)
def test_what_is_too_much_or_wrong_is_refused_before_a_call(
    tmp_path: Path, scripted_server: Serve, more: tuple[str, ...], said: str
) -> None:
    server = scripted_server(answering(lambda _, case, __: expected(case)))
    write_project(tmp_path, both_served(server.url, price={"input": 1.0, "output": 1.0}))
    done, _ = upgrade(tmp_path, *more)
    assert (done.returncode, len(server.requests)) == (2, 0)
    assert said in done.stderr


def test_a_budget_that_the_fresh_repeats_would_exceed_is_kept_and_said(tmp_path: Path, scripted_server: Serve) -> None:
    server = scripted_server(answering(lambda model, n, _: other(expected(n)) if model == "m-new" else expected(n)))
    write_project(tmp_path, both_served(server.url))
    _, document = upgrade(tmp_path, "--max-trials", "500")
    assert len(server.requests) == 2 * CASES
    assert "--max-trials" in document["prompts"][0]["confirmation"]["why_not"]


def test_without_labels_it_gives_agreement_and_a_file_to_label(tmp_path: Path) -> None:
    models = {"old": recorded(tmp_path, "old", {5, 7}), "new": recorded(tmp_path, "new", {7, 8, 9})}
    done, document = upgrade(write_project(tmp_path, models, labelled=False))
    assert (done.returncode, document["labelled"]) == (3, False)
    agreed = document["prompts"][0]["agreement"]
    assert (agreed["disagreeing"], agreed["unlabelled"], agreed["exact"]) == (3, 3, False)
    assert agreed["share"]["value"] == pytest.approx(237 / 240)
    assert (agreed["least"], agreed["most"]) == (pytest.approx(-3 / 240), pytest.approx(3 / 240))
    rows = [
        json.loads(line)
        for line in Path(
            document["to_label"] if Path(document["to_label"]).is_absolute() else tmp_path / document["to_label"]
        )
        .read_text()
        .splitlines()
    ]
    assert [row["id"] for row in rows[:3]] == ["c005", "c008", "c009"]
    assert (len(rows), rows[0]["expected"], rows[0]["tags"], rows[3]["tags"]) == (CASES, "", ["disagree"], [])


def test_without_labels_nothing_stops_early_and_that_is_said(tmp_path: Path) -> None:
    models = {name: recorded(tmp_path, name, set()) for name in ("old", "new")}
    write_project(tmp_path, models, labelled=False)
    done = command(tmp_path, "upgrade", SUITE, "--from", "old", "--to", "new", "--stop")
    assert "cases without a label settle nothing early: `stop` is left out, every case is asked." in done.stderr
    assert f"{2 * CASES}/{2 * CASES} trials" in done.stderr


def test_labels_of_the_disagreeing_cases_give_what_all_labels_give(tmp_path: Path) -> None:
    wrong = {"old": {5, 7}, "new": {7, 8, 9}}
    models = {name: recorded(tmp_path, name, some) for name, some in wrong.items()}
    _, document = upgrade(write_project(tmp_path, models, labelled=False))
    file = tmp_path / "labels.jsonl"
    write_lines(file, [{"id": f"c{n:03d}", "message": "any", "expected": expected(n)} for n in (5, 8, 9)])
    done = command(tmp_path, "upgrade", "--run", document["run_id"], "--labels", str(file), "--json")
    few = json.loads(done.stdout)["prompts"][0]["agreement"]
    assert few["exact"]
    alone = tmp_path / "labels.csv"
    alone.write_text("id,expected\n" + "".join(f"c{n:03d},{expected(n)}\n" for n in (5, 8, 9)))
    again = command(tmp_path, "upgrade", "--run", document["run_id"], "--labels", str(alone), "--json")
    assert json.loads(again.stdout)["prompts"][0]["agreement"] == few
    alone.write_text("id,label\nc005,spam\n")
    done = command(tmp_path, "upgrade", "--run", document["run_id"], "--labels", str(alone))
    assert (done.returncode, "labels.csv:1: expected: the column `expected` is missing." in done.stderr) == (2, True)
    whole = tmp_path / "whole"
    whole.mkdir()
    write_project(whole, {name: recorded(whole, name, some) for name, some in wrong.items()})
    _, full = upgrade(whole)
    (accuracy,) = (one for one in full["prompts"][0]["comparison"]["non_inferior"] if one["metric"] == "accuracy")
    same = ("difference", "status", "bound", "p_not_worse", "p_worse", "p_worse_adjusted")
    assert {name: few["accuracy"][name] for name in same} == {name: accuracy[name] for name in same}
    assert "the difference in accuracy is exact" in few["sentence"]


def test_labels_that_somebody_wrote_into_the_file_to_label_stay_there(tmp_path: Path) -> None:
    models = {"old": recorded(tmp_path, "old", {5, 7}), "new": recorded(tmp_path, "new", {7, 8, 9})}
    _, document = upgrade(write_project(tmp_path, models, labelled=False))
    place = tmp_path / document["to_label"]
    rows = [json.loads(line) for line in place.read_text().splitlines()]
    right = {row["id"]: expected(int(row["id"][1:])) if row["tags"] else "" for row in rows}
    write_lines(place, [row | {"expected": right[row["id"]]} for row in rows])
    filled = place.read_bytes()
    for more in (["--labels", str(place)], [], ["--labels", str(place)]):
        done = command(tmp_path, "upgrade", "--run", document["run_id"], *more, "--json")
        assert json.loads(done.stdout)["prompts"][0]["agreement"]["exact"] == bool(more)
        assert place.read_bytes() == filled


def test_a_run_without_labels_is_no_ordinary_one(tmp_path: Path) -> None:
    models = {name: recorded(tmp_path, name, set()) for name in ("old", "new")}
    _, document = upgrade(write_project(tmp_path, models, labelled=False))
    done = command(tmp_path, "report", document["run_id"])
    assert done.returncode == 2
    assert f"harness upgrade --run {document['run_id']}" in done.stderr
    done = command(tmp_path, "upgrade", "--run", document["run_id"], "--labels", str(tmp_path / "none.jsonl"))
    assert done.returncode == 2
    write_lines(tmp_path / "odd.jsonl", [{"id": "nobody", "message": "any", "expected": "spam"}])
    done = command(tmp_path, "upgrade", "--run", document["run_id"], "--labels", str(tmp_path / "odd.jsonl"))
    assert (done.returncode, "nobody" in done.stderr) == (2, True)
    assert command(tmp_path, "run", SUITE, "--quiet").returncode == 2  # nothing but an upgrade takes such cases


def test_thresholds_that_need_no_label_alone_may_settle_a_switch(tmp_path: Path) -> None:
    models = {name: recorded(tmp_path, name, set()) for name in ("old", "new")}
    done, document = upgrade(write_project(tmp_path, models, labelled=False, thresholds=["failures <= 2%"]))
    assert (done.returncode, document["verdict"]) == (0, "SWITCH"), document["headline"]
    assert "no worse by more than 2 points in accuracy" in document["headline"]


def test_a_label_that_lost_for_certain_keeps_it_open(tmp_path: Path) -> None:
    wrong = set(range(0, 14, 2))  # seven spam cases: 2.9% of all, more than chance, within 6 points
    models = {"old": recorded(tmp_path, "old", set()), "new": recorded(tmp_path, "new", wrong)}
    write_project(tmp_path, models, labelled=False, thresholds=["failures <= 2%"])
    _, document = upgrade(tmp_path, "--margin", "6%")
    write_lines(tmp_path / "l.jsonl", [{"id": f"c{n:03d}", "message": "any", "expected": "spam"} for n in wrong])
    done = command(tmp_path, "upgrade", "--run", document["run_id"], "--labels", str(tmp_path / "l.jsonl"), "--json")
    judged = json.loads(done.stdout)
    assert judged["prompts"][0]["agreement"]["accuracy"]["status"] == "PASS"
    assert (done.returncode, judged["verdict"]) == (3, "INCONCLUSIVE")
    assert "It loses spam for certain" in judged["headline"]
