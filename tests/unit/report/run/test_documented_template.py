"""The example of docs/report-templates.md does what the page says."""

from __future__ import annotations

import re
from pathlib import Path

from judged import assessment

from harness.report.run import render_html, run_view

PAGE = (Path(__file__).parents[4] / "docs" / "report-templates.md").read_text(encoding="utf-8")


def documented(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_documented_example_adds_a_team_above_the_verdict_and_drops_costs(tmp_path: Path) -> None:
    (tmp_path / "report.html.j2").write_text(documented("jinja"), encoding="utf-8")
    (tmp_path / "extra.css").write_text(documented("css"), encoding="utf-8")
    ours = render_html(run_view(assessment()))
    page = render_html(run_view(assessment()), template_dir=tmp_path)
    assert "<h3>Cost</h3>" in ours
    assert "<h3>Cost</h3>" not in page
    assert page.index("Payments risk, prompt review") < page.index('class="verdict"')
    assert ".team { color" in page
    assert "<h3>Latency</h3>" in page


def test_every_documented_block_exists_and_every_block_is_documented() -> None:
    templates = Path(__file__).parents[4] / "harness" / "report" / "templates"
    for name in ("report.html.j2", "report.md.j2"):
        blocks = re.findall(r"{% block (\w+)", (templates / name).read_text(encoding="utf-8"))
        line = next(line for line in PAGE.splitlines() if line.startswith(f"`{name}`: "))
        told = set(re.findall(r"`(\w+)`", line)) - {"c"}
        assert told == set(blocks)
