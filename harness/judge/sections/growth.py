"""How much longer a prompt became since its previous version, in tokens that the endpoint counted.

The previous version is the prompt of the same stem and the next lower number (v3 after v2) on the same model,
measured in the same run: so the cases are the same, and the difference is the prompt's alone.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from harness.judge import CandidateAssessment, PromptGrowth
from harness.judge.scores import clustered_mean
from harness.judge.sections.versions import numbered
from harness.judge.table.columns import NONE, Float, Int64
from harness.judge.view import View

NO_PAIRS = "no case has counted tokens under both versions"


def with_growth(views: Sequence[View], candidates: Sequence[CandidateAssessment]) -> tuple[CandidateAssessment, ...]:
    """Add to the cost of each candidate how its prompt grew."""
    return tuple(
        msgspec.structs.replace(made, cost=msgspec.structs.replace(made.cost, growth=_growth(view, views)))
        for view, made in zip(views, candidates, strict=True)
    )


def _growth(view: View, views: Sequence[View]) -> PromptGrowth | None:
    before = _previous(view, views)
    if before is None:
        return None
    cases, now, then = _paired(view, before)
    if not len(cases):
        return None
    more = clustered_mean(now - then, cases, why_empty=NO_PAIRS).estimate(view.confidence)
    mean = float(then.mean())
    return PromptGrowth(
        since=before.entry.prompt_name,
        tokens_before=mean,
        more=more,
        share=more.value / mean if more.value is not None and mean > 0 else None,
    )


def _previous(view: View, views: Sequence[View]) -> View | None:
    now = numbered(view.entry.prompt_name)
    if now is None:
        return None
    lower = [
        (then[1], other)
        for other in views
        if (then := numbered(other.entry.prompt_name)) is not None
        and other.entry.model_name == view.entry.model_name
        and then[0] == now[0]
        and then[1] < now[1]
    ]
    return max(lower, key=lambda found: found[0])[1] if lower else None


def _paired(one: View, two: View) -> tuple[Int64, Float, Float]:
    """Give the cases whose tokens were counted under both, with the mean of each."""
    (sum_one, n_one), (sum_two, n_two) = (_per_case(view) for view in (one, two))
    cases = np.flatnonzero((n_one > 0) & (n_two > 0))
    return cases, sum_one[cases] / n_one[cases], sum_two[cases] / n_two[cases]


def _per_case(view: View) -> tuple[Float, Float]:
    known = view.trials.tokens_in != NONE
    case, tokens = view.trials.case[known], view.trials.tokens_in[known]
    n = len(view.cases)
    counted = np.bincount(case, minlength=n).astype(np.float64)
    return np.bincount(case, weights=tokens, minlength=n).astype(np.float64), counted
