"""Replies are read as labels, or it is said why not."""

from __future__ import annotations

import math
from typing import Any

import pytest

from harness.files.suite import ReplyRule
from harness.judge.labels import LabelReader
from harness.judge.table.reply_score import ScoreReader
from harness.record import Failure, Reply, TokenLogprob

SPAM = ("spam", "ham")


def read(text: str, labels: tuple[str, ...] = SPAM, *, finish: str | None = None, **rule: Any) -> str:
    """Give the label, or the outcome in brackets."""
    label, outcome = LabelReader(ReplyRule(**rule), labels).read(Reply(text=text, finish_reason=finish))
    assert (label is not None) == (outcome == "label")
    return label or f"<{outcome}>"


@pytest.mark.parametrize(
    "text",
    [
        "spam",
        " Spam.",
        "**spam**",
        '"SPAM"',
        "_spam_",
        "`spam`",
        "spam\n",
        "ｓｐａｍ",
        "sp\u200bam",
        "- spam",
        "Category:spam",
        "The answer is spam!",
        "spam, definitely spam",
        "(spam)",
        "“spam”",
        "spam\u2014sure",
    ],
)
def test_a_mention_is_found_whatever_stands_around_it(text: str) -> None:
    assert read(text) == "spam"


@pytest.mark.parametrize(
    "text", ["spammy", "antispam", "not_spam", "non-spam", "spam-like", "spam2", "maybe", "..."]
)
def test_a_part_of_a_longer_word_is_no_mention(text: str) -> None:
    assert read(text) == "<unparseable>"


def test_two_labels_are_no_answer() -> None:
    assert read("spam or ham? spam") == "<unparseable>"


def test_the_longest_name_wins_where_one_contains_another() -> None:
    labels = ("spam", "not spam")
    assert read("This is NOT  spam.", labels) == "not spam"
    assert read("not_spam", labels) == "not spam"
    assert read("spam", labels) == "spam"
    assert read("spam, not spam", labels) == "<unparseable>"


def test_negation_is_not_guessed() -> None:
    assert read("it is not spam") == "spam"


def test_words_of_a_label_may_be_joined_by_blanks_hyphens_or_underscores() -> None:
    for text in ("account access", "account_access", "Account-Access", "account\n access"):
        assert read(text, ("account_access", "billing")) == "account_access"


def test_labels_that_differ_only_in_joints_or_case_are_kept_apart() -> None:
    assert [read(text, ("a_b", "a b")) for text in ("a_b", "a b")] == ["a_b", "a b"]
    assert [read(text, ("US", "us")) for text in ("US", "us")] == ["US", "us"]


def test_aliases_name_their_label() -> None:
    assert read("Junk!", aliases={"spam": ("junk",)}) == "spam"
    assert read("junk or spam", aliases={"spam": ("junk",)}) == "spam"


def test_case_counts_when_the_rule_says_so() -> None:
    assert read("SPAM", case_sensitive=True) == "<unparseable>"


@pytest.mark.parametrize(
    ("text", "labels", "label"),
    [
        ("这是垃圾短信", ("垃圾", "正常"), "垃圾"),
        ("これは迷惑メールです", ("迷惑", "普通"), "迷惑"),
        ("스팸입니다", ("스팸", "정상"), "스팸"),
        ("यह स्पैम है।", ("स्पैम", "ठीक"), "स्पैम"),
        ("स्पैमी", ("स्पैम", "ठीक"), "<unparseable>"),
        ("Это СПАМ.", ("спам", "норма"), "спам"),
        ("هذا مزعج.", ("مزعج", "عادي"), "مزعج"),
        ("Straße", ("STRASSE", "Weg"), "STRASSE"),
    ],
)
def test_scripts_of_the_world(text: str, labels: tuple[str, ...], label: str) -> None:
    assert read(text, labels) == label


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("1", "1"),
        ("The answer is 1.", "1"),
        ("-1", "-1"),
        ("0", "0"),
        ("1.5", "<unparseable>"),
        ("10", "<unparseable>"),
        ("Score: 1, sure", "1"),
        ("1%", "<unparseable>"),
        ("12:1", "<unparseable>"),
    ],
)
def test_numbers_as_labels_are_whole_numbers(text: str, label: str) -> None:
    assert read(text, ("-1", "0", "1")) == label


def test_symbols_may_be_part_of_a_label() -> None:
    assert read("I'd say C++", ("C", "C++")) == "C++"
    assert read("**C++**", ("C", "C++"), **{"as": "exact"}) == "C++"


@pytest.mark.parametrize("text", ["spam", "Spam.", "**SPAM**", "'spam'", " spam \n"])
def test_exact_forgives_decoration(text: str) -> None:
    assert read(text, **{"as": "exact"}) == "spam"


