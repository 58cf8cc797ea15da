"""Reply text -> label, or the outcome and the reason why there is none.

Text and names (labels and aliases) are compared after NFKC, without invisible characters, folded in case
unless the rule is case-sensitive, and with `_`, `-` and blanks between words taken as one. Where this would
make two labels the same (`us` and `US`), the comparison is as strict as it must be to keep them apart.

- `exact`: the whole reply is one name. What is written around it (quotes, Markdown, brackets, HTML, LaTeX,
  final punctuation, a lead-in such as `Label:`) is peeled a layer at a time, until a name appears: with
  `C` and `C#`, the reply `` `C#` `` is `C#`.
- `mention`: names of exactly one label occur as whole words and are not denied. Where one name contains
  another, the longest wins: `not spam` is not a mention of `spam`. Two labels mentioned: no label. A label
  that is denied only, or both named and denied, is no label; "not spam but ham" is `ham`.
- `json`: the one JSON document in the reply, fenced or among prose; the value at the pointer is read as in
  `exact`. A number is a label that is an equal number (`2.0` is `2`), `true` is the label `true`.
- `regex`: what the matches of the pattern say (the group `label`, else the first group, else all of it) is
  read as in `exact`. Matches that say different things are no label, unless the rule takes one of them.

What a model thinks aloud is never read: `thoughts` takes it out first. A reply that ends inside a thought has
no label.

A reply that was cut by its token limit (`finish_reason: length`) and from which a label can be read counts
as that label: a limit of a few tokens is how many prompts stop a small model. It is `truncated` when no label
can be read, or when the cut could hide the rest of a longer name (`refund` cut where `refund request` is
another label).
"""

import json
import math
import re
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from decimal import Decimal, InvalidOperation
from functools import cached_property
from itertools import islice
from typing import NamedTuple, assert_never

from harness.endings import ending_of
from harness.files.project import Price
from harness.files.suite import Pattern, ReplyRule, TooLong
from harness.judge.documents import Outcome
from harness.judge.labels.document import NotThere, at_pointer, document_of
from harness.judge.labels.names import comparison, joined, layers, plain, whole_words
from harness.judge.labels.negation import denied, may_deny
from harness.judge.labels.reasons import Why
from harness.judge.labels.thoughts import BareAnswer, answer_of
from harness.record import Failure, Reply

_MAX_REMEMBERED = 100_000
_MOST_MENTIONS = 1_000  # that are looked at in one reply


class LabelRead(NamedTuple):
    """What a reader made of one outcome."""

    label: str | None  # None unless the outcome is `label`
    outcome: Outcome
    why: Why | None = None  # None where there is a label


class _Found(NamedTuple):
    """A label, and the name of it that a text holds."""

    label: str
    name: str


class Reading(NamedTuple):
    """What one trial came to: its label and outcome, what was said, and what it cost."""

    label: str | None  # None unless the outcome is `label`
    outcome: Outcome
    why: Why | None  # None where there is a label
    said: str
    cost: float | None  # None without a price or a count of tokens


def said(outcome: Reply | Failure) -> str:
    """Give what a trial ended with, as text: the reply, the refusal, or the failure with its kind."""
    if isinstance(outcome, Reply):
        if not outcome.tools:
            return outcome.refusal or outcome.text
        calls = [f"[tool call] {call.name}({call.arguments})" for call in outcome.tools]
        return outcome.refusal or "\n".join([*filter(None, [outcome.text]), *calls])
    return f"{outcome.kind}: {outcome.message}"


