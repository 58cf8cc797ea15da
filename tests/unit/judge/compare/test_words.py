"""The word-level diff of two prompts."""

from __future__ import annotations

from harness.judge.compare.surroundings import prompt_text, word_diff


def marked(base: str, head: str) -> str:
    signs = {"same": "{}", "removed": "[-{}-]", "added": "{{+{}+}}"}
    return "".join(signs[word.kind].format(word.text) for word in word_diff(base, head))


def test_words_that_changed_are_marked_and_the_others_kept() -> None:
    assert marked("Answer with one word.\n", "Answer with exactly one word.\n") == (
        "Answer with{+ exactly+} one word.\n"
    )
    assert marked("Is it spam or ham?", "Is it spam or junk?") == "Is it spam or [-ham-]{+junk+}?"


def test_neighbouring_changes_are_read_as_one() -> None:
    assert marked("a quick brown fox", "a slow red fox") == "a [-quick brown-]{+slow red+} fox"


def test_whitespace_is_a_change_too() -> None:
    assert marked("one two\n", "one  two\n") == "one[- -]{+  +}two\n"


def test_equal_texts_have_no_change() -> None:
    assert [word.kind for word in word_diff("same\ntext", "same\ntext")] == ["same"]
    assert word_diff("", "") == ()


def test_a_passage_too_long_to_align_is_shown_whole() -> None:
    base, head = "a " * 5000, "b " * 5000
    assert [word.kind for word in word_diff(base, head)] == ["removed", "added"]


def test_messages_and_examples_are_one_text() -> None:
    prompt = {
        "messages": [{"role": "system", "content": "Sort.\n"}, {"role": "user", "content": "{{ message }}"}],
        "examples": [{"message": "Win!", "label": "spam"}],
    }
    assert prompt_text(prompt) == ("system:\nSort.\n\nuser:\n{{ message }}\n\nexample:\nmessage: Win!\nlabel: spam\n")
    assert prompt_text({"text": "Continue: {{ message }}"}) == "Continue: {{ message }}\n"
