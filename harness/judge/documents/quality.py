"""How well the labels are told apart: the matrix, its scores, slices, the trade-off of a score; here and elsewhere.

Elsewhere is another split, new data, and the cases without those that leak.
"""

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
    ece_by_chance: float | None = None  # perfectly calibrated scores stay below it in `confidence` of runs


class SplitGap(msgspec.Struct, frozen=True, kw_only=True):
    """A metric on dev minus the same on another split."""

    metric: str
    dev: Estimate
    other_split: str
    other: Estimate
    gap: Estimate
    p_value: float | None


class VersionPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a prompt, on dev and on the other split."""

    prompt: str
    prompt_digest: str
    run_id: str
    dev: Estimate
    other: Estimate


class VersionCurve(msgspec.Struct, frozen=True, kw_only=True):
    """How dev and the other split moved over the versions of a prompt, the first to this one."""

    other_split: str
    points: tuple[VersionPoint, ...]
    dev_gain: Estimate
    other_gain: Estimate
    lead: Estimate  # gain on dev minus gain there
    overfitting: bool
    sentence: str


class NewData(msgspec.Struct, frozen=True, kw_only=True):
    """The suite's own cases in an earlier run of this candidate, against the new cases of this one."""

    run_id: str
    cases: int
    gaps: tuple[SplitGap, ...]  # `dev` is the earlier run, `other` the new data
    worse: bool
    sentence: str


class Generalization(msgspec.Struct, frozen=True, kw_only=True):
    """Whether what holds on dev holds on cases that nobody tuned to."""

    gap: Estimate  # accuracy, dev minus holdout (or earlier run minus new data): `generalization.gap`
    gaps: tuple[SplitGap, ...]
    note: str = ""
    versions: VersionCurve | None = None
    new_data: NewData | None = None


class LeakFinding(msgspec.Struct, frozen=True, kw_only=True):
    """Two texts that should not meet."""

    kind: str  # example_in_cases, quoted_in_prompt, dev_in_holdout, conflicting_labels, ...
    case: str
    other: str  # case id, or where in the prompt
    similarity: float
    text: str
    other_text: str
    measure: str = ""  # exact, characters or words (Jaccard of their n-grams), aligned


class LabelWord(msgspec.Struct, frozen=True, kw_only=True):
    """How many inputs hold a label as a word."""

    label: str
    own: int  # inputs of cases that expect it
    of_own: int
    others: int
    of_others: int


class Leakage(msgspec.Struct, frozen=True, kw_only=True):
    """Cases whose answer the prompt, or another split, gives away."""

    findings: tuple[LeakFinding, ...]
    leaked_cases: int  # the metric `leakage`
    duplicates: int = 0  # cases that nearly repeat another of their split: they give nothing away
    conflicts: int = 0  # cases that nearly repeat another with a different label
    accuracy_with: Estimate | None = None
    accuracy_without: Estimate | None = None
    note: str = ""
    label_words: tuple[LabelWord, ...] = ()
