"""What people write is kept as they wrote it, and quantities are read with their units."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import FilesError
from harness.files.bundle import load_bundle, unique_names
from harness.files.project import load_project
from harness.files.suite.reading import read_suite
from harness.files.written import Findings

Write = Callable[..., Path]

SHIPPED = sorted((Path(__file__).parents[4] / "suites").glob("*.suite.yml"))
ODD_LABELS = ["no", "010", "12:30", "1.0", "null", "2024-01-01", "0x1F", "Yes"]


def written_labels() -> str:
    return f"name: odd\nlabels: [{', '.join(ODD_LABELS)}]\npositive: no\ncases: cases.jsonl\n"


def test_labels_stay_as_written_where_yaml_would_turn_them_into_values(project: Write) -> None:
    text = written_labels() + "reply: {aliases: {010: [off, 1e3], 12:30: noon}}\nprevalence: {010: 2%}\n"
    findings = Findings()
    checked = read_suite(project({"suites/a.suite.yml": text}), findings)
    assert findings.problems == []
    assert checked is not None
    suite = checked.model
    assert suite.labels == tuple(ODD_LABELS)
    assert suite.positive == "no"
    assert suite.reply.aliases == {"010": ("off", "1e3"), "12:30": ("noon",)}
    assert suite.prevalence == {"010": 0.02}


def test_labels_of_cases_and_examples_stay_as_written(project: Write) -> None:
    rows = [f'{{"message": "{i}", "expected": "{label}"}}' for i, label in enumerate(ODD_LABELS)]
    rows[1] = '{"message": 1.50, "expected": 12:30}'.replace("12:30", '"12:30"')
    prompt = "text: '{{ message }}{% for e in examples %}{{ e.label }}{% endfor %}'\nexamples:\n"
    prompt += "".join(f"  - {{message: on, label: {label}}}\n" for label in ODD_LABELS)
    suite = project(
        {
            "suites/a.suite.yml": written_labels() + "prompts: ../prompts/v1.prompt.yml\nmodels: recorded\n",
            "suites/cases.jsonl": "\n".join(rows),
            "prompts/v1.prompt.yml": prompt,
        }
    )
    bundle = load_bundle(suite)
    assert [case.expected for case in bundle.cases] == ["no", "12:30", *ODD_LABELS[2:]]
    assert bundle.cases[1].inputs == {"message": "1.50"}
    assert [e["label"] for e in bundle.candidates[0].prompt.examples] == ODD_LABELS
    assert bundle.candidates[0].prompt.examples[0]["message"] == "on"


def test_quantities_are_read_with_their_units(project: Write) -> None:
    entry = "{endpoint: chat, base_url: 'http://x/v1', model: 4.10, timeout: 1500 ms, deadline: 2 min,"
    entry += " price: {input: $0.40, output: 1.60 USD}, limits: {max_retry_after_s: 90 s}}"
    project({"harness.yml": f"models:\n  m: {entry}\n"})
    model = load_project(Path()).models["m"]
    assert (model.timeout_s, model.deadline_s, model.limits.max_retry_after_s) == (1.5, 120.0, 90.0)
    assert (model.price.input, model.price.output) == (0.4, 1.6)
    assert model.model == "4.10"


def test_confidence_and_volume_are_read_with_their_units(project: Write) -> None:
    suite = project()
    suite.write_text(suite.read_text() + "confidence: 90%\nvolume: 2M per month\n")
    bundle = load_bundle(suite)
    assert bundle.suite.confidence == pytest.approx(0.9)
    assert bundle.suite.volume_per_month == 2_000_000


def test_the_project_is_found_upward_and_has_the_embedded_model_where_there_is_none(
    project: Write, tmp_path: Path
) -> None:
    project()
    assert load_project(tmp_path / "suites").root == tmp_path
    (tmp_path / "harness.yml").unlink()
    assert load_project(tmp_path / "suites").models["smollm2"].endpoint == "local"


def test_a_suite_outside_of_the_working_directory_uses_its_own_project(
    project: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = project().resolve()
    away = tmp_path / "away"
    away.mkdir()
    (away / "harness.yml").write_text("models: {}\n")
    monkeypatch.chdir(away)
    assert load_bundle(suite).project.root == tmp_path


def test_prompts_are_chosen_by_name_or_path_and_models_by_name(project: Write, tmp_path: Path) -> None:
    suite = project(
        {"prompts/v2.prompt.yml": "text: '{{ message }}'\n", "other/v3.prompt.yml": "text: '{{message}}'\n"}
    )
    suite.write_text(suite.read_text().replace("v1.prompt.yml", "v*.prompt.yml"))
    assert [c.name for c in load_bundle(suite).candidates] == ["v1@recorded", "v2@recorded"]
    assert [c.name for c in load_bundle(suite, prompts=["v2"]).candidates] == ["v2@recorded"]
    chosen = load_bundle(suite, prompts=[str(tmp_path / "other/v3.prompt.yml")], models=["recorded"])
    assert [c.name for c in chosen.candidates] == ["v3@recorded"]
    with pytest.raises(FilesError, match=r"no prompt named `v4`.* Did you mean `v"):
        load_bundle(suite, prompts=["v4"])
    with pytest.raises(FilesError, match=r"no model `minni`.* Did you mean `mini`"):
        load_bundle(suite, models=["minni"])


def test_prompts_with_one_name_are_told_apart_by_their_folders() -> None:
    paths = [Path("a/x/v1.prompt.yml"), Path("a/y/v1.prompt.yml"), Path("a/y/v2.prompt.yml")]
    assert list(unique_names(paths).values()) == ["x/v1", "y/v1", "v2"]


def test_repeats_cases_splits_tags_and_limit_can_be_given(project: Write, tmp_path: Path) -> None:
    suite = project()
    assert load_bundle(suite, repeats=7).suite.repeats == 7
    assert [c.id for c in load_bundle(suite, splits=["holdout"]).cases] == ["2"]
    assert [c.id for c in load_bundle(suite, tags=["short"]).cases] == ["1"]
    assert [c.id for c in load_bundle(suite, first=1).cases] == ["1"]
    more = tmp_path / "more.csv"
    more.write_text("message,expected\nhello,ham\nbye,ham\nwin,spam\n")
    assert [c.id for c in load_bundle(suite, cases=more).cases] == ["more-2", "more-3", "more-4"]
    with pytest.raises(FilesError, match="no case is left"):
        load_bundle(suite, splits=["nowhere"])


def test_thresholds_of_the_suite_are_parsed_and_defaults_apply_without(project: Write) -> None:
    suite = project()
    assert [t.text for t in load_bundle(suite).thresholds] == ["accuracy >= 90%"]
    suite.write_text(suite.read_text().replace("thresholds:\n  - accuracy >= 90%\n", "priority: recall\n"))
    assert [t.text for t in load_bundle(suite).thresholds] == [
        "accuracy >= 90%",
        "accuracy > majority",
        "recall[spam] >= 95%",
        "precision[spam] >= 80%",
        "recall[ham] >= 80%",
        "precision[ham] >= 80%",
        "latency.p95 <= 1 s",
        "stability >= 95%",
        "leakage <= 0",
        "generalization.gap <= 5%",
        "drift.drop <= 5%",
        "failures <= 3%",
    ]


def test_all_files_that_were_read_are_listed(project: Write) -> None:
    bundle = load_bundle(project())
    assert [str(path) for path in bundle.files] == [
        "harness.yml",
        "suites/a.suite.yml",
        "suites/cases.jsonl",
        "replies.jsonl",
        "prompts/v1.prompt.yml",
    ]


def test_strangers_prompts_are_rendered_in_a_child_process_first(project: Write) -> None:
    suite = project({"own/noise.py": "def shout(text, rng):\n    return text + '!'\n"})
    suite.write_text(suite.read_text() + "perturbations: ['own.noise:shout']\n")
    assert load_bundle(suite).cases[0].variants == {"own.noise:shout": "win money!"}
    with pytest.raises(FilesError, match="only a trusted suite"):
        load_bundle(suite, trusted=False)
    suite.write_text(suite.read_text().replace("perturbations: ['own.noise:shout']\n", ""))
    assert len(load_bundle(suite, trusted=False).candidates) == 1


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_the_shipped_suites_have_no_problem(path: Path) -> None:
    if path.name == "tweets.suite.yml" and not path.with_name("tweets.jsonl").exists():
        pytest.skip("the tweets are not in the repository; `python suites/fetch_tweets.py` fetches them")
    bundle = load_bundle(path)
    assert len(bundle.candidates) >= 2
    assert len(bundle.cases) >= 100
