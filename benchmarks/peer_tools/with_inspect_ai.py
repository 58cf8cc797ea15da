"""One evaluation by inspect_ai: URL, samples, calls in flight -> JSON."""

from __future__ import annotations

import json
import os
import sys
import time

from inspect_ai import Task
from inspect_ai import eval as evaluate
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.scorer import match
from inspect_ai.solver import generate


def main(url: str, samples: int, in_flight: int) -> None:
    """Evaluate and print."""
    os.environ["OPENAI_API_KEY"] = "none"
    prompt = "Is this message spam or ham? Answer with one word. message no. {}"
    dataset = MemoryDataset(
        [Sample(input=prompt.format(n), target="spam" if n % 2 else "ham", id=n) for n in range(1, samples + 1)]
    )
    task = Task(dataset=dataset, solver=generate(max_tokens=8), scorer=match())
    began = time.perf_counter()
    (log,) = evaluate(
        task,
        model="openai/m-1",
        model_base_url=url,
        model_args={"responses_api": False},
        max_connections=in_flight,
        max_samples=in_flight,
        display="none",
        log_dir="logs",
    )
    seconds = time.perf_counter() - began
    if log.status != "success" or log.samples is None:
        raise SystemExit(str(log.error))
    print(json.dumps({"seconds": seconds, "latencies_s": [sample.output.time for sample in log.samples]}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
