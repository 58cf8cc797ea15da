"""How well the labels are told apart: the matrix, its scores, slices, the trade-off of a score; here and elsewhere.

Elsewhere is another split, new data, and the cases without those that leak.
"""

from typing import Literal

import msgspec

from harness.judge.documents.estimate import Estimate


class LabelScores(msgspec.Struct, frozen=True, kw_only=True):
    """One label against all others."""

    precision: Estimate  # share of predictions of the label that were right
    recall: Estimate  # share of its cases that were found
    f1: Estimate  # harmonic mean of both
    specificity: Estimate  # share of other cases that were not taken for it
    support: int  # cases whose expected label this is, however often each was asked
    cases: int  # cases that have the label
    predicted: int  # trials that were read as it


class Confusion(msgspec.Struct, frozen=True, kw_only=True):
    """counts[i][j]: trials with expected label rows[i] read as columns[j]; the last column is `no label`."""

    rows: tuple[str, ...]  # expected labels
    columns: tuple[str, ...]  # labels that were read, `no label` last
    counts: tuple[tuple[int, ...], ...]  # trials, a row for each expected label


class MajorityBaseline(msgspec.Struct, frozen=True, kw_only=True):
    """What always answering the most frequent label would score (the no-information rate)."""

    label: str  # the most frequent label
    share: float  # its share of the cases
    p_value: float | None  # one-sided: accuracy is better than this share


class Classification(msgspec.Struct, frozen=True, kw_only=True):
    """How well the labels are told apart, over original trials of all splits."""

    accuracy: Estimate  # share of trials that were right
    accuracy_worst: float  # if every trial without a label had been wrong (as counted)
    accuracy_best: float  # if every failed trial had been right
    coverage: Estimate  # share of trials with a label
    majority_baseline: MajorityBaseline  # what always answering the most frequent label scores
    balanced_accuracy: Estimate  # mean recall over labels
    mcc: Estimate  # Matthews' correlation coefficient, -1 to 1
    kappa: Estimate  # Cohen's kappa, -1 to 1
    macro_f1: Estimate  # mean F1 over labels
    labels: dict[str, LabelScores]  # label -> its figures
    confusion: Confusion  # what was read as what
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

    kind: Literal["tag", "split"]  # what the part is made by
    name: str  # the tag or the split
    cases: int  # cases in the part
    trials: int  # trials in the part
    accuracy: Estimate  # share of trials that were right
    recall: dict[str, Estimate]  # label -> recall in the part
    precision: dict[str, Estimate]  # label -> precision in the part
    p_value: float | None = None  # accuracy here differs from the rest (Holm-adjusted)
    worst: bool = False  # named only if it differs by more than noise


class ScoreCurve(msgspec.Struct, frozen=True, kw_only=True):
    """Points of a curve with a pointwise band."""

    x: tuple[float, ...]  # recall, or the false positive rate of a ROC curve
    y: tuple[float, ...]  # precision, or the true positive rate
    low: tuple[float, ...] = ()  # lower end of the band at each point
    high: tuple[float, ...] = ()  # upper end of the band at each point


class OperatingPoint(msgspec.Struct, frozen=True, kw_only=True):
    """A score threshold chosen on dev and judged on holdout."""

    rule: str  # "highest precision with recall >= 90%"
    score: float  # predict the positive label from this score on
    precision: Estimate  # on the split that judges it
    recall: Estimate  # on the split that judges it
    chosen_on: str  # split that it was chosen on
    judged_on: str  # split that it was judged on


class Tradeoff(msgspec.Struct, frozen=True, kw_only=True):
    """Precision against recall of the positive label, where replies carry a score."""

    label: str  # the positive label
    n: int  # trials with a score
    average_precision: Estimate | None  # area under the precision-recall curve; null where undefined
    roc_auc: Estimate | None  # area under the ROC curve; null where undefined
    ece: float | None  # expected calibration error, a share; null where scores are no probabilities
    brier: float | None  # mean squared error of the scores; null where they are no probabilities
    pr: ScoreCurve | None  # precision over recall; null where undefined
    roc: ScoreCurve | None  # true over false positive rate; null where undefined
    reliability: tuple[tuple[float, float, int], ...] = ()  # mean score, share that is positive, n
    points: tuple[OperatingPoint, ...] = ()  # score thresholds worth a look
    note: str = ""  # why something is missing; empty else
    ece_by_chance: float | None = None  # perfectly calibrated scores stay below it in `confidence` of runs


