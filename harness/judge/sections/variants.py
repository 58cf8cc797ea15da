"""The answers to each case beside those to its variants, and the texts of both."""

from dataclasses import dataclass

import numpy as np

from harness.files.case import PROMPT_LEVEL, main_input, perturb_case
from harness.files.prompts import Prompt, perturb_prompt
from harness.judge import ChangedCase
from harness.judge.scores import Missing, PairedDifference, paired_difference
from harness.judge.view import Bool, Float, Int64, TrialColumns, View, once
from harness.record import CaseRow

_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantPairs:
    """Answers of the cases that have both the original and one variant; rows are cases, columns answers."""

    cases: Int64
    original: Int64
    variant: Int64
    right: tuple[Int64, Int64]

    @property
    def repeated(self) -> bool:
        """Whether every case was asked twice or more in its original form, so that its noise is known."""
        return len(self.cases) > 0 and bool(self.original.sum(axis=1).min() > 1)

    def shares_right(self) -> tuple[Float, Float]:
        """Give the share of right answers of each case: original and variant."""
        return self.right[0] / self.original.sum(axis=1), self.right[1] / self.variant.sum(axis=1)

    def drop(self) -> PairedDifference | Missing:
        """Give accuracy on the originals minus accuracy on the variants."""
        before, after = (right.astype(np.float64) for right in self.right)
        return paired_difference(
            before, after, self.original.sum(axis=1).astype(np.float64), self.variant.sum(axis=1).astype(np.float64)
        )

    def of(self, keep: Bool) -> "VariantPairs":
        """Keep some cases."""
        return VariantPairs(
            cases=self.cases[keep],
            original=self.original[keep],
            variant=self.variant[keep],
            right=(self.right[0][keep], self.right[1][keep]),
        )


@once
def all_pairs(view: View) -> dict[str, VariantPairs]:
    """Give the cases that have a variant of each name, with the answers to both, in the order of the plan."""
    present = set(np.unique(view.every_trial.variant).tolist()) - {0}
    variants = enumerate(view.every_trial.variants)
    return {name: _pairs(view, place) for place, name in variants if place in present}


def _pairs(view: View, place: int) -> VariantPairs:
    trials = view.every_trial
    variant = trials.where(np.asarray(trials.variant == place, dtype=np.bool_))
    before, right_before = _votes_of_originals(view)
    after, right_after = _votes(view, variant)
    both = np.flatnonzero((before.sum(axis=1) > 0) & (after.sum(axis=1) > 0))
    right = (right_before[both], right_after[both])
    return VariantPairs(cases=both, original=before[both], variant=after[both], right=right)


@once
def _votes_of_originals(view: View) -> tuple[Int64, Int64]:
    return _votes(view, view.trials)


def _votes(view: View, trials: TrialColumns) -> tuple[Int64, Int64]:
    """Count the answers of each case, and how many were right."""
    codes = view.codes_of(trials)
    width = view.most_codes
    n = len(view.cases)
    counts = np.bincount(trials.case.astype(np.int64) * width + codes, minlength=n * width).reshape(n, width)
    right = np.bincount(trials.case[trials.predicted == trials.expected], minlength=n)
    return counts, right


def changed_cases(view: View, name: str, pairs: VariantPairs) -> tuple[ChangedCase, ...]:
    """Give the cases whose usual answer moved, those that turned wrong first, at most `_SHOWN`."""
    before, after = pairs.original.argmax(axis=1), pairs.variant.argmax(axis=1)
    moved = np.flatnonzero(before != after)
    right_before, right_after = pairs.shares_right()
    lost = right_after - right_before
    ordered = moved[np.lexsort((moved, lost[moved]))][:_SHOWN]
    told = _told(view, name)
    return tuple(
        _change(view, name, int(pairs.cases[row]), (int(before[row]), int(after[row])), told) for row in ordered
    )


def _change(view: View, name: str, case: int, answers: tuple[int, int], told: str) -> ChangedCase:
    before, after = answers
    expected = view.labels[int(view.cases.expected[case])]
    text_before, text_after = _texts(view, name, case, expected)
    return ChangedCase(
        case=view.cases.ids[case],
        expected=expected,
        before=view.answer_name(before),
        after=view.answer_name(after),
        text_before=text_before,
        text_after=text_after,
        reply_before=_reply(view, view.trials, case, before),
        reply_after=_reply(view, view.every_trial, case, after, name),
        change=told,
    )


def _texts(view: View, name: str, case: int, expected: str) -> tuple[str, str]:
    """Give the input that was changed, before and after; what a case was asked is kept nowhere else."""
    if not view.cases.inputs or not view.cases.inputs[case]:
        return view.cases.texts[case], ""
    row = CaseRow(
        id=view.cases.ids[case],
        digest="",
        expected=expected,
        inputs=view.cases.inputs[case],
        variants=view.cases.variants[case] if view.cases.variants else {},
    )
    field = main_input(row)
    changed = None if name in PROMPT_LEVEL else perturb_case(name, row, view.labels)
    return row.inputs[field], (changed or row.inputs)[field]


def _told(view: View, name: str) -> str:
    """Say what a change of the prompt did; empty for a change that the texts show."""
    if name not in PROMPT_LEVEL:
        return ""
    prompt = Prompt.model_validate(view.entry.prompt).model_copy(update={"labels": view.labels})
    changed = perturb_prompt(name, prompt, view.manifest.seed)
    if name == "label_order":
        return f"labels in the order {', '.join(changed.labels)}"
    places = [prompt.examples.index(example) + 1 for example in changed.examples]
    return f"examples in the order {', '.join(map(str, places))}"


def _reply(view: View, trials: TrialColumns, case: int, code: int, name: str | None = None) -> str:
    place = 0 if name is None else trials.variants.index(name)
    mine = trials.where(np.asarray((trials.case == case) & (trials.variant == place), dtype=np.bool_))
    hits = np.flatnonzero(view.codes_of(mine) == code)
    return mine.replies[int(mine.reply[hits[0]])] if len(hits) else ""
