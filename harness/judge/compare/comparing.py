"""Two candidates on the same cases -> their differences, each with an interval and a verdict.

`compare` is pure: the same two views give the same comparison. Head is compared with base, so that every
difference reads as "what changed".

No worse than base by more than a margin: the question of the gate, asked of each headline metric.

`no_worse` decides it, with exact tests that keep their error however few cases there are: PASS, FAIL (worse for
certain, Holm-adjusted because any figure blocks, and the loss may exceed the margin) or INCONCLUSIVE. A loss that is
certain but certainly within the margin passes: that is what a margin is for.

What the endpoint failed is taken in every way that moves a figure most (see `checks/worlds`), on one side and on
both: a verdict stands where all of them say the same.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import TypeAlias

import msgspec
import numpy as np

from harness.judge import COMPARISON_SCHEMA, ComparedSide, Comparison, MetricDifference, NonInferiority
from harness.judge.checks.worlds import as_usual, mended, metric_of, otherwise
from harness.judge.compare import figures
from harness.judge.compare.cases import RENDERED, fixed_and_broken, outcome_changes
from harness.judge.compare.decide import decided, overall
from harness.judge.compare.no_worse import Demand, no_worse
from harness.judge.compare.speed_and_cost import cost_figures, latency_figures, typical
from harness.judge.compare.surroundings import changes, notes, prompt_text, served, word_diff
from harness.judge.compare.telling import comparison_headline
from harness.judge.pairs import Pairs, Side, pair
from harness.judge.view import View, lost

MARGIN = 0.02
_FEWEST = 5  # cases: a smaller slice is not compared


def compare(base: View, head: View, *, margin: float = MARGIN, prompts: bool = True) -> Comparison:
    """Compare head with base on the cases that both have; `margin` is the loss that would not matter.

    The first of the fixed and broken cases come with the prompts as sent, which takes a confined process for each
    side: not where nobody reads them.
    """
    pairs = pair(base, head)
    confidence = pairs.confidence
    metrics, slices, decisions = _unless_stopped(base, head, _either_way(base, head, margin))
    fixed, broken, moved = fixed_and_broken(pairs, RENDERED if prompts else 0)
    matching = pairs.matching
    return Comparison(
        schema_version=COMPARISON_SCHEMA,
        base=_side(pairs.base),
        head=_side(pairs.head),
        headline=comparison_headline(metrics, pairs.cases),
        paired_cases=pairs.cases,
        paired_by_digest=matching.by_digest,
        unpaired_base=_unpaired(base, matching.unpaired_base, head),
        unpaired_head=_unpaired(head, matching.unpaired_head, base),
        edited=tuple(head.cases.ids[row] for row in matching.edited),
        relabelled=tuple(head.cases.ids[int(matching.head[place])] for place in pairs.relabelled),
        metrics=metrics,
        slices=slices,
        margin=margin,
        non_inferior=decisions,
        non_inferior_status=overall(decisions),
        fixed=fixed,
        broken=broken,
        moved=moved,
        outcomes=outcome_changes(pairs),
        typical_shift=typical(pairs),
        prompt_diff=word_diff(prompt_text(base.entry.prompt), prompt_text(head.entry.prompt)),
        same_prompt=base.entry.prompt_digest == head.entry.prompt_digest,
        same_model=base.entry.model_digest == head.entry.model_digest,
        changes=changes(base, head, pairs),
        notes=tuple(notes(base, head, pairs)),
        confidence=confidence,
        labels=pairs.labels,
        positive=head.suite.positive,
        currency=head.currency,
    )


def _unpaired(view: View, rows: Sequence[int], other: View) -> tuple[str, ...]:
    """Name the cases that the other side lacks; those that it was not asked because it was stopped, it has."""
    has = set() if other.stopped is None else set(other.cases.ids)
    return tuple(view.cases.ids[row] for row in rows if view.cases.ids[row] not in has)


_Judged: TypeAlias = tuple[tuple[MetricDifference, ...], tuple[MetricDifference, ...], tuple[NonInferiority, ...]]


def _judged(pairs: Pairs, margin: float) -> _Judged:
    """Give the metrics, those of the slices, and whether head is no worse."""
    compared = list(every_figure(pairs))
    metrics = decided(compared, margin=margin, confidence=pairs.confidence)
    told = {(one.metric, one.label): one for one in metrics}
    asked = [one for one in compared if one.headline and one.metric.scale == "share" and one.metric.higher_is_better]
    demand = Demand(margin=margin, label_margin=margin, confidence=pairs.confidence)
    decisions = no_worse(pairs, demand, lambda *of: told.get(of), asked)
    return metrics, _slices(pairs, margin=margin), decisions


def _either_way(base: View, head: View, margin: float) -> _Judged:
    """Judge; leave open what comes out otherwise if what the endpoint failed is taken otherwise."""
    metrics, slices, decisions = _judged(pair(base, head), margin)
    failed = sum(int(lost(side.every_trial).sum()) for side in (base, head))
    if not failed:
        return metrics, slices, decisions
    worlds = [_judged(pair(*both), margin) for both in other_worlds(base, head)]
    seen = [{_of(one): one for one in (*told, *parts)} for told, parts, _ in worlds]
    asked = [{(one.metric, one.label): one for one in told} for *_, told in worlds]
    return (
        tuple(_if_all_say_so(one, [world.get(_of(one)) for world in seen], failed) for one in metrics),
        tuple(_if_all_say_so(one, [world.get(_of(one)) for world in seen], failed) for one in slices),
        tuple(if_all_decide_so(one, [w.get((one.metric, one.label)) for w in asked], failed) for one in decisions),
    )


def _unless_stopped(base: View, head: View, judged: _Judged) -> _Judged:
    """Leave all open beside a candidate that was stopped early: its own answers chose how many cases there are."""
    early = head.stopped or base.stopped
    if early is None:
        return judged
    metrics, slices, decisions = judged
    told = f"nothing is told by what stopped after {early.asked:,} of {early.of:,} cases, when its answers settled it"
    return (
        tuple(_untold(one, told) for one in metrics),
        tuple(_untold(one, told) for one in slices),
        tuple(
            msgspec.structs.replace(
                one,
                status="INCONCLUSIVE",
                bound=None,
                p_not_worse=None,
                p_worse=None,
                p_worse_adjusted=None,
                needed_n=None,
                sentence=f"{told[0].upper()}{told[1:]}.",
            )
            for one in decisions
        ),
    )


def _untold(one: MetricDifference, told: str) -> MetricDifference:
    return msgspec.structs.replace(
        one,
        verdict="can't tell",
        p_value=None,
        p_adjusted=None,
        needed_n=None,
        sentence=f"{one.name}: {told}.",
        meaning=told,
    )


def _of(one: MetricDifference) -> tuple[str, str | None, str]:
    return one.metric, one.label, one.where


def other_worlds(base: View, head: View) -> Iterator[tuple[View, View]]:
    """Give both sides as they might have been: each extreme beside what was seen, and the opposite ones."""
    before, after = _retold(base), _retold(head)
    yield from ((base, told) for told in after)
    yield from ((told, head) for told in before)
    if before and after:
        yield before[0], after[0]
        yield before[0], after[1]
        yield before[1], after[0]


def _retold(view: View) -> tuple[View, ...]:
    """Give a candidate with what the endpoint failed taken as right, as wrong, as usual; nothing where all answered."""
    if not lost(view.every_trial).any():
        return ()
    return mended(view), otherwise(view), as_usual(view)


def _if_all_say_so(one: MetricDifference, others: Sequence[MetricDifference | None], failed: int) -> MetricDifference:
    if metric_of(one.metric).of_failures or one.verdict in {"can't tell", "no difference shown"}:
        return one
    if all(other is not None and other.verdict == one.verdict for other in others):
        return one
    told = f"it depends on {_them(failed)} at the endpoint"
    return msgspec.structs.replace(one, verdict="can't tell", sentence=f"{one.metric}: {told}.", meaning=told)


def if_all_decide_so(one: NonInferiority, others: Sequence[NonInferiority | None], failed: int) -> NonInferiority:
    """Leave a decision open that comes out otherwise when what the endpoint failed is taken otherwise."""
    known = [other for other in others if other is not None]
    p_values = [1.0 if other.p_worse is None else other.p_worse for other in known]
    one = msgspec.structs.replace(one, p_worse=None if one.p_worse is None else max(one.p_worse, *p_values))
    if {other.status for other in known} <= {one.status}:
        return one
    return msgspec.structs.replace(
        one,
        status="INCONCLUSIVE",
        needed_n=None,
        sentence=f"It depends on {_them(failed)} at the endpoint. {one.sentence}",
        depends_on=failed,
    )


def _them(failed: int) -> str:
    return "the call that failed" if failed == 1 else f"the {failed:,} calls that failed"


def every_figure(pairs: Pairs) -> Iterator[figures.Compared]:
    """Give every metric on both sides, undecided; which are headline figures, their metrics say."""
    positive = None if pairs.positive is None else pairs.labels[pairs.positive]
    for one in chain(
        figures.quality_figures(pairs),
        [figures.stability_figure(pairs)],
        figures.robustness_figures(pairs),
        latency_figures(pairs),
        cost_figures(pairs),
    ):
        yield replace(one, headline=one.metric.leads(one.label, positive))


def _slices(pairs: Pairs, *, margin: float) -> tuple[MetricDifference, ...]:
    """Give the accuracy difference of each split and tag with enough cases; Holm over all of them."""
    cases, rows = pairs.head.view.cases, pairs.matching.head
    parts = [(f"split={name}", cases.split[rows] == place) for place, name in enumerate(cases.splits)]
    parts += [(f"tag={tag}", has[rows]) for tag, has in sorted(cases.tags.items())]
    chosen = [(where, np.asarray(among, dtype=np.bool_)) for where, among in parts if among.sum() >= _FEWEST]
    compared = [figures.accuracy_figure(pairs, among) for _, among in chosen]
    return decided(compared, margin=margin, confidence=pairs.confidence, where=[where for where, _ in chosen])


def _side(side: Side) -> ComparedSide:
    view = side.view
    return ComparedSide(
        name=view.entry.name,
        prompt=view.entry.prompt_name,
        model=view.entry.model_name,
        run_id=view.manifest.run_id,
        created_utc=view.manifest.created_utc,
        suite=view.manifest.suite_name,
        prompt_digest=view.entry.prompt_digest,
        model_digest=view.entry.model_digest,
        cases=len(view.cases),
        trials=len(view.trials),
        repeats=view.repeats,
        served_models=served(side),
        git_commit=view.manifest.git_commit,
    )
