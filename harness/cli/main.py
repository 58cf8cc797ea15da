"""The command `harness`: registers the commands, turns errors into messages and exit codes."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from harness import __version__
from harness.cli import checking, inspecting, models, reporting, running, starting
from harness.errors import Exit, HarnessError

app = typer.Typer(
    name="harness",
    help="Tell whether a prompt that acts as a classifier is ready for production on a given model.",
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


START, MEASURE, READ = "Start", "Measure", "Read"

app.command("demo", rich_help_panel=START)(starting.demo)
app.command("init", rich_help_panel=START)(starting.init)
app.command("check", rich_help_panel=MEASURE)(checking.check)
app.command("run", rich_help_panel=MEASURE)(running.run)
app.command("resume", rich_help_panel=MEASURE)(running.resume)
app.add_typer(models.app, name="models", rich_help_panel=MEASURE)
app.command("report", rich_help_panel=READ)(reporting.report)
app.command("list", rich_help_panel=READ)(inspecting.list_runs)
app.command("show", rich_help_panel=READ)(inspecting.show)
app.command("schema", rich_help_panel=READ)(reporting.schema)


def main() -> None:
    """Run the command line and exit with the code of what happened."""
    try:
        app(prog_name="harness")
    except HarnessError as error:
        from harness.cli.console import show_error

        show_error(error)
        sys.exit(int(error.exit_code))
    except KeyboardInterrupt:
        sys.exit(int(Exit.INTERRUPTED))
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our pipe left (`| head`); nothing is wrong
        sys.exit(int(Exit.READY))
