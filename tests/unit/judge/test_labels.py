"""Replies are read as labels, or it is said why not."""

from __future__ import annotations

import math
from typing import Any, get_args

import pytest

from harness.files.suite import ReplyRule
from harness.judge.labels import LabelReader, Reason, Why, why_told
from harness.judge.table.reply_score import ScoreReader
from harness.record import Failure, Reply, TokenLogprob

SPAM = ("spam", "ham")


def read(text: str, labels: tuple[str, ...] = SPAM, *, finish: str | None = None, **rule: Any) -> str:
    """Give the label, or the outcome in brackets."""
    label, outcome, why = LabelReader(ReplyRule(**rule), labels).read(Reply(text=text, finish_reason=finish))
    assert (label is not None) == (outcome == "label") == (why is None)
    return label or f"<{outcome}>"


def why(text: str, labels: tuple[str, ...] = SPAM, *, finish: str | None = None, **rule: Any) -> str:
    """Give the label, or the reason why there is none with the labels that it is about."""
    found = LabelReader(ReplyRule(**rule), labels).read(Reply(text=text, finish_reason=finish))
    return found.label or " ".join(("<" + found.why.reason + ">", *found.why.labels) if found.why else ())


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


@pytest.mark.parametrize("text", ["spammy", "antispam", "not_spam", "non-spam", "spam-like", "spam2", "maybe", "..."])
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


@pytest.mark.parametrize(
    "text",
    [
        "This is not a refund request.",
        "It isn't a refund request",
        "This isn\u2019t really a REFUND REQUEST at all",
        "I don't think this is a refund request.",
        "It does not look like a refund request",
        "This cannot be a refund request",
        "never a refund request",
        "No refund request here.",
        "a message without any refund request",
        "There is no sign of a refund request",
        'It is not a "refund request".',
        "not **refund_request**",
        "Refund request: no",
        "refund request? No.",
        '{"refund request": false}',
        "Refund request is not what this is",
        "A refund request is unlikely",
        "This is neither a refund request nor a complaint",
        "unlike a refund request",
        "Is it a refund request? It is not a refund request.",
    ],
)
def test_a_label_that_is_denied_is_no_answer_and_the_reason_says_so(text: str) -> None:
    assert why(text, ("refund request", "praise")) == "<negated> refund request"


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("not spam but ham", "ham"),
        ("This is ham, not spam.", "ham"),
        ("It is not ham; it is spam.", "spam"),
        ("ham rather than spam", "ham"),
        ("Instead of spam, I'd say ham.", "ham"),
        ("spam: no, ham: yes", "ham"),
        ("spam: false\nham: true", "ham"),
        ("I see no spam words: ham", "ham"),
        ("The sender isn't known, so this is spam", "spam"),
        ("not only rude, but spam", "spam"),
        ("This is not only spam", "spam"),
        ("There is no doubt: spam", "spam"),
        ("no doubt this is spam", "spam"),
        ("without a doubt spam", "spam"),
        ("whether or not you like it: spam", "spam"),
        ("spam. Do not click the link", "spam"),
        ("It does not address you by name. Spam", "spam"),
        ("spam: no sender, no date", "spam"),
        ("nothing to see, ham", "ham"),
        ("spam \u2014 not a message from a friend", "spam"),
    ],
)
def test_a_denial_reaches_no_farther_than_its_clause(text: str, label: str) -> None:
    assert read(text) == label


@pytest.mark.parametrize(
    ("text", "labels", "label"),
    [
        ("not_spam", ("spam", "not_spam"), "not_spam"),
        ("This is not spam.", ("spam", "not_spam"), "not_spam"),
        ("The item is non-refundable.", ("refundable", "non-refundable"), "non-refundable"),
        ("No.", ("yes", "no"), "no"),
        ("no, not yes", ("yes", "no"), "no"),
        ("No, this does not match", ("yes", "no"), "no"),
        ("none", ("spam", "none"), "none"),
        ("This is not a not spam", ("spam", "not_spam"), "<negated> not_spam"),
        ("The user did not receive a refund", ("refund", "praise"), "refund"),
        ("They can't get account access", ("account access", "praise"), "account access"),
        ("The user is not able to get a refund", ("refund", "praise"), "refund"),
        ("not spam or ham", SPAM, "<negated> spam ham"),
    ],
)
def test_names_with_a_negation_are_found_and_topics_of_a_complaint_are_not_denied(
    text: str, labels: tuple[str, ...], label: str
) -> None:
    assert why(text, labels) == label


