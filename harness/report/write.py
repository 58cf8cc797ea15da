"""Writes the reports of a run beside its journal: each file whole, or as it was before."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from harness.errors import StorageFailed
from harness.judge.documents.assessment import Assessment
from harness.report.run.html import render_html
from harness.report.run.json_report import render_json
from harness.report.run.junit import render_junit
from harness.report.run.markdown import render_markdown
from harness.report.run.view import view_of
from harness.rundir import Manifest


def write_reports(
    run: Path, assessment: Assessment, manifest: Manifest, *, template_dir: Path | None = None
) -> dict[str, Path]:
    """Write report.json, report.html, report.md and junit.xml; gives their paths by `json html md junit`.

    All are rendered before the first is written, so that an error in a template changes nothing.
    """
    view = view_of(assessment, manifest)
    contents = {
        "json": ("report.json", render_json(assessment)),
        "html": ("report.html", render_html(view, template_dir=template_dir).encode()),
        "md": ("report.md", render_markdown(view, template_dir=template_dir).encode()),
        "junit": ("junit.xml", render_junit(assessment, view)),
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
        raise StorageFailed(
            f"could not write {path}: {error.strerror}",
            fix="The run is saved; `harness report` writes it again.",
        ) from error
    return path
