"""How this candidate did in earlier runs, and whether it got worse since.

A later sample against the suite's own cases: is a candidate worse on new data than in the lab.

`harness run SUITE --cases new.jsonl` measures other cases than the suite's. Where this very candidate (same
prompt and model, by digest) was measured on the suite's own cases before, the two are compared as independent
samples (Newcombe), for they share no cases.
"""

from collections.abc import Sequence

import msgspec

from harness import judge
from harness.files.digest import digest
from harness.files.thresholds import ACCURACY, P95, STABILITY, Threshold
from harness.judge.history.reference import as_share, usable
from harness.judge.history.series import allowed_drop, comparable, history_of
from harness.judge.scores import Figure, Missing, Share
from harness.judge.view import CandidateEntry, Manifest, View, once


def this_run(view: View) -> judge.PastRun:
    """Describe the run that is judged as its successors will see it, without figures."""
    return msgspec.structs.replace(
        described(view.manifest, view.entry), complete=not view.missing, cases=len(view.cases)
    )


@once
def runs_before(view: View) -> list[judge.PastRun]:
    """Give the finished earlier runs that accuracy may be held against, oldest first."""
    return usable(comparable(view.past, this_run(view))[0])


MOST_LOST = 0.05  # of the trials: what was lost can move a share by as much, so by more than MARGIN


def why_not_measured(share_lost: float) -> str:
    """Say why a run has no figures that later ones could be held against; empty where it has."""
    if share_lost <= MOST_LOST:
        return ""
    return f"it was not measured: the endpoint failed {judge.amount(share_lost, 'share')} of its calls"


def judged_history(view: View, judged: judge.CandidateAssessment, policy: Sequence[Threshold]) -> judge.History | None:
    """Give the series of a candidate's runs; None when this is the first."""
    if not any(run.candidate == view.entry.name for run in view.past):
        return None
    p95 = next((part.estimate for part in judged.latency.caller if part.q == 0.95), None)
    stability = judged.stability
    now = msgspec.structs.replace(
        this_run(view),
        verdict=judged.verdict,
        figures={
            ACCURACY.written: judged.classification.accuracy,
            STABILITY.written: stability.agreement,
            **({} if p95 is None else {P95.written: p95}),
        },
        served_models=tuple(sorted(stability.served_models)),
        fingerprints=tuple(sorted(stability.fingerprints)),
    )
    unknown = why_not_measured(view.lost / max(len(view.trials), 1))
    accuracy = Missing(unknown) if unknown else judge.scores.accuracy(view.answered.answers)
    if unknown:
        now = msgspec.structs.replace(now, figures={}, complete=False, why_no_figures=unknown)
    elif judged.answered:
        now = msgspec.structs.replace(now, figures={**now.figures, **judged.answered})
    return history_of(view.past, now, accuracy, margin=allowed_drop(policy), confidence=view.confidence)


def described(manifest: Manifest, entry: CandidateEntry) -> judge.PastRun:
    """Give what a manifest says of a candidate, without figures."""
    suite, model = manifest.suite, entry.model
    reload = manifest.notes.get("reload") or {}
    return judge.PastRun(
        run_id=manifest.run_id,
        created_utc=manifest.created_utc,
        candidate=entry.name,
        prompt=entry.prompt_name,
        model=entry.model_name,
        prompt_digest=entry.prompt_digest,
        model_digest=entry.model_digest,
        model_id=str(model.get("model") or model.get("weights") or ""),
        suite_digest=manifest.suite_digest,
        labels=tuple(sorted(suite.get("labels", ()))),
        reply_rule=digest([entry.reply or suite.get("reply"), suite.get("positive")]),
        planned=manifest.planned_trials,
        new_data=str(reload.get("cases") or "") if isinstance(reload, dict) else "",
        harness=manifest.harness_version,
    )


NEW = "new data"


@once
def lab_run(view: View) -> judge.PastRun | None:
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


def lab_gap(view: View, lab: judge.PastRun) -> Figure:
    """Give accuracy on the suite's own cases minus accuracy on the new data."""
    return judge.scores.difference(as_share(lab.figures[ACCURACY.written]), judge.scores.accuracy(view.answers))


def judged_new_data(view: View) -> judge.NewData | None:
    """Compare every figure that both have; None when this run is of the suite's own cases, or the first."""
    lab = lab_run(view)
    if lab is None:
        return None
    gaps = [
        share_gap(metric, (as_share(seen), seen), (here, here.estimate(view.confidence)), NEW)
        for metric, here in judge.scores.shares(view.answers).items()
        if (seen := lab.figures.get(metric)) is not None
    ]
    answered = judge.scores.difference(
        as_share(lab.figures[ACCURACY.written]), judge.scores.accuracy(view.answered.answers)
    )
    lows = gaps[0].gap.low, answered.estimate(view.confidence).low  # what the endpoint failed shows no loss
    worse = all(low is not None and low > 0 for low in lows)
    return judge.NewData(
        run_id=lab.run_id,
        cases=lab.cases,
        gaps=tuple(gaps),
        worse=worse,
        sentence=_sentence(gaps[0], lab, len(view.cases), worse=worse),
    )


def share_gap(
    metric: str, dev: tuple[Share | Missing, judge.Estimate], other: tuple[Share | Missing, judge.Estimate], split: str
) -> judge.SplitGap:
    """Compare two independent shares, each with its estimate; `split` names the second."""
    one, two = dev[0], other[0]
    return judge.SplitGap(
        metric=metric,
        dev=dev[1],
        other_split=split,
        other=other[1],
        gap=judge.scores.difference(one, two).estimate(other[1].confidence),
        p_value=judge.scores.fisher(one, two) if isinstance(one, Share) and isinstance(two, Share) else None,
    )


def _sentence(gap: judge.SplitGap, lab: judge.PastRun, cases: int, *, worse: bool) -> str:
    if gap.gap.value is None:
        return f"New data can't be held against the suite's own cases: {gap.gap.why_undefined}."
    seen = (
        f"accuracy {judge.figure_alone(gap.dev, 'share', '')} on the suite's {judge.count(lab.cases, 'case')}, "
        f"{judge.figure_alone(gap.other, 'share', '')} on {judge.count(cases, 'new case')}, "
        f"a difference of {judge.figure(gap.gap, 'points')}"
    )
    if worse:
        return f"Accurate in the lab, worse on new data: {seen}."
    if gap.gap.high is not None and gap.gap.high < 0:
        return f"Better on new data than in the lab: {seen}."
    hangs = ", which hangs on calls that failed" if (gap.gap.low or 0.0) > 0 else ""
    return f"No certain difference between the lab and new data{hangs}: {seen}."
