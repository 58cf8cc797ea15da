"""One candidate over time: the comparable runs, what changed between them, and whether it got worse.

Theory. Comparable runs have the same suite digest: the same cases, labels and reply rule. Each is a draw of
the model's answers to the same cases, so the difference of two runs varies less than that of two independent
samples; Newcombe's interval for independent samples is therefore on the safe side (wider than it need be).
The pooled history adds up the effective sizes of its runs; for the same reason that is safe as well.

Two comparisons are made, each with one chance of (1 - confidence)/2 to see a drop that is not there: against
the previous run (a sudden drop) and against all runs before, pooled (a slow slide). Together they raise a
false alarm in at most 1 - confidence of the runs.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

import msgspec

from harness import judge
from harness.files.thresholds import ACCURACY, DRIFT_DROP, P95, STABILITY, Threshold
from harness.judge.scores import Combined, Missing, Share, cusum, difference, wilson

WINDOW = 50  # runs that are pooled and that a report keeps: older ones say little of today
MARGIN = 0.05  # the default policy's
PREVIOUS: Final = "the previous run"
POOLED: Final = "the runs before, pooled"


def allowed_drop(policy: Iterable[Threshold]) -> float:
    """Give the drop of accuracy that a suite allows between runs."""
    return next((threshold.bound for threshold in policy if threshold.metric == DRIFT_DROP.name), MARGIN)


def as_share(estimate: judge.Estimate) -> Share | Missing:
    """Give the share that has this Wilson interval; the effective number of trials is by bisection.

    It is told by the end away from 1/2: the other may have been moved out to the bound of a check. At 0 and 1
    that end is fixed, and the other one is as it was.
    """
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return Missing(estimate.why_undefined or "it has no interval", estimate.n)
    end = int((estimate.value >= 0.5) != (estimate.value in {0.0, 1.0}))
    wanted = abs((estimate.low, estimate.high)[end] - estimate.value)
    low, high = 0.01, float(max(estimate.n, 1))
    for _ in range(60):
        middle = (low + high) / 2
        bounds = wilson(estimate.value, middle, estimate.confidence)
        low, high = (middle, high) if abs(bounds[end] - estimate.value) > wanted else (low, middle)
    return _independent(estimate.value, high)


def _independent(p: float, n: float) -> Share:
    """Give the share p of n independent trials; n need not be whole."""
    whole = max(1, round(n))
    return Share(p=p, n=whole, cases=whole, floor=n, raw=n, informative=0, se=0.0)


def pooled(shares: Sequence[Share]) -> Share | Missing:
    """Give all trials of several runs as one share, weighted by their effective sizes."""
    sizes = [share.effective_n() for share in shares]
    if not sizes:
        return Missing("there is no earlier run to compare with")
    total = sum(sizes)
    return _independent(sum(s.p * n for s, n in zip(shares, sizes, strict=True)) / total, total)


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
    keep: int = WINDOW,
) -> judge.History:
    """Say how a candidate did over time: `now` against the comparable runs before it.

    `accuracy` is that of `now`, as judged; `past` may hold other candidates and other digests. Runs that
    began later are listed, but not compared. The `keep` most recent runs of each list are kept.
    """
    runs, left = comparable(past, now)
    before = [run for run in runs if run.when < now.when]
    later = [run for run in runs if run.when > now.when]
    changes = changes_of(before, accuracy, confidence=confidence)
    chart = _chart([*before, now], margin)
    return judge.History(
        run_id=now.run_id,
        points=_points([*before, now, *later][-keep:]),
        changes=changes,
        cusum=chart,
        not_comparable=tuple(left[-keep:]),
        sentence=_sentence(changes, chart, left),
    )


def usable(runs: Sequence[judge.PastRun]) -> list[judge.PastRun]:
    """Keep the finished runs whose accuracy is known, the most recent ones."""
    return [run for run in runs if run.complete and _accuracy(run).value is not None][-WINDOW:]


def changes_of(
    runs: Sequence[judge.PastRun], now: Share | Missing, *, confidence: float
) -> tuple[judge.AccuracyChange, ...]:
    """Give accuracy now minus the previous run, and minus all runs before (where there are several)."""
    known = usable(runs)
    made = []
    for against, group in groups_of(known):
        before = before_of(group)
        made.append(
            judge.AccuracyChange(
                against=against,
                runs=tuple(run.run_id for run in group),
                before=before.estimate(confidence),
                change=difference(now, before).estimate(confidence),
            )
        )
    return tuple(made)


def groups_of(known: Sequence[judge.PastRun]) -> list[tuple[judge.Against, Sequence[judge.PastRun]]]:
    """Give what a run is held against: the previous one and, where there are several, all before."""
    groups: list[tuple[judge.Against, Sequence[judge.PastRun]]] = []
    if known:
        groups.append((PREVIOUS, known[-1:]))
    if len(known) > 1:
        groups.append((POOLED, known))
    return groups


def before_of(runs: Sequence[judge.PastRun]) -> Share | Missing:
    """Give the pooled accuracy of runs."""
    shares = [as_share(_accuracy(run)) for run in runs]
    return pooled([share for share in shares if isinstance(share, Share)])


def _accuracy(run: judge.PastRun) -> judge.Estimate:
    """Give what a finished run had; what an unfinished one lacks would count as failed."""
    if not run.complete:
        return judge.undefined(run.why_no_figures or "it is not finished")
    return run.figures.get(ACCURACY.written) or judge.undefined(run.why_no_figures or "it was not judged")


def _points(series: Sequence[judge.PastRun]) -> tuple[judge.HistoryPoint, ...]:
    marks: list[tuple[str, ...]] = [(), *(changed(a, b) for a, b in pairwise(series))]
    return tuple(
        judge.HistoryPoint(
            run_id=run.run_id,
            created_utc=run.created_utc,
            complete=run.complete,
            prompt_digest=run.prompt_digest,
            accuracy=_accuracy(run),
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
    known = usable(series)
    shares = [share for share in (as_share(_accuracy(run)) for run in known) if isinstance(share, Share)]
    if len(shares) < 2 or len(shares) != len(known):
        return None
    learnt = pooled(shares[: max(1, len(shares) // 2)])
    assert isinstance(learnt, Share)
    usual = 1 - learnt.p
    sizes = [share.effective_n() for share in shares]
    errors = [(1 - share.p) * n for share, n in zip(shares, sizes, strict=True)]
    worse = min(usual + margin, 1.0)
    made = cusum(errors, sizes, usual=usual, worse=worse)
    signal = None if made.signal is None else known[made.signal].run_id
    return judge.CusumChart(usual=usual, worse=worse, limit=made.limit, path=made.path, signal=signal)


def _sentence(
    changes: Sequence[judge.AccuracyChange], chart: judge.CusumChart | None, left: Sequence[judge.NotComparable]
) -> str:
    if not changes:
        if not left:
            return "There is no earlier finished run to compare with."
        return f"No earlier run can be compared with this one ({left[-1].run_id}: {left[-1].why})."
    known = [change for change in changes if change.change.value is not None]
    if not known:
        return f"Accuracy can't be held against earlier runs: {changes[0].change.why_undefined}."
    slide = ""
    if chart is not None and chart.signal is not None:
        slide = f" Errors are more frequent than usual since run {chart.signal}, by the CUSUM chart."
    return f"{_moved(known)}: {', '.join(_told(change) for change in known)}.{slide}"


def _moved(changes: Sequence[judge.AccuracyChange]) -> str:
    if any(change.change.high is not None and change.change.high < 0 for change in changes):
        return "Accuracy fell"
    if any(change.change.low is not None and change.change.low > 0 for change in changes):
        return "Accuracy rose"
    return "No certain change of accuracy"


def _told(change: judge.AccuracyChange) -> str:
    several = f"the {judge.count(len(change.runs), 'run')} before, pooled"
    since = several if len(change.runs) > 1 else PREVIOUS
    before = "" if change.before.value is None else f" ({judge.amount(change.before.value, 'share')})"
    return f"{judge.figure(change.change, 'points')} since {since}{before}"


def drop_of(change: Combined | Missing, confidence: float) -> judge.Estimate:
    """Turn now - before into before - now, which a threshold on `drift.drop` is about."""
    made = change.estimate(confidence)
    if made.value is None or made.low is None or made.high is None:
        return made
    return msgspec.structs.replace(made, value=-made.value, low=-made.high, high=-made.low)