@pytest.mark.parametrize("text", ["It is spam", "spam ham", "Label: spam", "spamm"])
def test_exact_wants_the_label_alone(text: str) -> None:
    assert read(text, **{"as": "exact"}) == "<unparseable>"


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ('{"label": "Spam"}', "spam"),
        ('```json\n{"label": "spam"}\n```', "spam"),
        ('  {"label": "ham", "why": "spam?"} ', "ham"),
        ('{"label": "spam"} and more', "<unparseable>"),
        ('{"label": null}', "<unparseable>"),
        ('{"label": ["spam"]}', "<unparseable>"),
        ('{"label": NaN}', "<unparseable>"),
        ('{"other": "spam"}', "<unparseable>"),
        ("spam", "<unparseable>"),
        ("[" * 100_000, "<unparseable>"),
    ],
)
def test_json_is_read_strictly(text: str, label: str) -> None:
    assert read(text, **{"as": "json"}) == label


def test_json_pointers_reach_into_lists_and_escaped_keys() -> None:
    assert read('{"a/b": [{"x": "ham"}]}', **{"as": "json", "pointer": "/a~1b/0/x"}) == "ham"
    assert read('"ham"', **{"as": "json", "pointer": ""}) == "ham"
    assert read('{"label": true}', ("true", "false"), **{"as": "json"}) == "true"
    assert read('{"label": 1}', ("0", "1"), **{"as": "json"}) == "1"


def test_regex_reads_its_group_as_an_exact_label() -> None:
    rule = {"as": "regex", "pattern": r"final: (?P<label>\w+)"}
    assert read("I thought ham. Final: SPAM", **rule) == "spam"
    assert read("Final: spammy", **rule) == "<unparseable>"
    assert read("spam", **rule) == "<unparseable>"
    assert read("=> ham.", **{"as": "regex", "pattern": r"=> (\w+)"}) == "ham"
    assert read("so ham it is", **{"as": "regex", "pattern": "spam|ham"}) == "ham"


def test_a_cut_reply_counts_when_its_label_can_be_read() -> None:
    assert read(" spam\nMessage", finish="length") == "spam"
    assert read("sp", finish="length") == "<truncated>"
    assert read("", finish="length") == "<truncated>"
    assert read('{"label": "spa', finish="length", **{"as": "json"}) == "<truncated>"


def test_a_cut_that_could_hide_a_longer_label_is_truncated() -> None:
    labels = ("refund", "refund request")
    assert read("refund", labels, finish="length") == "<truncated>"
    assert read("refund, thanks", labels, finish="length") == "refund"
    assert read("refund", labels, finish="stop") == "refund"


def test_outcomes_without_a_label_are_told_apart() -> None:
    rule = ReplyRule()
    assert read("") == "<empty>"
    assert read(" \n\u200b") == "<empty>"
    read_reply = LabelReader(rule, SPAM).read
    assert read_reply(Reply(text="spam", refusal="I can't")) == (None, "refused")
    assert read_reply(Reply(text="spam", finish_reason="content_filter")) == (
        None,
        "refused",
    )
    assert read_reply(Failure(kind="timeout", message="30 s")) == (None, "failed")


def scored(reply: Reply, label: str | None = "spam", **rule: Any) -> float:
    return ScoreReader(ReplyRule(**rule), SPAM).score(reply, "spam", label)


def test_a_score_that_the_endpoint_gives_is_taken_as_it_is() -> None:
    assert scored(Reply(text="spam", score=0.25)) == 0.25
    assert math.isnan(scored(Reply(text="spam", score=math.inf)))
    assert math.isnan(scored(Reply(text="spam")))


def test_a_score_in_the_json_reply_is_found_by_its_pointer() -> None:
    rule = {"as": "json", "score": "/score"}
    assert scored(Reply(text='{"label": "spam", "score": 0.75}'), **rule) == 0.75
    assert math.isnan(scored(Reply(text='{"label": "spam", "score": "high"}'), **rule))
    assert math.isnan(scored(Reply(text='{"label": "spam", "score": true}'), **rule))


def tokens(*said: tuple[str, dict[str, float]]) -> tuple[TokenLogprob, ...]:
    return tuple(
        TokenLogprob(token, math.log(top[token]), tuple((word, math.log(p)) for word, p in top.items()))
        for token, top in said
    )


def test_logprobs_are_shared_among_the_label_words_at_the_place_of_the_label() -> None:
    reply = Reply(text=" spam", logprobs=tokens((" spam", {" spam": 0.6, " ham": 0.2, " the": 0.2})))
    assert scored(reply) == pytest.approx(0.75)
    reply = Reply(
        text="It is ham", logprobs=tokens(("It is", {"It is": 0.9}), (" ham", {" ham": 0.75, " spam": 0.25}))
    )
    assert scored(reply, "ham") == pytest.approx(0.25)


def test_a_label_of_several_tokens_is_told_by_the_first_that_differs() -> None:
    reader = ScoreReader(ReplyRule(), ("not spam", "not sure"))
    reply = Reply(
        text="not sure", logprobs=tokens(("not", {"not": 1.0}), (" sure", {" sure": 0.7, " spam": 0.3}))
    )
    assert reader.score(reply, "not spam", "not sure") == pytest.approx(0.3)


def test_without_alternatives_the_labels_own_probability_is_the_score() -> None:
    assert scored(Reply(text="spam", logprobs=tokens(("spam", {"spam": 0.9})))) == pytest.approx(0.9)
    assert scored(Reply(text="ham", logprobs=tokens(("ham", {"ham": 0.9}))), "ham") == pytest.approx(0.1)
