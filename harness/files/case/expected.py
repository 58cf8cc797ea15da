"""The label that a case expects: as the suite writes it, however the file does."""

import json
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.files.label_names import card_of
from harness.files.written import Findings, as_text, did_you_mean, nearest, shortlist, shown

_LABEL_NAMES = frozenset({"label", "labels", "target", "class", "category", "answer", "gold", "intent", "y"})


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip().casefold()


class Expected:
    """Reads the column `expected`; `respelt` counts (as written, label) where the two differ.

    A label is taken as a reply would be: without spaces at its edges, in Unicode's form NFC and,
    unless they are `case_sensitive`, in any case. `labels` is None where the suite has them wrong. Where it is
    `optional`, a case that says nothing has the empty text for its label.
    """

    def __init__(
        self, labels: Sequence[str] | None, column: str, findings: Findings, *, case_sensitive: bool, optional: bool
    ) -> None:
        self.column, self.optional = column, optional
        self.respelt: Counter[tuple[str, str]] = Counter()
        self._labels, self._findings, self._case_sensitive = labels, findings, case_sensitive
        self._folded = {self._fold(label): label for label in labels or ()}

    def _fold(self, text: str) -> str:
        return unicodedata.normalize("NFC", text).strip() if self._case_sensitive else _folded(text)

    def read(self, file: Path, line: int, value: object, raw: Mapping[str, Any]) -> str:
        """Give the label that `value` is, in the row `raw`; a finding where it is none."""
        if self.optional and not as_text(value if value is not None else "").strip():
            return ""
        if value is None:
            fix = "Write the label expected."
            if self.column not in raw:
                fix = self.seen_in(file, raw, header=True) or did_you_mean(self.column, raw) or fix
            self._findings.add(file, line, self.column, "is required but missing.", fix)
            return ""
        label = as_text(value)
        if self._labels is None or label in self._labels:
            return label
        meant = self._folded.get(self._fold(label))
        if meant is not None:
            self.respelt[label, meant] += 1
            return meant
        fix = did_you_mean(label, self._labels)
        like = next((each for each in self._labels if _folded(each) == _folded(label)), None)
        if like is not None:  # labels in another case are others here
            as_name = entry_line(file, f"values: {{expected: {{{json.dumps(label)}: {shown(like)}}}}}")
            fix = f"If it is `{shown(like)}`, write {as_name}."
        if label.strip().isdecimal():
            card = card_of(file)
            names = f'"{shown(label)}": ...' if card is None else f"file: {shown(card)}"
            as_name = entry_line(file, f"values: {{expected: {{{names}}}}}")
            fix = f"If it is an id, write {as_name}; the labels are {shortlist(self._labels, 4)}."
        message = f"`{shown(label)}` is not one of the suite's labels."
        self._findings.add(file, line, self.column, message, fix)
        return label

    def seen_in(self, file: Path, fields: Mapping[str, Any], *, header: bool) -> str:
        """Give the line that says where the labels stand, if it can be seen; `header`: names are known."""
        if len(fields) == 1 and len(next(iter(fields)).split()) > 1:
            return f"If another separator is used, write {entry_line(file, 'separator: ...')}."
        if nearest(self.column, fields):
            return ""
        if not header and (mine := [name for name in fields if self._fold(name) in self._folded]):
            return _with_header(file, fields, mine[0])
        mine = [name for name, value in fields.items() if self._fold(as_text(value)) in self._folded]
        mine = mine or [name for name in fields if name.casefold() in _LABEL_NAMES]
        if not mine:
            return ""
        fix = f"Write `columns: {{expected: {shown(mine[0])}}}` in the suite."
        sure = header or mine[0].casefold() in _LABEL_NAMES  # else the first case would be lost as names
        return fix if sure else f"{fix} {_with_header(file, fields, mine[0])}"


def _with_header(file: Path, fields: Mapping[str, Any], label: str) -> str:
    """Say how the columns are named of a file whose first line is a case."""
    texts = iter(["text", *(f"text_{n}" for n in range(2, len(fields) + 1))])
    names = ", ".join("expected" if name == label else next(texts) for name in fields)
    return f"If the file has no header, write {entry_line(file, f'header: [{names}]')}."


def entry_line(file: Path, key: str) -> str:
    """Write the entry of a suite that says more of a file."""
    return f"`cases: {{file: {shown(file.name)}, {key}}}`"
