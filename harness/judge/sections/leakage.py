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
MOST_CASES = 20_000  # above, only copies that are equal are found
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
    texts = main_texts(view.cases)
    found = [
        *_against_prompt(view, "example_in_cases", example_texts(view.entry.prompt), texts),
        *_against_prompt(view, "quoted_in_prompt", quoted_texts(view.entry.prompt), texts),
        *view.shared("leaks among cases", lambda: _among_cases(view, texts)),
        *view.shared("labels in inputs", lambda: _labels_in_inputs(view, texts)),
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


def _overlaps(left: Sequence[str], right: Sequence[str] | None) -> list[Overlap]:
    """Give near-copies; only equal texts where there are too many cases to compare them all."""
    if max(len(left), len(right or ())) <= MOST_CASES:
        return overlaps(left, right)
    places: dict[str, list[int]] = {}
    for place, text in enumerate(left if right is None else right):
        places.setdefault(normalised(text), []).append(place)
    return [
        Overlap(row, other, 1.0, "exact")
        for row, text in enumerate(left)
        if (folded := normalised(text))
        for other in places.get(folded, ())
        if right is not None or row < other
    ]


def _against_prompt(view: View, kind: str, shown: list[tuple[str, str]], texts: list[str]) -> list[_Found]:
    return [
        (
            pair.right,
            LeakFinding(
                kind=kind,
                case=view.cases.ids[pair.right],
                other=shown[pair.left][0],
                similarity=pair.similarity,
                text=view.cases.texts[pair.right],
                other_text=shown[pair.left][1],
            ),
        )
        for pair in _overlaps([text for _, text in shown], texts)
    ]


def _among_cases(view: View, texts: list[str]) -> list[_Found]:
    found = []
    for pair in _overlaps(texts, None):
        kind, row, other = _kind(view.cases, pair.left, pair.right)
        finding = LeakFinding(
            kind=kind,
            case=view.cases.ids[row],
            other=view.cases.ids[other],
            similarity=pair.similarity,
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
