"""What the list of commands loads: no room that judges, reads files or measures."""

from __future__ import annotations

import subprocess
import sys

LOADED = """
import sys
import harness.cli.main
heavy = ("harness.judge", "harness.files", "harness.measure", "harness.report", "pydantic", "numpy", "scipy", "rich")
print(sorted({name for name in sys.modules if name.startswith(heavy)}))
"""


def test_the_list_of_commands_loads_none_of_what_they_do() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
