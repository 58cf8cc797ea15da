"""Which mentions of a label are denied: "This is not a refund request" does not name `refund request`.

A mention is denied when a word of denial stands before it in the same clause, a few words away at most, or
right after it ("spam: no", "spam is not the case"). A clause ends at punctuation and at words such as "but",
so that "not spam but ham" is `ham`. Words that are part of a name deny nothing: the caller masked
them. A rule of words is no understanding: what it does not know stands in docs/suites.md.
"""

import re

REACH = 120  # characters before and after a mention that are looked at

_CLAUSE_ENDS = re.compile(
    r"[.,;:!?\u2026\u3002\uff0c\uff1b\uff1a\uff01\uff1f\u3001()\[\]{}|/=>\n\u2192\u21d2]|\s[-\u2013\u2014]+\s|\u2014|"
    r"\b(?:but|and|so|because|however|although|though|yet|then|therefore|hence|it's|it is|"
    r"rather(?!\s+than)|instead(?!\s+of)|sondern|aber|mais|sino|pero|mas|ma|bens\u00ec|maar|\u0430|\u043d\u043e)\b|\u800c\u662f|\u4f46",
    re.IGNORECASE,
)
# Not every "not" denies: "not only spam", "not able to get a refund", "whether or not".
_NO_DENIAL = r"(?!\s+(?:only|just|merely|simply|able|receiv\w*|getting|working|yet|(?:to\s+)?hesitate|surpris\w*)\b)"
_JUDGING = (  # verbs that say what a thing is: "does not look like spam", but not "did not receive a refund"
    r"(?:be|look|seem|appear|sound|read|feel|think|believe|consider|call|label|classify|categorize|constitute|"
    r"qualify|contain|indicate|suggest|fall|belong|count|match|fit|mean|represent|describe|show|see|say|mention|involve)"
)
_NO_VERB = "".join(f"(?<!{verb} )" for verb in ("do", "does", "did", "can", "could", "would", "should", "will"))
_WORDS = r"(?:\s+[^\s]+)"
_BEFORE = re.compile(
    r"(?<!\w)(?:"
    # English: is not, isn't, not a
    rf"(?<!whether or )(?:{_NO_VERB}not|(?:is|are|was|were|ai)n['\u2019]?t){_NO_DENIAL}{_WORDS}{{0,5}}"
    rf"|(?:(?:do|does|did|ca|could|would|should|wo)n['\u2019]?t|(?:do|does|did|can|could|would|should|will)\s*not)"
    rf"\s+{_JUDGING}\b{_WORDS}{{0,5}}"
    rf"|(?:never|hardly|unlikely|neither|nor|ni|weder|noch|nem|sin){_WORDS}{{0,3}}"
    rf"|(?:rather\s+than|instead\s+of|as\s+opposed\s+to|opposed\s+to|unlike|other\s+than|anything\s+but|"
    rf"far\s+from|opposite\s+of|rul\w+\s+out|(?:no|without)\s+(?:any\s+)?(?:sign|evidence|indication|hint|"
    rf"trace|mention)s?\s+(?:of|that)){_WORDS}{{0,3}}"
    rf"|(?:no|without)(?!\s+(?:an?\s+|any\s+)?(?:doubt|question|wonder)){_WORDS}?|no\s+(?:es|era|son|parece|\u00e9|e)(?:\s+una?|\s+uma?)?"
    # German, Dutch, Nordic, French, Italian, Portuguese, Catalan, Polish, Russian, Ukrainian, Arabic
    rf"|(?:nicht|kein(?:e[nrms]?)?|niet|geen|inte|ikke|pas|aucune?|non|n\u00e3o|nie|ne|\u043d\u0435|\u043d\u0435\u0442|\u043d\u0456|"
    rf"\u0644\u064a\u0633|\u0644\u064a\u0633\u062a){_WORDS}{{0,3}}"
    # Chinese
    r")[\s\"'`*_\u201c\u201e\u2018\u00ab]*\Z"
    r"|(?:\u4e0d\u662f|\u5e76\u975e|\u4e0d\u5c5e\u4e8e|\u4e0d\u7b97|\u975e|\u7121|\u5e76\u4e0d\u662f)[^\s]{0,6}\Z",
    re.IGNORECASE,
)
_AFTER = re.compile(
    r"[\"'`*_\u201d\u201c\u2019\u00bb]*(?:"
    r"\s*[:=?]\s*[\"'`*_]*(?:no|false|nein|non|not)\b[\"'`*_]*\s*(?:[.,;!})\]\n]|\Z)"
    r"|\s+(?:label\s+|category\s+|class\s+)?(?:is|was|does|do|would|should|can|could)"
    r"(?:\s+(?:not\b|unlikely\b|ruled\s+out)|n['\u2019]?t\b|not\b)"
    r"|\s+(?:nicht\b|ist\s+(?:es\s+)?nicht\b|de\u011fil|\u0928\u0939\u0940\u0902)"
    r"|[^\s,.\u3001\u3002]{0,6}?(?:\u3067\u306f(?:\u306a|\u3042\u308a\u307e\u305b\u3093)|\u3058\u3083\u306a)"
    r"|[^\s,.]{0,4}?\s*\uc544[\ub2c8\ub2d9\ub2d8\ub2cc]"
    r")",
    re.IGNORECASE,
)

# Without one of these there is no denial, and most replies hold none.
_DENYING = (
    "no|never|hardly|unlikely|neither|nor|ni|weder|noch|nem|sin|rather|instead|opposed|unlike|other|anything|far|"
    "opposite|without|nicht|niet|geen|inte|ikke|pas|aucun|aucune|non|nie|ne|false|nein"
)
_HINT = re.compile(
    rf"n[o'\u2019]?t\b|not|\b(?:{_DENYING}|rul\w+|kein\w*|"
    r"n\u00e3o|\u043d\u0435|\u043d\u0435\u0442|\u043d\u0456|\u0644\u064a\u0633|\u0644\u064a\u0633\u062a|de\u011fil)\b|"
    r"[\u4e0d\u5e76\u975e\u7121\u3067\u3058\uc544]|\u0928\u0939\u0940\u0902",
    re.IGNORECASE,
)
# For a first look at ASCII: words (`t` ends "isn't") and parts of words, among blanks for all that is part of none.
_WORDS_DENYING = frozenset(f"t|{_DENYING}".encode().split(b"|"))
_PARTS_DENYING = (b"not", b"nt ", b"rul", b"kein")
_APART = bytes(
    ord(chr(byte).lower()) if chr(byte).isalnum() or byte == ord("_") else 32 for byte in range(128)
) + bytes(128)


def may_deny(text: str) -> bool:
    """Tell whether a text holds any word of denial."""
    if text.isascii():
        words = text.encode("ascii").translate(_APART) + b" "
        if _WORDS_DENYING.isdisjoint(words.split()) and not [part for part in _PARTS_DENYING if part in words]:
            return False
    return _HINT.search(text) is not None


def denied(masked: str, start: int, end: int) -> bool:
    """Tell whether the name at [start, end) is denied; in `masked` all names are one word without meaning."""
    before = masked[max(0, start - REACH) : start]
    ends = [found.end() for found in _CLAUSE_ENDS.finditer(before)]
    clause = before[ends[-1] :] if ends else before
    return bool(_BEFORE.search(clause) or _AFTER.match(masked[end : end + REACH]))
