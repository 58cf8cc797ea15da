"""Whether the figures hold on other cases: of another split, of new data, and without those that leak."""

import msgspec

from harness.judge.documents.estimate import Estimate


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
