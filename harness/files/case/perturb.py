"""Label-preserving variants of a case: does a harmless change move the answer.

Each perturbation is a pure function `(text, rng) -> text`. The generator is seeded by the case's id and the
perturbation's name, so that the same case always gets the same variant. A case's longest input is changed;
the others are left alone. `word_drop`, `homoglyphs` and `upper` may change the meaning: they are opt-in.
The others are what CheckList calls invariance tests (Ribeiro et al. 2020). A suite's own perturbations,
`package.module:function`, are applied once, when the suite is read: a case carries what they made of it.

Those are code, so only a trusted suite may name them. They run here and nowhere else: once, in this process,
over all cases, before the first call. What they made travels with the cases, so that a resume, a child
process and a later report need neither the code nor its packages, and a slip in it costs nothing.
"""

import contextlib
import importlib
import sys
import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import TypeAlias

import msgspec

from harness.files.case import perturb_text as texts
from harness.files.case.rows import LONGEST_FIELD
from harness.files.written import did_you_mean, shown
from harness.record import CaseRow as Case

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
OPT_IN: dict[str, Perturbation] = {"upper": texts.upper, "homoglyphs": texts.homoglyphs, "word_drop": texts.word_drop}
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
        after = _SPARE_LABELS[name](before, rng, _words(tuple(labels)))
    else:
        after = REGISTRY[name](before, rng)
    return None if after == before else {**case.inputs, field: after}


def main_input(case: Case) -> str:
    """Name the input that holds the text: the longest one."""
    return max(sorted(case.inputs), key=lambda name: len(case.inputs[name]))


@lru_cache(maxsize=64)
def _words(labels: tuple[str, ...]) -> frozenset[str]:
    """Give the words of the labels, case-folded: they are never misspelt."""
    return frozenset(word.casefold() for label in labels for word in texts.WORD.findall(label))


SPELLING = "Write `package.module:function`; it is looked for in the folder of harness.yml first."
SIGNATURE = "It takes a text and a `random.Random`, and gives a text."


class PerturbationBroken(Exception):
    """What is wrong with a perturbation, and what to do."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix


@dataclass(frozen=True, slots=True)
class Own:
    """The cases with what was made of them, the files of the code; problems are (name, message, fix)."""

    cases: list[Case]
    files: tuple[Path, ...] = ()
    problems: list[tuple[str, str, str]] = field(default_factory=list)


def apply_own(names: Sequence[str], cases: Sequence[Case], root: Path) -> Own:
    """Run each function on each case; the first problem of each function is kept, never raised."""
    made: dict[str, dict[str, str]] = {case.id: {} for case in cases}
    files: list[Path] = []
    problems: list[tuple[str, str, str]] = []
    with _imported_from(root), contextlib.redirect_stdout(sys.stderr):
        for name in names:
            try:
                function, file = _load(name)
                files += [file] if file is not None and file.is_relative_to(root.resolve()) else []
                for case in cases:
                    if case.inputs and (text := _vary(name, function, case)) is not None:
                        made[case.id][name] = text
            except PerturbationBroken as broken:
                problems.append((name, broken.message, broken.fix))
    varied = [msgspec.structs.replace(case, variants=made[case.id]) if made[case.id] else case for case in cases]
    return Own(varied, tuple(dict.fromkeys(files)), problems)


@contextlib.contextmanager
def _imported_from(root: Path) -> Iterator[None]:
    """Look for modules in `root` first, and forget those found there: another project may have its own.

    No bytecode is left beside them: Python takes it for that of a file which was edited within its second and
    is as long as before, and other texts would be measured than the code makes.
    """
    folder = str(root.resolve())
    before, bytecode = set(sys.modules), sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    sys.path.insert(0, folder)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.dont_write_bytecode = bytecode
        sys.path.remove(folder)
        for name in set(sys.modules) - before:
            file = getattr(sys.modules[name], "__file__", None)
            if file and Path(file).is_relative_to(folder):
                del sys.modules[name]


def _load(name: str) -> tuple[Perturbation, Path | None]:
    module_name, _, path = name.partition(":")
    try:
        module = importlib.import_module(module_name)
        found = getattr(module, path)
    except (Exception, SystemExit) as error:  # whatever the user's module does while it is imported
        raise PerturbationBroken(f"`{shown(name)}` can't be imported: {_said(error)}.", SPELLING) from None
    if not callable(found):
        raise PerturbationBroken(f"`{shown(name)}` is not a function.", SPELLING)
    file = getattr(module, "__file__", None)
    perturbation: Perturbation = found
    return perturbation, Path(file) if file else None


def _vary(name: str, function: Perturbation, case: Case) -> str | None:
    """Give the changed text of a case; None when nothing changed. Raises Broken."""
    before = case.inputs[main_input(case)]
    where = f"on the case `{shown(case.id)}`"
    texts: list[object] = []
    for _ in range(2):
        try:
            texts.append(function(before, generator(name, case.id)))
        except (Exception, SystemExit) as error:  # whatever the user's function raises
            raise PerturbationBroken(f"`{shown(name)}` failed {where}: {_said(error)}.", SIGNATURE) from None
    after = texts[0]
    if not isinstance(after, str):
        raise PerturbationBroken(f"`{shown(name)}` gave {type(after).__name__} {where}, not a text.", SIGNATURE)
    if texts[1] != after:
        fix = "Draw from the `random.Random` that it is given, and from nothing else."
        raise PerturbationBroken(f"`{shown(name)}` gave two texts {where}: a run could not be repeated.", fix)
    if len(after) > LONGEST_FIELD or "\0" in after or any("\ud800" <= c <= "\udfff" for c in after):
        fix = f"Give at most {LONGEST_FIELD:,} characters of text, without NUL."
        raise PerturbationBroken(f"`{shown(name)}` gave a text {where} that can't be an input.", fix)
    return None if after == before else after


def _said(error: BaseException) -> str:
    """Name an error of the user's code, and the line of that code."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename != __file__ and "importlib" not in frame.filename]
    place = f" ({Path(own[-1].filename).name} line {own[-1].lineno})" if own else ""
    text = shown(str(error).rstrip("."), 200)
    return f"{type(error).__name__}{': ' if text else ''}{text}{place}"
