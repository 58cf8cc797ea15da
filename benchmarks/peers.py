"""Other evaluation tools on the same endpoint, at the same concurrency, beside the harness in the same run.

    python benchmarks/peers.py [--python PYTHON] [--promptfoo PROGRAM] [--samples 2000]

A tool that is not installed is left out, and named. PYTHON is an interpreter that has inspect_ai or
pydantic_evals (they may live in an environment of their own); PROGRAM is promptfoo's executable.
Two questions: how many samples a second on an endpoint that answers at once (64 in flight), and which median
latency the tool reports for an endpoint that takes exactly 200 ms (256 in flight).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from generated_project import PROMPT, load_note, write_project
from native_server import DELAY_S, latencies_ms, native_server, quantile

from harness.files.bundle import load_bundle
from harness.measure.run import measure

TOOLS = Path(__file__).parent / "peer_tools"


@dataclass(frozen=True)
class Outcome:
    """Samples a second of a whole evaluation, and the latencies that it reports."""

    per_second: float
    latencies_ms: list[float]


Evaluate = Callable[[str, int, int], Outcome]


def with_harness(url: str, samples: int, in_flight: int) -> Outcome:
    """Measure a suite."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        bundle = load_bundle(write_project(root, url, cases=samples, concurrency=in_flight))
        began = time.perf_counter()
        run = measure(bundle, root / "results")
        return Outcome(samples / (time.perf_counter() - began), latencies_ms(run))


def with_python_tool(python: str, script: str) -> Evaluate:
    """Give the evaluation by a script of `peer_tools`, which prints what it saw as JSON."""

    def evaluate(url: str, samples: int, in_flight: int) -> Outcome:
        command = [python, str(TOOLS / script), f"{url}/v1", str(samples), str(in_flight)]
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=900, check=False)
        if done.returncode:
            raise SystemExit(f"{script}: {done.stderr[-2000:]}")
        seen = json.loads(done.stdout.splitlines()[-1])
        return Outcome(samples / seen["seconds"], [s * 1e3 for s in seen["latencies_s"]])

    return evaluate


def with_promptfoo(program: str) -> Evaluate:
    """Give the evaluation by promptfoo's command line; its time includes its start, as its users' does."""

    def evaluate(url: str, samples: int, in_flight: int) -> Outcome:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "c.json").write_text(json.dumps(_promptfoo_config(url, samples)))
            command = [program, "eval", "-c", "c.json", "-j", str(in_flight), "--no-cache", "-o", "out.json"]
            quiet = {"PROMPTFOO_DISABLE_TELEMETRY": "1", "PROMPTFOO_DISABLE_UPDATE": "1"}
            home = {"PROMPTFOO_CONFIG_DIR": name, "OPENAI_API_KEY": "none"}
            began = time.perf_counter()
            done = subprocess.run(
                [*command, "--no-progress-bar", "--no-table", "--no-write"],
                env={**os.environ, **quiet, **home},
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=900,
                check=False,
            )
            took = time.perf_counter() - began
            if not (folder / "out.json").exists():
                raise SystemExit(f"promptfoo: {done.stdout[-1000:]}{done.stderr[-1000:]}")
            rows = json.loads((folder / "out.json").read_text())["results"]["results"]
            return Outcome(samples / took, [float(row["latencyMs"]) for row in rows])

    return evaluate


def _promptfoo_config(url: str, samples: int) -> dict[str, object]:
    return {
        "prompts": [PROMPT],
        "providers": [{"id": "openai:chat:m-1", "config": {"apiBaseUrl": f"{url}/v1", "max_tokens": 8}}],
        "tests": [
            {
                "vars": {"message": f"message no. {n}"},
                "assert": [{"type": "equals", "value": "spam" if n % 2 else "ham"}],
            }
            for n in range(samples)
        ],
    }


def installed(python: str, promptfoo: str | None) -> dict[str, Evaluate]:
    """Give the tools that are here; say which are not."""
    found: dict[str, Evaluate] = {"harness": with_harness}
    for module in ("inspect_ai", "pydantic_evals"):
        tried = subprocess.run([python, "-c", f"import {module}, openai"], capture_output=True, check=False)
        if tried.returncode == 0:
            found[module] = with_python_tool(python, f"with_{module}.py")
        else:
            print(f"{module} is not installed in {Path(python).name}: left out")
    if promptfoo:
        found["promptfoo"] = with_promptfoo(promptfoo)
    else:
        print("promptfoo is not installed: left out")
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--promptfoo", default=shutil.which("promptfoo"))
    parser.add_argument("--samples", type=int, default=2000)
    args = parser.parse_args()
    print(load_note())
    rates: dict[str, float] = {}
    with native_server() as server:
        for name, evaluate in installed(args.python, args.promptfoo).items():
            fast = evaluate(server.instant, args.samples, 64)
            slow = evaluate(server.slow, args.samples, 256)
            rates[name] = fast.per_second
            median = quantile(slow.latencies_ms, 0.5)
            print(
                f"{name:<15} {fast.per_second:>7,.0f} samples/s  {fast.per_second / rates['harness']:.3f} of "
                f"harness   reports a median of {median:>7,.0f} ms for {DELAY_S * 1e3:.0f} ms "
                f"({median / (DELAY_S * 1e3) - 1:+.0%})  [{load_note()}]",
                flush=True,
            )


if __name__ == "__main__":
    main()
