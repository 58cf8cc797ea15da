"""One evaluation by pydantic_evals over the official client: URL, samples, calls in flight -> JSON."""

from __future__ import annotations

import asyncio
import json
import sys
import time

from openai import AsyncOpenAI
from pydantic_evals import Case, Dataset
from pydantic_evals.evaluators import EqualsExpected


async def main(url: str, samples: int, in_flight: int) -> None:
    """Evaluate and print."""
    client = AsyncOpenAI(base_url=url, api_key="none", max_retries=0)

    async def classify(message: str) -> str:
        text = f"Is this message spam or ham? Answer with one word. {message}"
        reply = await client.chat.completions.create(
            model="m-1", messages=[{"role": "user", "content": text}], max_tokens=8
        )
        return reply.choices[0].message.content or ""

    dataset = Dataset(
        name="bench",
        cases=[
            Case(name=str(n), inputs=f"message no. {n}", expected_output="spam" if n % 2 else "ham")
            for n in range(samples)
        ],
        evaluators=[EqualsExpected()],
    )
    began = time.perf_counter()
    report = await dataset.evaluate(classify, max_concurrency=in_flight, progress=False)
    seconds = time.perf_counter() - began
    print(json.dumps({"seconds": seconds, "latencies_s": [case.task_duration for case in report.cases]}))


asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
