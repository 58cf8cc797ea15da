"""A later sample against the suite's own cases: is a candidate worse on new data than in the lab.

`harness run SUITE --cases new.jsonl` measures other cases than the suite's. Where this very candidate (same
prompt and model, by digest) was measured on the suite's own cases before, the two are compared as independent
samples (Newcombe), for they share no cases.
"""

from __future__ import annotations

from harness.judge.documents import Estimate, NewData, PastRun, SplitGap
from harness.judge.history.section import this_run
from harness.judge.history.series import share_of
from harness.judge.scores import classification
from harness.judge.scores.combined import difference
from harness.judge.scores.drift import fisher
from harness.judge.scores.figure import Figure, Missing
from harness.judge.scores.proportion import Share
from harness.judge.view import View, once
from harness.judge.wording import count, figure, figure_alone

NEW = "new data"


@once
def lab_run(view: View) -> PastRun | None:
    """Give the run on the suite's own cases that new data is held against: the largest, then the latest."""
    now = this_run(view)
    if not now.new_data:
        return None
    same = [
        run
        for run in view.past
        if run.complete
        and not run.new_data
        and (run.candidate, run.prompt_digest, run.model_digest, run.labels, run.reply_rule)
        == (now.candidate, now.prompt_digest, now.model_digest, now.labels, now.reply_rule)
    ]
    return max(same, key=lambda run: (run.cases, run.when), default=None)


def lab_gap(view: View, lab: PastRun) -> Figure:
    """Give accuracy on the suite's own cases minus accuracy on the new data."""
    return difference(share_of(lab.figures["accuracy"]), classification.accuracy(view.answers))


def new_data_section(view: View) -> NewData | None:
    """Compare every figure that both have; None when this run is of the suite's own cases, or the first."""
    lab = lab_run(view)
    if lab is None:
        return None
    new = {"accuracy": classification.accuracy(view.answers)}
    for place, label in enumerate(view.labels):
        new[f"recall[{label}]"] = classification.recall(view.answers, place)
        new[f"precision[{label}]"] = classification.precision(view.answers, place)
    gaps = [
        share_gap(metric, (share_of(seen), seen), (here, here.estimate(view.confidence)), NEW)
        for metric, here in new.items()
        if (seen := lab.figures.get(metric)) is not None
    ]
    worse = gaps[0].gap.low is not None and gaps[0].gap.low > 0
    return NewData(
        run_id=lab.run_id,
        cases=lab.cases,
        gaps=tuple(gaps),
        worse=worse,
        sentence=_sentence(gaps[0], lab, len(view.cases), worse=worse),
    )


def share_gap(
    metric: str, dev: tuple[Share | Missing, Estimate], other: tuple[Share | Missing, Estimate], split: str
) -> SplitGap:
    """Compare two independent shares, each with its estimate; `split` names the second."""
    one, two = dev[0], other[0]
    return SplitGap(
        metric=metric,
        dev=dev[1],
        other_split=split,
        other=other[1],
        gap=difference(one, two).estimate(other[1].confidence),
        p_value=fisher(one, two) if isinstance(one, Share) and isinstance(two, Share) else None,
    )


def _sentence(gap: SplitGap, lab: PastRun, cases: int, *, worse: bool) -> str:
    if gap.gap.value is None:
        return f"New data can't be held against the suite's own cases: {gap.gap.why_undefined}."
    seen = (
        f"accuracy {figure_alone(gap.dev, 'share', '')} on the suite's {count(lab.cases, 'case')}, "
        f"{figure_alone(gap.other, 'share', '')} on {count(cases, 'new case')}, "
        f"a difference of {figure(gap.gap, 'points')}"
    )
    if worse:
        return f"Accurate in the lab, worse on new data: {seen}."
    if gap.gap.high is not None and gap.gap.high < 0:
        return f"Better on new data than in the lab: {seen}."
    return f"No certain difference between the lab and new data: {seen}."
