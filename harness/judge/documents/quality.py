"""How well the labels are told apart: the matrix, its scores, slices, the trade-off of a score."""

from typing import Literal

import msgspec

from harness.judge.documents.estimate import Estimate


class LabelScores(msgspec.Struct, frozen=True, kw_only=True):
    """One label against all others."""

    precision: Estimate
    recall: Estimate
    f1: Estimate
    specificity: Estimate
    support: int  # cases whose expected label this is, however often each was asked
    cases: int
    predicted: int


class Confusion(msgspec.Struct, frozen=True, kw_only=True):
    """counts[i][j]: trials with expected label rows[i] read as columns[j]; the last column is `no label`."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


class MajorityBaseline(msgspec.Struct, frozen=True, kw_only=True):
    """What always answering the most frequent label would score (the no-information rate)."""

    label: str
    share: float
    p_value: float | None  # one-sided: accuracy is better than this share


class Classification(msgspec.Struct, frozen=True, kw_only=True):
    """How well the labels are told apart, over original trials of all splits."""

    accuracy: Estimate
    accuracy_worst: float  # if every trial without a label had been wrong (as counted)
    accuracy_best: float  # if every failed trial had been right
    coverage: Estimate  # share of trials with a label
    majority_baseline: MajorityBaseline
    balanced_accuracy: Estimate
    mcc: Estimate
    kappa: Estimate
    macro_f1: Estimate
    labels: dict[str, LabelScores]
    confusion: Confusion
    at_prevalence: dict[str, Estimate] = {}  # precision of labels recomputed at production prevalence
    f_beta: Estimate | None = None  # by `priority`, positive label
    error_cost_per_1000: Estimate | None = None  # expected cost of errors, with `costs`
    averages: dict[str, Estimate] = {}  # every average by its metric's name, those above among them

    def average(self, metric: str) -> Estimate | None:
        """Give an average by its metric's name; None where the report is older than the metric."""
        found = self.averages.get(metric) or getattr(self, metric, None)
        return found if isinstance(found, Estimate) else None


class Slice(msgspec.Struct, frozen=True, kw_only=True):
    """All figures again on a part of the cases: a tag or a split."""

    kind: Literal["tag", "split"]
    name: str
    cases: int
    trials: int
    accuracy: Estimate
    recall: dict[str, Estimate]
    precision: dict[str, Estimate]
    p_value: float | None = None  # accuracy here differs from the rest (Holm-adjusted)
    worst: bool = False  # named only if it differs by more than noise


class ScoreCurve(msgspec.Struct, frozen=True, kw_only=True):
    """Points of a curve with a pointwise band."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()


class OperatingPoint(msgspec.Struct, frozen=True, kw_only=True):
    """A score threshold chosen on dev and judged on holdout."""

    rule: str  # "highest precision with recall >= 90%"
    score: float
    precision: Estimate
    recall: Estimate
    chosen_on: str
    judged_on: str


class Tradeoff(msgspec.Struct, frozen=True, kw_only=True):
    """Precision against recall of the positive label, where replies carry a score."""

    label: str
    n: int
    average_precision: Estimate | None
    roc_auc: Estimate | None
    ece: float | None
    brier: float | None
    pr: ScoreCurve | None
    roc: ScoreCurve | None
    reliability: tuple[tuple[float, float, int], ...] = ()  # mean score, share that is positive, n
    points: tuple[OperatingPoint, ...] = ()
    note: str = ""
