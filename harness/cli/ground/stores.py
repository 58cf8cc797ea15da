"""Runs that lie in an object store: each is copied to this project's results, and worked on there.

Of a run only its manifest and its journal are asked for, by name, so no name in the store chooses a path here, and
permission to read single objects is enough. The copy gets its place only once it is whole and its journal checked.
Nothing is written to a store. Its keys are read by obstore (MIT, one wheel) from the variables of its provider.
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from filecmp import cmp
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import Any

from harness.cli.ground.console import note, without_keys
from harness.errors import HarnessError, StorageFailed, UsageError, how_to_install
from harness.journal import RunLock

_ADDRESS = re.compile(r"(?P<run>(?P<store>(?P<kind>s3|gs|az)://[\w.-]+)/(?P<path>[^?#:]*[^?#:/]))/*(?::(?P<name>.+))?")
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")  # becomes the name of a folder
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"|`[^`]*`')  # a client may quote the key that it could not read
_STATUS = re.compile(r"status code: (416|429|5\d\d)\b")
_PART = 8 << 20  # bytes of one request, which obstore ends after 30 s
_MOST = {"manifest.json": 64 << 20, "journal.jsonl": 64 << 30}  # bytes
_MOST_SAID = 300
_COPYING, _HELD = ".fetched-", "copying.lock"
_OF_STORE = {"s3": "AWS_", "gs": "GOOGLE_", "az": "AZURE_"}
_SERVER = re.compile(r"AWS_ENDPOINT(_URL(_S3)?)?|GOOGLE_BASE_URL|AZURE_(STORAGE_)?ENDPOINT")
_KEYS = {
    "s3": "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}


def fetch_run(ref: str, results: Path) -> tuple[Path, str]:
    """Copy the run at `s3://BUCKET/FOLDER`, or `s3://BUCKET/FOLDER:CANDIDATE`: gives its folder here, the candidate.

    A run that is here already is left as it is. Raises UsageError for what can't be read, or differs from the run
    of its id that is here, and StorageFailed where it can't be kept.
    """
    named = _ADDRESS.fullmatch(ref)
    if named is None:  # it is not repeated: it may hold a key
        fix = "Write s3://BUCKET/FOLDER, or likewise gs:// or az://: without `?`, `#` and `:` in FOLDER, and no key."
        raise UsageError("That is not an address at which a run can be read.", fix=fix)
    try:
        results.mkdir(parents=True, exist_ok=True)
        _sweep(results)
        with TemporaryDirectory(prefix=_COPYING, dir=results) as around, RunLock(Path(around) / _HELD):
            copy = Path(around) / "run"
            copy.mkdir()
            run = results / _copied(named, copy)
            try:
                copy.rename(run)
                note(f"copied {named['run']} to {run}")
            except OSError:
                if not run.exists():
                    raise
                if not all((run / name).is_file() and cmp(copy / name, run / name, shallow=False) for name in _MOST):
                    message = f"{named['run']} differs from {run}, which has its id."
                    raise UsageError(message, fix=f"Name {run}, or move it away first.") from None
                note(f"{named['run']} is here already: {run}")
    except OSError as error:
        raise StorageFailed(f"{results}: {error.strerror or error}", fix="Make room or allow writing there.") from error
    return run, named["name"] or ""


def _sweep(results: Path) -> None:
    """Remove what commands that were killed had copied: whoever copies still holds a lock in it."""
    for left in results.glob(f"{_COPYING}*"):
        with suppress(OSError, HarnessError):
            if (left / _HELD).is_file():  # else it begins just now
                with RunLock(left / _HELD):
                    rmtree(left)


def _copied(named: re.Match[str], copy: Path) -> str:
    """Copy the files of a run and check them; gives the run's id. Raises UsageError, OSError where writing fails."""
    from harness.rundir import events_of, read_manifest

    try:
        from obstore.store import from_url
    except ImportError:
        message = f"reading {named['kind']}:// needs obstore, which is not installed"
        raise UsageError(message, fix=how_to_install("tables")) from None
    _check_environment(_OF_STORE[named["kind"]])
    with _refusals(named):
        store = from_url(named["store"], retry_config={"max_retries": 3})
    for name in _MOST:
        with (copy / name).open("xb") as file:
            for part in _parts(store, named, name):
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
    try:
        run_id = read_manifest(copy).run_id
        deque(events_of(copy), maxlen=0)  # every line is checked before this is a run here
    except HarnessError as error:
        raise UsageError(error.message.replace(str(copy), named["run"]), fix="Nothing was kept of it.") from None
    if not _RUN_ID.fullmatch(run_id):
        fix = "Restore it from a copy."
        raise UsageError(f"{named['run']}/manifest.json: its run_id can't name a folder.", fix=fix)
    return run_id