@pytest.mark.parametrize(
    "text",
    [
        "Das ist kein Spam",
        "Das ist nicht spam.",
        "Ce n'est pas un spam",
        "No es spam",
        "non \u00e8 spam",
        "N\u00e3o \u00e9 spam",
        "Dit is geen spam",
        "Det er ikke spam",
        "To nie jest spam",
        "\u042d\u0442\u043e \u043d\u0435 spam",
        "\u8fd9\u4e0d\u662fspam",
        "spam\u3067\u306f\u3042\u308a\u307e\u305b\u3093",
        "spam \uc544\ub2d9\ub2c8\ub2e4",
        "Bu spam de\u011fil",
    ],
)
def test_common_denials_of_other_languages_are_known(text: str) -> None:
    assert why(text) == "<negated> spam"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("spam or ham?", "<several_labels> spam ham"),
        ("ham, spam", "<several_labels> spam ham"),
        ("no idea", "<no_name>"),
        (" ", "<empty>"),
    ],
)
def test_a_reply_without_a_label_says_why(text: str, reason: str) -> None:
    assert why(text) == reason


def test_a_reason_is_told_in_words() -> None:
    assert why_told(Why("several_labels", SPAM)) == "2 labels: spam, ham"
    reasons = [reason for group in get_args(Reason) for reason in get_args(group) or (group,)]
    assert len({why_told(Why(reason)) for reason in reasons}) == len(reasons) == 21


def test_words_of_a_label_may_be_joined_by_blanks_hyphens_or_underscores() -> None:
    for text in ("account access", "account_access", "Account-Access", "account\n access", "account\u2013access"):
        assert read(text, ("account_access", "billing")) == "account_access"


def test_labels_that_differ_only_in_joints_or_case_are_kept_apart() -> None:
    assert [read(text, ("a_b", "a b")) for text in ("a_b", "a b")] == ["a_b", "a b"]
    assert [read(text, ("US", "us")) for text in ("US", "us")] == ["US", "us"]


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("spam", "spam"),
        ("Not spam.", "not spam"),
        ("NOT-SPAM", "not spam"),
        ("spam-ish", "spam-ish"),
        ("spam\u2010ish", "spam-ish"),
        ("spam\u2014ish", "spam-ish"),
        ("This is not spam.", "not spam"),
        ("spam, not spam-ish", "spam"),
        ("It's not spam-ish", "<negated> spam-ish"),
        ("This isn't spam.", "<negated> spam"),
        ("This is not at all spam", "<negated> spam"),
        ("not **spam**", "<negated> spam"),
        ("not spam but spam-ish", "<several_labels> not spam spam-ish"),
        ("spam/not spam", "<several_labels> spam not spam"),
        ("spamish", "<no_name>"),
        ("notspam", "<no_name>"),
    ],
)
def test_of_labels_that_contain_each_other_none_is_read_for_another(text: str, label: str) -> None:
    assert why(text, ("spam", "not spam", "spam-ish")) == label


def test_a_cut_may_hide_which_of_the_labels_that_contain_each_other_it_was() -> None:
    three = ("spam", "not spam", "spam-ish")
    assert why("spam", three, finish="length") == "<cut_name> spam-ish"
    assert why("not spam", three, finish="length") == "not spam"
    assert why("spam", three) == "spam"


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
    assert read("C#", ("C", "D")) == read("grade A+", ("A", "B")) == "<unparseable>"


@pytest.mark.parametrize("text", ["C#", "`C#`", "C#.", "**C#**", '("C#")', "Label: `C#`.", "- C#"])
def test_what_may_be_decoration_stays_where_it_is_part_of_a_name(text: str) -> None:
    assert read(text, ("C", "C#"), **{"as": "exact"}) == "C#"
    assert read(text, ("C", "C#")) == "C#"


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("`C`", "C"),
        ("C.", "C"),
        ("# C", "C"),
        ("(sic)", "(sic)"),
        ("(sic).", "(sic)"),
        ("sic", "sic"),
        ("(yes!)", "yes!"),
        ("yes", "yes"),
        (".net.", ".net"),
        ("**.net**", ".net"),
        ("`*`", "*"),
    ],
)
def test_peeling_stops_at_the_first_name_that_appears(text: str, label: str) -> None:
    labels = ("C", "C#", "(sic)", "sic", "yes!", "yes", ".net", "*")
    assert read(text, labels, **{"as": "exact"}) == label


