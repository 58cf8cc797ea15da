"""A run on disk for a benchmark of judging: its manifest and a journal of as many trials as wanted.

The lines are what a chat endpoint leaves: usage, server time, request ids, retries and
failures here and there. Most replies are the bare label, one in thirty is a sentence of its own.
"""

from __future__ import annotations

import json
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "specimens"))

from run_of import candidate, manifest_of

from harness.journal import SCHEMA_VERSION
from harness.rundir import JOURNAL, Manifest, write_manifest

REPEATS = 3
_RUN = "20260101T000000Z-bench-000000"
_CANDIDATE = "short@mini"
_BLOCK = 10_000
_WORDS = (
    "account answer balance before book call change city code customer deliver evening form friend "
    "garden hotel invoice letter market minute name order parcel password phone price question "
    "refund send street ticket train visit week winner year"
)


def write_run(results: Path, trials: int, labels: tuple[str, ...], *, seed: int = 1) -> Path:
    """Write a run of trials / 3 cases, each asked three times, and give its folder."""
    folder = results / _RUN
    folder.mkdir(parents=True)
    cases = trials // REPEATS
    write_manifest(folder, _manifest(labels, cases * REPEATS))
    rng = np.random.default_rng(seed)
    expected = rng.choice(len(labels), cases, p=_shares(len(labels)))
    with (folder / JOURNAL).open("wb") as journal:
        for seq, event in enumerate(_events(rng, labels, expected)):
            rest = f'"seq":{seq},"event":{event}}}'.encode("ascii")
            journal.write(b'{"crc":"%08x",%b\n' % (zlib.crc32(rest), rest))
    return folder


def _shares(labels: int) -> np.ndarray:
    """Give the second label most of the cases, as `legit` or `ham` has."""
    share = np.full(labels, 0.3 if labels == 2 else 0.5 / (labels - 1))
    share[1] = 1 - share[0] * (labels - 1)
    return share


def _manifest(labels: tuple[str, ...], planned: int) -> Manifest:
    model = {
        "endpoint": "chat",
        "base_url": "https://api.example.com/v1",
        "model": "mini-1",
        "price": {"input": 0.4, "output": 1.6},
    }
    messages = [{"role": "user", "content": "Spam or ham? {{ message }}"}]
    made = manifest_of(
        labels,
        planned=planned,
        repeats=REPEATS,
        candidates=[msgspec.structs.replace(candidate(_CANDIDATE, messages=messages), model=model)],
        positive=labels[0],
        priority="recall",
        prevalence={labels[0]: 0.02},
        costs={"missed": 50.0, "false_alarm": 0.5},
    )
    return msgspec.structs.replace(made, run_id=_RUN)


def _events(rng: np.random.Generator, labels: tuple[str, ...], expected: np.ndarray) -> Iterator[str]:
    cases = len(expected)
    yield json.dumps({"type": "header", "schema_version": SCHEMA_VERSION, "run_id": _RUN})
    yield from _cases(rng, labels, expected)
    began = {"type": "session", "at_utc": "2026-01-01T00:00:00+00:00", "event": "started", "planned": cases * 3}
    yield json.dumps(began)
    yield from _trials(rng, labels, expected)
    load = {"lag_p50_ns": 90_000, "lag_p99_ns": 2_000_000, "lag_max_ns": 9_000_000}
    yield json.dumps({"type": "interference", **load, "cpu_share": 0.3, "samples": 90_000})
    yield json.dumps({"type": "session", "at_utc": "2026-01-02T00:00:00+00:00", "event": "finished"})


def _cases(rng: np.random.Generator, labels: tuple[str, ...], expected: np.ndarray) -> Iterator[str]:
    words = np.array(_WORDS.split(" "))
    for begin in range(0, len(expected), _BLOCK):
        block = expected[begin : begin + _BLOCK]
        texts = words[rng.integers(0, len(words), (len(block), 16))]
        for row, label in enumerate(block.tolist()):
            case = begin + row
            split = "holdout" if case % 5 == 0 else "dev"
            tags = json.dumps([("short", "long")[case % 2], ("bank", "friends", "shop", "travel")[case % 4]])
            yield (
                f'{{"type":"case","id":"case-{case:07d}","digest":"{case:032x}","expected":"{labels[label]}",'
                f'"split":"{split}","tags":{tags},"inputs":{{"message":"{" ".join(texts[row])} {case}"}}}}'
            )


def _trials(rng: np.random.Generator, labels: tuple[str, ...], expected: np.ndarray) -> Iterator[str]:
    """Give the trials in random order, as concurrent calls end."""
    skill = rng.beta(9, 1, len(expected))  # a case is easy or hard in all its repeats
    order = rng.permutation(len(expected) * REPEATS)
    for begin in range(0, len(order), _BLOCK):
        block = order[begin : begin + _BLOCK]
        case = block // REPEATS
        right = rng.random(len(block)) < skill[case]
        other = (expected[case] + rng.integers(1, len(labels), len(block))) % len(labels)
        said = np.where(right, expected[case], other)
        took = (rng.lognormal(-1.2, 0.4, len(block)) * 1e9).astype(np.int64)
        luck = rng.random(len(block))
        for row in range(len(block)):
            yield _trial(begin + row, int(block[row]), labels[said[row]], int(took[row]), float(luck[row]))


def _trial(number: int, trial: int, said: str, took: int, luck: float) -> str:
    case, repeat = divmod(trial, REPEATS)
    second = f'"attempts":[{{"duration_ns":{took},"rate_limit_ns":{40_000 + number % 977},'
    attempts = f'{second}"first_byte_ns":{took - 80_000},"status":200}}]'
    if luck < 0.003:
        failure = '{"type":"failure","kind":"server_error","message":"503 from the endpoint","status":503}'
        outcome = failure
        attempts = f'"attempts":[{{"duration_ns":{took},"status":503,"failure":{failure}}}]'
    else:
        text = f"This looks like {said}, see line {number} of it." if luck < 0.036 else said
        outcome = (
            f'{{"type":"reply","text":"{text}","finish_reason":"stop","usage":{{"input":{60 + case % 40},'
            f'"output":2}},"served_model":"mini-1","fingerprint":"fp_44709d6fcb",'
            f'"request_id":"chatcmpl-{number:032x}","server_ns":{took - 900_000}}}'
        )
        if luck > 0.99:
            late = '{"type":"failure","kind":"rate_limited","message":"429","status":429}'
            first = f'{{"duration_ns":9000000,"status":429,"failure":{late}}}'
            waited = f'"backoff_ns":500000000,"first_byte_ns":{took - 80_000}'
            again = f'{{"duration_ns":{took},{waited},"status":200}}'
            attempts = f'"attempts":[{first},{again}]'
    at = divmod(number * 997, 1_000_000)
    clock = f"{at[0] // 3600:02d}:{at[0] // 60 % 60:02d}:{at[0] % 60:02d}.{at[1]:06d}"
    again = f'"repeat":{repeat},' if repeat else ""
    return (
        f'{{"type":"trial","key":"{trial * 2654435761 % 2**128:032x}","case":"case-{case:07d}",'
        f'"candidate":"{_CANDIDATE}",{again}"outcome":{outcome},{attempts},"queue_ns":{3000 + number % 511},'
        f'"own_ns":{270_000 + number % 4093},"started_utc":"2026-01-01T{clock}+00:00","in_flight":64}}'
    )
