"""Where a gate's decision goes: files beside the run and for CI, annotations, summary and outputs."""

import secrets
from collections.abc import Sequence
from pathlib import Path

from harness.cli.ground import StorageFailed, emit, emit_command, emit_json, note, on_github, tell_github
from harness.judge import Assessment, Gate
from harness.report.gate import annotations_of, quiet_commands, render_gate, render_gate_junit, terminal_gate
from harness.report.run import render_document, write_reports
from harness.rundir import read_manifest


def write_gate(gate: Gate, runs: Sequence[tuple[Path, Assessment]], out: Path | None) -> None:
    """Write gate.md, gate.json and the test report beside the own reports of each run, and into `out`."""
    contents = {
        "gate.md": render_gate(gate).encode(),
        "gate.json": render_document(gate),
        "gate-junit.xml": render_gate_junit(gate),
    }
    for run, assessment in runs:
        write_reports(run, assessment, read_manifest(run))
        write_all(run, contents)
        note(f"report: {run / 'gate.md'}, {run / 'report.html'}")
    if out is not None:
        write_all(out, contents)
        for n, (run, _) in enumerate(runs, 1):
            name = "report.html" if n == 1 else f"report-{n}.html"
            write_all(out, {name: (run / "report.html").read_bytes()})


def write_all(folder: Path, contents: dict[str, bytes]) -> None:
    """Write files in place of what is there: a link that a branch put there is replaced, not followed."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            temporary = folder / f".{name}.{secrets.token_hex(8)}"
            temporary.write_bytes(content)
            temporary.replace(folder / name)
    except OSError as error:
        fix = "Make room or allow writing there."
        raise StorageFailed(f"could not write to {folder}: {error.strerror}", fix=fix) from error


def tell(gate: Gate, *, as_json: bool) -> None:
    """Print the decision; on GitHub with annotations, and nothing of the content is taken for a command."""
    if as_json:
        emit_json(gate)
    elif on_github():
        token = secrets.token_hex(16)  # nobody can know it beforehand
        emit_command(f"::stop-commands::{token}")
        emit(quiet_commands(terminal_gate(gate)))
        emit_command(f"::{token}::")
    else:
        emit(terminal_gate(gate))
    outputs = {"status": gate.status, "exit-code": str(gate.exit_code), "run": " ".join(gate.run_ids)}
    tell_github(annotations_of(gate), render_gate(gate), outputs, error=as_json)
