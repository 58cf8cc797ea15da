"""What a branch does to the files that it is judged by: suite, cases, models, baselines and recordings."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from harness.files.baselines import BASELINES
from harness.files.branch.base_policy import Places
from harness.files.branch.changes import Policy, policy_changes
from harness.files.gathering import Gatherer
from harness.files.loading import read_suite
from harness.files.project import ModelEntry
from harness.files.project_loading import find_project
from harness.files.written.findings import Findings, shown


def edits_of(
    suite: Path,
    *,
    base: Places | None,
    models: Mapping[str, ModelEntry],
    root: Path,
    top: Path,
    touched: Collection[str],
) -> tuple[str, ...]:
    """Say it in sentences, gravest first; the branch's files are read here, and never obeyed.

    `suite` is the branch's file, `base` where the base's is laid out, `models` those in force, `touched` the
    paths below `top` that the branch changed. Raises FilesError when the branch leaves them unreadable.
    """
    return (
        *_policy(suite, base, top),
        *(f"{shown(path)} edited." for path in sorted(touched) if Path(path).name == BASELINES),
        *_recordings(models, root, top, touched),
    )


def _policy(suite: Path, base: Places | None, top: Path) -> Iterator[str]:
    written = suite.relative_to(top).as_posix()
    if base is None:
        yield f"{written} is new: the base has no policy for it."
    elif not suite.is_file():
        yield f"{written} deleted."
    else:
        yield from policy_changes(_read(base.suite, base.project), _read(suite, find_project(suite.parent)))


def _read(suite: Path, project: Path | None) -> Policy:
    findings = Findings()
    gather = Gatherer(suite, project, findings)
    checked = read_suite(suite, findings)
    cases = () if checked is None else tuple(gather.cases(checked, None))
    findings.raise_if_any()
    assert checked is not None
    return Policy(suite=checked.model, cases=cases, models=gather.project.models)


def _recordings(
    models: Mapping[str, ModelEntry], root: Path, top: Path, touched: Collection[str]
) -> Iterator[str]:
    for name, entry in models.items():
        if entry.replies is not None:
            path = Path(os.path.relpath((root / entry.replies).resolve(), top)).as_posix()
            if path in touched:
                yield (
                    f"the recorded replies of model `{shown(name)}` ({shown(path)}) edited: "
                    "the figures of this branch rest on what it recorded itself."
                )
