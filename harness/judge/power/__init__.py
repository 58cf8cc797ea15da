"""Before a run: how many cases a threshold takes, and what those at hand can prove.

Each metric names its planner in the table of metrics; `checks.power` asks them for a whole policy.
"""

from harness.judge.power.fixes import cheapest_fix
from harness.judge.power.model import Ahead
from harness.judge.power.rows import (
    Planner,
    PowerRow,
    afterwards,
    of_average,
    of_calls,
    of_f1,
    of_fbeta,
    of_gap,
    of_repeats,
    of_robustness,
    of_share,
    unplanned,
)
