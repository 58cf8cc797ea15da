"""Exchanges of every dialect, written by hand: what an endpoint sends, and what it has to be taken for.

An exchange is a line `### name {what is expected}`, a line with status and content type, the body as sent.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "dialects"
PROTOCOLS = {"openai_responses": "responses", "anthropic": "anthropic"}  # all others speak as chat


@dataclass(frozen=True, kw_only=True)
class Said:
    """One exchange."""

    dialect: str
    name: str
    expected: dict[str, Any]
    status: int
    content_type: str
    body: bytes

    @property
    def id(self) -> str:
        return f"{self.dialect}: {self.name}"

    @property
    def protocol(self) -> str:
        return PROTOCOLS.get(self.dialect, "chat")

    @property
    def streamed(self) -> bool:
        return self.name.startswith("stream")


def exchanges() -> list[Said]:
    """Read all exchanges of all dialects."""
    return [said for path in sorted(FOLDER.glob("*.txt")) for said in _of_file(path)]


def _of_file(path: Path) -> list[Said]:
    _, *parts = path.read_text().split("\n### ")
    return [_exchange(path.stem, part) for part in parts]


def _exchange(dialect: str, part: str) -> Said:
    title, head, body = part.split("\n", 2)
    name, _, expected = title.partition(" {")
    status, _, content_type = head.partition(" ")
    return Said(
        dialect=dialect,
        name=name,
        expected=json.loads("{" + expected),
        status=int(status),
        content_type=content_type,
        body=body.encode(),
    )
