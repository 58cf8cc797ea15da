"""Two candidates on the same cases: pairs, differences, verdicts, changed cases."""

from __future__ import annotations

import re
import time
from typing import Any

import decided
import msgspec
import numpy as np
import pytest
from compared import Asked, Said, asked, pattern, viewed
from run_of import record
from scipy import stats

from harness.judge.compare import compare
from harness.judge.compare.telling import comparison_headline
from harness.judge.documents import Comparison, DifferenceVerdict, MetricDifference
from harness.judge.view import View
from harness.record import Attempt, Failure, Interference, Record, Reply, Usage


def metric(comparison: Comparison, name: str, label: str | None = None) -> MetricDifference:
    found = comparison.metric(name, label)
    assert found is not None
    return found


def noisy(seed: int, accuracy: float, *, cases: int = 200, repeats: int = 3) -> list[Asked]:
    rng = np.random.default_rng(seed)
    chance = rng.beta(accuracy, 1 - accuracy, cases)
    return [
        asked(
            number,
            "".join("01"[int(hit)] for hit in rng.random(repeats) < chance[number]),
            expected="spam" if number % 4 == 0 else "ham",
        )
        for number in range(cases)
    ]


@pytest.mark.parametrize("seed", range(3))
def test_a_candidate_compared_with_itself_never_shows_a_difference(seed: int) -> None:
    view = viewed(noisy(seed, 0.8))
    comparison = compare(view, view)
    assert {m.verdict for m in comparison.metrics if m.difference.value is not None} == {"no difference shown"}
    assert comparison.headline.startswith("No difference is shown")
    assert (comparison.fixed, comparison.broken, comparison.moved) == ((), (), 0)
    assert all(m.difference.value in {0.0, None} for m in (*comparison.metrics, *comparison.slices))
    assert not [word for word in comparison.prompt_diff if word.kind != "same"]
    assert comparison.changes == ()


def test_the_published_table_is_found_with_its_interval_and_p_value() -> None:
    # b = 1, c = 7, n = 21: Tango's interval and McNemar's exact p-value as published, head minus base.
    base, head = pattern(both=10, base_only=7, head_only=1, neither=3)
    accuracy = metric(compare(viewed(base), viewed(head)), "accuracy")
    difference = accuracy.difference
    assert difference.value == pytest.approx(-6 / 21)
    assert (difference.low, difference.high) == pytest.approx((-0.51723, -0.02600), abs=5e-6)
    assert accuracy.p_value == pytest.approx(0.0703125)
    assert (accuracy.base.value, accuracy.head.value) == pytest.approx((17 / 21, 11 / 21))


def test_a_difference_that_is_lost_among_many_figures_is_said_to_be_so() -> None:
    # Alone 2 (1 + 8) / 2^9 = .035 is significant; among the headline figures, Holm-adjusted, it is not.
    base, head = pattern(both=10, base_only=8, head_only=1, neither=3)
    accuracy = metric(compare(viewed(base), viewed(head)), "accuracy")
    assert accuracy.p_value is not None
    assert accuracy.p_adjusted is not None
    assert accuracy.p_value < 0.05 < accuracy.p_adjusted
    assert accuracy.verdict == "can't tell"
    assert "alone its interval leaves out 0" in accuracy.sentence


def test_a_clear_loss_is_worse_and_the_same_the_other_way_round_is_better() -> None:
    base, head = pattern(both=60, base_only=30, head_only=2, neither=8)
    worse = compare(viewed(base), viewed(head, "v2@mini"))
    better = compare(viewed(head, "v2@mini"), viewed(base))
    assert metric(worse, "accuracy").verdict == "worse"
    assert metric(better, "accuracy").verdict == "better"
    assert "accuracy −28.0 points" in worse.headline
    one, two = metric(worse, "accuracy").difference, metric(better, "accuracy").difference
    assert (one.value, one.low, one.high) == pytest.approx((-0.28, -two.high, -two.low))  # type: ignore[operator]
    assert {case.case for case in worse.broken} == {case.case for case in better.fixed}


def test_a_difference_that_would_matter_but_may_be_noise_says_how_many_cases_would_tell() -> None:
    base, head = pattern(both=80, base_only=9, head_only=4, neither=7)
    accuracy = metric(compare(viewed(base), viewed(head)), "accuracy")
    assert accuracy.verdict == "can't tell"
    # n ((z_.975 + z_.80) / (d / SE))^2 with d = .05 and SE^2 = (.13 - .0025)/100
    z = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    assert accuracy.needed_n == int(np.ceil(z**2 * (0.13 - 0.0025) / 0.05**2))
    assert "about 410 cases would tell" in accuracy.sentence


