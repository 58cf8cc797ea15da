"""Go on with a run: what its journal holds is not sent again; changed files are refused, or run on purpose.

What a resume runs again: trials without a record. These were in flight when the process died, were held back
as a possible outage, or met an error that ended the run (wrong key, a Retry-After beyond the bound, a
signal), or belonged to a candidate that was ended because nobody answered it. A trial that ended with a
failure of its own has a record, and stays as it is, unless `failed` asks for it: then all that the endpoint
failed is sent again (not what the prompt's own template failed on), and the later record counts.

The cases are those that the run began with. With `changed`, the manifest is replaced by what the files say now, and
exactly the trials whose key is another one are measured; of two records in one place the later counts. Where the
places themselves changed (a case or candidate is gone, a candidate or perturbation new) it is refused: another run.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from harness.errors import RunChanged, UsageError, fitting_together
from harness.files.bundle import Bundle, load_bundle
from harness.files.written import shown
from harness.journal import JournalWriter, RunLock
from harness.measure.bounds import NO_BOUND, Most, Plan
from harness.measure.endpoint.transports import log_to
from harness.measure.manifest import file_digest, files_of, make_manifest, refuse_foreign, refuse_repeats
from harness.measure.session import Begin, Retry, check_engine, keyboard_interrupts, refuse_answers, run_session
from harness.measure.sharding import leave_to_others, shard_of
from harness.measure.siblings import elsewhere, together
from harness.measure.sink import InFlight, Nobody, Observer, Stopper, heard
from harness.record import ORIGINAL, Batch, CaseRow, Failure, Record, Reply, Stopped
from harness.rundir import DEBUG_LOG, JOURNAL, LOCK, Manifest, events_of, read_manifest, write_manifest

_MOST_LISTED = 20
_ANOTHER, _RESTORE = "The files ask for another run than", "Restore them, or start a new run."


def resume(
    run: Path,
    *,
    changed: bool = False,
    failed: bool = False,
    engine: str | None = None,
    bundle: Bundle | None = None,
    trusted: Path | None = None,
    observer: Observer | None = None,
    stopping: Callable[[Bundle], Stopper | None] = lambda _: None,
    debug: bool = False,
    most: Most = NO_BOUND,
    results: tuple[Path, ...] = (),
    retry: Retry = "batch",
) -> Path:
    """Measure what is left of a run, at most so much and by as many processes as it was begun with; gives its folder.

    `bundle` is what the files say now, where the manifest can't say where they are (a gate's base). With
    `trusted`, the run must be of the project around that folder; else the manifest is believed.
    Raises RunChanged, RunLocked, JournalDamaged, FilesError and all that `measure` does.
    """
    watching = observer or Nobody()
    with keyboard_interrupts(), RunLock(run / LOCK):
        if debug:
            log_to(run / DEBUG_LOG)
        manifest = read_manifest(run)
        writer = JournalWriter.reopen(run / JOURNAL, manifest.run_id)
        try:
            found = _Found.read(run, manifest)
            check_engine(bundle := (bundle or _reload(run, manifest, found, trusted)).measured_by(engine))
            changes = _agreed(run, manifest, bundle, found, changed=changed)
            plan = Plan(bundle)
            with fitting_together(run):
                stopper = together(stopping(bundle), run, manifest, plan, watching)
                begin = _begin(plan, run, found, stopper, failed=failed)
            others = leave_to_others(shard_of(manifest.notes), plan, begin.done)
            refuse_answers(run, plan, begin := replace(begin, results=results, retry=retry))
            allowed = most.allowed(plan, begin.done, begin.batches)
            if changes:
                write_manifest(run, _rewritten(run, manifest, bundle, plan, changes))
        except BaseException:
            writer.close()
            raise
        _note(watching, changes, begin)
        begin = replace(begin, bounded=sum(allowed) - sum(begin.done), recorded=begin.done, others=others, done=allowed)
        if failed:
            watching.on_note(f"{plan.planned - sum(allowed):,} trials are sent: what failed, and what was not run")
        run_session(run, bundle, plan, writer, begin, observer=watching, processes=manifest.processes, most=most)
    return run


@dataclass(slots=True)
class _Found:
    """What the journal says, without its records."""

    cases: dict[str, CaseRow] = field(default_factory=dict)
    cut_off: int = 0
    started: bool = False  # false: it died before it had written all cases

    @classmethod
    def read(cls, run: Path, manifest: Manifest) -> "_Found":
        found, in_flight = cls(), InFlight(manifest.share[1])
        for event in events_of(run):
            in_flight.take(event)
            if isinstance(event, CaseRow):
                found.cases[event.id] = event
        found.started, found.cut_off = in_flight.last is not None, in_flight.most
        return found


def reread(run: Path, manifest: Manifest, trusted: Path | None) -> tuple[Bundle, frozenset[str]]:
    """Read the files of a run again, with all cases of its suite; gives the ids of those that it began with, too.

    Raises RunChanged where a trial of it would be another one now, and all that a resume does.
    """
    found = _Found.read(run, manifest)
    bundle = _reload(run, manifest, found, trusted, whole=True)
    changes = [*_other_places(manifest, bundle, found)] or [*_changes(manifest, bundle, found)]
    _refuse(changes, f"{_ANOTHER} {run.name}", _RESTORE)
    return bundle, frozenset(found.cases)


def _agreed(run: Path, manifest: Manifest, bundle: Bundle, found: _Found, *, changed: bool) -> list[str]:
    """Give what changed, where that is measured again on purpose. Raises RunChanged where it is not, or can't be."""
    _refuse(_other_places(manifest, bundle, found), f"{_ANOTHER} {run.name}", _RESTORE)
    changes = list(_changes(manifest, bundle, found))
    again = f"measure exactly what changed: `harness resume {run.name} --changed`"
    fix = f"Restore them, start a new run, or {again}."
    _refuse([] if changed else changes, f"The files changed since {run.name} began", fix)
    return changes


