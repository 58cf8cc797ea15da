"""Whole reports as text: a change of what people read is a change of a file here.

To renew them after a wanted change: `python tests/golden/renew.py`, then read the difference.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from golden_reports import REPORTS


@pytest.mark.parametrize("name", REPORTS)
def test_the_report_reads_as_agreed(name: str) -> None:
    agreed = (Path(__file__).parent / name).read_text(encoding="utf-8")
    assert REPORTS[name]() == agreed
