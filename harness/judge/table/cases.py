"""Cases as columns: packed as they are read, numbered and sorted by id at the end."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from harness.errors import JournalDamaged
from harness.judge.table.columns import NONE, Bool, CaseColumns, Int64
from harness.judge.table.intake import Numbers
from harness.judge.table.packed import Packed, are_whole, keys_of, named_in, named_out, text_in, text_out
from harness.record import CaseRow

_Kind: TypeAlias = tuple[str, str, tuple[str, ...]]  # expected label, split, tags
_STRANGE = -2  # a label that the suite does not have


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
    """Takes cases one by one."""

    _ids: list[bytes] = field(default_factory=list)
    _inputs: list[bytes] = field(default_factory=list)
    _variants: list[bytes] = field(default_factory=list)
    _kind: list[int] = field(default_factory=list)
    _kinds: Numbers[_Kind] = field(default_factory=Numbers)

    def take(self, case: CaseRow) -> None:
        """Add a case."""
        self._ids.append(text_in(case.id))
        self._inputs.append(named_in(case.inputs))
        self._variants.append(named_in(case.variants))
        self._kind.append(self._kinds[case.expected, case.split, case.tags])

    def part(self) -> CasePart:
        """Give what was taken."""
        varied = len(set(self._variants)) > 1 or named_in({}) not in self._variants
        return CasePart(
            ids=Packed.of(self._ids, text_out),
            inputs=Packed.of(self._inputs, named_out),
            variants=Packed.of(self._variants, named_out) if varied else None,
            kind=np.array(self._kind, dtype=np.int32),
            kinds=list(self._kinds),
        )


def joined_cases(parts: Sequence[CasePart]) -> CasePart:
    """Put parts behind each other, sorted by id; of two cases of one id the later counts."""
    kinds: Numbers[_Kind] = Numbers()
    kind = [np.array([kinds[each] for each in part.kinds], dtype=np.int32)[part.kind] for part in parts]
    none = named_in({})
    varied = any(part.variants is not None for part in parts)
    variants = [part.variants or Packed.of([none] * len(part), named_out) for part in parts if varied]
    ids = Packed.joined([part.ids for part in parts], text_out)
    order = _order(ids)
    return CasePart(
        ids=ids.taken(order),
        inputs=Packed.joined([part.inputs for part in parts], named_out).taken(order),
        variants=Packed.joined(variants, named_out).taken(order) if varied else None,
        kind=np.concatenate([np.zeros(0, dtype=np.int32), *kind])[order],
        kinds=list(kinds),
    )


def _order(ids: Packed[str]) -> Int64:
    """Give where the ids stand in their order, the last one of those alike."""
    keys = keys_of(ids.encoded())
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
    for row in rows:
        intake.take(row)
    return columns_of(joined_cases([intake.part()]), label, {})


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
