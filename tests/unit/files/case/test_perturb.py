"""Perturbations change the surface of a text, always in the same way, and never its label words."""

from __future__ import annotations

import unicodedata
from random import Random

import msgspec
import pytest

from harness.files.case import Case, check_names, perturb_case
from harness.files.case import perturb_text as texts
from harness.files.case.perturb import DEFAULT, OPT_IN, REGISTRY
from harness.files.prompts import Prompt, perturb_prompt

TEXT = 'I can\'t come. See "lucky-card.example/win?a=1" or mail bob@example.com at 10pm, is it spam?'


def case(text: str, name: str = "1", **more: str) -> Case:
    return Case(id=name, digest="", expected="spam", inputs={"message": text, **more})


@pytest.mark.parametrize("name", REGISTRY)
def test_a_case_always_gets_the_same_variant(name: str) -> None:
    first = perturb_case(name, case(TEXT), ["spam", "ham"])
    assert first == perturb_case(name, case(TEXT), ["spam", "ham"])


def test_cases_get_variants_of_their_own() -> None:
    variants = [perturb_case("typos", case(TEXT, str(i)), []) for i in range(20)]
    assert len({variant["message"] for variant in variants if variant}) > 5


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("whitespace", "ab", "ab "),
        ("punctuation", "Hello there", "Hello there."),
        ("punctuation", "Hello there!", "Hello there"),
        ("case", "hello", "Hello"),
        ("case", "  Hello", "  hello"),
        ("quotes", 'it\'s "so"', "it’s “so”"),
        ("quotes", "it’s “so”", 'it\'s "so"'),
        ("unicode", "café", "cafe\u0301"),
        ("unicode", "cafe\u0301", "café"),
        ("contractions", "I do not know", "I don't know"),
        ("contractions", "DO NOT CALL", "DON'T CALL"),
        ("contractions", "Isn’t it", "Is not it"),
        ("upper", "abc", "ABC"),
    ],
)
def test_a_perturbation_changes_what_its_name_says(name: str, before: str, after: str) -> None:
    assert perturb_case(name, case(before), []) == {"message": after}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("punctuation", "Is it?"),
        ("punctuation", "Go to win.example"),
        ("case", "NASA called"),
        ("case", "123"),
        ("case", "win.example"),
        ("quotes", "none"),
        ("unicode", "plain"),
        ("contractions", "nothing here"),
        ("typos", "spam SPAM 1234 www.longword.example a1234b it"),
        ("word_drop", "only four words here"),
        ("whitespace", ""),
    ],
)
def test_a_perturbation_that_does_not_apply_gives_nothing(name: str, text: str) -> None:
    assert perturb_case(name, case(text), ["spam", "ham"]) is None


def test_a_typo_is_one_neighbouring_key() -> None:
    variant = perturb_case("typos", case("wonderful"), [])
    assert variant is not None
    moved = [(a, b) for a, b in zip("wonderful", variant["message"], strict=True) if a != b]
    assert len(moved) == 1


def test_only_the_longest_input_is_changed() -> None:
    variant = perturb_case("prefix", case("the long text", sender="bob"), [])
    assert variant is not None
    assert variant["sender"] == "bob"
    assert variant["message"].endswith("the long text")


def test_quotes_and_composition_keep_every_letter() -> None:
    rng = Random(0)
    plain = texts.quotes(texts.quotes(TEXT, rng), rng)
    assert plain == TEXT
    assert unicodedata.normalize("NFC", texts.unicode_form("Zoë", rng)) == "Zoë"


PROMPT = Prompt(text="{{ labels }} {{ m }}", examples=tuple({"m": str(i), "label": "a"} for i in range(4))).model_copy(
    update={"labels": ("a", "b", "c")}
)


def test_orders_of_a_prompt_are_permuted_and_repeatable() -> None:
    for seed in range(5):
        labels = perturb_prompt("label_order", PROMPT, seed).labels
        assert labels != PROMPT.labels
        assert sorted(labels) == ["a", "b", "c"]
        examples = perturb_prompt("example_order", PROMPT, seed).examples
        assert examples != PROMPT.examples
        assert sorted(e["m"] for e in examples) == ["0", "1", "2", "3"]
        assert perturb_prompt("example_order", PROMPT, seed).examples == examples


def test_an_order_that_a_prompt_does_not_use_leaves_it_alone() -> None:
    plain = Prompt(text="{{ m }}").model_copy(update={"labels": ("a", "b")})
    assert perturb_prompt("label_order", plain, 1) == plain
    assert perturb_prompt("example_order", plain, 1) == plain
    assert perturb_case("label_order", case(TEXT), []) is None


def test_names_are_checked_and_python_is_only_for_trusted_suites() -> None:
    names = [*DEFAULT, *OPT_IN, "label_order", "no.such.module:f"]
    assert list(check_names(names, trusted=True)) == []
    assert [i for i, _, _ in check_names(names, trusted=False)] == [len(names) - 1]
    assert [fix for _, _, fix in check_names(["typo"], trusted=True)] == ["Did you mean `typos`?"]


def test_a_typo_never_makes_a_label_of_another_word() -> None:
    # `span` is one key away from `spam`: its other typos turn up, never that one.
    made = {perturb_case("typos", case("span", str(i)), ["spam", "ham"])["message"] for i in range(300)}  # type: ignore[index]
    assert "spam" not in made
    assert {"spab", "spah", "soan"} <= made


def test_a_case_carries_what_the_suites_own_perturbation_made_of_it() -> None:
    varied = msgspec.structs.replace(case("hi"), variants={"noise:shout": "hi!!"})
    assert perturb_case("noise:shout", varied, []) == {"message": "hi!!"}
    assert perturb_case("noise:shout", case("hi"), []) is None
