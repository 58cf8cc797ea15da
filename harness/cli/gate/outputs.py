"""Where a gate's decision goes: files beside the run and for CI, annotations, summary and outputs."""

import os
import secrets
from pathlib import Path

from harness.cli.ground import StorageFailed, emit, emit_command, emit_json, note
from harness.judge import Assessment, Gate
from harness.report.gate import annotations_of, quiet_commands, render_gate, render_gate_junit, terminal_gate
from harness.report.run import render_document, write_reports
from harness.rundir import read_manifest

ON_GITHUB = "GITHUB_ACTIONS"


def write_gate(gate: Gate, assessment: Assessment | None, run: Path | None, out: Path | None) -> None:
    """Write gate.md, gate.json and the test report beside the run's own reports, and into `out`."""
    contents = {
        "gate.md": render_gate(gate).encode(),
        "gate.json": render_document(gate),
        "gate-junit.xml": render_gate_junit(gate),
    }
    if run is not None and assessment is not None:
        write_reports(run, assessment, read_manifest(run))
        write_all(run, contents)
        note(f"report: {run / 'gate.md'}, {run / 'report.html'}")
    if out is not None:
        write_all(out, contents)
        if run is not None:
            write_all(out, {"report.html": (run / "report.html").read_bytes()})


def write_all(folder: Path, contents: dict[str, bytes]) -> None:
    """Write files in place of what is there: a link that a branch put there is replaced, not followed."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            temporary = folder / f".{name}.{secrets.token_hex(8)}"
            temporary.write_bytes(content)
            temporary.replace(folder / name)
    except OSError as error:
        raise StorageFailed(
            f"could not write to {folder}: {error.strerror}", fix="Make room or allow writing there."
        ) from error


def tell(gate: Gate, *, as_json: bool) -> None:
    """Print the decision; on GitHub with annotations, and nothing of the content is taken for a command."""
    on_github = os.environ.get(ON_GITHUB) == "true"
    if as_json:
        emit_json(gate)
    elif on_github:
        token = secrets.token_hex(16)  # nobody can know it beforehand
        emit_command(f"::stop-commands::{token}")
        emit(quiet_commands(terminal_gate(gate)))
        emit_command(f"::{token}::")
    else:
        emit(terminal_gate(gate))
    if on_github:
        for command in annotations_of(gate):
            emit_command(command, error=as_json)
        _append("GITHUB_STEP_SUMMARY", render_gate(gate))
        _append("GITHUB_OUTPUT", f"status={gate.status}\nexit-code={gate.exit_code}\nrun={gate.run_id or ''}\n")


def _append(variable: str, text: str) -> None:
    """Append to a file that GitHub names; it is GitHub's loss if that is not possible."""
    path = os.environ.get(variable)
    if path:
        try:
            with Path(path).open("a", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            note(f"{variable}: {error.strerror}")
