"""Scores on random answers equal scikit-learn, scipy and krippendorff, and never leave their range."""

from __future__ import annotations

import itertools
import math

import krippendorff
import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics
from statsmodels.stats.inter_rater import fleiss_kappa
from statsmodels.stats.proportion import proportion_confint

from harness.judge.documents import Estimate
from harness.judge.scores import classification, latency
from harness.judge.scores import stability as reliability
from harness.judge.scores.answers import Answers
from harness.judge.scores.classification import Resampling
from harness.judge.scores.figure import Figure
from harness.judge.scores.proportion import Share, decide, share_of_counts
from harness.judge.scores.stability import Votes
from harness.judge.scores.tradeoff import Scored, Sweep


@st.composite
def random_answers(draw: st.DrawFn) -> Answers:
    """Answers over 2 to 30 labels: labels missing, trials without a label, all right, or all failed."""
    labels = draw(st.integers(2, 30))
    cases = draw(st.integers(1, 40))
    repeats = draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    right = draw(st.sampled_from([0.0, 0.5, 0.9, 1.0]))
    failed = draw(st.sampled_from([0.0, 0.0, 0.1, 1.0]))
    expected = np.repeat(rng.integers(0, draw(st.integers(1, labels)), cases), repeats)
    other = rng.integers(0, labels, len(expected))
    predicted = np.where(rng.random(len(expected)) < right, expected, other)
    predicted[rng.random(len(expected)) < failed] = -1
    return Answers.of(np.repeat(np.arange(cases), repeats), expected, predicted, [f"l{i}" for i in range(labels)])


def assert_sound(figure: Figure, floor: float = 0.0) -> Estimate:
    """Check that an estimate is finite, ordered and within its range, or undefined with a reason."""
    estimate = figure.estimate()
    msgspec.json.encode(estimate)
    if estimate.value is None:
        assert estimate.why_undefined
        assert figure.lower() is None
        return estimate
    assert estimate.low is not None
    assert estimate.high is not None
    numbers = (floor, estimate.low, estimate.value, estimate.high, 1.0)
    assert all(math.isfinite(number) for number in numbers)
    assert all(a <= b + 1e-9 for a, b in itertools.pairwise(numbers))
    return estimate


@settings(deadline=None, max_examples=60)
@given(random_answers())
def test_label_figures_equal_scikit_learn(answers: Answers) -> None:
    scores = metrics.precision_recall_fscore_support(
        answers.expected, answers.predicted, labels=range(len(answers.labels)), zero_division=np.nan
    )
    for label in range(len(answers.labels)):
        ours = (classification.precision, classification.recall, classification.f1)
        for figure, column in zip(ours, scores[:3], strict=True):
            theirs = column[label]
            value = assert_sound(figure(answers, label)).value
            assert (value is None) == bool(np.isnan(theirs))
            assert value is None or value == pytest.approx(theirs)
        assert answers.confusion()[label].sum() == scores[3][label]


@settings(deadline=None, max_examples=60)
@given(random_answers())
def test_averaged_figures_equal_scikit_learn(answers: Answers) -> None:
    expected, predicted = answers.expected, answers.predicted
    figures = Resampling.of(answers, seed=3)
    balanced = assert_sound(figures.average("balanced_accuracy"))
    recalls = [np.mean(predicted[expected == label] == label) for label in np.unique(expected)]
    assert balanced.value == pytest.approx(np.mean(recalls))
    mcc = assert_sound(figures.average("mcc"), -1.0)
    if mcc.value is None:
        assert len(np.unique(expected)) == 1 or len(np.unique(predicted)) == 1
    else:
        assert mcc.value == pytest.approx(metrics.matthews_corrcoef(expected, predicted))
    kappa = assert_sound(figures.average("kappa"), -1.0)
    if kappa.value is not None:
        assert kappa.value == pytest.approx(metrics.cohen_kappa_score(expected, predicted))
    macro = assert_sound(figures.average("macro_f1"))
    present = sorted(set(expected.tolist()) | (set(predicted.tolist()) - {-1}))
    theirs = metrics.f1_score(expected, predicted, labels=present, average="macro", zero_division=0)
    assert macro.value == pytest.approx(theirs)
    labels = list(range(len(answers.labels)))
    for name, figure in (("weighted", figures.average("weighted_f1")), ("micro", figures.average("micro_f1"))):
        theirs = metrics.f1_score(expected, predicted, labels=labels, average=name, zero_division=0)
        assert assert_sound(figure).value == pytest.approx(theirs)
    fbeta = assert_sound(figures.fbeta(0, 2.0))
    if fbeta.value is not None:
        theirs = metrics.fbeta_score(expected, predicted, labels=[0], average=None, beta=2, zero_division=0)
        assert fbeta.value == pytest.approx(theirs[0])


