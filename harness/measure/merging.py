"""Joins the shards of a run: one journal of all that they hold, in a folder that is a run like any other.

What the shards must agree in is what makes a run: suite, prompts, models, cases, seed and the harness. Nothing is
counted twice and nothing is made up: a shard that is there twice, a trial that is none of its shard's, a line that
was changed are refused; what a missing or unfinished shard owes stays not run, and `resume` can send it.

What shards stopped for is weighed anew by the evidence of the whole run, which looks at the longest beginning of the
asked order that is finished in all of them. So a candidate is stopped once, after as many cases as one process would
have asked, however much more some shards asked beside it; where all of it was asked the whole suite decides. What is
not settled by what was joined (a shard is missing, or another one than was heard) is owed, as if nothing had stopped.
"""

import hashlib
import os
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import msgspec

from harness.errors import RunChanged, UsageError
from harness.journal import JournalWriter, RunLock, open_plain
from harness.measure.sharding import Shard, shard_of
from harness.measure.sink import InFlight, Stopper
from harness.record import CaseRow, Event, Record, Session, Stopped
from harness.rundir import (
    JOURNAL,
    LOCK,
    CandidateEntry,
    Manifest,
    events_of,
    read_manifest,
    run_at_once,
    write_manifest,
)

_SAME = ("suite_name", "suite_digest", "variants", "repeats", "planned_trials", "seed", "harness_version")
_NAMED = 3  # of what differs in one file or field


@dataclass(frozen=True, slots=True)
class Merged:
    """The run that shards were joined to, and what they do not hold."""

    folder: Path
    missing: tuple[str, ...]  # commands that measure the shards that were not there
    unfinished: tuple[str, ...]  # run ids of shards that were not measured to their end
    unsettled: tuple[str, ...]  # candidates that shards stopped for what these together don't settle


@dataclass(frozen=True, slots=True)
class _Part:
    folder: Path
    manifest: Manifest
    shard: Shard


def merge(
    folders: Sequence[Path],
    results: Path,
    root: Path,
    stopping: Callable[[Manifest, Sequence[CaseRow]], Stopper | None],
) -> Merged:
    """Join shards to a new run in `results` of the project in `root`; `stopping` weighs anew what they stopped for.

    Raises UsageError and RunChanged for what are not shards of one run, RunLocked for one that is being
    measured, and JournalDamaged.
    """
    parts = sorted(_parts(folders), key=lambda part: part.shard)
    first = parts[0]
    for part in parts[1:]:
        _refuse_others(first, part)
    with ExitStack() as locks:
        for part in parts:
            if (part.folder / LOCK).exists():
                locks.enter_context(RunLock(part.folder / LOCK))
        cases = _cases(first)
        shares = {part.shard: part.shard.share(cases) for part in parts}
        content = " ".join(part.manifest.run_id for part in parts)
        with run_at_once(results, first.manifest.suite_name, content) as run:
            stopper = stopping(first.manifest, [*cases.values()])
            with closing(JournalWriter.create(run / JOURNAL, run.name)) as writer:
                unfinished, unsettled = _write(_Joined(writer, stopper), parts, cases, shares)
            write_manifest(run, _manifest(run, parts, root))  # last: it makes the folder a run
    there = {part.shard for part in parts}
    of = first.shard.of
    absent = (shard for n in range(1, of + 1) if (shard := Shard(n, of)) not in there)
    return Merged(run, tuple(_command(first.manifest, shard) for shard in absent), unfinished, unsettled)


def _parts(folders: Iterable[Path]) -> Iterator[_Part]:
    found: dict[Shard, Path] = {}
    read = [(folder, read_manifest(folder)) for folder in folders]
    shards = [str(folder) for folder, manifest in read if shard_of(manifest.notes) is not None]
    rest = (
        f"`{shlex.join(['harness', 'merge', *shards])}`" if shards else "name the runs that `harness run --shard` made"
    )
    for folder, manifest in read:
        shard = shard_of(manifest.notes)
        if shard is None:
            what = "was merged itself" if "merged" in manifest.notes else "is no shard of a run"
            raise UsageError(f"{folder} {what}.", fix=f"Leave out what is no shard: {rest}.")
        if shard in found:
            raise UsageError(
                f"{found[shard]} and {folder} are both shard {shard}: its trials would count twice.",
                fix="Leave one of them out.",
            )
        found[shard] = folder
        yield _Part(folder, manifest, shard)


