"""`harness view`: runs, cases and replies in a browser, on this machine, read-only."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from harness.cli.ground import UsageError, emit, emit_json, how_to_install, note, options, project_here

if TYPE_CHECKING:
    from harness.web.site import Results

RunToOpen: TypeAlias = Annotated[
    str | None,
    typer.Argument(
        metavar="RUN", help="The run to open: an id, a prefix, a path or `latest`.", autocompletion=options.runs
    ),
]
PortOption: TypeAlias = Annotated[
    int | None,
    typer.Option("--port", min=0, max=65_535, help="The port; 0 takes any.", show_default="8321 or the next free"),
]
HostOption: TypeAlias = Annotated[
    str, typer.Option("--host", metavar="ADDRESS", help="Where to listen; beyond this machine with --token only.")
]
TokenOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--token",
        metavar="TEXT",
        envvar="HARNESS_VIEW_TOKEN",
        show_envvar=True,
        help="What readers must show: 16 characters or more.",
    ),
]
ExportOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--export",
        metavar="DIR",
        help="Write the pages of one run, the latest unless named, as files into a new folder, and serve nothing.",
    ),
]
OpenOption: TypeAlias = Annotated[bool, typer.Option("--open", help="Open it in the browser at once.")]


def view(
    run: RunToOpen = None,
    port: PortOption = None,
    host: HostOption = "127.0.0.1",
    token: TokenOption = None,
    open_it: OpenOption = False,
    export: ExportOption = None,
    as_json: options.Json = False,
) -> None:
    """Look at runs, cases and replies in a browser: on this machine, read-only, until Ctrl-C."""
    _need_the_extra()
    from harness.web import app, serving, site

    if export is not None:
        if port is not None or host != "127.0.0.1":
            raise UsageError("--export writes files and listens nowhere", fix="Leave out --port and --host.")
        _export(*site.results_for(project_here().results, run or "latest"), export, open_it, as_json)
        return
    serving.check_reach(host, token)
    results, opened = site.results_for(project_here().results, run)
    bound = serving.bind(host, port)
    address = serving.opening(bound, site.run_address(opened) if opened else "/runs", token)

    def ready() -> None:
        if as_json:
            emit_json({"url": address, "results": str(results.root)})
        else:
            emit(address)
            note("read-only; it follows runs that go on; Ctrl-C stops it")
        if open_it:
            import webbrowser

            webbrowser.open(address)

    try:
        serving.serve(app.viewer(results, hosts=bound.hosts, token=token, opened=opened), bound, ready=ready)
    except KeyboardInterrupt:
        note("stopped")


def _export(results: "Results", run: str | None, folder: Path, open_it: bool, as_json: bool) -> None:
    from harness.web import export, site

    assert run is not None, "a run was asked for"
    pages = export.export(site.Site(results, patience_s=3_600), run, folder)
    index = folder / "index.html"
    if as_json:
        emit_json({"index": str(index), "run": run, "pages": pages})
    else:
        emit(str(index))
        note(f"{pages:,} pages of {run}, for a browser, an artifact or a bucket; they hold every case and reply")
    if open_it:
        import webbrowser

        webbrowser.open(index.resolve().as_uri())


def _need_the_extra() -> None:
    """Import what the extra `view` brings. Raises UsageError without it."""
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in {"starlette", "uvicorn"}:
            raise
        fix = how_to_install("view")
        raise UsageError(f"the viewer needs {missing.name}, which is not installed", fix=fix) from None
