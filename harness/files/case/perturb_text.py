"""The changes themselves: small functions `(text, rng) -> text` that leave the meaning alone."""

import re
import unicodedata
from functools import partial
from random import Random
from typing import TypeVar

T = TypeVar("T")

WORD = re.compile(r"[^\W\d_]+")
_ADDRESS = re.compile(r"\S*(?:://|www\.|@)\S*|\b[\w-]+(?:\.[\w-]+)+(?:/\S*)?")  # URLs, hosts, e-mail
_NONE: frozenset[str] = frozenset()
_TRIES = 20

_CONTRACTIONS = (
    ("cannot", "can't"), ("do not", "don't"), ("does not", "doesn't"), ("did not", "didn't"), ("is not", "isn't"),
    ("are not", "aren't"), ("was not", "wasn't"), ("will not", "won't"), ("would not", "wouldn't"),
    ("could not", "couldn't"), ("should not", "shouldn't"), ("have not", "haven't"), ("has not", "hasn't"),
    ("I am", "I'm"), ("I have", "I've"), ("I will", "I'll"), ("you are", "you're"), ("we are", "we're"),
    ("they are", "they're"), ("it is", "it's"), ("that is", "that's"), ("let us", "let's"),
)  # fmt: skip
_KEYS = (
    "asqz bvgn cxdv dsfe ewrd fdgr gfht hgjy iuok jhku kjli lko mnj nbmh oipl pol qwa retf sadw tryg uyij "
    "vcbf wqes xzcs ytuh zxa"
)
_NEIGHBOURS = {keys[0]: keys[1:] for keys in _KEYS.split()}  # QWERTY
_HOMOGLYPHS = str.maketrans("aceopxyiACEHKMOPTXB", "асеорхуіАСЕНКМОРТХВ")
_PREFIXES = ("FYI: ", "Hi, ", "See below: ", "As discussed: ")
_SUFFIXES = (" Thanks.", " Regards.", " Have a nice day.", " (sent from my phone)")


def whitespace(text: str, rng: Random) -> str:
    """Double one space, or add one at an edge."""
    gaps = [m.start() for m in re.finditer(r"(?<=\S) (?=\S)", text)]
    places = [*gaps, len(text)]
    at = rng.choice(places)
    return text[:at] + " " + text[at:] if text.strip() else text


def punctuation(text: str, rng: Random) -> str:  # noqa: ARG001 - one shape for all
    """Drop the final full stop or exclamation mark, or add a full stop where there is none."""
    bare = text.rstrip()
    tail = text[len(bare) :]
    if bare.endswith(("...", "?", ":", ",", ";")) or not bare:
        return text
    if bare[-1] in ".!":
        return bare.rstrip(".!") + tail if bare.rstrip(".!") else text
    in_address = any(match.end() == len(bare) for match in _ADDRESS.finditer(bare))
    return bare + "." + tail if bare[-1].isalnum() and not in_address else text


def first_letter(text: str, rng: Random) -> str:  # noqa: ARG001 - one shape for all
    """Swap the case of the first letter, unless it belongs to a word in capitals."""
    found = WORD.search(text)
    if found is None or (len(found[0]) > 1 and found[0].isupper()):
        return text
    at = found.start()
    if any(address.start() <= at < address.end() for address in _ADDRESS.finditer(text)):
        return text
    swapped = text[at].swapcase()
    return text[:at] + swapped + text[at + 1 :] if len(swapped) == 1 else text


def quotes(text: str, rng: Random) -> str:  # noqa: ARG001 - one shape for all
    """Turn curly quotes straight, or straight ones curly where there are none."""
    if any(c in text for c in "‘’“”"):
        return text.translate(str.maketrans("‘’“”", "''\"\""))
    text = re.sub(r'(^|[\s(\[])"', "\\1“", text).replace('"', "”")
    return re.sub(r"(^|[\s(\[])'", r"\1‘", text).replace("'", "’")


def unicode_form(text: str, rng: Random) -> str:  # noqa: ARG001 - one shape for all
    """Write composed characters decomposed, or the reverse where they are decomposed already."""
    decomposed = unicodedata.normalize("NFD", text)
    return decomposed if decomposed != text else unicodedata.normalize("NFC", text)


def contractions(text: str, rng: Random) -> str:  # noqa: ARG001 - one shape for all
    """Contract what is spelled out; where nothing is, spell out what is contracted."""
    plain = text.replace("’", "'")
    for pairs in (_CONTRACTIONS, tuple((short, long) for long, short in _CONTRACTIONS[:19])):
        changed = plain
        for before, after in pairs:
            changed = re.sub(rf"\b{before}\b", partial(_like, after), changed, flags=re.IGNORECASE)
        if changed != plain:
            return changed
    return text


def _like(text: str, found: re.Match[str]) -> str:
    pattern = found[0]
    if pattern.isupper() and len(pattern) > 1:
        return text.upper()
    return text[0].upper() + text[1:] if pattern[0].isupper() else text


def prefix(text: str, rng: Random) -> str:
    """Put a neutral opening before the text."""
    return rng.choice(_PREFIXES) + text


def suffix(text: str, rng: Random) -> str:
    """Put a neutral closing after the text."""
    return text.rstrip() + rng.choice(_SUFFIXES)


def typos(text: str, rng: Random, protected: frozenset[str] = _NONE) -> str:
    """Hit one neighbouring key of a word of four letters or more; never in digits, addresses, `protected`."""
    words = [word for word in _free_words(text, protected) if len(word[0]) >= 4 and word[0].isascii()]
    if not words:
        return text
    for _ in range(_TRIES):
        word = rng.choice(words)
        at = rng.randrange(word.start() + 1, word.end())
        wrong = rng.choice(_NEIGHBOURS[text[at].lower()])
        typed = text[:at] + (wrong.upper() if text[at].isupper() else wrong) + text[at + 1 :]
        if typed[word.start() : word.end()].casefold() not in protected:  # `span` is one key from `spam`
            return typed
    return text


def upper(text: str, rng: Random) -> str:  # noqa: ARG001 - one shape for all
    """Write everything in capitals."""
    return text.upper()


def homoglyphs(text: str, rng: Random, protected: frozenset[str] = _NONE) -> str:
    """Replace the letters of one word by Cyrillic ones that look the same."""
    words = [word for word in _free_words(text, protected) if word[0].translate(_HOMOGLYPHS) != word[0]]
    if not words:
        return text
    word = rng.choice(words)
    return text[: word.start()] + word[0].translate(_HOMOGLYPHS) + text[word.end() :]


def word_drop(text: str, rng: Random, protected: frozenset[str] = _NONE) -> str:
    """Leave out one word of a text that has at least five."""
    words = _free_words(text, protected)
    if len(text.split()) < 5 or not words:
        return text
    word = rng.choice(words)
    end = word.end() + (text[word.end() : word.end() + 1] == " ")
    return text[: word.start()] + text[end:]


def _free_words(text: str, protected: frozenset[str]) -> list[re.Match[str]]:
    """Words outside addresses and digits (`3pm`, `A4`), not among the protected ones."""
    taken = [match.span() for match in _ADDRESS.finditer(text)]
    return [
        word
        for word in WORD.finditer(text)
        if word[0].casefold() not in protected
        and not any(start < word.end() and word.start() < end for start, end in taken)
        and not text[word.start() - 1 : word.start()].isdigit()
        and not text[word.end() : word.end() + 1].isdigit()
    ]
