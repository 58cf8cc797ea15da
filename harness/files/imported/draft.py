r"""What another tool's file becomes: cases, prompts, models, the rule that reads replies; and what can't be carried.

A tool says of each case how a reply passes: it is the label (`\A...\Z`), holds it, begins with it, has it in a
field. A suite has one rule for all, and a label for each reply. So most ways are one pattern with a place for the
labels; the way of most cases is the suite's, and the others are told.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, NoReturn
from unicodedata import normalize

from harness.files.written import Findings, shown

_LONGEST_PATTERN = 1000  # characters, of a suite's reply rule
_MOST_LABELS = 1000
_LONGEST_LABEL = 200


@dataclass(frozen=True, slots=True)
class Passes:
    """How a reply passes: `before` and `after` stand around a label in a pattern, or `pointer` finds it in JSON."""

    told: str  # as the other tool calls it
    before: str = ""
    after: str = ""
    cased: bool = True
    pointer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """What the command line says of a file: its label and text, the names of its ids, and the suite's name."""

    name: str = ""
    expected: str = ""
    text: tuple[str, ...] = ()
    names: Path | None = None


class Left(NamedTuple):
    """Something that could not be carried, or not as it was."""

    file: Path
    line: int | None
    field: str
    message: str


@dataclass(slots=True)
class Row:
    """One case: `accepted` are the texts that pass, its label first; no `way` where the file has none."""

    file: Path
    line: int
    inputs: dict[str, str]
    accepted: tuple[str, ...]
    way: Passes | None = None
    known: dict[str, Any] = field(default_factory=dict)  # id, split, tags


@dataclass(slots=True)
class Draft:
    """What was read so far; a prompt is its content, or the text of a file to be kept as it is."""

    kind: str
    source: str
    name: str
    rows: list[Row] = field(default_factory=list)
    prompts: dict[str, dict[str, Any] | str] = field(default_factory=dict)
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    thresholds: list[str] = field(default_factory=list)
    repeats: int | None = None
    description: str = ""
    left: list[Left] = field(default_factory=list)
    told: list[str] = field(default_factory=list)  # what was guessed, and what is read otherwise
    findings: Findings = field(default_factory=Findings)  # what is wrong with the files

    def leave(self, file: Path, line: int | None, at: str, message: str) -> None:
        """Note what is not carried."""
        found = Left(file, line, at, message)
        if found not in self.left[-20:]:
            self.left.append(found)

    def refuse(self, message: str, fix: str, file: Path | None = None) -> NoReturn:
        """End the import. Raises FilesError."""
        self.findings.add(file or Path(self.source), None, "", message, fix)
        self.findings.raise_if_any()
        raise AssertionError(message)


class SuiteOfDraft(NamedTuple):
    """What a suite says of a draft's cases."""

    labels: list[str]
    reply: dict[str, Any]
    cases: list[dict[str, Any]]


def settle(draft: Draft) -> SuiteOfDraft:
    """Find the labels, the rule that reads them and the cases. Raises FilesError where these are no classes."""
    ways = Counter(row.way for row in draft.rows if row.way is not None)
    way = max(ways, key=lambda way: ways[way]) if ways else None
    cased = way is not None and way.cased
    rows = list(_named(draft))

    def fold(text: str) -> str:
        return text if cased else text.casefold()

    own = {fold(row.accepted[0]): row.accepted[0] for row in reversed(rows) if len(row.accepted) == 1}
    labels: dict[str, None] = {}
    names: dict[str, str] = {}  # every accepted text, folded -> its label
    kept: list[tuple[Row, str]] = []
    for row in rows:
        among = list(dict.fromkeys(own[fold(text)] for text in row.accepted if fold(text) in own))
        label = among[0] if among else names.get(fold(row.accepted[0]), row.accepted[0])
        if len(among) > 1 or any(names.get(fold(text), label) != label for text in row.accepted):
            said = f"{' or '.join(f'`{shown(text)}`' for text in row.accepted)} passes: more than one label."
            draft.leave(row.file, row.line, "", f"the case is left out: {said}")
            continue
        names |= {fold(text): label for text in row.accepted}
        if row.way != way and row.way is not None and way is not None:
            told = f"passes by `{row.way.told}` there, and is read by `{way.told}` here, as most cases are."
            draft.leave(row.file, row.line, "", told)
        if row.accepted[0] != label and fold(row.accepted[0]) == fold(label):
            said = f"the label `{shown(row.accepted[0])}` is written `{shown(label)}` here."
            draft.leave(row.file, row.line, "", said)
        labels[label] = None
        kept.append((row, label))
    _check(draft, list(labels))
    aliases: dict[str, list[str]] = {}
    for text, label in dict.fromkeys((text, label) for row, label in kept for text in row.accepted):
        if fold(text) != fold(label):
            aliases.setdefault(label, []).append(text)
    return SuiteOfDraft(list(labels), rule_of(way, list(labels), aliases, draft.told), _cases(kept, draft))