@settings(deadline=None, max_examples=40)
@given(random_answers())
def test_the_matrix_holds_every_trial_and_accuracy_its_diagonal(answers: Answers) -> None:
    matrix = answers.confusion()
    assert matrix.sum() == len(answers)
    assert matrix[:, -1].sum() == (answers.predicted < 0).sum()
    accuracy = assert_sound(classification.accuracy(answers))
    assert accuracy.value == pytest.approx(metrics.accuracy_score(answers.expected, answers.predicted))
    specificity = assert_sound(classification.specificity(answers, 0))
    others = answers.expected != 0
    assert (specificity.value is None) == (not others.any())


@settings(deadline=None, max_examples=30)
@given(random_answers(), st.integers(0, 1000))
def test_judging_twice_gives_the_same_bytes_whatever_the_order_of_trials(answers: Answers, seed: int) -> None:
    shuffled = np.random.default_rng(seed).permutation(len(answers))
    mixed = Answers(answers.case[shuffled], answers.expected[shuffled], answers.predicted[shuffled], answers.labels)
    drawn = [Resampling.of(each, seed=11) for each in (answers, answers, mixed)]
    for name in classification.AVERAGES:
        first, again, other = (each.average(name).estimate() for each in drawn)
        assert first == again == other


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 2000), st.data(), st.floats(0.5, 0.999))
def test_intervals_of_independent_trials_equal_statsmodels_and_scipy(
    n: int, data: st.DataObject, confidence: float
) -> None:
    right = data.draw(st.integers(0, n))
    share = share_of_counts(np.arange(n) < right, np.ones(n))
    assert isinstance(share, Share)
    estimate = share.estimate(confidence)
    wilson = proportion_confint(right, n, alpha=1 - confidence, method="wilson")
    assert (estimate.low, estimate.high) == pytest.approx(wilson, abs=1e-9)
    greater = stats.binomtest(right, n, alternative="greater").proportion_ci(confidence, "exact")
    less = stats.binomtest(right, n, alternative="less").proportion_ci(confidence, "exact")
    assert (share.lower(confidence), share.upper(confidence)) == pytest.approx((greater.low, less.high), abs=1e-9)


@settings(deadline=None)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=60), st.floats(0.5, 0.99))
def test_clustered_bounds_lie_between_those_of_cases_and_of_trials(hits: list[int], confidence: float) -> None:
    share = share_of_counts(np.array(hits), np.full(len(hits), 6))
    assert isinstance(share, Share)
    assert len(hits) - 1e-9 <= share.effective_n(confidence) <= 6 * len(hits)
    lower, upper = share.lower(confidence), share.upper(confidence)
    assert lower is not None
    assert upper is not None
    assert 0 <= lower <= share.p <= upper <= 1
    shown = share.estimate(confidence)
    assert shown.low is not None
    assert shown.high is not None
    assert 0 <= shown.low <= share.p <= shown.high <= 1
    # An interval clear of a threshold towards 1/2 never stands beside an undecided check.
    assert shown.low <= lower if share.p >= 0.5 else shown.high >= upper


