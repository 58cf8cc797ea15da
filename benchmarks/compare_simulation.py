"""Simulates pairs of runs: how often a comparison cries wolf, and how often it catches a true loss.

    python benchmarks/compare_simulation.py [--pairs 500] [--cases 600] [--repeats 1] [--loss 5] [--replay]

Each pair is two candidates on the same cases, as the endpoint `replay` would answer them; with `--replay`
both are really measured through it (slower, the same figures). A case has a chance of its own of a right
answer (beta, mean .92, two answers correlate by .5), one in five cases is spam, latencies are lognormal per
case and call. "A/A": head answers with the same chances. "Loss": head's chances are lower by the given
points. The decision is that of the gate: FAIL of `Comparison.non_inferior_status`. One core, no network.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "specimens"))

from run_of import case_row, manifest_of, record, replayed

from harness.judge.assess import views_of
from harness.judge.compare import compare
from harness.judge.documents import Comparison
from harness.judge.table.read import tabulate
from harness.judge.view import RunView
from harness.record import Event
from harness.rundir import Manifest

ACCURACY = 0.92
ALIKE = 0.5
SPAM_SHARE = 0.2
NAMES = ("base@model", "head@model")
LABELS = ("spam", "ham")
PRICE = {"input": 1.0, "output": 1.0}


class World:
    """The answers and latencies of both candidates on the same cases."""

    def __init__(self, rng: np.random.Generator, *, cases: int, repeats: int, loss: float) -> None:
        strength = 1 / ALIKE - 1
        chance = rng.beta(ACCURACY * strength, (1 - ACCURACY) * strength, cases)
        self.expected = np.where(rng.random(cases) < SPAM_SHARE, "spam", "ham")
        typical = rng.lognormal(-1.5, 0.4, cases)
        shape = (cases, repeats)
        chances = (chance, chance * (1 - loss / ACCURACY))
        self.right = [rng.random(shape) < each[:, None] for each in chances]
        self.seconds = [typical[:, None] * rng.lognormal(0, 0.15, shape) for _ in chances]

    def lines(self) -> Iterator[dict[str, object]]:
        """Give the replies file of both candidates."""
        for name, right, seconds in zip(NAMES, self.right, self.seconds, strict=True):
            for (case, repeat), hit in np.ndenumerate(right):
                expected = str(self.expected[case])
                other = "ham" if expected == "spam" else "spam"
                yield {
                    "prompt": name.partition("@")[0],
                    "case": f"c{case:05d}",
                    "repeat": repeat,
                    "reply": expected if hit else other,
                    "latency_s": round(float(seconds[case, repeat]), 6),
                    "usage": {"input": 50, "output": 2},
                }

    def text(self, case: int) -> str:
        """Give a case's input."""
        return f"message number {case}"


def as_recorded(world: World, repeats: int) -> Comparison:
    """Compare the records that `replay` would write."""
    events: list[Event] = [
        case_row(f"c{i:05d}", str(label), inputs={"message": world.text(i)}) for i, label in enumerate(world.expected)
    ]
    events += [
        record(
            str(line["case"]),
            str(line["reply"]),
            candidate=f"{line['prompt']}@model",
            repeat=int(str(line["repeat"])),
            seconds=float(str(line["latency_s"])),
            recorded=True,
        )
        for line in world.lines()
    ]
    manifest = _manifest(len(world.expected), repeats)
    base, head = RunView(manifest, tabulate(manifest, events)).views
    return compare(base, head)


def _manifest(cases: int, repeats: int) -> Manifest:
    candidates = [msgspec.structs.replace(replayed(name, price=PRICE), prompt_digest=name) for name in NAMES]
    planned = 2 * cases * repeats
    return manifest_of(LABELS, planned=planned, repeats=repeats, candidates=candidates, positive="spam")


def as_measured(world: World, repeats: int) -> Comparison:
    """Measure both candidates through the endpoint `replay`, and compare their runs."""
    from harness.files.bundle import load_bundle
    from harness.measure.run import measure

    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        lines = "\n".join(json.dumps(line) for line in world.lines())
        (project / "replies.jsonl").write_text(lines, encoding="utf-8")
        cases = [
            {"id": f"c{i:05d}", "message": world.text(i), "expected": str(label)}
            for i, label in enumerate(world.expected)
        ]
        (project / "cases.jsonl").write_text("\n".join(map(json.dumps, cases)), encoding="utf-8")
        (project / "harness.yml").write_text(
            "models:\n  model: {endpoint: replay, replies: replies.jsonl, warmup: 0,"
            " price: {input: 1.0, output: 1.0}}\n",
            encoding="utf-8",
        )
        for name in ("base", "head"):
            text = f"messages:\n- {{role: user, content: '{name} {{{{ message }}}}'}}\n"
            (project / f"{name}.prompt.yml").write_text(text, encoding="utf-8")
        suite = project / "simulated.suite.yml"
        suite.write_text(
            "name: simulated\nlabels: [spam, ham]\npositive: spam\ncases: cases.jsonl\n"
            f"prompts: ['*.prompt.yml']\nmodels: [model]\nrepeats: {repeats}\nreply: {{as: exact}}\n",
            encoding="utf-8",
        )
        bundle = load_bundle(suite)
        views = views_of(measure(bundle, bundle.project.results))
    return compare(views[NAMES[0]], views[NAMES[1]])


def simulate(options: argparse.Namespace, loss: float) -> Counter[str]:
    """Count what the comparisons of many pairs said."""
    rng = np.random.default_rng([options.seed, round(loss * 1000)])
    said: Counter[str] = Counter()
    for _ in range(options.pairs):
        world = World(rng, cases=options.cases, repeats=options.repeats, loss=loss)
        made = (as_measured if options.replay else as_recorded)(world, options.repeats)
        verdicts = {m.verdict for m in made.metrics}
        said[f"gate {made.non_inferior_status}"] += 1
        said["any metric worse"] += "worse" in verdicts
        said["any metric better"] += "better" in verdicts
        accuracy = made.metric("accuracy")
        assert accuracy is not None
        said[f"accuracy {accuracy.verdict}"] += 1
        low, high = accuracy.difference.low, accuracy.difference.high
        assert low is not None
        assert high is not None
        said["interval of accuracy holds the truth"] += low <= -loss <= high
    return said


def main() -> None:
    """Print the shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pairs", type=int, default=500)
    parser.add_argument("--cases", type=int, default=600)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--loss", type=float, default=5.0, help="points of accuracy; 0 for A/A alone")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--replay", action="store_true", help="measure through the endpoint replay")
    parser.add_argument("--only", choices=("aa", "loss"), help="one of the two worlds")
    options = parser.parse_args()
    worlds = {"aa": ("A/A", 0.0), "loss": (f"loss of {options.loss:g} points", options.loss / 100)}
    for key, (name, loss) in worlds.items():
        if options.only in {None, key}:
            said = simulate(options, loss)
            print(f"{name}: {options.pairs} pairs of {options.cases} cases x {options.repeats}")
            for what, times in sorted(said.items()):
                print(f"  {what:<42} {times / options.pairs:7.1%}")


if __name__ == "__main__":
    main()