def test_a_difference_too_small_to_matter_is_not_shown_and_the_loss_it_may_hide_is_named() -> None:
    base, head = pattern(both=180, base_only=6, head_only=5, neither=9)
    accuracy = metric(compare(viewed(base), viewed(head)), "accuracy")
    assert accuracy.verdict == "no difference shown"
    assert "a loss of up to 4." in accuracy.sentence


def test_few_cases_do_not_show_that_there_is_no_difference() -> None:
    base, head = pattern(both=10, base_only=1, head_only=1, neither=0)
    assert metric(compare(viewed(base), viewed(head)), "accuracy").verdict == "can't tell"


def test_repeats_are_compared_case_by_case() -> None:
    # Four cases fall from 2/2 to 1/2: a loss of 4 * .5 / 40 that only fractions of cases show.
    base = [asked(n, "11") for n in range(40)]
    head = [asked(n, "10" if n < 4 else "11") for n in range(40)]
    comparison = compare(viewed(base), viewed(head))
    assert metric(comparison, "accuracy").difference.value == pytest.approx(-0.05)
    assert metric(comparison, "stability").difference.value == pytest.approx(-0.1)
    assert [case.case for case in comparison.broken] == [f"case-{n:04d}" for n in range(4)]


def test_failures_are_misses_on_both_sides_and_their_difference_is_shown() -> None:
    gone = Failure(kind="timeout", message="no answer")
    base = [asked(n, "1") for n in range(60)]
    head = [asked(n, "1") if n >= 20 else Asked(f"case-{n:04d}", "ham", (gone,)) for n in range(60)]
    comparison = compare(viewed(base), viewed(head))
    assert metric(comparison, "accuracy").difference.value == pytest.approx(-1 / 3)
    failures = metric(comparison, "failures")
    assert (failures.difference.value, failures.verdict) == (pytest.approx(1 / 3), "worse")
    assert metric(comparison, "latency.p50").difference.value is not None
    (failed,) = (change for change in comparison.outcomes if change.outcome == "failed")
    assert (failed.base, failed.head, len(failed.new), failed.gone) == (0, 20, 20, ())


def test_new_refusals_and_unreadable_replies_are_named() -> None:
    refusal = Reply(text="", refusal="I can't help with that.")
    base = [asked(n, "1") for n in range(30)]
    odd = {3: Asked("case-0003", "ham", (refusal,)), 5: Asked("case-0005", "ham", ("who knows",))}
    comparison = compare(viewed(base), viewed([odd.get(n, asked(n, "1")) for n in range(30)]))
    new = {change.outcome: change.new for change in comparison.outcomes}
    assert new["refused"] == ("case-0003",)
    assert new["unparseable"] == ("case-0005",)
    assert [(c.case, c.head_answers) for c in comparison.broken] == [
        ("case-0003", {"refused": 1}),
        ("case-0005", {"unparseable": 1}),
    ]


def test_a_broken_case_shows_what_was_sent_and_said_on_both_sides() -> None:
    base = [asked(0, "111", inputs={"message": "Win a prize"}, tags=("short",)), asked(1, "111")]
    head = [asked(0, "010", inputs={"message": "Win a prize"}, tags=("short",)), asked(1, "111")]
    comparison = compare(viewed(base, prompt="A: {{ message }}"), viewed(head, prompt="B: {{ message }}"))
    (case,) = comparison.broken
    assert (case.case, case.expected, case.text, case.tags) == ("case-0000", "ham", "Win a prize", ("short",))
    assert (case.base_answers, case.head_answers) == ({"ham": 3}, {"spam": 2, "ham": 1})
    assert (case.base_replies, case.head_replies) == (("ham",), ("spam", "ham"))
    assert case.base_prompt == "user:\nA: Win a prize"
    assert case.head_prompt == "user:\nB: Win a prize"
    assert (case.base_right, case.head_right) == pytest.approx((1, 1 / 3))


def test_the_largest_changes_come_first() -> None:
    base = [asked(0, "110"), asked(1, "111"), asked(2, "111")]
    head = [asked(0, "100"), asked(1, "000"), asked(2, "001")]
    broken = compare(viewed(base), viewed(head)).broken
    assert [case.case for case in broken] == ["case-0001", "case-0002", "case-0000"]