@pytest.mark.parametrize(
    "text",
    [
        "```\nspam\n```",
        "```text\nspam\n```",
        "\\boxed{spam}",
        "$\\boxed{\\text{Spam}}$",
        "\\(\\boxed{spam}\\)",
        "<b>spam</b>",
        "<answer>spam</answer>",
        '<span class="x">**spam**</span>',
        "Label: spam.",
        "**Label:** spam",
        "Final answer: **spam**",
        "The answer is: spam",
        "[spam]",
        "{spam}",
        "<spam>",
        "\u00abspam\u00bb",
        "\u201espam\u201c",
        "> spam",
        "* spam",
        "=> spam",
        '"spam',
        "spam**",
        "~~spam~~",
        "spam\u0964",
        "\u00a1spam!",
    ],
)
def test_every_common_decoration_is_peeled(text: str) -> None:
    assert read(text, **{"as": "exact"}) == "spam"


def test_decoration_without_end_is_given_up() -> None:
    assert why("*" * 100_000 + "spam", **{"as": "exact"}) == "<other_text>"
    assert why("# a" + " " * 100_000 + "#", **{"as": "exact"}) == "<other_text>"


@pytest.mark.parametrize("text", ["spam", "Spam.", "**SPAM**", "'spam'", " spam \n"])
def test_exact_forgives_decoration(text: str) -> None:
    assert read(text, **{"as": "exact"}) == "spam"


@pytest.mark.parametrize("text", ["It is spam", "spam ham", "Note: spam", "spamm", "spam#1", "not spam"])
def test_exact_wants_the_label_alone(text: str) -> None:
    assert read(text, **{"as": "exact"}) == "<unparseable>"


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ('{"label": "Spam"}', "spam"),
        ('```json\n{"label": "spam"}\n```', "spam"),
        ('  {"label": "ham", "why": "spam?"} ', "ham"),
        ('{"label": "spam"} and more', "spam"),
        ('Sure! Here it is:\n{"label": "spam"}', "spam"),
        ('As asked [1] for one of {spam, ham}:\n```json\n{"label": "ham"}\n```\nDone.', "ham"),
        ('{"label": "**Spam**"}', "spam"),
        ('{"label": "spam", "why": {"label": "ham"}}', "spam"),
        ('{"label": "spam", "note": 1, "note": 2}', "spam"),
        ('{"label": null}', "<not_a_text>"),
        ('{"label": ["spam"]}', "<not_a_text>"),
        ('{"label": {"spam": 1}}', "<not_a_text>"),
        ('{"label": NaN}', "<broken_document>"),
        ('{"label": "spam",}', "<broken_document>"),
        ('{"a": {"label": "spam"},}', "<broken_document>"),
        ("{'label': 'spam'}", "<broken_document>"),
        ('{label: "spam"}', "<broken_document>"),
        ('{"label": "spam"', "<broken_document>"),
        ('{"label": "spam"}{"label": "ham"}', "<several_documents>"),
        ('{"label": "spam"}\n{"label": "spam"}', "<several_documents>"),
        ('[{"label": "spam"}]', "<no_value>"),
        ('Here: [{"label": "spam"}]', "<no_value>"),
        ('{"label": "spam", "label": "ham"}', "<doubled_key>"),
        ('{"label": "spam", "label": "spam"}', "<doubled_key>"),
        ('{"label": "eggs"}', "<other_text>"),
        ('{"other": "spam"}', "<no_value>"),
        ("{}", "<no_value>"),
        ("spam", "<no_document>"),
        ("", "<empty>"),
        ("[" * 100_000, "<broken_document>"),
    ],
)
def test_the_one_json_document_of_a_reply_is_read_or_it_is_said_why_not(text: str, label: str) -> None:
    assert why(text, **{"as": "json"}) == label


@pytest.mark.parametrize(
    ("value", "labels", "label"),
    [
        ("2", ("1", "2"), "2"),
        ("2.0", ("1", "2"), "2"),
        ("2e0", ("1", "2"), "2"),
        ("2", ("1.0", "2.0"), "2.0"),
        ("-0", ("0", "1"), "0"),
        ('"2"', ("1", "2"), "2"),
        ('"2.0"', ("1", "2"), "<other_text>"),  # a text is a text: it may be a version
        ("2.5", ("1", "2"), "<other_text>"),
        ("1", ("1", "1.0"), "1"),
        ("1.00", ("1", "1.0"), "1.0"),
        ("1e999", ("inf", "1"), "<other_text>"),
        ("true", ("true", "false"), "true"),
        ('"true"', ("true", "false"), "true"),
        ("true", ("True", "False"), "True"),
        ("true", ("1", "0"), "<other_text>"),
        ("1", ("true", "false"), "<other_text>"),
    ],
)
def test_equal_json_numbers_are_equal_labels(value: str, labels: tuple[str, ...], label: str) -> None:
    assert why(f'{{"label": {value}}}', labels, case_sensitive=True, **{"as": "json"}) == label


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


