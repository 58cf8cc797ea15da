"""What all tests share: loopback servers instead of mocks, and values to render."""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent / "servers"))
sys.path.insert(0, str(Path(__file__).parent / "specimens"))

from certified import Certified, certify
from scripted import Script, ScriptedServer
from threaded import serving

# Nobody in particular runs the tests: no key, proxy, colour, width, language, time zone, git or pip of theirs
# decides, and none of it is touched. What finds programs and caches is kept.
KEPT = re.compile(
    "PATH|PYTHONPATH|HOME|USER|LOGNAME|TMPDIR|TEMP|TMP|VIRTUAL_ENV|XDG_CACHE_HOME|HARNESS_CACHE|CHROMIUM|AXE_CORE"
    "|(PYTEST|COV|COVERAGE|LD|DYLD)_.*"
)
PLAIN = {
    "LANG": "C.UTF-8",
    "TERM": "xterm",
    "COLUMNS": "100",
    "LINES": "40",
    "TZ": "FAR-13",  # where it is another day than in UTC for half of it
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "PIP_CONFIG_FILE": os.devnull,
}


def be_nobody() -> None:
    """Leave of this process's environment what finds programs and caches, and make the rest plain."""
    for name in [name for name in os.environ if KEPT.fullmatch(name) is None]:
        del os.environ[name]
    os.environ.update(PLAIN)
    time.tzset()
    os.umask(0o022)


be_nobody()
# Hypothesis measures each example by the wall clock, and a busy machine must fail no test. The same examples
# each time: who changes nothing sees what was seen before. New ones: `pytest --hypothesis-profile=search`.
QUIET = [HealthCheck.too_slow]
settings.register_profile("any machine", deadline=None, suppress_health_check=QUIET, derandomize=True)
settings.register_profile("search", deadline=None, suppress_health_check=QUIET, print_blob=True)
settings.load_profile("any machine")

# What shares something that is dear or gets in its own way, and is therefore run by one process.
TOGETHER = ("tests/browser/", "tests/integration/test_crash_matrix.py", "tests/contract/test_engines.py")


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


@pytest.fixture(scope="session")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    """Give certificates for loopback servers over TLS."""
    if shutil.which("openssl") is None:
        pytest.skip("the certificates of loopback servers are made by the `openssl` command: install it")
    return certify(tmp_path_factory.mktemp("certificates"))
