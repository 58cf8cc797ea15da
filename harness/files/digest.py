"""Digests of content: two things with one digest would get the same replies.

Each is the BLAKE2b-128 (hex) of canonical JSON of the parsed content, so that whitespace, comments, key
order, titles and descriptions do not matter.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from urllib.parse import urlsplit

from harness.files.project import ModelEntry
from harness.files.prompts.prompt import Prompt
from harness.files.suite import Suite
from harness.record import CaseRow

_encode = json.JSONEncoder(ensure_ascii=True, sort_keys=True, separators=(",", ":"), default=str).encode


def digest(content: object) -> str:
    """Digest anything that JSON can hold."""
    return blake2b(_encode(content).encode(), digest_size=16).hexdigest()


def prompt_digest(prompt: Prompt) -> str:
    """Digest what a prompt sends: templates, examples, parameters, reply format; not its titles.

    The labels of the suite count only where a template uses them.
    """
    content = prompt.model_dump(
        mode="json",
        include={"parameters", "messages", "text", "examples", "response_format", "json_schema", "grammar"},
    )
    sources = [message.content for message in prompt.messages] + [prompt.text or ""]
    if any("labels" in source for source in sources):
        content["labels"] = list(prompt.labels)
    return digest(content)


def model_digest(entry: ModelEntry) -> str:
    """Digest what the reply may depend on: origin, model id, parameters; not transport, price or limits."""
    content = entry.model_dump(mode="json", include={"endpoint", "model", "params", "headers"})
    match entry.endpoint:
        case "local":
            content |= {"weights": entry.weights, "context": entry.context}
        case "replay":
            content |= {"replies": str(entry.replies)}
        case "http":
            parts = entry.model_dump(mode="json", include={"method", "body", "reply", "score"})
            content |= {"origin": _origin(entry.url), **parts}
        case _:
            content |= {"origin": _origin(entry.base_url)}
    return digest(content)


def _origin(url: str | None) -> str:
    parts = urlsplit(url or "")
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme.lower()}://{parts.netloc.lower()}{parts.path.rstrip('/')}{query}"


def case_digest(inputs: Mapping[str, str]) -> str:
    """Digest the inputs of a case: not its id, label, split or tags."""
    return digest(dict(inputs))


def suite_digest(suite: Suite, cases: Iterable[CaseRow]) -> str:
    """Digest what makes two runs comparable: labels, reply rule, and the cases in any order."""
    rows = sorted((case.id, case.digest, case.expected, case.split) for case in cases)
    rule = suite.reply.model_dump(mode="json")
    return digest([sorted(suite.labels), suite.positive, rule, rows])


def trial_key(prompt: str, model: str, case: str, variant: str, repeat: int) -> str:
    """Key a trial by the digests of its prompt, model and case, its variant and its repeat."""
    return digest([prompt, model, case, variant, repeat])