@settings(deadline=None)
@given(st.integers(1, 400), st.data(), st.floats(0.01, 0.99), st.sampled_from([">=", "<=", ">", "<"]))
def test_a_check_never_passes_against_its_own_value(n: int, data: st.DataObject, required: float, op: str) -> None:
    right = data.draw(st.integers(0, n))
    share = share_of_counts(np.arange(n) < right, np.ones(n))
    decision = decide(share, op, required)  # type: ignore[arg-type]
    sides = {"PASS": 1, "FAIL": -1, "INCONCLUSIVE": 0}
    direction = 1 if op in {">=", ">"} else -1
    if decision.status != "INCONCLUSIVE":
        assert direction * sides[decision.status] * (right / n - required) > -1e-9
        assert decision.needed_n is None
    elif decision.needed_n is not None:
        assert decision.needed_n > n


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 30), min_size=1, max_size=300),
    st.integers(0, 31),
    st.sampled_from([0.5, 0.9, 0.95, 0.99]),
    st.sampled_from([0.8, 0.95, 0.99]),
)
def test_the_order_statistic_rule_is_the_exact_bound_on_the_share_within(
    ticks: list[int], limit: int, q: float, confidence: float
) -> None:
    times = np.array(ticks, dtype=np.float64)
    n = len(times)
    result = latency.slo_check(times, np.arange(n), q=q, limit_s=limit, confidence=confidence)
    rank = int(stats.binom.ppf(confidence, n, q)) + 1
    by_rank = rank <= n and np.sort(times)[rank - 1] <= limit
    hits = int((times <= limit).sum())
    by_bound = hits > 0 and stats.beta.ppf(1 - confidence, hits, n - hits + 1) >= q
    assert (result.decision.status == "PASS") == by_rank == by_bound


@settings(deadline=None)
@given(st.lists(st.floats(0, 5), min_size=1, max_size=80), st.integers(1, 5), st.floats(0.01, 1.0))
def test_latency_intervals_hold_their_quantile(values: list[float], repeats: int, q: float) -> None:
    times = np.array(values)
    case = np.arange(len(values)) // repeats
    estimate = latency.quantile_estimate(times, case, q)
    assert estimate.value == np.quantile(times, q, method="inverted_cdf") or q * len(times) % 1 < 1e-6
    assert estimate.low is None or estimate.low <= estimate.value
    assert estimate.high is None or estimate.high >= estimate.value


@settings(deadline=None, max_examples=60)
@given(st.integers(2, 12), st.integers(2, 5), st.integers(2, 4), st.integers(0, 2**32 - 1))
def test_alpha_and_kappa_equal_their_peers(cases: int, repeats: int, labels: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = rng.integers(0, labels, (cases, repeats))
    missing = rng.random(table.shape) < 0.2
    case = np.repeat(np.arange(cases), repeats).reshape(table.shape)
    ours = reliability.krippendorff_alpha(Votes.of(case[~missing], table[~missing]), seed=1)
    ratings = np.where(missing, np.nan, table).T
    paired = (~missing).sum(axis=1) > 1
    if ours.value is not None:
        theirs = krippendorff.alpha(reliability_data=ratings, level_of_measurement="nominal")
        assert ours.value == pytest.approx(theirs)
        assert_sound(ours, -10.0)
    else:
        assert len(np.unique(table[paired][~missing[paired]])) <= 1
    kappa = reliability.fleiss_kappa(Votes.of(case.ravel(), table.ravel()), seed=1)
    if kappa.value is not None:
        counts = np.array([np.bincount(row, minlength=labels) for row in table])
        assert kappa.value == pytest.approx(fleiss_kappa(counts))


@settings(deadline=None)
@given(st.integers(2, 60), st.integers(0, 2**32 - 1))
def test_score_areas_equal_scikit_learn(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    score = np.round(rng.random(n), 1)
    positive = rng.random(n) < 0.5
    positive[:2] = [True, False]
    sweep = Sweep.of(Scored(score, positive, np.arange(n)))
    assert sweep.roc_auc() == pytest.approx(metrics.roc_auc_score(positive, score))
    assert sweep.average_precision() == pytest.approx(metrics.average_precision_score(positive, score))