class SplitGap(msgspec.Struct, frozen=True, kw_only=True):
    """A metric on dev minus the same on another split."""

    metric: str  # accuracy or another headline metric
    dev: Estimate  # the figure on dev
    other_split: str  # name of the other split
    other: Estimate  # the figure on it
    gap: Estimate  # dev minus other, a share
    p_value: float | None  # Fisher's exact test, two-sided; null where there is none


class VersionPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a prompt, on dev and on the other split."""

    prompt: str  # name of the version
    prompt_digest: str  # digest of the prompt as sent
    run_id: str  # the run that measured it
    dev: Estimate  # accuracy on dev
    other: Estimate  # accuracy on the other split


class VersionCurve(msgspec.Struct, frozen=True, kw_only=True):
    """How dev and the other split moved over the versions of a prompt, the first to this one."""

    other_split: str  # name of the other split
    points: tuple[VersionPoint, ...]  # one for each version, the first first
    dev_gain: Estimate  # accuracy on dev, last minus first version
    other_gain: Estimate  # the same on the other split
    lead: Estimate  # gain on dev minus gain there
    overfitting: bool  # dev gained for certain, more than the other split, which did not for certain
    sentence: str  # the same in words


class NewData(msgspec.Struct, frozen=True, kw_only=True):
    """The suite's own cases in an earlier run of this candidate, against the new cases of this one."""

    run_id: str  # the earlier run
    cases: int  # new cases of this run
    gaps: tuple[SplitGap, ...]  # `dev` is the earlier run, `other` the new data
    worse: bool  # accuracy on new cases is lower for certain
    sentence: str  # the same in words


class Generalization(msgspec.Struct, frozen=True, kw_only=True):
    """Whether what holds on dev holds on cases that nobody tuned to."""

    gap: Estimate  # accuracy, dev minus holdout (or earlier run minus new data): `generalization.gap`
    gaps: tuple[SplitGap, ...]  # dev against each other split
    note: str = ""  # what limits what can be said; empty else
    versions: VersionCurve | None = None  # over versions of the prompt; null with one version
    new_data: NewData | None = None  # against an earlier run with other cases; null without one


class LeakFinding(msgspec.Struct, frozen=True, kw_only=True):
    """Two texts that should not meet."""

    kind: str  # example_in_cases, quoted_in_prompt, dev_in_holdout, conflicting_labels, ...
    case: str  # id of the case
    other: str  # case id, or where in the prompt
    similarity: float  # 1: the same text
    text: str  # of the case, shortened
    other_text: str  # where it stands as well, shortened
    measure: str = ""  # exact, characters or words (Jaccard of their n-grams), aligned


class LabelWord(msgspec.Struct, frozen=True, kw_only=True):
    """How many inputs hold a label as a word."""

    label: str  # the label
    own: int  # inputs of cases that expect it
    of_own: int  # cases of the label
    others: int  # cases of other labels whose input holds it
    of_others: int  # cases of other labels


class Leakage(msgspec.Struct, frozen=True, kw_only=True):
    """Cases whose answer the prompt, or another split, gives away."""

    findings: tuple[LeakFinding, ...]  # pairs of texts that should not meet
    leaked_cases: int  # the metric `leakage`
    duplicates: int = 0  # cases that nearly repeat another of their split: they give nothing away
    conflicts: int = 0  # cases that nearly repeat another with a different label
    accuracy_with: Estimate | None = None  # on cases that are given away; null where there are none
    accuracy_without: Estimate | None = None  # on all other cases; null where there are none
    note: str = ""  # what was not looked for; empty else
    label_words: tuple[LabelWord, ...] = ()  # labels that stand in inputs
