"""What is to be measured, and what it would cost."""

from __future__ import annotations

from harness.measure.plan.cost import CandidateCost, PlanSummary, estimate
from harness.measure.plan.trials import Plan, Planned

__all__ = ["CandidateCost", "Plan", "PlanSummary", "Planned", "estimate"]
