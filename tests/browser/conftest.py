"""A browser and a viewer for all tests of this folder, and the checker of accessibility."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import platformdirs
import pytest
from chromium import HOW_TO_INSTALL, Chromium, chromium, chromium_path
from commanded import REPLAY, write_yaml
from viewed import RUN, write_run
from viewing import viewing

SECOND = "20260102T000000Z-suite-bbbbbb"


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Chromium]:
    """Start the one browser that all of them share, in one process: see `pytest_xdist_make_scheduler`."""
    path = chromium_path()
    if path is None:
        pytest.skip(HOW_TO_INSTALL)
    (tmp_path_factory.getbasetemp().parent / f"browser of {worker_id}").touch()
    others = list(tmp_path_factory.getbasetemp().parent.glob("browser of gw*"))
    assert len(others) <= 1, f"two processes have a browser each, and wait for each other: {others}"
    with chromium(path) as started:
        yield started


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a project with two judged runs of one suite."""
    root = tmp_path_factory.mktemp("project")
    write_yaml(root / "harness.yml", REPLAY)
    first = write_run(root / "results")
    shutil.copytree(first, root / "results" / SECOND)
    manifest = root / "results" / SECOND / "manifest.json"
    later = manifest.read_text().replace(RUN, SECOND).replace("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z")
    manifest.write_text(later)
    return root


@pytest.fixture(scope="session")
def viewer(project: Path) -> Iterator[str]:
    """Give the origin of a running viewer."""
    with viewing(project) as (_, address):
        yield address.removesuffix("/runs")


@pytest.fixture(scope="session")
def axe() -> str:
    """Give the source of axe-core."""
    cached = Path(platformdirs.user_cache_dir("prompt-readiness")) / "axe-core" / "axe.min.js"
    path = Path(os.environ.get("AXE_CORE", cached))
    if not path.is_file():
        pytest.skip("no axe-core: `bash .ci/run` fetches it with npm, or set AXE_CORE to the path of an axe.min.js")
    return path.read_text()
