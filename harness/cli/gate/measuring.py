"""Measures what a gate asks for: stored replies first, a bound on the cost, a run, or the rest of one."""

import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from harness.cli.ground import HarnessError, Money, UsageError, command_line
from harness.cli.progress import watching_bundle
from harness.files.branch import FREE, GateBundle
from harness.files.bundle import Bundle, Candidate
from harness.files.digest import digest
from harness.measure.plan import Plan, estimate
from harness.measure.resume import resume
from harness.measure.run import measure, served_as, stored_replies
from harness.record import Failure, Record, Refused, Session
from harness.rundir import Manifest, events_of, list_runs, read_manifest

AGAIN = "Run the same `harness gate` command again: it goes on where it stopped."


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """Candidates whose replies are those of earlier runs, and the records."""

    names: frozenset[str] = frozenset()
    records: tuple[Record, ...] = ()


def serve(gate: GateBundle, results: Path) -> Served:
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
        names.add(pair.base.name)
        records += found
        if pair.same:
            names.add(pair.head.name)
            records += served_as(found, plan, pair.head)
    return Served(names=frozenset(names), records=tuple(records))


def to_measure(gate: GateBundle, served: Served) -> Bundle:
    """Keep the candidates that need a run: a prompt that sends the same needs none, unless it is served."""
    wanted: list[Candidate] = []
    for pair in gate.pairs:
        if not pair.same or pair.head.name in served.names:
            wanted += [candidate for candidate in (pair.base, pair.head) if candidate is not None]
    return replace(gate.bundle, candidates=tuple(wanted))


def refuse_dear(bundle: Bundle, served: Served, most: Money) -> None:
    """Refuse a run that may cost more than allowed, or whose cost can't be bounded. Raises UsageError."""
    left = tuple(c for c in bundle.candidates if c.name not in served.names and c.model.endpoint not in FREE)
    if not left:
        return
    total, currencies = 0.0, set()
    for cost in estimate(replace(bundle, candidates=left)).candidates:
        if cost.money is None:
            why = "has no price in harness.yml"
            fix = "Add `price: {input: …, output: …}` to the model."
            raise UsageError(f"--max-cost can't bound {cost.name}: its model {why}.", fix=fix)
        if cost.tokens_out is None:
            fix = "Add `max_tokens` to the model's params or the prompt's."
            raise UsageError(f"--max-cost can't bound {cost.name}: nothing limits its output.", fix=fix)
        if most.currency is not None and cost.currency != most.currency:
            said = f"--max-cost is in {most.currency}, the prices of {cost.name} in {cost.currency}."
            raise UsageError(said, fix="Write it in the currency of the prices.")
        total += cost.money
        currencies.add(cost.currency)
    if len(currencies) > 1:
        said = f"--max-cost can't bound prices in several currencies: {', '.join(sorted(currencies))}."
        raise UsageError(said, fix="Gate the models of one currency at a time, with --model.")
    if total > most.amount:
        raise UsageError(
            f"this gate may cost {total:,.4f}, more than --max-cost {most.amount:,.4f}; nothing was sent.",
            fix="Allow more, or measure fewer cases with --limit or --repeats.",
        )


def run_gate(gate: GateBundle, bundle: Bundle, served: Served, results: Path, *, quiet: bool) -> Path:
    """Measure in a new run, or finish the one that an interrupted gate over the same left behind."""
    os.environ["PYTHONSAFEPATH"] = "1"  # no child may import what the branch put into the working directory
    key = _key(gate, bundle)
    notes = {
        "key": key,
        "base_ref": gate.base_ref,
        "base_commit": gate.base_commit,
        "head_commit": gate.head_commit,
        "policy": gate.policy,
        "served": sorted(served.names),
        "edits": list(gate.edits),
    }
    with watching_bundle(bundle, quiet=quiet) as observer:
        try:
            unfinished = _unfinished(gate, results, key)
            if unfinished is not None:
                return resume(unfinished, bundle=bundle, observer=observer, failed=True)
            return measure(
                bundle,
                results,
                observer=observer,
                command=command_line(),
                amend=lambda manifest: _amended(manifest, gate, notes),
                reused=served.records,
            )
        except HarnessError as error:
            if error.resumable:
                error.fix = AGAIN
            raise


def served_of(run: Path) -> frozenset[str]:
    """Give the candidates of a gate's run whose replies are those of earlier runs."""
    return frozenset(read_manifest(run).notes.get("gate", {}).get("served", ()))


def _key(gate: GateBundle, bundle: Bundle) -> str:
    suite = bundle.suite.model_dump(mode="json")
    candidates = []
    for c in bundle.candidates:
        entry = c.model.model_dump(mode="json", exclude={"replies"})  # of the base, where it was copied to
        rule = None if c.reply is None else c.reply.model_dump(mode="json")
        candidates.append((c.name, c.prompt_digest, c.model_digest, entry, rule))
    return digest([gate.base_commit, bundle.suite_digest, suite, len(bundle.cases), candidates])


def _unfinished(gate: GateBundle, results: Path, key: str) -> Path | None:
    for run in reversed(list_runs(results)):
        if not gate.trusts(run):
            continue
        try:
            notes: dict[str, Any] = read_manifest(run).notes.get("gate") or {}
            if notes.get("key") != key:
                continue
            left = something_left(run)
        except (HarnessError, OSError):
            continue
        return run if left else None
    return None


def something_left(run: Path) -> bool:
    """Tell whether a run is not finished, or the endpoint failed some of its trials, or ended a candidate."""
    ended, refused, failed = "", False, set()
    for event in events_of(run):
        if isinstance(event, Session):
            ended = event.event
            refused = refused and ended not in {"started", "resumed"}  # what was ended is tried again
        elif isinstance(event, Record) and isinstance(event.outcome, Failure) and not event.recorded:
            failed.add(event.key)
        elif isinstance(event, Record):
            failed.discard(event.key)
        elif isinstance(event, Refused):
            refused = True
    return ended != "finished" or refused or bool(failed)


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
