"""All checks -> one verdict, and the headline that names the checks which decided it.

Any FAIL: NOT READY. Else any INCONCLUSIVE: INCONCLUSIVE. Else READY: every check passed. "All must pass" is
an intersection-union test (Berger 1982): each check at its own confidence, without correction.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.judge.assessment import CandidateAssessment, Check, Verdict
from harness.judge.wording import count, listed, verb

_ORDER: dict[Verdict, int] = {"READY": 0, "INCONCLUSIVE": 1, "NOT READY": 2}


def verdict_of(checks: Sequence[Check], *, missing: int) -> Verdict:
    """Give the verdict of a candidate; an unfinished run is never READY."""
    statuses = {check.status for check in checks}
    if "FAIL" in statuses:
        return "NOT READY"
    return "INCONCLUSIVE" if "INCONCLUSIVE" in statuses or missing or not checks else "READY"


def headline_of(checks: Sequence[Check], verdict: Verdict, *, missing: int) -> str:
    """Name the decisive checks: those that failed, else those that are open."""
    if not checks:
        return "INCONCLUSIVE: there is no threshold to hold the figures against."
    if verdict == "READY":
        return f"READY: {_all_passed(len(checks))}."
    status = "FAIL" if verdict == "NOT READY" else "INCONCLUSIVE"
    decisive = [check.threshold for check in checks if check.status == status]
    told = f"{verdict}: {count(len(decisive), 'check')} of {len(checks):,} {_what(status, len(decisive))}"
    if not decisive:
        left = f"{count(missing, 'trial')} {verb(missing, 'was', 'were')} not run"
        return f"{verdict}: the run is not finished; {left}."
    return f"{told}: {listed(decisive, most=4)}."


def _all_passed(n: int) -> str:
    return "the only check passed" if n == 1 else f"all {n:,} checks passed"


def _what(status: str, n: int) -> str:
    return "failed" if status == "FAIL" else f"{verb(n, 'is', 'are')} not decided yet"


def best_first(candidates: Sequence[CandidateAssessment]) -> list[CandidateAssessment]:
    """Sort by verdict, then fewest failed and open checks, then balanced accuracy, then name."""

    def rank(candidate: CandidateAssessment) -> tuple[int, int, int, float, str]:
        failed = sum(check.status == "FAIL" for check in candidate.checks)
        undecided = sum(check.status == "INCONCLUSIVE" for check in candidate.checks)
        balanced = (
            candidate.classification.balanced_accuracy.value or 0.0
        )  # accuracy favours constant answers
        return (_ORDER[candidate.verdict], failed, undecided, -balanced, candidate.name)

    return sorted(candidates, key=rank)
