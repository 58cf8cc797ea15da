"""A word-level diff of two prompts: lines first, then the words of the lines that changed.

Whitespace counts, for a model sees it; runs of it are tokens of their own.
"""

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any, Literal

from harness.judge import WordChange

_TOKEN = re.compile(r"\s+|\w+|[^\w\s]")
MOST_TOKENS = 4_000  # of one changed passage: longer ones are shown as removed and added whole

Kind = Literal["same", "removed", "added"]


def prompt_text(prompt: dict[str, Any]) -> str:
    """Give a prompt as one text: its messages role by role, then its examples."""
    parts = [str(prompt["text"])] if prompt.get("text") else []
    parts += [
        f"{message.get('role', 'message')}:\n{message.get('content', '')}" for message in prompt.get("messages") or ()
    ]
    for example in prompt.get("examples") or ():
        parts.append("example:\n" + "\n".join(f"{name}: {value}" for name, value in example.items()))
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n" if parts else ""


def word_diff(base: str, head: str) -> tuple[WordChange, ...]:
    """Give the words kept, removed and added, in the order of reading; joined they are both texts again."""
    return tuple(WordChange(kind=kind, text=text) for kind, text in _merged(_by_line(base, head)) if text)


def _by_line(base: str, head: str) -> Iterator[tuple[Kind, str]]:
    before, after = base.splitlines(keepends=True), head.splitlines(keepends=True)
    for what, i, j, k, m in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if what == "equal":
            yield "same", "".join(before[i:j])
        else:
            yield from _by_word("".join(before[i:j]), "".join(after[k:m]))


def _by_word(base: str, head: str) -> Iterator[tuple[Kind, str]]:
    before, after = _TOKEN.findall(base), _TOKEN.findall(head)
    if max(len(before), len(after)) > MOST_TOKENS:
        yield "removed", base
        yield "added", head
        return
    for what, i, j, k, m in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if what == "equal":
            yield "same", "".join(before[i:j])
        else:
            yield "removed", "".join(before[i:j])
            yield "added", "".join(after[k:m])


def _merged(changes: Iterator[tuple[Kind, str]]) -> list[tuple[Kind, str]]:
    """Join neighbours of one kind, and let a lone space between two changed words change with them."""
    return _joined(_bridged(_joined(list(changes))))


def _joined(changes: Sequence[tuple[Kind, str]]) -> list[tuple[Kind, str]]:
    """Put what was removed before what was added between two kept passages."""
    made: list[tuple[Kind, str]] = []
    removed = added = ""
    for kind, text in changes:
        if kind == "same":
            made += [("removed", removed), ("added", added)] if removed or added else []
            removed = added = ""
            if made and made[-1][0] == "same":
                made[-1] = ("same", made[-1][1] + text)
            else:
                made.append(("same", text))
        elif kind == "removed":
            removed += text
        else:
            added += text
    return made + ([("removed", removed), ("added", added)] if removed or added else [])


def _bridged(changes: Sequence[tuple[Kind, str]]) -> list[tuple[Kind, str]]:
    made: list[tuple[Kind, str]] = []
    for place, (kind, text) in enumerate(changes):
        inside = 0 < place < len(changes) - 1
        if kind == "same" and inside and text in {" ", ", "}:
            made += [("removed", text), ("added", text)]
        else:
            made.append((kind, text))
    return made
