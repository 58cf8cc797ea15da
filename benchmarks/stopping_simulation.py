"""Stopping early: cases asked, and how often the verdict is another one than the whole suite's.

    python benchmarks/stopping_simulation.py [--suites 500] [--orders 2000] [--only replay|population|edge|replayed]

`replay` draws suites of 400 cases from a population (accuracy >= 90% asked, delta 1%, a look every 5 cases) and has the
endpoint `replay` answer each twice, all of it and with a stop; both runs are judged from their journals as the command
does, and the two verdicts of a suite are counted together. `population` draws more of them, at more truths, without
runs, then with three checks at once. `edge` asks one suite in many orders, its hits at the edge of passing: how often
the stopped verdict contradicts it (at most delta). `replayed`: the project's own suites, their cases drawn to 400 or
600 with each label as often (as they are, they can't pass the default policy): recorded models near the thresholds
answer them, the whole run is judged, and the same replies are asked in many orders under all checks of the default
policy, with one repeat and with three. All through the code that stops a run; no network, one core.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import yaml

from harness.cli.measured import stopper_of
from harness.files.bundle import load_bundle
from harness.files.suite.policy import default_thresholds
from harness.files.suite import StopRule, Suite
from harness.files.thresholds import metric_of, parse_threshold
from harness.journal import iter_records
from harness.judge.assess import assess_run
from harness.judge.checks import Stopper, evidence
from harness.judge.checks.evidence import Case, Evidence, Said
from harness.judge.checks.settling import Settled, Settling
from harness.judge.checks.stopper import settling
from harness.judge.scores.settling import cuts
from harness.measure.run import measure

N, REQUIRED = 400, 0.9
THREE = ("accuracy >= 90%", "recall[a] >= 90%", "latency.p95 <= 1 s")
RULE = StopRule.model_validate({"delta": 0.01, "every": 5, "from": 5})
CASES = [Case(f"c{n:03}", n % 2) for n in range(N)]


def asked(right: Sequence[bool], seed: int, *thresholds: str) -> Settled | None:
    """Ask the cases in one order until the verdict is settled; None when it never was."""
    suite = Suite.model_validate({"name": "s", "labels": ["a", "b"], "cases": "c", "repeats": 1, "seed": seed})
    made = settling(suite, CASES, [parse_threshold(text, labels=("a", "b")) for text in thresholds], RULE)
    for case in made.order:
        number = int(case[1:])
        predicted = number % 2 if right[number] else 1 - number % 2
        if (found := made.take(case, 0, Said(predicted, predicted, "label", 0.1))) is not None:
            return found
    return None


def population(truth: float, suites: int, rng: np.random.Generator, *thresholds: str) -> str:
    """Draw suites and ask them."""
    passes = cuts(N, REQUIRED).passes
    cases, ready, whole = [], 0, 0
    for seed in range(suites):
        right = rng.random(N) < truth
        found = asked(right, seed, *thresholds)
        cases.append(N if found is None else found.asked)
        ready += found is not None and found.ready
        whole += int(right.sum()) >= passes
    fixed = f"  all cases: PASS {whole / suites:.1%}" if len(thresholds) == 1 else ""
    return f"true {truth:.2f}: stopped READY {ready / suites:6.1%} after {np.mean(cases):5.1f} cases on average{fixed}"


def contradicted(hits: int, orders: int, rng: np.random.Generator) -> str:
    """Ask one suite in many orders."""
    right = np.zeros(N, dtype=bool)
    right[rng.permutation(N)[:hits]] = True
    ready = hits >= cuts(N, REQUIRED).passes
    found = [asked(right, seed, THREE[0]) for seed in range(orders)]
    wrong = sum(one is not None and one.ready is not ready for one in found)
    whole = "passes" if ready else "does not pass"
    return f"{hits} of {N} right ({whole}): contradicted in {wrong / orders:.2%} of {orders:,} orders"


def through_replay(truth: float, suites: int) -> str:
    """Draw suites, have each answered whole and stopped, and judge both runs."""
    rng, asked, sent = np.random.default_rng([2, round(100 * truth)]), [], []
    passed = Counter[tuple[bool, bool]]()
    rows = [{"id": case.id, "message": case.id, "expected": "ab"[case.expected]} for case in CASES]
    suite = {"name": "s", "labels": ["a", "b"], "thresholds": [THREE[0]], "repeats": 1, "stop": {"every": 5, "from": 5}}
    for seed in range(suites):
        said = ["ab"[case.expected ^ (rng.random() >= truth)] for case in CASES]
        replies = [{"case": row["id"], "reply": reply} for row, reply in zip(rows, said, strict=True)]
        with TemporaryDirectory() as folder:
            bundle = load_bundle(_written(Path(folder), {**suite, "seed": seed}, rows, replies))
            whole = assess_run(measure(bundle, Path(folder) / "whole"))
            run = measure(bundle, Path(folder) / "stopped", stopper=stopper_of(bundle))
            stopped = assess_run(run)
            sent.append(sum(1 for _ in iter_records(run / "journal.jsonl")))
        early = stopped.candidates[0].settled
        passed[whole.verdict == "READY", stopped.verdict == "READY"] += 1
        asked.append(N if early is None else early.asked)
    more, fewer, both = (passed[kind] / suites for kind in ((False, True), (True, False), (True, True)))
    told = f"true {truth:.2f}, {suites} suites through replay: {fewer + both:.1%} READY when all cases are asked"
    took = f"after {np.mean(asked):.1f} cases on average, {np.mean(sent):.1f} sent"
    return f"{told}, {more + both:.1%} stopped ({more:.1%} READY only then, {fewer:.1%} not any more) {took}"


def _written(
    root: Path, suite: dict[str, object], rows: Sequence[dict[str, str]], replies: Iterable[Mapping[str, object]]
) -> Path:
    """Write a suite whose recorded model has these replies."""
    (root / "cases.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (root / "replies.jsonl").write_text("\n".join(map(json.dumps, replies)))
    (root / "harness.yml").write_text("models: {m: {endpoint: replay, replies: replies.jsonl}}")
    (root / "p.prompt.yml").write_text("messages: [{role: user, content: '{{ message }}'}]")
    named = {"cases": "cases.jsonl", "prompts": ["p.prompt.yml"], "models": ["m"]}
    (root / "s.suite.yml").write_text(yaml.safe_dump(suite | named))
    return root / "s.suite.yml"


REAL = {"sms_spam": 400, "payment_fraud": 400, "support_intent": 600}  # suites of this project, and cases taken
RIGHT = (0.88, 0.95, 0.985)  # far below, at the edge of, and above the default policy


def replayed(name: str, repeats: int, right: float, orders: int, rng: np.random.Generator) -> str:
    """Judge a suite's cases answered by a recorded model, then ask them in many orders."""
    with TemporaryDirectory() as folder:
        root, suites = Path(folder), Path(__file__).parents[1] / "suites"
        written = yaml.safe_load((suites / f"{name}.suite.yml").read_text())
        labels = written["labels"]
        rows = [json.loads(line) for line in (suites / f"{name}.jsonl").read_text().splitlines()]
        of = {label: [row for row in rows if row["expected"] == label] for label in labels}
        turns = [of[labels[n % len(labels)]] for n in range(REAL[name])]
        drawn = [turn[int(rng.integers(len(turn)))] for turn in turns]
        rows = [{"id": f"c{n:03}", "message": "x", "expected": row["expected"]} for n, row in enumerate(drawn)]
        kept = {key: written[key] for key in ("labels", "positive", "priority") if key in written}
        suite = {"name": name, "cases": "cases.jsonl", "prompts": ["p.prompt.yml"], "models": ["m"], **kept}
        demands = default_thresholds(Suite.model_validate({**suite, "repeats": repeats}), ())
        demands = tuple(each for each in demands if not metric_of(each.metric).earlier)
        suite |= {"repeats": repeats, "thresholds": [each.text for each in demands]}
        bundle = load_bundle(_written(root, suite, rows, _replies(rows, labels, repeats, right, rng)))
        run = measure(bundle, root / "results")
        whole = assess_run(run).verdict
        records = {(one.case, one.repeat): one for one in iter_records(run / "journal.jsonl")}
    reader = Stopper(bundle.suite, bundle.cases, bundle.thresholds, StopRule(), {})
    said = {trial: reader._said(record) for trial, record in records.items()}  # read once, not 2,000 times
    begun = settling(bundle.suite, reader._cases, bundle.thresholds, StopRule())._weighed
    asked, wrong = [], 0
    for seed in range(orders):
        made = Settling(reader._cases, _anew(begun), rule=StopRule(), repeats=repeats, seed=seed)
        ended = None
        for case in made.order:
            for repeat in range(repeats):
                ended = made.take(case, repeat, said[case, repeat]) or ended
            if ended is not None:
                break
        asked.append(len(rows) if ended is None else ended.asked)
        wrong += ended is not None and ended.asked < ended.of and ended.ready is not (whole == "READY")
    told = f"{name}, {len(demands)} checks, {repeats} x {len(rows)} cases, {right:.0%} right"
    return f"{told}: {whole}, contradicted in {wrong / orders:.2%} of {orders:,} orders, {np.mean(asked):.0f} asked"


