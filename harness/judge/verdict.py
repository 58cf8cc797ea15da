"""All checks -> one verdict, and the reason for it: the checks which decided. Both make the headline.

A candidate without one reply is NOT MEASURED, whatever its checks say; it is never the best of a run. Any
FAIL: NOT READY. Else any INCONCLUSIVE: INCONCLUSIVE. Else READY: every check passed.

"All must pass" is an intersection-union test (Berger 1982): each check passes at its own confidence, without
correction, and the p-value of "not ready" is the largest of them. But any one that fails is enough for NOT READY,
and any one candidate that is ready for READY: there Holm (1979) corrects, over a candidate's checks and over the
candidates of a run. So a ready prompt is called NOT READY, and a run of prompts that are not ready READY, in at
most 1 - confidence of runs, however many checks and candidates there are.
"""

from collections.abc import Sequence

import msgspec

from harness import judge

_MOST_NAMED = 3  # candidates that were not measured, in a headline
_ORDER: dict[judge.Verdict, int] = {"READY": 0, "INCONCLUSIVE": 1, "NOT READY": 2, "NOT MEASURED": 3}


def verdict_of(checks: Sequence[judge.Check], *, missing: int) -> judge.Verdict:
    """Give the verdict of a candidate; an unfinished run is never READY."""
    statuses = {check.status for check in checks}
    if "FAIL" in statuses:
        return "NOT READY"
    return "INCONCLUSIVE" if "INCONCLUSIVE" in statuses or missing or not checks else "READY"


def among_candidates(
    candidates: Sequence[judge.CandidateAssessment], error: float
) -> tuple[judge.CandidateAssessment, ...]:
    """Leave open which of several candidates is READY when judged alone, but not for certain among them (Holm)."""
    from harness.judge.scores import holm  # reports read verdicts, and load no numbers for it

    measured = [one for one in candidates if one.verdict != "NOT MEASURED"]
    ready = [max((check.p_value or 0.0 for check in one.checks), default=1.0) for one in measured]
    known = [p if one.verdict == "READY" else 1.0 for one, p in zip(measured, ready, strict=True)]
    adjusted = {one.name: p for one, p in zip(measured, holm(known), strict=True)}
    among = len(measured)
    return tuple(
        _chosen_among(one, error / among, among) if one.verdict == "READY" and adjusted[one.name] > error else one
        for one in candidates
    )


def _chosen_among(one: judge.CandidateAssessment, error: float, among: int) -> judge.CandidateAssessment:
    short = [check for check in one.checks if (check.p_value or 0.0) > error]
    told = "its only check" if len(one.checks) == 1 else f"all {len(one.checks):,} checks"
    reason = (
        f"{told} passed, but of {among:,} candidates one does so by chance: as one of so many, "
        f"{judge.listed([check.threshold for check in short], most=4)} {judge.verb(len(short), 'is', 'are')} not sure "
        f"enough ({judge.sure(1 - error)} confidence). {judge.CONFIRM}"
    )
    return msgspec.structs.replace(
        one,
        verdict="INCONCLUSIVE",
        headline=f"INCONCLUSIVE: {reason}",
        reason=reason,
        next_step=judge.NextStep(kind="collect", sentence=judge.CONFIRM, thresholds=tuple(c.threshold for c in short)),
    )


def open_by_failures(verdict: judge.Verdict, checks: Sequence[judge.Check]) -> int:
    """Give how many failed calls alone keep a verdict open; 0 where more cases would be needed as well."""
    undecided = [check.depends_on for check in checks if check.status == "INCONCLUSIVE"]
    return max(undecided, default=0) if verdict == "INCONCLUSIVE" and all(undecided) else 0


def not_measured(troubles: Sequence[judge.Trouble]) -> str:
    """Give the reason of a candidate without one reply: the endpoint's words, and what to change."""
    return judge.what_decides(troubles) or "the endpoint answered no call."


def reason_of(
    checks: Sequence[judge.Check],
    verdict: judge.Verdict,
    *,
    missing: int = 0,
    currency: str,
    troubles: Sequence[judge.Trouble] = (),
) -> str:
    """Say why first, where the verdict hangs on what went wrong; then the checks that failed or are open."""
    if not checks:
        return "there is no threshold to hold the figures against."
    left = f"the run is not finished, {judge.count(missing, 'trial')} {judge.verb(missing, 'was', 'were')} not run"
    told = _decisive(checks, verdict, "", currency)
    if verdict != "READY" and missing:
        told = left if not told else f"{left}; {told}"
    return _after(judge.what_decides(troubles, advised=False), f"{told}.")