def _reload(run: Path, manifest: Manifest, found: _Found, trusted: Path | None, *, whole: bool = False) -> Bundle:
    if "gate" in manifest.notes:
        raise UsageError(
            f"{run.name} belongs to a gate, whose base is read from git.",
            fix="Run the same `harness gate` command again: it goes on with this run.",
        )
    where = files_of(run, manifest)
    if trusted is not None:
        refuse_foreign(run, where, trusted)
    root = (run / where.root).resolve()
    bundle = load_bundle(
        root / where.suite,
        prompts=[str(root / path) for path in where.prompts],
        models=list(dict.fromkeys(entry.model_name for entry in manifest.candidates)),
        repeats=manifest.repeats,
        thresholds=where.thresholds,
        cases=root / where.cases if where.cases else None,
        project=root / where.project if where.project else None,
        unlabelled=not all(case.expected for case in found.cases.values()),
    )
    if trusted is not None:
        refuse_repeats(run, manifest, bundle.own_repeats)
    vias = {entry.model_name: entry.model.get("via", "sync") for entry in manifest.candidates}
    bundle = bundle.as_begun(manifest.suite).bought(vias)  # whatever suite and harness.yml say now
    return bundle.only(found.cases) if found.started and not whole else bundle


def _other_places(manifest: Manifest, bundle: Bundle, found: _Found) -> Iterator[str]:
    """Say in words what makes it another run."""
    before, now = {entry.name for entry in manifest.candidates}, {c.name for c in bundle.candidates}
    yield from (f"candidate {name} is gone" for name in sorted(before - now))
    yield from (f"candidate {name} is new" for name in sorted(now - before))
    variants = (ORIGINAL, *bundle.suite.perturbations)
    if variants != manifest.variants:
        yield f"perturbations: {', '.join(manifest.variants[1:])} -> {', '.join(variants[1:])}"
    if bundle.suite.seed != manifest.seed:
        yield f"seed: {manifest.seed} -> {bundle.suite.seed}"
    if not found.started and Plan(bundle).planned != manifest.planned_trials:
        yield "it died before its cases were written, and they are others now"
    gone = found.cases.keys() - {case.id for case in bundle.cases}
    yield from (f"case {id_} is gone" for id_ in sorted(gone))


def _changes(manifest: Manifest, bundle: Bundle, found: _Found) -> Iterator[str]:
    """Say in words what makes a trial another one than when the run began."""
    now = {candidate.name: candidate for candidate in bundle.candidates}
    for entry in manifest.candidates:
        candidate = now[entry.name]
        if candidate.prompt_digest != entry.prompt_digest:
            fields = _differing(entry.prompt, candidate.prompt.model_dump(mode="json"))
            yield f"prompt {entry.prompt_name}: {fields or 'labels'}"
        model = candidate.model.model_dump(mode="json")
        if candidate.model_digest != entry.model_digest:
            yield f"model {entry.model_name}: {_differing(entry.model, model)}"
        for key in ("base_url", "url", "api_key_env"):  # where it goes, and with which key
            if entry.model.get(key) != model.get(key):
                before, after = (shown(str(each.get(key) or "none")) for each in (entry.model, model))
                yield f"model {entry.model_name}: {key} {before} -> {after}"
    yield from _changed_code(manifest, bundle)
    yield from _changed_cases(bundle, found)


