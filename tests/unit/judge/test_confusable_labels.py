"""Labels that can be taken for each other are named before a run is paid for."""

from __future__ import annotations

import pytest

from harness.judge.labels import confusable


def told(*labels: str, reads: str = "mention", **aliases: tuple[str, ...]) -> list[str]:
    found = confusable(labels, aliases, reads=reads)
    return [f"{one.kind}: " + one.sentence.format(*one.names) for one in found]


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        (("C", "C#"), "decoration"),
        (("yes", "yes!"), "decoration"),
        (("(sic)", "sic"), "decoration"),
        (("US", "us"), "case"),
        (("a_b", "a b"), "joints"),
        (("spam", "ｓｐａｍ"), "joints"),
        (("caf\u00e9", "cafe\u0301"), "same characters"),
        (("spam", "sp\u0430m"), "look"),
        (("Alpha", "\u0391lpha"), "look"),
        (("l1", "I1"), "look"),
        (("refund", "refund request"), "part"),
        (("request", "refund_request"), "part"),
        (("neutral", "not-neutral"), "part"),
    ],
)
def test_labels_that_can_be_confused_are_told_with_their_kind(labels: tuple[str, ...], kind: str) -> None:
    assert told(*labels)[0].startswith(f"{kind}: ")


@pytest.mark.parametrize(
    "labels", [("spam", "ham"), ("spam", "spammer"), ("0", "1", "10"), ("yes", "no"), ("notable", "plain"), ("A", "B")]
)
def test_labels_that_nobody_confuses_are_not_told(labels: tuple[str, ...]) -> None:
    assert told(*labels) == []


def test_a_pair_is_told_once_and_names_of_one_label_are_not() -> None:
    assert told("US", "us") == ["case: US and us differ in case only"]
    assert told("spam", "ham", spam=("Spam!", "junk spam")) == []
    assert told("spam", "ham", ham=("no spam",))[0].startswith("part: spam is part of no spam")


def test_parts_and_negations_matter_to_mentions_only() -> None:
    assert told("refund", "refund request", "not spam", reads="exact") == []
    assert [one.split(":")[0] for one in told("spam", "not_spam")] == ["part", "negation"]
    assert [one.split(":")[0] for one in told("ok", "non-refundable")] == ["negation"]
