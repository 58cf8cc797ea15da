"""The files of a run's report: report.json, report.html, report.md and junit.xml, each written whole."""

import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from harness.judge import Assessment, CandidateAssessment, scale_of
from harness.report.junit_file import JunitSuite, JunitTest, junit_file, trouble_tests
from harness.report.parts import CandidateView, ReportView, annotation, cut_markdown, json_ready
from harness.report.run.view import run_view
from harness.rundir import Manifest, StorageFailed

_MOST_ANNOTATIONS = 10  # GitHub shows so many of a kind for each step
_NOT_IN_NAMES = re.compile(r"[^\w.-]+", re.ASCII)
_C1_OR_DELETE = re.compile(b"\xc2[\x80-\x9f]|\x7f")  # JSON allows them; a terminal that prints the file acts


def write_reports(
    run: Path, assessment: Assessment, manifest: Manifest, *, template_dir: Path | None = None
) -> dict[str, Path]:
    """Write report.json, report.html, report.md and junit.xml; gives their paths by `json html md junit`.

    Judged by the thresholds of another file, a run has reports of their own, named after it: the verdict of
    record stays where `list`, `history` and the viewer find it. All are rendered before the first is written,
    so that an error in a template changes nothing.
    """
    view = run_view(assessment, manifest)
    of = f".what-if-{_NOT_IN_NAMES.sub('-', assessment.what_if)[-100:]}" if assessment.what_if else ""
    contents = {
        "json": (f"report{of}.json", render_document(assessment)),
        "html": (f"report{of}.html", render_html(view, template_dir=template_dir).encode()),
        "md": (f"report{of}.md", render_markdown(view, template_dir=template_dir).encode()),
        "junit": (f"junit{of}.xml", render_junit(assessment, view)),
    }
    return {kind: _write(run / name, content) for kind, (name, content) in contents.items()}


def _write(path: Path, content: bytes) -> Path:
    """Replace a file in one step."""
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            Path(temporary).chmod(0o644)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        fix = "The run is saved; `harness report` writes it again."
        raise StorageFailed(f"could not write {path}: {error.strerror}", fix=fix) from error
    return path


def check_templates(folder: Path) -> None:
    """Refuse a user's templates that can't be compiled, by file and line."""
    from harness.report import rendering

    rendering.check_templates(folder)


def render_html(view: ReportView, *, template_dir: Path | None = None) -> str:
    """Render the whole report; blocks of a user's template replace ours."""
    from harness.report.rendering import render_page

    return render_page("report.html.j2", template_dir=template_dir, report=view)


def render_markdown(view: ReportView, *, template_dir: Path | None = None) -> str:
    """Render the report for a pull request or a wiki; what is too long for GitHub is cut with a notice."""
    from harness.report.rendering import markdown_page

    return cut_markdown(markdown_page("report.md.j2", template_dir=template_dir, report=view))


def render_document(tree: msgspec.Struct) -> bytes:
    r"""Encode a tree of values: fields in the order of the types, keys sorted, UTF-8, no NaN, LF at the end.

    A number that is not finite becomes null; a lone surrogate is written as `\ud800`.
    """
    try:
        encoded = msgspec.json.encode(tree, order="deterministic")
    except UnicodeEncodeError:
        clean = msgspec.convert(json_ready(tree), type(tree))
        encoded = msgspec.json.encode(clean, order="deterministic")
    quiet = _C1_OR_DELETE.sub(lambda m: b"\\u00%02x" % m.group()[-1], encoded)
    return msgspec.json.format(quiet, indent=2) + b"\n"


def annotations_of(assessment: Assessment) -> Iterator[str]:
    """Give GitHub's commands: what keeps each candidate from READY, at its line; or that the run is READY."""
    if assessment.verdict == "READY":
        yield annotation("notice", {"title": f"{assessment.suite}: READY"}, assessment.reason)
        return
    for one in assessment.candidates[:_MOST_ANNOTATIONS]:
        where = next((trouble.where for trouble in one.went_wrong if trouble.decides), "")
        file, _, line = where.rpartition(":")
        place = {"file": file, "line": line} if file and line.isdecimal() else {}
        title = {"title": f"{assessment.suite}, {one.name}: {one.verdict}"}
        step = "" if one.next_step is None or one.verdict == "NOT MEASURED" else one.next_step.sentence
        yield annotation(
            "warning" if one.verdict == "INCONCLUSIVE" else "error", place | title, f"{one.reason} {step}".rstrip()
        )


def render_junit(assessment: Assessment, view: ReportView) -> bytes:
    """Render every check of every candidate as a test case."""
    by_name = {candidate.name: candidate for candidate in assessment.candidates}
    what_if = f" (what if: {assessment.what_if})" if assessment.what_if else ""
    return junit_file(
        assessment.suite + what_if, (_suite(assessment, by_name[shown.name], shown) for shown in view.candidates)
    )


def _suite(assessment: Assessment, candidate: CandidateAssessment, shown: CandidateView) -> JunitSuite:
    return JunitSuite(
        name=f"{assessment.suite}: {candidate.name}",
        classname=f"{assessment.suite}.{candidate.name}",
        timestamp=assessment.created_utc,
        properties={
            "run_id": assessment.run_id,
            "prompt": candidate.prompt,
            "model": candidate.model,
            "verdict": candidate.verdict,
            "headline": candidate.headline,
            "complete": str(assessment.complete).lower(),
            **({"not_run": str(candidate.not_run)} if candidate.not_run else {}),
            **({"went_wrong": shown.wrong_in_short} if shown.went_wrong else {}),
            **({"what_if": assessment.what_if} if assessment.what_if else {}),
        },
        tests=(*trouble_tests(shown.went_wrong), *_tests(candidate, shown)),
    )


def _tests(candidate: CandidateAssessment, shown: CandidateView) -> tuple[JunitTest, ...]:
    if shown.unshown:
        why = "no call was answered, so nothing is known of the prompt"
        return tuple(
            JunitTest(name=check.threshold, status="NOT MEASURED", kind="threshold", seen=check.name, why=why)
            for check in candidate.checks
        )
    return tuple(
        JunitTest(
            name=check.threshold,
            status=check.status,
            seconds=(check.estimate.value or 0.0) if scale_of(check.metric) == "seconds" else 0.0,
            kind="threshold",
            seen=f"{row.threshold}: {row.seen}",
            why=check.why,
        )
        for check, row in zip(candidate.checks, shown.checks, strict=True)
    )
