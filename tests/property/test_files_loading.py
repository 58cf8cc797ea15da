"""Whatever a file holds, loading it ends with a value or with FilesError."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import FilesError
from harness.files.bundle import load_bundle
from harness.files.case import CaseReader, perturb_case
from harness.files.case.perturb import REGISTRY
from harness.files.prompts import Prompt, RenderedText, Renderer, RenderFailed, TemplateRefused, read_prompt
from harness.files.suite.reading import read_suite
from harness.files.thresholds import METRICS, Threshold, ThresholdError, parse_threshold
from harness.files.written import Findings
from harness.record import CaseRow

PIECES = st.sampled_from(
    [
        *METRICS,
        "[spam]",
        "[",
        "]",
        "(",
        ")",
        "(2)",
        "^3",
        ">=",
        "<",
        "90%",
        "1 s",
        "$",
        "0.5",
        "baseline",
        "-",
        "*",
        "where",
        "and",
        "tag=short",
        "split=",
        "majority",
        '"',
        "'",
        "1e999",
        "９",
        "٣",
        " ",
    ]
)
YAML_PIECES = st.sampled_from(
    [
        "name: x\n",
        "labels: [a, b]\n",
        "cases: c.jsonl\n",
        "thresholds:\n",
        "  - ",
        "{",
        "}",
        "[",
        "]",
        ": ",
        "&a ",
        "*a",
        "- ",
        "\n",
        "| \n",
        "!!str ",
        "? ",
        "'",
        '"',
        "---\n",
        "#",
        "\t",
        "examples:\n",
        "text: ",
        "{{ m }}",
        "<<: ",
        "~",
        "reply: {as: regex, pattern: '(('}\n",
        "prevalence: {a: -1}\n",
        "messages: [{role: user}]\n",
        "\x85",
        "9" * 400,
    ]
)
TEMPLATE_PIECES = st.sampled_from(
    [
        "{{ ",
        " }}",
        "{% for e in examples %}",
        "{% endfor %}",
        "{% if m %}",
        "{% endif %}",
        "m",
        ".x",
        "|upper",
        "|",
        "~",
        "[0]",
        "(",
        ")",
        "'a'",
        "1",
        " ",
        "\n",
        "{#",
        "#}",
        "{%",
        "%}",
        "-",
        " is defined",
        " in ",
        "e.label",
        "loop.index",
    ]
)


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=10).map(" ".join), st.lists(PIECES).map("".join)))
def test_any_text_is_a_threshold_or_a_threshold_error(text: str) -> None:
    read = outcome(text)
    if isinstance(read, ThresholdError):
        assert 1 <= read.column <= len(text) + 1
        assert read.message
    else:
        assert outcome(read.text) == read


def outcome(text: str) -> Threshold | ThresholdError:
    """Give what parsing ends with."""
    try:
        return parse_threshold(text, labels=["spam", "ham"], tags=["short"], splits=["dev"])
    except ThresholdError as error:
        return error


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.text(max_size=200).map(str.encode),
        st.lists(YAML_PIECES).map(lambda p: "".join(p).encode()),
    )
)
def test_any_bytes_are_a_suite_and_a_prompt_or_problems(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "x.yml"
        path.write_bytes(content)
        for read in (read_suite, read_prompt):
            findings = Findings()
            read(path, findings)  # type: ignore[operator]  # two readers of one shape
            assert all(p.line is None or 1 <= p.line <= len(content) + 1 for p in findings.problems)
        with suppress(FilesError):
            load_bundle(path, project=path)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([".jsonl", ".csv"]),
    st.one_of(st.binary(max_size=300), st.text(max_size=300).map(lambda t: t.encode("utf-8", "surrogatepass"))),
)
def test_any_bytes_are_cases_or_problems(suffix: str, content: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"x{suffix}"
        path.write_bytes(content)
        findings = Findings()
        cases = list(CaseReader(("a", "b"), {}, findings).read(path))
        assert findings.problems or cases


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=80), st.lists(TEMPLATE_PIECES, max_size=14).map("".join)), st.text(max_size=20))
def test_any_template_renders_or_is_refused(source: str, value: str) -> None:
    with suppress(TemplateRefused, RenderFailed):
        rendered = Renderer(Prompt(text=source, examples=({"label": "a"},))).render({"m": value})
        assert isinstance(rendered, RenderedText)


@given(st.text(max_size=100))
def test_case_text_reaches_the_model_unchanged(value: str) -> None:
    assert Renderer(Prompt(text="<{{ m }}>")).render({"m": value}) == RenderedText(f"<{value}>")


LABELS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=12
).filter(lambda label: label == label.strip() and label.isprintable())


@settings(max_examples=150, deadline=None)
@given(st.lists(LABELS, min_size=2, max_size=5, unique_by=str.casefold))
def test_labels_are_the_same_in_suite_cases_and_thresholds(labels: list[str]) -> None:
    with TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "c.jsonl").write_text(
            "".join(json.dumps({"message": str(i), "expected": label}) + "\n" for i, label in enumerate(labels))
        )
        (root / "x.suite.yml").write_text(
            json.dumps({"name": "x", "labels": labels, "cases": "c.jsonl", "positive": labels[0]}, ensure_ascii=False)
        )
        findings = Findings()
        checked = read_suite(root / "x.suite.yml", findings)
        assert findings.problems == []
        assert checked is not None
        cases = list(CaseReader(checked.model.labels, {}, findings).read(root / "c.jsonl"))
    assert [case.expected for case in cases] == list(checked.model.labels) == labels
    for label in labels:
        if '"' not in label:
            threshold = parse_threshold(f'recall["{label}"] >= 90%', labels=labels)
            assert threshold.label == label


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(REGISTRY)), st.text(max_size=80), st.text(max_size=5))
def test_a_variant_is_repeatable_and_differs_from_its_original(name: str, text: str, case_id: str) -> None:
    case = CaseRow(id=case_id, digest="", expected="spam", inputs={"m": text, "a": ""})
    variant = perturb_case(name, case, ["spam", "ham"])
    assert variant == perturb_case(name, case, ["spam", "ham"])
    if variant is not None:
        assert variant.keys() == case.inputs.keys()
        assert variant != case.inputs


@settings(max_examples=100, deadline=None)
@given(st.text(st.sampled_from("spam ham call win www.x.example 0123456789 '\"."), max_size=60))
def test_typos_keep_digits_and_label_words(text: str) -> None:
    case = CaseRow(id="1", digest="", expected="spam", inputs={"m": text})
    variant = perturb_case("typos", case, ["spam", "ham"])
    if variant is not None:
        assert [c for c in variant["m"] if c.isdigit()] == [c for c in text if c.isdigit()]
        assert len(variant["m"]) == len(text)
