r"""A suite's own pattern: Python's regular expressions, matched in time that is linear in the reply.

Python's `re` tries every way to match: `^(?:\w+\s?)+: spam` takes minutes for one ordinary reply, and no
signal ends it. RE2 follows all ways at once. Its dialect is another one, so the pattern is parsed by Python
and written anew for RE2, with Python's meaning: `\w`, `\d`, `\s` and `\b` are those of Unicode, `$` is also
right before a last line break, `\Z` is the end. RE2 looks at nothing without taking it, so `$` is written as
what takes that line break; what would need it, or would look at it again, can't follow. What no such engine can
do (look-around, references to what a group matched, possessive and atomic groups) is refused.

RE2's `\b` knows the letters of ASCII alone. Where a pattern with `\b` meets a text beyond ASCII, both are
written so that it is right: each letter beyond ASCII stands between two `_`, and `_` itself is written as
such a letter.
"""

import re
import warnings
from collections.abc import Iterator
from functools import cache
from itertools import accumulate
from re import _parser  # type: ignore[attr-defined]  # parsing is left to Python, so that the meaning is its own
from typing import Any, TypeAlias

from harness.files.suite.characters import LAST, Ranges, as_class, both, item, others, ranges_of, word

_MOST_STEPS = 20_000  # of a compiled pattern: what one character of a reply can cost
_MOST_MEMORY = 4 << 20  # bytes
_MOST_AT_ONCE = 500_000_000  # steps times characters of one search: some seconds at the very worst
_MOST_IN_ALL = 20_000_000_000  # of all searches in one reply; a signal is heard between two of them
_MOST_REPEATS = 1_000  # RE2's own
_UNDERSCORE = "\U0010ffff"  # stands for `_` where `_` itself marks a letter; never a character
_UNABLE = {
    "ASSERT": "look-around",
    "ASSERT_NOT": "look-around",
    "GROUPREF": "references to groups",
    "GROUPREF_EXISTS": "conditions on groups",
    "ATOMIC_GROUP": "atomic groups",
    "POSSESSIVE_REPEAT": "possessive repeats",
}
_SMALLER = "Use `+` or `*` where a number of repeats does not matter."
_LINE_BREAK = [(ord("\n"), ord("\n"))]
_GOES_ON = "goes on after a `$` with what would look at the last line break again."
_ENDS_IT = "End it with the `$`; `(?m)` makes it the end of any line."
_INSTEAD = "Say it without, or use `as: mention` or `as: json`."
_Parsed: TypeAlias = Any  # as Python's parser gives it
_Compiled: TypeAlias = Any  # as RE2 gives it


class PatternRefused(ValueError):
    """A pattern that is none, or that can't be matched in linear time; str() is a sentence's end."""

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.fix = fix


class TooLong(ValueError):
    """A text is too long for a pattern, by a count that is the same on every machine."""


class Pattern:
    """A compiled pattern. Raises PatternRefused, whose words follow the name of the field."""

    def __init__(self, pattern: str, *, case_sensitive: bool) -> None:
        flags = 0 if case_sensitive else re.IGNORECASE
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of syntax that a later Python may read otherwise
                self._tree = _parser.parse(pattern, flags)
            emitted = _Writer(self._tree, spelt=False)
            self._plain = _compiled(emitted.text)
        except (re.error, OverflowError) as error:
            raise PatternRefused(f"is not a regular expression: {error}.") from None
        except RecursionError:
            raise PatternRefused("is nested too deeply.") from None
        self._group = self._tree.state.groupdict.get("label", min(self._tree.state.groups - 1, 1))
        self._bounded = emitted.bounded
        self._spelt: Any = None
        if self._bounded:
            self._spelt = cache(lambda: _compiled(_Writer(self._tree, spelt=True).text))

    def found(self, text: str) -> Iterator[str]:
        """Give what each match says, in order: its group `label`, else its first group, else all of it.

        A group that took no part, or that is blank, says nothing; where `$` ends a match, it may hold the
        line break there. Raises TooLong.
        """
        text = text.encode(errors="replace").decode() if not text.isascii() else text
        spelt = self._bounded and not text.isascii()
        compiled = self._spelt() if spelt else self._plain
        text = _spelt(text) if spelt else text
        steps = max(compiled.programsize, compiled.reverseprogramsize)
        spent = steps * len(text)
        if spent > _MOST_AT_ONCE:
            raise TooLong
        for match in compiled.finditer(text):
            said = match[self._group]
            if said and not said.isspace():
                yield re.sub("_(.)_", lambda m: "_" if m[1] == _UNDERSCORE else m[1], said) if spelt else said
            spent += steps * (len(text) - match.end())
            if spent > _MOST_IN_ALL:
                raise TooLong


def _compiled(text: str) -> _Compiled:
    import re2

    options = re2.Options()
    options.max_mem = _MOST_MEMORY
    options.log_errors = False
    try:
        found = re2.compile(text, options)
    except re2.error as error:
        why = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)
        why = "it is too large" if "too large" in why else why.partition(":")[0]
        raise PatternRefused(f"can't be matched in linear time: {why}.", _SMALLER) from None
    if max(found.programsize, found.reverseprogramsize) > _MOST_STEPS:
        raise PatternRefused("can't be matched in linear time: it is too large.", _SMALLER)
    return found


