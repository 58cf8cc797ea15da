"""A `results/` on a file system of its own (small, read-only) that ends with the script which uses it."""

from __future__ import annotations

import functools
import os
import shlex
import shutil
import subprocess
from pathlib import Path

from commanded import COMMAND, HANGS_S, environment

_UNSHARE = shutil.which("unshare")
_ALONE = ["--mount"] if os.getuid() == 0 else ["--mount", "--map-root-user"]

NEEDED = "needs to mount a tmpfs: run as root, or allow unprivileged user namespaces (and install util-linux)"


@functools.cache
def can_mount() -> bool:
    """Tell whether this machine lets a test mount a file system for itself."""
    if _UNSHARE is None:
        return False
    trying = [_UNSHARE, *_ALONE, "mount", "-t", "tmpfs", "none", "/mnt"]
    return subprocess.run(trying, capture_output=True, check=False).returncode == 0


def on_mount(root: Path, options: str, script: str) -> list[subprocess.CompletedProcess[str]]:
    """Run lines of shell beside a `results/` mounted with these options; gives what each line did.

    `$H` is the command; what is left in `results/` at the end is copied to `kept/`.
    """
    assert _UNSHARE is not None
    (root / "results").mkdir()
    lines = [line.strip() for line in script.strip().splitlines()]
    commands = [line.replace("$H", shlex.join(COMMAND)) for line in lines]
    steps = [f"{{ {line}; }} >out.{n} 2>err.{n}; echo $? >code.{n}" for n, line in enumerate(commands)]
    whole = "\n".join([f"mount -t tmpfs -o {options} none results || exit 1", *steps, "cp -a results kept"])
    subprocess.run(
        [_UNSHARE, *_ALONE, "sh", "-c", whole],
        cwd=root,
        env=environment(),
        stdin=subprocess.DEVNULL,
        timeout=HANGS_S,
        check=True,
    )
    done = [
        subprocess.CompletedProcess(
            line, int((root / f"code.{n}").read_text()), *((root / f"{k}.{n}").read_text() for k in ("out", "err"))
        )
        for n, line in enumerate(lines)
    ]
    for each in done:
        assert "Traceback" not in each.stderr, f"{each.args}: {each.stderr}"
    return done
