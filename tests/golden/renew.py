"""Writes the agreed reports anew; read the difference before you commit it."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "specimens"))

from golden_reports import REPORTS

for name, render in REPORTS.items():
    (Path(__file__).parent / name).write_text(render(), encoding="utf-8")