def _check_environment(prefix: str) -> None:
    """Refuse, by name, a variable of a store that its client would end the whole process for. Raises UsageError.

    A server named at `http://` is asked there: its client would want another variable for that.
    """
    for name, value in [*os.environ.items()]:
        if name.startswith(prefix) and _SERVER.fullmatch(name):
            if not value.startswith(("https://", "http://")):
                raise UsageError(f"{name} is no address of a server.", fix="Begin it with https:// or http://.")
            if value.startswith("http://"):
                os.environ.setdefault(f"{prefix}ALLOW_HTTP", "true")
        plain = value.lstrip().startswith("{") or (value.isascii() and value.isprintable())  # JSON has lines
        if name.startswith(prefix) and not plain:
            raise UsageError(f"{name} holds a line break, or what is not ASCII.", fix="Set it again without.")


def _parts(store: Any, named: re.Match[str], name: str) -> Iterator[bytes]:  # noqa: ANN401 - obstore is an extra
    """Yield an object by parts, all of one version of it and together as long as the store says. Raises UsageError."""
    import obstore

    at, size = 0, 1
    asked: Any = {}
    while at < size:
        with _refusals(named, name):
            asked |= {"range": (at, at + _PART)}
            got = obstore.get(store, f"{named['path']}/{name}", options=asked)
            size, tag = got.meta["size"], got.meta["e_tag"]
            asked = {"if_match": tag} if tag else {}
            if size > _MOST[name]:
                raise UsageError(f"{named['run']}/{name}: larger than {_MOST[name]:,} bytes", fix="Name another run.")
            part = bytearray()
            for chunk in got:
                part += chunk
                if len(part) > _PART:
                    break
        if len(part) != min(_PART, size - at):
            raise UsageError(f"{named['run']}/{name}: the store sent another length than it said.", fix="Try again.")
        at += len(part)
        yield bytes(part)


@contextmanager
def _refusals(named: re.Match[str], name: str = "") -> Iterator[None]:
    """Say what a store, or its client, refuses, and what to do. Raises UsageError."""
    from obstore.exceptions import BaseError, PermissionDeniedError, PreconditionError, UnauthenticatedError

    where = f"{named['run']}/{name}" if name else named["run"]
    keys = f"Set {_KEYS[named['kind']]}"
    try:
        yield
    except FileNotFoundError:
        raise UsageError(f"{where} does not exist.", fix="Name the folder of a run, as it is in the store.") from None
    except PreconditionError:
        raise UsageError(f"{where} changed while it was read.", fix="Try again when its run has ended.") from None
    except (PermissionDeniedError, UnauthenticatedError):
        fix = f"{keys} to a key that may read it; without the right to list, a wrong address is refused alike."
        raise UsageError(f"{where}: the store refuses to give it.", fix=fix) from None
    except (BaseError, ValueError) as error:
        if status := _STATUS.search(str(error)):
            if status[1] == "416":  # no range of it can be given
                raise UsageError(f"{where} is empty.", fix="Copy that run to the store again, whole.") from None
            raise UsageError(f"{where}: the store answers with HTTP {status[1]}.", fix="Try again later.") from None
        said = _QUOTED.sub("...", (str(error).splitlines() or [""])[0])
        raise UsageError(
            f"{where} can't be read: {without_keys(said)[:_MOST_SAID]}", fix=f"{keys}, and check the address."
        ) from None
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # what obstore raises where Rust gives up; no Exception
            raise
        raise UsageError(f"{where} can't be read: obstore gave up.", fix=f"{keys}, and check the address.") from None
