"""Thresholds from a file of their own: a suite, a mapping with `thresholds`, or a plain list."""

from __future__ import annotations

from pathlib import Path

from harness.files.suite import Suite
from harness.files.thresholds.parse import Threshold, ThresholdError, parse_threshold
from harness.files.written.decoding import read_written
from harness.files.written.findings import Findings
from harness.files.written.yaml_lines import Entries, Items, Path_, Scalar, dotted, parse_any


def read_thresholds(path: Path, suite: Suite) -> tuple[Threshold, ...]:
    """Read the thresholds of a file for the labels and perturbations of `suite`. Raises FilesError."""
    findings = Findings()
    found = []
    text = read_written(path, findings)
    node = None if text is None else parse_any(text, path, findings)
    at: Path_ = ()
    if isinstance(node, Entries):
        at = ("thresholds",)
        node = node.entries.get("thresholds", (0, None))[1]
    if isinstance(node, Scalar):
        node = Items(node.line, [node])
    if isinstance(node, Items) and node.items:
        for i, item in enumerate(node.items):
            field = dotted((*at, i))
            if not isinstance(item, Scalar):
                findings.add(path, item.line, field, "must be text.", "Write `accuracy >= 90%`.")
                continue
            try:
                found.append(
                    parse_threshold(item.text, labels=suite.labels, perturbations=suite.perturbations)
                )
            except ThresholdError as error:
                message = f"column {error.column}: {error.message}"
                findings.add(path, item.line, field, message, error.fix)
    elif not findings.total:
        findings.add(
            path, None, dotted(at), "holds no thresholds.", "Write a list, such as `- accuracy >= 90%`."
        )
    findings.raise_if_any()
    return tuple(found)
