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
    for where, template in _templates(prompt):
        for number, line in enumerate(template.splitlines(), start=1):
            for text in _on_line(line):
                if len(text.split()) >= FEWEST_WORDS:
                    found.setdefault(text, f"{where}, line {number}")
    return [(where, text) for text, where in found.items()]


def _templates(prompt: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if prompt.get("text"):
        yield "text", str(prompt["text"])
    for place, message in enumerate(prompt.get("messages") or (), start=1):
        yield f"{message.get('role', 'message')} message {place}", str(message.get("content", ""))


def _on_line(line: str) -> Iterator[str]:
    for groups in _QUOTED.findall(line):
        yield next(group for group in groups if group)
    if not _JINJA.search(line):
        yield _FIELD.sub("", line).strip().strip("\"'“”")


def contained(prompt: dict[str, Any], texts: Sequence[str]) -> Iterator[tuple[int, str, str, float]]:
    """Give (place of the text, where, what stands there, share of its 3-grams) of texts within a template.

    This finds a case in running text ("a message such as … is spam"), over line breaks, and with a few words
    changed. Texts of fewer than `FEWEST_CONTAINED` words are left out: they stand in prose by chance.
    """
    templates = [_Grams.of(where, template) for where, template in _templates(prompt)]
    found: list[list[tuple[int, str, str, float]]] = [[] for _ in templates]
    for i, text in enumerate(texts):
        own = words_of(normalised(text))
        if len(own) < FEWEST_CONTAINED:
            continue
        grams = {tuple(own[k : k + 3]) for k in range(len(own) - 2)}
        for place, template in enumerate(templates):
            met = template.meeting(grams, len(own))
            if met is not None:
                found[place].append((i, template.where, *met))
    for of_template in found:
        yield from of_template


@dataclass(frozen=True, slots=True)
class _Grams:
    """The words of a template, and where each of its 3-grams stands first."""

    where: str
    words: list[str]
    first: dict[tuple[str, ...], int]

    @classmethod
    def of(cls, where: str, template: str) -> "_Grams":
        words = words_of(normalised(_TAG.sub(" \n ", template)))
        first: dict[tuple[str, ...], int] = {}
        for place in range(len(words) - 2):
            first.setdefault(tuple(words[place : place + 3]), place)
        return cls(where, words, first)

    def meeting(self, grams: set[tuple[str, ...]], length: int) -> tuple[str, float] | None:
        """Give what stands there of a text of `length` words, and its share of 3-grams; None of too few."""
        places = sorted(self.first[gram] for gram in grams if gram in self.first)
        if len(places) < SHARE_CONTAINED * len(grams):
            return None
        middle = places[len(places) // 2]
        begin = next(place for place in places if place > middle - length)
        return " ".join(self.words[begin : begin + length]), len(places) / len(grams)
