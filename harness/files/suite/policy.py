"""The thresholds that apply when a suite names none.

- accuracy >= 90%, and better than always answering the most frequent label: a classifier at all.
- Suites with a positive label, by `priority`: its recall and precision >= 95% and 80% (recall), 80% and 95%
  (precision), or 90% and 90% (balanced); the error that hurts more gets the stricter bound.
- Recall and precision of every other label >= 80%: no label is sacrificed for the others.
- latency.p95 <= 1 s and failures <= 3%: fit for a service that someone waits for, and met by 99 cases without a failure
  (less would keep faultless runs open: 1% takes 299).
- stability >= 95%, where there are repeats: the same request gets the same answer.
- leakage <= 0, generalization.gap <= 5% (where there are splits), drift.drop <= 5%: the figures hold beyond
  the cases that the prompt was tuned on.
"""

from collections.abc import Collection
from pathlib import Path

from harness.errors import FilesError, Problem
from harness.files.suite.model import Suite
from harness.files.thresholds import BETTER_THAN_MAJORITY, Op, Threshold, ThresholdError, parse_threshold

STRICT, FAIR, LOOSE = 0.95, 0.90, 0.80


def default_thresholds(suite: Suite, splits: Collection[str] | None = None) -> tuple[Threshold, ...]:
    """Give the default demands for the labels, the positive label and the priority of a suite.

    `splits` are those of its cases, where they are known: without `dev` and another one there is no gap.
    """
    demands = [
        _demand("accuracy", ">=", FAIR),
        Threshold(text="accuracy > majority", name="accuracy", metric=BETTER_THAN_MAJORITY.name, op=">"),
        *_per_label(suite),
        _demand("latency.p95", "<=", 1.0, bound_as="1 s"),
    ]
    if suite.repeats > 1:
        demands.append(_demand("stability", ">=", STRICT))
    demands.append(_demand("leakage", "<=", 0.0, bound_as="0"))
    if splits is None or len({"dev", *splits}) == len(set(splits)) > 1:
        demands.append(_demand("generalization.gap", "<=", 0.05))
    demands += [_demand("drift.drop", "<=", 0.05), _demand("failures", "<=", 0.03)]
    return tuple(demands)


def thresholds_of(suite: Suite, *, written_in: str) -> tuple[Threshold, ...]:
    """Give a suite's own thresholds, else all the default ones. FilesError names the file they stand in."""
    if not suite.thresholds:
        return default_thresholds(suite)
    found, problems = [], []
    for place, text in enumerate(suite.thresholds):
        try:
            found.append(parse_threshold(text, labels=suite.labels))
        except ThresholdError as error:
            problems.append(Problem(Path(written_in), None, f"suite.thresholds[{place}]", str(error)))
    if problems:
        raise FilesError(problems)
    return tuple(found)


def _per_label(suite: Suite) -> list[Threshold]:
    recall, precision = {"recall": (STRICT, LOOSE), "precision": (LOOSE, STRICT), "balanced": (FAIR, FAIR)}[
        suite.priority
    ]
    demands = []
    for label in suite.labels:
        wanted = suite.positive == label
        demands.append(_demand("recall", ">=", recall if wanted else LOOSE, label))
        demands.append(_demand("precision", ">=", precision if wanted else LOOSE, label))
    return demands


def _demand(metric: str, op: Op, bound: float, label: str | None = None, bound_as: str = "") -> Threshold:
    selector = "" if label is None else f"[{label}]" if "]" not in label else f'["{label}"]'
    name = f"{metric}{selector}"
    text = f"{name} {op} {bound_as or f'{bound:.0%}'}"
    return Threshold(text=text, name=name, metric=metric, label=label, op=op, bound=bound)
