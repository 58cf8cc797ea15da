"""GitHub's workflow commands: an annotation on the lines of a prompt that did not pass.

A command is a line `::error file=…,line=…::message`. Whatever a value holds, it must neither end the line
nor begin another property: `%`, line breaks, `:` and `,` are written as GitHub reads them back.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.judge.documents.gate import Gate, GatedPrompt
from harness.report.neutral import one_line, shorten

LONGEST = 1_000  # characters of a message
MOST = 10  # GitHub shows so many of a kind for each step


def annotations_of(gate: Gate) -> tuple[str, ...]:
    """Give the commands, gravest first; none for prompts that passed."""
    failed = [prompt for prompt in gate.prompts if prompt.status == "FAIL"]
    unsettled = [prompt for prompt in gate.prompts if prompt.status == "INCONCLUSIVE"]
    return (
        *(_command("error", prompt) for prompt in failed[:MOST]),
        *(_command("warning", prompt) for prompt in unsettled[:MOST]),
        *_notices(gate),
    )


def _notices(gate: Gate) -> Iterator[str]:
    if gate.policy == "head":
        yield _written("warning", {"title": "Gate"}, "Judged by this branch's own policy (--policy head).")
    for edit in gate.edits[:MOST]:
        yield _written("notice", {"file": gate.suite, "title": "The policy is edited"}, edit)


def _command(kind: str, prompt: GatedPrompt) -> str:
    first, last = prompt.lines or (1, 1)
    place = {"file": prompt.path, "line": str(first), "endLine": str(last)}
    place["title"] = f"{prompt.prompt} on {prompt.model}: {prompt.status}"
    return _written(kind, place, prompt.headline)


def _written(kind: str, properties: dict[str, str], message: str) -> str:
    told = ",".join(f"{name}={_property(one_line(value))}" for name, value in properties.items())
    return f"::{kind} {told}::{_data(one_line(shorten(message, LONGEST)))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def quiet_commands(text: str) -> str:
    """Part what GitHub would take for a command of its own in text that is printed."""
    lines = [f"\u2060{line}" if line.lstrip().startswith("::") else line for line in text.split("\n")]
    return "\n".join(lines).replace("##[", "##\u2060[")