def _after(cause: str, told: str) -> str:
    return f"{cause} {judge.sentence(told)}" if cause else told


def reason_of_run(best: judge.CandidateAssessment, candidates: Sequence[judge.CandidateAssessment]) -> str:
    """Give the reason of a run: what was not measured first, then what was found of the best of the rest."""
    without = [candidate for candidate in candidates if candidate.verdict == "NOT MEASURED"]
    if len(candidates) == 1 or not best.checks:
        return best.reason
    if not without:
        return _reason_of_best(best, candidates)
    measured = [candidate for candidate in candidates if candidate.verdict != "NOT MEASURED"]
    told = f"{_unmeasured(without, len(candidates))} "
    if len(measured) == 1:
        return f"{told}{best.name} was measured: {best.reason}"
    if measured:
        return f"{told}Of those that were measured, {_reason_of_best(best, measured)}"
    return told.rstrip()


def _unmeasured(without: Sequence[judge.CandidateAssessment], n: int) -> str:
    """Name the candidates that were not measured, each with its cause."""
    told: dict[str, list[str]] = {}
    for one in without:
        told.setdefault(one.reason, []).append(one.name)
    causes = [f"{judge.listed(names)}: {reason}" for reason, names in list(told.items())[:_MOST_NAMED]]
    if rest := sum(len(names) for names in list(told.values())[_MOST_NAMED:]):
        causes.append(f"and {rest:,} more.")
    who = "no candidate was measured" if len(without) == n else f"{len(without):,} of {n:,} NOT MEASURED"
    return f"{who}: {'; '.join([*(cause.removesuffix('.') for cause in causes[:-1]), causes[-1]])}"


def _reason_of_best(best: judge.CandidateAssessment, candidates: Sequence[judge.CandidateAssessment]) -> str:
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
    told = _decisive(best.checks, best.verdict, "its ", best.cost.currency)
    told = told or best.reason.removesuffix(".")
    return _after(
        judge.what_decides(best.went_wrong, advised=False), f"the best of {n:,} candidates is {name}; {told}."
    )


def _decisive(checks: Sequence[judge.Check], verdict: judge.Verdict, whose: str, currency: str) -> str:
    """Name the checks that decided, with what was seen; empty where none of them did."""
    n = len(checks)
    if verdict == "READY":
        return "the only check passed" if n == 1 else f"all {n:,} checks passed"
    status = "FAIL" if verdict == "NOT READY" else "INCONCLUSIVE"
    found = [check for check in checks if check.status == status]
    if not found:
        return ""
    fate = "failed" if status == "FAIL" else f"{judge.verb(len(found), 'is', 'are')} not decided yet"
    which = f"{whose or 'the '}only check" if n == 1 else f"{len(found):,} of {whose}{n:,} checks"
    return f"{which} {fate}: {judge.listed([_seen(check, currency) for check in found], most=4)}"


def _seen(check: judge.Check, currency: str) -> str:
    value = check.estimate.value
    if value is None:
        return check.threshold
    seen = judge.amount(value, judge.scale_of(check.metric), currency, against=check.required)
    return f"{check.threshold} ({seen} seen)"


def passed_alone(one: judge.CandidateAssessment) -> bool:
    """Tell whether every check passed, so that only the number of candidates may keep it open."""
    return bool(one.checks) and all(check.status == "PASS" for check in one.checks)


def best_first(candidates: Sequence[judge.CandidateAssessment]) -> list[judge.CandidateAssessment]:
    """Sort by verdict, then fewest failed and open checks, then balanced accuracy, then name."""

    def rank(candidate: judge.CandidateAssessment) -> tuple[int, int, int, float, str]:
        failed = sum(check.status == "FAIL" for check in candidate.checks)
        undecided = sum(check.status == "INCONCLUSIVE" for check in candidate.checks)
        balanced = candidate.classification.balanced_accuracy.value or 0.0  # accuracy favours constant answers
        return (_ORDER[candidate.verdict], failed, undecided, -balanced, candidate.name)

    return sorted(candidates, key=rank)


def taken(
    candidates: Sequence[judge.CandidateAssessment], board: judge.Leaderboard | None
) -> judge.CandidateAssessment:
    """Give the candidate to take, where some are ready, else the one nearest to it."""
    best = best_first(candidates)[0]
    if board is None:
        return best
    return next((one for one in candidates if one.name == board.recommended), best)
