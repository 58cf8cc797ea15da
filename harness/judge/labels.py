"""Reply text -> label, or the outcome that says why there is none.

Text and names (labels and aliases) are compared after NFKC, without invisible characters, folded in case
unless the rule is case-sensitive, and with `_`, `-` and blanks between words taken as one. Where this would
make two labels the same (`us` and `US`), the comparison is as strict as it must be to keep them apart.

- `exact`: the whole reply is one name, give or take quotes, Markdown marks, brackets and final punctuation.
- `mention`: names of exactly one label occur as whole words. Where one name contains another, the longest
  wins: `not spam` is not a mention of `spam`. Two labels mentioned: unparseable. Negation is never guessed:
  "this is not spam" mentions `spam` unless `not spam` is a name of some label.
- `json`: the reply is one JSON document, perhaps in a code fence; the value at the pointer is read as in
  `exact`.
- `regex`: the first match of the pattern: its group `label`, else its first group, else all of it, is read
  as in `exact`.

A reply that was cut by its token limit (`finish_reason: length`) and from which a label can be read counts
as that label: a limit of a few tokens is how many prompts stop a small model. It is `truncated` when no label
can be read, or when the cut could hide the rest of a longer name (`refund` cut where `refund request` is
another label).
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple, assert_never

from harness.files.project import Price
from harness.files.suite import ReplyRule
from harness.judge.documents import Outcome
from harness.record import Failure, Reply

_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))
_JOINT = re.compile(r"(?<=[^\W_])(?:[\s_\-\u2010]+)(?=[^\W_])")
_QUOTES = "\"'`\u00ab\u00bb\u2018\u2019\u201a\u201c\u201d\u201e\u300c\u300d"
DECORATION = " \t\r\n*_#>~.,;:!?()[]{}<\u2026\u3001\u3002" + _QUOTES
_MAX_REMEMBERED = 100_000
_FENCE = re.compile(r"\A```[\w-]*[ \t]*\r?\n(.*?)\r?\n?```\Z", re.DOTALL)
_NOTHING = object()

# Scripts that are written without blanks between words: a name may stand anywhere in the text.
_UNSPACED = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    r"\U00020000-\U0003ffff"
)
_PARTICLES_FOLLOW = r"\u1100-\u11ff\uac00-\ud7af"  # Hangul: particles are written onto the word

Read = tuple[str | None, Outcome]


class Reading(NamedTuple):
    """What one trial came to: its label and outcome, what was said, and what it cost."""

    label: str | None  # None unless the outcome is `label`
    outcome: Outcome
    said: str
    cost: float | None  # None without a price or a count of tokens


def said(outcome: Reply | Failure) -> str:
    """Give what a trial ended with, as text: the reply, the refusal, or the failure with its kind."""
    if isinstance(outcome, Reply):
        return outcome.refusal or outcome.text
    return f"{outcome.kind}: {outcome.message}"


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).translate(_INVISIBLE)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", _plain(text).casefold())


def _joined(text: str) -> str:
    return _JOINT.sub(" ", text)


def _comparison(
    names: Sequence[tuple[str, str]], *, case_sensitive: bool
) -> tuple[Callable[[str], str], bool]:
    """Give the loosest comparison that keeps names of different labels apart, and whether it joins words."""
    loose = [(_folded, True), (_folded, False), (_plain, True), (_plain, False)]
    for flat, joins in loose[2:] if case_sensitive else loose:
        seen: dict[str, str] = {}
        keys = ((_joined(flat(name)) if joins else flat(name), label) for name, label in names)
        if all(seen.setdefault(key, label) == label for key, label in keys):
            return flat, joins
    return str, False


@cache
def _marks() -> str:
    """Give the combining marks of the basic plane: parts of a word that the word class leaves out."""
    return "".join(chr(code) for code in range(0x300, 0xFE30) if unicodedata.category(chr(code))[0] == "M")


def _whole_word(name: str, *, joins: bool) -> str:
    """Give the pattern of a name that is not a part of a longer word or number."""
    parts = name.split(" ") if joins else [name]
    body = r"[\s_\-\u2010]+".join(re.escape(part) for part in parts)
    word = rf"[^\W_{_UNSPACED}]"
    left = right = ""
    if not re.match(rf"[{_UNSPACED}]", name):
        left = rf"(?<!{word})(?<![{_marks()}])(?<!{word}[_\-\u2010])"
    if not re.search(rf"[{_UNSPACED}{_PARTICLES_FOLLOW}]\Z", name):
        right = rf"(?!{word})(?![{_marks()}])(?![_\-\u2010]{word})"
    if name[:1].isdigit():
        left += r"(?<![-+\u2212])(?<!\d[.,:/])"
    if name[-1:].isdigit():
        right += r"(?![.,:/]\d)(?!\s?%)"
    return left + body + right


class LabelReader:
    """A reply rule compiled for the labels of one suite; equal replies are read once."""

    def __init__(self, rule: ReplyRule, labels: Sequence[str]) -> None:
        names = [(label, label) for label in labels]
        names += [(alias, label) for label, aliases in rule.aliases.items() for alias in aliases]
        self._flat, self._joins = _comparison(names, case_sensitive=rule.case_sensitive)
        self._rule = rule
        self._names = {self._normalise(name).strip(): label for name, label in names if name.strip()}
        longest_first = sorted(self._names, key=lambda name: (-len(name), name))
        self._mentions = re.compile(
            "|".join(f"(?:{_whole_word(name, joins=self._joins)})" for name in longest_first)
        )
        flags = 0 if rule.case_sensitive else re.IGNORECASE
        self._pattern = re.compile(rule.pattern or r"\A.*\Z", flags | re.MULTILINE)
        self._remembered: dict[tuple[str, bool], Read] = {}
        self._read: Callable[[str], tuple[str | None, str]] = {
            "exact": self._exact,
            "mention": self._mention,
            "json": self._json,
            "regex": self._regex,
        }[rule.as_]

    def _normalise(self, text: str) -> str:
        flat = self._flat(text)
        return _joined(flat) if self._joins else flat

    def read(self, outcome: Reply | Failure) -> Read:
        """Give the label of a reply, and the outcome; the label is None unless the outcome is `label`."""
        match outcome:
            case Failure():
                return None, "failed"
            case Reply():
                if outcome.refusal or outcome.finish_reason == "content_filter":
                    return None, "refused"
                return self._remember(outcome.text, cut=outcome.finish_reason == "length")
            case _:
                assert_never(outcome)

    def reading(self, outcome: Reply | Failure, price: Price) -> Reading:
        """Read one trial; judging reads the same for whole columns (`table.intake`, `sections.cost`)."""
        cost = price.of(outcome.usage) if isinstance(outcome, Reply) else None
        return Reading(*self.read(outcome), said(outcome), cost)

    def why_not(self, text: str) -> str:
        """Say in a few words why no label is read from a reply."""
        match self._rule.as_:
            case "mention":
                spelt = (self._normalise(found[0]) for found in self._mentions.finditer(self._flat(text)))
                labels = sorted({self._names[name] for name in spelt})
                return f"{len(labels)} labels: {', '.join(labels)}" if len(labels) > 1 else "no label in it"
            case "exact":
                return "it is not one label alone"
            case "regex":
                matches = self._pattern.search(text) is not None
                return "what the pattern finds is no label" if matches else "the pattern matches nothing"
            case "json":
                return self._why_not_json(text)

    def _why_not_json(self, text: str) -> str:
        document = document_of(text)
        if document is _NOTHING:
            return "it is not a JSON document"
        where = self._rule.pointer or "its top"
        value = scalar(at_pointer(document, self._rule.pointer))
        return f"there is no text at {where}" if value is None else f"what stands at {where} is no label"

    def _remember(self, text: str, *, cut: bool) -> Read:
        known = self._remembered.get((text, cut))
        if known is None:
            known = self._text(text, cut=cut)
            if len(self._remembered) < _MAX_REMEMBERED:
                self._remembered[text, cut] = known
        return known

    def _text(self, text: str, *, cut: bool) -> Read:
        label, name = self._read(text)
        if label is None:
            if cut:
                return None, "truncated"
            return None, "unparseable" if _plain(text).strip() else "empty"
        if cut and self._may_go_on(text, name, label):
            return None, "truncated"
        return label, "label"

    def _may_go_on(self, text: str, name: str, label: str) -> bool:
        """Tell whether a cut right after this name could hide a longer name of another label."""
        if not self._normalise(text).rstrip().endswith(name):
            return False
        return any(
            other != label and longer.startswith(name) and longer != name
            for longer, other in self._names.items()
        )

    def _exact(self, text: str) -> tuple[str | None, str]:
        whole = self._normalise(text).strip()
        bare = whole if whole in self._names else self._normalise(whole.strip(DECORATION))
        return self._names.get(bare), bare

    def _mention(self, text: str) -> tuple[str | None, str]:
        name, label = "", None
        for match in self._mentions.finditer(self._flat(text)):
            found = self._normalise(match[0])
            if label is not None and self._names[found] != label:
                return None, ""
            name, label = found, self._names[found]
        return label, name

    def _json(self, text: str) -> tuple[str | None, str]:
        value = scalar(at_pointer(document_of(text), self._rule.pointer))
        return (None, "") if value is None else self._exact(value)

    def _regex(self, text: str) -> tuple[str | None, str]:
        match = self._pattern.search(text)
        if match is None:
            return None, ""
        group: str | int = "label" if "label" in self._pattern.groupindex else min(self._pattern.groups, 1)
        return (None, "") if match[group] is None else self._exact(match[group])


def document_of(text: str) -> object:
    """Give the JSON document of a reply, perhaps in a code fence; a marker when there is none."""
    bare = text.strip()
    if fenced := _FENCE.match(bare):
        bare = fenced[1]
    try:
        return json.loads(bare, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return _NOTHING


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def at_pointer(document: object, pointer: str) -> object:
    """Follow a JSON pointer (RFC 6901)."""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict):
            document = document.get(key, _NOTHING)
        elif isinstance(document, list) and key.isdecimal() and int(key) < len(document):
            document = document[int(key)]
        else:
            return _NOTHING
    return document


def scalar(value: object) -> str | None:
    """Give a JSON string, number or boolean as it is written; None for anything else."""
    if isinstance(value, str):
        return value
    return json.dumps(value) if isinstance(value, bool | int | float) else None


def number(value: object) -> float:
    """Give a JSON number that is finite; NaN for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    try:
        number = float(value)
    except OverflowError:
        return math.nan
    return number if math.isfinite(number) else math.nan
