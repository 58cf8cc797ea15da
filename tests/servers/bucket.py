"""An object store on this machine that speaks as much of S3, and of its rivals' manners, as reading objects takes."""

from __future__ import annotations

import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

KEY_ID, SECRET = "canary-key-id-4711", "canary-secret-of-the-store-0815"


@dataclass(kw_only=True)
class Bucket:
    """What lies in a store, by `bucket/path`; what it refuses to give, and what it was asked."""

    environment: dict[str, str]
    objects: dict[str, bytes] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    overloaded: bool = False  # it answers nothing else than that
    asked: list[tuple[str, str]] = field(default_factory=list)  # method, `bucket/path`

    def upload(self, folder: Path, to: str) -> str:
        """Put the files of a folder into the store; gives its address."""
        self.objects |= {f"{to}/{file.name}": file.read_bytes() for file in folder.iterdir()}
        return f"s3://{to}"


@contextmanager
def bucket() -> Iterator[Bucket]:
    """Serve until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            name = unquote(self.path.partition("?")[0]).lstrip("/")
            found.asked.append((self.command, name))
            raw = found.objects.get(name)
            signed = KEY_ID in self.headers.get("Authorization", "")
            if found.overloaded:
                self.answer(503, b"<Error><Code>SlowDown</Code></Error>")
            elif name in found.refused or not signed:
                self.answer(403, b"<Error><Code>AccessDenied</Code></Error>")
            elif raw is None:
                self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
            else:
                self.give(raw)

        def give(self, raw: bytes) -> None:
            tag = f'"{sha256(raw).hexdigest()}"'
            if self.headers.get("If-Match", tag) != tag:
                self.answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")
                return
            kept = {"ETag": tag, "Last-Modified": "Mon, 30 Nov 2026 00:00:00 GMT"}
            if "Range" not in self.headers:
                self.answer(200, raw, kept)
                return
            first, last = self.headers["Range"].removeprefix("bytes=").split("-")
            start = int(first) if first else max(0, len(raw) - int(last))
            end = min(len(raw), int(last) + 1) if first and last else len(raw)
            if start >= end:
                self.answer(416, b"<Error><Code>InvalidRange</Code></Error>")
                return
            self.answer(206, raw[start:end], {"Content-Range": f"bytes {start}-{end - 1}/{len(raw)}", **kept})

        do_HEAD = do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815 - names of the standard library

        def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            with suppress(ConnectionError):  # who was told a size need not take it
                self.end_headers()
                self.wfile.write(b"" if self.command == "HEAD" else body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        url = f"http://127.0.0.1:{server.server_port}"
        found = Bucket(
            environment={
                "NO_PROXY": "127.0.0.1",
                **{"AWS_ENDPOINT_URL": url, "GOOGLE_BASE_URL": url, "AZURE_ENDPOINT": url},
                **{"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "c"},
                "GOOGLE_BEARER_TOKEN": f"{KEY_ID}.{SECRET}",
                **{
                    "AZURE_STORAGE_ACCOUNT_NAME": KEY_ID,
                    "AZURE_STORAGE_ACCOUNT_KEY": b64encode(SECRET.encode()).decode(),
                },
            }
        )
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield found
        finally:
            server.shutdown()
