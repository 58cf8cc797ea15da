"""What a prompt becomes for one case: the text that is sent, before any protocol wraps it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class RenderedChat:
    """Chat messages in order, each (role, content)."""

    messages: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class RenderedText:
    """One plain text to be continued."""

    text: str


Rendered: TypeAlias = RenderedChat | RenderedText