class _Writer:
    """Writes a parsed pattern for RE2; `bounded` tells whether it asks for word boundaries of Unicode."""

    def __init__(self, tree: _Parsed, *, spelt: bool) -> None:
        self._spelt = spelt
        self.bounded = False
        self._taken = False  # a `$` may have taken the line break that what follows would need
        self.text = self._sequence(tree, tree.state.flags, 0)

    def _sequence(self, tree: _Parsed, flags: int, after: int) -> str:
        """Write one thing after the other; at least `after` characters have to follow."""
        least = [tree[at : at + 1].getwidth()[0] for at in range(len(tree))]
        follow = [after + sum(least) - upto for upto in accumulate(least)]
        return "".join(
            self._one(str(kind), value, flags, rest) for (kind, value), rest in zip(tree, follow, strict=True)
        )

    def _one(self, kind: str, value: _Parsed, flags: int, after: int) -> str:
        if kind in _UNABLE:
            raise PatternRefused(f"can't be matched in linear time: it has {_UNABLE[kind]}.", _INSTEAD)
        match kind:
            case "LITERAL":
                text = self._characters([(kind, value)], flags)
            case "NOT_LITERAL":
                text = self._characters([("NEGATE", None), ("LITERAL", value)], flags)
            case "ANY":
                but = [] if flags & re.DOTALL else [("LITERAL", ord("\n"))]
                text = self._characters([("NEGATE", None), *but], flags & ~re.IGNORECASE)
            case "IN":
                text = self._characters([(str(item), what) for item, what in value], flags)
            case "BRANCH":
                text = f"(?:{'|'.join(self._either(value[1], flags, after))})"
            case "SUBPATTERN":
                group, on, off, inner = value
                text = f"({'?:' if group is None else ''}{self._sequence(inner, (flags | on) & ~off, after)})"
            case "MAX_REPEAT" | "MIN_REPEAT":
                text = self._repeat(value, flags, after) + ("?" if kind == "MIN_REPEAT" else "")
            case "AT":
                text = self._at(str(value), flags, after)
            case _:
                raise PatternRefused(f"can't be matched in linear time: it has {kind}.", _INSTEAD)
        return text

    def _either(self, branches: list[_Parsed], flags: int, after: int) -> Iterator[str]:
        before, ever = self._taken, False
        for branch in branches:
            self._taken = before
            yield self._sequence(branch, flags, after)
            ever |= self._taken
        self._taken = ever

    def _repeat(self, repeat: _Parsed, flags: int, after: int) -> str:
        least, most, inner = repeat
        endless = most == _parser.MAXREPEAT
        if least > _MOST_REPEATS or (not endless and most > _MOST_REPEATS):
            raise PatternRefused(f"repeats something more than {_MOST_REPEATS:,} times.", "Use `+` or `*`.")
        count = f"{{{least},{'' if endless else most}}}"
        count = {"{0,}": "*", "{1,}": "+", "{0,1}": "?"}.get(count, count)
        taken, self._taken = self._taken, self._taken and least > 0  # what may be left out needs nothing
        written = self._sequence(inner, flags, after + max(0, least - 1) * inner.getwidth()[0])
        self._taken |= taken
        return f"(?:{written}){count}"

    def _at(self, where: str, flags: int, after: int) -> str:
        lines = bool(flags & re.MULTILINE)
        last = where == "AT_END" and not lines
        if self._taken and not last:
            raise PatternRefused(_GOES_ON, _ENDS_IT)
        self._taken |= last and after <= 1  # when more has to follow, nothing matches there in any engine
        if "BOUNDARY" in where:
            self.bounded |= not flags & re.ASCII
            return r"\B" if "NON" in where else r"\b"
        return {
            "AT_BEGINNING": "(?m:^)" if lines else r"\A",
            "AT_END": "(?m:$)" if lines else r"(?:\n?\z)",
            "AT_BEGINNING_STRING": r"\A",
            "AT_END_STRING": r"\z",
        }[where]

    def _characters(self, items: list[tuple[str, Any]], flags: int) -> str:
        """Write what one character may be: a literal, a class or any."""
        if self._taken and both(ranges_of(items, folded=False, ascii_=False), _LINE_BREAK):
            raise PatternRefused(_GOES_ON, _ENDS_IT)
        ascii_ = bool(flags & re.ASCII)
        inverse = any(kind == "CATEGORY" and "NOT" in str(what) for kind, what in items)
        if self._spelt or inverse or ascii_:
            return self._exactly(ranges_of(items, folded=bool(flags & re.IGNORECASE), ascii_=ascii_))
        body = "".join(item(kind, what) for kind, what in items if kind != "NEGATE")
        negated = any(kind == "NEGATE" for kind, _ in items)
        if not body:
            return "(?s:.)"
        return f"({'?i:' if flags & re.IGNORECASE else '?:'}[{'^' if negated else ''}{body}])"

    def _exactly(self, ranges: Ranges) -> str:
        if not self._spelt:
            return as_class(ranges)
        marked = [(ord("_"), ord("_")), *(pair for pair in word() if pair[0] > 127)]
        letters = both(ranges, marked)
        if letters[:1] == [(ord("_"), ord("_"))]:
            letters = [*letters[1:], (LAST, LAST)]
        return f"(?:{as_class(both(ranges, others(marked)))}|_{as_class(letters)}_)"


def _spelt(text: str) -> str:
    return "".join(
        f"_{_UNDERSCORE}_" if each == "_" else f"_{each}_" if not each.isascii() and each.isalnum() else each
        for each in text
    )
