"""A new run: folder, manifest, journal, and its first session; and the replies of earlier runs that it may take.

A trial's key is a digest of prompt, model (origin, id, parameters), inputs, variant and repeat, so a record
with the same key answers the same question. A candidate is served from earlier runs altogether or not at all:
half of its trials from last week and half from now would be two measurements. What is served is marked as
recorded, so that nobody takes its latency for one of today.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

import msgspec

from harness.errors import EndpointUnusable, FilesError, HarnessError, UsageError
from harness.journal import JournalWriter, RunLock, iter_records
from harness.measure.bounds import NO_BOUND, Most, Record, Reply
from harness.measure.endpoint.origin import api_key, resolved_headers
from harness.measure.endpoint.transports import log_to
from harness.measure.manifest import make_manifest
from harness.measure.plan import Bundle, Candidate, Plan
from harness.measure.session import Begin, Retry, check_engine, keyboard_interrupts, run_session
from harness.measure.sharding import Shard, leave_to_others, note_of
from harness.measure.siblings import elsewhere, together
from harness.measure.sink import Nobody, Observer, Stopper, heard
from harness.rundir import DEBUG_LOG, JOURNAL, LOCK, Manifest, create_run, list_runs, read_manifest, write_manifest


def measure(
    bundle: Bundle,
    results: Path,
    *,
    observer: Observer | None = None,
    processes: int | None = None,
    debug: bool = False,
    command: Sequence[str] = (),
    amend: Callable[[Manifest], Manifest] | None = None,
    reused: Sequence[Record] = (),
    most: Most = NO_BOUND,
    stopper: Stopper | None = None,
    shard: Shard | None = None,
    retry: Retry = "batch",
) -> Path:
    """Measure all trials of a bundle in a new run; gives its folder.

    `amend` may add to the manifest; `reused` are records that stand for trials of the plan, which are not sent;
    `most` bounds what is sent and paid, `stopper` says when a candidate's verdict is settled; of a `shard` only its
    cases are measured. `debug` writes every exchange, without keys, to the run's debug.log.

    Raises EndpointUnusable, Interrupted, RunIncomplete or StorageFailed, which name the run to resume: it is saved.
    """
    if stopper is not None and any(candidate.model.waits for candidate in bundle.candidates):
        raise UsageError("a batch is sent whole: --stop saves nothing there.", fix="Leave --stop and `stop:` out.")
    watching = observer or Nobody()
    with keyboard_interrupts():
        plan = Plan(bundle)
        _find_keys(plan)
        check_engine(bundle)
        content = " ".join((bundle.suite_digest, *(c.prompt_digest + c.model_digest for c in plan.candidates)))
        run = create_run(results, bundle.suite.name, content)
        with _none_left_empty(run), RunLock(run / LOCK):
            if debug:
                log_to(run / DEBUG_LOG)
            manifest = make_manifest(run, bundle, plan, command)
            manifest.notes.update({} if shard is None else note_of(shard))
            manifest.notes.update({} if processes is None else {"processes": processes})
            stopper = together(stopper, run, manifest, plan, watching)
            begin = replace(_begin(plan, reused, most, stopper, shard), retry=retry)
            if shard is not None:
                manifest.notes["shard"]["trials"] = begin.others.rest(plan.planned)
            writer = _journal_of(run, manifest if amend is None else amend(manifest))
            run_session(run, bundle, plan, writer, begin, observer=watching, processes=processes, most=most)
    return run


def _begin(plan: Plan, reused: Sequence[Record], most: Most, stopper: Stopper | None, shard: Shard | None) -> Begin:
    """Mark what is not to be sent: what stands already, what is another shard's, what is settled or out of bounds."""
    done = plan.nothing_done()
    kept = tuple(record for record in reused if plan.mark(done, record))
    others = leave_to_others(shard, plan, done)
    settled = tuple(heard(plan, done, stopper, chain(elsewhere(stopper), kept)))
    allowed = most.allowed(plan, done)
    return Begin(
        event="started",
        cases=plan.cases,
        done=allowed,
        reused=kept,
        others=others,
        bounded=sum(allowed) - sum(done),
        stopper=stopper,
        settled=settled,
    )


