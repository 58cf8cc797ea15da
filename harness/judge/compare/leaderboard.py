"""Several candidates on the same cases: which differences are real, who is on the Pareto front.

Theory. Every pair is compared case by case, and all p-values of a report, of every pair and metric, are adjusted
together by Holm's method: the best is chosen by the same answers, so that each pair is a chance to call equals
different, also where only those with the first are shown. What is not real counts as equal: a candidate leaves the
Pareto front only when another is really better in quality, p95 or cost and really worse in none of them. A candidate
is called the weakest only after Cochran's Q (1950) has said that the candidates differ at all, for the spread of k
equal ones is never zero.

Quality is balanced accuracy, as in the ranking.

What the endpoint failed is no evidence: a difference of quality or p95 is real only where it is, however the
failed calls of either side are taken; Cochran's Q asks of the cases that every candidate was answered on.
"""

from collections.abc import Sequence
from itertools import combinations, product
from typing import TypeAlias

import numpy as np

from harness.files.thresholds import ACCURACY, COST_PER_1000, P95, QUALITY, Metric, metric_of
from harness.judge import CandidateAssessment, Duel, Estimate, Leaderboard, Standing, scores, undefined
from harness.judge.checks import best_first, mended, without_failed
from harness.judge.compare.decide import two_sided_p
from harness.judge.compare.figures import Compared, accuracy_figure, average_figure
from harness.judge.compare.recommendation import differences_sentence, recommend
from harness.judge.compare.speed_and_cost import cost_per_1000, disturbed
from harness.judge.pairs import pair
from harness.judge.view import View, lost

_P95 = P95.quantile or 1.0
MOST_RANKED = 12  # candidates; of more, each is compared with the first only


def leaderboard(views: Sequence[View], candidates: Sequence[CandidateAssessment]) -> Leaderboard | None:
    """Rank the candidates of a run, best first; None for a single one."""
    if len(candidates) < 2:
        return None
    ranked = best_first(candidates)
    by_name = {view.entry.name: view for view in views}
    ordered = [by_name[candidate.name] for candidate in ranked]
    duels = tuple(_duels(ordered))
    rows = tuple(_standing(candidate, duels) for candidate in ranked)
    alpha = 1 - ordered[0].confidence
    cochran = _cochran(ordered)
    recommended, recommendation = recommend(rows, duels)
    return Leaderboard(
        quality=QUALITY.name,
        rows=rows,
        duels=duels,
        cochran_p=cochran,
        weakest=_weakest(rows, duels) if cochran is not None and cochran < alpha else None,
        front=tuple(row.name for row in rows if row.on_front),
        recommended=recommended,
        recommendation=recommendation,
        differences=differences_sentence(recommended if len(rows) <= MOST_RANKED else rows[0].name, duels),
    )


_Couple: TypeAlias = tuple[View, View]


