"""A provider's batches on loopback, in OpenAI's protocol or Anthropic's, with what can go wrong with them.

Batches(reply) is a script for a `ScriptedServer`; `reply` gives the text for the last message of a request.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import parse_qs, urlsplit

from scripted import Answer, Request, chat_reply

Line: TypeAlias = dict[str, Any]


@dataclass
class Made:
    """A batch that was made."""

    id: str
    lines: list[Line]
    metadata: dict[str, str] | None
    file: str
    polls: int = 0
    status: str = "completed"  # what it will be once it was asked for often enough
    errors: list[Line] = field(default_factory=list)  # of one that failed


def spam_or_ham(text: str) -> str:
    """Answer as expected: odd numbers are spam."""
    return "spam" if int(text.rpartition(" ")[2]) % 2 else "ham"


@dataclass
class Batches:
    """Serves batches; every fault is taken from its list once."""

    reply: Callable[[str], str] = spam_or_ham
    anthropic: bool = False
    busy: int = 0  # polls of each batch before it is over
    keeps_metadata: bool = True
    uploads: deque[Answer | None] = field(default_factory=deque)  # None: as usual
    creates: deque[Answer | None] = field(default_factory=deque)
    lost: deque[Answer | None] = field(default_factory=deque)  # answers to batches that are made all the same
    polls: deque[Answer | None] = field(default_factory=deque)
    fetches: deque[Callable[[bytes], Answer] | None] = field(default_factory=deque)
    statuses: deque[tuple[str, list[Line]] | None] = field(default_factory=deque)  # of the batches, as they are made
    results: deque[Callable[[list[Line]], Iterable[Line | bytes]] | None] = field(default_factory=deque)
    on_create: Callable[[str], None] = lambda _: None  # hears `before` and `after` a batch is made
    on_poll: Callable[[Made], None] = lambda _: None
    made: list[Made] = field(default_factory=list)
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    answered: dict[str, bytes] = field(default_factory=dict)  # results by batch
    synchronous: int = 0  # calls that were not in a batch

    def __call__(self, request: Request) -> Answer:  # noqa: PLR0911 - a row a route
        path = urlsplit(request.path).path.removeprefix("/v1")
        match request.method, [part for part in path.split("/") if part]:
            case "POST", ["files"]:
                return self._uploaded(request)
            case "GET", ["files", name, "content"]:
                return self._content(name)
            case "GET", ["files", name]:
                return Answer.of_json({"id": name, "filename": self.files[name][0]})
            case "POST", ["batches"] | ["messages", "batches"]:
                return self._created(request)
            case "GET", ["batches"] | ["messages", "batches"]:
                return self._listed(parse_qs(urlsplit(request.path).query))
            case "GET", ["messages", "batches", name, "results"]:
                return self._content(f"out-{name}")
            case "GET", ["batches", name] | ["messages", "batches", name]:
                return self._polled(name)
            case _:
                self.synchronous += 1
                (*_, last) = request.json()["messages"]
                return Answer.of_json(self._body(self.reply(last["content"])))

    @property
    def asked(self) -> list[str]:
        """The ends of the custom_ids of every line that was taken, without their batch."""
        return [line["custom_id"].partition("-")[2] for made in self.made for line in made.lines]

    def _uploaded(self, request: Request) -> Answer:
        if (fault := _next(self.uploads)) is not None:
            return fault
        edge = re.search(r"boundary=(\w+)", request.headers["content-type"])
        assert edge is not None
        part = request.body.split(b"--" + edge[1].encode())[2]
        head, _, content = part.partition(b"\r\n\r\n")
        filename = re.search(rb'filename="([^"]+)"', head)
        assert filename is not None
        name = f"file-{len(self.files)}"
        self.files[name] = (filename[1].decode(), content.removesuffix(b"\r\n"))
        return Answer.of_json({"id": name, "object": "file"})

    def _created(self, request: Request) -> Answer:
        if (fault := _next(self.creates)) is not None:
            return fault
        asked = request.json()
        if self.anthropic:
            lines, file, metadata = asked["requests"], "", None
        else:
            file = asked["input_file_id"]
            lines = [json.loads(line) for line in self.files[file][1].splitlines()]
            metadata = asked["metadata"] if self.keeps_metadata else None
        assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", line["custom_id"]) for line in lines)
        assert len({line["custom_id"] for line in lines}) == len(lines)
        self.on_create("before")
        status, errors = _next(self.statuses) or ("completed", [])
        self.made.append(Made(f"batch_{len(self.made)}", lines, metadata, file, status=status, errors=errors))
        self.on_create("after")
        return _next(self.lost) or Answer.of_json(self._about(self.made[-1]))

    def _listed(self, query: dict[str, list[str]]) -> Answer:
        newest = self.made[::-1]
        after = (query.get("after") or query.get("after_id") or [""])[0]
        if after:
            newest = newest[1 + [made.id for made in newest].index(after) :]
        page = newest[:2]  # small pages, so that there are several
        for made in page:
            made.polls += 1
        about = [self._about(made) for made in page]
        return Answer.of_json({"object": "list", "data": about, "has_more": len(newest) > len(page)})

    def _polled(self, name: str) -> Answer:
        if (fault := _next(self.polls)) is not None:
            return fault
        found = [made for made in self.made if made.id == name]
        if not found:
            return Answer.of_json({"error": {"message": f"No batch found with id {name!r}."}}, status=404)
        found[0].polls += 1
        self.on_poll(found[0])
        return Answer.of_json(self._about(found[0]))

    def _about(self, made: Made) -> dict[str, Any]:
        over = made.polls > self.busy
        if over and made.id not in self.answered and made.status != "failed":
            self._answer(made)
        ready, total = len(self.answered.get(made.id, b"").splitlines()), len(made.lines)
        if self.anthropic:
            counts = {"processing": 0 if over else total, "succeeded": total if over else 0, "errored": 0}
            return {
                "id": made.id,
                "processing_status": "ended" if over else "in_progress",
                "request_counts": {**counts, "canceled": 0, "expired": 0},
                "created_at": "2099-01-01T00:00:00Z",
                "results_url": "http://127.0.0.1:1/elsewhere",
                "cancel_initiated_at": None,
            }
        return {
            "id": made.id,
            "status": made.status if over else "in_progress",
            "input_file_id": made.file,
            "output_file_id": f"out-{made.id}" if over and made.status != "failed" else None,
            "error_file_id": None,
            "errors": {"data": made.errors} if over and made.errors else None,
            "request_counts": {"total": total, "completed": ready if over else 0, "failed": 0},
            "created_at": 4_000_000_000,
            "metadata": made.metadata,
        }

    def _answer(self, made: Made) -> None:
        lines = [self._line(line) for line in made.lines]
        change = _next(self.results)
        changed = lines if change is None else change(lines)
        self.answered[made.id] = b"".join(
            each if isinstance(each, bytes) else json.dumps(each).encode() + b"\n" for each in changed
        )

    def _line(self, line: Line) -> Line:
        body = line["params" if self.anthropic else "body"]
        (*_, last) = body["messages"]
        said = self._body(self.reply(last["content"]))
        if self.anthropic:
            return {"custom_id": line["custom_id"], "result": {"type": "succeeded", "message": said}}
        assert "stream" not in body
        response = {"status_code": 200, "request_id": "r", "body": said}
        return {"id": "x", "custom_id": line["custom_id"], "response": response, "error": None}

    def _body(self, text: str) -> dict[str, Any]:
        if not self.anthropic:
            return chat_reply(text)
        content = [{"type": "text", "text": text}]
        usage = {"input_tokens": 11, "output_tokens": 1}
        return {"type": "message", "role": "assistant", "content": content, "stop_reason": "end_turn", "usage": usage}

    def _content(self, name: str) -> Answer:
        content = self.answered[name.removeprefix("out-")]
        change = _next(self.fetches)
        return (
            Answer(body=content, headers={"content-type": "application/jsonl"}) if change is None else change(content)
        )


def _next(faults: deque[Any]) -> Any:
    return faults.popleft() if faults else None
