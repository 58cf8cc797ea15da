"""What a team demands: the metrics, and the language of thresholds.

*text -> `parse` (over `scanner`, helped by `fixes`) -> `Threshold`*; `metrics` is the table that all of them
read, and every later wing with them.
"""

from harness.files.thresholds.metrics import *
from harness.files.thresholds.parse import parse_threshold
from harness.files.thresholds.scanner import ThresholdError
