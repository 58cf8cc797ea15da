"""No worse than base by more than a margin."""

from __future__ import annotations

import pytest
from compared import asked, pattern, viewed
from scipy import stats

from harness.judge.compare import compare
from harness.judge.documents import NonInferiority


def decided(base_only: int, head_only: int, n: int, *, margin: float = 0.02) -> NonInferiority:
    base, head = pattern(both=n - base_only - head_only, base_only=base_only, head_only=head_only, neither=0)
    comparison = compare(viewed(base), viewed(head), margin=margin)
    return next(one for one in comparison.non_inferior if one.metric == "accuracy")


@pytest.mark.parametrize(("n", "status"), [(149, "INCONCLUSIVE"), (150, "PASS")])
def test_equal_answers_pass_from_the_number_of_cases_on_that_an_exact_test_gives(n: int, status: str) -> None:
    # b = c = 0: .98^n + .001 <= .05 (Berger and Boos) from n = ln(.049) / ln(.98) = 149.3 on.
    found = decided(0, 0, n)
    assert found.status == status
    if status == "INCONCLUSIVE":
        assert found.needed_n == 150


def test_the_number_of_cases_that_would_show_it_is_the_published_one() -> None:
    # psi = .05, margin .03 -> 344 (Tango: z_a + z_b = 1.645 + .8416), when the two are as equal as seen.
    found = decided(3, 3, 120, margin=0.03)
    assert (found.status, found.needed_n) == ("INCONCLUSIVE", 344)
    assert "about 350 cases" in found.sentence


def test_a_certain_loss_that_may_exceed_the_margin_fails() -> None:
    found = decided(40, 10, 600)
    assert found.status == "FAIL"
    assert found.p_worse == pytest.approx(stats.binom.cdf(10, 50, 0.5))  # McNemar's exact test, one side
    assert found.p_worse_adjusted is not None
    assert found.p_worse_adjusted >= found.p_worse
    assert "worse" in found.sentence


def test_a_certain_loss_within_the_margin_passes() -> None:
    found = decided(20, 4, 2000, margin=0.02)
    assert found.p_worse is not None
    assert found.p_worse < 0.01
    assert found.status == "PASS"


def test_a_gain_passes() -> None:
    assert decided(2, 30, 300).status == "PASS"


def test_an_uncertain_loss_is_inconclusive() -> None:
    found = decided(12, 8, 200)
    assert found.status == "INCONCLUSIVE"
    assert found.bound is not None
    assert found.bound < -0.02


def test_a_broken_recall_fails_though_accuracy_hardly_moves() -> None:
    base = [asked(n, "1", expected="spam" if n < 60 else "ham") for n in range(1500)]
    head = [asked(n, "0" if n < 25 else "1", expected="spam" if n < 60 else "ham") for n in range(1500)]
    comparison = compare(viewed(base), viewed(head), margin=0.05)
    status = {(one.metric, one.label): one.status for one in comparison.non_inferior}
    assert status[("accuracy", None)] == "PASS"
    assert status[("recall", "spam")] == "FAIL"
    assert comparison.non_inferior_status == "FAIL"


def test_without_a_positive_label_macro_f1_stands_for_the_labels() -> None:
    base, head = pattern(both=50, base_only=0, head_only=0, neither=0)
    comparison = compare(viewed(base, positive=None), viewed(head, positive=None))
    assert [one.metric for one in comparison.non_inferior] == ["accuracy", "macro_f1"]