def test_latency_is_worse_by_what_every_case_lost() -> None:
    base = [taking(asked(n, "1"), 0.2 + n / 1000) for n in range(100)]
    head = [taking(asked(n, "1"), 0.3 + n / 1000) for n in range(100)]
    comparison = compare(viewed(base), viewed(head))
    for name in ("latency.p50", "latency.p95"):
        found = metric(comparison, name)
        assert (found.difference.value, found.verdict) == (pytest.approx(0.1), "worse")
        assert found.difference.low == pytest.approx(0.1)
    assert comparison.typical_shift is not None
    assert comparison.typical_shift.shift.value == pytest.approx(0.1)
    assert comparison.typical_shift.share == pytest.approx(0.1 / 0.2495)


def taking(one: Asked, seconds: float) -> Asked:
    return Asked(one.case, one.expected, one.said, seconds, one.fields)


def test_recorded_replies_without_times_leave_latency_open() -> None:
    base = [Asked(f"case-{n:04d}", "ham", ("ham",), None) for n in range(50)]
    found = metric(compare(viewed(base), viewed(base)), "latency.p95")
    assert (found.difference.value, found.verdict) == (None, "can't tell")


def test_latencies_of_a_saturated_client_are_not_compared() -> None:
    busy = Interference(lag_p50_ns=0, lag_p99_ns=90_000_000, lag_max_ns=90_000_000, cpu_share=0.2, samples=9)
    base = [taking(asked(n, "1"), 0.2) for n in range(100)]
    head = [taking(asked(n, "1"), 0.4) for n in range(100)]
    p95 = metric(compare(viewed(base), viewed(head, load=busy)), "latency.p95")
    assert (p95.difference.value, p95.verdict) == (None, "can't tell")
    assert "saturated" in p95.sentence


def test_the_loss_to_a_perturbation_is_compared_case_by_case() -> None:
    def perturbed(name: str, broken: int) -> View:
        typos = [
            record(f"case-{n:04d}", "spam" if n < broken else "ham", candidate=name, variant="typos") for n in range(60)
        ]
        return viewed([asked(n, "1") for n in range(60)], name, extra=typos, variants=("original", "typos"))

    comparison = compare(perturbed("v1@mini", 30), perturbed("v2@mini", 6))
    drop = metric(comparison, "robustness.drop", "typos")
    assert (drop.base.value, drop.head.value) == pytest.approx((0.5, 0.1))
    assert (drop.difference.value, drop.verdict) == (pytest.approx(-0.4), "better")
    assert metric(comparison, "accuracy").difference.value == 0.0


def test_the_first_token_is_compared_where_both_sides_streamed() -> None:
    def streamed(name: str, first_ms: int) -> View:
        def sent(n: int) -> Record:
            attempt = Attempt(duration_ns=400_000_000, first_token_ns=(first_ms + n % 7) * 1_000_000)
            made = record(f"case-{n:04d}", "ham", candidate=name)
            return msgspec.structs.replace(made, attempts=(attempt,))

        silent = [Asked(f"case-{n:04d}", "ham", ()) for n in range(80)]
        return viewed(silent, name, extra=[sent(n) for n in range(80)], planned_repeats=1)

    first = metric(compare(streamed("v1@mini", 90), streamed("v2@mini", 150)), "ttft.p50")
    assert (first.difference.value, first.verdict) == (pytest.approx(0.06), "worse")


def test_cost_is_the_paired_difference_per_1000() -> None:
    def said(tokens: int) -> tuple[Reply, ...]:
        return (Reply(text="ham", usage=Usage(input=tokens, output=1)),)

    base = [Asked(f"case-{n:04d}", "ham", said(100 + n % 2)) for n in range(40)]
    head = [Asked(f"case-{n:04d}", "ham", said(300 + n % 2)) for n in range(40)]
    comparison = compare(viewed(base), viewed(head))
    # 200 more input tokens at $1 a million: $0.20 per 1,000, the same in every case.
    cost = metric(comparison, "cost_per_1000")
    assert (cost.difference.value, cost.difference.low, cost.difference.high) == pytest.approx((0.2,) * 3)
    assert cost.verdict == "worse"
    assert metric(comparison, "tokens_per_case").difference.value == pytest.approx(200)


def test_prices_in_two_currencies_are_not_compared() -> None:
    base = [asked(n, "1") for n in range(10)]
    euro = viewed(base, model={"price": {"input": 1.0, "output": 4.0, "currency": "EUR"}})
    found = metric(compare(viewed(base), euro), "cost_per_1000")
    assert (found.difference.value, found.verdict) == (None, "can't tell")
    assert "the baseline is priced in USD, the candidate in EUR" in found.sentence


