"""How often a perturbation that does nothing is blamed, and how often one that breaks cases is found.

    python benchmarks/robustness.py [--simulations 400]

Every line is a whole judgement: events of a run on a noisy model (each answer flips with 5%, evenly or only
in some cases) go through the judge as a journal would. `blamed` is the share of runs that report flips above
noise although the perturbation does nothing (each of nine in one run, or only one); `covered` the share of
the 95% intervals of flips above noise that hold the truth; `found` how often a perturbation that breaks 10%
of the cases is found, and `worst named` how often a worst format is named where all formats are alike.

Measured (2026-11, two busy cores) with 20 simulations each: 150 cases x 3 repeats, even and uneven: blamed
0%, found 100%; 100 x 2: blamed 0%, found 65%; 100 x 3 with nine perturbations: blamed 5%, found 95%. Of the
test alone, 600 simulations each: the p-value before it is doubled is below 5% in 4.8% (150 x 3, even), 4.5%
(uneven), 2.7% (100 x 2), 4.2% (300 x 5) and 4.8% (1,000 x 3); intervals hold the truth in 93% to 95%.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np

from harness.judge.assess import assess
from harness.judge.assessment import Robustness
from harness.record import CaseRow, Event, Record, Reply
from harness.rundir import CandidateEntry, Manifest

LABELS = ("spam", "ham")
NAMES = ("typos", "case", "whitespace", "punctuation", "quotes", "prefix", "suffix", "upper", "word_drop")


@dataclass(frozen=True)
class Noisy:
    """A model whose answers flip, and a suite that asks it."""

    cases: int
    repeats: int
    flips: float
    even: bool  # every case flips alike; else some cases nearly always and most never
    perturbations: int = 1

    def run(self, rng: np.random.Generator, broken: float = 0.0) -> Robustness:
        """Judge one run; the first perturbation breaks a share of the cases, the others do nothing."""
        chance = np.full(self.cases, self.flips)
        if not self.even:
            chance = rng.beta(self.flips * 2, (1 - self.flips) * 2, self.cases)
        lost = chance.copy()
        lost[: round(self.cases * broken)] = 1 - lost[: round(self.cases * broken)]
        names = NAMES[: self.perturbations]
        events: list[Event] = [
            CaseRow(id=f"c{i}", digest="", expected="spam", inputs={"m": f"call me about money, no {i}"})
            for i in range(self.cases)
        ]
        for name in ("original", *names):
            wrong = rng.random((self.cases, self.repeats)) < (lost if name == names[0] else chance)[:, None]
            events += [
                Record(
                    key=f"{name}-{i}-{k}",
                    case=f"c{i}",
                    candidate="v@m",
                    variant=name,
                    repeat=k,
                    outcome=Reply(text=LABELS[int(wrong[i, k])]),
                    recorded=True,
                )
                for i in range(self.cases)
                for k in range(self.repeats)
            ]
        found = assess(_manifest(self, names, len(events) - self.cases), events).candidates[0].robustness
        assert found is not None
        return found


def _manifest(model: Noisy, names: tuple[str, ...], planned: int) -> Manifest:
    entry = CandidateEntry(
        name="v@m",
        prompt_name="v",
        model_name="m",
        prompt={},
        model={"endpoint": "replay", "replies": "r.jsonl"},
        prompt_digest="",
        model_digest="",
    )
    return Manifest(
        schema_version=1,
        run_id="run",
        created_utc="2026-01-01T00:00:00Z",
        suite_name="suite",
        suite={
            "name": "suite",
            "labels": list(LABELS),
            "cases": ["c.jsonl"],
            "thresholds": ["accuracy >= 1%"],
        },
        suite_digest="",
        candidates=(entry,),
        variants=("original", *names),
        repeats=model.repeats,
        planned_trials=planned,
        seed=0,
        files=(),
        versions={},
        platform="",
        git_commit=None,
        git_dirty=None,
        command=(),
    )


def figures(model: Noisy, simulations: int, seed: int = 1) -> dict[str, float]:
    """Simulate runs without and with an effect."""
    rng = np.random.default_rng(seed)
    idle = [model.run(rng) for _ in range(simulations)]
    hurt = [model.run(rng, broken=0.1) for _ in range(simulations)]
    intervals = [p.flips_above_noise for found in idle for p in found.perturbations]
    return {
        "blamed": float(np.mean([any(p.above_noise for p in found.perturbations) for found in idle])),
        "covered": float(np.mean([(e.low or 0) <= 0 <= (e.high or 0) for e in intervals])),
        "worst named": float(np.mean([bool(found.formats and found.formats.worst) for found in idle])),
        "found": float(np.mean([found.perturbations[0].above_noise for found in hurt])),
    }


def main() -> None:
    """Print the figures of several models."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--simulations", type=int, default=400)
    simulations = parser.parse_args().simulations
    for model in (
        Noisy(150, 3, 0.05, even=True),
        Noisy(150, 3, 0.05, even=False),
        Noisy(100, 2, 0.05, even=True),
        Noisy(100, 3, 0.05, even=True, perturbations=9),
    ):
        said = "  ".join(f"{name} {share:.1%}" for name, share in figures(model, simulations).items())
        how = "even" if model.even else "uneven"
        print(
            f"{model.cases} cases x {model.repeats}, {how}, {model.perturbations} perturbations: {said}",
            flush=True,
        )


if __name__ == "__main__":
    main()