def _find_keys(plan: Plan) -> None:
    """Look up keys and headers before there is a folder: a run without a call is none. Raises EndpointUnusable."""
    for candidate in plan.candidates:
        if candidate.model.via == "file" and not plan.sampled:
            continue  # nothing is sent
        api_key(candidate.model_name, candidate.model)
        resolved_headers(candidate.model_name, candidate.model)


def _journal_of(run: Path, manifest: Manifest) -> JournalWriter:
    """Begin the journal, then write the manifest, which makes the folder a run: there is always a journal then."""
    writer = JournalWriter.create(run / JOURNAL, run.name)
    try:
        write_manifest(run, manifest)
    except BaseException:
        writer.close()
        raise
    return writer


@contextmanager
def _none_left_empty(run: Path) -> Iterator[None]:
    """Remove a run that ended before its first call: nothing is in it, and it would be the latest one."""
    try:
        yield
    except (EndpointUnusable, FilesError, UsageError) as error:
        if not error.resumable:
            shutil.rmtree(run, ignore_errors=True)
        raise


def stored_replies(
    results: Path, plan: Plan, candidate: Candidate, *, since: datetime, trusted: Callable[[Path], bool]
) -> tuple[Record, ...] | None:
    """Give a record for every trial of a candidate from runs in `results`; None when one is missing.

    Records older than `since`, failures, and records that were themselves served are not taken; of several
    the latest is, and that of the same case where cases ask alike. `trusted` says which run folders may be read at all.
    """
    trials = [planned.trial for planned in plan.trials(plan.nothing_done(), frozenset({candidate.name}))]
    wanted = {trial.key for trial in trials}
    found: dict[str, dict[str, Record]] = {}
    for run in reversed(list_runs(results)):
        if not trusted(run):
            continue
        for record in _records(run, candidate):
            if record.key in wanted and asked_at(record.started_utc) >= since:
                found.setdefault(record.key, {}).setdefault(record.case, record)
        if len(found) == len(wanted):
            alike = [(trial, found[trial.key]) for trial in trials]
            return tuple(
                msgspec.structs.replace(
                    by_case.get(trial.case) or next(iter(by_case.values())),
                    case=trial.case,
                    candidate=candidate.name,
                    recorded=True,
                )
                for trial, by_case in alike
            )
    return None


def served_as(records: tuple[Record, ...], plan: Plan, candidate: Candidate) -> tuple[Record, ...]:
    """Give records of one candidate to another that sends the same requests under other keys."""
    places = {(record.case, record.variant, record.repeat): record for record in records}
    planned = plan.trials(plan.nothing_done(), frozenset({candidate.name}))
    return tuple(
        msgspec.structs.replace(
            places[trial.case, trial.variant, trial.repeat], candidate=candidate.name, key=trial.key
        )
        for trial in (each.trial for each in planned)
    )


def _records(run: Path, candidate: Candidate) -> Iterator[Record]:
    """Yield what a run measured of a candidate; nothing where the run can't be read."""
    try:
        entries = read_manifest(run).candidates
        names = {
            entry.name
            for entry in entries
            if (entry.prompt_digest, entry.model_digest) == (candidate.prompt_digest, candidate.model_digest)
        }
        if not names:
            return
        stored = iter_records(run / JOURNAL)
        last = {(record.key, record.case): record for record in stored if record.candidate in names}
    except (HarnessError, OSError):
        return
    for record in last.values():
        if isinstance(record.outcome, Reply) and not record.recorded:
            yield record


def oldest_in(run: Path) -> datetime:
    """Give when the oldest reply of a run was asked for, one that served it included; when it began, if earlier."""
    begun = asked_at(read_manifest(run).created_utc)
    return min([begun, *(asked_at(record.started_utc) for record in iter_records(run / JOURNAL))])


def asked_at(said: str) -> datetime:
    """Read a time that a run holds; one that can't be read is the earliest of all."""
    try:
        at = datetime.fromisoformat(said)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
