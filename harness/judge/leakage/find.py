"""What a prompt, or another split, gives away of the cases: found from files alone, before or after a run.

Leaked are: a case that the prompt shows (as an example, quoted, or in its running text), a case of another
split that dev holds too, and a case that states its own label. Duplicates within a split and near-duplicates
with different labels are findings, but give nothing away. Paraphrases evade all of this.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from harness.judge import LabelWord, LeakFinding
from harness.judge.leakage.prompt_texts import contained, example_texts, quoted_texts
from harness.judge.leakage.text_overlap import Measure, normalised, overlaps, words_of, worth_comparing
from harness.judge.table.columns import DEV, NONE, CaseColumns

LEAKS = {"example_in_cases", "quoted_in_prompt", "dev_in_holdout", "label_in_input"}
_MOST_COMPARED = 5_000_000  # labels x cases, for counting label words

_Found: TypeAlias = tuple[int, LeakFinding]


@dataclass(frozen=True, slots=True)
class Leaks:
    """All findings of a candidate, most telling kind first, and the rows of the cases that leak."""

    findings: tuple[LeakFinding, ...]
    cases: frozenset[int]


@dataclass(frozen=True, slots=True)
class Alike:
    """A case that a text resembles, and by which measure."""

    row: int
    similarity: float
    measure: Measure


@dataclass(frozen=True, slots=True)
class Meeting:
    """The cases that each text of a prompt meets, and the pairs of cases that meet each other."""

    by_text: dict[str, list[Alike]]
    among_cases: list[tuple[int, Alike]]


def find_leaks(prompt: dict[str, Any], cases: CaseColumns, labels: Sequence[str], met: Meeting | None = None) -> Leaks:
    """Give everything that leaks; `met` is the comparison of all texts, where it was made already."""
    met = met if met is not None else meeting([prompt], cases)
    found = [
        *_against_prompt(cases, "example_in_cases", example_texts(prompt), met),
        *_against_prompt(cases, "quoted_in_prompt", quoted_texts(prompt), met),
        *(
            (row, _finding(cases, "quoted_in_prompt", Alike(row, share, "words"), where, text))
            for row, where, text, share in contained(prompt, main_texts(cases))
        ),
        *_among_cases(cases, met),
        *_labels_in_inputs(cases, labels),
    ]
    known: dict[tuple[str, int], LeakFinding] = {}
    for row, finding in found:
        if finding.kind != "quoted_in_prompt" or ("example_in_cases", row) not in known:
            known.setdefault((finding.kind, row), finding)
    return Leaks(tuple(known.values()), frozenset(row for kind, row in known if kind in LEAKS))


def main_texts(cases: CaseColumns) -> list[str]:
    """Give the longest input of each case: the text that a copy would share."""
    if not cases.inputs:
        return list(cases.texts)
    return [max(inputs.values(), key=len, default="") for inputs in cases.inputs]


def meeting(prompts: Iterable[dict[str, Any]], cases: CaseColumns, *, most_paired: int | None = None) -> Meeting:
    """Compare all texts once: those of the prompts, and those of the cases; equal ones count as one text.

    Of more than `most_paired` different texts those of the prompts are still compared with all cases, while
    near-copies among the cases are not looked for: only equal ones are found there.
    """
    shown: dict[str, set[str]] = defaultdict(set)
    rows: dict[str, list[int]] = defaultdict(list)
    for prompt in prompts:
        for _, text in (*example_texts(prompt), *quoted_texts(prompt)):
            shown[normalised(text)].add(text)
    for row, text in enumerate(main_texts(cases)):
        rows[normalised(text)].append(row)
    distinct = sorted((shown.keys() | rows.keys()) - {""})
    found = Meeting({}, [])
    for text in distinct:
        _link(found, shown[text], rows[text], 1.0, "exact")
        found.among_cases.extend(_linked(cases, rows[text], rows[text], 1.0, "exact"))
    if most_paired is not None and len(distinct) > most_paired:
        mine = sorted(text for text, written in shown.items() if written and text)
        near = [distinct[place] for place in worth_comparing(mine, distinct)]
        for pair in overlaps(mine, near):
            _link(found, shown[mine[pair.left]], rows[near[pair.right]], pair.similarity, pair.measure)
        return found
    for pair in overlaps(distinct):
        left, right = distinct[pair.left], distinct[pair.right]
        _link(found, shown[left], rows[right], pair.similarity, pair.measure)
        _link(found, shown[right], rows[left], pair.similarity, pair.measure)
        found.among_cases.extend(_linked(cases, rows[left], rows[right], pair.similarity, pair.measure))
    return found


def _link(found: Meeting, texts: set[str], rows: list[int], similarity: float, measure: Measure) -> None:
    for text in texts:
        found.by_text.setdefault(text, []).extend(Alike(row, similarity, measure) for row in rows)


def _linked(
    cases: CaseColumns, one: list[int], two: list[int], similarity: float, measure: Measure
) -> Iterator[tuple[int, Alike]]:
    """Pair every row of either text with one row of each label and split of the other: never all with all."""
    pairs: dict[tuple[int, int], None] = {}
    for mine, others in ((one, two), (two, one)):
        first = _one_of_each(cases, others)
        for row in mine:
            for other in first:
                if row != other:
                    pairs.setdefault((min(row, other), max(row, other)))
    for left, right in pairs:
        yield left, Alike(right, similarity, measure)


def _one_of_each(cases: CaseColumns, rows: list[int]) -> list[int]:
    found: dict[tuple[int, int], int] = {}
    for row in rows:
        found.setdefault((int(cases.expected[row]), int(cases.split[row])), row)
    return list(found.values())


def _against_prompt(cases: CaseColumns, kind: str, shown: list[tuple[str, str]], met: Meeting) -> Iterator[_Found]:
    for where, text in shown:
        for alike in met.by_text.get(text, ()):
            yield alike.row, _finding(cases, kind, alike, where, text)


def _finding(cases: CaseColumns, kind: str, alike: Alike, other: str, other_text: str) -> LeakFinding:
    return LeakFinding(
        kind=kind,
        case=cases.ids[alike.row],
        other=other,
        similarity=alike.similarity,
        text=cases.texts[alike.row],
        other_text=other_text,
        measure=alike.measure,
    )


def _among_cases(cases: CaseColumns, met: Meeting) -> list[_Found]:
    found = []
    for left, alike in met.among_cases:
        kind, row, other = _kind(cases, left, alike.row)
        mine = Alike(row, alike.similarity, alike.measure)
        found.append((row, _finding(cases, kind, mine, cases.ids[other], cases.texts[other])))
    order = {"dev_in_holdout": 0, "conflicting_labels": 1, "duplicate": 2}
    return sorted(found, key=lambda item: (order[item[1].kind], -item[1].similarity, item[1].case))


def _kind(cases: CaseColumns, left: int, right: int) -> tuple[str, int, int]:
    """Name what a pair of near-copies is; the case that leaks, or repeats an earlier one, comes first."""
    if cases.expected[left] != cases.expected[right]:
        return "conflicting_labels", right, left
    splits = [cases.splits[split] if split != NONE else "" for split in cases.split[[left, right]]]
    if splits[0] != splits[1] and DEV in splits:
        return ("dev_in_holdout", right, left) if splits[0] == DEV else ("dev_in_holdout", left, right)
    return "duplicate", right, left


def _labels_in_inputs(cases: CaseColumns, labels: Sequence[str]) -> Iterator[_Found]:
    """Find inputs that state their label as a field: `label: spam`, `category=spam`."""
    start = r"\b(?:label|class|category|expected|answer|intent)\s*[:=]\s*[\"'\[(]?"
    patterns = [re.compile(rf"{start}{re.escape(label)}(?!\w)", re.IGNORECASE) for label in labels]
    for row, text in enumerate(main_texts(cases)):
        if stated := patterns[int(cases.expected[row])].search(text):
            alike = Alike(row, 1.0, "exact")
            yield row, _finding(cases, "label_in_input", alike, "its own label", stated[0])


def label_words(cases: CaseColumns, labels: Sequence[str]) -> tuple[LabelWord, ...]:
    """Count the inputs that hold a label as a word: those that expect it, and all others.

    A word that stands mostly in its own cases gives them away, though each use of it may be innocent.
    """
    if len(labels) * len(cases) > _MOST_COMPARED:
        return ()
    texts = [f" {' '.join(words_of(normalised(text)))} " for text in main_texts(cases)]
    found = []
    for place, label in enumerate(labels):
        word = f" {' '.join(words_of(normalised(label)))} "
        holds = np.fromiter((word in text for text in texts), np.bool_, len(texts))
        mine = cases.expected == place
        own, of_own = int(np.count_nonzero(holds & mine)), int(np.count_nonzero(mine))
        others, of_others = int(np.count_nonzero(holds)) - own, len(texts) - of_own
        if own:
            found.append(LabelWord(label=label, own=own, of_own=of_own, others=others, of_others=of_others))
    return tuple(found)
