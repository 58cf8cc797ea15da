"""The texts that a prompt shows to the model besides its instructions: examples, quotations, whole lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_QUOTED = re.compile(r"\"([^\"\n]{12,})\"|“([^”\n]{12,})”|«([^»\n]{12,})»|‘([^’\n]{12,})’|`([^`\n]{12,})`")
_FIELD = re.compile(r"\A\s*(?:[-*>•]\s*)?(?:[A-Za-z][\w ]{0,20}:\s*)?")
_JINJA = re.compile(r"\{[{%#]")
FEWEST_WORDS = 3


def example_texts(prompt: dict[str, Any]) -> list[tuple[str, str]]:
    """Give (where, text) of each few-shot example: its longest input."""
    found = []
    for place, example in enumerate(prompt.get("examples") or (), start=1):
        inputs = [str(text) for name, text in example.items() if name != "label"]
        if inputs:
            found.append((f"example {place}", max(inputs, key=len)))
    return found


def quoted_texts(prompt: dict[str, Any]) -> list[tuple[str, str]]:
    """Give (where, text) of what the templates quote or write on a line of its own, without field names."""
    found: dict[str, str] = {}
    for where, template in _templates(prompt):
        for number, line in enumerate(template.splitlines(), start=1):
            for text in _on_line(line):
                if len(text.split()) >= FEWEST_WORDS:
                    found.setdefault(text, f"{where}, line {number}")
    return [(where, text) for text, where in found.items()]


def _templates(prompt: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if prompt.get("text"):
        yield "text", str(prompt["text"])
    for place, message in enumerate(prompt.get("messages") or (), start=1):
        yield f"{message.get('role', 'message')} message {place}", str(message.get("content", ""))


def _on_line(line: str) -> Iterator[str]:
    for groups in _QUOTED.findall(line):
        yield next(group for group in groups if group)
    if not _JINJA.search(line):
        yield _FIELD.sub("", line).strip().strip("\"'“”")
