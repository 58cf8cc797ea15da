"""All checks -> one verdict, and the reason for it: the checks which decided. Both make the headline.

A candidate without one reply is NOT MEASURED, whatever its checks say; it is never the best of a run. Any
FAIL: NOT READY. Else any INCONCLUSIVE: INCONCLUSIVE. Else READY: every check passed. "All must pass" is
an intersection-union test (Berger 1982): each check at its own confidence, without correction.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.judge.documents import CandidateAssessment, Check, Trouble, Verdict
from harness.judge.wording import amount, count, listed, scale_of, verb

_ORDER: dict[Verdict, int] = {"READY": 0, "INCONCLUSIVE": 1, "NOT READY": 2, "NOT MEASURED": 3}


def verdict_of(checks: Sequence[Check], *, missing: int) -> Verdict:
    """Give the verdict of a candidate; an unfinished run is never READY."""
    statuses = {check.status for check in checks}
    if "FAIL" in statuses:
        return "NOT READY"
    return "INCONCLUSIVE" if "INCONCLUSIVE" in statuses or missing or not checks else "READY"


def open_by_failures(verdict: Verdict, checks: Sequence[Check]) -> int:
    """Give how many failed calls alone keep a verdict open; 0 where more cases would be needed as well."""
    undecided = [check.depends_on for check in checks if check.status == "INCONCLUSIVE"]
    return max(undecided, default=0) if verdict == "INCONCLUSIVE" and all(undecided) else 0


def not_measured(troubles: Sequence[Trouble]) -> str:
    """Give the reason of a candidate without one reply: the endpoint's words, and what to change."""
    if not troubles:
        return "the endpoint answered no call."
    first = troubles[0]
    where = f" ({first.where})" if first.where else ""
    return f"the endpoint answered no call: {first.message.rstrip('.')}. {first.fix}{where}".strip()


def headline_of(verdict: Verdict, reason: str) -> str:
    """Give the one sentence that stands alone: what was decided, and why."""
    return f"{verdict}: {reason}"


def reason_of(checks: Sequence[Check], verdict: Verdict, *, missing: int = 0, currency: str) -> str:
    """Name the decisive checks: those that failed, else those that are open."""
    if not checks:
        return "there is no threshold to hold the figures against."
    left = f"the run is not finished, {count(missing, 'trial')} {verb(missing, 'was', 'were')} not run"
    told = _decisive(checks, verdict, "", currency)
    if verdict == "READY" or not missing:
        return f"{told}."
    return f"{left}." if not told else f"{left}; {told}."


def reason_of_run(best: CandidateAssessment, candidates: Sequence[CandidateAssessment]) -> str:
    """Give the reason of a run: that of its only candidate, or what was found of the best of several."""
    without = [candidate for candidate in candidates if candidate.verdict == "NOT MEASURED"]
    if without and best.verdict != "NOT MEASURED":
        told = "; ".join(f"{one.name} was NOT MEASURED, {one.reason.rstrip('.')}" for one in without[:4])
        measured = [candidate for candidate in candidates if candidate.verdict != "NOT MEASURED"]
        return f"{told}. Of what was measured: {reason_of_run(best, measured)}"
    if len(candidates) == 1 or not best.checks or without:
        return best.reason
    n, name, checks = len(candidates), best.name, len(best.checks)
    if best.verdict == "READY":
        ready = sum(candidate.verdict == "READY" for candidate in candidates)
        passed = "its only check" if checks == 1 else f"all {checks:,} checks"
        if ready == 1:
            return f"{name} passed {passed}, the only one of {n:,} candidates."
        all_of_them = "both candidates" if n == 2 else f"all {n:,} candidates"
        who = all_of_them if ready == n else f"{ready:,} of {n:,} candidates"
        passed = "their only check" if checks == 1 else passed
        return f"{who} passed {passed}; the best is {name}."
    told = _decisive(best.checks, best.verdict, "its ", best.cost.currency) or "its run is not finished"
    return f"the best of {n:,} candidates is {name}; {told}."


def _decisive(checks: Sequence[Check], verdict: Verdict, whose: str, currency: str) -> str:
    """Name the checks that decided, with what was seen; empty where none of them did."""
    n = len(checks)
    if verdict == "READY":
        return "the only check passed" if n == 1 else f"all {n:,} checks passed"
    status = "FAIL" if verdict == "NOT READY" else "INCONCLUSIVE"
    found = [check for check in checks if check.status == status]
    if not found:
        return ""
    fate = "failed" if status == "FAIL" else f"{verb(len(found), 'is', 'are')} not decided yet"
    which = f"{whose or 'the '}only check" if n == 1 else f"{len(found):,} of {whose}{n:,} checks"
    return f"{which} {fate}: {listed([_seen(check, currency) for check in found], most=4)}"


def _seen(check: Check, currency: str) -> str:
    value = check.estimate.value
    if value is None:
        return check.threshold
    return (
        f"{check.threshold} ({amount(value, scale_of(check.metric), currency, against=check.required)} seen)"
    )


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