class LabelReader:
    """A reply rule compiled for the labels of one suite; equal replies are read once."""

    def __init__(self, rule: ReplyRule, labels: Sequence[str]) -> None:
        names = [(label, label) for label in labels]
        names += [(alias, label) for label, aliases in rule.aliases.items() for alias in aliases]
        self._flat, self._joins = comparison(names, case_sensitive=rule.case_sensitive)
        self._rule = rule
        self._labels = tuple(labels)
        self._names = {self._normalise(name).strip(): label for name, label in names if name.strip()}
        self._pattern = Pattern(rule.pattern or "", case_sensitive=rule.case_sensitive)
        self._remembered: dict[tuple[str, bool], LabelRead] = {}
        self._find: Callable[[str], _Found | Why] = {
            "exact": self._exact,
            "mention": self._mention,
            "json": self._json,
            "regex": self._regex,
        }[rule.as_]

    def _normalise(self, text: str) -> str:
        flat = self._flat(text)
        return joined(flat) if self._joins else flat

    def read(self, outcome: Reply | Failure) -> LabelRead:
        """Give the label of a reply, and the outcome; the label is None unless the outcome is `label`."""
        match outcome:
            case Failure():
                return LabelRead(None, "failed", Why("failed"))
            case Reply():
                ending = ending_of(outcome.finish_reason)
                if outcome.refusal or ending == "content_filter":
                    return LabelRead(None, "refused", Why("refused"))
                if (why := self._not_to_be_read(outcome)) is not None:
                    return LabelRead(None, "truncated" if ending == "length" else "unparseable", why)
                text = self.source(outcome)
                cut = ending == "length"
                known = self._remembered.get((text, cut))
                if known is None:
                    known = self._text(text, cut=cut)
                    if len(self._remembered) < _MAX_REMEMBERED:
                        self._remembered[text, cut] = known
                return known
            case _:
                assert_never(outcome)

    def source(self, reply: Reply) -> str:
        """Give the text that is read: what was said, or by `from: tool` the arguments of its calls."""
        if self._rule.from_ == "text":
            return reply.text
        return "\n".join(dict.fromkeys(call.arguments for call in reply.tools))

    def answer(self, text: str) -> BareAnswer:
        """Give what is left of a text without its thoughts; marks inside a JSON document are its own."""
        whole = self._rule.as_ == "json" and text.lstrip().startswith("{")
        if whole and not isinstance(document_of(text), NotThere):
            return BareAnswer(text, thought=False, hidden=False)
        return answer_of(text)

    def _not_to_be_read(self, reply: Reply) -> Why | None:
        """Say why a reply holds nothing that this rule may read, whatever stands in it."""
        if ending_of(reply.finish_reason) == "error":
            return Why("error")
        blank = not plain(reply.text).strip()
        if self._rule.from_ == "text":
            return Why("tool_call") if blank and reply.tools else None
        return None if blank or reply.tools else Why("no_tool")

    def reading(self, outcome: Reply | Failure, price: Price) -> Reading:
        """Read one trial; judging reads the same for whole columns (`table.intake`, `sections.cost`)."""
        cost = price.of(outcome.usage) if isinstance(outcome, Reply) else None
        return Reading(*self.read(outcome), said(outcome), cost)

    def _text(self, text: str, *, cut: bool) -> LabelRead:
        text, _, hidden = self.answer(text)
        found = Why("thought") if hidden else self._find(text)
        if isinstance(found, Why):
            blank = not hidden and not plain(text).strip()
            outcome: Outcome = "truncated" if cut else "empty" if blank else "unparseable"
            return LabelRead(None, outcome, Why("empty") if blank else found)
        if cut and (longer := self._may_go_on(text, found)):
            return LabelRead(None, "truncated", Why("cut_name", longer))
        return LabelRead(found.label, "label")

    def _may_go_on(self, text: str, found: _Found) -> tuple[str, ...]:
        """Give the other labels whose longer names a cut right after this name could hide."""
        if not self._normalise(text).rstrip().endswith(found.name):
            return ()
        longer = {of for name, of in self._names.items() if name.startswith(found.name) and name != found.name}
        return self._in_order(longer - {found.label})

    def _in_order(self, labels: Collection[str]) -> tuple[str, ...]:
        return tuple(label for label in self._labels if label in labels)

    def _exact(self, text: str) -> _Found | Why:
        for layer in layers(self._flat(text)):
            name = self._normalise(layer)
            if name in self._names:
                return _Found(self._names[name], name)
        return Why("other_text")

    @cached_property
    def _mentions(self) -> re.Pattern[str]:
        longest_first = sorted(self._names, key=lambda name: (-len(name), name))
        return re.compile(whole_words(longest_first, joins=self._joins))

    def _mention(self, text: str) -> _Found | Why:
        flat = self._flat(text)
        masked = self._mentions.sub(lambda match: "x" * len(match[0]), flat) if may_deny(flat) else ""
        name = ""
        named: set[str] = set()
        refused: set[str] = set()
        for match in islice(self._mentions.finditer(flat), _MOST_MENTIONS):
            found = self._normalise(match[0])
            if masked and denied(masked, *match.span()):
                refused.add(self._names[found])
            else:
                name = found
                named.add(self._names[found])
        if len(named) > 1:
            return Why("several_labels", self._in_order(named))
        if refused and (not named or named & refused):
            return Why("negated", self._in_order(refused))
        return _Found(named.pop(), name) if named else Why("no_name")

    def _json(self, text: str) -> _Found | Why:
        value = at_pointer(document_of(text), self._rule.pointer)
        match value:
            case NotThere():
                return Why(value.flaw)
            case str():
                return self._exact(value)
            case bool() | int() | float():
                return self._equal(value)
            case _:
                return Why("not_a_text")

    def _equal(self, value: bool | float) -> _Found | Why:
        """Give the label that is this JSON number or boolean, however the suite writes it."""
        written = json.dumps(value)
        if not isinstance(value, bool) and math.isfinite(value) and written not in self._names:
            number = Decimal(written)
            equal = [name for name in self._names if _decimal(name) == number]
            if len({self._names[name] for name in equal}) == 1:
                return _Found(self._names[equal[0]], equal[0])
        spelt = [written] if written in self._names else []
        spelt += [name for name in self._names if name.casefold() == written]
        return _Found(self._names[spelt[0]], spelt[0]) if spelt else Why("other_text")

    def _regex(self, text: str) -> _Found | Why:
        matches = self._pattern.found(text)
        try:
            match self._rule.match:
                case "only":
                    return self._agreed(matches)
                case "first":
                    said = next(matches, None)
                case "last":
                    said = next(iter(deque(matches, maxlen=1)), None)
                case _:
                    assert_never(self._rule.match)
        except TooLong:
            return Why("too_long")
        return Why("no_match") if said is None else self._exact(said)

    def _agreed(self, matches: Iterable[str]) -> _Found | Why:
        """Give the label that all matches say; the first that says another thing ends the search."""
        agreed: _Found | Why | None = None
        for said in matches:
            found = self._exact(said)
            if isinstance(found, _Found) and isinstance(agreed, _Found):
                if found.label != agreed.label:
                    return Why("several_labels", self._in_order({agreed.label, found.label}))
            elif agreed is not None and found != agreed:
                return Why("several_texts")
            agreed = found
        return agreed or Why("no_match")


def _decimal(name: str) -> Decimal | None:
    """Give the finite number that a name is."""
    try:
        number = Decimal(name)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
