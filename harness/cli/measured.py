"""What `run`, `gate`, `upgrade` and the demo share: a bundle measured in a new run, or in one that was begun."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.ground import HarnessError, Waiting, command_line, note

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from harness.files.suite import ReplyRule, Suite
    from harness.files.thresholds import Threshold
    from harness.judge import checks
    from harness.measure.run import Bundle, Most, Record, Retry, Shard, Stopper
    from harness.record import CaseRow
    from harness.rundir import Manifest


GOES_ON_S = 2 * 86_400.0  # at least: a batch may take a day


def is_too_old(run: Path, reuse_s: float, *, left: bool = True) -> bool:
    """Tell whether a run of the same command holds replies too old to go on with; said where some are left to send."""
    from harness.measure.run import oldest_in

    allowed, oldest = timedelta(seconds=max(reuse_s, GOES_ON_S)), oldest_in(run)
    if datetime.now(UTC) - oldest <= allowed:
        return False
    if left:
        why = f"{run.name} was left unfinished with replies of {oldest:%Y-%m-%d}, and {allowed.days} days are allowed"
        note(f"{why}: everything is measured now; `harness resume {run.name}` finishes it by itself")
    return True


def measure_bundle(
    bundle: Bundle,
    *,
    processes: int | None,
    quiet: bool,
    verbose: bool = False,
    debug: bool = False,
    most: Most | None = None,
    shard: Shard | None = None,
    amend: Callable[[Manifest], Manifest] | None = None,
    reused: Sequence[Record] = (),
    retry: Retry = "batch",
) -> Path:
    """Measure with live progress on stderr; gives the run's folder."""
    from harness.cli.progress import watching_bundle
    from harness.measure.run import NO_BOUND, measure

    _fetch_weights(bundle, quiet=quiet)
    with watching_bundle(bundle, quiet=quiet, verbose=verbose) as observer:
        return measure(
            bundle,
            bundle.project.results,
            observer=observer,
            processes=processes,
            command=command_line(),
            amend=amend,
            reused=reused,
            stopper=stopper_of(bundle),
            debug=debug,
            most=most or NO_BOUND,
            shard=shard,
            retry=retry,
        )


def _fetch_weights(bundle: Bundle, *, quiet: bool) -> None:
    """Fetch what an embedded model needs, once, before a run is begun; tells how far it is."""
    names = {str(each.model.weights) for each in bundle.candidates if each.model.endpoint == "local"}
    if names:
        from harness.cli.progress import fetching
        from harness.measure.endpoint.embedded import ensure_weights, find_weights, what_lacks

        for name in names if what_lacks() is None else ():
            if find_weights(name, root=bundle.project.root) is None:
                with fetching(quiet=quiet) as progress:
                    ensure_weights(name, progress=progress)


def go_on_or_begin(
    command: str,
    bundle: Bundle,
    results: Path,
    begun: Path | None,
    *,
    amend: Callable[[Manifest], Manifest],
    reused: Sequence[Record] = (),
    most: Most,
    stopper: Stopper | None,
    quiet: bool,
) -> Path:
    """Finish the run that the same command left behind, or measure in a new one; gives its folder."""
    from harness.cli.progress import watching_bundle
    from harness.measure.resume import resume
    from harness.measure.run import measure

    if begun is None:
        _fetch_weights(bundle, quiet=quiet)
    with watching_bundle(bundle, quiet=quiet) as observer:
        try:
            if begun is not None:
                return resume(
                    begun, bundle=bundle, observer=observer, stopping=lambda _: stopper, failed=True, most=most
                )
            return measure(
                bundle,
                results,
                observer=observer,
                command=command_line(),
                amend=amend,
                reused=reused,
                most=most,
                stopper=stopper,
            )
        except HarnessError as error:
            if error.resumable:
                first = f"{error.fix} " if isinstance(error, Waiting) and error.fix else ""  # what is read from a file
                error.fix = f"{first}Run the same `harness {command}` command again: it goes on where it stopped."
            raise


def stopper_of(bundle: Bundle, beside: checks.Beside | None = None) -> checks.Stopper | None:
    """Give who says when a verdict is settled, or a pair beside its baseline; None where a run asks all its cases."""
    own = {each.name: each.reply for each in bundle.candidates if each.reply is not None}
    among = len(bundle.candidates)
    return _stopper(bundle.suite, bundle.cases, bundle.thresholds, own, bundle.project.results, among, beside)


def stopper_of_shards(manifest: Manifest, cases: Sequence[CaseRow], results: Path) -> checks.Stopper | None:
    """Give the same of a run in `results` that shards are joined to, from what they say of it."""
    from harness.files.suite import Suite
    from harness.files.suite.policy import default_thresholds, thresholds_of
    from harness.rundir import MANIFEST, reply_rules

    suite = Suite.model_validate(manifest.suite)
    splits = {case.split for case in cases}
    thresholds = thresholds_of(suite, written_in=MANIFEST) if suite.thresholds else default_thresholds(suite, splits)
    return _stopper(suite, cases, thresholds, reply_rules(manifest), results, len(manifest.candidates))


def _stopper(
    suite: Suite,
    cases: Sequence[CaseRow],
    thresholds: Sequence[Threshold],
    own: Mapping[str, ReplyRule],
    results: Path,
    among: int,
    beside: checks.Beside | None = None,
) -> checks.Stopper | None:
    from harness.files.thresholds import metric_of
    from harness.judge import checks
    from harness.rundir import runs_of_suite

    if suite.stop is None or not all(case.expected for case in cases):
        return None
    if not suite.thresholds and not any(runs_of_suite(results, suite.name)):
        thresholds = [t for t in thresholds if not metric_of(t.metric).earlier]  # there is no past to drift from
    return checks.Stopper(suite, cases, thresholds, suite.stop, own, among=among, beside=beside)
