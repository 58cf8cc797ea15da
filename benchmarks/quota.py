"""A run against a quota of 600 requests a minute that the harness knows only from x-ratelimit headers.

    python benchmarks/quota.py [--trials 300]

The server is a token bucket: 10 tokens come each second, `--bucket` fit in (a second's worth unless told). A
request takes one, or gets a 429 with Retry-After. The quota's own time is what a client would need that sends
each request the moment there is a token: (requests - bucket) / 10 s. All requests count, warm-up included.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from generated_project import load_note, write_project

from harness.files.bundle import load_bundle
from harness.journal import iter_records
from harness.measure.run import measure
from harness.record import Reply
from harness.rundir import JOURNAL

_PER_MINUTE = 600
_WARMUP = 3
_REPLY = json.dumps(
    {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": "m-1",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "spam"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 20, "completion_tokens": 1, "total_tokens": 21},
    }
).encode()


class Quota:
    """A token bucket behind HTTP/1.1 on loopback, in a thread of its own."""

    def __init__(self, bucket: int) -> None:
        self.bucket = bucket
        self.served = self.refused = 0
        self._tokens = float(bucket)
        self._since = time.monotonic()

    def answer(self) -> bytes:
        """Spend a token or refuse."""
        now = time.monotonic()
        rate = _PER_MINUTE / 60
        self._tokens = min(self.bucket, self._tokens + (now - self._since) * rate)
        self._since = now
        allowed = self._tokens >= 1
        if allowed:
            self._tokens -= 1
            self.served += 1
        else:
            self.refused += 1
        body = _REPLY if allowed else b'{"error":{"message":"too many requests"}}'
        head = [
            "HTTP/1.1 200 OK" if allowed else "HTTP/1.1 429 Too Many Requests",
            "content-type: application/json",
            f"content-length: {len(body)}",
            f"x-ratelimit-limit-requests: {_PER_MINUTE}",
            f"x-ratelimit-remaining-requests: {int(self._tokens)}",
            f"x-ratelimit-reset-requests: {max(0.001, (self.bucket - self._tokens) / rate):.3f}s",
        ]
        if not allowed:
            head.append(f"retry-after: {(1 - self._tokens) / rate:.3f}")
        return "\r\n".join(head).encode() + b"\r\n\r\n" + body

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = head.split(b"content-length:")[1].split(b"\r\n")[0]
                await reader.readexactly(int(length))
                writer.write(self.answer())
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@contextmanager
def serving(quota: Quota) -> Iterator[str]:
    """Serve until the end of the block; gives the base URL."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    start = asyncio.start_server(quota.connection, "127.0.0.1", 0, backlog=1024)
    server = asyncio.run_coroutine_threadsafe(start, loop).result(10)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--bucket", type=int, default=10)
    args = parser.parse_args()
    quota = Quota(args.bucket)
    with serving(quota) as url, tempfile.TemporaryDirectory() as name:
        root = Path(name)
        suite = write_project(root, url, cases=args.trials, concurrency=32, warmup=_WARMUP)
        began = time.monotonic()
        run = measure(load_bundle(suite), root / "results", processes=1)
        took = time.monotonic() - began
        records = list(iter_records(run / JOURNAL))
    failed = sum(not isinstance(record.outcome, Reply) for record in records)
    own = (args.trials + _WARMUP - args.bucket) * 60 / _PER_MINUTE
    print(f"{len(records)} trials, {failed} failed; {quota.served} requests served, {quota.refused} refused")
    met = failed == 0 and len(records) == args.trials and took <= own * 1.15
    print(f"took {took:.1f} s, the quota's own time {own:.1f} s: {took / own - 1:+.1%}", end="  ")
    print(f"{'met' if met else 'MISSED'}  [{load_note()}]")


if __name__ == "__main__":
    main()
