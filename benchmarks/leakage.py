"""How long leakage takes on many cases, and how much memory: time and peak resident set of a fresh process.

    python benchmarks/leakage.py [--cases 20000] [--kind messages | long | template | equal]

`messages` are texts of 8 to 40 words with the word frequencies of English (Zipf), 1% of them near-copies;
`long` of 150 to 300 words; `template` are notices that differ in a number and a name, where every text
resembles every other; `equal` holds each text a hundred times. The bound is 20 s and 1 GB for 20,000 cases.

Measured (2026-11, two cores that others used as well), 20,000 cases each: messages (3.1 M characters) 3.9 s,
339 MB; equal 2.4 s, 282 MB; template 16 s of CPU time, 767 MB; long (29 M characters) 17.5 s, 784 MB on a
calm machine, over 60 s on one with three times as many processes as cores.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time

import numpy as np

from harness.judge.leakage.find import find_leaks
from harness.judge.table.cases import case_columns
from harness.record import CaseRow

KINDS = ("messages", "long", "template", "equal")
LABELS = ("spam", "ham")


def texts(kind: str, count: int, seed: int = 1) -> list[str]:
    """Make texts of a kind; 1% are copies of others with two words changed."""
    rng = np.random.default_rng(seed)
    letters = np.array(list("etaoinshrdlucmfwypvbgkjqxz"))
    weights = 1 / np.arange(1, 27) ** 0.7
    words = np.array(
        ["".join(rng.choice(letters, rng.integers(2, 10), p=weights / weights.sum())) for _ in range(30_000)]
    )
    frequency = 1 / np.arange(1, len(words) + 1)
    frequency /= frequency.sum()
    if kind == "template":
        return [
            f"Dear {words[rng.integers(30_000)]}, your order {rng.integers(10**9)} has been shipped and will "
            "arrive within three working days. Thank you for shopping with us."
            for _ in range(count)
        ]
    few, many = (150, 300) if kind == "long" else (8, 40)
    made = [
        " ".join(rng.choice(words, rng.integers(few, many), p=frequency))
        for _ in range(count // (100 if kind == "equal" else 1))
    ]
    if kind == "equal":
        return [text for text in made for _ in range(100)]
    for place in range(0, count - 1, 100):
        copy = made[place].split()
        copy[len(copy) // 3], copy[2 * len(copy) // 3] = "quite", "otherwise"
        made[place + 1] = " ".join(copy)
    return made


def measure(kind: str, count: int) -> None:
    """Print the figures of one kind, in this process."""
    rows = [
        CaseRow(
            id=f"c{i:06d}",
            digest="",
            expected=LABELS[i % 2],
            split="dev" if i % 3 else "holdout",
            inputs={"message": text},
        )
        for i, text in enumerate(texts(kind, count))
    ]
    cases = case_columns(rows, {label: place for place, label in enumerate(LABELS)})
    prompt = {
        "messages": [{"role": "user", "content": "Spam or ham?\n{{ message }}"}],
        "examples": [{"message": row.inputs["message"], "label": row.expected} for row in rows[:40:4]],
    }
    before = time.perf_counter()
    found = find_leaks(prompt, cases, LABELS)
    took = time.perf_counter() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    characters = sum(len(row.inputs["message"]) for row in rows) / 1e6
    print(
        f"{kind}: {count:,} cases, {characters:.1f} M characters: {took:.1f} s, peak {peak:,.0f} MB; "
        f"{len(found.cases):,} leaked, {len(found.findings):,} findings"
    )


def main() -> None:
    """Measure each kind in a process of its own, so that the peaks are its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--kind", choices=KINDS)
    asked = parser.parse_args()
    if asked.kind:
        measure(asked.kind, asked.cases)
        return
    for kind in KINDS:
        subprocess.run([sys.executable, __file__, "--kind", kind, "--cases", str(asked.cases)], check=True)


if __name__ == "__main__":
    main()
