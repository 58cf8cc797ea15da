"""The command `harness`, also as `python -m harness`; what is broken at its start is no verdict either."""

from typing import NoReturn

from harness.ending import end_process


def command() -> NoReturn:
    """Be the process `harness`: run the command line and end with its code."""
    end_process(_main)


def _main() -> None:
    from harness.cli.main import main  # here, so that an import that fails ends with 70 and not with 1

    main()


if __name__ == "__main__":
    command()
