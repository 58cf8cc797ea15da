"""Options that several commands share, so that they read and behave alike."""

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.ground import completion

MOST_REPEATS = 1000  # as in a suite

Suite = Annotated[
    Path,
    typer.Argument(metavar="SUITE", help="A *.suite.yml file.", show_default=False, autocompletion=completion.suites),
]
Run = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help="A run's id, a unique prefix of it, its path, or `latest`.", autocompletion=completion.runs
    ),
]
Prompt = Annotated[
    list[str] | None,
    typer.Option(
        "--prompt",
        "-p",
        metavar="P",
        help="Only this prompt (name or path); may be repeated.",
        autocompletion=completion.prompts,
    ),
]
Model = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        "-m",
        metavar="M",
        help="Only this model of harness.yml; may be repeated.",
        autocompletion=completion.models,
    ),
]
Repeats = Annotated[
    int | None,
    typer.Option("--repeats", "-n", min=1, max=MOST_REPEATS, help="Ask this often for every case.", show_default=False),
]
Limit = Annotated[
    int | None,
    typer.Option("--limit", min=1, help="Only N cases: a fixed sample, each label with its share.", show_default=False),
]
First = Annotated[int | None, typer.Option("--first", min=1, help="Only the first N cases.", show_default=False)]
Cases = Annotated[
    Path | None,
    typer.Option("--cases", metavar="FILE", help="Other cases than the suite's: a later sample.", show_default=False),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout and nothing else there.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Say on stderr why the pace changes, what is retried, what fails.")
]
Debug = Annotated[
    bool, typer.Option("--debug", help="Write every HTTP exchange, without keys, to debug.log in the run's folder.")
]
Processes = Annotated[
    int | None,
    typer.Option("--processes", min=1, help="Measure with this many processes.", show_default="as many as help"),
]
Template = Annotated[
    Path | None,
    typer.Option(
        "--template",
        metavar="DIR",
        exists=True,  # told before a run is paid for
        file_okay=False,
        help="Your own templates for the HTML report.",
        show_default=False,
    ),
]
