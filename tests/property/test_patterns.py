"""Patterns of suites, held against Python's own engine, and against time."""

from __future__ import annotations

import re
import signal
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.files.suite import Pattern, PatternRefused

PIECES = [
    *("a", "K", "é", "_", "1", ".", r"\.", " ", "\n", "日", "ß", "ſ"),
    *(r"\w", r"\W", r"\d", r"\D", r"\s", r"\S", r"\b", r"\B", "^", r"\A", r"\Z"),
    *("[a-c]", "[^a]", r"[^\W\d_]", r"[\S]", r"[^\s,]", "[à-ü]", r"[_\D]", "(?i:k)", "(?-i:K)", "(?s:.)"),
    *("(?m:^)", "(?m:$)", "$"),
]


def alternatives(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    repeats = st.sampled_from(["*", "+", "?", "{2}", "{1,3}", "*?", "+?", "??"])
    return st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"({'|'.join(parts)})"),
        # What may be empty is not repeated: Python ends a repeat at an empty match, RE2 tries the others.
        st.tuples(inner.filter(lambda text: re.fullmatch(text, "") is None), repeats).map(
            lambda p: f"(?:{p[0]}){p[1]}"
        ),
    )


PATTERNS = st.recursive(st.sampled_from(PIECES), alternatives, max_leaves=6)
TEXTS = st.text(alphabet="aAbkKéÉ_1 .,\n日ßſ\u212a\u00a0\u0301-", max_size=16)


def first_in_python(pattern: str, text: str, *, case_sensitive: bool) -> str | None:
    found = re.search(pattern, text, 0 if case_sensitive else re.IGNORECASE)
    return None if found is None else found[0]


@settings(max_examples=400, deadline=None)
@given(PATTERNS, st.sampled_from(["", "$"]), TEXTS, st.booleans())
def test_a_pattern_finds_what_python_finds(pattern: str, end: str, text: str, case_sensitive: bool) -> None:
    whole = f"x(?:{pattern}){end}"
    try:
        made = Pattern(f"(?P<label>{whole})", case_sensitive=case_sensitive)
    except PatternRefused as refused:
        assert "$" in pattern
        assert "after a `$`" in str(refused)  # noqa: PT017
        return
    mine = next(made.found("x" + text), None)
    theirs = first_in_python(whole, "x" + text, case_sensitive=case_sensitive)
    assert (mine is None, (mine or "").rstrip("\n")) == (theirs is None, (theirs or "").rstrip("\n"))


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab()[]{}|*+?^$\\\\.,19:=!<>P-\n é", max_size=40))
def test_any_text_is_a_pattern_or_is_refused(pattern: str) -> None:
    try:
        found = Pattern(pattern, case_sensitive=False)
    except PatternRefused:
        return
    text = "ab " * 50 + "é"
    assert all(each in text for each in found.found(text))


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        (r"(?<!not )spam", "look-around"),
        (r"spam(?=!)", "look-around"),
        (r"(a)\1", "references to groups"),
        (r"(a)?(?(1)b|c)", "conditions on groups"),
        (r"(?>a)b", "atomic groups"),
        (r"a++b", "possessive repeats"),
        ("a{1001}", "more than 1,000"),
        (r"a$\n", r"goes on after a `\$`"),
        (r"(?:a$|b)\s", r"goes on after a `\$`"),
        (r"a$\Z", r"goes on after a `\$`"),
        ("(?:(?:a{1000}){1000}){1000}", "linear time"),
        (r"(?:\w{1,100}\s){1,10}x", "too large"),
        ("(" * 499 + ")" * 499, "nested too deeply"),
        ("(", "not a regular expression"),
        ("*", "not a regular expression"),
    ],
)
def test_what_can_not_be_matched_as_python_does_in_linear_time_is_refused_by_its_reason(pattern: str, why: str) -> None:
    with pytest.raises(PatternRefused, match=why):
        Pattern(pattern, case_sensitive=True)


@pytest.mark.parametrize(
    "pattern", [r"(\w+)$\s*", r"(\w+)(?:$|\W)(?:.|\n)*", r"(?:$|,)\s*(x)", r"(a)(?:$|\s)b", r"(a)$$", r"(?m)(a)$\nb"]
)
@pytest.mark.parametrize("text", ["a", "a\n", "a b", "a\nb", "a,x", ", x\n", "a\n\n"])
def test_what_may_follow_the_end_is_matched_as_python_does(pattern: str, text: str) -> None:
    theirs = re.search(pattern, text)
    found = list(Pattern(pattern, case_sensitive=True).found(text))
    assert found[:1] == ([theirs[1]] if theirs else [])


ENDLESS = """
import sys
from harness.ending import end_process
from harness.files.suite import Pattern

def work():
    pattern = Pattern(sys.argv[1], case_sensitive=False)
    text = "ab " * 30_000
    print("begun", flush=True)
    while True:
        list(pattern.found(text))

end_process(work)
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, -signal.SIGTERM), (signal.SIGINT, 130)])
@pytest.mark.parametrize("pattern", [r"^(?:\w+\s?)+: (spam|ham)", "(spam|ham)$", "[a-z ]*(x)"])
def test_a_signal_ends_a_process_that_matches_a_pattern(pattern: str, number: signal.Signals, code: int) -> None:
    with subprocess.Popen([sys.executable, "-c", ENDLESS, pattern], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "begun\n"
        child.send_signal(number)
        assert child.wait(240) == code
