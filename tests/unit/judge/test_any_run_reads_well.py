"""Whatever a run looks like, its sentences are well formed and say nothing twice."""

from __future__ import annotations

import random
import re

import msgspec
import pytest
from run_of import CALM, candidate, case_row, manifest_of, parsed_thresholds, record

from harness.judge.assess import assess
from harness.judge.documents import Assessment
from harness.record import Event, Failure
from harness.report.run import run_view

LABELS = ("fraud", "legit")
THRESHOLDS = [
    "accuracy >= 90%",
    "accuracy > majority",
    "recall[fraud] >= 90%",
    "precision[fraud] where tag=odd >= 80%",
    "specificity[fraud] > 95%",
    "f1[fraud] >= 85%",
    "failures <= 1%",
    "unparseable < 5%",
    "coverage >= 99%",
    "stability >= 95%",
    "pass^2 >= 80%",
    "latency.p95 <= 1 s",
    "latency.max < 2 s",
    "latency.within(500 ms) >= 90%",
    "generalization.gap <= 5%",
    "leakage <= 0",
    "kappa >= 0.6",
]
BROKEN = re.compile(
    r"\bNone\b|\bnan\b|\binf\b|[{}]|  |\.\.(?!\.)|,\.|,,|\b1 (?:cases|trials|answers|calls|repeats|times)\b"
    r"|\b(?!1 )[\d,]+ (?:case|trial|call|answer) (?!that|of)|−0\.0+\b|-\d"
)


def random_run(seed: int) -> Assessment:
    """Judge a run of random size, quality and luck; some trials fail, say nonsense or were never run."""
    draw = random.Random(seed)
    cases, repeats = draw.choice([1, 2, 7, 40, 130]), draw.choice([1, 2, 3])
    skill, rare = draw.choice([0.0, 0.5, 0.9, 1.0]), draw.choice([0.0, 0.05, 0.5])
    lost, slow = draw.choice([0.0, 0.0, 0.1]), draw.choice([0.2, 0.9, 3.0])
    names = ["v1@m", "v2@m"][: draw.choice([1, 1, 2])]
    events: list[Event] = [CALM]
    for number in range(cases):
        case, expected = f"c{number:03d}", LABELS[0] if draw.random() < rare else LABELS[1]
        split, tags = draw.choice(["dev", "holdout"]), ("odd",) if number % 2 else ()
        events.append(case_row(case, expected, split=split, tags=tags))
        for name in names:
            for repeat in range(repeats):
                said = expected if draw.random() < skill else draw.choice([*LABELS, "who knows"])
                outcome = Failure(kind="timeout", message="late") if draw.random() < lost else said
                made = record(case, outcome, repeat=repeat, candidate=name, seconds=slow * (0.5 + draw.random()))
                if draw.random() > lost / 5:
                    events.append(made)
    manifest = manifest_of(
        LABELS,
        planned=cases * repeats * len(names),
        repeats=repeats,
        positive="fraud",
        prevalence={"fraud": 0.02},
        costs={"missed": 50.0, "false_alarm": 0.5},
        candidates=[candidate(name) for name in names],
    )
    manifest = msgspec.structs.replace(manifest, suite={**manifest.suite, "thresholds": THRESHOLDS if seed % 2 else []})
    thresholds = parsed_thresholds(THRESHOLDS, LABELS) if seed % 2 else None
    return assess(manifest, events, thresholds=thresholds)


@pytest.mark.parametrize("seed", range(16))
def test_every_sentence_of_a_random_run_is_well_formed(seed: int) -> None:
    run = random_run(seed)
    view = run_view(run)
    said = [run.headline, *view.warnings]
    for judged in run.candidates:
        said += [judged.headline, *(check.why for check in judged.checks)]
        said += [trap.sentence for trap in judged.traps]
    for candidate_view in view.candidates:
        said += [section.lead for section in candidate_view.sections if section.lead]
        said += [note for section in candidate_view.sections for note in section.notes]
        said += [candidate_view.confusion.worst] if candidate_view.confusion else []
    for sentence in said:
        assert sentence.endswith("."), sentence
        assert not BROKEN.search(sentence), sentence
    for judged in run.candidates:
        sentences = [trap.sentence for trap in judged.traps]
        assert len(set(sentences)) == len(sentences)
        assert sum("not finished" in check.why for check in judged.checks) == 0
