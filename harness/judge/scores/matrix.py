"""Metrics of a confusion matrix, of one or of thousands at once.

`confusion` is (..., labels, labels + 1): rows expected, columns answered, the last column `no label`. Counts
may be real (resampled, perturbed). An undefined metric is nan here; one level up it becomes a reason.
"""

import math

import numpy as np

from harness.judge.table.packed import Float


def accuracy_of(confusion: Float) -> Float:
    """Give the share on the diagonal; `confusion` is (..., labels, labels + 1)."""
    return _ratio(_diagonal(confusion).sum(axis=-1), confusion.sum(axis=(-2, -1)))


def balanced_accuracy_of(confusion: Float) -> Float:
    """Give the mean recall over the labels that have trials."""
    support = confusion.sum(axis=-1)
    recall = _ratio(_diagonal(confusion), support)
    present = support > 0
    return _ratio(np.where(present, recall, 0.0).sum(axis=-1), present.sum(axis=-1))


def macro_f1_of(confusion: Float) -> Float:
    """Give the mean F1 over the labels that are expected or predicted at least once."""
    true_positive = _diagonal(confusion)
    denominator = confusion.sum(axis=-1) + confusion[..., :-1].sum(axis=-2)
    f1 = _ratio(2 * true_positive, denominator)
    present = denominator > 0
    return _ratio(np.where(present, f1, 0.0).sum(axis=-1), present.sum(axis=-1))


def weighted_f1_of(confusion: Float) -> Float:
    """Give the mean F1 over the labels, each weighted by its share of the trials that expect it.

    sum_l n_l F_l / n with n_l the trials that expect label l and F_l = 2 TP_l / (n_l + answers of l):
    `average="weighted"` of scikit-learn's `f1_score`. A label that no case expects has no weight.
    """
    support = confusion.sum(axis=-1)
    f1 = _ratio(2 * _diagonal(confusion), support + confusion[..., :-1].sum(axis=-2))
    return _ratio(np.where(support > 0, support * f1, 0.0).sum(axis=-1), support.sum(axis=-1))


def micro_f1_of(confusion: Float) -> Float:
    """Give F1 of all labels pooled: 2 TP / (2 TP + FP + FN) of the counts summed over labels.

    TP is the diagonal, TP + FN all trials, TP + FP those that were answered with a label: `average="micro"`
    of scikit-learn's `f1_score` over the suite's labels (Sokolova and Lapalme 2009). It is accuracy where
    every trial has a label, and above it where some have none: those are missed, but claim nothing.
    """
    trials = confusion.sum(axis=(-2, -1))
    return _ratio(2 * _diagonal(confusion).sum(axis=-1), trials + confusion[..., :-1].sum(axis=(-2, -1)))


def mcc_of(confusion: Float) -> Float:
    """Give the Matthews correlation for any number of labels (Gorodkin 2004, R_K); nan when undefined.

    With c = trace, s = total, t = row sums, p = column sums (`no label` is a column of its own):
    (c s - p.t) / sqrt((s^2 - p.p)(s^2 - t.t)).
    """
    total = confusion.sum(axis=(-2, -1))
    expected = confusion.sum(axis=-1)
    predicted = confusion.sum(axis=-2)
    right = _diagonal(confusion).sum(axis=-1)
    agreement = right * total - (predicted[..., :-1] * expected).sum(axis=-1)
    spread = (total**2 - (predicted**2).sum(axis=-1)) * (total**2 - (expected**2).sum(axis=-1))
    # Counts are whole (or nearly): a spread that is rounding noise means that one side never varies.
    certain = spread <= 1e-9 * np.maximum(total, 1.0) ** 4
    return _ratio(agreement, np.sqrt(np.where(certain, 0.0, spread)))


def kappa_of(confusion: Float) -> Float:
    """Give Cohen's kappa (1960): (p_o - p_e) / (1 - p_e); `no label` is an answer that is never expected."""
    total = confusion.sum(axis=(-2, -1))
    by_chance = _ratio((confusion[..., :-1].sum(axis=-2) * confusion.sum(axis=-1)).sum(axis=-1), total**2)
    room = 1 - by_chance
    return _ratio(accuracy_of(confusion) - by_chance, np.where(room <= 1e-12, 0.0, room))


def fbeta_of(confusion: Float, label: int, beta: float) -> Float:
    """Give F-beta of one label: (1 + b^2) TP / ((1 + b^2) TP + b^2 FN + FP)."""
    weight = beta * beta
    hit = confusion[..., label, label]
    denominator = weight * confusion[..., label, :].sum(axis=-1) + confusion[..., :, label].sum(axis=-1)
    return _ratio((1 + weight) * hit, denominator)


def _diagonal(confusion: Float) -> Float:
    return np.asarray(np.diagonal(confusion[..., :-1], axis1=-2, axis2=-1), dtype=np.float64)


def _ratio(top: Float, bottom: Float) -> Float:
    """Divide; nan where the denominator is 0."""
    top, bottom = np.broadcast_arrays(np.asarray(top, np.float64), np.asarray(bottom, np.float64))
    quotient: Float = np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom != 0)
    return quotient


def macro_f1_se(confusion: Float) -> float:
    """Give the standard error of macro-F1 for independent trials, by the delta method.

    Takahashi, Yamamoto, Kuchiba and Koyama (2022), with p the matrix of shares, d_i = p_i. + p_.i,
    F_i = 2 p_ii / d_i and r labels: Var = 2(a + b)/(r^2 n), a = sum F_i (d_i - 2 p_ii)/d_i^2 *
    [(d_i - 2 p_ii)/d_i + F_i/2], b = sum_{i != j} p_ij F_i F_j/(d_i d_j). `no label` has no F1 and
    adds nothing.
    """
    total = float(confusion.sum())
    share = confusion[:, :-1] / total
    diagonal = _diagonal(confusion) / total
    d = confusion.sum(axis=1) / total + share.sum(axis=0)
    present = d > 0
    share, diagonal, d = share[np.ix_(present, present)], diagonal[present], d[present]
    f1 = 2 * diagonal / d
    rest = d - 2 * diagonal
    a = float((f1 * rest / d**2 * (rest / d + f1 / 2)).sum())
    weight = f1 / d
    b = float(weight @ share @ weight - (np.diagonal(share) * weight**2).sum())
    return math.sqrt(max(0.0, 2 * (a + b) / (len(d) ** 2 * total)))
