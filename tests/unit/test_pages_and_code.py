"""What the pages of docs/ list is what the code knows, and what they reckon is right."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import get_args

import pytest
from scipy.stats import binom

from harness.files.case import perturb
from harness.files.schema import schemas
from harness.files.suite import Suite
from harness.files.suite.policy import default_thresholds
from harness.record import FailureKind

DOCS = Path(__file__).parents[2] / "docs"


def text(page: str) -> str:
    return (DOCS / page).read_text("utf-8")


def first_cells(page: str, after: str) -> list[str]:
    """Give the first cells of the first table after a heading."""
    table = re.search(r"^\|.*?(?=\n\n|\Z)", text(page).partition(after)[2], re.MULTILINE | re.DOTALL)
    assert table is not None
    return [line.split("|")[1].strip() for line in table[0].splitlines()[2:]]


@pytest.mark.parametrize(
    ("kind", "page"),
    [("suite", "suites.md"), ("prompt", "suites.md"), ("case", "suites.md"), ("project", "endpoints.md")],
)
def test_every_key_that_a_file_may_hold_is_on_its_page(kind: str, page: str) -> None:
    schema, told = schemas()[kind], text(page)
    keys = {key for each in (schema, *schema.get("$defs", {}).values()) for key in each.get("properties", {})}
    assert keys
    assert {key for key in keys if not re.search(rf"[`{{ ,]{re.escape(key)}[`:,}} ]", told)} == set()


def test_the_perturbations_of_the_page_are_all_there_are() -> None:
    told = {name for cell in first_cells("robustness.md", "## Changes to choose from") for name in cell.split(", ")}
    assert told == {f"`{name}`" for name in (*perturb.REGISTRY, *perturb.PROMPT_LEVEL)}


def test_the_kinds_of_failure_of_the_page_are_all_there_are() -> None:
    told = re.search(r"Kinds of failure: `([^`]*)`", text("endpoints.md"))
    assert told is not None
    assert sorted(told[1].split()) == sorted(get_args(FailureKind))


def test_the_demands_of_a_suite_without_thresholds_are_those_of_the_page() -> None:
    suite = Suite.model_validate({"name": "s", "labels": ["a", "b"], "positive": "a", "cases": ["c.jsonl"]})
    demands = {demand.text for demand in default_thresholds(suite) if demand.label is None}
    told = " ".join(first_cells("thresholds.md", "| `balanced` (the default) | >= 90% | >= 90% |"))
    assert set(re.findall(r"`([^`]+)`", told)) == demands


@pytest.mark.parametrize("demanded", [0.80, 0.85, 0.90, 0.95, 0.98])
def test_the_numbers_of_cases_are_right(demanded: float) -> None:
    faultless = math.ceil(math.log(0.05) / math.log(demanded))
    truth = (1 + demanded) / 2
    n = next(n for n in range(faultless, 2_000) if binom.sf(binom.ppf(0.95, n, demanded), n, truth) >= 0.8)
    assert f"| `>= {demanded:.0%}` | {faultless} | {n} |" in text("choosing.md")


@pytest.mark.parametrize("calls", [59, 100, 200, 300, 500, 1_000])
def test_the_ranks_of_a_p95_are_right(calls: int) -> None:
    assert f"| {calls:,} | {binom.ppf(0.95, calls, 0.95) + 1:.0f} |" in text("metrics.md")


def test_each_error_of_a_verdict_is_held_by_a_test_and_a_script_that_there_are() -> None:
    root = DOCS.parent
    table = (root / "benchmarks" / "README.md").read_text("utf-8").partition("## What holds each error of a verdict")[2]
    tests = {
        name
        for path in root.glob("tests/unit/**/test_*.py")
        for name in re.findall(r"def (test_\w+)", path.read_text("utf-8"))
    }
    told = set(re.findall(r"`(test_\w+)`", table))
    assert told
    assert told - tests == set()
    assert all((root / "benchmarks" / name).is_file() for name in re.findall(r"`(\w+\.py)[ `]", table))
