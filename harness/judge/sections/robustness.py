"""Whether harmless changes of the input change the answer: invariance tests, paired by case.

Per case, flips is the chance that one answer to the original and one to the variant differ, and noise the
chance that two answers to the original differ anyway; what is blamed on the perturbation is the difference.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
from scipy.special import stdtr

from harness.files.perturb import REGISTRY, perturb_case
from harness.judge.assessment import ChangedCase, PerturbationScores, Robustness
from harness.judge.scores.estimate import Estimate
from harness.judge.scores.figure import Figure, Missing
from harness.judge.scores.mean import clustered_mean
from harness.judge.scores.paired import PairedDifference, holm, paired_difference
from harness.judge.scores.proportion import Share, share_of_counts
from harness.judge.sections.stability import answer_codes_of, answer_name
from harness.judge.table import Bool, Float, Int64, TrialColumns
from harness.judge.view import View
from harness.record import CaseRow

SHOWN = 10
NO_VARIANTS = "no perturbation was measured"
ONE_REPEAT = "each case was asked once, so the flips of plain repeats, the noise, are not known"


@dataclass(frozen=True, slots=True)
class Worst:
    """The largest of several figures; it keeps a limit only if all of them do."""

    figures: tuple[Figure, ...]

    @property
    def value(self) -> float | None:
        """The largest value."""
        return max((figure.value for figure in self.figures if figure.value is not None), default=None)

    @property
    def n(self) -> int:
        """The fewest cases that any of them rests on."""
        return min(figure.n for figure in self.figures)

    def estimate(self, confidence: float = 0.95) -> Estimate:
        """Give the largest value with the largest bounds."""
        tail = (1 + confidence) / 2
        one = "" if len(self.figures) == 1 else f"largest of {len(self.figures)}, "
        method = self.figures[0].estimate(confidence).method
        return Estimate(
            value=self.value,
            n=self.n,
            low=self.lower(tail),
            high=self.upper(tail),
            confidence=confidence,
            method=f"{one}{method}",
        )

    def lower(self, confidence: float = 0.95) -> float | None:
        """Give the largest lower bound."""
        return _largest([figure.lower(confidence) for figure in self.figures])

    def upper(self, confidence: float = 0.95) -> float | None:
        """Give the largest upper bound."""
        return _largest([figure.upper(confidence) for figure in self.figures])


def _largest(bounds: list[float | None]) -> float | None:
    return max((bound for bound in bounds if bound is not None), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pairs:
    """Answers of the cases that have both the original and one variant; rows are cases, columns answers."""

    cases: Int64
    original: Int64
    variant: Int64
    right: tuple[Int64, Int64]

    @property
    def flips(self) -> Float:
        """Chance that an original answer and a variant's answer differ."""
        n, m = self.original.sum(axis=1), self.variant.sum(axis=1)
        return np.asarray(1 - (self.original * self.variant).sum(axis=1) / (n * m), dtype=np.float64)

    @property
    def noise(self) -> Float | None:
        """Chance that two original answers differ; None where a case was asked once."""
        n = self.original.sum(axis=1)
        if not len(n) or n.min() < 2:
            return None
        agreeing = (self.original * (self.original - 1)).sum(axis=1) / (n * (n - 1))
        return np.asarray(1 - agreeing, dtype=np.float64)

    def drop(self) -> PairedDifference | Missing:
        """Give accuracy on the originals minus accuracy on the variants."""
        before, after = (right.astype(np.float64) for right in self.right)
        return paired_difference(
            before,
            after,
            self.original.sum(axis=1).astype(np.float64),
            self.variant.sum(axis=1).astype(np.float64),
        )

    def of(self, keep: Bool) -> _Pairs:
        """Keep some cases."""
        return _Pairs(
            cases=self.cases[keep],
            original=self.original[keep],
            variant=self.variant[keep],
            right=(self.right[0][keep], self.right[1][keep]),
        )


def names(view: View) -> list[str]:
    """Give the perturbations that have trials, in the order of the plan."""
    present = set(np.unique(view.every_trial.variant).tolist()) - {0}
    return [name for place, name in enumerate(view.every_trial.variants) if place in present]


def _pairs(view: View, name: str) -> _Pairs:
    return view.once(f"pairs {name}", lambda: _paired(view, name))


def _paired(view: View, name: str) -> _Pairs:
    trials = view.every_trial
    place = trials.variants.index(name)
    variant = trials.where(np.asarray(trials.variant == place, dtype=np.bool_))
    answered_before, right_before = _votes(view, view.trials)
    answered_after, right_after = _votes(view, variant)
    both = np.flatnonzero((answered_before.sum(axis=1) > 0) & (answered_after.sum(axis=1) > 0))
    return _Pairs(
        cases=both,
        original=answered_before[both],
        variant=answered_after[both],
        right=(right_before[both], right_after[both]),
    )


def _votes(view: View, trials: TrialColumns) -> tuple[Int64, Int64]:
    """Count the answers of each case, and how many were right."""
    codes = answer_codes_of(view, trials)
    width = len(view.labels) + 6
    n = len(view.cases)
    counts = np.bincount(trials.case.astype(np.int64) * width + codes, minlength=n * width).reshape(n, width)
    right = np.bincount(trials.case[trials.predicted == trials.expected], minlength=n)
    return counts, right


