"""What errors cost: a missed positive and a false alarm rarely hurt the same."""

from __future__ import annotations

from harness.judge.scores.answers import Answers
from harness.judge.scores.combined import Combined
from harness.judge.scores.figure import Missing
from harness.judge.scores.proportion import Share, clustered_share


def error_cost(
    answers: Answers, positive: int, *, missed: float, false_alarm: float, per: int = 1
) -> Combined | Missing:
    """Give the expected cost of errors per `per` cases: (FN c_FN + FP c_FP) / n * per.

    The interval combines those of the two error shares (MOVER), so a run without errors still has an upper
    bound on what errors may cost.
    """
    expects = answers.expected == positive
    says = answers.predicted == positive
    why = "there are no trials"
    misses = clustered_share(expects & ~says, answers.case, why_empty=why)
    alarms = clustered_share(~expects & says, answers.case, why_empty=why)
    if isinstance(misses, Missing) or isinstance(alarms, Missing):
        return Missing(why)
    shares: tuple[Share, ...] = (misses, alarms)
    return Combined(shares, (missed * per, false_alarm * per), misses.n, "cost of both kinds of error, MOVER")


def break_even_score(*, missed: float, false_alarm: float) -> float | None:
    """Give the probability above which calling it positive is cheaper: c_FP / (c_FP + c_FN) (Elkan 2001)."""
    total = missed + false_alarm
    return false_alarm / total if total > 0 else None
