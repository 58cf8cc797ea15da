"""A run on disk: its folder, its manifest and how a RUN argument finds it."""

import difflib
import errno
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from harness.errors import HarnessError, StorageFailed, UsageError
from harness.journal import is_finished, open_plain, read_events, sync_folder
from harness.record import ORIGINAL, Event

if TYPE_CHECKING:
    from harness.files.suite import ReplyRule, Suite

SCHEMA_VERSION = 1

MANIFEST = "manifest.json"
JOURNAL = "journal.jsonl"
REPORT = "report.json"
LOCK = "run.lock"
DEBUG_LOG = "debug.log"  # only of a run with --debug

_MOST_MANIFEST, _MOST_REPORT = 64 << 20, 512 << 20  # bytes
_MOST_VARIANTS, _MOST_SAID = 1_000, 300
_NEAR = 5  # runs named when a reference finds none


class FileDigest(msgspec.Struct, frozen=True, kw_only=True):
    """A file that the run read."""

    path: str  # relative to the project
    sha256: str


class CandidateEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One prompt on one model, as measured. `prompt` and `model` are the validated files without secrets."""

    name: str  # prompt@model
    prompt_name: str
    model_name: str
    prompt: dict[str, Any]  # Prompt.model_dump(mode="json")
    model: dict[str, Any]  # ModelEntry.model_dump(mode="json"); names the key's variable, never the key
    prompt_digest: str
    model_digest: str
    places: dict[str, str] = {}  # file and line of what one may change: see `files.mending`
    reply: dict[str, Any] | None = None  # the rule by which its replies are read, in place of the suite's


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is needed to repeat and explain a run."""

    schema_version: int
    run_id: str
    created_utc: str
    suite_name: str
    suite: dict[str, Any]  # Suite.model_dump(mode="json"): labels, reply rule, thresholds, repeats, ...
    suite_digest: str  # of labels, reply rule and cases; runs are comparable when it is the same
    candidates: tuple[CandidateEntry, ...]
    variants: tuple[str, ...]  # `original` first
    repeats: Annotated[int, msgspec.Meta(ge=1, lt=32_768)]
    planned_trials: Annotated[int, msgspec.Meta(ge=0, le=2**53)]
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
    files: tuple[FileDigest, ...]
    versions: dict[str, str]  # python, prompt-readiness and the packages that touch the wire or the numbers
    platform: str
    git_commit: str | None
    git_dirty: bool | None
    command: tuple[str, ...]
    notes: dict[str, Any] = {}

    @property
    def harness_version(self) -> str:
        """The version of this package that measured; empty when it was not installed."""
        return self.versions.get("prompt-readiness", "")


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
        raise StorageFailed(f"{results}: {error.strerror}", fix="Make room or allow writing there.") from error
    raise StorageFailed(f"{results}: no free name for a run.", fix="Try again.")


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
        _check(manifest)
    except _ReplyRuleRefused as refused:
        raise UsageError(f"{path}: {refused}", fix=refused.fix) from None
    except (ValueError, msgspec.MsgspecError, RecursionError, OverflowError) as error:
        why = " ".join(str(error).split())[:_MOST_SAID] or "it is nested too deeply"
        raise UsageError(f"{path} is not a manifest: {why}", fix="Restore it from a copy.") from None
    return manifest


def reply_rules(manifest: Manifest) -> "dict[str, ReplyRule]":
    """Give the rule by which the replies of each candidate are read: its own, else the suite's."""
    from harness.files.suite import ReplyRule

    own = ((entry.name, entry.reply or manifest.suite.get("reply") or {}) for entry in manifest.candidates)
    return {name: ReplyRule.model_validate(rule) for name, rule in own}


class _ReplyRuleRefused(Exception):
    """A run was recorded with a pattern that is not matched any more; its replies are as good as ever."""

    def __init__(self, place: str, why: Exception) -> None:
        super().__init__(f"`{place}.pattern` {why}")
        self.fix = (
            f"Replies are read anew each time: write `{place}` in this file so that it can be, and as much in the "
            "suite; or put `as: mention` there."
        )


def _check_patterns(manifest: Manifest, suite: "Suite") -> None:
    """Compile the patterns by which replies are read. Raises _ReplyRuleRefused, which names the place."""
    from harness.files.suite import Pattern, PatternRefused, ReplyRule

    rules = {"suite.reply": suite.reply}
    for number, entry in enumerate(manifest.candidates):
        if entry.reply is not None:
            rules[f"candidates[{number}].reply"] = ReplyRule.model_validate(entry.reply)
    for place, rule in rules.items():
        if rule.pattern is None:
            continue
        try:
            Pattern(rule.pattern, case_sensitive=rule.case_sensitive)
        except PatternRefused as refused:
            raise _ReplyRuleRefused(place, refused) from None


