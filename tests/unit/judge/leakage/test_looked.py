"""Many texts looked at together are seen as each is alone."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from harness.judge.leakage.looked import Look, digests_of
from harness.judge.leakage.prompt_texts import Grams
from harness.judge.leakage.text_overlap import Sieve, normalised, words_of

SHOWN = "the parcel is held at customs, pay the fee of two pounds below today"
LABELS = (("spam",), ("order", "status"), ())
PLAIN = ["spam", "SPAM,", "order", "status", "label:", "ham_spam", "it's", "", SHOWN]
BLANKS = [" ", "  ", "\n", "\t", "\x1c", "\x1f", "-", ""]


def joined(words: list[str], between: list[str]) -> st.SearchStrategy[str]:
    parts = st.lists(st.tuples(st.sampled_from(words), st.sampled_from(between)), max_size=6)
    return parts.map(lambda chosen: "".join(word + blank for word, blank in chosen))


ASCII = joined(PLAIN, BLANKS)
ANY = joined([*PLAIN, "ﬁne", "e\u0301", "Σ", "ß"], [*BLANKS, "\u00a0", "\u3000"])
ODD = st.text(st.characters(codec=None, max_codepoint=0x2FFF), max_size=8)
TEXTS = st.lists(ASCII, min_size=1, max_size=8) | st.lists(ANY | ODD, min_size=1, max_size=8)


@given(TEXTS)
@example([" spam", "ham"])
@example(["spam", "ham "])
@settings(max_examples=300, deadline=None)
def test_texts_that_are_looked_at_together_are_folded_and_cut_as_each_alone(texts: list[str]) -> None:
    look = Look(Sieve.of([SHOWN]), {"v1": Grams.of(SHOWN)}, LABELS)
    seen = look(texts)
    alone = [look([text]) for text in texts]
    assert seen.digests.tolist() == digests_of([normalised(text) for text in texts]).tolist()
    assert seen.near == [at for at, one in enumerate(alone) if one.near]
    assert seen.states == [at for at, one in enumerate(alone) if one.states]
    assert [hit[:2] for hit in seen.within] == [("v1", at) for at, one in enumerate(alone) if one.within]


@given(TEXTS)
@settings(max_examples=300, deadline=None)
def test_a_label_is_found_where_its_words_follow_each_other_in_a_text(texts: list[str]) -> None:
    seen = Look(Sieve.of([]), {}, LABELS)(texts)
    cut = [words_of(normalised(text)) for text in texts]
    for number, label in enumerate(LABELS[:2]):
        wanted = list(label)
        starts = [[words[i : i + len(wanted)] for i in range(len(words))] for words in cut]
        assert [at for found, at in seen.words if found == number] == [
            at for at, all_ in enumerate(starts) if wanted in all_
        ]
