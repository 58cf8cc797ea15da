"""Names of labels: how they are compared, where one stands in a text, and what is written around one.

Decoration is peeled a layer at a time, from the outside in, and only until a name appears: in `` `C#` `` the
marks of code go, and `C#` stays, because it is a name. A layer is a pair (quotes, brackets, Markdown, HTML,
LaTeX, a code fence), a lead-in such as `Label:`, or one mark at an end that had no partner.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, partial
from itertools import groupby

INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u034f\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u2060\ufe0e\ufe0f\ufeff"))
_JOINT = re.compile(r"(?<=[^\W_])(?:[\s_\-\u2010\u2012-\u2015\u2212]+)(?=[^\W_])")
_QUOTES = "\"'`\u00ab\u00bb\u2018\u2019\u201a\u201c\u201d\u201e\u2039\u203a\u300c\u300d"
_FINAL = ".,;:!?\u2026\u3001\u3002\u0964\u061f\u060c"
DECORATION = " \t\r\n*_#>~()[]{}<" + _FINAL + _QUOTES
_FIRST = "*_#>~([{<\u00bf\u00a1" + _QUOTES + _FINAL
_LAST = "*_~)]}>" + _QUOTES + _FINAL

# What stands in pairs; `(?P<in>...)` is what stays. Each is anchored at both ends and has one way to match.
_PAIRS = tuple(
    re.compile(pattern, re.DOTALL | re.IGNORECASE)
    for pattern in (
        r"```[\w+-]*[ \t]*\r?\n(?P<in>.*)\r?\n?[ \t]*```",
        r"```(?P<in>.*)```",
        r"\\\((?P<in>.*)\\\)",
        r"\\\[(?P<in>.*)\\\]",
        r"\$\$?(?P<in>[^$]*)\$\$?",
        r"\\(?:boxed|text|textbf|textit|texttt|mathrm|mathbf|mathit|mathtt|emph|fbox)\s*\{(?P<in>.*)\}",
        r"<(?P<tag>[a-z][\w-]*)(?:\s[^<>]*)?>(?P<in>.*)</(?P=tag)\s*>",
        r"(?P<mark>\*\*\*|\*\*|\*|___|__|_|~~|``|`|\"|')(?P<in>.*)(?P=mark)",
        r"#+\s+(?P<in>.*?)\s+#+",
        r"\u00ab(?P<in>.*)\u00bb",
        r"\u00bb(?P<in>.*)\u00ab",
        r"[\u2018\u201a](?P<in>.*)[\u2019\u2018]",
        r"[\u201c\u201e\u201d](?P<in>.*)[\u201d\u201c]",
        r"\u2039(?P<in>.*)\u203a",
        r"\u300c(?P<in>.*)\u300d",
        r"\((?P<in>.*)\)",
        r"\[(?P<in>.*)\]",
        r"\{(?P<in>.*)\}",
        r"<(?P<in>.*)>",
    )
)
_BULLET = re.compile(r"(?:[-*+\u2022\u2013\u2014]|#+|>+|=+>|->|\u2192)\s+|(?:=+>|->|\u2192)")
_LEAD_IN = re.compile(
    r"(?:the |my |final |correct |predicted |best )*"
    r"(?:label|answer|category|class|classification|prediction|output|result|verdict|intent|sentiment)"
    r"(?:\s+is)?[*_\"'`]*\s*[:=\uff1a][*_\"'`]*\s*",
    re.IGNORECASE,
)
MOST_LAYERS = 64
_LONGEST = 2_000  # characters of a text that may be a name with decoration

# Scripts that are written without blanks between words: a name may stand anywhere in the text.
UNSPACED = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    r"\U00020000-\U0003ffff"
)
_PARTICLES_FOLLOW = r"\u1100-\u11ff\uac00-\ud7af"  # Hangul: particles are written onto the word


def plain(text: str) -> str:
    """Give a text after NFKC, without invisible characters."""
    return text if text.isascii() else unicodedata.normalize("NFKC", text).translate(INVISIBLE)


def folded(text: str) -> str:
    """Give a plain text without case."""
    return unicodedata.normalize("NFKC", plain(text).casefold())


def joined(text: str) -> str:
    """Take `_`, `-` and blanks between words as one blank."""
    return _JOINT.sub(" ", text)


def comparison(names: Sequence[tuple[str, str]], *, case_sensitive: bool) -> tuple[Callable[[str], str], bool]:
    """Give the loosest comparison that keeps names of different labels apart, and whether it joins words."""
    loose = [(folded, True), (folded, False), (plain, True), (plain, False)]
    for flat, joins in loose[2:] if case_sensitive else loose:
        seen: dict[str, str] = {}
        keys = ((joined(flat(name)) if joins else flat(name), label) for name, label in names)
        if all(seen.setdefault(key, label) == label for key, label in keys):
            return flat, joins
    return str, False


def layers(text: str) -> Iterator[str]:
    """Give a text, then what is left of it after each layer of decoration, from the outside in."""
    for _ in range(MOST_LAYERS):
        text = text.strip()
        yield text
        if len(text) > _LONGEST:
            return
        text = _peeled(text)
        if not text:
            return


def _peeled(text: str) -> str:
    """Take off the outermost layer; nothing where there is none."""
    for pair in _PAIRS:
        if whole := pair.fullmatch(text):
            return whole["in"]
    if lead := (_LEAD_IN.match(text) or _BULLET.match(text)):
        return text[lead.end() :]
    if text[-1:] and text[-1] in _LAST:
        return text[:-1]
    return text[1:] if text[:1] and text[0] in _FIRST else ""


@cache
def _marks() -> str:
    """Give the combining marks of the basic plane: parts of a word that the word class leaves out."""
    return "".join(chr(code) for code in range(0x300, 0xFE30) if unicodedata.category(chr(code))[0] == "M")


def whole_words(names: Iterable[str], *, joins: bool) -> str:
    """Give the pattern of names that are not a part of a longer word or number; of two at one place the first.

    What must not stand before a name follows its first letter, so that the letter is all that is looked for at most
    places. It is written once for the names of that letter, and so is what must not follow: those are long.
    """
    of_letter: dict[str, list[str]] = {}
    for name in names:
        of_letter.setdefault(name[:1], []).append(name)
    return "|".join(_of_letter(first, of_it, joins=joins) for first, of_it in of_letter.items())


def _of_letter(first: str, names: Sequence[str], *, joins: bool) -> str:
    letter, word = re.escape(first), rf"[^\W_{UNSPACED}]"
    left = ""
    if not re.match(rf"[{UNSPACED}]", first):
        left = rf"(?<!{word}{letter})(?<![{_marks()}]{letter})(?<!{word}[_\-\u2010]{letter})"
    if first.isdigit():
        left += rf"(?<![-+\u2212]{letter})(?<!\d[.,:/]{letter})"
    ends = []
    for right, alike in groupby(names, key=partial(_not_after, word=word)):
        rest = "|".join(_rest(name, joins=joins) for name in alike)
        ends.append(f"(?:{rest}){right}")
    return f"{letter}{left}(?:{'|'.join(ends)})"


def _rest(name: str, *, joins: bool) -> str:
    parts = name[1:].split(" ") if joins else [name[1:]]
    return r"[\s_\-\u2010\u2012-\u2015\u2212]+".join(map(re.escape, parts))


def _not_after(name: str, *, word: str) -> str:
    right = ""
    if not re.search(rf"[{UNSPACED}{_PARTICLES_FOLLOW}]\Z", name):
        right = rf"(?!{word})(?![{_marks()}])(?![_\-\u2010]{word})(?![+#])"
    if name[-1:].isdigit():
        right += r"(?![.,:/]\d)(?!\s?%)"
    return right