def _check(manifest: Manifest) -> None:
    """Check what a manifest says of its files by their own rules: its folder may come from anywhere."""
    from harness.files.project.entry import ModelEntry
    from harness.files.prompts.prompt import Prompt
    from harness.files.suite import Suite

    suite = Suite.model_validate(manifest.suite)
    rules = [suite.reply, *reply_rules(manifest).values()]
    named = {alias for rule in rules for alias in rule.aliases}
    named |= {suite.positive} if suite.positive is not None else set()
    if len(set(suite.labels)) != len(suite.labels) or not named <= set(suite.labels):
        raise ValueError("its labels are doubled, or it names others")
    _check_patterns(manifest, suite)
    if manifest.variants[:1] != (ORIGINAL,) or len(set(manifest.variants)) != len(manifest.variants):
        raise ValueError("its variants are not `original` and others")
    if len(manifest.variants) > _MOST_VARIANTS:
        raise ValueError("its parts do not fit together")
    if not manifest.candidates or len({entry.name for entry in manifest.candidates}) != len(manifest.candidates):
        raise ValueError("it has no candidates, or two of one name")
    for entry in manifest.candidates:
        Prompt.model_validate(entry.prompt)
        ModelEntry.model_validate(entry.model)
    datetime.fromisoformat(manifest.created_utc)
    kinds = {"gate": dict, "upgrade": dict, "reload": dict, "changed": list}
    if any(not isinstance(manifest.notes[key], kind) for key, kind in kinds.items() if key in manifest.notes):
        raise ValueError("its notes are none that a run writes")


def plain_content(path: Path, most: int = _MOST_REPORT) -> bytes:
    """Read a plain file that is not too large to be one of a run. Raises OSError."""
    with open_plain(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"it is larger than {most:,} bytes", str(path))
    return content


def list_runs(results: Path) -> list[Path]:
    """Every run folder, oldest first."""
    if not results.is_dir():
        return []
    return sorted(_runs(results), key=_age)


def find_run(results: Path, ref: str) -> Path:
    """Find a run by id, unique prefix, path or `latest`; UsageError names the near ones."""
    for path in (Path(ref), results / ref):
        if ref and (path / MANIFEST).is_file():
            return path
    runs = list_runs(results)
    if not runs:
        raise UsageError(f"There is no run in {results}.", fix="Start one with `harness run SUITE`.")
    if ref == "latest":
        return runs[-1]
    found = [run for run in runs if ref and run.name.startswith(ref)]
    if len(found) == 1:
        return found[0]
    names = [run.name for run in found or runs]
    if found:
        raise UsageError(f"{ref!r} is the beginning of {len(found)} runs: {_some(names)}.", fix="Write more of it.")
    near = difflib.get_close_matches(ref, names, n=_NEAR, cutoff=0.5) or names[-_NEAR:]
    raise UsageError(f"No run {ref!r} in {results}; near ones: {_some(near)}.", fix="Name one of them, or `latest`.")


def events_of(run: Path) -> Iterator[Event]:
    """Read the journal of a run. Raises JournalDamaged and OSError."""
    return read_events(run / JOURNAL)


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run in its folder; besides the manifest, nothing is read before it is asked for."""

    folder: Path
    manifest: Manifest

    def report(self) -> bytes | None:
        """Give report.json; None when the run was not judged."""
        try:
            return plain_content(self.folder / REPORT, _MOST_REPORT)
        except OSError:
            return None

    def is_finished(self) -> bool:
        """Tell whether the run was measured to its end, from the last line of its journal."""
        return is_finished(self.folder / JOURNAL)

    def events(self) -> Iterator[Event]:
        """Read the journal. Raises JournalDamaged and OSError."""
        return events_of(self.folder)


def runs_of_suite(
    results: Path,
    suite_name: str,
    *,
    before: tuple[str, str] | None = None,
    most: int | None = None,
    trusted: Callable[[Path], bool] | None = None,
) -> Iterator[StoredRun]:
    """Find the runs of a suite, oldest first; of more than `most` only the latest.

    `before`, the `created_utc` and `run_id` of a run, leaves out that one and all that began later. What
    can't be read, or was written by a newer harness, is left out, and so is, unread, a folder that is not
    `trusted`. Cheap in a big folder: of a run of another suite only the head of the manifest is decoded.
    """
    began = []
    for path in results.iterdir() if results.is_dir() else ():
        if trusted is not None and not trusted(path):
            continue
        head = _head(path)
        if head is None or head.suite_name != suite_name or head.schema_version > SCHEMA_VERSION:
            continue
        when = (head.created_utc, head.run_id)
        if before is None or when < before:
            began.append((when, path))
    for _, path in sorted(began)[-most if most else None :]:
        try:
            yield StoredRun(path, read_manifest(path))
        except HarnessError:
            continue


class _Head(msgspec.Struct):
    schema_version: int
    suite_name: str
    created_utc: str
    run_id: str


def _head(run: Path) -> _Head | None:
    try:
        return msgspec.json.decode(plain_content(run / MANIFEST, _MOST_MANIFEST), type=_Head)
    except (OSError, msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


class _Version(msgspec.Struct):
    schema_version: int


class _Created(msgspec.Struct):
    created_utc: str


def _runs(results: Path) -> Iterator[Path]:
    return (entry for entry in results.iterdir() if (entry / MANIFEST).is_file())


def _age(run: Path) -> tuple[str, str]:
    """Order by the time in the name, and within one second by the manifest's own."""
    try:
        created = msgspec.json.decode(plain_content(run / MANIFEST, _MOST_MANIFEST), type=_Created).created_utc
    except (OSError, msgspec.MsgspecError, UnicodeError, RecursionError):
        created = ""
    return (run.name.partition("-")[0], created)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _NEAR} more" if len(names) > _NEAR else ""
    return ", ".join(names[-_NEAR:]) + more