def drop(view: View, name: str | None) -> Figure:
    """Give the accuracy drop of one perturbation, or the largest of all."""
    present = names(view)
    wanted = present if name is None else [name] if name in present else []
    figures = tuple(f for f in (_pairs(view, one).drop() for one in wanted) if f.value is not None)
    return Worst(figures) if figures else Missing(NO_VARIANTS if name is None else f"{name} was not measured")


def flips(view: View, name: str | None) -> Figure:
    """Give the share of answers that one perturbation moves, or the largest of all."""
    present = names(view)
    wanted = present if name is None else [name] if name in present else []
    figures = tuple(f for f in (_flips(_pairs(view, one)) for one in wanted) if f.value is not None)
    return Worst(figures) if figures else Missing(NO_VARIANTS if name is None else f"{name} was not measured")


def _flips(pairs: _Pairs) -> Share | Missing:
    ones = np.ones(len(pairs.cases))
    return share_of_counts(pairs.flips, ones, why_empty="no case has this variant")


def robustness_section(view: View) -> Robustness | None:
    """Give every perturbation against the originals; None where none was measured."""
    present = names(view)
    if not present:
        return None
    scores = [_scores(view, name) for name in present]
    tested = {place: score.p_value for place, score in enumerate(scores) if score.p_value is not None}
    adjusted = dict(zip(tested, holm(list(tested.values())), strict=True))
    return Robustness(
        drop=drop(view, None).estimate(view.confidence),
        perturbations=tuple(
            msgspec.structs.replace(score, p_value=adjusted.get(place)) for place, score in enumerate(scores)
        ),
        note="" if view.repeats > 1 else ONE_REPEAT,
    )


def _scores(view: View, name: str) -> PerturbationScores:
    pairs = _pairs(view, name)
    above, p_value = _above_noise(view, pairs)
    expected = view.cases.expected[pairs.cases]
    return PerturbationScores(
        name=name,
        cases=len(pairs.cases),
        flips=_flips(pairs).estimate(view.confidence),
        flips_above_noise=above,
        accuracy_drop=pairs.drop().estimate(view.confidence),
        recall_drop={
            label: pairs.of(np.asarray(expected == index, dtype=np.bool_)).drop().estimate(view.confidence)
            for index, label in enumerate(view.labels)
            if (expected == index).any()
        },
        p_value=p_value,
        worst=_changed(view, name, pairs),
    )


def _above_noise(view: View, pairs: _Pairs) -> tuple[Estimate, float | None]:
    """Give the mean of flips minus noise, and the one-sided p-value of "the perturbation moves answers"."""
    noise = pairs.noise
    if noise is None:
        return Missing(ONE_REPEAT, len(pairs.cases)).estimate(view.confidence), None
    excess = clustered_mean(pairs.flips - noise, pairs.cases, why_empty="no case has this variant")
    if isinstance(excess, Missing):
        return excess.estimate(view.confidence), None
    assert excess.value is not None
    assert excess.dof is not None
    estimate = excess.estimate(view.confidence)
    if (
        excess.se <= 0
    ):  # every case moved as much as its repeats do: there is no spread to make an interval of
        return msgspec.structs.replace(estimate, low=None, high=None), 0.0 if excess.value > 0 else 1.0
    return estimate, float(stdtr(excess.dof, -excess.value / excess.se))


def _changed(view: View, name: str, pairs: _Pairs) -> tuple[ChangedCase, ...]:
    """Give the cases whose usual answer moved, those that turned wrong first."""
    before, after = pairs.original.argmax(axis=1), pairs.variant.argmax(axis=1)
    moved = np.flatnonzero(before != after)
    lost = pairs.right[1] / pairs.variant.sum(axis=1) - pairs.right[0] / pairs.original.sum(axis=1)
    ordered = moved[np.lexsort((moved, lost[moved]))][:SHOWN]
    return tuple(
        _change(view, name, int(pairs.cases[row]), int(before[row]), int(after[row])) for row in ordered
    )


def _change(view: View, name: str, case: int, before: int, after: int) -> ChangedCase:
    expected = view.labels[int(view.cases.expected[case])]
    return ChangedCase(
        case=view.cases.ids[case],
        expected=expected,
        before=answer_name(view, before),
        after=answer_name(view, after),
        text_before=view.cases.texts[case],
        text_after=_text_after(view, name, case, expected),
        reply_before=_reply(view, view.trials, case, before),
        reply_after=_reply(view, view.every_trial, case, after, name),
    )


def _text_after(view: View, name: str, case: int, expected: str) -> str:
    """Make the variant's text again; empty for a perturbation that is code of the suite's own."""
    if name not in REGISTRY or not view.cases.inputs:
        return ""
    row = CaseRow(id=view.cases.ids[case], digest="", expected=expected, inputs=view.cases.inputs[case])
    changed = perturb_case(name, row, view.labels)
    return "" if changed is None else " · ".join(" ".join(text.split()) for text in changed.values())


def _reply(view: View, trials: TrialColumns, case: int, code: int, name: str | None = None) -> str:
    place = 0 if name is None else trials.variants.index(name)
    mine = trials.where(np.asarray((trials.case == case) & (trials.variant == place), dtype=np.bool_))
    hits = np.flatnonzero(answer_codes_of(view, mine) == code)
    return mine.replies[int(mine.reply[hits[0]])] if len(hits) else ""
