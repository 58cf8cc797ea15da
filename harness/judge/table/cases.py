"""Cases as columns: packed as they are read, numbered and sorted by id at the end."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from harness.errors import JournalDamaged
from harness.judge.table.columns import NONE, Bool, CaseColumns, Int64
from harness.judge.table.intake import Numbers
from harness.judge.table.packed import Grown, Packed, are_whole, every_named_in, named_out, text_in, text_out
from harness.record import CaseRow

_Kind: TypeAlias = tuple[str, str, tuple[str, ...]]  # expected label, split, tags
_STRANGE = -2  # a label that the suite does not have
(_NO_VARIANTS,) = every_named_in([{}])


@dataclass(frozen=True, slots=True, kw_only=True)
class CasePart:
    """The cases of a part of a journal, in its order; what is handed from one process to another."""

    ids: Packed[str]
    inputs: Packed[dict[str, str]]
    variants: Packed[dict[str, str]] | None  # None where no case has any
    kind: npt.NDArray[np.int32]  # index into `kinds`
    kinds: list[_Kind]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(slots=True)
class CaseIntake:
    """Takes cases, many at a time."""

    _ids: list[bytes] = field(default_factory=list)
    _inputs: list[bytes] = field(default_factory=list)
    _variants: list[bytes] = field(default_factory=list)
    _kind: list[int] = field(default_factory=list)
    _kinds: Numbers[_Kind] = field(default_factory=Numbers)

    def take(self, cases: Sequence[CaseRow]) -> None:
        """Add some cases."""
        self._ids += map(text_in, [case.id for case in cases])
        self._inputs += every_named_in([case.inputs for case in cases])
        self._variants += every_named_in([case.variants for case in cases])
        self._kind += map(self._kinds.__getitem__, [(case.expected, case.split, case.tags) for case in cases])

    def part(self) -> CasePart:
        """Give what was taken."""
        varied = len(set(self._variants)) > 1 or _NO_VARIANTS not in self._variants
        return CasePart(
            ids=Packed.of(self._ids, text_out),
            inputs=Packed.of(self._inputs, named_out),
            variants=Packed.of(self._variants, named_out) if varied else None,
            kind=np.array(self._kind, dtype=np.int32),
            kinds=list(self._kinds),
        )


class GatheredCases:
    """The cases of parts behind each other; no part is kept beside the whole."""

    def __init__(self) -> None:
        self._ids, self._inputs = Packed.of([], text_out), Packed.of([], named_out)
        self._variants = Packed.of([], named_out)
        self._kind = Grown(np.int32)
        self._kinds: Numbers[_Kind] = Numbers()
        self._varied = False

    def add(self, part: CasePart) -> None:
        """Add a part."""
        if not len(part):
            return
        self._ids.add(part.ids)
        self._inputs.add(part.inputs)
        self._variants.add(part.variants or Packed.of([_NO_VARIANTS] * len(part), named_out))
        self._varied = self._varied or part.variants is not None
        kind = np.array([self._kinds[each] for each in part.kinds], dtype=np.int32)[part.kind]
        self._kind.add(kind, len(part))

    def sorted(self) -> CasePart:
        """Give all, sorted by id; of two cases of one id the later counts."""
        order = _order(self._ids)
        return CasePart(
            ids=self._ids.taken(order),
            inputs=self._inputs.taken(order),
            variants=self._variants.taken(order) if self._varied else None,
            kind=self._kind.whole()[order].astype(np.int32),
            kinds=list(self._kinds),
        )


def _order(ids: Packed[str]) -> Int64:
    """Give where the ids stand in their order, the last one of those alike."""
    keys = ids.keys()
    if are_whole(keys):
        order = np.argsort(keys, kind="stable")
    else:
        encoded = list(ids.encoded())
        order = np.array(sorted(range(len(encoded)), key=encoded.__getitem__), dtype=np.int64)
    ordered = keys[order]
    last = np.ones(len(order), dtype=np.bool_)
    last[:-1] = ordered[1:] != ordered[:-1]
    return np.asarray(order[last], dtype=np.int64)


def case_columns(rows: Iterable[CaseRow], label: dict[str, int]) -> CaseColumns:
    """Give the cases as columns; `label` numbers the labels of the suite."""
    intake = CaseIntake()
    intake.take(list(rows))
    cases = GatheredCases()
    cases.add(intake.part())
    return columns_of(cases.sorted(), label, {})


def without_label(cases: CasePart) -> Int64:
    """Give the rows of the cases that began without a right label."""
    blank = np.array([not expected for expected, _, _ in cases.kinds], dtype=np.bool_)
    return np.flatnonzero(blank[cases.kind]) if blank.any() else np.zeros(0, dtype=np.int64)


def columns_of(cases: CasePart, label: dict[str, int], labelled: Mapping[str, str]) -> CaseColumns:
    """Give sorted cases as columns; one without a label has what `labelled` says, or the suite's first and a mark."""
    unlabelled = None
    without = without_label(cases)
    first = next(iter(label), "")
    numbers = np.array([label.get(expected or first, _STRANGE) for expected, _, _ in cases.kinds], dtype=np.int16)
    expected = numbers[cases.kind] if len(cases) else np.zeros(0, dtype=np.int16)
    told = {row: labelled[cases.ids[row]] for row in without.tolist() if cases.ids[row] in labelled}
    for row, name in told.items():
        expected[row] = label.get(name, _STRANGE)
    if len(told) < len(without):
        unlabelled = np.zeros(len(cases), dtype=np.bool_)
        unlabelled[[row for row in without.tolist() if row not in told]] = True
    if (expected == _STRANGE).any():
        row = int(np.argmax(expected == _STRANGE))
        said = told.get(row, cases.kinds[cases.kind[row]][0])
        raise JournalDamaged(f"case {cases.ids[row]!r} expects {said!r}, which is not a label of the suite")
    kinds = {place: cases.kinds[place] for place in np.unique(cases.kind).tolist()}
    splits = tuple(sorted({split for _, split, _ in kinds.values() if split}))
    split = np.full(len(cases.kinds), NONE, dtype=np.int16)
    tagged: dict[str, Bool] = {}
    for place, (_, name, tags) in kinds.items():
        split[place] = splits.index(name) if name else NONE
        for tag in tags:
            tagged.setdefault(tag, np.zeros(len(cases.kinds), dtype=np.bool_))[place] = True
    return CaseColumns(
        ids=cases.ids,
        expected=expected,
        split=split[cases.kind],
        splits=splits,
        tags={tag: tagged[tag][cases.kind] for tag in sorted(tagged)},
        texts=cases.inputs.read_as(_line_out),
        inputs=cases.inputs,
        variants=cases.variants or (),
        unlabelled=unlabelled,
    )


def _line_out(held: bytes) -> str:
    """Give inputs on one line."""
    inputs = named_out(held)
    if len(inputs) == 1:
        (text,) = inputs.values()
        return " ".join(text.split())
    return " · ".join(f"{name}: {' '.join(text.split())}" for name, text in inputs.items())
