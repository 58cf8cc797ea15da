"""What a team demands: the metrics, and the language of thresholds.

*text -> `parse` (over `scanner`, helped by `fixes`) -> `Threshold`*; `metrics` is the table that all of them
read, and every later wing with them.
"""

from harness.files.thresholds.metrics import (
    ACCURACY,
    BALANCED_ACCURACY,
    BETTER_THAN_MAJORITY,
    COST_PER_1000,
    COST_PER_CORRECT,
    COVERAGE,
    DRIFT_DROP,
    F1,
    KAPPA,
    MACRO_F1,
    MCC,
    METRICS,
    P50,
    P95,
    PRECISION,
    QUALITY,
    RECALL,
    ROBUSTNESS_DROP,
    SPECIFICITY,
    STABILITY,
    TOKENS_PER_CASE,
    TTFT_P50,
    TTFT_P95,
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
