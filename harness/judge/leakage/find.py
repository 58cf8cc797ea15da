"""What a prompt, or another split, gives away of the cases: found from files alone, before or after a run.

Leaked are: a case that the prompt shows (as an example, quoted, or in its running text), a case of another
split that dev holds too, and a case that states its own label. Duplicates within a split and near-duplicates
with different labels are findings, but give nothing away. Paraphrases evade all of this.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from harness.cores import shared, usable
from harness.judge import LabelWord, LeakFinding
from harness.judge.leakage.looked import STATES, Look, blocks_of, digests_of, text_of
from harness.judge.leakage.prompt_texts import Grams, example_texts, quoted_texts, templates_of
from harness.judge.leakage.text_overlap import Measure, Sieve, normalised, overlaps, words_of
from harness.judge.table.columns import DEV, NONE, Bool, CaseColumns

LEAKS = {"example_in_cases", "quoted_in_prompt", "dev_in_holdout", "label_in_input"}
_MOST_COMPARED = 5_000_000  # labels x cases, for counting label words
_MANY = 100_000  # texts that are worth the start of processes

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

    by_text: dict[str, list[Alike]] = field(default_factory=dict)
    among_cases: list[tuple[int, Alike]] = field(default_factory=list)
    within: dict[str, list[tuple[int, str, float]]] = field(default_factory=dict)  # by template: row, text, 3-grams
    states: list[int] = field(default_factory=list)  # cases that name a label as a field does, any label
    words: list[list[int]] = field(default_factory=list)  # of each label: the cases that hold it as a word


def find_leaks(prompt: dict[str, Any], cases: CaseColumns, labels: Sequence[str], met: Meeting | None = None) -> Leaks:
    """Give everything that leaks; `met` is the comparison of all texts, where it was made already."""
    met = met if met is not None else meeting([prompt], cases)
    found = [
        *_against_prompt(cases, "example_in_cases", example_texts(prompt), met),
        *_against_prompt(cases, "quoted_in_prompt", quoted_texts(prompt), met),
        *(
            (row, _finding(cases, "quoted_in_prompt", Alike(row, share, "words"), where, text))
            for where, template in templates_of(prompt)
            for row, text, share in met.within.get(template, ())
        ),
        *_among_cases(cases, met),
        *_labels_in_inputs(cases, labels, met),
    ]
    known: dict[tuple[str, int], LeakFinding] = {}
    for row, finding in found:
        if finding.kind != "quoted_in_prompt" or ("example_in_cases", row) not in known:
            known.setdefault((finding.kind, row), finding)
    return Leaks(tuple(known.values()), frozenset(row for kind, row in known if kind in LEAKS))


def meeting(
    prompts: Iterable[dict[str, Any]],
    cases: CaseColumns,
    labels: Sequence[str] = (),
    *,
    most_paired: int | None = None,
    cores: int = 0,
) -> Meeting:
    """Compare all texts once: those of the prompts, and those of the cases; equal ones count as one text.

    Of more than `most_paired` different texts those of the prompts are still compared with all cases, while
    near-copies among the cases are not looked for: only equal ones are found there. Many cases are shared out to
    `cores` (0: all that there are).
    """
    shown: dict[str, set[str]] = defaultdict(set)
    grams: dict[str, Grams] = {}
    for prompt in prompts:
        for _, text in (*example_texts(prompt), *quoted_texts(prompt)):
            shown[normalised(text)].add(text)
        grams |= {template: Grams.of(template) for _, template in templates_of(prompt)}
    mine = sorted(text for text in shown if text)
    many = most_paired is not None and len(cases) > most_paired
    counted = labels if len(labels) * len(cases) <= _MOST_COMPARED else ()
    look = Look(
        Sieve.of(mine if many else []),
        {text: one for text, one in grams.items() if one.first},
        tuple(tuple(words_of(normalised(label))) for label in counted),
    )
    found = Meeting(words=[[] for _ in counted])
    digests, near = _looked_at(cases, look, cores or (usable() if len(cases) > _MANY else 1), found)
    held = _Held(cases, digests)
    for text, rows in held.told_apart(mine):
        _link(found, shown.get(text, set()), rows, 1.0, "exact")
        found.among_cases.extend(_linked(cases, rows, rows, 1.0, "exact"))
    if most_paired is not None and held.distinct(mine) > most_paired:
        rows_of = held.texts(near)
        others = sorted({*rows_of, *mine})
        for pair in overlaps(mine, others):
            _link(found, shown[mine[pair.left]], rows_of.get(others[pair.right], []), pair.similarity, pair.measure)
        return found
    rows_of = held.texts(range(len(cases)))
    others = sorted({*rows_of, *mine})
    for pair in overlaps(others):
        left, right = others[pair.left], others[pair.right]
        one, two = rows_of.get(left, []), rows_of.get(right, [])
        _link(found, shown.get(left, set()), two, pair.similarity, pair.measure)
        _link(found, shown.get(right, set()), one, pair.similarity, pair.measure)
        found.among_cases.extend(_linked(cases, one, two, pair.similarity, pair.measure))
    return found


def _looked_at(cases: CaseColumns, look: Look, cores: int, found: Meeting) -> tuple[npt.NDArray[np.uint64], list[int]]:
    """Look at each text once; gives digests, and the rows near what is shown, and notes the rest in `found`."""
    digests, near, begin = np.zeros(len(cases), dtype=np.uint64), [], 0
    for part in shared(look, blocks_of(cases), cores):
        digests[begin : begin + len(part.digests)] = part.digests
        near += [begin + place for place in part.near]
        found.states.extend(begin + place for place in part.states)
        for label, place in part.words:
            found.words[label].append(begin + place)
        for template, place, text, share in part.within:
            found.within.setdefault(template, []).append((begin + place, text, share))
        begin += len(part.digests)
    return digests, near


class _Held:
    """Which cases have which normalised text, without holding it: rows by digest, told apart by looking again."""

    def __init__(self, cases: CaseColumns, digests: npt.NDArray[np.uint64]) -> None:
        self._cases = cases
        self._order = np.argsort(digests, kind="stable")
        ordered = digests[self._order]
        self._first = np.flatnonzero(
            np.concatenate([np.ones(min(1, len(ordered)), np.bool_), ordered[1:] != ordered[:-1]])
        )
        self._digests = ordered[self._first]
        self._count = np.diff(np.append(self._first, len(ordered)))

    def distinct(self, more: list[str]) -> int:
        """Count the texts, with those of a list; an empty one is none."""
        new = np.count_nonzero(~self._has(np.unique(digests_of(more))))
        return len(self._digests) + int(new) - int(self._has(digests_of([""]))[0])

    def _has(self, digests: npt.NDArray[np.uint64]) -> Bool:
        place = np.searchsorted(self._digests, digests)
        return np.append(self._digests, np.uint64(0))[place] == digests if len(self._digests) else place > 0

    def told_apart(self, shown: list[str]) -> Iterator[tuple[str, list[int]]]:
        """Yield the texts that several cases have, or that are in a list, with the rows that have them."""
        wanted = (self._count > 1) | np.isin(self._digests, digests_of(shown))
        asked = set(shown)
        for place in np.flatnonzero(wanted).tolist():
            rows = self._order[self._first[place] : self._first[place] + self._count[place]]
            for text, mine in self.texts(rows.tolist()).items():
                if len(mine) > 1 or text in asked:
                    yield text, mine

    def texts(self, rows: Iterable[int]) -> dict[str, list[int]]:
        """Give the texts of some rows, each with its rows; an empty one is none."""
        found: dict[str, list[int]] = defaultdict(list)
        for row in rows:
            found[normalised(text_of(self._cases, row))].append(row)
        found.pop("", None)
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


def _labels_in_inputs(cases: CaseColumns, labels: Sequence[str], met: Meeting) -> Iterator[_Found]:
    """Find inputs that state their label as a field: `label: spam`, `category=spam`."""
    patterns = [re.compile(rf"{STATES.pattern}{re.escape(label)}(?!\w)", re.IGNORECASE) for label in labels]
    for row in met.states:
        if stated := patterns[int(cases.expected[row])].search(text_of(cases, row)):
            alike = Alike(row, 1.0, "exact")
            yield row, _finding(cases, "label_in_input", alike, "its own label", stated[0])


def label_words(cases: CaseColumns, labels: Sequence[str], met: Meeting) -> tuple[LabelWord, ...]:
    """Count the inputs that hold a label as a word: those that expect it, and all others.

    A word that stands mostly in its own cases gives them away, though each use of it may be innocent.
    """
    found = []
    for place, (label, hits) in enumerate(zip(labels, met.words, strict=bool(met.words))):
        mine = cases.expected == place
        own, of_own = int(np.count_nonzero(mine[hits])), int(np.count_nonzero(mine))
        others, of_others = len(hits) - own, len(cases) - of_own
        if own:
            found.append(LabelWord(label=label, own=own, of_own=of_own, others=others, of_others=of_others))
    return tuple(found)