def _named(draft: Draft) -> Iterator[Row]:
    """Yield the rows whose expected texts can be labels."""
    for row in draft.rows:
        texts = tuple(dict.fromkeys(normalize("NFC", text).strip() for text in row.accepted if text.strip()))
        wrong = next((t for t in texts if len(t) > _LONGEST_LABEL or not t.isprintable()), None)
        if not is_text("".join([*row.inputs, *row.inputs.values(), *texts])):
            draft.leave(row.file, row.line, "", "the case is left out: it holds half of a surrogate pair.")
        elif not row.inputs:
            draft.leave(row.file, row.line, "", "the case is left out: it has no input.")
        elif not texts:
            draft.leave(row.file, row.line, "", "the case is left out: nothing says which label it expects.")
        elif wrong is not None:
            draft.leave(row.file, row.line, "", f"the case is left out: `{shown(wrong)}` is a text, not a label.")
        else:
            row.accepted = texts
            yield row


def _check(draft: Draft, labels: Sequence[str]) -> None:
    reasons = Counter(left.message for left in draft.left).most_common(1)
    if not labels:
        why = f": {reasons[0][0]}" if reasons else "."
        fix = "Each case needs a label to expect; --expected names where it stands."
        draft.refuse(f"no case can be carried{why}", fix)
    if len(labels) < 2:
        said = f"every case expects `{shown(labels[0])}`, and a classifier has two labels or more."
        draft.refuse(said, "Add cases of the other labels." + (f" Not carried: {reasons[0][0]}" if reasons else ""))
    if len(labels) > _MOST_LABELS:
        said = f"{len(labels):,} different texts are expected, more than a classifier has labels."
        draft.refuse(said, "Name the column of the label with --expected.")
    if len(labels) > 20 and len(labels) > len(draft.rows) // 2:
        draft.told.append(f"{len(labels)} labels for {len(draft.rows)} cases: are these answers rather than classes?")


def rule_of(
    way: Passes | None, labels: list[str], aliases: Mapping[str, Sequence[str]], told: list[str] | None = None
) -> dict[str, Any]:
    """Write the rule that passes what passed there; `told` hears what it reads otherwise."""
    told = [] if told is None else told
    if way is None:
        rule: dict[str, Any] = {"as": "mention"}
        told.append("nothing in the file says how a reply is read: the suite takes the one label it mentions.")
    elif way.pointer is not None:
        rule = {"as": "json", "pointer": way.pointer}
        said = "here JSON in a fence is read, too, and quotes or a full stop around the label are no part of it."
        told.append(f"replies are read as `{way.told}` did; {said}")
    else:
        names = sorted({*labels, *(text for each in aliases.values() for text in each)}, key=lambda n: (-len(n), n))
        pattern = f"{way.before}(?P<label>{'|'.join(map(_escaped, names))}){way.after}"
        rule = {"as": "regex", "pattern": pattern}
        if len(pattern) > _LONGEST_PATTERN:
            whole = way.before and way.after
            rule = {"as": "exact" if whole else "mention"}
            told.append(
                f"the labels are too many for a pattern: replies are read by `{rule['as']}`, which forgives quotes "
                f"and a final full stop, where `{way.told}` does not."
            )
        elif not way.before.startswith(r"\A"):
            told.append(f"a reply that holds two labels passes `{way.told}` there; here it is no label.")
    if way is not None and way.cased:
        rule["case_sensitive"] = True
    if aliases:
        rule["aliases"] = aliases
    return rule


def _escaped(text: str) -> str:
    return re.sub(r"([\\.^$*+?{}\[\]|()])", r"\\\1", text)


def _cases(kept: Sequence[tuple[Row, str]], draft: Draft) -> list[dict[str, Any]]:
    """Write the cases; they keep their ids where each has one of its own, else they are named after their lines."""
    ids = [str(row.known.get("id") or "") for row, _ in kept]
    own = len({*ids}) == len(ids) and all(0 < len(each) <= _LONGEST_LABEL and each.isprintable() for each in ids)
    if any(ids) and not own:
        draft.told.append("ids are missing, stand twice or are too long: the cases are named after their lines.")
    seen: Counter[str] = Counter()
    cases = []
    for (row, label), name in zip(kept, ids, strict=True):
        stem = f"{row.file.stem}-{row.line}"
        seen[stem] += 1
        after_line = stem if seen[stem] == 1 else f"{stem}.{seen[stem]}"
        cases.append({**row.known, "id": name if own else after_line, **row.inputs, "expected": label})
    return cases


def is_text(text: str) -> bool:
    """Whether UTF-8 can write a text: JSON may hold half of a surrogate pair."""
    return text.isascii() or not any("\ud800" <= c <= "\udfff" for c in text)


def name_for_files(text: str) -> str:
    """Make a name for files of any text."""
    return re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-_")[:60]
