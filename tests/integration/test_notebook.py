"""The notebook of docs/ runs from its first cell to its last, and shows what its text says that it shows."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebook.ipynb"

# A kernel in few lines: every cell in one namespace; the value of a last expression is shown as a notebook shows it.
KERNEL = """
import ast, json, sys
names, shown = {}, []
for source in json.load(sys.stdin):
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) and not source.endswith(";") else None
    exec(compile(tree, "cell", "exec"), names)
    value = None if last is None else eval(compile(ast.Expression(last.value), "cell", "eval"), names)
    shown.append([repr(value), value._repr_html_() if hasattr(value, "_repr_html_") else ""])
print("\\n" + json.dumps(shown))
"""


def cells() -> list[dict[str, Any]]:
    document = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert (document["nbformat"], document["nbformat_minor"]) == (4, 5)
    found: list[dict[str, Any]] = document["cells"]
    return found


def test_every_cell_is_whole_and_stored_without_what_a_run_left() -> None:
    assert len({cell["id"] for cell in cells()}) == len(cells())
    for cell in cells():
        assert {"cell_type", "id", "metadata", "source"} <= cell.keys()
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)
            ast.parse("".join(cell["source"]))


def test_the_notebook_runs_and_shows_verdicts_figures_and_a_comparison(tmp_path: Path) -> None:
    code = ["".join(cell["source"]) for cell in cells() if cell["cell_type"] == "code"]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", KERNEL],
        input=json.dumps(code), cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    judged, recall, confusion, _, measured, figures, report, compared = json.loads(done.stdout.splitlines()[-1])
    assert judged[0].endswith(": INCONCLUSIVE>")
    assert "<b>INCONCLUSIVE: 1 of 2 checks is not decided yet" in judged[1]
    assert recall[0].startswith("Figure(value=0.95, low=0.86")
    assert "'spam': {'ham': 3, 'spam': 57, 'no label': 0}" in confusion[0]
    assert ("<b>READY: all 2 checks passed.</b>" in measured[1], "v1@mine" in figures[0], report[0]) == (
        True,
        True,
        "True",
    )
    assert compared[0] == """[('accuracy', 1.0, 0.95, "can't tell"), ('recall[spam]', 1.0, 0.9, "can't tell")]"""
