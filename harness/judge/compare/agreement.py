"""Cases without right labels: how often old and new agree, and what a few labels then say of accuracy.

Theory. The difference in accuracy is the mean over cases of (right on new) - (right on old). Where both gave the
same answers, that is 0 whatever the right label is: an agreeing pair cancels. So the labels of the disagreeing
cases alone give the same gains, losses and number of pairs as all labels would, hence the same difference, the
same interval and the same decision, exactly. While some of them lack a label, each is taken once for the old
model and once for the new one; what comes out alike either way is decide_question all the same.

Only accuracy cancels so: recall divides by all cases of a label, the agreeing ones too.
"""

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import numpy as np

from harness import judge
from harness.judge.compare.comparing import if_all_decide_so, other_worlds
from harness.judge.compare.figures import NOBODY, accuracy_figure
from harness.judge.compare.no_worse import EVEN, Demand, at_worst, decide_question, evidence, p_of_loss
from harness.judge.pairs import Bool, Float, Int16, Pairs, Side, View, pair
from harness.judge.scores import holm, p_sign, share_of_counts


def agreement(old: View, new: View, asked: Demand) -> judge.Agreement:
    """Give the agreement of two candidates, and what the labels that there are say of accuracy."""
    pairs = pair(old, new)
    gain = _answers(pairs.head) - _answers(pairs.base)
    differs = np.asarray((np.abs(gain) > EVEN).any(axis=1))
    missing = differs & _unlabelled(pairs)
    worlds = [_asked(world, asked) for world in _worlds(old, new)]
    values = [world.difference.value or 0.0 for world in worlds]
    first, exact = worlds[0], not missing.any()
    failed = old.lost + new.lost
    if failed:
        first = if_all_decide_so(first, worlds[1:], failed)
    elif {world.status for world in worlds} != {first.status}:
        first = msgspec.structs.replace(first, status="INCONCLUSIVE")
    if not exact:
        why = f"{judge.count(int(missing.sum()), 'label')} of cases on which they disagree are missing"
        first = msgspec.structs.replace(first, difference=judge.undefined(why, n=pairs.cases), bound=None)
    agreeing = share_of_counts((~differs).astype(np.float64), np.ones(pairs.cases), why_empty=NOBODY)
    made = judge.Agreement(
        share=agreeing.estimate(pairs.confidence),
        disagreeing=int(differs.sum()),
        unlabelled=int(missing.sum()),
        accuracy=first,
        exact=exact,
        least=min(values) if pairs.cases else None,
        most=max(values) if pairs.cases else None,
        labels=_shifts(pairs, gain, differs & ~missing),
        sentence="",
    )
    return msgspec.structs.replace(
        made,
        accuracy=msgspec.structs.replace(first, sentence=_accuracy_sentence(made, asked.pass_confidence)),
        sentence=_sentence(made, pairs.cases),
    )


def disagreeing(old: View, new: View) -> dict[str, float]:
    """Give the ids of the cases that the two answer differently, and how much of their answers moved."""
    pairs = pair(old, new)
    moved = np.abs(_answers(pairs.head) - _answers(pairs.base)).max(axis=1, initial=0.0)
    rows = pairs.matching.head
    return {new.cases.ids[int(rows[place])]: float(moved[place]) for place in np.flatnonzero(moved > EVEN)}


def lost_for_certain(labels: Sequence[judge.LabelShift], alpha: float) -> list[str]:
    """Name the labels that lost more than chance: the exact sign test, which needs no denominator; Holm."""
    adjusted = holm([p_sign(one.gained, one.lost) for one in labels])
    return [one.label for one, p in zip(labels, adjusted, strict=True) if p < alpha]


def _answers(side: Side) -> Float:
    """Give the share of each label among a case's answers, cases x labels; what is no label is never right."""
    _, trials = side.per_case(side.right)
    columns = [side.per_case(side.answers.predicted == place)[0] for place in range(len(side.labels))]
    return np.asarray(np.stack(columns, axis=1) / np.maximum(trials, 1)[:, None], dtype=np.float64)


