"""The progress of a download is read from a folder that pip changes at the same time."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

from harness.measure.endpoint.embedded.weights import _size_below


def test_the_size_of_a_folder_is_the_sum_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "one").write_bytes(b"x" * 10)
    (tmp_path / "two").write_bytes(b"x" * 5)
    assert _size_below(tmp_path) == 15
    assert _size_below(tmp_path / "missing") == 0


def test_folders_that_vanish_while_it_looks_do_not_stop_a_download(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_bytes(b"x" * 7)
    stop = threading.Event()

    def churn() -> None:
        while not stop.is_set():
            nested = tmp_path / "tracker" / "deep" / "deeper"
            nested.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(tmp_path / "tracker")

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        sizes = {_size_below(tmp_path) for _ in range(3000)}
    finally:
        stop.set()
        thread.join()
    assert sizes == {7}
