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
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "specimens"))

from run_of import case_row, manifest_of, record, replayed

from harness.judge.assess import assess
from harness.judge.documents import Robustness
from harness.record import Event

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
            case_row(f"c{i}", "spam", inputs={"m": f"call me about money, no {i}"}) for i in range(self.cases)
        ]
        for name in ("original", *names):
            wrong = rng.random((self.cases, self.repeats)) < (lost if name == names[0] else chance)[:, None]
            events += [
                record(f"c{i}", LABELS[int(wrong[i, k])], variant=name, repeat=k, seconds=None, recorded=True)
                for i in range(self.cases)
                for k in range(self.repeats)
            ]
        manifest = manifest_of(
            LABELS,
            planned=len(events) - self.cases,
            repeats=self.repeats,
            candidates=[replayed()],
            variants=("original", *names),
            thresholds=["accuracy >= 1%"],
        )
        found = assess(manifest, events).candidates[0].robustness
        assert found is not None
        return found


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
        print(f"{model.cases} cases x {model.repeats}, {how}, {model.perturbations} perturbations: {said}", flush=True)


if __name__ == "__main__":
    main()
