"""What is asked of a candidate beside its baseline while both are measured, and what a stopped pair came to.

A pair ends when a FAIL is settled, of a threshold on the candidate or of "no worse", each of m questions at delta/m;
or when every question is settled PASS. Which totals of gains and losses PASS and which FAIL is asked of the functions
that decide in the end. Accuracy and recall have evidence; precision and macro-F1 are no shares of a known number of
cases, and only keep a pair from ending as PASS.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import msgspec
import numpy as np

from harness.judge import Comparison, Estimate, Status
from harness.judge.checks import SETTLED, Beside, Case, Paired, View
from harness.judge.compare.decide import Compared, PairedDifference, overall
from harness.judge.compare.no_worse import ACCURACY, EVEN, RECALL, Demand, Metric, p_not_above, p_of_loss
from harness.judge.scores import paired_cuts

Rule: TypeAlias = Callable[[Compared], Status]  # what is made of the gains and losses of a whole suite
_MOST = 2_000  # pairs: the rule is asked of about twice as many totals
_NOTHING = Estimate(value=None, n=0)
_NO = PairedDifference(b=0, c=0, cases=1, trials=1, raw=1.0, informative=0)


def gate_rule(margin: float, *, confidence: float, questions: int, strictest: float) -> Rule:
    """Decide as a gate does: a FAIL stands among all questions that the gate asks."""
    alone = upgrade_rule(Demand(margin=margin, label_margin=margin, confidence=confidence), labels=1)

    def rule(one: Compared) -> Status:
        status = alone(one)
        return "INCONCLUSIVE" if status == "FAIL" and questions * p_of_loss(_moved(one)) >= 1 - strictest else status

    return rule


def _moved(one: Compared) -> Compared:
    """Take whole cases for what moved: the test of their signs is then the least sure."""
    figure = one.difference
    assert isinstance(figure, PairedDifference)
    gains, losses = math.ceil(figure.b - EVEN), math.floor(figure.c + EVEN)
    return replace(one, moved=np.repeat([1.0, -1.0], [gains, losses]))


def upgrade_rule(asked: Demand, labels: int) -> Rule:
    """Decide as a change of model does; gains are taken for as many cases as they may be, losses for as few."""

    def rule(one: Compared) -> Status:
        figure = one.difference
        assert isinstance(figure, PairedDifference)
        pairs = figure.effective_n(asked.pass_confidence)
        scale = pairs / figure.cases
        gains, losses = math.floor(figure.b * scale + EVEN), math.ceil(figure.c * scale - EVEN)
        if p_not_above(gains, losses, math.floor(pairs + EVEN), -asked.of(one)) <= 1 - asked.pass_confidence:
            return "PASS"
        p = 2 * asked.decisions * p_of_loss(_moved(one)) * (1 if one.metric == ACCURACY else labels + 1)
        upper = figure.upper(asked.confidence)
        return "FAIL" if p < 1 - asked.confidence and upper is not None and upper < 0 else "INCONCLUSIVE"

    return rule


def beside(
    pairs: Mapping[str, str | None], labels: Sequence[str], recalls: Sequence[str], repeats: int, rule: Rule
) -> Beside:
    """Ask of each candidate whether it is no worse in accuracy and in the recall of some labels.

    One more question, that of precision or macro-F1, has no evidence.
    """

    def decide(metric: Metric, label: str | None) -> Callable[[PairedDifference], Status]:
        of = Compared(metric=metric, label=label, base=_NOTHING, head=_NOTHING, difference=_NO)
        return lambda figure: rule(replace(of, difference=figure))

    def questions(cases: Sequence[Case]) -> Mapping[str, Callable[[], Paired] | None]:
        found = {_name(ACCURACY.name, None): _paired(decide(ACCURACY, None), None, cases, repeats)}
        for label in recalls:
            of_label = _paired(decide(RECALL, label), labels.index(label), cases, repeats)
            found[_name(RECALL.name, label)] = of_label
        return {**found, "no worse: what is no share": None}

    return Beside(pairs=pairs, questions=questions)


def _name(metric: str, label: str | None) -> str:
    return f"no worse: {metric}" if label is None else f"no worse: {metric}[{label}]"


def _paired(
    rule: Callable[[PairedDifference], Status], label: int | None, cases: Sequence[Case], repeats: int
) -> Callable[[], Paired] | None:
    """Give what begins to weigh a question; None where there are no pairs, or too many."""
    total = sum(label in {None, case.expected} for case in cases)
    if not 0 < total <= _MOST:
        return None

    def statuses(gains: int, losses: int) -> set[Status]:
        """Decide, whether a case's repeats are worth one pair or as many as there are."""
        figure = PairedDifference(
            b=gains, c=losses, cases=total, trials=total * repeats, raw=0.0, informative=gains + losses
        )
        return {rule(figure), rule(replace(figure, raw=1e12))} if repeats > 1 else {rule(figure)}

    passes = paired_cuts(total, lambda gains, losses: statuses(gains, losses) == {"PASS"})
    stands = paired_cuts(total, lambda gains, losses: statuses(gains, losses) != {"FAIL"})
    return lambda: Paired(label, repeats, passes, stands)


def pair_as_settled(comparison: Comparison, head: View) -> Comparison:
    """Give the comparison of a pair that was stopped: what was settled holds, the other questions are open."""
    stopped = head.stopped
    if stopped is None or not stopped.beside:
        return comparison
    decisions = []
    for one in comparison.non_inferior:
        said = stopped.statuses.get(_name(one.metric, one.label), "open")
        decisions.append(
            msgspec.structs.replace(
                one,
                status=said if said in {"PASS", "FAIL"} else "INCONCLUSIVE",
                bound=None,
                p_worse=0.0 if said == "FAIL" else None,  # it stands among all questions that were asked
                p_worse_adjusted=None,
                needed_n=None,
                depends_on=0,
                sentence=f"After {stopped.asked:,} of {stopped.of:,} cases {SETTLED[said]}.",
            )
        )
    return msgspec.structs.replace(comparison, non_inferior=tuple(decisions), non_inferior_status=overall(decisions))
