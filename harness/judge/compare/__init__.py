"""Candidates held against each other: two on the same cases, then many, then all prompts of a branch.

`figures` and `speed_and_cost` give every metric on both sides; `decide` says which differences
are real, `no_worse` what is no worse; `telling` makes the sentences. On these stand `compare` for two candidates,
`leaderboard` for those of a run, `decide_prompts` for what a pull request changed, and `upgraded` for a prompt
whose model is to be another one (`no_worse` and `agreement` are its branches).
"""

from harness.judge.compare.agreement import disagreeing
from harness.judge.compare.comparing import MARGIN, compare
from harness.judge.compare.gate import ChangedPrompt, decide_prompts, exit_code, gate_reason, gate_status
from harness.judge.compare.leaderboard import leaderboard
from harness.judge.compare.stopping import beside, gate_rule, pair_as_settled, upgrade_rule
from harness.judge.compare.switching import Demand, concluded
from harness.judge.compare.upgrade import Couple, confirmed, upgraded