def test_each_side_is_written_in_its_own_currency() -> None:
    base = [asked(n, "1") for n in range(10)]  # 50 tokens in at 1, 2 out at 4: 58 millionths each
    euro = viewed(base, model={"price": {"input": 1.0, "output": 4.0, "currency": "EUR"}})
    found = metric(compare(viewed(base), euro), "cost_per_1000")
    assert found.currencies == ("USD", "EUR")
    assert found.sentence.startswith("cost per 1000 from $0.058 to €0.058: can't be compared")


def test_labels_and_slices_are_compared_by_themselves() -> None:
    base = [asked(n, "1", expected="spam", tags=("short",)) for n in range(40)]
    base += [asked(n, "1") for n in range(40, 120)]
    head = [asked(n, "0" if n < 20 else "1", expected="spam", tags=("short",)) for n in range(40)]
    head += [asked(n, "1") for n in range(40, 120)]
    comparison = compare(viewed(base), viewed(head))
    assert metric(comparison, "recall", "spam").difference.value == pytest.approx(-0.5)
    assert metric(comparison, "recall", "spam").verdict == "worse"
    assert metric(comparison, "recall", "ham").difference.value == 0.0
    assert metric(comparison, "precision", "ham").difference.value == pytest.approx(80 / 100 - 1)
    (short,) = (m for m in comparison.slices if m.where == "tag=short")
    assert (short.difference.value, short.verdict) == (pytest.approx(-0.5), "worse")


def test_adjusted_p_values_never_fall_below_the_plain_ones() -> None:
    comparison = compare(viewed(noisy(1, 0.9)), viewed(noisy(2, 0.7), "v2@mini"))
    told = [(m.p_value, m.p_adjusted) for m in comparison.metrics if m.p_value is not None]
    assert len(told) > 15
    assert all(adjusted is not None and adjusted >= p for p, adjusted in told)


def test_the_same_two_runs_give_the_same_bytes() -> None:
    base, head = noisy(1, 0.9), noisy(2, 0.8)
    first, second = (msgspec.json.encode(compare(viewed(base), viewed(head, "v2@mini"))) for _ in range(2))
    assert first == second
    assert msgspec.json.decode(first, type=Comparison).paired_cases == 200


def test_three_thousand_trials_are_compared_within_seconds() -> None:
    base, head = viewed(noisy(1, 0.9, cases=1000)), viewed(noisy(2, 0.9, cases=1000), "v2@mini")
    before = time.process_time()
    compare(base, head)
    assert time.process_time() - before < 5


FAILED = Failure(kind="server_error", message="HTTP 500: sorry")


def failing(number: int, *, expected: str = "ham", **fields: Any) -> Asked:
    return Asked(f"case-{number:04d}", expected, (FAILED,), fields=fields)


def test_what_the_endpoint_failed_makes_no_slice_worse() -> None:
    base = [asked(n, "1", tags=("short",)) for n in range(60)]
    head = [failing(n, tags=("short",)) if n < 20 else asked(n, "1", tags=("short",)) for n in range(60)]
    comparison = compare(viewed(base), viewed(head))
    (part,) = [one for one in comparison.slices if one.where == "tag=short"]
    assert (part.verdict, part.meaning) == ("can't tell", "it depends on the 20 calls that failed at the endpoint")


def test_a_case_that_the_endpoint_failed_is_neither_broken_nor_fixed() -> None:
    base = [asked(0, "1"), asked(1, "1"), failing(2), asked(3, "0")]
    head = [failing(0), asked(1, "0"), asked(2, "1"), asked(3, "1")]
    comparison = compare(viewed(base), viewed(head))
    assert [change.case for change in comparison.broken] == ["case-0001"]
    assert [change.case for change in comparison.fixed] == ["case-0003"]


def test_of_repeats_those_that_were_answered_say_whether_a_case_broke() -> None:
    said = (FAILED, FAILED, "ham")
    base, head = [asked(0, "111"), asked(1, "111")], [Asked("case-0000", "ham", said), asked(1, "001")]
    assert [change.case for change in compare(viewed(base), viewed(head)).broken] == ["case-0001"]


