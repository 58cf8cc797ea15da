"""Thresholds held against figures: *threshold + run -> `Asked` -> figure -> check -> verdict*.

`metrics` is THE table: how each metric is read (`figures`), decided (by its interval, `quantiles`, `drift`),
worded (`why`, `consequences`) and planned before a run (`planned`).
"""

from harness.judge.checks.baseline import Baseline, baseline_of, from_store, to_store
from harness.judge.checks.check import by_chance, check, check_all, hanging_on
from harness.judge.checks.metrics import GAUGES, figures_of
from harness.judge.checks.next_step import confused, next_step
from harness.judge.checks.planned import power, together
from harness.judge.checks.stopper import SETTLED, Beside, Case, Paired, Stopper, View, as_settled, settled_early
from harness.judge.checks.traps import best_of_many, no_information, traps_of
from harness.judge.checks.worlds import as_usual, mended, otherwise, without_failed
from harness.judge.verdict import (
    among_candidates,
    best_first,
    not_measured,
    open_by_failures,
    passed_alone,
    reason_of,
    reason_of_run,
    taken,
    verdict_of,
)
