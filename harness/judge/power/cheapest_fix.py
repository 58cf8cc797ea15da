"""The cheapest way to make thresholds provable: which labels lack cases, and how many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.files.suite import Suite
from harness.judge.power.rows import WITH, PowerRow
from harness.judge.wording import count, listed, named, singular

MOST = 20  # labels that are named


def cheapest_fix(suite: Suite, rows: Sequence[PowerRow]) -> tuple[str, ...]:
    """Name the cheapest fix: which labels lack cases, and how many, to pass at all and with 80% power."""
    told = []
    if any(not row.provable and row.least is not None for row in rows):
        parts = _missing(suite, rows, {row.threshold: row.least for row in rows if not row.provable})
        told.append(f"So that every threshold can pass at all, add {listed(parts, most=MOST)}.")
    parts = _missing(suite, rows, {row.threshold: row.needed for row in rows})
    if parts:
        told.append(f"For 80% power on every threshold, add {listed(parts, most=MOST)}.")
    return tuple(told) or ("These cases are enough for every threshold that can be planned.",)


def _missing(suite: Suite, rows: Sequence[PowerRow], wanted: Mapping[str, int | None]) -> list[str]:
    """Give the cases to add for the wanted numbers: a case of a label also counts as a case of any label."""

    def short(row: PowerRow) -> int:
        goal = wanted.get(row.threshold)
        return 0 if goal is None or row.have is None else goal - row.have

    slices = {row.unit: max(short(other) for other in rows if other.unit == row.unit) for row in rows}
    slices = {unit: n for unit, n in slices.items() if WITH in unit and n > 0}
    of_label = {
        label: max((short(row) for row in rows if row.unit in _units_of(label)), default=0)
        - sum(n for unit, n in slices.items() if unit.partition(WITH)[0] in _units_of(label))
        for label in suite.labels
    }
    of_label = {label: n for label, n in of_label.items() if n > 0}
    parts = [count(n, f"more {named(label)} case") for label, n in of_label.items()]
    parts += [f"{n:,} more {singular(unit) if n == 1 else unit}" for unit, n in slices.items()]
    rest = max((short(row) for row in rows if row.unit == "cases"), default=0)
    rest -= sum(of_label.values()) + sum(slices.values())
    for label in suite.labels:
        unit = f"cases that are not {named(label)}"
        lacks = max((short(row) for row in rows if row.unit == unit), default=0)
        lacks -= sum(more for other, more in of_label.items() if other != label)
        if lacks > 0:
            parts.append(f"{lacks:,} more {singular(unit) if lacks == 1 else unit}")
            rest -= lacks
    if rest > 0:
        parts.append(f"{count(rest, 'more case')} of any label")
    return parts


def _units_of(label: str) -> set[str]:
    return {f"{named(label)} cases", f"{named(label)} predictions"}
