"""gate.md: a pull request's comment, at most as long as GitHub accepts, whatever a reply holds.

It is rendered in full where that fits, else without the folded parts, else with fewer prompts: a document is
never cut inside of a fence or a table, and says what is missing.
"""

import re
from collections.abc import Sequence

from markupsafe import Markup

from harness.judge import Gate, count
from harness.report.gate.view import GateView, gate_view
from harness.report.parts import MARKDOWN_LIMIT, cut_markdown, one_line, shorten
from harness.report.rendering import markdown_page

TEMPLATE = "gate.md.j2"
STICKY = "<!-- prompt-readiness gate -->"  # by which the comment is found again
_DIFF_LINES, _DIFF_WIDTH = 80, 200


def render_gate(gate: Gate) -> str:
    """Render a gate for a comment, within GitHub's limit."""
    view = gate_view(gate)
    text = ""
    for prompts, most_rows, detail in _levels(len(view.prompts)):
        text = _rendered(view, prompts, most_rows, detail=detail)
        if len(text) <= MARKDOWN_LIMIT:
            break
    return cut_markdown(text)


def _levels(prompts: int) -> Sequence[tuple[int, int, bool]]:
    """Give what to try, from the fullest: how many prompts, how many rows of each, with the folded parts."""
    return [(prompts, 60, True), (prompts, 60, False), (prompts, 12, False), (20, 12, False), (5, 8, False)]


def _rendered(view: GateView, prompts: int, most_rows: int, *, detail: bool) -> str:
    rendered = markdown_page(
        TEMPLATE,
        filters={"fenced": _fenced},
        gate=view,
        prompts=view.prompts[:prompts],
        hidden=max(0, len(view.prompts) - prompts),
        most_rows=most_rows,
        most_edits=20,
        detail=detail,
    )
    return f"{STICKY}\n{rendered}"


def _fenced(lines: Sequence[str]) -> Markup:
    """Show lines of a diff in a fence that nothing inside can close; GitHub links nothing in there."""
    kept = [shorten(one_line(line), _DIFF_WIDTH) for line in lines[:_DIFF_LINES]]
    if len(lines) > _DIFF_LINES:
        kept.append(f"  ... and {count(len(lines) - _DIFF_LINES, 'more line')}")
    longest = max((len(run) for line in kept for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return Markup("\n".join([f"{fence}diff", *kept, fence]))  # noqa: S704  # one line each, in a longer fence