def _refuse_others(first: _Part, part: _Part) -> None:
    differences = list(dict.fromkeys(differing(first.manifest, part.manifest)))
    if first.shard.of != part.shard.of:
        differences.insert(0, f"shards: of {first.shard.of}, of {part.shard.of}")
    if differences:
        listed = "".join(f"\n  {each}" for each in differences)
        raise RunChanged(
            f"{first.folder} and {part.folder} are not shards of one run:{listed}",
            fix="Measure again those that differ: same files, same options, same version of the harness.",
        )


def differing(one: Manifest, other: Manifest) -> Iterator[str]:
    """Say in what two manifests are not of shards of one run."""
    for name in _SAME:
        if getattr(one, name) != getattr(other, name):
            yield f"{name}: {getattr(one, name)}, {getattr(other, name)}"
    for key in sorted(one.suite.keys() | other.suite.keys()):
        if one.suite.get(key) != other.suite.get(key):
            yield f"suite: {key}"
    before, now = ({entry.name: entry for entry in each.candidates} for each in (one, other))
    for name in sorted(before.keys() ^ now.keys()):
        yield f"candidates: {name} is only in one of them"
    for name in sorted(before.keys() & now.keys()):
        yield from _differing_in(name, before[name], now[name])
    files, others = ({file.path: file.sha256 for file in each.files} for each in (one, other))
    for path in sorted(files.keys() | others.keys()):
        if files.get(path) != others.get(path):
            yield f"file: {path}"


def _differing_in(name: str, one: CandidateEntry, other: CandidateEntry) -> Iterator[str]:
    for part in ("prompt", "model"):
        before, now = getattr(one, part), getattr(other, part)
        keys = [key for key in sorted(before.keys() | now.keys()) if before.get(key) != now.get(key)]
        if keys:
            yield f"{name}: {part}: {', '.join(keys[:_NAMED])}"
    for digest in ("prompt_digest", "model_digest", "reply"):
        if getattr(one, digest) != getattr(other, digest):
            yield f"{name}: {digest}"


def _cases(part: _Part) -> dict[str, CaseRow]:
    """Read the cases that a shard began with: all of the run. Raises UsageError where it died before they were."""
    cases: dict[str, CaseRow] = {}
    for event in events_of(part.folder):
        if isinstance(event, CaseRow):
            cases[event.id] = event
        elif isinstance(event, Session):
            return cases
    raise UsageError(
        f"{part.folder} ended before its cases were written.", fix=f"Run `harness resume {part.manifest.run_id}` first."
    )


def _manifest(run: Path, parts: Sequence[_Part], root: Path) -> Manifest:
    """Give the manifest of the whole: that of the shard that began first, and which ones it is made of."""
    began = min((part.manifest for part in parts), key=lambda manifest: manifest.created_utc)
    notes = {key: value for key, value in began.notes.items() if key != "shard"}
    notes["reload"] = {**notes.get("reload", {}), "root": os.path.relpath(root.resolve(), run.resolve())}
    notes["merged"] = [
        {"run_id": part.manifest.run_id, "shard": str(part.shard), "sha256": _digest(part.folder / JOURNAL)}
        for part in parts
    ]
    return msgspec.structs.replace(began, run_id=run.name, notes=notes)


