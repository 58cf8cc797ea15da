"""A run in shards: each command measures the cases of its share, and `harness merge` joins what they made.

Cases are dealt out by the rank of a digest of their id, so that shares differ by one case at most, and any machine
that has the files knows them all: shards agree without talking. A share has all candidates, variants and repeats
of its cases.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.errors import UsageError
from harness.manifest import MOST_SHARDS

if TYPE_CHECKING:
    from harness.measure.plan import Plan

_WRITTEN = re.compile(r"(\d{1,5})/(\d{1,5})")


@dataclass(frozen=True, slots=True, order=True)
class Shard:
    """One share of `of`, counted from 1."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def share(self, cases: Iterable[str]) -> frozenset[str]:
        """Give the ids of the cases that are this shard's."""
        return frozenset(ranked(cases)[self.number - 1 :: self.of])


def ranked(cases: Iterable[str]) -> list[str]:
    """Give the ids of cases in the order in which they are dealt out."""
    return sorted(cases, key=lambda id_: hashlib.sha256(id_.encode()).digest())


def shard_asked(written: str, environ: Mapping[str, str]) -> Shard:
    """Read `3/8`, or what the scheduler says where it is `auto`. Raises UsageError."""
    if written == "auto":
        return _shard_of_scheduler(environ)
    found = _WRITTEN.fullmatch(written.strip())
    if found is None:
        raise UsageError(f"--shard {written}: it is not a share.", fix="Write `3/8` for the third of eight, or `auto`.")
    return _checked(int(found[1]), int(found[2]), f"--shard {written}")


def _checked(number: int, of: int, where: str) -> Shard:
    if not 1 <= of <= MOST_SHARDS or not 1 <= number <= of:
        fix = f"Shards are counted from 1, to the number of all, which is {MOST_SHARDS:,} at most."
        raise UsageError(f"{where}: there is no shard {number} of {of}.", fix=fix)
    return Shard(number, of)


_TYPED = "Write the share instead: `--shard 3/8`."
# Of each scheduler: the variable that tells jobs apart, the one that counts them, the one that says what the first
# is called (or that number itself).
_SCHEDULERS = (
    ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", "SLURM_ARRAY_TASK_MIN"),
    ("JOB_COMPLETION_INDEX", "JOB_COMPLETIONS", 0),
    ("CI_NODE_INDEX", "CI_NODE_TOTAL", 1),
)
_LAST = {"SLURM_ARRAY_TASK_ID": "SLURM_ARRAY_TASK_MAX"}  # where jobs may be numbered with gaps


def _shard_of_scheduler(environ: Mapping[str, str]) -> Shard:
    """Read the share of this job from its scheduler's variables. Raises UsageError where there is not just one."""
    found: dict[str, Shard] = {}
    for index, count, first in _SCHEDULERS:
        if index not in environ:
            continue
        if count not in environ:
            raise UsageError(
                f"--shard auto: {index} is set, {count} is not.", fix=f"Set {count} to the number of jobs."
            )
        where = f"--shard auto: {index}={environ[index]}, {count}={environ[count]}"
        try:
            begin = first if isinstance(first, int) else int(environ.get(first, "1"))
            if begin not in {0, 1}:  # to count it as a whole would measure, and pay, what is others'
                raise UsageError(
                    f"{where}: the array begins with {begin}, as a part of one that is sent again does.", fix=_TYPED
                )
            number, of = int(environ[index]) - begin + 1, int(environ[count])
            if index in _LAST and int(environ.get(_LAST[index], of + begin - 1)) != of + begin - 1:
                raise UsageError(f"{where}, {_LAST[index]}={environ[_LAST[index]]}: the array has gaps.", fix=_TYPED)
        except ValueError:
            raise UsageError(f"{where} are not numbers.", fix=_TYPED) from None
        found[index] = _checked(number, of, where)
    if len(set(found.values())) != 1:
        said = [f"{index} says {shard}" for index, shard in found.items()]
        why = "several schedulers say different things" if found else "no scheduler says which job this is"
        names = ", ".join(said or (index for index, _, _ in _SCHEDULERS))
        raise UsageError(f"--shard auto: {why} ({names}).", fix=_TYPED)
    return next(iter(found.values()))


@dataclass(frozen=True, slots=True)
class Others:
    """What the other shards of a run have: so many trials; so many machines share the endpoints' limits."""

    trials: int = 0
    machines: int = 1

    def rest(self, planned: int) -> int:
        """Give what is left of a plan for this one."""
        return planned - self.trials


def leave_to_others(shard: Shard | None, plan: "Plan", done: bytearray) -> Others:
    """Mark in `done` the trials of all other shards."""
    if shard is None:
        return Others()
    mine = shard.share(case.id for case in plan.cases)
    plan.keep(done, mine)
    return Others(plan.keep(plan.nothing_done(), mine), shard.of)  # settled ones may be marked already


def note_of(shard: Shard) -> dict[str, Any]:
    """Give what the manifest of a shard says of it."""
    return {"shard": {"number": shard.number, "of": shard.of}}


def shard_of(notes: Mapping[str, Any]) -> Shard | None:
    """Give the share that the notes of a checked manifest name; None where the run is a whole one."""
    return Shard(notes["shard"]["number"], notes["shard"]["of"]) if "shard" in notes else None