def test_a_pattern_means_what_it_means_in_python() -> None:
    rule = {"as": "regex", "pattern": r"(true|false)\W*$"}
    assert read("true\nbut\nthen\nagain\nfalse\n", ("true", "false"), **rule) == "false"
    assert read("false\nit is not", ("true", "false"), **rule) == "<unparseable>"
    assert read("was: Ärger!", ("ärger", "lob"), **{"as": "regex", "pattern": r"\b(ä\w+|lob)\b"}) == "ärger"


def test_matches_that_say_different_things_are_no_label() -> None:
    rule = {"as": "regex", "pattern": r"label: (\w+)"}
    two = "Label: spam. Or rather label: ham."
    assert why(two, **rule) == "<several_labels> spam ham"
    assert why("Label: eggs. Label: ham.", **rule) == "<several_texts>"
    assert why("Label: ham. Label: eggs.", **rule) == "<several_texts>"
    assert why("Label: eggs. Label: tofu.", **rule) == "<other_text>"
    assert why("Label: ham. I repeat: label: HAM", **rule) == "ham"
    assert why(two, match="first", **rule) == "spam"
    assert why(two, match="last", **rule) == "ham"
    assert why("none", match="last", **rule) == why("none", match="first", **rule) == "<no_match>"


def test_a_pattern_that_tries_every_way_elsewhere_is_matched_at_once() -> None:
    rule = {"as": "regex", "pattern": r"^(?:\w+\s?)+: (spam|ham)"}
    assert why("word " * 40_000, **rule) == "<no_match>"
    assert why("wörter " * 30_000 + "; ham", **rule) == "<no_match>"
    assert why("wörter " * 30_000 + ": ham", **rule) == "ham"
    assert why("a" * 200_000, **{"as": "regex", "pattern": "(a|a)*(a+)+b"}) == "<no_match>"
    assert why("a" * 200_000, **{"as": "regex", "pattern": "(x{0,900})(y{0,900})"}) == "<too_long>"


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
    assert read_reply(Reply(text="spam", refusal="I can't"))[:2] == (None, "refused")
    assert read_reply(Reply(text="spam", finish_reason="content_filter"))[:2] == (None, "refused")
    assert read_reply(Failure(kind="timeout", message="30 s"))[:2] == (None, "failed")


def scored(reply: Reply, label: str | None = "spam", **rule: Any) -> float:
    return ScoreReader(ReplyRule(**rule), SPAM).score(reply, "spam", label)


def test_a_score_that_the_endpoint_gives_is_taken_as_it_is() -> None:
    assert scored(Reply(text="spam", score=0.25)) == 0.25
    assert math.isnan(scored(Reply(text="spam", score=math.inf)))
    assert math.isnan(scored(Reply(text="spam")))


@pytest.mark.parametrize("pointer", ["/" + "9" * 5_000, "/\u0661", "/01234567890", "/0" * 100_000, "/-1"])
def test_a_pointer_that_no_list_has_finds_nothing(pointer: str) -> None:
    assert read('["ham", "spam"]', **{"as": "json", "pointer": pointer}) == "<unparseable>"


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
    reply = Reply(text="It is ham", logprobs=tokens(("It is", {"It is": 0.9}), (" ham", {" ham": 0.75, " spam": 0.25})))
    assert scored(reply, "ham") == pytest.approx(0.25)


def test_a_label_of_several_tokens_is_told_by_the_first_that_differs() -> None:
    reader = ScoreReader(ReplyRule(), ("not spam", "not sure"))
    reply = Reply(text="not sure", logprobs=tokens(("not", {"not": 1.0}), (" sure", {" sure": 0.7, " spam": 0.3})))
    assert reader.score(reply, "not spam", "not sure") == pytest.approx(0.3)


def test_without_alternatives_the_labels_own_probability_is_the_score() -> None:
    assert scored(Reply(text="spam", logprobs=tokens(("spam", {"spam": 0.9})))) == pytest.approx(0.9)
    assert scored(Reply(text="ham", logprobs=tokens(("ham", {"ham": 0.9}))), "ham") == pytest.approx(0.1)
