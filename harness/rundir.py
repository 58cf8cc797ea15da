"""A run on disk: its folder, its manifest and how a RUN argument finds it."""

import difflib
import errno
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from harness.errors import HarnessError, StorageFailed, UsageError
from harness.journal import Journal, JournalWriter, is_finished, open_plain, sync_folder, waits_for
from harness.manifest import CandidateEntry, FileDigest, Manifest, ReplyRuleRefused, check_manifest, reply_rules
from harness.record import Event

SCHEMA_VERSION = 1

MANIFEST = "manifest.json"
JOURNAL = "journal.jsonl"
REPORT = "report.json"
LOCK = "run.lock"
DECISIONS = ("gate.json", "upgrade.json")
DEBUG_LOG = "debug.log"  # only of a run with --debug

LOOKED_BACK_ON = 100  # runs before a run that its report holds it against
_STAMP = re.compile(r"\d{8}T\d{6}Z")  # as a run's folder begins

_MOST_MANIFEST, _MOST_REPORT = 64 << 20, 512 << 20  # bytes
_MOST_SAID, _NEAR = 300, 5  # characters of an error; runs named when a reference finds none


def create_run(results: Path, suite_name: str, content: str) -> Path:
    """Create the folder `<UTC time>-<suite>-<short hash>`; `content` tells runs of one second apart."""
    now = datetime.now(UTC)
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", suite_name).strip("-.") or "suite"
    try:
        results.mkdir(parents=True, exist_ok=True)
        for salt in range(1000):
            digest = hashlib.sha256(f"{content} {now.isoformat()} {os.getpid()} {salt}".encode()).hexdigest()
            run = results / f"{now:%Y%m%dT%H%M%SZ}-{name[:60]}-{digest[:6]}"
            try:
                run.mkdir()
            except FileExistsError:
                continue
            sync_folder(results)
            return run
    except OSError as error:
        fix = "Rename that file." if results.is_file() else "Make room or allow writing there."
        raise StorageFailed(f"{results}: {error.strerror}", fix=fix) from error
    raise StorageFailed(f"{results}: no free name for a run.", fix="Try again.")


def write_run(results: Path, manifest: Manifest, events: Iterable[Event]) -> Path:
    """Write a run whose events are all known: it is there as a whole, or not at all. Raises UsageError."""
    with run_at_once(results, manifest.suite_name, manifest.suite_digest) as run:
        with closing(JournalWriter.create(run / JOURNAL, run.name)) as writer:
            for event in events:
                writer.append(event)
        write_manifest(run, msgspec.structs.replace(manifest, run_id=run.name))  # last: it makes the folder a run
    return run


@contextmanager
def run_at_once(results: Path, suite_name: str, content: str) -> Iterator[Path]:
    """Create a run that nobody measures, or leave nothing; raises UsageError in place of StorageFailed."""
    run = None
    try:
        run = create_run(results, suite_name, content)
        yield run
    except BaseException as error:
        if run is not None:
            shutil.rmtree(run, ignore_errors=True)
        if isinstance(error, StorageFailed):
            full = None if run is None else error.__cause__  # what the system said; its folder is gone by now
            said = f"{results}: {full}; nothing was kept." if full else error.message
            raise UsageError(said, fix="Make room, and try again." if full else error.fix) from error
        raise


def write_manifest(run: Path, manifest: Manifest) -> None:
    """Replace the manifest as a whole: it is the old one or the new one at every instant."""
    encoded = msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
    temporary = run / f".{MANIFEST}.{os.getpid()}"
    try:
        with temporary.open("wb") as file:
            file.write(encoded)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(run / MANIFEST)
        sync_folder(run)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StorageFailed(f"{run / MANIFEST}: {error.strerror}", fix="Make room or allow writing there.") from error


