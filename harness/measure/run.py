"""A new run: folder, manifest, journal, and its first session."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from harness.files.bundle import Bundle
from harness.journal import JournalWriter, RunLock
from harness.measure.endpoint.transports import exchange_log
from harness.measure.manifest import make_manifest
from harness.measure.observer import Nobody, Observer
from harness.measure.plan.trials import Plan
from harness.measure.session import Begin, keyboard_interrupts, run_session
from harness.record import Record
from harness.rundir import DEBUG_LOG, JOURNAL, LOCK, Manifest, create_run, write_manifest

__all__ = ["Observer", "measure"]


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
) -> Path:
    """Measure all trials of a bundle in a new run; gives its folder.

    `amend` may add to the manifest before it is written; `reused` are records that stand for trials of the
    plan, which are not sent then. `debug` writes every exchange, without keys, to the run's debug.log.

    Raises what ended it early (EndpointUnusable, Interrupted, RunIncomplete, StorageFailed); every finished
    trial is saved then, and the error names the run to resume.
    """
    with keyboard_interrupts():
        plan = Plan(bundle)
        content = " ".join(
            (bundle.suite_digest, *(c.prompt_digest + c.model_digest for c in plan.candidates))
        )
        run = create_run(results, bundle.suite.name, content)
        with RunLock(run / LOCK):
            if debug:
                exchange_log.log_to(run / DEBUG_LOG)
            manifest = make_manifest(run, bundle, plan, command)
            # The manifest makes the folder a run: what dies before it leaves none, later there is a journal.
            writer = JournalWriter.create(run / JOURNAL, run.name)
            try:
                write_manifest(run, manifest if amend is None else amend(manifest))
            except BaseException:
                writer.close()
                raise
            done = plan.nothing_done()
            kept = tuple(record for record in reused if plan.mark(done, record))
            begin = Begin(event="started", cases=plan.cases, done=done, reused=kept)
            run_session(run, bundle, plan, writer, begin, observer=observer or Nobody(), processes=processes)
    return run
