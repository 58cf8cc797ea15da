"""Measures what a gate asks for: stored replies first, then a run, or the rest of one."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from harness.cli.ground import HarnessError
from harness.cli.measured import go_on_or_begin, is_too_old
from harness.files.branch import GateBundle
from harness.files.digest import digest
from harness.journal import iter_records
from harness.measure.run import Bundle, Candidate, Most, Plan, Record, Reply, Stopper, served_as, stored_replies
from harness.measure.session import something_left
from harness.rundir import JOURNAL, Manifest, list_runs, read_manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """Candidates whose replies are those of earlier runs, and the records."""

    names: frozenset[str] = frozenset()
    records: tuple[Record, ...] = ()


def look_up(gate: GateBundle, results: Path) -> Served:
    """Look for replies that the policy allows to use again; prompts that send the same share them."""
    oldest = gate.bundle.suite.gate.reuse
    if not oldest or not gate.pairs:
        return Served()
    since = datetime.now(UTC) - timedelta(seconds=oldest)
    plan = Plan(gate.bundle)
    names: set[str] = set()
    records: list[Record] = []
    for pair in gate.pairs:
        if pair.base is None or pair.base.model.endpoint == "replay":
            continue
        found = stored_replies(results, plan, pair.base, since=since, trusted=gate.trusts)
        if found is None:
            continue
        records += () if pair.base.name in names else found
        names.add(pair.base.name)
        if pair.same:
            names.add(pair.head.name)
            records += served_as(found, plan, pair.head)
    return Served(names=frozenset(names), records=tuple(records))


def to_measure(gate: GateBundle, served: Served) -> Bundle:
    """Keep the candidates that need a run: a prompt that sends the same needs none, unless it is served."""
    wanted: dict[str, Candidate] = {}
    for pair in gate.pairs:
        if not pair.same or pair.head.name in served.names:
            wanted |= {candidate.name: candidate for candidate in (pair.base, pair.head) if candidate is not None}
    return replace(gate.bundle, candidates=tuple(wanted.values()))


def left_of(bundle: Bundle, served: Served, run: Path | None) -> tuple[Plan, bytearray]:
    """Give the plan of a gate's run, and the marks of what earlier runs or the begun one have answered."""
    plan = Plan(bundle)
    done = plan.nothing_done()
    for record in (*served.records, *(() if run is None else iter_records(run / JOURNAL))):
        if isinstance(record.outcome, Reply):
            plan.mark(done, record)
    return plan, done


def run_gate(
    gate: GateBundle,
    bundle: Bundle,
    served: Served,
    results: Path,
    *,
    key: str,
    unfinished: Path | None,
    most: Most,
    quiet: bool,
    stopper: Stopper | None = None,
) -> Path:
    """Measure in a new run, or finish the one that an interrupted gate over the same left behind."""
    os.environ["PYTHONSAFEPATH"] = "1"  # no child may import what the branch put into the working directory
    notes = {
        "key": key,
        "base_ref": gate.base_ref,
        "base_commit": gate.base_commit,
        "head_commit": gate.head_commit,
        "policy": gate.policy,
        "served": sorted(served.names),
        "edits": list(gate.edits),
    }
    return go_on_or_begin(
        "gate",
        bundle,
        results,
        unfinished,
        amend=lambda manifest: _amended(manifest, gate, notes),
        reused=served.records,
        most=most,
        stopper=stopper,
        quiet=quiet,
    )


def served_of(run: Path) -> frozenset[str]:
    """Give the candidates of a gate's run whose replies are those of earlier runs."""
    return frozenset(read_manifest(run).notes.get("gate", {}).get("served", ()))


def keys_of(plans: Sequence[tuple[GateBundle, Bundle]], *, reuse: bool) -> list[str]:
    """Give the key of each run of a gate: a gate over other suites does not go on with it.

    Nor does one that is to measure everything go on with one that was not, and may hold older replies.
    """
    own = [_key(gate, bundle) if reuse else digest([_key(gate, bundle), "no reuse"]) for gate, bundle in plans]
    return own if len(own) == 1 else [digest([key, own]) for key in own]


def _key(gate: GateBundle, bundle: Bundle) -> str:
    suite = bundle.suite.model_dump(mode="json")
    candidates = []
    for c in bundle.candidates:
        entry = c.model.model_dump(mode="json", exclude={"replies"})  # of the base, where it was copied to
        rule = None if c.reply is None else c.reply.model_dump(mode="json")
        candidates.append((c.name, c.prompt_digest, c.model_digest, entry, rule))
    return digest([gate.base_commit, bundle.suite_digest, suite, len(bundle.cases), candidates])


def begun(gate: GateBundle, key: str, results: Path, *, reuse: bool) -> tuple[Path | None, bool]:
    """Find the latest run of a gate over the same, and tell whether something of it is left to be measured."""
    reuse_s = gate.bundle.suite.gate.reuse if reuse else 0.0
    for run in reversed(list_runs(results)):
        if not gate.trusts(run):
            continue
        try:
            notes: dict[str, Any] = read_manifest(run).notes.get("gate") or {}
            if notes.get("key") != key:
                continue
            left = something_left(run)
            return (None, False) if is_too_old(run, reuse_s, left=left) else (run, left)
        except (HarnessError, OSError):
            continue
    return None, False


def _amended(manifest: Manifest, gate: GateBundle, notes: dict[str, Any]) -> Manifest:
    """Name the base's files by their commit, and say that this run belongs to a gate."""
    copies = os.path.relpath(gate.scratch.resolve(), gate.root.resolve())
    top = os.path.relpath(gate.root.resolve(), gate.repository.top)
    files = []
    for file in manifest.files:
        path = file.path
        if path.startswith(f"{copies}{os.sep}"):
            inside = os.path.relpath(os.path.relpath(path, copies), top)
            path = f"{Path(inside).as_posix()} at {gate.base_commit[:12]}"
        files.append(msgspec.structs.replace(file, path=path))
    return msgspec.structs.replace(manifest, files=tuple(files), notes={**manifest.notes, "gate": notes})
