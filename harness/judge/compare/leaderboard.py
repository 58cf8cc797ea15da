"""Several candidates on the same cases: which differences are real, who is on the Pareto front.

Theory. Every pair is compared case by case, and the p-values of one metric are adjusted by Holm's method over
all pairs. What is not real counts as equal: a candidate leaves the Pareto front only when another is really
better in quality, p95 or cost and really worse in none of them. A candidate is called the weakest only after
Cochran's Q (1950) has said that the candidates differ at all, for the spread of k equal ones is never zero.

Quality is balanced accuracy, as in the ranking.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from harness.files.thresholds import ACCURACY, COST_PER_1000, P95, QUALITY, Metric, metric_of
from harness.judge import CandidateAssessment, Duel, Estimate, Leaderboard, Standing, undefined
from harness.judge.checks.verdict import best_first
from harness.judge.compare.decide import two_sided_p
from harness.judge.compare.figures import Compared, accuracy_figure, average_figure
from harness.judge.compare.recommendation import differences_sentence, recommend
from harness.judge.compare.speed_and_cost import cost_per_1000
from harness.judge.pairs import Pairs, pair
from harness.judge.scores import Figure, Missing, TimedSide, cochran_q, difference_of_draws, holm, quantile_draws
from harness.judge.sections.timing_quality import saturated
from harness.judge.table.columns import Bool, Float, Int64
from harness.judge.view import View

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
    choice = recommend(rows, duels)
    return Leaderboard(
        quality=QUALITY.name,
        rows=rows,
        duels=duels,
        cochran_p=cochran,
        weakest=_weakest(rows, duels) if cochran is not None and cochran < alpha else None,
        front=tuple(row.name for row in rows if row.on_front),
        recommended=choice.name,
        recommendation=choice.sentence,
        differences=differences_sentence(choice.name if len(rows) <= MOST_RANKED else rows[0].name, duels),
    )


def _duels(views: Sequence[View]) -> list[Duel]:
    couples = list(combinations(range(len(views)), 2))
    if len(views) > MOST_RANKED:
        couples = [(0, other) for other in range(1, len(views))]
    paired = {(one, two): pair(views[two], views[one]) for one, two in couples}
    compared: list[tuple[Metric, Sequence[Compared | None]]] = [
        (QUALITY, [average_figure(pairs, QUALITY) for pairs in paired.values()]),
        (ACCURACY, [accuracy_figure(pairs) for pairs in paired.values()]),
        (P95, _latencies(views, paired)),
        (COST_PER_1000, [cost_per_1000(pairs) for pairs in paired.values()]),
    ]
    return [
        duel
        for metric, figures in compared
        for duel in _decided(metric, figures, [(views[i], views[j]) for i, j in couples])
    ]


def _latencies(views: Sequence[View], paired: dict[tuple[int, int], Pairs]) -> list[Compared | None]:
    """Give the p95 differences; all candidates' quantiles are drawn from the same resampled cases."""
    timed = [_timed(view) for view in views]
    both = np.arange(0)
    present = [set(case.tolist()) for _, case in timed]
    if all(present):
        both = np.array(sorted(set.intersection(*present)), dtype=np.int64)
    if not len(both) or any(saturated(view) for view in views):
        return [None] * len(paired)
    sides = [TimedSide.of(times, case, both) for times, case in timed]
    drawn = quantile_draws(sides, len(both), (_P95,), seed=views[0].suite.seed)
    made: list[Compared | None] = []
    for one, two in paired:
        figure: Figure = difference_of_draws(
            (sides[one], drawn[one][:, 0]), (sides[two], drawn[two][:, 0]), len(both), _P95
        )
        nothing = undefined("see the candidates")
        made.append(Compared(metric=P95, base=nothing, head=nothing, difference=figure))
    return made


def _timed(view: View) -> tuple[Float, Int64]:
    times, case = view.times(view.trials.caller_ns)
    ran = view.trials.not_run
    if ran is not None:
        keep: Bool = ~ran[view.on_clock(view.trials.caller_ns)]
        times, case = times[keep], case[keep]
    return times, case


def _decided(metric: Metric, figures: Sequence[Compared | None], couples: Sequence[tuple[View, View]]) -> list[Duel]:
    p_values = [None if one is None else two_sided_p(one) for one in figures]
    known = [place for place, p in enumerate(p_values) if p is not None]
    adjusted = dict(zip(known, holm([p_values[place] or 0.0 for place in known]), strict=True))
    made = []
    for place, (one, couple) in enumerate(zip(figures, couples, strict=True)):
        figure = Missing("nothing was timed, or the client was saturated") if one is None else one.difference
        estimate = figure.estimate(couple[0].confidence)
        made.append(_duel(metric, estimate, (p_values[place], adjusted.get(place)), couple))
    return made


def _duel(
    metric: Metric, estimate: Estimate, p_values: tuple[float | None, float | None], couple: tuple[View, View]
) -> Duel:
    (p, p_adjusted), (first, second) = p_values, couple
    real = p_adjusted is not None and p_adjusted < 1 - first.confidence and _leaves_out_zero(estimate)
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
    )


def _leaves_out_zero(estimate: Estimate) -> bool:
    low, high = estimate.low, estimate.high
    return low is not None and high is not None and (low > 0 or high < 0)


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
    columns = []
    for view in views:
        trials = np.bincount(view.trials.case, minlength=len(view.cases))
        hits = np.bincount(view.trials.case, weights=view.answers.right, minlength=len(view.cases))
        columns.append(hits > trials / 2)
    found = cochran_q(np.stack(columns, axis=1).astype(np.float64))
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
