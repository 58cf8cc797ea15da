"""The pages of the documentation, block by block, and what each block says of itself behind its three ticks.

    ```sh                        is typed, in the order of the page
    ```sh not-run="why"          is not, and its commands are only held against the real command line
    ```sh where="RUN=latest"     is typed with what the reader fills in
    ```sh exits="4"              ends with that code where it is no verdict's
    ```sh needs="polars"         is typed where that is installed, as it is in CI
    ```yaml job="main"           is a job of GitLab whose script is typed, for a merge request to that branch
    ```text                      is what the commands before it printed; a line with `…` stands for what was left out
    ```text of="harness demo"    is what that command prints, where the page shows no command
    ```text not-compared="why"   is no output (a formula, a tree of files), or one that can't be had here
    ```yaml, ```json             is a file, or a part of one, that the harness reads
    ```yaml not-read="why"       is another tool's

`make` prints its recipe, and of `pip install` the extras are looked up: CI itself does `make .venv/.dev`, `make lint`
and `make test`, and test_wheel.py installs what pip would. What says `# then Ctrl-C` is left as soon as it waits.

A snippet is named by a line above that holds nothing but its path in backticks, or by a comment in its first line.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = tuple(
    ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "benchmarks/README.md", "suites/README.md")
) + tuple(sorted((ROOT / "docs").rglob("*.md")))
MARKS = {
    "sh": {"not-run", "where", "exits", "needs"},
    "python": {"not-run", "where", "needs"},
    "text": {"of", "not-compared", "width"},
    "yaml": {"not-read", "job"},
    "json": {"not-read"},
    "ini": {"not-read"},
    "jinja": {"not-read"},
    "css": {"not-read"},
}
REASONS = {"not-run", "not-compared", "not-read"}
_FENCE = re.compile(r"^( *)```([^\n`]*)\n(.*?)^\1```[ ]*$", re.MULTILINE | re.DOTALL)
_MARK = re.compile(r'\s+([\w-]+)="([^"]*)"')
_PATH = re.compile(r"`([\w./-]+\.\w+)`:?")
_COMMENT = re.compile(r"# ([\w./-]+\.\w+)\n")
_TYPED = re.compile(r"""(?:^|[ '"/])((?:harness (?!\w+:)|python \w+/|make )[^'|;&]*(?:'[^']*'[^'|;&]*)*)""")
_CODE = re.compile(r"(?<!`)`([^`]+)`(?!`)", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block; `path` is the file that it shows the whole of, if it names one."""

    page: str
    line: int
    language: str
    marks: dict[str, str]
    text: str
    path: str | None

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def excused(self) -> str | None:
        """Give why it is not held against the real thing."""
        return next((why for mark, why in self.marks.items() if mark in REASONS), None)


def name(page: Path) -> str:
    return os.path.relpath(page, ROOT)


def blocks(page: Path) -> list[Block]:
    """Give all blocks of a page, in its order."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        indent, info, body = match.groups()
        body = re.sub(f"^{indent}", "", body, flags=re.MULTILINE)
        above = text[: match.start()].rstrip().rpartition("\n")[2].strip()
        path = _PATH.fullmatch(above) or _COMMENT.match(body)
        found.append(
            Block(
                page=name(page),
                line=text.count("\n", 0, match.start()) + 1,
                language=_MARK.sub("", info),
                marks=dict(_MARK.findall(info)),
                text=body,
                path=path[1] if path else None,
            )
        )
    return found


def mistakes(block: Block) -> list[str]:
    """Give what is wrong with what a block says of itself."""
    if block.language not in MARKS:
        return [f"{block.place}: a block of {block.language or 'no language'}: see tests/specimens/pages.py"]
    unknown = block.marks.keys() - MARKS[block.language]
    wrong = [f"{block.place}: {mark} says nothing of {block.language}" for mark in unknown]
    if block.excused is not None and len(block.excused.split()) < 2:
        wrong.append(f"{block.place}: {block.excused!r} is no reason")
    return wrong


def mentioned(page: Path) -> list[str]:
    """Give each command of this repository that a page names, in its text or in a block that is not run."""
    text = page.read_text(encoding="utf-8")
    prose = _FENCE.sub("", text)
    spans = [" ".join(span.split()) for span in _CODE.findall(prose)]
    lines = [
        line.partition(" #")[0]
        for block in blocks(page)
        if block.excused is not None and block.language != "text"
        for line in block.text.replace("\\\n", " ").splitlines()
    ]
    found = [span for span in spans if re.match(r"harness [\w-]|python \w+/|make \w", span)]
    return found + [typed[1].strip() for line in lines if (typed := _TYPED.search(line))]
