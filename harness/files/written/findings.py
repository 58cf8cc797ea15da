"""Collects the problems of every file, so that all of them are reported together."""

import difflib
from collections import Counter
from collections.abc import Iterable, Set
from pathlib import Path

from harness.errors import FilesError, Problem, how_to_install

PER_FILE = 50


class Findings:
    """Problems found so far; at most `PER_FILE` are kept of one file, the others are counted."""

    def __init__(self) -> None:
        self._kept: list[Problem] = []
        self._seen: Counter[Path] = Counter()

    def add(self, file: Path, line: int | None, field: str, message: str, fix: str = "") -> None:
        """Note one problem."""
        self._seen[file] += 1
        if self._seen[file] <= PER_FILE:
            self._kept.append(Problem(file, line, field, message, fix))

    def lacks(self, file: Path, extra: str) -> None:
        """Note that a file can't be read without an extra."""
        self.add(file, None, "", f"reading this needs the extra `{extra}`.", how_to_install(extra))

    def of(self, file: Path) -> int:
        """Say how many problems this file has."""
        return self._seen[file]

    @property
    def total(self) -> int:
        """How many problems there are in all files."""
        return self._seen.total()

    @property
    def problems(self) -> list[Problem]:
        """All problems that are kept, and for each file that has more how many were left out."""
        more = [
            Problem(file, None, "", f"and {n - PER_FILE} more problems in this file.")
            for file, n in self._seen.items()
            if n > PER_FILE
        ]
        return self._kept + more

    def raise_if_any(self) -> None:
        """Raise FilesError with everything found."""
        if self._kept:
            raise FilesError(self.problems)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Give the known word that was probably meant, if one is near."""
    choices = {choice.casefold(): choice for choice in known}
    found = difflib.get_close_matches(word.casefold(), list(choices), n=1, cutoff=0.6 if len(word) > 3 else 0.5)
    return choices[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Give a sentence that names the nearest known word, or all of them when they are few."""
    choices = sorted(known) if isinstance(known, Set) else list(known)
    near = nearest(word, choices)
    if near is not None:
        return f"Did you mean `{shown(near)}`?"
    return f"Known: {shortlist(choices)}." if choices else ""


def shortlist(words: Iterable[str], most: int = 12) -> str:
    """Name the words, the first `most` of them when there are many."""
    all_words = [f"`{shown(word)}`" for word in words]
    rest = f" and {len(all_words) - most} more" if len(all_words) > most else ""
    return ", ".join(all_words[:most]) + rest


def shown(text: str, most: int = 60) -> str:
    """Make a piece of a file safe and short enough for a message."""
    visible = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text[: most + 1])
    return visible if len(text) <= most else visible[:most] + "…"
