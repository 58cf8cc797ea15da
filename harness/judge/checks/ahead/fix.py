"""Before a run: the fewest cases that would mend what those at hand can't prove, by label and slice."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from harness.files.suite import Suite
from harness.judge import count, listed, named, things
from harness.judge.checks.ahead.rows import PowerRow

_MOST = 20  # labels that are named
_OF_LABEL = frozenset({"label cases", "predictions"})  # about as many as the label has cases


def cheapest_fix(suite: Suite, rows: Sequence[PowerRow]) -> tuple[str, ...]:
    """Name the cheapest fix: which labels lack cases, and how many, to pass at all and with 80% power."""
    told = []
    if any(not row.provable and row.least is not None for row in rows):
        parts = _missing(suite, rows, {row.threshold: row.least for row in rows if not row.provable})
        told.append(f"So that every threshold can pass at all, add {listed(parts, most=_MOST)}.")
    if parts := _missing(suite, rows, {row.threshold: row.needed for row in rows}):
        told.append(f"For 80% power on every threshold, add {listed(parts, most=_MOST)}.")
    if all(row.enough for row in rows if row.have is not None):
        told.append("These cases are enough for every threshold that can be planned.")
    return tuple(told)


def _of_labels(wanted: Mapping[str, int]) -> Iterator[str]:
    """Give what each label lacks; three labels or more that lack as much are told together."""
    alike: dict[int, list[str]] = {}
    for label, n in wanted.items():
        alike.setdefault(n, []).append(label)
    for n, labels in alike.items():
        names = [named(label) for label in labels]
        if len(names) < 3:
            yield from (count(n, f"more {name} case") for name in names)
        else:
            yield f"{count(n, 'more case')} of each of {len(names)} labels ({listed(names, most=3)})"


def _missing(suite: Suite, rows: Sequence[PowerRow], wanted: Mapping[str, int | None]) -> list[str]:
    """Give the cases to add for the wanted numbers: a case of a label also counts as a case of any label."""

    def short(row: PowerRow) -> int:
        goal = wanted.get(row.threshold)
        return 0 if goal is None or row.have is None else goal - row.have

    def most(units: Iterable[PowerRow]) -> int:
        return max((short(row) for row in units), default=0)

    slices = {(row.one, row.unit, row.counts, row.label): 0 for row in rows if row.where}
    slices = {key: most(row for row in rows if row.unit == key[1]) for key in slices}
    slices = {key: n for key, n in slices.items() if n > 0}
    every = [row for row in rows if not row.where]
    of_label = {
        label: most(row for row in every if row.label == label and row.counts in _OF_LABEL)
        - sum(n for (_, _, counts, of), n in slices.items() if of == label and counts in _OF_LABEL)
        for label in suite.labels
    }
    of_label = {label: n for label, n in of_label.items() if n > 0}
    parts = list(_of_labels(of_label))
    parts += [count(n, f"more {one}", f"more {many}") for (one, many, _, _), n in slices.items()]
    rest = most(row for row in every if row.counts == "cases") - sum(of_label.values()) - sum(slices.values())
    for label in suite.labels:
        lacks = most(row for row in every if row.label == label and row.counts == "other cases")
        lacks -= sum(more for other, more in of_label.items() if other != label)
        if lacks > 0:
            one, many = things("other cases", label)
            parts.append(count(lacks, f"more {one}", f"more {many}"))
            rest -= lacks
    if rest > 0:
        parts.append(f"{count(rest, 'more case')} of any label")
    return parts
