"""What `run`, `report`, `show` and the demo share: a run judged against its project's baseline, and told."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from harness import errors
from harness.cli import kept
from harness.cli.ground import emit, emit_json, note, tell_github
from harness.cli.notify import Webhook, send_verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from harness.files.baselines import StoredBaseline
    from harness.files.project import Project
    from harness.judge.assess import Assessment, Threshold, View
    from harness.judge.checks import Baseline
    from harness.rundir import Manifest

KEPT = "judged.cache"

CODES = {
    "READY": errors.Exit.READY,
    "NOT READY": errors.Exit.NOT_READY,
    "INCONCLUSIVE": errors.Exit.INCONCLUSIVE,
    "NOT MEASURED": errors.Exit.ENDPOINT_UNUSABLE,
}


def judged(folder: Path, thresholds: Sequence[Threshold] | None = None) -> Assessment:
    """Judge a run, held against the baseline of its suite where one is set."""
    from harness.judge.assess import assess_run

    return assess_run(folder, thresholds=thresholds, baseline=baseline_for(folder))


def as_judged(folder: Path, manifest: Manifest) -> Assessment:
    """Give a run's assessment: the one that was kept while all that it was judged from is the same, else anew."""
    from harness.judge import Assessment

    return kept.read_kept(folder / KEPT, _digest_of_all(folder, manifest), Assessment) or judged(folder)


def only(assessment: Assessment, candidate: str) -> Assessment:
    """Give what was found of one candidate, as it was judged among the others; of all where none is named."""
    import msgspec

    mine = [one for one in assessment.candidates if one.name == candidate]
    if not mine:
        return assessment
    told = {name: getattr(mine[0], name) for name in ("verdict", "headline", "reason", "next_step", "open_by_failures")}
    return msgspec.structs.replace(assessment, candidates=tuple(mine), leaderboard=None, **told)


def _digest_of_all(folder: Path, manifest: Manifest) -> str:
    """Give one digest of all that an assessment is made from: the run, those before it, the baseline, the code."""
    from harness.rundir import JOURNAL, LOOKED_BACK_ON, MANIFEST, REPORT, runs_of_suite

    now = (manifest.created_utc, manifest.run_id)
    earlier = runs_of_suite(folder.resolve().parent, manifest.suite_name, before=now, most=LOOKED_BACK_ON)
    files = [folder / MANIFEST, folder / JOURNAL]
    for run in earlier:
        files += [run.folder / MANIFEST, run.folder / (REPORT if (run.folder / REPORT).is_file() else JOURNAL)]
    project, stored = _stored_baseline(folder, manifest.suite_name)
    if stored is None:
        return kept.digest_of(files)
    files += [project.results / stored.run / name for name in (MANIFEST, JOURNAL)]
    return kept.digest_of(files, stored.model_dump_json())


def baseline_for(folder: Path) -> Baseline | None:
    """Give the baseline that a run is held against: that of its suite, in the project around it."""
    from harness.rundir import read_manifest

    project, stored = _stored_baseline(folder, read_manifest(folder).suite_name)
    if stored is None:
        return None
    from harness.judge.checks import from_store

    return from_store(stored, read_views=lambda: _views(project, stored.run))


def _stored_baseline(folder: Path, suite: str) -> tuple[Project, StoredBaseline | None]:
    from harness.files.baselines import read_baselines
    from harness.files.project import find_project, load_project

    around = find_project(folder)
    project = load_project(Path.cwd() if around is None else around.parent)
    return project, read_baselines(project.root).get(suite)


def _views(project: Project, run: str) -> Mapping[str, View]:
    """Read the baseline's run; nothing where its folder is gone."""
    from harness.judge.assess import views_of
    from harness.rundir import find_run

    try:
        return views_of(find_run(project.results, run))
    except errors.UsageError:
        return {}


def check_template(folder: Path | None) -> None:
    """Compile a user's report template, so that a slip in it is told before a run is paid for."""
    if folder is not None:
        from harness.report.run import check_templates

        check_templates(folder)


def conclude(
    folder: Path,
    *,
    template: Path | None = None,
    as_json: bool = False,
    thresholds: Sequence[Threshold] | None = None,
    what_if: str = "",
    candidate: str = "",
    notify: Webhook | None = None,
) -> int:
    """Judge a measured run, write its reports, print the summary; gives the exit code.

    `what_if` names whose thresholds are not the run's own: its reports stand beside those of record. The reports
    are of all candidates; where one is named, what is printed and the code are of that one.
    """
    with _told_if_stopped(folder):
        import msgspec

        from harness.report.run import annotations_of, terminal_report, write_reports
        from harness.rundir import read_manifest

        manifest = read_manifest(folder)
        before = _digest_of_all(folder, manifest)
        assessment = judged(folder, thresholds)
        if what_if:
            assessment = msgspec.structs.replace(assessment, what_if=what_if)
        unwritten: errors.HarnessError | None = None
        page = summary = ""
        try:
            written = write_reports(folder, assessment, manifest, template_dir=template)
            page, summary = str(written["html"]), written["md"].read_text(encoding="utf-8")
        except (errors.StorageFailed, errors.FilesError) as error:
            unwritten = error  # the verdict was paid for: it is said before what could not be kept
        if page and not what_if:
            kept.keep(folder / KEPT, before, assessment)
    assessment = only(assessment, candidate)
    if as_json:
        emit_json(assessment)
    else:
        emit(terminal_report(assessment, manifest, page=page))
    code = int(code_of_verdict(assessment))
    ends = code if unwritten is None else int(unwritten.exit_code)
    outputs = {"verdict": assessment.verdict, "exit-code": str(ends), "run": manifest.run_id}
    tell_github(annotations_of(assessment), summary, outputs, error=as_json)
    if notify is not None:
        send_verdict(notify, assessment, code)
    if unwritten is not None:
        note(f"the run is saved, without new reports; `harness report {manifest.run_id}` writes them")
        raise unwritten
    return code


@contextmanager
def _told_if_stopped(run: Path) -> Iterator[None]:
    """Say of a Ctrl-C that comes before the verdict what it left."""
    try:
        yield
    except KeyboardInterrupt:
        fix = f"`harness report {run.name}` judges it."
        raise errors.Interrupted("Stopped by Ctrl-C before the verdict; the run is saved.", fix=fix) from None


@contextmanager
def reported_if_ended_early(*, template: Path | None, as_json: bool, notify: Webhook | None = None) -> Iterator[None]:
    """Report a run that the endpoint ended as any other: what it said belongs there; its error follows."""
    try:
        yield
    except (errors.EndpointUnusable, errors.RunIncomplete) as error:
        if error.run is not None and not isinstance(error, errors.StorageFailed | errors.Waiting):
            with suppress(errors.HarnessError):  # what ended the run says more
                conclude(error.run, template=template, as_json=as_json, notify=notify)
        raise


def code_of_verdict(assessment: Assessment) -> errors.Exit:
    """Give the code of a judged run: of its verdict, unless trials are missing or failed that it hangs on."""
    if assessment.verdict == "NOT MEASURED":
        return errors.Exit.ENDPOINT_UNUSABLE
    if not assessment.complete or assessment.open_by_failures:
        return errors.Exit.INCOMPLETE
    return CODES[assessment.verdict]
