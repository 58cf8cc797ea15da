"""Which cases of a suite are asked for: those of some splits or tags, the first few, or a fair sample."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from harness.files.case import Case


@dataclass(frozen=True, slots=True, kw_only=True)
class RunChoice:
    """What the command line asks for; `limit` is the size of a sample that has every label."""

    limit: int | None = None
    first: int | None = None
    splits: Collection[str] = ()
    tags: Collection[str] = ()

    def of(self, cases: Sequence[Case], seed: int) -> list[Case]:
        """Keep the cases that are wanted, in their order."""
        kept = [
            case
            for case in cases
            if (not self.splits or case.split in self.splits) and (not self.tags or set(self.tags) & set(case.tags))
        ][: self.first]
        return kept if self.limit is None else sample(kept, self.limit, seed)


def sample(cases: Sequence[Case], size: int, seed: int) -> list[Case]:
    """Draw a sample stratified by label: each has its share, and one place at least if there is room.

    The draw depends on the seed and the cases' ids alone: a case that is added moves few others, and a larger
    sample of the same seed holds the smaller but for rounding. Places go by largest remainders (Hamilton).
    """
    if size >= len(cases):
        return list(cases)
    strata: dict[str, list[Case]] = {}
    for case in cases:
        strata.setdefault(case.expected, []).append(case)
    places = _places({label: len(found) for label, found in strata.items()}, size)
    drawn = {case.id for label, found in strata.items() for case in sorted(found, key=_lot(seed))[: places[label]]}
    return [case for case in cases if case.id in drawn]


def _places(sizes: dict[str, int], size: int) -> dict[str, int]:
    total = sum(sizes.values())
    least = 1 if size >= len(sizes) else 0
    places = {label: max(least, size * n // total) for label, n in sizes.items()}
    by_remainder = sorted(sizes, key=lambda label: (-(size * sizes[label] % total), label))
    for label in by_remainder:
        if sum(places.values()) < size and places[label] < sizes[label]:
            places[label] += 1
    while sum(places.values()) > size:  # the least places were too many
        largest = max(places, key=lambda label: (places[label], label))
        places[largest] -= 1
    return places


def _lot(seed: int) -> Callable[[Case], bytes]:
    return lambda case: blake2b(f"{seed}\0{case.id}".encode(), digest_size=8).digest()
