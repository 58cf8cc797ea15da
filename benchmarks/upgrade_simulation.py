"""Simulates changes of model: how often `upgrade` refuses an equal one, finds a loss, or lets a loss through.

    python benchmarks/upgrade_simulation.py [--pairs 500] [--cases 600] [--only equal|loss|margin|labels|few]

Each pair is one prompt on an old and a new model, both measured interleaved through the endpoint `replay` by the
engine of every run, then judged as `harness upgrade` judges: thresholds on the new model, no worse than the old
one by 2 points in accuracy, in the headline figures and for every label. A case has a chance of its own of a
right answer (beta, mean .92, two answers correlate by .5); one in five is spam.

- equal: both models have the same chances. At most 5.5% may be told DON'T SWITCH.
- loss: the new model's are lower by 5 points. At least 93% should be told DON'T SWITCH.
- margin: lower by the margin of 2 points. At most 5.5% may be told SWITCH.
- labels: 200 sets of cases; the labels of those on which the models disagree, alone, must give the very result
  that all labels give.
- few: figures of labels with few cases, at a true loss of exactly their margin; each PASSes in at most 5.5%.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "specimens"))

from run_of import case_row, manifest_of, record, replayed

from harness.files.bundle import Bundle, load_bundle
from harness.judge.assess import views_of
from harness.judge.checks import check
from harness.judge.compare import Demand
from harness.judge.compare.agreement import agreement
from harness.judge.compare.no_worse import no_worse
from harness.judge.compare.upgrade import upgrade_verdict
from harness.judge.pairs import pair
from harness.judge.scores import wilson
from harness.judge.table.read import tabulate
from harness.judge.view import RunView, View
from harness.measure.run import measure
from harness.record import Event

ACCURACY, STRENGTH, SPAM_SHARE, MARGIN = 0.92, 1.0, 0.2, 0.02
LOSSES = {"equal": 0.0, "loss": 0.05, "margin": MARGIN}
SUITE = """
name: simulated
labels: [spam, ham]
positive: spam
cases: cases.jsonl
prompts: [v1.prompt.yml]
models: [old]
reply: {as: exact}
repeats: 1
thresholds: [accuracy >= 75%, 'recall[spam] >= 60%', failures <= 5%]
"""
WORLDS: dict[str, tuple[int, ...]] = {  # cases of each label
    "2 x 20": (20, 20),
    "15 + 105": (15, 105),
    "six unequal": (60, 30, 15, 6, 3, 2),
    "30 x 3": (3,) * 30,
    "2 x 150": (150, 150),
    "60 + 540": (60, 540),
}
FEW_MARGIN = 0.05
ALIKE = 0.5  # how often both models draw the same lot for a case


def demand(margin: float = MARGIN) -> Demand:
    """Ask as the command does by itself."""
    return Demand(margin=margin, label_margin=margin, confidence=0.95)


def write_project(root: Path, rng: np.random.Generator, *, cases: int, loss: float) -> Bundle:
    """Write a suite with a recording of both models."""
    expected = [str(label) for label in np.where(rng.random(cases) < SPAM_SHARE, "spam", "ham")]
    rows = [{"id": f"c{i}", "message": f"no. {i}", "expected": label} for i, label in enumerate(expected)]
    (root / "cases.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    chance = rng.beta(ACCURACY * STRENGTH, (1 - ACCURACY) * STRENGTH, cases)
    entries = []
    for model, kept in (("old", 1.0), ("new", 1 - loss / ACCURACY)):
        right = rng.random(cases) < chance * kept
        replies = [label if right[i] else "ham" if label == "spam" else "spam" for i, label in enumerate(expected)]
        lines = [{"case": f"c{i}", "reply": reply, "latency_s": 0.2} for i, reply in enumerate(replies)]
        (root / f"{model}.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
        entries.append(f"  {model}: {{endpoint: replay, replies: {model}.jsonl}}")
    (root / "harness.yml").write_text("\n".join(["models:", *entries, "results: results"]))
    (root / "v1.prompt.yml").write_text("messages: [{role: user, content: '{{ message }}'}]")
    (root / "s.suite.yml").write_text(SUITE)
    return load_bundle(root / "s.suite.yml", models=["old", "new"])


def measured(rng: np.random.Generator, *, cases: int, loss: float) -> tuple[View, View, Bundle]:
    """Measure both models through the endpoint `replay`."""
    with tempfile.TemporaryDirectory() as folder:
        bundle = write_project(Path(folder), rng, cases=cases, loss=loss)
        views = views_of(measure(bundle, Path(folder) / "results"))
    return views["v1@old"], views["v1@new"], bundle


def verdicts(rng: np.random.Generator, *, pairs: int, cases: int, loss: float) -> Counter[str]:
    """Judge changes of model as the command does: every threshold on new, and every question of no worse."""
    said: Counter[str] = Counter()
    for _ in range(pairs):
        old, new, bundle = measured(rng, cases=cases, loss=loss)
        held = [check(new, threshold, None).status for threshold in bundle.thresholds]
        said[upgrade_verdict([*held, *(one.status for one in no_worse(pair(old, new), demand()))])] += 1
    return said


def both(
    labels: Sequence[str], expected: Sequence[int], answers: Sequence[Sequence[int]], known: set[int] | None = None
) -> tuple[View, View]:
    """Judge recorded answers; with `known` only these cases have their label."""
    events: list[Event] = [
        case_row(f"c{i:04d}", labels[right] if known is None else "", inputs={"message": f"no. {i}"})
        for i, right in enumerate(expected)
    ]
    names = ("v1@old", "v1@new")
    for name, given in zip(names, answers, strict=True):
        events += [record(f"c{i:04d}", labels[said], candidate=name, recorded=True) for i, said in enumerate(given)]
    manifest = manifest_of(
        labels, planned=2 * len(expected), candidates=[replayed(name) for name in names], positive=labels[0]
    )
    told = None if known is None else {f"c{i:04d}": labels[expected[i]] for i in known}
    old, new = RunView(manifest, tabulate(manifest, events, told)).views
    return old, new


def same_with_few_labels(rng: np.random.Generator, sets: int) -> tuple[int, int, int]:
    """Count the sets whose result is that of all labels; and how many labels that took of how many cases."""
    same = needed = cases = 0
    for _ in range(sets):
        kinds, n = int(rng.integers(2, 6)), int(rng.integers(50, 400))
        expected = rng.integers(0, kinds, n)
        wrong = [rng.random(n) < rng.uniform(0.02, 0.2) for _ in range(2)]
        answers = [np.where(miss, rng.integers(0, kinds, n), expected) for miss in wrong]
        labels = [f"l{i}" for i in range(kinds)]
        known = set(np.flatnonzero(answers[0] != answers[1]).tolist())
        few = agreement(*both(labels, expected, answers, known), demand()).accuracy
        old, new = both(labels, expected, answers)
        every = next(one for one in no_worse(pair(old, new), demand()) if one.metric == "accuracy")
        same += msgspec.structs.replace(few, sentence="") == msgspec.structs.replace(every, sentence="")
        needed, cases = needed + len(known), cases + n
    return same, needed, cases


def error_at(figure: Callable[[float], float], margin: float, before: float) -> float:
    """Find the share of errors at which a figure has lost the margin, by bisection."""
    low, high = before, 0.9
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if figure(before) - figure(middle) < margin else (low, middle)
    return low


def expected_figures(sizes: Sequence[int]) -> dict[str, Callable[[float], float]]:
    """Give each figure as a function of the share of errors, which go to all other labels alike."""
    n, k = np.array(sizes, dtype=float), len(sizes)

    def ratios(error: float) -> tuple[np.ndarray, np.ndarray]:
        hits = n * (1 - error)
        return hits, hits + (n.sum() - n) * error / (k - 1)

    def precision(error: float) -> float:
        hits, given = ratios(error)
        return float(hits[0] / given[0])

    def macro_f1(error: float) -> float:
        hits, given = ratios(error)
        return float((2 * hits / (n + given)).mean())

    return {"recall": lambda error: 1 - error, "precision": precision, "macro_f1": macro_f1}


def passed_at_the_margin(rng: np.random.Generator, sizes: Sequence[int], metric: str, draws: int) -> float:
    """Give the share of PASSes of a figure whose true loss is its margin."""
    expected = np.repeat(np.arange(len(sizes)), sizes)
    labels = [f"l{i}" for i in range(len(sizes))]
    worse = error_at(expected_figures(sizes)[metric], FEW_MARGIN, 0.03)
    passed = 0
    for _ in range(draws):
        lot, own = rng.random(len(expected)), rng.random(len(expected))
        lots = (lot, np.where(rng.random(len(expected)) < ALIKE, lot, own))
        shift = rng.integers(1, len(sizes), (2, len(expected)))
        answers = [
            np.where(lots[side] < error, (expected + shift[side]) % len(sizes), expected)
            for side, error in enumerate((0.03, worse))
        ]
        old, new = both(labels, expected, answers)
        pairs = pair(old, new)
        if metric == "macro_f1":  # a headline where no label is the positive one
            old.positive = new.positive = None
        asked = [one for one in no_worse(pairs, demand(FEW_MARGIN)) if one.metric == metric]
        passed += asked[0].status == "PASS"
    return passed / draws


def main() -> None:
    """Print the shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pairs", type=int, default=500)
    parser.add_argument("--cases", type=int, default=600)
    parser.add_argument("--sets", type=int, default=200)
    parser.add_argument("--draws", type=int, default=400)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--only", choices=(*LOSSES, "labels", "few"))
    options = parser.parse_args()
    for name, loss in LOSSES.items():
        if options.only in {None, name}:
            rng = np.random.default_rng([options.seed, round(loss * 1000)])
            said = verdicts(rng, pairs=options.pairs, cases=options.cases, loss=loss)
            print(f"{name}: {options.pairs} changes of model, {options.cases} cases, true loss {loss * 100:g} points")
            for verdict in ("SWITCH", "DON'T SWITCH", "INCONCLUSIVE"):
                low, high = wilson(said[verdict] / options.pairs, options.pairs)
                share = said[verdict] / options.pairs
                print(f"  {verdict:<13} {share:7.1%}  ({low:.1%} to {high:.1%})", flush=True)
    if options.only in {None, "labels"}:
        same, needed, cases = same_with_few_labels(np.random.default_rng([options.seed, 1]), options.sets)
        print(f"labels: {same} of {options.sets} sets alike, with {needed:,} labels instead of {cases:,}", flush=True)
    for world, sizes in WORLDS.items() if options.only in {None, "few"} else ():
        for metric in ("recall", "precision", "macro_f1"):
            rng = np.random.default_rng([options.seed, len(sizes), sum(sizes)])
            share = passed_at_the_margin(rng, sizes, metric, options.draws)
            print(f"few: {world:<12} {metric:<10} PASS at the margin {share:6.1%}", flush=True)


if __name__ == "__main__":
    main()