@pytest.mark.parametrize(
    ("before", "after", "base", "head"),
    [
        (("ham", "ham", "ham"), ("Ham.", "Spam!", "spam"), "ham", "Spam!"),
        (("ham", "ham", "ham"), ("ham", "spam", "spam"), "ham", "spam"),
        (("ham", "ham"), ("Ham.", "spam"), "ham", "spam"),
        (("ham", "ham", "ham"), (FAILED, FAILED, "spam"), "ham", "spam"),
        (("spam", "ham", "ham"), ("ham", "no idea", "spam"), "ham", "no idea"),
        (("ham", "spam", "spam"), ("ham", "ham", "ham"), "spam", "ham"),
        ((FAILED, FAILED, "spam"), ("ham", "ham", "ham"), "spam", "ham"),
    ],
)
def test_the_reply_that_is_shown_first_is_one_by_which_the_case_broke_or_was_fixed(
    before: tuple[Said, ...], after: tuple[Said, ...], base: str, head: str
) -> None:
    found = compare(viewed([Asked("c", "ham", before)]), viewed([Asked("c", "ham", after)]))
    (change,) = (*found.broken, *found.fixed)
    assert (change.base_replies[0], change.head_replies[0]) == (base, head)


def test_precision_hangs_on_what_failed_calls_could_have_said() -> None:
    # 30 ham cases failed under head: as seen it has no false alarm, answered with spam it would have 30.
    base = [asked(n, "1" if n % 4 else "0", expected="ham" if n < 60 else "spam") for n in range(120)]
    head = [failing(n) if n < 30 else asked(n, "1", expected="ham" if n < 60 else "spam") for n in range(120)]
    seen = metric(compare(viewed(base), viewed(head)), "precision", "spam")
    assert (seen.base.value, seen.head.value) == (0.75, 1.0)
    assert seen.verdict == "can't tell"
    assert "30 calls that failed" in seen.sentence


def test_stability_hangs_on_what_failed_calls_could_have_said() -> None:
    base = [asked(n, "00") for n in range(60)]
    head = [Asked(f"case-{n:04d}", "ham", ("spam", FAILED if n < 20 else "spam")) for n in range(60)]
    seen = metric(compare(viewed(base), viewed(head)), "stability")
    assert (seen.base.value, seen.head.value) == (1.0, pytest.approx(2 / 3))
    assert seen.verdict == "can't tell"


def test_a_reply_without_a_label_is_no_true_negative_on_either_side() -> None:
    base = [asked(n, "1") for n in range(40)]
    head = [asked(n, "1") if n >= 10 else Asked(f"case-{n:04d}", "ham", ("who knows",)) for n in range(40)]
    assert metric(compare(viewed(base), viewed(head)), "specificity", "spam").head.value == 0.75


def test_three_cases_that_differ_make_no_precision_better_however_the_draws_fall() -> None:
    # a says l3 on three l0 cases, b says l1 on three others: three discordant answers against none, sign test .25.
    labels = tuple(f"l{n}" for n in range(5))
    expected = [label for label, n in zip(labels, (60, 30, 15, 6, 3), strict=True) for _ in range(n)]
    a = [Asked(f"c{n}", right, ("l3" if n < 3 else right,)) for n, right in enumerate(expected)]
    b = [Asked(f"c{n}", right, ("l1" if 3 <= n < 6 else right,)) for n, right in enumerate(expected)]
    made = compare(viewed(a, labels=labels, positive=None), viewed(b, labels=labels, positive=None))
    of_l3 = next(one for one in made.metrics if (one.metric, one.label) == ("precision", "l3"))
    assert of_l3.difference.value == pytest.approx(1 / 3)
    assert of_l3.p_value == pytest.approx(0.25)
    assert {one.verdict for one in made.metrics} <= {"no difference shown", "can't tell"}


def test_latency_of_two_runs_is_not_told_from_the_hour() -> None:
    base, head = (viewed([taking(asked(n, "1"), seconds + n / 10_000) for n in range(200)]) for seconds in (0.2, 0.4))
    assert metric(compare(base, head), "latency.p95").verdict == "worse"
    head.manifest = msgspec.structs.replace(head.manifest, run_id="another")
    p95 = metric(compare(base, head), "latency.p95")
    assert (p95.verdict, p95.difference.value) == ("can't tell", None)
    assert "measure both in one run" in p95.sentence
    assert compare(base, head).typical_shift is None


@pytest.mark.parametrize(
    ("accuracy", "tokens", "order"),
    [("better", "worse", ["Better", "Worse"]), ("worse", "better", ["Worse", "Better"])],
)
def test_a_headline_figure_is_named_before_a_detail(
    accuracy: DifferenceVerdict, tokens: DifferenceVerdict, order: list[str]
) -> None:
    figures = [
        msgspec.structs.replace(decided.metric("accuracy", family="headline"), verdict=accuracy),
        msgspec.structs.replace(decided.metric("tokens", family="detail"), verdict=tokens),
    ]
    said = comparison_headline(figures, 40)
    assert re.findall("Better|Worse", said) == order
    assert said.endswith("All on the same 40 cases.")
