"""Makes foreign text harmless: one neutraliser for each place where a reply, a case or a name is shown.

Everything that a model, a case file or a prompt from a pull request says is hostile until it went through
here. Nothing is dropped silently: what could act (an escape sequence, a direction override, a mention) is
made visible or inert, so that a reader sees that it was there.
"""

import re
import unicodedata
from collections.abc import Mapping

import msgspec

_LONGEST_MESSAGE = 1_000  # characters of an annotation
MARKDOWN_LIMIT = 65_536  # what GitHub accepts in a comment
CUT_NOTICE = "\n\n**Cut here:** the rest did not fit into {limit:,} characters; it is in `report.html`.\n"

# Characters that steer a terminal or a reader's eye and have no glyph of their own:
# C0 and C1 controls, zero-width characters, direction marks and overrides, tags, non-characters, surrogates.
_STEERING = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff0-\ufffb\ufffe\uffff\ufdd0-\ufdef\ud800-\udfff\U000e0000-\U000e0fff"
)
_INVISIBLE = re.compile(f"[{_STEERING}]")
_INVISIBLE_OR_BREAK = re.compile(f"[{_STEERING}\t\n]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_XML_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\ufdd0-\ufdef]")

WORD_JOINER = "\u2060"  # invisible; parts `@` from a name, so that nobody is notified


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code <= 0xFF:
        return {0x09: "\\t", 0x0A: "\\n", 0x0D: "\\r"}.get(code, f"\\x{code:02x}")
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def visible(text: str) -> str:
    r"""Write characters that act without being seen as `\x1b`, `\u202e`; keep tabs and line breaks."""
    return _INVISIBLE.sub(_escape, text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    r"""Like `visible`, with line breaks and tabs written as `\n` and `\t`, too."""
    return _INVISIBLE_OR_BREAK.sub(_escape, text)


def shorten(text: str, limit: int) -> str:
    """Cut text to `limit` characters, the last of them an ellipsis when something was cut."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


_ASCII = str.maketrans(
    dict(zip("–—−·×≈“”‘’✓✗\u00a0\u202f", "---|x~\"\"''+x  ", strict=True))
    | {"…": "...", "→": "->", "↔": "<->", "≥": ">=", "≤": "<=", "±": "+/-"}
    | {"€": "EUR ", "£": "GBP ", "²": "^2", "³": "^3"}
)


def ascii_only(text: str) -> str:
    r"""Write text for a terminal that knows only ASCII: accents fold, the rest becomes `\u4e2d`."""
    folded = unicodedata.normalize("NFKD", text.translate(_ASCII))
    kept = "".join(c for c in folded if not unicodedata.combining(c))
    return kept.encode("ascii", "backslashreplace").decode("ascii")


def xml(text: str) -> str:
    """Leave out what XML 1.0 forbids; control characters are made visible first."""
    return _XML_FORBIDDEN.sub("\ufffd", visible(text))


def json_ready(tree: object) -> object:
    """Give a tree of plain values without lone surrogates, which UTF-8 can't carry."""
    plain = msgspec.to_builtins(tree)
    return _without_surrogates(plain)


def _without_surrogates(value: object) -> object:
    if isinstance(value, str):
        return _SURROGATE.sub(_escape, value)
    if isinstance(value, dict):
        return {_without_surrogates(k): _without_surrogates(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_without_surrogates(item) for item in value]
    return value


_MD_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "$": "&#36;"})
_MD_PUNCTUATION = re.compile(r"([\\`*_\[\]{}|~!])")
_MD_LEADING = re.compile(r"^(\s*)(?:(\d+)([.)])(?=\s|$)|([#+=-])(?!\d))")
_MENTION = re.compile(r"@(?=\w)")
_REFERENCE = re.compile(r"(?:#|\bGH-)(?=\d)", re.IGNORECASE)
_URL = re.compile(r"(?<=[a-z]):(?=//)|(?<=\bwww)\.|(?<=\bmailto):|(?<=\bxmpp):", re.IGNORECASE)
_EMOJI = re.compile(r":(?=[a-z0-9_+-]+:)", re.IGNORECASE)


def _unlinked(text: str) -> str:
    """Part what GitHub links, notifies or turns into a picture after rendering, where no escape helps."""
    parted = _MENTION.sub("@" + WORD_JOINER, one_line(text))
    parted = _REFERENCE.sub(lambda m: m.group() + WORD_JOINER, parted)
    parted = _URL.sub(lambda m: WORD_JOINER + m.group(), parted)
    return _EMOJI.sub(":" + WORD_JOINER, parted)


def markdown(text: str) -> str:
    """Make text inert in GitHub's Markdown: it shows as written and links, notifies and formats nothing."""
    inert = _MD_PUNCTUATION.sub(r"\\\1", _unlinked(text).translate(_MD_ENTITIES))
    return _MD_LEADING.sub(lambda m: f"{m[1]}{m[2] or ''}\\{m[3] or m[4]}", inert)


def markdown_html(text: str) -> str:
    """Make text inert inside an HTML tag of a Markdown document, where backslashes are only backslashes."""
    return _unlinked(text).translate(_MD_ENTITIES).replace('"', "&quot;")


def markdown_code(text: str, *, in_table: bool = True) -> str:
    """Show text as a code span: GitHub finds no mention, link, formula or emoji inside it."""
    inert = one_line(text)
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", inert)), default=0))
    if in_table:  # a table is cut into cells before code spans are found
        inert = inert.replace("\\|", "\\ |").replace("|", "\\|")
    pad = " " if not inert or inert.startswith(("`", " ")) or inert.endswith(("`", " ", "\\")) else ""
    return f"{fence}{pad}{inert}{pad}{fence}"


# Foreign text never begins a line: only our own tags are counted.
_MD_OPENS = re.compile("^<details>", re.MULTILINE)
_MD_CLOSES = re.compile("^</details>", re.MULTILINE)


def cut_markdown(text: str) -> str:
    """Cut a rendered document at a line end, close what is open, and say so."""
    if len(text) <= MARKDOWN_LIMIT:
        return text
    notice = CUT_NOTICE.format(limit=MARKDOWN_LIMIT)
    room = MARKDOWN_LIMIT - len(notice) - 400  # 400: the closing tags
    kept = text[: text.rfind("\n", 0, room)]
    still_open = len(_MD_OPENS.findall(kept)) - len(_MD_CLOSES.findall(kept))
    return kept + "\n\n" + "</details>\n" * still_open + notice


def annotation(kind: str, properties: Mapping[str, str], message: str) -> str:
    """Write a workflow command of GitHub: `::error file=...,line=...::message`.

    Whatever a value holds, it must neither end the line nor begin another property: `%`, line breaks, `:` and `,`
    are written as GitHub reads them back; the older `##[` is parted.
    """
    told = ",".join(f"{name}={_data(value, ':,')}" for name, value in properties.items())
    return f"::{kind} {told}::{_data(shorten(message, _LONGEST_MESSAGE))}"


def _data(text: str, also: str = "") -> str:
    text = one_line(text).replace("##[", f"##{WORD_JOINER}[").replace("%", "%25")
    return re.sub(f"[\r\n{also}]", lambda sign: f"%{ord(sign[0]):02X}", text)