def _duels(views: Sequence[View]) -> list[Duel]:
    couples = list(combinations(views, 2))
    if len(views) > MOST_RANKED:
        couples = [(views[0], other) for other in views[1:]]
    told = {view.entry.name: (view, mended(view)) if view.lost else (view,) for view in views}
    worlds = [product(told[one.entry.name], told[two.entry.name]) for one, two in couples]
    paired = [[pair(two, one) for one, two in world] for world in worlds]  # as seen, then with failures as right
    compared: list[tuple[Metric, Sequence[Sequence[Compared | None]]]] = [
        (QUALITY, [[average_figure(pairs, QUALITY, sides=False) for pairs in world] for world in paired]),
        (ACCURACY, [[accuracy_figure(pairs) for pairs in world] for world in paired]),
        (P95, _latencies(views, couples)),
        (COST_PER_1000, [[cost_per_1000(world[0])] for world in paired]),
    ]
    p_values = [[_p_of(worlds) for worlds in figures] for _, figures in compared]
    unseen = len(compared) * (len(views) * (len(views) - 1) // 2 - len(couples))  # pairs that are not shown
    known = [p for of_metric in p_values for p in of_metric if p is not None]
    adjusted = iter(scores.holm([*known, *[1.0] * unseen]))
    return [
        _duel(metric, told, (p, None if p is None else next(adjusted)), couple)
        for (metric, figures), of_metric in zip(compared, p_values, strict=True)
        for told, p, couple in zip(figures, of_metric, couples, strict=True)
    ]


def _latencies(views: Sequence[View], couples: Sequence[_Couple]) -> list[list[Compared | None]]:
    """Give the p95 differences; all candidates' quantiles are drawn from the same resampled cases.

    First as seen, failed calls over any limit; then without those of one side, the other, both.
    """
    told = [(view, without_failed(view)) if view.lost else (view,) for view in views]
    timed = [[world.times(world.trials.caller_ns) for world in worlds] for worlds in told]
    cases = [set(case.tolist()) for worlds in timed for _, case in worlds]
    both = np.array(sorted(set.intersection(*cases)), dtype=np.int64) if all(cases) else np.arange(0)
    if not len(both) or any(disturbed(view) for view in views):
        return [[None] for _ in couples]
    sides = [[scores.TimedSide.of(times, case, both) for times, case in worlds] for worlds in timed]
    flat = [side for worlds in sides for side in worlds]
    drawn = iter(scores.quantile_draws(flat, len(both), (_P95,), seed=views[0].suite.seed))
    of = {
        view.entry.name: [(side, next(drawn)[:, 0]) for side in worlds]
        for view, worlds in zip(views, sides, strict=True)
    }
    return [
        [_faster(*sides, len(both)) for sides in product(of[one.entry.name], of[two.entry.name])]
        for one, two in couples
    ]


def _faster(
    one: tuple[scores.TimedSide, scores.Float], two: tuple[scores.TimedSide, scores.Float], cases: int
) -> Compared:
    figure: scores.Figure = scores.difference_of_draws(one, two, cases, _P95)
    nothing = undefined("see the candidates")
    moved = scores.slower_cases(one[0], two[0], cases, _P95)
    return Compared(metric=P95, base=nothing, head=nothing, difference=figure, moved=moved)


def _p_of(worlds: Sequence[Compared | None]) -> float | None:
    """Give the largest p-value of a couple, however the failed calls are taken; None where one is not known."""
    p_values = [None if one is None else two_sided_p(one) for one in worlds]
    known = [p for p in p_values if p is not None]
    return max(known) if len(known) == len(p_values) else None


def _estimated(one: Compared | None, confidence: float) -> Estimate:
    figure = scores.Missing("nothing was timed, or the client was disturbed") if one is None else one.difference
    return figure.estimate(confidence)


def _duel(
    metric: Metric, worlds: Sequence[Compared | None], p_values: tuple[float | None, float | None], couple: _Couple
) -> Duel:
    """Decide a couple by its figure as seen; what other worlds say can only leave it open."""
    (p, p_adjusted), (first, second) = p_values, couple
    estimates = [_estimated(one, first.confidence) for one in worlds]
    estimate = estimates[0]
    sides = {_side(one) for one in estimates}
    whole = first.stopped is None and second.stopped is None  # else the answers chose how many cases there are
    real = whole and p_adjusted is not None and p_adjusted < 1 - first.confidence and sides in ({1}, {-1})
    better = None
    if real and estimate.value is not None:
        up = estimate.value > 0
        better = (first if up == metric.higher_is_better else second).entry.name
    return Duel(
        first=first.entry.name,
        second=second.entry.name,
        metric=metric.name,
        difference=estimate,
        p_value=p,
        p_adjusted=p_adjusted,
        real=real,
        better=better,
        currency=first.currency if metric.scale == "money" else None,
        depends_on=0 if real or sides == {0} else first.lost + second.lost,
    )


def _side(estimate: Estimate) -> int:
    """Tell on which side of zero a whole interval lies; 0 where zero is in it, or nothing is known."""
    low, high = estimate.low, estimate.high
    if low is None or high is None:
        return 0
    return 1 if low > 0 else -1 if high < 0 else 0


def _standing(candidate: CandidateAssessment, duels: Sequence[Duel]) -> Standing:
    beaten_by = _beaten_by(candidate.name, duels)
    p95 = next((q.estimate for q in candidate.latency.caller if q.q == P95.quantile), undefined("no call was timed"))
    return Standing(
        name=candidate.name,
        verdict=candidate.verdict,
        quality=candidate.classification.balanced_accuracy,
        accuracy=candidate.classification.accuracy,
        p95=p95,
        cost_per_1000=candidate.cost.per_1000,
        stability=candidate.stability.agreement,
        on_front=not beaten_by,
        beaten_by=beaten_by,
        currency=candidate.cost.currency,
    )


def _beaten_by(name: str, duels: Sequence[Duel]) -> tuple[str, ...]:
    """Give who is really better in something that counts and really worse in nothing."""
    better: set[str] = set()
    worse: set[str] = set()
    for duel in duels:
        if duel.better is None or name not in {duel.first, duel.second}:
            continue
        other = duel.second if duel.first == name else duel.first
        if duel.better == name:
            worse.add(other)
        elif metric_of(duel.metric).front:
            better.add(other)
    return tuple(sorted(better - worse))


def _cochran(views: Sequence[View]) -> float | None:
    """Give the p-value of Cochran's Q; with repeats a case is right when more than half of its trials are."""
    columns, known = [], np.ones(len(views[0].cases), dtype=np.bool_)
    for view in views:
        trials = np.bincount(view.trials.case, minlength=len(view.cases))
        hits = np.bincount(view.trials.case, weights=view.answers.right, minlength=len(view.cases))
        columns.append(hits > trials / 2)
        known[view.trials.case[lost(view.trials)]] = False
    found = scores.cochran_q(np.stack(columns, axis=1)[known].astype(np.float64)) if known.any() else None
    return None if found is None else found[1]


def _weakest(rows: Sequence[Standing], duels: Sequence[Duel]) -> str | None:
    """Name the one candidate of lowest accuracy, if the most accurate really beats it."""
    known = sorted((row.accuracy.value, row.name) for row in rows if row.accuracy.value is not None)
    if len(known) < 2 or known[0][0] == known[1][0]:
        return None
    worst, best = known[0][1], known[-1][1]
    beaten = any(
        duel.metric == ACCURACY.name and duel.better == best and worst in {duel.first, duel.second} for duel in duels
    )
    return worst if beaten else None
