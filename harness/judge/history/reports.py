"""What is read of a stored report.json: one place for all who need a few of its figures."""

import msgspec

from harness.files.thresholds import P95
from harness.judge import Estimate, Quantile, SettledEarly


class _Label(msgspec.Struct):
    precision: Estimate
    recall: Estimate


class _PastClassification(msgspec.Struct):
    accuracy: Estimate
    balanced_accuracy: Estimate
    labels: dict[str, _Label]


class _Check(msgspec.Struct):
    status: str


class _Stability(msgspec.Struct):
    agreement: Estimate
    served_models: dict[str, int] = {}
    fingerprints: dict[str, int] = {}


class _PastLatency(msgspec.Struct):
    caller: tuple[Quantile, ...]


class _Slice(msgspec.Struct):
    kind: str
    name: str
    accuracy: Estimate


class PastCandidate(msgspec.Struct):
    """One candidate, with what a history or a list asks of it."""

    name: str
    verdict: str
    cases: int
    classification: _PastClassification
    stability: _Stability
    latency: _PastLatency
    slices: tuple[_Slice, ...] = ()
    trials: int = 0
    outcomes: dict[str, int] = {}
    lost: int | None = None
    not_run: int = 0
    answered: dict[str, Estimate] = {}
    answered_splits: dict[str, Estimate] = {}
    prompt: str = ""
    model: str = ""
    checks: tuple[_Check, ...] = ()
    settled: SettledEarly | None = None

    @property
    def p95(self) -> Estimate | None:
        """The 95th percentile of the callers' latency; None where nothing was timed."""
        return next((part.estimate for part in self.latency.caller if part.q == P95.quantile), None)

    @property
    def share_lost(self) -> float:
        """The share of trials that the endpoint failed; early reports tell only how many failed at all."""
        failed = self.outcomes.get("failed", 0) if self.lost is None else self.lost
        return failed / self.trials if self.trials else 0.0


class PastReport(msgspec.Struct):
    """The part of report.json that a history or a list of runs asks for; the rest is skipped unread."""

    schema_version: int
    complete: bool
    candidates: tuple[PastCandidate, ...]
    verdict: str = ""
    headline: str = ""
    reason: str = ""
    journalled_trials: int | None = None


def read_report(report: bytes) -> PastReport:
    """Read what is asked of a stored report. Raises msgspec's errors, UnicodeError or RecursionError."""
    return msgspec.json.decode(report, type=PastReport)
