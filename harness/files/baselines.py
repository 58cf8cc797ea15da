"""baselines.yml: for each suite the run that new ones are held against, with its figures.

Written by `harness baseline set` and committed, so that a baseline moves only when somebody moves it. The
figures are enough for relative thresholds: the run's own folder may be gone, or on another machine.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import yaml
from pydantic import Field, ValidationError

from harness.errors import UsageError
from harness.files.written import Entries, Findings, Path_, Reporter, Written, parse, read_written, reason, shown

BASELINES = "baselines.yml"
HEADER = """\
# The runs that new runs are held against. Written by `harness baseline set RUN`; commit it.
# Thresholds such as `accuracy >= baseline - 2%` and `latency.p95 <= baseline * 1.2` refer to these figures.
"""

_TEXTS: tuple[Path_, ...] = (
    *(("*", key) for key in ("run", "set_utc", "suite_digest", "git_commit")),
    *(("*", "candidates", "*", key) for key in ("prompt", "model", "prompt_digest", "model_digest", "currency")),
)


class StoredFigure(Written):
    """One figure with its interval, in the metric's own unit."""

    value: float = Field(allow_inf_nan=False)
    n: int = Field(0, ge=0)
    low: float | None = Field(None, allow_inf_nan=False)
    high: float | None = Field(None, allow_inf_nan=False)


class StoredCandidate(Written):
    """One prompt on one model: digests of what was sent, and figures by the names that thresholds write."""

    prompt: str
    model: str
    prompt_digest: str
    model_digest: str
    currency: str | None = Field(None, pattern=r"^[A-Z]{3}$")  # of money; early versions did not write it
    figures: dict[str, StoredFigure] = {}


class StoredBaseline(Written):
    """The baseline of one suite."""

    run: str
    set_utc: str
    suite_digest: str
    git_commit: str | None = None
    confidence: float = Field(0.95, gt=0, lt=1)
    candidates: dict[str, StoredCandidate] = Field(min_length=1)


def read_baselines(root: Path) -> dict[str, StoredBaseline]:
    """Read the baselines of a project by suite; empty where none is set. Raises FilesError."""
    path = root / BASELINES
    if not path.is_file():
        return {}
    findings = Findings()
    text = read_written(path, findings)
    says = text is not None and any(line.strip() and not line.lstrip().startswith("#") for line in text.splitlines())
    tree = parse(text, path, findings) if text is not None and says else None
    found = {} if tree is None else _each(tree, path, findings)
    findings.raise_if_any()
    return found


def _each(tree: Entries, path: Path, findings: Findings) -> dict[str, StoredBaseline]:
    found = {}
    for suite in tree.entries:
        node, line, _ = tree.at((suite,))
        if not isinstance(node, Entries):
            findings.add(path, line, shown(suite), "must be a mapping with a `run`.")
            continue
        try:
            found[suite] = StoredBaseline.model_validate(node.value(_TEXTS, (suite,)))
        except ValidationError as error:
            Reporter(StoredBaseline, tree, path, findings, (suite,)).all(error)
    return found


def write_baselines(root: Path, baselines: Mapping[str, StoredBaseline]) -> Path:
    """Replace the file in one step; without any baseline it is removed."""
    path = root / BASELINES
    try:
        if not baselines:
            path.unlink(missing_ok=True)
            return path
        content = {name: baselines[name].model_dump(mode="json", exclude_none=True) for name in sorted(baselines)}
        body = yaml.safe_dump(content, sort_keys=False, default_flow_style=None, allow_unicode=True, width=1_000_000)
        temporary = root / f".{BASELINES}.{os.getpid()}"
        temporary.write_text(HEADER + body, encoding="utf-8", newline="\n")
        temporary.replace(path)
    except OSError as error:
        raise UsageError(f"{path}: {reason(error)}.", fix="Allow writing there.") from None
    return path
