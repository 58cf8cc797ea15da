"""Digests change with what a reply may depend on, and with nothing else."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from harness.files.case import case_digest
from harness.files.digest import digest, trial_key
from harness.files.project import ModelEntry, model_digest
from harness.files.prompts import Prompt, prompt_digest
from harness.files.suite import Suite, suite_digest
from harness.files.written import Findings, check, parse
from harness.record import CaseRow


def test_a_digest_is_blake2b_128_of_canonical_json() -> None:
    wanted = hashlib.blake2b(b'{"a":["\\u00e9"],"b":1}', digest_size=16).hexdigest()
    assert digest({"b": 1, "a": ["é"]}) == wanted
    assert (
        trial_key("p", "m", "c", "original", 0)
        == hashlib.blake2b(b'["p","m","c","original",0]', digest_size=16).hexdigest()
    )
    odd = ['"\\/', "é\u2028\x7f", "\ud800", "\n\0"]
    assert trial_key(*odd, 12) == digest([*odd, 12])


def prompt(text: str) -> Prompt:
    findings = Findings()
    tree = parse(text, Path("x"), findings)
    assert tree is not None
    checked = check(Prompt, tree, Path("x"), findings, texts=(), stand_ins={})
    assert checked is not None
    return checked.model


def test_whitespace_comments_and_titles_of_a_prompt_do_not_matter() -> None:
    one = prompt("name: a\ntext: 'hi {{ m }}'\nmodelParameters: {a: 1, b: 2}\n")
    two = prompt('# c\ndescription: d\nmodel: x\nmodelParameters:\n  b: 2\n  a: 1\ntext: "hi {{ m }}"\n')
    assert prompt_digest(one) == prompt_digest(two)


@pytest.mark.parametrize(
    "other",
    [
        "text: 'hi  {{ m }}'",
        "text: 'hi {{ m }}'\nmodelParameters: {a: 1}",
        "text: 'hi {{ m }}'\nexamples: [{m: a, label: b}]",
        "text: 'hi {{ m }}'\ngrammar: root",
        "messages: [{role: user, content: 'hi {{ m }}'}]",
    ],
)
def test_what_a_prompt_sends_matters(other: str) -> None:
    assert prompt_digest(prompt("text: 'hi {{ m }}'")) != prompt_digest(prompt(other))


def test_labels_matter_only_to_a_prompt_that_lists_them() -> None:
    plain, listing = Prompt(text="{{ m }}"), Prompt(text="{{ labels }} {{ m }}")
    for one, same in ((plain, True), (listing, False)):
        relabelled = one.model_copy(update={"labels": ("a", "b")})
        assert (prompt_digest(one) == prompt_digest(relabelled)) is same


CHAT: dict[str, Any] = {"endpoint": "chat", "base_url": "https://API.example.com/v1", "model": "m"}


@pytest.mark.parametrize(
    "change",
    [
        {"base_url": "https://api.example.com/v1/"},
        {"transport": "httpx"},
        {"price": {"input": 9}},
        {"limits": {"concurrency": 1}},
        {"timeout": 1},
        {"api_key_env": "OTHER"},
        {"warmup": 0},
        {"stream": True},
    ],
)
def test_transport_price_and_limits_of_a_model_do_not_matter(change: dict[str, Any]) -> None:
    assert model_digest(ModelEntry(**CHAT)) == model_digest(ModelEntry(**{**CHAT, **change}))


@pytest.mark.parametrize(
    "change",
    [
        {"base_url": "http://api.example.com/v1"},
        {"base_url": "https://api.example.com/v2"},
        {"model": "n"},
        {"params": {"temperature": 0}},
        {"endpoint": "responses"},
        {"headers": {"x-variant": "b"}},
    ],
)
def test_origin_model_and_parameters_matter(change: dict[str, Any]) -> None:
    assert model_digest(ModelEntry(**CHAT)) != model_digest(ModelEntry(**{**CHAT, **change}))


def test_the_order_of_cases_and_tags_does_not_make_another_suite() -> None:
    suite = Suite(name="x", labels=("a", "b"), cases=("c",))
    rows = [CaseRow(id=i, digest=case_digest({"m": i}), expected="a", split="dev") for i in "12"]
    same = suite_digest(suite, rows)
    assert suite_digest(suite.model_copy(update={"labels": ("b", "a"), "name": "y"}), rows[::-1]) == same
    assert (
        suite_digest(suite, [CaseRow(id=r.id, digest=r.digest, expected="a", split="dev", tags=("t",)) for r in rows])
        == same
    )
    for change in ({"expected": "b"}, {"split": "holdout"}, {"digest": "0"}):
        changed = CaseRow(**{"id": "1", "digest": rows[0].digest, "expected": "a", "split": "dev", **change})
        assert suite_digest(suite, [changed, rows[1]]) != same
    assert (
        suite_digest(suite.model_copy(update={"reply": suite.reply.model_copy(update={"as_": "exact"})}), rows) != same
    )
