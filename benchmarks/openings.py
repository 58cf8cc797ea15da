"""Service p95 on every transport against 200 ms, over connections that take 300 ms to open.

    python benchmarks/openings.py [--cases 300] [--in-flight 64]

A TLS server behind a delay, in a process of its own: the handshake of each connection waits for 300 ms, each
answer for 200 ms. The truth is the server's own log of how long it had each request.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from generated_project import load_note, write_project
from native_server import quantile

from harness.files.bundle import load_bundle
from harness.journal import iter_records
from harness.measure.run import measure
from harness.record import caller_ns, service_ns
from harness.rundir import JOURNAL

OPENING_S, DELAY_S = 0.3, 0.2


async def serve(folder: Path) -> None:
    """Answer until the parent is gone, and log how long each request took here."""
    from certified import Certified
    from far import far_away
    from scripted import Answer, Request, ScriptedServer, chat_reply

    took = (folder / "took.log").open("w", buffering=1)

    async def answer(request: Request) -> Answer:
        began = time.perf_counter()
        await asyncio.sleep(DELAY_S)
        took.write(f"{request.connection} {(time.perf_counter() - began) * 1e3}\n")
        return Answer.of_json(chat_reply("spam"))

    async with (
        ScriptedServer(answer, tls=Certified(folder).server()) as server,
        far_away(server.port, opening_s=OPENING_S) as port,
    ):
        sys.stdout.write(f"{port}\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)


def measured(transport: str, folder: Path, cases: int, in_flight: int) -> str:
    """Run the harness over one transport and compare what it reports with the server's log."""
    command = [sys.executable, __file__, "--serve", str(folder)]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server,
        tempfile.TemporaryDirectory() as name,
    ):
        assert server.stdout is not None
        root, port = Path(name), int(server.stdout.readline())
        url = f"https://127.0.0.1:{port}"
        suite = write_project(root, url, cases=cases, concurrency=in_flight)
        project = json.loads(json.dumps({"transport": transport, "ca_file": str(folder / "ca.pem")}))
        text = (root / "harness.yml").read_text()
        added = "".join(f"    {key}: {value}\n" for key, value in project.items())
        (root / "harness.yml").write_text(text.replace("  m:\n", f"  m:\n{added}"))
        run = measure(load_bundle(suite), root / "results")
        server.terminate()
        records = [record for record in iter_records(run / JOURNAL) if not record.warmup]
    log = [line.split() for line in (folder / "took.log").read_text().splitlines()]
    truth = quantile([float(ms) for _, ms in log], 0.95)
    service = quantile([(service_ns(record) or 0) / 1e6 for record in records], 0.95)
    caller = quantile([(caller_ns(record) or 0) / 1e6 for record in records], 0.95)
    opened = [ns / 1e6 for record in records for a in record.attempts if (ns := a.connect_ns) is not None]
    return (
        f"{transport:<7} service p95 {service:6.1f} ms ({service / truth - 1:+.1%} of the truth, {truth:.1f})"
        f"  caller's p95 {caller:6.1f} ms  {len(opened)} calls of {len(records)} opened a connection, "
        f"{quantile(opened, 0.5):.0f} ms each; the server saw {len({c for c, _ in log})} connections"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=300)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--serve", type=Path)
    args = parser.parse_args()
    if args.serve is not None:
        asyncio.run(serve(args.serve))
        return
    from certified import certify

    with tempfile.TemporaryDirectory() as name:
        certify(Path(name))
        for transport in ("wire", "httpx", "openai"):
            print(measured(transport, Path(name), args.cases, args.in_flight), f"[{load_note()}]", flush=True)


if __name__ == "__main__":
    main()
