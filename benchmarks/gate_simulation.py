"""Simulates gates: how often one fails a branch that changed nothing, and how often it catches a true loss.

    python benchmarks/gate_simulation.py [--pairs 500] [--cases 600] [--prompts 1] [--loss 5] [--only aa|loss]

Each pair is a prompt before and after a change. Both versions are measured side by side through the endpoint
`replay`, by the engine of every run; then the run is judged as `harness gate` judges it: thresholds on head,
no worse than base by the suite's margin (2 points), the losses of all prompts adjusted together. A case has a
chance of its own of a right answer (beta, mean .92, so that the answers of both versions correlate), one in
five is spam. "A/A": both versions have the same chances. "Loss": head's chances of every case are lower, by 5
points on average. The thresholds are well met by both, so what fails a gate here is the comparison.

Printed: the shares of gates that passed, failed and stayed open. At most 5% of the A/A gates should fail,
give or take what 500 gates can show (the upper end of the interval is printed); caught is a gate that fails.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from harness.files.bundle import Bundle, load_bundle
from harness.judge.assess import views_of
from harness.judge.checks.check import check
from harness.judge.compare import ChangedPrompt, compare, decide_prompts, gate_status
from harness.judge.scores.binomial import wilson
from harness.measure.run import measure

ACCURACY, STRENGTH, SPAM_SHARE = 0.92, 1.0, 0.2
SUITE = """
name: simulated
labels: [spam, ham]
positive: spam
cases: cases.jsonl
prompts: ['*.prompt.yml']
models: [m]
reply: {as: exact}
repeats: 1
thresholds: [accuracy >= 75%, 'recall[spam] >= 60%', failures <= 5%]
"""


def write_project(root: Path, rng: np.random.Generator, *, prompts: int, cases: int, loss: float) -> Bundle:
    """Write a suite with a recording of each version of each prompt; gives what a gate would measure."""
    expected = np.where(rng.random(cases) < SPAM_SHARE, "spam", "ham")
    labels = [str(label) for label in expected]
    rows = [{"id": f"c{i}", "message": f"no. {i}", "expected": label} for i, label in enumerate(labels)]
    (root / "cases.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    replies = []
    for prompt in range(prompts):
        chance = rng.beta(ACCURACY * STRENGTH, (1 - ACCURACY) * STRENGTH, cases)
        for side, kept in (("base", 1.0), ("head", 1 - loss / ACCURACY)):
            text = f"messages: [{{role: user, content: '{side} {prompt} {{{{ message }}}}'}}]\n"
            (root / f"p{prompt}-{side}.prompt.yml").write_text(text, encoding="utf-8")
            right = rng.random(cases) < chance * kept
            for i, label in enumerate(labels):
                reply = label if right[i] else "ham" if label == "spam" else "spam"
                line = {"prompt": f"p{prompt}-{side}", "case": f"c{i}", "reply": reply, "latency_s": 0.2}
                replies.append(line)
    (root / "replies.jsonl").write_text("\n".join(map(json.dumps, replies)), encoding="utf-8")
    (root / "harness.yml").write_text("models: {m: {endpoint: replay, replies: replies.jsonl}}\n")
    (root / "simulated.suite.yml").write_text(SUITE)
    bundle = load_bundle(root / "simulated.suite.yml")
    return replace(bundle, project=bundle.project.model_copy(update={"results": root / "results"}))


def gate(rng: np.random.Generator, *, prompts: int, cases: int, loss: float) -> str:
    """Measure and judge one gate."""
    with tempfile.TemporaryDirectory() as folder:
        bundle = write_project(Path(folder), rng, prompts=prompts, cases=cases, loss=loss)
        views = views_of(measure(bundle, bundle.project.results))
    judged = []
    for prompt in range(prompts):
        base, head = views[f"p{prompt}-base@m"], views[f"p{prompt}-head@m"]
        judged.append(
            ChangedPrompt(
                path=f"p{prompt}",
                prompt=f"p{prompt}",
                model="m",
                lines=None,
                same=False,
                head=tuple(check(head, threshold, None) for threshold in bundle.thresholds),
                comparison=compare(base, head, margin=bundle.suite.gate.margin),
            )
        )
    return gate_status(decide_prompts(judged, confidence=bundle.suite.confidence))


def main() -> None:
    """Print the shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pairs", type=int, default=500)
    parser.add_argument("--cases", type=int, default=600)
    parser.add_argument("--prompts", type=int, default=1, help="changed prompts of each gate")
    parser.add_argument("--loss", type=float, default=5.0, help="points of accuracy")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--only", choices=("aa", "loss"))
    options = parser.parse_args()
    for name, loss in (("aa", 0.0), ("loss", options.loss / 100)):
        if options.only not in {None, name}:
            continue
        rng = np.random.default_rng([options.seed, round(loss * 1000)])
        said = Counter(gate(rng, prompts=options.prompts, cases=options.cases, loss=loss) for _ in range(options.pairs))
        told = "A/A" if not loss else f"true loss of {options.loss:g} points"
        print(f"{told}: {options.pairs} gates of {options.prompts} prompts, {options.cases} cases")
        for status in ("PASS", "FAIL", "INCONCLUSIVE"):
            low, high = wilson(said[status] / options.pairs, options.pairs)
            print(f"  {status:<13} {said[status] / options.pairs:7.1%}  ({low:.1%} to {high:.1%})")


if __name__ == "__main__":
    main()
