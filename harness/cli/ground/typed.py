"""What a user types: options that several commands share, and what the shell offers for them on Tab.

The offers are quick, and silent about whatever is wrong. No file is validated for them: a key press must not
wait for that, and a message would end up in the command line.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import typer

Offers: TypeAlias = list[tuple[str, str]]

_RUN = re.compile(r"\d{8}T\d{6}Z-(?P<suite>.+)-[0-9a-f]{6}")
_SUITE = re.compile(rb'"suite_name":\s*("(?:[^"\\]|\\.)*")')
_MOST = 200
_SKIPPED = frozenset({"node_modules", "results", "__pycache__"})
_DEEPEST = 4


def _quietly(offer: Callable[[str], Iterable[tuple[str, str]]]) -> Callable[[str], Offers]:
    """Offer nothing where something goes wrong: the command itself will say what."""

    @wraps(offer)
    def offered(incomplete: str) -> Offers:
        with suppress(Exception):
            return [pair for pair in offer(incomplete) if pair[0].startswith(incomplete)][:_MOST]
        return []

    return offered


@_quietly
def runs(incomplete: str) -> Iterator[tuple[str, str]]:  # noqa: ARG001 (one signature)
    """Offer `latest` and the runs, newest first."""
    folders = _run_folders()
    if folders:
        yield "latest", folders[0].name
    for folder in folders:
        match = _RUN.fullmatch(folder.name)
        yield folder.name, match["suite"] if match else ""


@_quietly
def suites(incomplete: str) -> Iterator[tuple[str, str]]:
    """Offer the suite files below this folder, and the folders on the way to others."""
    typed = Path(incomplete if incomplete.endswith("/") else incomplete.rpartition("/")[0] or ".")
    if ".." in typed.parts or typed.is_absolute():
        for entry in sorted(typed.iterdir()):
            if entry.is_dir():
                yield f"{entry}/", ""
            elif entry.name.endswith(".suite.yml"):
                yield str(entry), ""
        return
    prefix = "./" if incomplete.startswith("./") else ""
    for path in below(Path(), ".suite.yml"):
        yield f"{prefix}{path}", _name_in(path)


@_quietly
def suite_names(incomplete: str) -> Iterator[tuple[str, str]]:  # noqa: ARG001
    """Offer the suites that have runs, one for each name of folders, which has no blanks and only plain letters."""
    found = {match["suite"]: folder for folder in _run_folders() if (match := _RUN.fullmatch(folder.name))}
    yield from sorted((_suite_of(folder) or name, "") for name, folder in found.items())


def _suite_of(run: Path) -> str:
    """Give a suite's name as the run wrote it; empty where it can't be read, the others are still offered."""
    with suppress(OSError, ValueError), (run / "manifest.json").open("rb") as manifest:
        if name := _SUITE.search(manifest.read(4096)):
            return str(json.loads(name[1]))
    return ""


@_quietly
def prompts(incomplete: str) -> Iterator[tuple[str, str]]:
    """Offer prompts by name, or by path once a path was begun."""
    for path in below(_root(), ".prompt.yml"):
        name = path.name.removesuffix(".prompt.yml")
        if "/" in incomplete:
            yield str(path), _name_in(_root() / path)
        else:
            yield name, str(path)


@_quietly
def models(incomplete: str) -> Iterator[tuple[str, str]]:  # noqa: ARG001
    """Offer the models of harness.yml."""
    written = _project().get("models") or {}
    for name, entry in written.items():
        yield str(name), str(entry.get("endpoint", "")) if isinstance(entry, dict) else ""


def _root() -> Path:
    """Give the folder of harness.yml, or this one."""
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / "harness.yml").is_file()), here)


def _project() -> dict[str, Any]:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load((_root() / "harness.yml").read_bytes(), Loader=loader) or {}  # noqa: S506 (a safe loader)


def _run_folders() -> list[Path]:
    project: dict[str, Any] = {}
    with suppress(Exception):
        project = _project()
    results = _root() / str(project.get("results") or "results")
    return sorted((f for f in results.iterdir() if (f / "manifest.json").is_file()), reverse=True)


def below(root: Path, ending: str, depth: int = _DEEPEST) -> Iterator[Path]:
    """Yield the files with an ending, relative to `root`, not deeper than a project has them."""
    for entry in sorted(root.iterdir()):
        if entry.is_dir() and depth and entry.name[0] != "." and entry.name not in _SKIPPED:
            for path in below(entry, ending, depth - 1):
                yield Path(entry.name) / path
        elif entry.name.endswith(ending) and entry.is_file():
            yield Path(entry.name)


def _name_in(path: Path) -> str:
    with suppress(OSError, UnicodeDecodeError):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("name:"):
                return line.removeprefix("name:").partition(" #")[0].strip().strip("\"'")
    return ""


MOST_REPEATS = 1000  # as in a suite

Suite = Annotated[Path, typer.Argument(metavar="SUITE", help="A *.suite.yml file.", autocompletion=suites)]
SuiteOrAll = Annotated[
    Path | None, typer.Argument(metavar="SUITE", help="A *.suite.yml file; or --all.", autocompletion=suites)
]
Run = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help="A run's id, a unique prefix of it, its path, or `latest`.", autocompletion=runs
    ),
]
RunOrCandidate = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help="A run, or one candidate of it: `latest:v2@mini`, `latest:v2`.", autocompletion=runs
    ),
]
Prompt = Annotated[
    list[str] | None,
    typer.Option(
        "--prompt", "-p", metavar="P", help="Only this prompt (name or path); may be repeated.", autocompletion=prompts
    ),
]
Model = Annotated[
    list[str] | None,
    typer.Option(
        "--model", "-m", metavar="M", help="Only this model of harness.yml; may be repeated.", autocompletion=models
    ),
]
Repeats = Annotated[
    int | None, typer.Option("--repeats", "-n", min=1, max=MOST_REPEATS, help="Ask this often for every case.")
]
Thresholds = Annotated[
    list[str] | None,
    typer.Option(
        "--thresholds",
        metavar="DEMAND",
        help="Other thresholds: `accuracy >= 90%`, or a file of them; may be repeated.",
    ),
]
Margin = Annotated[
    str | None,
    typer.Option(
        "--margin", metavar="SHARE", help="The loss that would not matter: 2%.", show_default="the suite's own"
    ),
]
Limit = Annotated[
    int | None, typer.Option("--limit", min=1, help="Only N cases: a fixed sample, each label with its share.")
]
TrustedProject = Annotated[
    Path | None,
    typer.Option(
        "--project",
        metavar="DIR",
        file_okay=False,
        exists=True,
        help="Trust the harness.yml of this folder instead of the one here.",
    ),
]
Stop = Annotated[
    bool, typer.Option("--stop", help="Stop asking a candidate once the whole suite's verdict on it is settled.")
]
Add = Annotated[
    tuple[int, str] | None,
    typer.Option(
        "--add", metavar="N RUN", help="Ask N further cases where RUN left the verdict open, and judge both together."
    ),
]
First = Annotated[int | None, typer.Option("--first", min=1, help="Only the first N cases.")]
Cases = Annotated[
    Path | None, typer.Option("--cases", metavar="FILE", help="Other cases than the suite's: a later sample.")
]
MaxCost = Annotated[
    str | None,
    typer.Option("--max-cost", metavar="MONEY", help="Refuse to start when it may cost more, and stop there: $2."),
]
MaxTrials = Annotated[int | None, typer.Option("--max-trials", min=1, help="Stop after N trials.")]
Notify = Annotated[
    str | None,
    typer.Option(
        "--notify",
        metavar="URL",
        help="Tell a webhook the verdict, as Slack takes it; a NAME is a variable that holds the URL.",
    ),
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
    typer.Option(
        "--processes", min=1, help="Measure with this many processes.", show_default="one for each 256 calls in flight"
    ),
]
Via = Annotated[
    Literal["sync", "batch", "flex", "file"] | None,
    typer.Option(
        "--via",
        help="How answers are bought: at once; in a batch, cheaper and within a day; at a slower tier; from a file.",
        show_default="as harness.yml says",
    ),
]
Engine = Annotated[
    Literal["local", "ray"] | None,
    typer.Option(
        "--engine", help="What measures, instead of `engine:` of harness.yml: this machine, or a Ray cluster."
    ),
]
Retry = Annotated[
    Literal["batch", "sync", "lost"],
    typer.Option(
        "--retry",
        help="How what failed in a batch is asked again: in another one, or at once; lost: also what is gone.",
    ),
]
Shard = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="N/OF",
        help="Measure only this share of the cases, to be merged: 3/8, or auto for the scheduler's.",
    ),
]
Template = Annotated[
    Path | None,
    typer.Option(
        "--template",
        metavar="DIR",
        exists=True,  # told before a run is paid for
        file_okay=False,
        help="Your own templates for the HTML report.",
    ),
]