def _digest(journal: Path) -> str:
    with open_plain(journal) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Joined:
    """The journal of the whole run; why shards stopped is held back until all of them are in it."""

    def __init__(self, writer: JournalWriter, stopper: Stopper | None) -> None:
        self._writer = writer
        self._stopper = stopper
        self._said: dict[str, Stopped] = {}
        self._found: list[Stopped] = []
        self.end = Session(at_utc="", event="stopped")

    def count(self, session: Session, cut_off: int) -> None:
        """Add what a session of a shard says to the end of the whole run."""
        end = self.end
        self.end = msgspec.structs.replace(
            end,
            at_utc=max(end.at_utc, session.at_utc),
            cut_off=end.cut_off + cut_off,
            workers_lost=end.workers_lost + session.workers_lost,
            dealt_again=end.dealt_again + session.dealt_again,
        )

    def append(self, event: Event) -> None:
        """Take an event of a shard."""
        if isinstance(event, Stopped):
            self._said.setdefault(event.candidate, event)
            return
        self._writer.append(event)
        if isinstance(event, Record) and self._stopper is not None:
            self._found += self._stopper.take(event, "")

    def settle(self) -> tuple[str, ...]:
        """Write who is stopped by what all shards hold; gives those whom a shard stopped for less."""
        for one in self._found:
            if (said := self._said.pop(one.candidate, None)) is not None:
                self._writer.append(msgspec.structs.replace(one, at_utc=said.at_utc))
        return tuple(self._said)


def _write(
    joined: _Joined, parts: Sequence[_Part], cases: dict[str, CaseRow], shares: dict[Shard, frozenset[str]]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Copy what the shards hold; gives those that were not measured to their end, and what their stops don't settle."""
    for case in cases.values():
        joined.append(case)
    planned = parts[0].manifest.planned_trials
    joined.append(Session(at_utc=min(p.manifest.created_utc for p in parts), event="started", planned=planned))
    unfinished = tuple(part.manifest.run_id for part in parts if _copy(joined, part, cases, shares[part.shard]))
    unsettled = joined.settle()
    whole = len(parts) == parts[0].shard.of and not unfinished and not unsettled
    why = "" if whole else "RunIncomplete: shards are missing, were not finished or stopped for what is not settled"
    end = msgspec.structs.replace(joined.end, event="finished" if whole else "stopped", planned=planned, why=why)
    joined.append(end)
    return unfinished, unsettled


def _copy(joined: _Joined, part: _Part, cases: dict[str, CaseRow], share: frozenset[str]) -> int:
    """Copy all events of a shard but its sessions and cases; gives how many of its own trials it lacks."""
    in_flight = InFlight(part.manifest.share[1])
    names, variants = {entry.name for entry in part.manifest.candidates}, set(part.manifest.variants)

    def mine(record: Record) -> bool:
        asked = record.candidate in names and record.variant in variants and record.repeat < part.manifest.repeats
        return asked and record.case in share

    for event in events_of(part.folder):
        in_flight.take(event)
        if isinstance(event, Session):
            joined.count(event, event.cut_off if event.event != "stopped" else 0)  # who resumes says it again
        elif isinstance(event, CaseRow):
            if cases.get(event.id) != event:
                raise RunChanged(f"{part.folder}: case {event.id} is another one.", fix="Measure that shard again.")
        elif isinstance(event, Record) and not event.warmup and not mine(event):
            raise RunChanged(
                f"{part.folder}: a trial of case {event.case} is none of shard {part.shard}.",
                fix="Measure that shard again.",
            )
        else:
            joined.append(event)
    last = in_flight.last
    if last is not None and last.event == "finished":
        return 0
    if last is not None:
        joined.count(Session(at_utc=last.at_utc, event="stopped"), in_flight.most)
    return _lacking(part, share)


def _lacking(part: _Part, share: frozenset[str]) -> int:
    """Count the trials that a shard without an end does not hold: where it is only the end that it lacks, none."""
    held, stopped = set[tuple[str, str, int, str]](), set[str]()
    for event in events_of(part.folder):
        if isinstance(event, Record) and not event.warmup:
            held.add((event.candidate, event.variant, event.repeat, event.case))
        elif isinstance(event, Stopped):
            stopped.add(event.candidate)
    asked = [entry.name for entry in part.manifest.candidates if entry.name not in stopped]
    there = sum(candidate not in stopped for candidate, *_ in held)
    return len(asked) * len(part.manifest.variants) * part.manifest.repeats * len(share) - there


def _command(manifest: Manifest, shard: Shard) -> str:
    """Give the command that measures another shard of the same run."""
    words = iter(manifest.command[1:])
    kept = ["harness"]  # whatever a folder from elsewhere says
    for word in words:
        if word == "--shard":
            next(words, None)
        elif not word.startswith("--shard="):
            kept.append(word)
    return shlex.join([*kept, "--shard", str(shard)])
