"""A table of a run -> one view for each of its candidates."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from harness.files.suite import Suite
from harness.judge.documents.history import PastRun
from harness.judge.sections.timing_quality import TIMING, timing_quality_section
from harness.judge.table.read import RunTable
from harness.judge.view import View
from harness.rundir import Manifest


def views_from(manifest: Manifest, table: RunTable, past: Sequence[PastRun] = ()) -> list[View]:
    """Give each candidate with its trials; what is the same for all of them is shared."""
    suite = Suite.model_validate(manifest.suite)
    of_run: dict[str, Any] = {}
    views = [
        View(
            manifest=manifest,
            suite=suite,
            entry=entry,
            cases=table.cases,
            every_trial=table.trials[entry.name],
            of_run=of_run,
            past=past,
        )
        for entry in manifest.candidates
    ]
    for view in views:  # comparisons have no other way to know it
        view.once(TIMING, partial(timing_quality_section, view, table, ()))
    return views
