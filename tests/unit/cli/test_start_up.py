"""What the list of commands loads: no room that judges, reads files or measures."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

LOADED = """
import sys
import harness.cli.main
heavy = ("harness.judge", "harness.files", "harness.measure", "harness.report", "pydantic", "numpy", "scipy", "rich")
print(sorted({name for name in sys.modules if name.startswith(heavy)}))
"""


def test_the_list_of_commands_loads_none_of_what_they_do() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(("set_", "used"), [({}, "1"), ({"OPENBLAS_NUM_THREADS": "2"}, "2")])
def test_the_command_starts_no_threads_for_linear_algebra_unless_told_to(set_: dict[str, str], used: str) -> None:
    script = """
import os, sys
from harness.__main__ import _main
sys.argv = ["harness", "--version"]
try:
    _main()
finally:
    print(os.environ["OPENBLAS_NUM_THREADS"])
"""
    env = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, env=env | set_)
    assert done.stdout.split()[-1] == used, done.stderr
