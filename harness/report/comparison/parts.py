"""The parts that a page of a comparison is made of: figures already written as text."""

from __future__ import annotations

from dataclasses import dataclass

from harness.judge import CaseChange, FigureText, WordChange
from harness.report.parts import Cases, ConfusedRow, Picture, Table, Tone


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceRow:
    """One metric on both sides."""

    name: str
    base: FigureText
    head: FigureText
    difference: str
    verdict: str
    tone: Tone
    sentence: str
    meaning: str  # the end of the sentence: what the difference says
    picture: Picture | None
    cases: Cases


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionRow:
    """Whether head is no worse than base by more than the margin, on one metric."""

    name: str
    status: str
    tone: Tone
    sentence: str
    difference: FigureText


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseView:
    """A case that changed, side by side."""

    case: str
    id: str  # in the candidate's run
    group: int  # among those of what broke
    base_id: str
    expected: str
    text: str
    tags: str
    base_said: str  # ham 2 of 3, spam 1 of 3
    head_said: str
    base_replies: tuple[str, ...]
    head_replies: tuple[str, ...]
    base_prompt: str
    head_prompt: str

    @classmethod
    def of(cls, one: CaseChange, group: int) -> CaseView:
        """Write what changed of a case."""
        return cls(
            case=one.case if not one.base_case else f"{one.case} (was {one.base_case})",
            id=one.case,
            group=group,
            base_id=one.base_case or one.case,
            expected=one.expected,
            text=one.text,
            tags=", ".join(one.tags),
            base_said=_said(one.base_answers),
            head_said=_said(one.head_answers),
            base_replies=one.base_replies,
            head_replies=one.head_replies,
            base_prompt=one.base_prompt,
            head_prompt=one.head_prompt,
        )


def _said(answers: dict[str, int]) -> str:
    total = sum(answers.values())
    if len(answers) == 1:
        return next(iter(answers))
    return ", ".join(f"{answer} {times} of {total}" for answer, times in answers.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpaired:
    """Cases that are not the same question on both sides."""

    told: str  # how many, and why
    ids: tuple[str, ...]
    side: str  # whose run has them: base or head
    rest: int  # those that are not named

    def __str__(self) -> str:
        rest = f" and {self.rest:,} more" if self.rest else ""
        return f"{self.told}: {', '.join(self.ids)}{rest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonView:
    """What every renderer of a comparison renders."""

    base: str
    head: str
    base_run: str
    head_run: str
    verdict: str  # of the differences, in a word or two
    headline: str
    next: str  # the one thing to do
    tone: Tone
    facts: str
    notes: tuple[str, ...]
    margin: str
    questions: tuple[QuestionRow, ...]
    question_status: str
    question_tone: Tone
    headline_rows: tuple[DifferenceRow, ...]
    detail_rows: tuple[DifferenceRow, ...]
    slice_rows: tuple[DifferenceRow, ...]
    uncompared: tuple[str, ...]  # metrics that can't be compared, with the reason
    typical: str
    became: tuple[ConfusedRow, ...]  # of what broke, the most frequent first
    broken: tuple[CaseView, ...]
    fixed: tuple[CaseView, ...]
    moved: str
    outcomes: Table | None
    prompt_diff: tuple[WordChange, ...]
    prompt_note: str
    changes: Table | None
    unpaired: tuple[Unpaired, ...]
    method: str
