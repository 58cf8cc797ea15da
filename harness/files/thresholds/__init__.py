"""What a team demands: the metrics, the language of thresholds, and the demands that apply without one.

*text -> `parse` (over `scanner`, helped by `fixes`) -> `Threshold`*; `metrics` is the table that all of them
read, and every later wing with them.
"""

from harness.files.thresholds.default_policy import default_thresholds, thresholds_of
from harness.files.thresholds.metrics import (
    BETTER_THAN_MAJORITY,
    METRICS,
    Counted,
    Metric,
    Plain,
    Scale,
    metric_of,
    written,
)
from harness.files.thresholds.parse import parse_threshold
from harness.files.thresholds.scanner import ThresholdError
from harness.files.thresholds.threshold import Op, Threshold, Where

__all__ = [
    "BETTER_THAN_MAJORITY",
    "METRICS",
    "Counted",
    "Metric",
    "Op",
    "Plain",
    "Scale",
    "Threshold",
    "ThresholdError",
    "Where",
    "default_thresholds",
    "metric_of",
    "parse_threshold",
    "thresholds_of",
    "written",
]
