"""A change is marked where it is, and nothing else is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.report import changes
from harness.report.changes import marked, written


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ("win money now", "win momey now", "win mo[-n-]{+m+}ey now"),
        ("win money", "FYI: win money", "{+FYI: +}win money"),
        ("call me.", "call me", "call me[-.-]"),
        ("win  now", "win now", "win [- -]now"),
        ("it's so", "it’s so", "it[-'-]{+’+}s so"),
        ("do not go", "don't go", "do[- no-]{+n'+}t go"),
        ("abc def", "ABC DEF", "[-abc-]{+ABC+} [-def-]{+DEF+}"),
        ("café", "cafe\u0301", "caf[-\\u00e9-]{+e\\u0301+}"),
        ("same", "same", "same"),
        ("", "new", "{+new+}"),
        ("", "", ""),
    ],
)
def test_what_changed_is_marked(before: str, after: str, shown: str) -> None:
    assert written(marked(before, after)) == shown


def test_text_far_from_a_change_is_left_out() -> None:
    before = "a" * 100 + " x " + "b" * 100 + " y " + "c" * 100
    after = before.replace("x", "u").replace("y", "v")
    assert written(marked(before, after)) == (
        "…" + "a" * 39 + " [-x-]{+u+} " + "b" * 39 + "…" + "b" * 39 + " [-y-]{+v+} " + "c" * 39 + "…"
    )


def test_very_long_texts_are_compared_by_their_ends() -> None:
    before = "word " * 10_000
    assert written(marked(before, before[:25_000] + "X" + before[25_000:])).count("{+X+}") == 1


@given(st.text(max_size=30), st.text(max_size=30))
def test_without_what_is_new_it_is_the_old_text_and_without_what_is_gone_the_new(old: str, new: str) -> None:
    pieces = changes._joined(changes._pieces(old, new))
    assert "".join(piece.text for piece in pieces if piece.fate != "new") == old
    assert "".join(piece.text for piece in pieces if piece.fate != "gone") == new
