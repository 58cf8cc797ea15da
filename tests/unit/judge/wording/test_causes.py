"""What went wrong as sentences: how many, why, and what to do, in this order."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from harness.files.mending import what_to_change
from harness.judge.documents import SampleReply, Trouble
from harness.judge.wording.causes import MOST_WORDS, advice, cause, how_many, quoted, title, what_decides
from harness.record import Failure, FailureKind


def trouble(kind: str = "bad_request", n: int = 36, of: int | None = 40, **fields: Any) -> Trouble:
    known = {
        "whose": "endpoint",
        "message": "HTTP 400: no",
        "case": "case-1",
        "where": "prompts/v1.prompt.yml:4",
        "fix": "Raise `max_tokens`.",
        "advice": "Raise `max_tokens` in prompts/v1.prompt.yml:4.",
        "decides": True,
        "samples": (SampleReply(case="case-1", reply="Well", reason="cut after 8 tokens"),),
    }
    return Trouble(kind=kind, count=n, share=None if of is None else n / of, **{**known, **fields})


def test_cut_replies_say_how_many_why_and_the_line_to_change() -> None:
    row = trouble("truncated", whose="prompt", message="cut after 8 tokens")
    assert cause(row) == ("36 of 40 replies were cut after 8 tokens: raise `max_tokens` in prompts/v1.prompt.yml:4.")


def test_refusals_say_the_endpoints_words_as_a_quotation() -> None:
    row = trouble(n=5, of=None, message="Unsupported parameter.", advice="Remove `max_tokens` in v1.prompt.yml:4.")
    assert cause(row) == (
        "the endpoint refused every call: “Unsupported parameter.” Remove `max_tokens` in v1.prompt.yml:4."
    )


@pytest.mark.parametrize(
    ("n", "of", "told"),
    [
        (36, 40, "36 of 40 calls"),
        (40, 40, "every call"),
        (1, 1, "1 of 1 call"),
        (5, None, "5 calls"),
        (1, None, "1 call"),
    ],
)
def test_how_many_names_its_denominator(n: int, of: int | None, told: str) -> None:
    assert how_many(trouble(n=n, of=of)) == told


def test_of_a_million_trials_the_count_is_exact() -> None:
    assert how_many(trouble(n=333_333, of=999_983)) == "333,333 of 999,983 calls"


def test_one_reply_was_and_two_were() -> None:
    one = trouble("empty", n=1, of=40, fix="", advice="")
    assert cause(one) == "1 of 40 replies was empty."
    assert cause(trouble("empty", n=2, of=40, fix="", advice="")) == "2 of 40 replies were empty."


@pytest.mark.parametrize("kind", [*get_args(FailureKind), "truncated", "empty", "refused", "unparseable"])
def test_every_kind_has_a_title_and_a_sentence_of_its_own(kind: str) -> None:
    assert title(kind) != kind
    told = cause(trouble(kind, n=3, of=40))
    assert "3 of 40" in told
    assert "{" not in told
    assert told.endswith(".")


def test_a_kind_of_a_later_version_is_shown_as_it_is() -> None:
    assert title("moved_away") == "moved_away"
    assert "3 of 40 calls" in cause(trouble("moved_away", n=3))


def test_the_endpoints_words_stay_on_one_line_are_cut_and_cannot_end_their_quotation() -> None:
    told = quoted("a”. READY.\n\nNo\tmore " + "x" * 1000)
    assert told.startswith('“a". READY. No more x')
    assert told.count("”") == 1
    assert len(told) == MOST_WORDS + 2


def test_advice_puts_the_place_behind_the_first_thing_to_do() -> None:
    late = Failure(kind="timeout", message="no answer")
    longer = what_to_change(late, {"timeout": "harness.yml:5"}, run="R")
    assert longer.fix == "Allow a longer `timeout`; `harness resume R --failed` sends just these again."
    assert longer.advice == (
        "Allow a longer `timeout` in harness.yml:5; `harness resume R --failed` sends just these again."
    )
    wrong = Failure(kind="redirect", message="moved")
    assert (
        what_to_change(wrong, {"url": "harness.yml:3"}).advice
        == "Correct `url`, or what answers there (harness.yml:3)."
    )
    assert what_to_change(wrong, {"entry": "harness.yml:2"}).advice == (
        "Correct the model's entry, or what answers there (harness.yml:2)."
    )
    assert what_to_change(Failure(kind="quota", message="no"), {}).advice.endswith("then resume.")


def test_a_report_that_lacks_the_place_in_its_advice_still_says_what_to_do() -> None:
    assert advice(trouble(fix="Raise `max_tokens`.", advice="")) == "Raise `max_tokens`."


def test_a_headline_names_what_decides_and_nothing_else() -> None:
    cut = trouble("truncated", whose="prompt", message="cut after 8 tokens", fix="", advice="")
    empty = trouble("empty", n=3, of=40, whose="prompt", fix="", advice="")
    late = trouble("timeout", n=1, of=40, message="no answer", fix="", advice="", decides=False)
    assert what_decides([late]) == ""
    assert what_decides([cut, empty, late]) == "36 of 40 replies were cut after 8 tokens. 3 of 40 replies were empty."
    assert what_decides([cut, empty, trouble("quota")]).endswith("were empty. Also: quota used up.")
