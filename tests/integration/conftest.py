"""The small project of `crashing`, and what a run of it says when nothing disturbs it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from crashing import make_project, mostly_right, uninterrupted
from scripted import Script, ScriptedServer


@pytest.fixture
def server(tmp_path: Path, scripted_server: Callable[[Script], ScriptedServer]) -> ScriptedServer:
    """Serve the endpoint of a small project in `tmp_path`."""
    started = scripted_server(mostly_right)
    make_project(tmp_path, started.url)
    return started


@pytest.fixture(scope="session")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Give the figures of a run that nothing disturbed."""
    return uninterrupted(tmp_path_factory.mktemp("whole"))