def _changed_code(manifest: Manifest, bundle: Bundle) -> Iterator[str]:
    root = bundle.project.root.resolve()
    code = [path for path in bundle.files if path.suffix == ".py"]
    now = {file.path: file.sha256 for file in (file_digest(path, root) for path in code)}
    before = {file.path: file.sha256 for file in manifest.files if file.path.endswith(".py")}
    yield from (
        f"code {shown(path)}" for path in sorted(now.keys() | before.keys()) if now.get(path) != before.get(path)
    )


def _changed_cases(bundle: Bundle, found: _Found) -> Iterator[str]:
    now = {case.id: case for case in bundle.cases}
    for id_, before in found.cases.items():
        case = now[id_]
        if case.digest != before.digest:
            yield f"case {id_}: inputs"
        elif case.variants != before.variants:
            names = sorted({name for name, _ in case.variants.items() ^ before.variants.items()})
            yield f"case {id_}: what {', '.join(names)} makes of it"
        elif (case.expected, case.split, case.tags) != (before.expected, before.split, before.tags):
            yield f"case {id_}: expected label, split or tags"


def _differing(before: dict[str, Any], now: dict[str, Any], prefix: str = "") -> str:
    parts = []
    for name in sorted(before.keys() | now.keys()):
        old, new = before.get(name), now.get(name)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            parts.append(_differing(old, new, f"{prefix}{name}."))
        elif isinstance(old, (int, float, type(None))) and isinstance(new, (int, float, type(None))):
            parts.append(f"{prefix}{name} {old} -> {new}")
        else:
            parts.append(f"{prefix}{name}")
    return ", ".join(part for part in parts if part)


def _refuse(changes: Iterable[str], told: str, fix: str) -> None:
    """Refuse what changed, if anything did, each on a line of its own, the first twenty."""
    distinct = list(dict.fromkeys(changes))
    more = [f"and {len(distinct) - _MOST_LISTED} more"] if len(distinct) > _MOST_LISTED else []
    if distinct:
        raise RunChanged(f"{told}:" + "".join(f"\n  {line}" for line in distinct[:_MOST_LISTED] + more), fix=fix)


def _begin(plan: Plan, run: Path, found: _Found, stopper: Stopper | None, *, failed: bool) -> Begin:
    done = plan.nothing_done()
    said: dict[str, Stopped] = {}
    answered, open_again = set[str](), set[tuple[str, str, str]]()
    for event in events_of(run):
        if isinstance(event, Batch):
            plan.reopen(done, event)  # what it was begun for had failed before
        elif isinstance(event, Record) and not event.warmup:
            again = failed and isinstance(event.outcome, Failure) and event.outcome.kind != "render"
            plan.mark(done, event, done_with=not again)
            (open_again.add if again else open_again.discard)((event.candidate, event.case, event.key))
            if isinstance(event.outcome, Reply):
                answered.add(event.candidate)
        elif isinstance(event, Stopped):
            said[event.candidate] = event
    # What is sent again may turn out otherwise: what seemed lost is weighed anew, without it.
    said = {name: event for name, event in said.items() if event.ready or not open_again}
    for name in said:
        plan.end(done, name)
    known = (
        event
        for event in events_of(run)
        if isinstance(event, Record) and (event.candidate, event.case, event.key) not in open_again
    )
    records = chain(elsewhere(stopper), known)
    settled = tuple(stopped for stopped in heard(plan, done, stopper, records) if stopped.candidate not in said)
    return Begin(
        event="resumed",
        cases=tuple(case for case in plan.cases if found.cases.get(case.id) != case),
        done=done,
        cut_off=found.cut_off,
        answered=frozenset(answered),
        batches=tuple(event for event in events_of(run) if isinstance(event, Batch)),
        stopper=stopper,
        settled=settled,
    )


def _rewritten(run: Path, manifest: Manifest, bundle: Bundle, plan: Plan, changes: list[str]) -> Manifest:
    now = make_manifest(run, bundle, plan, manifest.command)
    history = [*manifest.notes.get("changed", ()), {"at_utc": now.created_utc, "what": changes}]
    notes = {**manifest.notes, **now.notes, "changed": history}
    return msgspec.structs.replace(now, run_id=manifest.run_id, created_utc=manifest.created_utc, notes=notes)


def _note(observer: Observer, changes: list[str], begin: Begin) -> None:
    for change in dict.fromkeys(changes[:_MOST_LISTED]):
        observer.on_note(f"changed: {change}")
    if begin.cut_off:
        observer.on_note(f"at most {begin.cut_off} calls were in flight when the last session was cut off")
