"""Thresholds kept apart from a suite: another suite, or a YAML file with only `thresholds:`."""

from __future__ import annotations

from pathlib import Path

from harness.files.decoding import read_written
from harness.files.findings import Findings
from harness.files.suite import Suite
from harness.files.threshold import Threshold, parse_threshold
from harness.files.threshold_scanner import ThresholdError
from harness.files.written_yaml import Items, Scalar, parse


def read_thresholds_file(path: Path, suite: Suite) -> tuple[Threshold, ...]:
    """Read the list `thresholds:` of a YAML file for this suite's labels.

    Raises FilesError with every bad expression, its line and column.
    """
    findings = Findings()
    text = read_written(path, findings)
    document = parse(text, path, findings) if text is not None else None
    thresholds: list[Threshold] = []
    if document is not None:
        line, node = document.entries.get("thresholds", (1, None))
        if not isinstance(node, Items) or not node.items:
            findings.add(
                path, line, "thresholds", "must be a list of thresholds.", "Write: - accuracy >= 90%"
            )
        else:
            for i, item in enumerate(node.items):
                if not isinstance(item, Scalar):
                    findings.add(path, item.line, f"thresholds[{i}]", "must be text.")
                    continue
                try:
                    thresholds.append(parse_threshold(item.text, labels=suite.labels))
                except ThresholdError as error:
                    message = f"column {error.column}: {error.message}"
                    findings.add(path, item.line, f"thresholds[{i}]", message, error.fix)
    findings.raise_if_any()
    return tuple(thresholds)
