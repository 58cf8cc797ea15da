"""What a message takes from a file is visible in it."""

from __future__ import annotations

from harness.files.written import did_you_mean


def test_an_offered_word_hides_no_direction_of_its_text() -> None:
    assert did_you_mean("spam", ["spam\u202e", "ham"]) == r"Did you mean `spam\u202e`?"
    assert did_you_mean("x", ["h\u200bam"]) == r"Known: `h\u200bam`."
