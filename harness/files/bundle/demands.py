"""Thresholds of a suite or of a file of their own, and whether these cases can reach them."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from harness.files import written
from harness.files.case import Case
from harness.files.project.entry import ModelEntry
from harness.files.suite import Suite
from harness.files.thresholds import Threshold, ThresholdError, metric_of, parse_threshold


def read_thresholds(
    checked: written.Checked[Suite], cases: Sequence[Case], repeats: int, models: Iterable[ModelEntry]
) -> tuple[Threshold, ...]:
    """Parse the thresholds and check that these cases can reach them."""
    suite = checked.model
    if not checked.whole("thresholds", "labels", "perturbations"):
        return ()
    tags = {tag for case in cases for tag in case.tags} if cases else None
    splits = {case.split for case in cases if case.split} if cases else None
    currencies = {model.price.currency for model in models}
    found = []
    for i, text in enumerate(suite.thresholds):
        try:
            threshold = parse_threshold(
                text, labels=suite.labels, perturbations=suite.perturbations, tags=tags, splits=splits
            )
        except ThresholdError as error:
            checked.problem(("thresholds", i), f"column {error.column}: {error.message}", error.fix)
            continue
        found.append(threshold)
        why, fix = _unreachable(threshold, suite, cases, repeats, currencies)
        if why:
            checked.problem(("thresholds", i), why, fix)
    return tuple(found)


def _unreachable(
    threshold: Threshold, suite: Suite, cases: Sequence[Case], repeats: int, currencies: Collection[str]
) -> tuple[str, str]:
    metric = metric_of(threshold.metric)
    if metric.selector == "perturbation" and not suite.perturbations:
        return "this suite has no perturbations.", "Add `perturbations:`."
    if metric.repeated and repeats < 2:
        return f"`{threshold.metric}` needs at least two repeats.", "Raise `repeats`."
    if metric.argument == "power" and threshold.argument is not None and threshold.argument > repeats:
        return (
            f"pass^{threshold.argument:g} needs {threshold.argument:g} repeats, there are {repeats}.",
            "Raise `repeats`.",
        )
    if threshold.currency is not None and currencies and threshold.currency not in currencies:
        return (
            f"is in {threshold.currency}, the prices are in {written.shortlist(sorted(currencies))}.",
            "Use one currency.",
        )
    return _no_such_cases(threshold, cases) if cases else ("", "")


def _no_such_cases(threshold: Threshold, cases: Sequence[Case]) -> tuple[str, str]:
    metric = metric_of(threshold.metric)
    if metric.splits and len({case.split for case in cases if case.split}) < 2:
        return "the cases have no two splits to compare.", "Mark cases as `split: dev` and `split: holdout`."
    inside = [case for case in cases if _inside(case, threshold.where)]
    if not inside:
        return "no case meets all these conditions.", "Ask for fewer."
    mine = sum(case.expected == threshold.label for case in inside)
    among = " among these" if threshold.where else ""
    if metric.counts == "other cases" and mine == len(inside):
        return (
            f"every case{among} has the label `{written.shown(threshold.label or '')}`: it can't be reached.",
            "Add cases of other labels.",
        )
    if metric.selector == "label" and metric.counts != "other cases" and not mine:
        return (
            f"no case{among} has the label `{written.shown(threshold.label or '')}`: it can't be reached.",
            "Add such cases.",
        )
    return "", ""


def _inside(case: Case, where: tuple[tuple[str, str], ...]) -> bool:
    return all(name in case.tags if key == "tag" else name == case.split for key, name in where)


def read_policy(path: Path, suite: Suite) -> tuple[Threshold, ...]:
    """Read thresholds from a file of their own, for the labels and perturbations of `suite`.

    It may be a suite, a mapping with `thresholds`, or a plain list. Raises FilesError.
    """
    findings = written.Findings()
    found = []
    text = written.read_written(path, findings)
    node = None if text is None else written.parse_any(text, path, findings)
    at: written.Path_ = ()
    if isinstance(node, written.Entries):
        at = ("thresholds",)
        node = node.entries.get("thresholds", (0, None))[1]
    if isinstance(node, written.Scalar):
        node = written.Items(node.line, [node])
    if isinstance(node, written.Items) and node.items:
        for i, item in enumerate(node.items):
            field = written.dotted((*at, i))
            if not isinstance(item, written.Scalar):
                findings.add(path, item.line, field, "must be text.", "Write `accuracy >= 90%`.")
                continue
            try:
                found.append(parse_threshold(item.text, labels=suite.labels, perturbations=suite.perturbations))
            except ThresholdError as error:
                message = f"column {error.column}: {error.message}"
                findings.add(path, item.line, field, message, error.fix)
    elif not findings.total:
        findings.add(
            path, None, written.dotted(at), "holds no thresholds.", "Write a list, such as `- accuracy >= 90%`."
        )
    findings.raise_if_any()
    return tuple(found)
