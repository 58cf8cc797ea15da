"""The command `harness`, also as `python -m harness`; what is broken at its start is no verdict either."""

import os
import sys
from typing import NoReturn

from harness.ending import end_process


def command() -> NoReturn:
    """Be the process `harness`: run the command line and end with its code."""
    end_process(_main)


def _main() -> None:
    if sys.platform == "win32":
        sys.stderr.write(
            "error: the harness needs Linux or macOS.\n  On Windows install it inside WSL: `wsl --install`.\n"
        )
        raise SystemExit(2)
    # Threads for linear algebra cost a fifth of a short command only to be there; nothing here is large enough for any.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from harness.cli.main import main  # here, so that an import that fails ends with 70 and not with 1

    main()


if __name__ == "__main__":
    command()
