"""Whether harmless changes move the answer: invariance tests, paired by case, minus the noise of repeats.

A perturbation is blamed only for what plain repeats of the same case don't explain (see `invariance`), and a
worst format is named only when Cochran's Q says that the formats differ at all: of k formats that are equally
good the best and the worst still lie d2(k) standard errors apart. What the endpoint failed moved no answer: it
counts as a miss in the figures, and in neither of these two decisions.
"""

from dataclasses import dataclass

import msgspec
import numpy as np

from harness.judge import Estimate, Formats, PerturbationScores, Robustness, listed, sentence
from harness.judge.scores import Excess, Figure, Float, Missing, cochran_q, excess, flip_share, holm, p_value, two_sided
from harness.judge.sections.variants import PROMPT_LEVEL, VariantPairs, View, all_pairs, changed_cases

NO_VARIANTS = "no perturbation was measured"
NO_CASE = "no case has this variant"
_ONE_REPEAT = "each case was asked once, so the flips of plain repeats, the noise, are not known"
_COVERED = 0.5  # a format is compared with the others when so many cases have it


@dataclass(frozen=True, slots=True)
class Worst:
    """The largest of several figures; it keeps a limit only if all of them do.

    Of k changes that do nothing the largest lies above 0 by chance, so that a lower bound of it leaves a k-th of the
    error to each.
    """

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
        one = "" if len(self.figures) == 1 else f"largest of {len(self.figures)}, "
        return two_sided(self, confidence, f"{one}{self.figures[0].estimate(confidence).method}")

    def lower(self, confidence: float = 0.95) -> float | None:
        """Give the largest lower bound."""
        each = 1 - (1 - confidence) / len(self.figures)
        return _largest([figure.lower(each) for figure in self.figures])

    def upper(self, confidence: float = 0.95) -> float | None:
        """Give the largest upper bound."""
        return _largest([figure.upper(confidence) for figure in self.figures])


def _largest(bounds: list[float | None]) -> float | None:
    return max((bound for bound in bounds if bound is not None), default=None)


def drop(view: View, name: str | None) -> Figure:
    """Give the accuracy drop of one perturbation, or the largest of all."""
    return _worst(name, [pairs.drop() for pairs in _wanted(view, name)])


def flips_above_noise(view: View, name: str | None) -> Figure:
    """Give the share of answers that one perturbation moves beyond noise, or the largest of all."""
    return _worst(name, [_excess(pairs) for pairs in _wanted(view, name)])


def _wanted(view: View, name: str | None) -> list[VariantPairs]:
    return [pairs for one, pairs in all_pairs(view).items() if name in (None, one)]


def _worst(name: str | None, figures: list[Figure]) -> Figure:
    known = tuple(figure for figure in figures if figure.value is not None)
    if known:
        return Worst(known)
    if figures and isinstance(figures[0], Missing):
        return figures[0]
    return Missing(NO_VARIANTS if name is None else f"{name} was not measured")


def _excess(pairs: VariantPairs) -> Excess | Missing:
    if not pairs.repeated:
        return Missing(_ONE_REPEAT if len(pairs.cases) else NO_CASE, len(pairs.cases))
    return excess(pairs.original, pairs.variant, why_empty=NO_CASE)


def judged_robustness(view: View) -> Robustness | None:
    """Give every perturbation against the originals; None where none was measured."""
    present = list(all_pairs(view))
    if not present:
        return None
    scores = [_scores(view, name) for name in present]
    tested = {place: score.p_value for place, score in enumerate(scores) if score.p_value is not None}
    adjusted = dict(zip(tested, holm(list(tested.values())), strict=True))
    alpha = 1 - view.confidence
    return Robustness(
        drop=drop(view, None).estimate(view.confidence),
        perturbations=tuple(
            msgspec.structs.replace(score, p_value=adjusted.get(place), above_noise=adjusted.get(place, 1.0) <= alpha)
            for place, score in enumerate(scores)
        ),
        note=_note(view, present),
        flips_above_noise=flips_above_noise(view, None).estimate(view.confidence),
        formats=_formats(view.answered),
    )


def _note(view: View, present: list[str]) -> str:
    notes = []
    if view.repeats < 2:
        notes.append(f"{sentence(_ONE_REPEAT)}.")
    idle = [name for name in view.every_trial.variants[1:] if name not in present]
    of_prompt = [name for name in idle if name in PROMPT_LEVEL]
    of_input = [name for name in idle if name not in PROMPT_LEVEL]
    if of_input:
        notes.append(f"Nothing to change for {listed(of_input)}.")
    if of_prompt:
        why = "the order of labels or examples changes only where the prompt lists them"
        notes.append(f"Nothing to change for {listed(of_prompt)}: {why}.")
    return " ".join(notes)


def _scores(view: View, name: str) -> PerturbationScores:
    pairs = all_pairs(view)[name]
    expected = view.cases.expected[pairs.cases]
    above = _excess(pairs)
    return PerturbationScores(
        name=name,
        cases=len(pairs.cases),
        flips=flip_share(pairs.original, pairs.variant, why_empty=NO_CASE).estimate(view.confidence),
        flips_above_noise=above.estimate(view.confidence),
        accuracy_drop=pairs.drop().estimate(view.confidence),
        recall_drop={
            label: pairs.of(np.asarray(expected == index, dtype=np.bool_)).drop().estimate(view.confidence)
            for index, label in enumerate(view.labels)
            if (expected == index).any()
        },
        p_value=None if isinstance(above, Missing) else _p_of_answers(view.answered, name),
        worst=changed_cases(view, name, all_pairs(view.answered).get(name, pairs)),
    )


def _p_of_answers(answered: View, name: str) -> float | None:
    """Give the p-value of "no more than noise" over the cases that were answered in both forms."""
    pairs = all_pairs(answered).get(name)
    if pairs is None:
        return None
    pairs = pairs.of(np.asarray(pairs.original.sum(axis=1) > 1, dtype=np.bool_))
    return p_value(pairs.original, pairs.variant) if pairs.repeated else None


def _formats(view: View) -> Formats | None:
    """Compare the original and the perturbations that most cases have, on the cases that have them all."""
    fewest = _COVERED * max(len(view.cases), 1)
    compared = [name for name, pairs in all_pairs(view).items() if len(pairs.cases) >= fewest]
    if not compared:
        return None
    shared = set.intersection(*(set(all_pairs(view)[name].cases.tolist()) for name in compared))
    columns: list[Float] = []
    for name in compared:
        pairs = all_pairs(view)[name]
        keep = np.isin(pairs.cases, sorted(shared))
        before, after = pairs.shares_right()
        columns += [after[keep]] if columns else [before[keep], after[keep]]
    if not shared:
        return None
    right = np.stack(columns, axis=1)
    accuracy = right.mean(axis=0).tolist()
    found = cochran_q(right)
    q, p = found if found is not None else (None, None)
    worst = min(range(len(accuracy)), key=lambda k: (accuracy[k], k))
    named = p is not None and p <= 1 - view.confidence
    return Formats(
        accuracy=dict(zip(("original", *compared), accuracy, strict=True)),
        cases=len(shared),
        q=q,
        p_value=p,
        worst=("original", *compared)[worst] if named else None,
    )
