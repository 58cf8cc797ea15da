"""Reads the text of a threshold piece by piece: signs, words, names and quantities, each with its column."""

import re
from dataclasses import dataclass

from harness.files.written import units
from harness.files.written.findings import shown

_NUMBER = re.compile(r"[-+]?(?:\d{1,12}(?:,\d{3})*(?:\.\d{1,12})?|\.\d{1,12})")
_UNIT = re.compile(r"%|[A-Za-zµ]+|[$€£¥]")
_QUOTED = re.compile(r'"([^"]*)"|\'([^\']*)\'')


class ThresholdError(ValueError):
    """A threshold does not parse; `column` is 1-based in the text as written."""

    def __init__(self, message: str, *, column: int, fix: str = "") -> None:
        super().__init__(message)
        self.message, self.column, self.fix = message, column, fix


@dataclass(slots=True)
class Scanner:
    """A place in a text; each method reads from there, moves on, or fails with the column."""

    text: str
    at: int = 0

    def space(self) -> None:
        """Skip white space."""
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1

    def peek(self) -> str:
        """Give the next character that is not white space; empty at the end."""
        self.space()
        return self.text[self.at : self.at + 1]

    def take(self, word: str) -> bool:
        """Read one word if it stands here."""
        self.space()
        found = re.compile(rf"{word}\b").match(self.text, self.at)
        if found is not None:
            self.at = found.end()
        return found is not None

    def expect(self, sign: str, fix: str) -> None:
        """Read one sign, or fail."""
        if self.peek() != sign:
            self.fail(f"needs `{sign}` here.", self.at, fix)
        self.at += 1

    def end(self) -> None:
        """Fail if anything is left."""
        if self.peek():
            rest = self.text[self.at :]
            fix = "Write it as a threshold of its own." if "<" in rest or ">" in rest else "Remove it."
            fix = "Put `where` before the operator." if rest.startswith("where") else fix
            self.fail(f"`{shown(rest, 20)}` is left over.", self.at, fix)

    def fail(self, message: str, at: int, fix: str = "") -> None:
        """Raise ThresholdError at a place (0-based)."""
        raise ThresholdError(message, column=at + 1, fix=fix)

    def quantity(self) -> tuple[float, str, str]:
        """Read `[sign] number [unit]`: the number, its unit and the currency sign before it."""
        self.space()
        start = self.at
        sign = self.peek() if self.peek() in units.CURRENCY_SIGNS else ""
        self.at += len(sign)
        self.space()
        found = _NUMBER.match(self.text, self.at)
        if found is None:
            self.fail("needs a number here.", start)
        assert found is not None
        self.at = found.end()
        self.space()
        unit = _UNIT.match(self.text, self.at)
        if unit is not None:
            self.at = unit.end()
        return units.read_number(found[0]), unit[0] if unit else "", sign

    def name(self, bare: re.Pattern[str]) -> str:
        """Read a name, in quotes or as `bare` allows."""
        start = self.at
        quoted = _QUOTED.match(self.text, start)
        found = quoted or bare.match(self.text, start)
        name = ""
        if found is not None:
            name = (quoted[1] if quoted[1] is not None else quoted[2]) if quoted else found[0].strip()
            self.at = found.end()
        if not name:
            self.fail("needs a name here.", start)
        return name
