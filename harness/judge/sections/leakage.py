"""Cases whose answer the prompt, or another split, gives away.

Leaked are: a case that the prompt shows (as an example, or quoted in its text), a case of another split that
dev holds too, and a case that states its own label. Duplicates within a split and near-duplicates with
different labels are listed, but give nothing away. Paraphrases evade all of this.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.judge.assessment import Leakage, LeakFinding
from harness.judge.scores import classification
from harness.judge.scores.text_overlap import Overlap, normalised, overlaps
from harness.judge.sections.generalization import DEV
from harness.judge.sections.prompt_texts import example_texts, quoted_texts
from harness.judge.table import NONE, CaseColumns
from harness.judge.view import View
from harness.judge.wording import count

LISTED = 100
MOST_CASES = 10_000  # above, only copies that are equal are found
PARAPHRASES = "Copies and near-copies are found, paraphrases are not."
LEAKS = {"example_in_cases", "quoted_in_prompt", "dev_in_holdout", "label_in_input"}


@dataclass(frozen=True, slots=True)
class Leaks:
    """All findings of a candidate, and the rows of the cases that leak."""

    findings: tuple[LeakFinding, ...]
    cases: frozenset[int]


def leaks(view: View) -> Leaks:
    """Give everything that leaks, most telling kind first."""
    return view.once("leaks", lambda: _leaks(view))


def _leaks(view: View) -> Leaks:
    met = view.shared("texts that meet", lambda: _texts_that_meet(view))
    prompt = view.entry.prompt
    found = [
        *_against_prompt(view, "example_in_cases", example_texts(prompt), met),
        *_against_prompt(view, "quoted_in_prompt", quoted_texts(prompt), met),
        *view.shared("leaks among cases", lambda: _among_cases(view, met)),
        *view.shared("labels in inputs", lambda: _labels_in_inputs(view, main_texts(view.cases))),
    ]
    known: dict[tuple[str, int], LeakFinding] = {}
    for row, finding in found:
        quoted_again = finding.kind == "quoted_in_prompt" and ("example_in_cases", row) in known
        if not quoted_again:
            known.setdefault((finding.kind, row), finding)
    leaking = frozenset(row for kind, row in known if kind in LEAKS)
    return Leaks(tuple(known.values()), leaking)


def main_texts(cases: CaseColumns) -> list[str]:
    """Give the longest input of each case: the text that a copy would share."""
    if not cases.inputs:
        return list(cases.texts)
    return [max(inputs.values(), key=len, default="") for inputs in cases.inputs]


_Found = tuple[int, LeakFinding]


@dataclass(frozen=True, slots=True)
class _Meeting:
    """The cases that each text of a prompt meets, and the cases that meet each other."""

    by_text: dict[str, list[tuple[int, float]]]
    among_cases: list[tuple[int, int, float]]


def _texts_that_meet(view: View) -> _Meeting:
    """Compare all texts of a run once: those of its prompts, then those of its cases."""
    prompts = [entry.prompt for entry in view.manifest.candidates]
    shown = sorted(
        {text for prompt in prompts for _, text in (*example_texts(prompt), *quoted_texts(prompt))}
    )
    by_text: dict[str, list[tuple[int, float]]] = {}
    among = []
    for pair in _overlaps([*shown, *main_texts(view.cases)]):
        row = pair.right - len(shown)
        if pair.left >= len(shown):
            among.append((pair.left - len(shown), row, pair.similarity))
        elif row >= 0:
            by_text.setdefault(shown[pair.left], []).append((row, pair.similarity))
    return _Meeting(by_text, among)


def _overlaps(texts: Sequence[str]) -> list[Overlap]:
    """Give near-copies; only equal texts where there are too many cases to compare them all."""
    if len(texts) <= MOST_CASES:
        return overlaps(texts)
    first: dict[str, int] = {}
    found = []
    for place, text in enumerate(texts):
        if folded := normalised(text):
            before = first.setdefault(folded, place)
            if before != place:
                found.append(Overlap(before, place, 1.0, "exact"))
    return found


def _against_prompt(view: View, kind: str, shown: list[tuple[str, str]], met: _Meeting) -> list[_Found]:
    return [
        (
            row,
            LeakFinding(
                kind=kind,
                case=view.cases.ids[row],
                other=where,
                similarity=similarity,
                text=view.cases.texts[row],
                other_text=text,
            ),
        )
        for where, text in shown
        for row, similarity in met.by_text.get(text, ())
    ]


def _among_cases(view: View, met: _Meeting) -> list[_Found]:
    found = []
    for left, right, similarity in met.among_cases:
        kind, row, other = _kind(view.cases, left, right)
        finding = LeakFinding(
            kind=kind,
            case=view.cases.ids[row],
            other=view.cases.ids[other],
            similarity=similarity,
            text=view.cases.texts[row],
            other_text=view.cases.texts[other],
        )
        found.append((row, finding))
    order = {"dev_in_holdout": 0, "conflicting_labels": 1, "duplicate": 2}
    return sorted(found, key=lambda item: (order[item[1].kind], -item[1].similarity, item[1].case))


def _kind(cases: CaseColumns, left: int, right: int) -> tuple[str, int, int]:
    """Name what a pair of near-copies is; the case that leaks comes first."""
    if cases.expected[left] != cases.expected[right]:
        return "conflicting_labels", left, right
    splits = [cases.splits[split] if split != NONE else "" for split in cases.split[[left, right]]]
    if splits[0] != splits[1] and DEV in splits:
        return ("dev_in_holdout", right, left) if splits[0] == DEV else ("dev_in_holdout", left, right)
    return "duplicate", left, right


def _labels_in_inputs(view: View, texts: list[str]) -> list[_Found]:
    """Find inputs that state their label as a field: `label: spam`, `category=spam`."""
    patterns = [_states(label) for label in view.labels]
    return [
        (
            row,
            LeakFinding(
                kind="label_in_input",
                case=view.cases.ids[row],
                other="its own label",
                similarity=1.0,
                text=view.cases.texts[row],
                other_text=stated[0],
            ),
        )
        for row, text in enumerate(texts)
        if (stated := patterns[int(view.cases.expected[row])].search(text))
    ]


def _states(label: str) -> re.Pattern[str]:
    return re.compile(
        rf"\b(?:label|class|category|expected|answer|intent)\s*[:=]\s*[\"'\[(]?{re.escape(label)}(?!\w)",
        re.IGNORECASE,
    )


def leakage_section(view: View) -> Leakage:
    """Give the findings, and accuracy with and without the cases that leak."""
    found = leaks(view)
    rest = np.asarray(~np.isin(view.trials.case, list(found.cases)), dtype=np.bool_)
    accuracy = classification.accuracy
    return Leakage(
        findings=found.findings[:LISTED],
        leaked_cases=len(found.cases),
        duplicates=sum(finding.kind == "duplicate" for finding in found.findings),
        conflicts=sum(finding.kind == "conflicting_labels" for finding in found.findings),
        accuracy_with=accuracy(view.answers).estimate(view.confidence) if found.cases else None,
        accuracy_without=accuracy(view.answers.where(rest)).estimate(view.confidence)
        if found.cases
        else None,
        note=_note(view, found),
    )


def _note(view: View, found: Leaks) -> str:
    compared = PARAPHRASES
    if len(view.cases) > MOST_CASES:
        compared = f"With more than {MOST_CASES:,} cases only equal texts are found, not near-copies."
    more = len(found.findings) - LISTED
    return f"{compared} {count(more, 'more finding')} not listed." if more > 0 else compared
