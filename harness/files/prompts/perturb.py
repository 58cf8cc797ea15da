"""Label-preserving variants of a case, and of a prompt: does a harmless change move the answer.

Each perturbation is a pure function `(text, rng) -> text`. The generator is seeded by the case's id and the
perturbation's name, so that the same case always gets the same variant. A case's longest input is changed;
the others are left alone. `word_drop`, `homoglyphs` and `upper` may change the meaning: they are opt-in.
The others are what CheckList calls invariance tests (Ribeiro et al. 2020). A suite's own perturbations,
`package.module:function`, are applied once, when the suite is read (see `perturb_own`): a case carries what
they made of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import lru_cache
from random import Random
from typing import TypeAlias

from harness.files.case.cases import Case
from harness.files.prompts import perturb_text as texts
from harness.files.prompts.prompt import Prompt
from harness.files.written.findings import did_you_mean, shown

Perturbation: TypeAlias = Callable[[str, Random], str]

DEFAULT: dict[str, Perturbation] = {
    "whitespace": texts.whitespace,
    "punctuation": texts.punctuation,
    "case": texts.first_letter,
    "quotes": texts.quotes,
    "unicode": texts.unicode_form,
    "contractions": texts.contractions,
    "prefix": texts.prefix,
    "suffix": texts.suffix,
    "typos": texts.typos,
}
OPT_IN: dict[str, Perturbation] = {
    "upper": texts.upper,
    "homoglyphs": texts.homoglyphs,
    "word_drop": texts.word_drop,
}
REGISTRY: dict[str, Perturbation] = DEFAULT | OPT_IN
PROMPT_LEVEL = ("label_order", "example_order")
_SPARE_LABELS: dict[str, Callable[[str, Random, frozenset[str]], str]] = {
    "typos": texts.typos,
    "homoglyphs": texts.homoglyphs,
    "word_drop": texts.word_drop,
}


def check_names(names: Sequence[str], *, trusted: bool) -> Iterable[tuple[int, str, str]]:
    """Yield (place, message, fix) for each name that is not a perturbation."""
    known = (*REGISTRY, *PROMPT_LEVEL)
    for i, name in enumerate(names):
        if not is_own(name):
            if name not in known:
                yield i, f"there is no perturbation `{shown(name)}`.", did_you_mean(name, known)
        elif not trusted:
            yield i, f"`{shown(name)}` is Python code, which only a trusted suite may name.", "Remove it."


def is_own(name: str) -> bool:
    """Whether a perturbation is code of the suite's own: `package.module:function`."""
    return ":" in name


def generator(name: str, case_id: str) -> Random:
    """Give the source of chance for one variant of one case: always the same."""
    return Random(f"{name}\0{case_id}")  # noqa: S311 - repeatable on purpose


def perturb_case(name: str, case: Case, labels: Collection[str]) -> dict[str, str] | None:
    """Give the inputs of a case's variant; None when the perturbation changes nothing in it.

    A prompt-level perturbation leaves every case as it is: use `perturb_prompt`.
    """
    if name in PROMPT_LEVEL or not case.inputs:
        return None
    field = main_input(case)
    before, rng = case.inputs[field], generator(name, case.id)
    if is_own(name):
        after = case.variants.get(name, before)
    elif name in _SPARE_LABELS:
        after = _SPARE_LABELS[name](before, rng, label_words(labels))
    else:
        after = REGISTRY[name](before, rng)
    return None if after == before else {**case.inputs, field: after}


def main_input(case: Case) -> str:
    """Name the input that holds the text: the longest one."""
    return max(sorted(case.inputs), key=lambda name: len(case.inputs[name]))


@lru_cache(maxsize=64)
def _words(labels: tuple[str, ...]) -> frozenset[str]:
    return frozenset(word.casefold() for label in labels for word in texts.WORD.findall(label))


def label_words(labels: Collection[str]) -> frozenset[str]:
    """Give the words of the labels, case-folded: they are never misspelt."""
    return _words(tuple(labels))


def perturb_prompt(name: str, prompt: Prompt, seed: int) -> Prompt:
    """Give a prompt whose labels or examples stand in another order; the same where that changes nothing."""
    rng = Random(f"{name}\0{seed}")  # noqa: S311 - repeatable on purpose
    if name == "label_order" and _uses_labels(prompt):
        return prompt.model_copy(update={"labels": _shuffled(prompt.labels, rng)})
    if name == "example_order":
        return prompt.model_copy(update={"examples": _shuffled(prompt.examples, rng)})
    return prompt


def _uses_labels(prompt: Prompt) -> bool:
    return any("labels" in source for source in (prompt.text or "", *(m.content for m in prompt.messages)))


def _shuffled(items: tuple[texts.T, ...], rng: Random) -> tuple[texts.T, ...]:
    """Shuffle until the order is another one, which takes a few draws at most."""
    if all(item == items[0] for item in items):
        return items
    moved = list(items)
    while tuple(moved) == items:
        rng.shuffle(moved)
    return tuple(moved)
