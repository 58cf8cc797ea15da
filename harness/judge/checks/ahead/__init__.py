"""Before a run: how many cases a threshold takes, and what those at hand can prove.

Each metric names its planner in the table of metrics; `checks.power` asks them for a whole policy.
"""

from harness.judge.checks.ahead.fix import cheapest_fix
from harness.judge.checks.ahead.rows import Ahead, PowerRow, of_f1, of_share, unplanned
