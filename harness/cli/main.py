"""The command `harness`: registers the commands, turns errors into messages and exit codes."""

import sys
from importlib import import_module
from typing import Annotated

import typer

from harness import __version__
from harness.cli import ground

EXIT_CODES = """Exit codes:

\b
  0    READY, or the command did what it was asked
  1    NOT READY
  2    a mistake in the command or in a file; nothing was sent
  3    INCONCLUSIVE: these cases prove neither
  4    not finished; `harness resume` goes on (`--failed` sends failed calls again)
  5    nothing was measured: the endpoint refuses every call
  70   an unexpected error of the harness: never a verdict
  130  stopped by Ctrl-C (143: by SIGTERM or SIGHUP); `harness resume` goes on
"""

app = typer.Typer(
    name="harness",
    cls=ground.Commands,
    help="Tell whether a prompt that acts as a classifier is ready for production on a given model.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"harness {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Tell whether a prompt that acts as a classifier is ready for production on a given model."""


# In the order of the help: the module of `harness.cli` and the name in it; a name `app` is a group.
COMMANDS = {
    "demo": "init.demo",
    "init": "init.init",
    "import": "init.import_",
    "check": "check.check",
    "run": "run.run",
    "resume": "run.resume",
    "merge": "run.merge",
    "judge": "judge.judge",
    "report": "judge.report",
    "compare": "compare.compare",
    "baseline": "baseline.app",
    "gate": "gate.command.gate",
    "upgrade": "upgrade.command.upgrade",
    "history": "history.history",
    "list": "list_runs.list_runs",
    "show": "show.show",
    "view": "view.view",
    "export": "export.export",
    "models": "models.app",
    "schema": "schema.schema",
}


def _register(name: str, where: str) -> None:
    """Add a command; the list of commands shows the first sentence of its docstring, uncut."""
    module, _, attribute = where.rpartition(".")
    command = getattr(import_module(f"harness.cli.{module}"), attribute)
    if isinstance(command, typer.Typer):
        app.add_typer(command, name=name, short_help=command.info.help)
        return
    sentence = (command.__doc__ or "").strip().partition("\n\n")[0]
    app.command(name, short_help=" ".join(sentence.split()))(command)


for _name, _where in COMMANDS.items():
    _register(_name, _where)
_command = typer.main.get_command(app)


def main() -> None:
    """Run the command line and exit with the code of what happened."""
    ground.keep_streams_usable()
    try:
        sys.exit(_command(prog_name="harness", standalone_mode=False))
    except ground.COMPLAINT as complaint:
        if (mistake := ground.told(complaint)) is not None:
            ground.show_error(mistake)
        sys.exit(int(ground.Exit.USAGE))
    except ground.HarnessError as error:
        ground.show_error(error)
        sys.exit(int(error.exit_code))
    except OSError as error:  # a file or folder that can't be read: what writes says more itself
        ground.show_error(_unreadable(error))
        sys.exit(int(ground.Exit.USAGE))
    except KeyboardInterrupt:
        sys.exit(int(ground.Exit.INTERRUPTED))
    except Exception as error:  # whatever nobody thought of must not end with the code of a verdict
        ground.show_unexpected(error)
        sys.exit(int(ground.Exit.UNEXPECTED))


def _unreadable(error: OSError) -> ground.UsageError:
    if isinstance(error, FileNotFoundError) and error.filename is None:  # what Path.cwd() raises
        return ground.UsageError("the working folder is gone", fix="Change to one that exists.")
    what = f"{error.filename}: " if error.filename else ""
    return ground.UsageError(f"{what}{error.strerror or error}", fix="Make it readable, or name another.")
