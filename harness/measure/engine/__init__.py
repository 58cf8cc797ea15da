"""Engines: they measure the trials of a plan, in this process or in several, and put records into a sink."""

from __future__ import annotations

from harness.measure.engine.contract import Outcome, Sink, Work
from harness.measure.plan import Plan

__all__ = ["Outcome", "Sink", "Work", "run_engine"]


def run_engine(work: Work, plan: Plan, sink: Sink, *, processes: int) -> Outcome:
    """Measure what is left of a plan; what ends it early is in the outcome."""
    if processes > 1:
        from harness.measure.engine.processes import run_processes

        return run_processes(work, sink, processes)
    from harness.measure.engine.local import run_local

    return run_local(work, plan, sink)
