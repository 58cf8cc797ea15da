"""The texts that a prompt shows to the model besides its instructions: examples, quotations, whole lines."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from harness.judge.leakage.text_overlap import THRESHOLD, normalised, words_of

_QUOTED = re.compile(r"\"([^\"\n]{12,})\"|“([^”\n]{12,})”|«([^»\n]{12,})»|‘([^’\n]{12,})’|`([^`\n]{12,})`")
_FIELD = re.compile(r"\A\s*(?:[-*>•]\s*)?(?:[A-Za-z][\w ]{0,20}:\s*)?")
_JINJA = re.compile(r"\{[{%#]")
_TAG = re.compile(r"\{[{%#].*?[}%#]\}", re.DOTALL)
_FEW = 8
FEWEST_WORDS = 3
FEWEST_CONTAINED = 5
SHARE_CONTAINED = THRESHOLD


def example_texts(prompt: dict[str, Any]) -> list[tuple[str, str]]:
    """Give (where, text) of each few-shot example: its longest input."""
    found = []
    for place, example in enumerate(prompt.get("examples") or (), start=1):
        inputs = [str(text) for name, text in example.items() if name != "label"]
        if inputs:
            found.append((f"example {place}", max(inputs, key=len)))
    return found


def quoted_texts(prompt: dict[str, Any]) -> list[tuple[str, str]]:
    """Give (where, text) of what the templates quote or write on a line of its own, without field names."""
    found: dict[str, str] = {}
    for where, template in templates_of(prompt):
        for number, line in enumerate(template.splitlines(), start=1):
            for text in _on_line(line):
                if len(text.split()) >= FEWEST_WORDS:
                    found.setdefault(text, f"{where}, line {number}")
    return [(where, text) for text, where in found.items()]


def templates_of(prompt: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Give (where, template) of each text that a prompt sends."""
    if prompt.get("text"):
        yield "text", str(prompt["text"])
    for place, message in enumerate(prompt.get("messages") or (), start=1):
        yield f"{message.get('role', 'message')} message {place}", str(message.get("content", ""))


def _on_line(line: str) -> Iterator[str]:
    for groups in _QUOTED.findall(line):
        yield next(group for group in groups if group)
    if not _JINJA.search(line):
        yield _FIELD.sub("", line).strip().strip("\"'“”")


@dataclass(frozen=True, slots=True)
class Grams:
    """The words of a template, and where each of its 3-grams stands first."""

    words: list[str]
    known: frozenset[str]
    first: dict[tuple[str, ...], int]

    @classmethod
    def of(cls, template: str) -> "Grams":
        """Read a template; what it fills in parts its words."""
        words = words_of(normalised(_TAG.sub(" \n ", template)))
        first: dict[tuple[str, ...], int] = {}
        for place in range(len(words) - 2):
            first.setdefault(tuple(words[place : place + 3]), place)
        return cls(words, frozenset(words), first)

    def may_stand_in(self, apart: str) -> bool:
        """Tell whether texts, words with blanks around, could hold enough of a template of few words."""
        return len(self.known) > _FEW or any(f" {word} " in apart for word in self.known)

    def contained(self, texts: Sequence[list[str]]) -> Iterator[tuple[int, str, float]]:
        """Give (place of the text, what stands there, share of its 3-grams) of texts, as words, within the template.

        This finds a case in running text ("a message such as … is spam"), over line breaks, and with a few words
        changed. Texts of fewer than `FEWEST_CONTAINED` words are left out: they stand in prose by chance.
        """
        for place, own in enumerate(texts):
            if len(own) >= FEWEST_CONTAINED and self._may_hold(own):
                met = self._meeting({tuple(own[k : k + 3]) for k in range(len(own) - 2)}, len(own))
                if met is not None:
                    yield place, *met

    def _may_hold(self, own: list[str]) -> bool:
        """Tell cheaply whether enough 3-grams of a text could stand here.

        Where a word stands first in a text a 3-gram ends that no earlier one is, but for the first two words.
        """
        distinct = set(own)
        few = len(self.first) + 1e-6 < SHARE_CONTAINED * (len(distinct) - 2)
        return not few and len(distinct - self.known) - 2 <= (1 - SHARE_CONTAINED) * (len(own) - 2) + 1e-6

    def _meeting(self, grams: set[tuple[str, ...]], length: int) -> tuple[str, float] | None:
        """Give what stands there of a text of `length` words, and its share of 3-grams; None of too few."""
        places = sorted(self.first[gram] for gram in grams if gram in self.first)
        if len(places) < SHARE_CONTAINED * len(grams):
            return None
        middle = places[len(places) // 2]
        begin = next(place for place in places if place > middle - length)
        return " ".join(self.words[begin : begin + length]), len(places) / len(grams)
