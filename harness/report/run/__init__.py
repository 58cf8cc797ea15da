"""A run's report: `view` writes every figure as text, `terminal` and `files` lay it out for each medium."""

from harness.report.run.files import (
    annotations_of,
    check_templates,
    render_document,
    render_html,
    render_junit,
    render_markdown,
    run_view,
    write_reports,
)
from harness.report.run.terminal import terminal_report
