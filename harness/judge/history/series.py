"""One candidate over time: the comparable runs, what changed between them, and whether it got worse.

Theory. Comparable runs have the same suite digest: the same cases, labels and reply rule. Each is a draw of
the model's answers to the same cases, so the difference of two runs varies less than that of two independent
samples; Newcombe's interval for independent samples is therefore on the safe side (wider than it need be).
The pooled history adds up the effective sizes of its runs; for the same reason that is safe as well.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import msgspec

from harness import judge
from harness.files.thresholds import DRIFT_DROP, P95, STABILITY, Threshold
from harness.judge.history import reference
from harness.judge.scores import Combined, Missing, Share, cusum, difference

MARGIN = 0.05  # the default policy's


def allowed_drop(policy: Iterable[Threshold]) -> float:
    """Give the drop of accuracy that a suite allows between runs."""
    return next((threshold.bound for threshold in policy if threshold.metric == DRIFT_DROP.name), MARGIN)


def earlier(runs: Iterable[judge.PastRun], now: tuple[str, str]) -> tuple[judge.PastRun, ...]:
    """Keep the runs that began before this one, oldest first: what ran later never changes a verdict."""
    return tuple(sorted((run for run in runs if run.when < now), key=lambda run: (*run.when, run.candidate)))


def comparable(
    past: Sequence[judge.PastRun], now: judge.PastRun
) -> tuple[list[judge.PastRun], list[judge.NotComparable]]:
    """Sort the earlier runs of a candidate into those that can be compared with `now`, and the rest."""
    kept, left = [], []
    for run in past:
        if run.candidate != now.candidate:
            continue
        why = why_not(run, now)
        if why:
            left.append(judge.NotComparable(run_id=run.run_id, created_utc=run.created_utc, why=why))
        else:
            kept.append(run)
    return kept, left


def why_not(run: judge.PastRun, now: judge.PastRun) -> str:
    """Say why two runs can't be compared; nothing when they can (an unfinished one is only marked)."""
    if run.suite_digest == now.suite_digest:
        return ""
    if run.labels != now.labels:
        return "it has other labels"
    if run.reply_rule != now.reply_rule:
        return "it reads replies by another rule"
    if run.new_data != now.new_data:
        return f"its cases are those of {run.new_data}" if run.new_data else "its cases are the suite's own"
    if run.cases and now.cases and run.cases != now.cases:
        return f"it has other cases ({run.cases:,}, not {now.cases:,})"
    return "it has other cases"


def history_of(
    past: Sequence[judge.PastRun],
    now: judge.PastRun,
    accuracy: Share | Missing,
    *,
    margin: float,
    confidence: float,
    keep: int = reference.WINDOW,
) -> judge.History:
    """Say how a candidate did over time: `now` against the comparable runs before it.

    `accuracy` is that of `now`, as judged; `past` may hold other candidates and other digests. Runs that
    began later are listed, but not compared. The `keep` most recent runs of each list are kept.
    """
    runs, left = comparable(past, now)
    before = [run for run in runs if run.when < now.when]
    later = [run for run in runs if run.when > now.when]
    stands = reference.standing(reference.usable(before), margin=margin, confidence=confidence)
    if stands.dropped and stands.recovers(accuracy, margin=margin, confidence=confidence):
        stands = reference.HeldAgainst(stands.reference, [])
    changes = changes_of(stands.reference, accuracy, confidence=confidence)
    chart = _chart([*before, now], margin)
    return judge.History(
        run_id=now.run_id,
        points=_points([*before, now, *later][-keep:]),
        changes=changes,
        cusum=chart,
        not_comparable=tuple(left[-keep:]),
        sentence=_sentence(changes, chart, left or before, _moved(stands, accuracy, reference.sure_of(confidence))),
    )


def changes_of(
    runs: Sequence[judge.PastRun], now: Share | Missing, *, confidence: float
) -> tuple[judge.AccuracyChange, ...]:
    """Give accuracy now minus the previous run, and minus all runs before (where there are several)."""
    known = reference.usable(runs)
    made = []
    for against, group in reference.groups_of(known):
        before = reference.before_of(group)
        made.append(
            judge.AccuracyChange(
                against=against,
                runs=tuple(run.run_id for run in group),
                before=before.estimate(confidence),
                change=difference(now, before).estimate(confidence),
            )
        )
    return tuple(made)


