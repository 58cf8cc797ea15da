"""Writes docs/command-line.md from what every command says with --help.

python docs/command_line.py          # writes the page
python docs/command_line.py --print  # shows what it would write
"""

from __future__ import annotations

import io
import re
import sys
from contextlib import redirect_stdout, suppress
from pathlib import Path
from unittest import mock

PAGE = Path(__file__).parent / "command-line.md"
TOP = """# Command line

This page lists every command with its options, as `--help` prints them, then exit codes and environment variables.
It is written by `docs/command_line.py`.

Every command takes `--help`. `--json` prints one JSON document on stdout and nothing else there; progress, notes and
errors go to stderr. A RUN is an id, a unique beginning of one, a path, `latest`, or one of them with `:candidate`.
`harness --install-completion` lets Tab complete runs, suites, prompts and models.
"""
BOTTOM = """
## Exit codes

| code | meaning |
|---|---|
| 0 | READY, SWITCH or PASS; or the command did what it was asked |
| 1 | NOT READY, DON'T SWITCH or FAIL |
| 2 | a mistake in the command or in a file, a damaged journal, a locked or changed run; nothing was sent |
| 3 | INCONCLUSIVE; of `check --strict`: these cases can't prove a threshold |
| 4 | not finished: a bound is reached, storage failed, the endpoint went down or refuses what is left, a batch is waited for; `harness resume` goes on. Or only failed calls keep the verdict open: `harness resume --failed` sends them again |
| 5 | nothing was measured: the endpoint refuses every call (wrong key or address, unknown model or parameter, no quota); of a gate: a changed prompt, or its base version, was not measured |
| 70 | an unexpected error of the harness, never a verdict; a file with the details is named |
| 130, 143 | stopped by Ctrl-C, by SIGTERM or SIGHUP; `harness resume` goes on |

## Environment variables

| variable | meaning |
|---|---|
| those that `harness.yml` names (`api_key_env`, `${NAME}` in headers) | keys; read when a call is made, never written |
| `HARNESS_CACHE` | folder of the embedded model's weights; the user's cache folder if unset |
| `HARNESS_VIEW_TOKEN` | the token of a viewer that [others may reach](viewer.md#who-can-read-it) |
| `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY` | the [proxy](endpoints.md#keys-of-every-entry) of calls |
| `SSL_CERT_FILE`, `SSL_CERT_DIR` | certificates to trust; `ca_file:` of a model goes first |
| `NO_COLOR`, `FORCE_COLOR`, `TERM`, `COLUMNS` | how the terminal is written to |
| `GITHUB_ACTIONS`, `GITHUB_STEP_SUMMARY`, `GITHUB_OUTPUT` | annotations, the page of the step, its outputs |
| `TF_BUILD`, `TEAMCITY_VERSION` | as under GitHub: no line of the output instructs the service |
| `SLURM_ARRAY_TASK_ID`, `JOB_COMPLETION_INDEX`, `CI_NODE_INDEX` and [their kin](scaling.md) | which shard `--shard auto` is |
| `RAY_ADDRESS` | the cluster of `engine: ray`, where `harness.yml` names none |
| `AWS_...`, `GOOGLE_APPLICATION_CREDENTIALS`, `AZURE_STORAGE_...` | keys of the [object store](runs.md#in-an-object-store) that a run or a table is read from |
| `MLFLOW_TRACKING_URI`, `MLFLOW_EXPERIMENT_NAME`, `OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_EXPORTER_OTLP_LOGS_ENDPOINT` | where `harness export` sends figures |
"""


def helped(*command: str) -> str:
    """Give what a command says with --help to a pipe."""
    from harness.cli.main import main

    said = io.StringIO()
    with redirect_stdout(said), suppress(SystemExit), mock.patch.object(sys, "argv", ["harness", *command, "--help"]):
        main()
    return said.getvalue().strip("\n")


def commands_of(text: str) -> list[str]:
    """Give the names of the commands below a command, from its help."""
    below = text.partition("Commands:\n")[2].partition("\n\n")[0]
    return re.findall(r"^  ([a-z]+)", below, re.MULTILINE)


def page() -> str:
    """Give the whole page."""
    names = [(name,) for name in commands_of(helped())]
    told = {name: helped(*name) for name in names}
    told |= {(*name, sub): helped(*name, sub) for name, text in told.items() for sub in commands_of(text)}
    order = sorted(told, key=lambda name: (names.index(name[:1]), name))
    parts = (
        f'\n## harness {" ".join(name)}\n\n```text of="harness {" ".join(name)} --help"\n{told[name]}\n```\n'
        for name in order
    )
    return "".join((TOP, *parts, BOTTOM))


if __name__ == "__main__":
    if "--print" in sys.argv:
        sys.stdout.write(page())
    else:
        PAGE.write_text(page(), encoding="utf-8")
