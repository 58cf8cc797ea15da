"""What the other shards of a run have journalled so far, read so that all stop together where one run would.

Each shard hears of all records, its own and its siblings', and decides by itself, as one process does: the evidence
looks at nothing but the longest beginning of the asked order, over all cases of the suite, in which every case is
answered by whoever has it. That order follows from ids and seed alone, not from answers. So it changes how soon a look
is taken, never what it finds, which folder is read when; and the evidence is valid at every look (Ville's inequality).
What a folder says of its own verdict is not believed, and `harness merge` decides anew by what it joins.

A sibling is the latest run beside this one of another share, made of the same files, that no merge has joined to a
finished run. Where this share was measured before, what has ended is taken for that time's. Once found it stays; one
that can't be read, or says what is not in the plan, only leaves the beginning where it is, and this shard asks on.
"""

import math
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from harness.errors import HarnessError
from harness.journal import is_finished, read_placed
from harness.measure.merging import differing
from harness.measure.sharding import Shard, ranked, shard_of
from harness.measure.sink import Observer, Plan, Record, Stopped, Stopper
from harness.rundir import JOURNAL, MANIFEST, Manifest, read_manifest

_AT_ONCE = 100  # records that are taken between two of this shard's own: no call waits long for that
_NEW = 4  # folders, likewise
_SPARE, _OFTEN_S = 4, 0.25  # of the time, a fifth is spent on siblings, or more where a disk is that slow


@dataclass(slots=True)
class _Sibling:
    folder: Path
    seq: int = 0  # of the line that is read next
    offset: int = 0


class Siblings:
    """A stopper that hears of what the other shards measured, too."""

    def __init__(self, stopper: Stopper, run: Path, manifest: Manifest, plan: Plan, shard: Shard) -> None:
        self.near = stopper.near
        self._stopper, self._run, self._manifest, self._plan, self._shard = stopper, run, manifest, plan, shard
        self._owner = {id_: n % shard.of + 1 for n, id_ in enumerate(ranked(case.id for case in plan.cases))}
        self._heard = plan.nothing_done()
        self._again = False  # this share was measured before
        self._known = {run.name}
        self._there: dict[int, _Sibling] = {}
        self.missing = set(range(1, shard.of + 1)) - {shard.number}
        self._due = 0.0
        self._find(None)

    def take(self, record: Record, at_utc: str) -> tuple[Stopped, ...]:
        """Take a record of this shard, and what the others have got since."""
        found = self._stopper.take(record, at_utc)
        for other in islice(self.new(), _AT_ONCE):
            found += self._stopper.take(other, at_utc)
        return found

    def new(self) -> Iterator[Record]:
        """Yield what the others have journalled since, each trial once; nothing where that was asked just now."""
        began = time.monotonic()
        if began < self._due:
            return
        self._due = math.inf  # whoever takes what is yielded asks again
        try:
            self._find(_NEW)
            for number, sibling in list(self._there.items()):
                yield from self._read(number, sibling)
        finally:
            now = time.monotonic()
            self._due = now + min(_SPARE * (now - began), _OFTEN_S)

    def _read(self, number: int, sibling: _Sibling) -> Iterator[Record]:
        try:
            if sibling.folder.is_symlink():
                raise OSError  # it was none when it was found
            lines = read_placed(sibling.folder / JOURNAL, seq=sibling.seq, offset=sibling.offset)
            for seq, offset, length, event in lines:
                sibling.seq, sibling.offset = seq + 1, offset + length
                if not isinstance(event, Record) or event.warmup or self._owner.get(event.case) != number:
                    continue
                if self._plan.mark(self._heard, event):
                    yield event
        except (HarnessError, OSError):
            del self._there[number]

    def _find(self, most: int | None) -> None:
        """Look at folders that are not known yet, at most so many, while a sibling is missing."""
        shards: list[tuple[int, str, Path]] = []
        joined: set[str] = set()
        for folder in islice(self._unknown(), most) if self.missing else ():
            self._known.add(folder.name)
            try:
                its = read_manifest(folder)
                part = shard_of(its.notes)
            except HarnessError:
                continue
            if (parts := its.notes.get("merged")) and is_finished(folder / JOURNAL):
                joined |= {str(one.get("run_id")) for one in parts if isinstance(one, dict)}
            if part is not None and part.of == self._shard.of and not any(differing(self._manifest, its)):
                shards.append((part.number, its.created_utc, folder))
        shards = [one for one in shards if one[2].name not in joined]
        self._again |= any(number == self._shard.number for number, _, _ in shards)
        for number, _, folder in sorted(shards, reverse=True):  # of several the latest
            if number in self.missing and not (self._again and is_finished(folder / JOURNAL)):
                self.missing.remove(number)
                self._there[number] = _Sibling(folder)

    def _unknown(self) -> Iterator[Path]:
        """Yield the folders of this suite's runs, as they are named, that were not looked at; no link is followed."""
        with suppress(OSError), os.scandir(self._run.parent) as entries:
            for entry in entries:
                alike = _suite_in(entry.name) == _suite_in(self._run.name) and entry.name not in self._known
                begun = alike and entry.is_dir(follow_symlinks=False)  # else it is looked at again
                if begun and all(Path(entry, name).is_file() for name in (JOURNAL, MANIFEST)):
                    yield Path(entry)


def _suite_in(folder: str) -> str:
    return folder.partition("-")[2].rpartition("-")[0]


def together(stopper: Stopper | None, run: Path, manifest: Manifest, plan: Plan, observer: Observer) -> Stopper | None:
    """Let who stops a shard hear of its siblings; says so where they can't be seen, for then it asks all its cases."""
    shard = shard_of(manifest.notes)
    if stopper is None or shard is None:
        return stopper
    made = Siblings(stopper, run, manifest, plan, shard)
    others, unseen = shard.of - 1, len(made.missing)
    if unseen:
        every, some = ("", "") if unseen == others else (" all", f" ({others - unseen:,} of {others:,} so far)")
        told = f"the other shards' folders are not{every} in {run.parent.name}/{some}"
        observer.on_note(f"{told}: this one asks all its cases unless they appear")
    return made


def elsewhere(stopper: Stopper | None) -> Iterator[Record]:
    """Yield what the siblings of a shard journalled before its session begins."""
    yield from stopper.new() if isinstance(stopper, Siblings) else ()