def _points(series: Sequence[judge.PastRun]) -> tuple[judge.HistoryPoint, ...]:
    marks: list[tuple[str, ...]] = [(), *(changed(a, b) for a, b in pairwise(series))]
    return tuple(
        judge.HistoryPoint(
            run_id=run.run_id,
            created_utc=run.created_utc,
            complete=run.complete,
            prompt_digest=run.prompt_digest,
            accuracy=reference.accuracy_of(run),
            stability=run.figures.get(STABILITY.written) if run.complete else None,
            p95=run.figures.get(P95.written) if run.complete else None,
            verdict=run.verdict,
            changed=mark,
        )
        for run, mark in zip(series, marks, strict=True)
    )


def changed(before: judge.PastRun, after: judge.PastRun) -> tuple[str, ...]:
    """Give the release marks between two runs: what may have changed the answers."""
    marks = []
    if before.prompt_digest != after.prompt_digest:
        marks.append("the prompt changed")
    if before.model_id != after.model_id:
        marks.append(f"model {before.model_id or 'unknown'} → {after.model_id or 'unknown'}")
    elif before.model_digest != after.model_digest:
        marks.append("the model's entry changed")
    for what, old, new in (
        ("served model", before.served_models, after.served_models),
        ("fingerprint", before.fingerprints, after.fingerprints),
    ):
        if old and new and old != new:
            marks.append(f"{what} {judge.listed(old, 2)} → {judge.listed(new, 2)}")
    if before.harness != after.harness and before.harness and after.harness:
        marks.append(f"harness {before.harness} → {after.harness}")
    return tuple(marks)


def _chart(series: Sequence[judge.PastRun], margin: float) -> judge.CusumChart | None:
    """Follow the errors run by run; what is usual is learnt from the first half of the series."""
    known = reference.usable(series)
    shares = [
        share for share in (reference.as_share(reference.accuracy_of(run)) for run in known) if isinstance(share, Share)
    ]
    if len(shares) < 2 or len(shares) != len(known):
        return None
    learnt = reference.pooled(shares[: max(1, len(shares) // 2)])
    assert isinstance(learnt, Share)
    usual = 1 - learnt.p
    sizes = [share.effective_n() for share in shares]
    errors = [(1 - share.p) * n for share, n in zip(shares, sizes, strict=True)]
    worse = min(usual + margin, 1.0)
    made = cusum(errors, sizes, usual=usual, worse=worse)
    signal = None if made.signal is None else known[made.signal].run_id
    return judge.CusumChart(usual=usual, worse=worse, limit=made.limit, path=made.path, signal=signal)


def _sentence(
    changes: Sequence[judge.AccuracyChange],
    chart: judge.CusumChart | None,
    left: Sequence[judge.NotComparable | judge.PastRun],
    moved: str,
) -> str:
    if not changes:
        if not left:
            return "There is no earlier finished run to compare with."
        last = left[-1]
        why = reference.accuracy_of(last).why_undefined if isinstance(last, judge.PastRun) else last.why
        return f"No earlier run can be compared with this one ({last.run_id}: {why})."
    known = [change for change in changes if change.change.value is not None]
    if not known:
        return f"Accuracy can't be held against earlier runs: {changes[0].change.why_undefined}."
    slide = ""
    if chart is not None and chart.signal is not None:
        slide = f" Errors are more frequent than usual since run {chart.signal}, by the CUSUM chart."
    return f"{moved}: {', '.join(_told(change) for change in known)}.{slide}"


def _moved(stands: reference.HeldAgainst, now: Share | Missing, sure: float) -> str:
    if stands.dropped:
        return f"Accuracy fell in run {stands.dropped[0].run_id} and has not recovered"
    changes = [difference(now, reference.before_of(group)) for _, group in reference.groups_of(stands.reference)]
    if any((change.upper(sure) or 0.0) < 0 for change in changes):
        return "Accuracy fell"
    return (
        "Accuracy rose"
        if any((change.lower(sure) or 0.0) > 0 for change in changes)
        else "No certain change of accuracy"
    )


def _told(change: judge.AccuracyChange) -> str:
    several = f"the {judge.count(len(change.runs), 'run')} before, pooled"
    since = several if len(change.runs) > 1 else reference.PREVIOUS
    before = "" if change.before.value is None else f" ({judge.amount(change.before.value, 'share')})"
    return f"{judge.figure(change.change, 'points')} since {since}{before}"


def drop_of(change: Combined | Missing, confidence: float) -> judge.Estimate:
    """Turn now - before into before - now, which a threshold on `drift.drop` is about."""
    made = change.estimate(confidence)
    if made.value is None or made.low is None or made.high is None:
        return made
    return msgspec.structs.replace(made, value=-made.value, low=-made.high, high=-made.low)
