"""Simulates gates: how often one fails a branch that changed nothing, and how often it catches a true loss.

    python benchmarks/gate_simulation.py [--pairs 500] [--prompts 1] [--sizes 120 480] [--loss 5] [--only aa|loss]

Each pair is a prompt before and after a change. Both versions are measured side by side through the endpoint `replay`,
by the engine of every run; of the further gates the answers alone are drawn anew, into the columns that judging reads.
Each is judged as `harness gate` judges it: thresholds on head, no worse than base by the suite's margin (2 points), the
losses of all prompts adjusted together. `--sizes` are the cases of each label. A case has a chance of its own of a
right answer (beta, mean .92, so that the answers of both versions correlate). "A/A": both versions have the same
chances. "Loss": head's chances of every case are lower, by 5 points on average. The thresholds are well met by both,
so what fails a gate here is the comparison. Recordings have no times: a gate asks nothing of them.

Printed: the shares of gates that passed, failed and stayed open. At most 5% of the A/A gates should fail,
give or take what 500 gates can show (the upper end of the interval is printed); caught is a gate that fails.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import yaml

from harness.files.bundle import load_bundle
from harness.judge.checks.check import check
from harness.judge.compare import ChangedPrompt, compare, decide_prompts, gate_status
from harness.judge.scores.binomial import wilson
from harness.judge.table.read import tabulate
from harness.judge.view import RunView
from harness.measure.run import measure
from harness.rundir import events_of, read_manifest

ACCURACY, STRENGTH = 0.92, 1.0
DEMANDS = ["accuracy >= 75%", "recall[l0] >= 60%", "failures <= 5%"]


class Gate:
    """A suite with so many cases a label, and two versions of each of several prompts."""

    def __init__(self, sizes: Sequence[int], prompts: int) -> None:
        labels = [f"l{n}" for n in range(len(sizes))]
        expected = [label for label, n in zip(labels, sizes, strict=True) for _ in range(n)]
        names = [f"p{prompt}-{side}" for prompt in range(prompts) for side in ("base", "head")]
        suite = {
            "name": "simulated",
            "labels": labels,
            "cases": "cases.jsonl",
            "prompts": ["*.prompt.yml"],
            "repeats": 1,
        }
        suite |= {"models": ["m"], "reply": {"as": "exact"}, "thresholds": DEMANDS}
        if len(labels) == 2:
            suite["positive"] = labels[0]
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            rows = [{"id": f"c{i}", "message": f"no. {i}", "expected": label} for i, label in enumerate(expected)]
            replies = [{"prompt": name, "case": row["id"], "reply": row["expected"]} for name in names for row in rows]
            for name in names:
                text = f"messages: [{{role: user, content: '{name} {{{{ message }}}}'}}]\n"
                (root / f"{name}.prompt.yml").write_text(text, encoding="utf-8")
            (root / "cases.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
            (root / "replies.jsonl").write_text("\n".join(map(json.dumps, replies)), encoding="utf-8")
            (root / "harness.yml").write_text("models: {m: {endpoint: replay, replies: replies.jsonl}}\n")
            (root / "simulated.suite.yml").write_text(yaml.safe_dump(suite))
            self.bundle = load_bundle(root / "simulated.suite.yml")
            run = measure(self.bundle, root / "results")
            self.manifest = read_manifest(run)
            self.table = tabulate(self.manifest, events_of(run))
        self.labels, self.prompts, self.cases = len(labels), prompts, len(expected)

    def drawn(self, rng: np.random.Generator, loss: float) -> str:
        """Answer every case of both versions of every prompt, and judge."""
        trials = {}
        for prompt in range(self.prompts):
            chance = rng.beta(ACCURACY * STRENGTH, (1 - ACCURACY) * STRENGTH, self.cases)
            for side, kept in (("base", 1.0), ("head", 1 - loss / ACCURACY)):
                name = f"p{prompt}-{side}@m"
                one = self.table.trials[name]
                other = (one.expected + rng.integers(1, self.labels, len(one))) % self.labels
                right = rng.random(len(one)) < chance[one.case] * kept
                trials[name] = replace(one, predicted=np.where(right, one.expected, other).astype(np.int16))
        run = RunView(self.manifest, replace(self.table, trials=trials))
        views = {view.entry.name: view for view in run.views}
        suite, judged = self.bundle.suite, []
        for prompt in range(self.prompts):
            base, head = views[f"p{prompt}-base@m"], views[f"p{prompt}-head@m"]
            judged.append(
                ChangedPrompt(
                    path=f"p{prompt}",
                    prompt=f"p{prompt}",
                    model="m",
                    lines=None,
                    same=False,
                    head=tuple(check(head, threshold, None) for threshold in self.bundle.thresholds),
                    comparison=compare(base, head, margin=suite.gate.margin, prompts=False),
                )
            )
        return gate_status(decide_prompts(judged, confidence=suite.confidence))


def main() -> None:
    """Print the shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pairs", type=int, default=500)
    parser.add_argument("--sizes", type=int, nargs="*", default=[120, 480], help="cases of each label")
    parser.add_argument("--prompts", type=int, default=1, help="changed prompts of each gate")
    parser.add_argument("--loss", type=float, default=5.0, help="points of accuracy")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--only", choices=("aa", "loss"))
    options = parser.parse_args()
    for name, loss in (("aa", 0.0), ("loss", options.loss / 100)):
        if options.only not in {None, name}:
            continue
        rng = np.random.default_rng([options.seed, round(loss * 1000)])
        gate = Gate(options.sizes, options.prompts)
        said = Counter(gate.drawn(rng, loss) for _ in range(options.pairs))
        told = "A/A" if not loss else f"true loss of {options.loss:g} points"
        print(f"{told}: {options.pairs} gates of {options.prompts} prompts, labels of {options.sizes} cases")
        for status in ("PASS", "FAIL", "INCONCLUSIVE"):
            low, high = wilson(said[status] / options.pairs, options.pairs)
            print(f"  {status:<13} {said[status] / options.pairs:7.1%}  ({low:.1%} to {high:.1%})", flush=True)


if __name__ == "__main__":
    main()