def _unlabelled(pairs: Pairs) -> Bool:
    without = pairs.head.view.cases.unlabelled
    return np.zeros(pairs.cases, dtype=np.bool_) if without is None else without[pairs.matching.head]


def _worlds(old: View, new: View) -> list[Pairs]:
    """Give the pairs with every missing label against new and for it, and with what failed as right or wrong."""
    made = []
    for couple in ((old, new), *other_worlds(old, new)):
        pairs = pair(*couple)
        gain = _answers(pairs.head) - _answers(pairs.base)
        ends = (gain.argmin(axis=1), gain.argmax(axis=1))
        made += [_told(pairs, np.where(_unlabelled(pairs), end, pairs.expected).astype(np.int16)) for end in ends]
    return made


def _told(pairs: Pairs, expected: Int16) -> Pairs:
    """Give the same pairs with other right labels."""
    base, head = (Side(side.view, side.rows, expected, pairs.labels) for side in (pairs.base, pairs.head))
    return replace(pairs, expected=expected, base=base, head=head)


def _asked(pairs: Pairs, asked: Demand) -> judge.NonInferiority:
    one = accuracy_figure(pairs)
    moved = evidence(pairs, one, asked.pass_confidence)
    loss = p_of_loss(one)
    return decide_question(one, moved, asked, p_loss=loss, p_adjusted=min(1.0, 2 * asked.decisions * loss))


def _shifts(pairs: Pairs, gain: Float, known: Bool) -> tuple[judge.LabelShift, ...]:
    own = gain[np.arange(pairs.cases), pairs.expected]
    made = []
    for place, label in enumerate(pairs.labels):
        mine = own[known & (pairs.expected == place)]
        gained, lost = int(np.count_nonzero(mine > EVEN)), int(np.count_nonzero(mine < -EVEN))
        if gained or lost:
            made.append(judge.LabelShift(label=label, gained=gained, lost=lost))
    return tuple(made)


def _accuracy_sentence(made: judge.Agreement, confidence: float) -> str:
    asked = made.accuracy
    margin = judge.demand(asked.margin, "points")
    if not made.exact:
        least, most = (judge.signed(end or 0.0, "share", "") for end in (made.least, made.most))
        told = {
            "PASS": f"no worse by more than {margin}, whatever the labels that are missing",
            "FAIL": f"worse, whatever the labels that are missing, and by how much may exceed {margin}",
            "INCONCLUSIVE": f"{judge.count(made.unlabelled, 'label')} would tell",
        }
        return f"accuracy differs by {least} to {most} on these cases: {told[asked.status]}."
    told = {
        "PASS": f"no worse by more than {margin}",
        "FAIL": f"worse, and by how much may exceed the allowed {margin}",
        "INCONCLUSIVE": f"a loss of more than {margin} is not excluded",
    }
    seen = judge.signed_text(asked.difference, "share", "")
    return f"accuracy {seen}: {told[asked.status]}{at_worst(asked.bound, confidence)}."


def _sentence(made: judge.Agreement, cases: int) -> str:
    told = f"Both models gave the same answers to {judge.figure(made.share, 'share')} of {judge.count(cases, 'case')}"
    if not made.disagreeing:
        return f"{told}; so neither is right more often."
    told += f" and differ on {made.disagreeing:,}."
    if not made.exact:
        return (
            f"{told} A label is worth most on those: {made.unlabelled:,} of them"
            f" {judge.verb(made.unlabelled, 'has', 'have')} none yet. The other cases need none, for whatever is right"
            " there, both models are or neither is."
        )
    shifts = [f"{judge.named(one.label)} {one.gained:,} gained and {one.lost:,} lost" for one in made.labels]
    return (
        f"{told} With the labels of these alone the difference in accuracy is exact: on every other case both models"
        f" are right or neither is, so that it cancels. Among them: {judge.listed(shifts, 8)}."
    )
