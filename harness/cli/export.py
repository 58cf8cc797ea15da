"""`harness export`: a run's trials as a table for other tools, or its figures to where a team looks."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, cast

import typer

from harness.cli.ground import InertStream, StorageFailed, UsageError, candidate_asked, drop, emit_json, note, options
from harness.cli.judged import as_judged, only
from harness.cli.sending import send

if TYPE_CHECKING:
    from harness.rundir import Manifest


class Format(StrEnum):
    """What a run can be exported to."""

    PARQUET = "parquet"
    CSV = "csv"
    JSONL = "jsonl"
    MLFLOW = "mlflow"
    OTEL = "otel"


def export(
    run: options.RunOrCandidate = "latest",
    to: Annotated[
        Format, typer.Option("--to", case_sensitive=False, help="The format of the table, or who is told.")
    ] = ...,  # type: ignore[assignment]  # typer's mark of a required option
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            dir_okay=False,
            help="Where to write. Without it, csv and jsonl go to stdout, parquet to RUN.parquet here.",
        ),
    ] = None,
    url: Annotated[
        str | None, typer.Option("--url", metavar="URL", help="mlflow, otel: the server; else by its own variable.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Write a run's trials as a table, or send its figures to MLflow or OpenTelemetry.

    A table has a row a trial; docs/export.md says what its columns mean, and what is sent.
    """
    folder, manifest, candidate = candidate_asked(run)
    sends = to in {Format.MLFLOW, Format.OTEL}
    if (output if sends else url) is not None:
        raise UsageError(f"--to {to.value} takes no {'--output' if sends else '--url'}.")
    if sends:
        where, sent = send(to.value, url, only(as_judged(folder, manifest), candidate), manifest)
        if as_json:
            emit_json({"run": manifest.run_id, "to": to.value, "sent": sent})
        else:
            note(f"sent {sent:,} {'events' if to is Format.OTEL else 'metrics'} to {where}")
        return
    if output is None and to is Format.PARQUET:
        output = Path(f"{manifest.run_id}.parquet")
    if output is None and as_json:
        raise UsageError("--json and the rows can't both go to stdout", fix="Name a file with --output.")
    rows = _written(folder, manifest, candidate, to, output)
    if as_json:
        emit_json({"run": manifest.run_id, "format": to.value, "path": str(output), "rows": rows})
    elif output is not None:
        note(f"wrote {rows:,} {'row' if rows == 1 else 'rows'}: {output}")


def _written(folder: Path, manifest: "Manifest", candidate: str, to: Format, output: Path | None) -> int:
    from harness.report.export import trial_rows, write_csv, write_jsonl, write_parquet
    from harness.rundir import JOURNAL

    rows = (row for row in trial_rows(folder, manifest) if candidate in {"", row["candidate"]})
    try:
        match to:
            case Format.PARQUET:
                assert output is not None, "it was named above"
                return write_parquet(rows, output)
            case Format.CSV:
                with _opened(output) as out:
                    return write_csv(rows, out)
            case Format.JSONL:
                with _opened(output) as out:
                    return write_jsonl(rows, out)
            case _:
                raise AssertionError(f"{to} is no table")
    except BrokenPipeError:  # the reader left (`| head`): nothing is wrong
        drop(sys.stdout)
        raise typer.Exit from None
    except OSError as error:
        if error.filename == str(folder / JOURNAL):  # it was read, not written
            raise
        named_wrong = isinstance(error, (FileNotFoundError, NotADirectoryError, PermissionError))
        said = f"could not write {output or 'to stdout'}: {error.strerror or error}"
        kind = UsageError if named_wrong else StorageFailed
        raise kind(said, fix="Name another file with --output.") from error


@contextmanager
def _opened(output: Path | None) -> Iterator[IO[str]]:
    if output is not None:
        with output.open("w", encoding="utf-8", newline="", errors="backslashreplace") as out:
            yield out
        return
    with open(sys.stdout.fileno(), "w", encoding="utf-8", newline="", errors="backslashreplace", closefd=False) as out:
        yield cast("IO[str]", InertStream(out)) if isinstance(sys.stdout, InertStream) else out
