"""Precision against recall of the positive label, where replies carry a score.

An operating point is chosen on dev and judged on the other split: a point judged on the cases that it was
chosen on looks better than it is.
"""

from collections.abc import Callable

import numpy as np

from harness.judge import OperatingPoint, ScoreCurve, Tradeoff, demand, money, named, scores
from harness.judge.scores import Curve, Scored
from harness.judge.sections.generalization import other_split
from harness.judge.view import DEV, Float, View

_POINTS = 200
FAIR = 0.9


def judged_tradeoff(view: View) -> Tradeoff | None:
    """Give curves, calibration and operating points; None where no reply has a score."""
    if view.positive is None:
        return None
    has = np.asarray(np.isfinite(view.trials.score), dtype=np.bool_)
    if not has.any():
        return None
    scored = Scored(
        view.trials.score[has],
        np.asarray(view.trials.expected[has] == view.positive, dtype=np.bool_),
        view.trials.case[has],
    )
    label = view.labels[view.positive]
    if not scored.both:
        n, why = len(scored.score), "All scored cases are of one kind, so there is nothing to tell apart."
        return Tradeoff(
            label=label, n=n, average_precision=None, roc_auc=None, ece=None, brier=None, pr=None, roc=None, note=why
        )
    curves = scores.tradeoffs(scored, confidence=view.confidence)
    shares = bool(((scored.score >= 0) & (scored.score <= 1)).all())
    points = _points(view, scored, has)
    return Tradeoff(
        label=label,
        n=len(scored.score),
        average_precision=curves.average_precision,
        roc_auc=curves.roc_auc,
        ece=scores.expected_calibration_error(scored.score, scored.positive) if shares else None,
        ece_by_chance=scores.calibration_by_chance(scored.score, scored.case, view.confidence) if shares else None,
        brier=scores.brier(scored.score, scored.positive) if shares else None,
        pr=_curve(curves.pr),
        roc=_curve(curves.roc),
        reliability=scores.reliability(scored.score, scored.positive) if shares else (),
        points=points,
        note=_note(view, int(has.sum()), label=label, pointless=not points, shares=shares),
    )


def _note(view: View, n: int, *, label: str, pointless: bool, shares: bool) -> str:
    told = []
    if pointless:
        needed = f"{DEV} needs scored cases that expect {named(label)} and others, {other_split(view)} needs any"
        told.append(f"No score to act from can be chosen: {needed}.")
    if n < len(view.trials):
        told.append(f"{n:,} of {len(view.trials):,} trials have a score.")
    if not shares:
        told.append("Scores outside 0 to 1 are no probabilities, so there is no calibration.")
    if other_split(view) is None:
        told.append("Without a dev split and another one, points are judged on the cases they were chosen on.")
    return " ".join(told)


def _curve(curve: Curve | None) -> ScoreCurve | None:
    if curve is None:
        return None
    keep = np.unique(np.linspace(0, len(curve.x) - 1, min(_POINTS, len(curve.x))).round().astype(np.int64))

    def listed(values: Float) -> tuple[float, ...]:
        return tuple(float(value) for value in values[keep]) if len(values) else ()

    return ScoreCurve(x=listed(curve.x), y=listed(curve.y), low=listed(curve.low), high=listed(curve.high))


def _points(view: View, scored: Scored, has: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> tuple[OperatingPoint, ...]:
    other = other_split(view)
    chosen = judged = scored
    names = ("all cases", "all cases")
    if other is not None:
        chosen = scored.where(view.has((("split", DEV),))[has])
        judged = scored.where(view.has((("split", other),))[has])
        names = (DEV, other)
    found = []
    for rule, choose in _rules(view):
        score = choose(chosen) if len(chosen.score) else None
        if score is None or not len(judged.score):
            continue
        result = scores.judge_at(judged, score)
        found.append(
            OperatingPoint(
                rule=rule,
                score=score,
                precision=result.precision.estimate(view.confidence),
                recall=result.recall.estimate(view.confidence),
                chosen_on=names[0],
                judged_on=names[1],
            )
        )
    return tuple(found)


def _rules(view: View) -> list[tuple[str, Callable[[Scored], float | None]]]:
    rules: list[tuple[str, Callable[[Scored], float | None]]] = [
        (
            f"highest precision with recall >= {demand(FAIR, 'share')}",
            lambda scored: scores.best_precision(scored, FAIR),
        ),
        (f"highest recall with precision >= {demand(FAIR, 'share')}", lambda scored: scores.best_recall(scored, FAIR)),
    ]
    costs = view.suite.costs
    if costs is not None and costs.missed + costs.false_alarm > 0:
        break_even = scores.break_even_score(missed=costs.missed, false_alarm=costs.false_alarm)
        told = "" if break_even is None else f"; {break_even:.3g} if scores were true probabilities"
        missed, alarm = (money(cost, view.currency) for cost in (costs.missed, costs.false_alarm))
        prices = f"missed {missed}, false alarm {alarm}"
        rules.append(
            (
                f"lowest cost of errors ({prices}{told})",
                lambda scored: scores.lowest_cost(scored, missed=costs.missed, false_alarm=costs.false_alarm),
            )
        )
    return rules