def _anew(weighed: Mapping[str, Evidence | None]) -> dict[str, Evidence | None]:
    """Forget what evidence was taken, and keep what was worked out of the suite before."""
    return {name: None if each is None else replace(each, **_empty(each)) for name, each in weighed.items()}


def _empty(each: Evidence) -> dict[str, list[object]]:
    return {one.name: [] for one in fields(each) if one.default_factory is list}


def _replies(
    rows: Sequence[dict[str, str]], labels: Sequence[str], repeats: int, right: float, rng: np.random.Generator
) -> Iterator[dict[str, object]]:
    """Answer as a model does that is nearly always right on most cases, and unsure of the others."""
    for row in rows:
        sure = rng.random() < 0.8
        chance = right if repeats == 1 else right + (1 - right) * (0.9 if sure else -3.6)
        for repeat in range(repeats):
            others = [label for label in labels if label != row["expected"]]
            said = row["expected"] if rng.random() < chance else others[int(rng.integers(len(others)))]
            yield {"case": row["id"], "repeat": repeat, "reply": said, "latency_s": float(rng.lognormal(-1.2, 0.4))}


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--suites", type=int, default=500)
    parser.add_argument("--orders", type=int, default=2000)
    parser.add_argument("--only", choices=("replay", "population", "edge", "replayed"))
    parser.add_argument("--names", nargs="*", choices=REAL, default=list(REAL), help="of `replayed`")
    parser.add_argument("--truths", type=float, nargs="*", default=[0.96, 0.8], help="of `replay`")
    parser.add_argument("--right", type=float, nargs="*", default=list(RIGHT), help="of `replayed`")
    parser.add_argument("--repeats", type=int, nargs="*", default=[1, 3], help="of `replayed`")
    options = parser.parse_args()
    for name in ("look_at_hits", "look_at_predictions"):  # of whole numbers alone: the same in many orders
        setattr(evidence, name, lru_cache(maxsize=1 << 18)(getattr(evidence, name)))
    rng = np.random.default_rng(1)
    if options.only in {None, "replay"}:
        for truth in options.truths:
            print(through_replay(truth, options.suites), flush=True)
    if options.only in {None, "population"}:
        for truth in (0.80, 0.85, 0.90, 0.93, 0.96, 0.99):
            print(population(truth, options.suites, rng, THREE[0]), flush=True)
        print("three checks:", ", ".join(THREE))
        for truth in (0.80, 0.97):
            print(population(truth, options.suites, rng, *THREE), flush=True)
    if options.only in {None, "edge"}:
        edge = cuts(N, REQUIRED).passes
        for hits in (edge - 1, edge):
            print(contradicted(hits, options.orders, rng), flush=True)
    if options.only in {None, "replayed"}:
        for name in options.names:
            for repeats in options.repeats:
                for right in options.right:
                    drawn = np.random.default_rng([1, list(REAL).index(name), repeats, round(1000 * right)])
                    print(replayed(name, repeats, right, options.orders, drawn), flush=True)


if __name__ == "__main__":
    main()