def read_manifest(run: Path) -> Manifest:
    """Read what a run was; UsageError when it is missing, damaged or from a newer harness."""
    path = run / MANIFEST
    try:
        raw = plain_content(path, _MOST_MANIFEST)
        version = msgspec.json.decode(raw, type=_Version).schema_version
    except (OSError, msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise UsageError(f"{path} can't be read: {error}", fix="Name the folder of a run.") from None
    if version > SCHEMA_VERSION:
        raise UsageError(
            f"{path}: written by a newer harness (schema {version}, this one reads up to {SCHEMA_VERSION}).",
            fix="Upgrade prompt-readiness and try again.",
        )
    try:
        manifest = msgspec.json.decode(raw, type=Manifest)
        check_manifest(manifest)
    except ReplyRuleRefused as refused:
        raise UsageError(f"{path}: {refused}", fix=refused.fix) from None
    except (ValueError, msgspec.MsgspecError, RecursionError, OverflowError) as error:
        why = " ".join(str(error).split())[:_MOST_SAID] or "it is nested too deeply"
        raise UsageError(f"{path} is not a manifest: {why}", fix="Restore it from a copy.") from None
    return manifest


def plain_content(path: Path, most: int = _MOST_REPORT) -> bytes:
    """Read a plain file that is not too large to be one of a run. Raises OSError."""
    with open_plain(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"it is larger than {most:,} bytes", str(path))
    return content


def list_runs(results: Path) -> list[Path]:
    """Every run folder, oldest first."""
    return sorted((f for f in (results.iterdir() if results.is_dir() else ()) if (f / MANIFEST).is_file()), key=_age)


def find_run(results: Path, ref: str) -> Path:
    """Find a run by the name of its folder, a unique prefix, path, id or `latest`; UsageError names the near ones."""
    for path in (Path(ref), results / ref):
        if ref and (path / MANIFEST).is_file():
            return path
    if "://" in ref:
        raise UsageError("Only a run of this machine can be named here.", fix="Copy it: `harness report ADDRESS`.")
    runs = list_runs(results)
    found = [run for run in runs if ref and run.name.startswith(ref)]
    if ref and not found and (folder := Path(ref)).is_dir():
        within = [str(run) for run in list_runs(folder)]
        fix = f"Name what lies in it: {_some(within)}." if within else "Leave it out, or copy that run again, whole."
        raise UsageError(f"{folder} is not the folder of a run: it has no {MANIFEST}.", fix=fix)
    if not runs:
        raise UsageError(f"There is no run in {results}.", fix="Start one with `harness run SUITE`.")
    if ref == "latest":
        return runs[-1]
    found = found or [run for run in runs if (head := _head(run)) is not None and head.run_id == ref]  # renamed
    if len(found) == 1:
        return found[0]
    names = [run.name for run in found or runs]
    if found:
        raise UsageError(f"{ref!r} is the beginning of {len(found)} runs: {_some(names)}.", fix="Write more of it.")
    near = difflib.get_close_matches(ref, names, n=_NEAR, cutoff=0.5) or names[-_NEAR:]
    raise UsageError(f"No run {ref!r} in {results}; near ones: {_some(near)}.", fix="Name one of them, or `latest`.")


def find_candidate(results: Path, ref: str) -> tuple[Path, str]:
    """Find a run, or what `RUN:CANDIDATE` names: its folder, and the candidate as written (empty: none is)."""
    try:
        return find_run(results, ref), ""
    except UsageError:
        run, colon, name = ref.partition(":")
        if not colon or not name:
            raise
    return find_run(results, run), name


def candidate_named(known: Iterable[CandidateEntry], name: str, ref: str) -> str:
    """Give the candidate `prompt@model` that is meant: by that, or by a prompt or a model that only one has."""
    entries = list(known)
    near = [name] if any(e.name == name for e in entries) else []
    near = near or [e.name for e in entries if name in {e.prompt_name, e.model_name}]
    if len(near) == 1:
        return near[0]
    what = "stands for several candidates" if near else "is not a candidate of that run"
    fix = f"Write one of: {', '.join(ref.partition(':')[0] + ':' + e.name for e in entries)}."
    raise UsageError(f"{name!r} {what}.", fix=fix)


def events_of(run: Path) -> Journal:
    """Read the journal of a run. Raises JournalDamaged and OSError."""
    return Journal(run / JOURNAL)


def waiting_of(run: Path) -> str | None:
    """Say what a run waits for, where it ended while what it bought was not ready."""
    return None if (found := waits_for(run / JOURNAL)) is None else str(found)


def decision_of(run: Path) -> str | None:
    """Say what the gate or the upgrade decided that this run was measured for: it may differ from the run's verdict."""
    for file in DECISIONS:
        with suppress(OSError, msgspec.MsgspecError, UnicodeError, RecursionError):
            decided = msgspec.json.decode(plain_content(run / file), type=dict[str, object])
            if isinstance(told := decided.get("status", decided.get("verdict")), str):
                return f"{file.removesuffix('.json')}: {told[:_MOST_SAID]}"
    return None


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run in its folder; besides the manifest, nothing is read before it is asked for."""

    folder: Path
    manifest: Manifest

    def report(self) -> bytes | None:
        """Give report.json; None when the run was not judged."""
        with suppress(OSError):
            return plain_content(self.folder / REPORT)
        return None

    def is_finished(self) -> bool:
        """Tell whether the run was measured to its end, from the last line of its journal."""
        return is_finished(self.folder / JOURNAL)


def runs_of_suite(
    results: Path,
    suite_name: str,
    *,
    before: tuple[str, str] | None = None,
    most: int | None = None,
    trusted: Callable[[Path], bool] | None = None,
) -> Iterator[StoredRun]:
    """Find the runs of a suite, oldest first; of more than `most` only the latest.

    `before`, the `created_utc` and `run_id` of a run, leaves out that one and all that began later. Left out is what
    can't be read, is newer than this harness or a shard, and, unread, a folder that is not `trusted`. The same answers
    count once: of runs made of one file or the same shards, the last. Of another suite's runs only the head is decoded.
    """
    found: list[tuple[tuple[str, str], bytes | str, Path]] = []
    for path in results.iterdir() if results.is_dir() else ():
        if trusted is not None and not trusted(path):
            continue
        head = _head(path)
        if head is None or head.suite_name != suite_name or head.schema_version > SCHEMA_VERSION or head.notes.shard:
            continue
        made_of = bytes(head.notes.source) or " ".join(part.run_id for part in head.notes.merged) or head.run_id
        found.append(((head.created_utc, head.run_id), made_of, path))
    own = {made_of for when, made_of, _ in found if when == before}
    began: dict[bytes | str, Path] = {}
    for when, made_of, path in sorted(found, key=lambda one: one[0]):
        if before is None or (when < before and made_of not in own):
            began.pop(made_of, None)
            began[made_of] = path
    for path in [*began.values()][-most if most else None :]:
        try:
            yield StoredRun(path, read_manifest(path))
        except HarnessError:
            continue


class _Part(msgspec.Struct):
    run_id: str


class _Notes(msgspec.Struct):
    shard: dict[str, int] | None = None
    source: msgspec.Raw = msgspec.Raw()
    merged: list[_Part] = []


class _Version(msgspec.Struct):
    schema_version: int


class _Head(_Version):
    suite_name: str
    created_utc: str
    run_id: str
    notes: _Notes = msgspec.field(default_factory=_Notes)


def _head(run: Path) -> _Head | None:
    with suppress(OSError, msgspec.MsgspecError, UnicodeError, RecursionError):
        return msgspec.json.decode(plain_content(run / MANIFEST, _MOST_MANIFEST), type=_Head)
    return None


def _age(run: Path) -> tuple[str, str]:
    """Order by the time in the name, where it was not renamed, and within one second by the manifest's own."""
    when, head = run.name.partition("-")[0], _head(run)
    created = "" if head is None else head.created_utc
    return when if _STAMP.fullmatch(when) else re.sub("[-:]", "", created)[:15], created


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _NEAR} more" if len(names) > _NEAR else ""
    return ", ".join(names[-_NEAR:]) + more
