"""The reports that are kept as text in tests/golden."""

from __future__ import annotations

import io
from collections.abc import Callable

from compared import broken_and_fixed
from judged import assessment, manifest, three
from judged_extremes import empty
from rich.console import Console
from went_wrong import SITUATIONS

from harness.judge.documents import Assessment
from harness.report.comparison import render_comparison_markdown, terminal_comparison
from harness.report.run import render_markdown, run_view, terminal_report


def terminal(judged: Assessment, width: int, *, full: bool = False) -> str:
    """Give the terminal report without colours."""
    console = Console(file=io.StringIO(), width=width, color_system=None)
    return terminal_report(judged, manifest(judged), console=console, full=full)


def markdown(judged: Assessment) -> str:
    """Give report.md."""
    return render_markdown(run_view(judged, manifest(judged)))


def compared(width: int) -> str:
    """Give a comparison on the terminal without colours."""
    console = Console(file=io.StringIO(), width=width, color_system=None)
    return terminal_comparison(broken_and_fixed(), console=console)


REPORTS: dict[str, Callable[[], str]] = {
    "one_candidate_80.txt": lambda: terminal(assessment(), 80),
    "one_candidate_full_140.txt": lambda: terminal(assessment(), 140, full=True),
    "three_candidates_80.txt": lambda: terminal(three(), 80),
    "three_candidates_140.txt": lambda: terminal(three(), 140),
    "nothing_measured_80.txt": lambda: terminal(empty(), 80),
    "one_candidate.md": lambda: markdown(assessment()),
    "three_candidates.md": lambda: markdown(three()),
    "comparison_100.txt": lambda: compared(100),
    "comparison.md": lambda: render_comparison_markdown(broken_and_fixed()),
    **{f"{name}_80.txt": lambda made=made: terminal(made(), 80) for name, made in SITUATIONS.items()},
    **{f"{name}.md": lambda made=made: markdown(made()) for name, made in SITUATIONS.items()},
}
