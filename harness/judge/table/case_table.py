"""The cases of a run as columns, sorted by id."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from harness.errors import JournalDamaged
from harness.judge.table.columns import NONE, CaseColumns
from harness.record import CaseRow


def case_columns(rows: Iterable[CaseRow], label: dict[str, int]) -> CaseColumns:
    """Give the cases as columns; `label` numbers the labels of the suite."""
    cases = sorted(rows, key=lambda case: case.id)
    for case in cases:
        if case.expected not in label:
            raise JournalDamaged(
                f"case {case.id!r} expects {case.expected!r}, which is not a label of the suite"
            )
    splits = tuple(sorted({case.split for case in cases if case.split}))
    split = {name: index for index, name in enumerate(splits)}
    tagged: dict[str, list[int]] = {}
    for row, case in enumerate(cases):
        for tag in case.tags:
            tagged.setdefault(tag, []).append(row)
    tags = {tag: np.zeros(len(cases), dtype=np.bool_) for tag in sorted(tagged)}
    for tag, mine in tagged.items():
        tags[tag][mine] = True
    return CaseColumns(
        ids=tuple(case.id for case in cases),
        expected=np.array([label[case.expected] for case in cases], dtype=np.int16),
        split=np.array([split.get(case.split, NONE) for case in cases], dtype=np.int16),
        splits=splits,
        tags=tags,
        texts=tuple(_one_line(case.inputs) for case in cases),
        inputs=tuple(case.inputs for case in cases),
        variants=tuple(case.variants for case in cases),
    )


def _one_line(inputs: dict[str, str]) -> str:
    if len(inputs) == 1:
        (text,) = inputs.values()
        return _joined(text)
    return " · ".join(f"{name}: {_joined(text)}" for name, text in inputs.items())


def _joined(text: str) -> str:
    """Put a text on one line; one that is on one line already is not copied."""
    line = " ".join(text.split())
    return text if line == text else line
