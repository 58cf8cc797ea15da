"""What all tests share: loopback servers instead of mocks, and values to render."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent / "servers"))
sys.path.insert(0, str(Path(__file__).parent / "specimens"))

from scripted import Script, ScriptedServer
from threaded import serving

# Hypothesis measures each example by the wall clock, and a busy machine must fail no test.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


# What shares something that is dear or gets in its own way, and is therefore run by one process.
TOGETHER = ("tests/browser/", "tests/integration/test_crash_matrix.py")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep what belongs together in one process: marks of pytest-xdist 3.8 do nothing in pytest 9.2."""
    if config.getvalue("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class ByPlace(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return next((place for place in TOGETHER if nodeid.startswith(place)), nodeid)

    return ByPlace(config, log)


@pytest.fixture
def scripted_server() -> Iterator[Callable[[Script], ScriptedServer]]:
    """Start a server that answers as the given function says; it has `url` and `requests`."""
    with ExitStack() as servers:
        yield lambda script: servers.enter_context(serving(script))
