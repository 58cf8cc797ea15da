"""*.suite.yml: labels, cases, reply rule, thresholds, repeats: what a team demands of a prompt."""

from harness.files.suite.model import (
    MOST_THRESHOLDS,
    CaseFile,
    LatencyRule,
    ReplyRule,
    StopRule,
    Suite,
    asked_order,
    suite_digest,
)
from harness.files.suite.pattern import Pattern, PatternRefused, TooLong
from harness.files.suite.policy import Threshold, default_thresholds
