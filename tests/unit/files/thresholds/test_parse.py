"""The expression language of thresholds, and its messages."""

from __future__ import annotations

import pytest

from harness.files.suite import Suite
from harness.files.suite.policy import default_thresholds
from harness.files.thresholds import METRICS, Threshold, ThresholdError, parse_threshold

LABELS = ["spam", "ham", "a]b"]


def parsed(text: str) -> Threshold:
    return parse_threshold(
        text, labels=LABELS, perturbations=["typos"], tags=["short", "two words"], splits=["dev", "holdout"]
    )


GOOD = [
    ("accuracy >= 90%", {"metric": "accuracy", "op": ">=", "bound": 0.9}),
    ("accuracy>=0.9", {"metric": "accuracy", "bound": 0.9}),
    ("balanced_accuracy > 85.5 %", {"metric": "balanced_accuracy", "op": ">", "bound": 0.855}),
    ("mcc >= 0.7", {"metric": "mcc", "bound": 0.7}),
    ("kappa >= -.1", {"metric": "kappa", "bound": -0.1}),
    ("macro_f1 >= 80%", {"metric": "macro_f1", "bound": 0.8}),
    ("f1[spam] >= 80%", {"metric": "f1", "label": "spam"}),
    ("fbeta(2)[spam] >= 80%", {"metric": "fbeta", "label": "spam", "argument": 2.0}),
    ('precision["a]b"] >= 80%', {"metric": "precision", "label": "a]b"}),
    ("recall[ spam ] >= 80%", {"metric": "recall", "label": "spam"}),
    ("specificity[ham] >= 80%", {"metric": "specificity", "label": "ham"}),
    ("latency.p95 <= 1 s", {"metric": "latency.p95", "op": "<=", "bound": 1.0}),
    ("latency.p50 < 800ms", {"metric": "latency.p50", "op": "<", "bound": 0.8}),
    ("latency.max <= 2 min", {"metric": "latency.max", "bound": 120.0}),
    ("latency.within(1 s) >= 99%", {"metric": "latency.within", "argument": 1.0, "bound": 0.99}),
    ("ttft.p95 <= 250 ms", {"metric": "ttft.p95", "bound": 0.25}),
    ("failures <= 1%", {"metric": "failures", "bound": 0.01}),
    ("unparseable <= 1%", {"metric": "unparseable", "bound": 0.01}),
    ("coverage >= 99%", {"metric": "coverage", "bound": 0.99}),
    ("stability >= 98%", {"metric": "stability", "bound": 0.98}),
    ("flip_rate <= 2%", {"metric": "flip_rate", "bound": 0.02}),
    ("pass^3 >= 90%", {"metric": "pass", "argument": 3.0, "bound": 0.9}),
    ("robustness.drop <= 5%", {"metric": "robustness.drop", "bound": 0.05}),
    ("robustness.flips[typos] <= 5%", {"metric": "robustness.flips", "label": "typos"}),
    ("generalization.gap <= 5%", {"metric": "generalization.gap", "bound": 0.05}),
    ("drift.drop <= 5%", {"metric": "drift.drop", "bound": 0.05}),
    ("leakage <= 0", {"metric": "leakage", "bound": 0.0}),
    ("regressions <= 0", {"metric": "regressions", "bound": 0.0}),
    ("cost per 1000 <= $0.50", {"metric": "cost_per_1000", "bound": 0.5, "currency": "USD"}),
    ("cost  per 1,000 <= 0.50 EUR", {"metric": "cost_per_1000", "bound": 0.5, "currency": "EUR"}),
    ("cost_per_1000 <= 1,250.5", {"metric": "cost_per_1000", "bound": 1250.5, "currency": None}),
    ("cost per correct <= 0.01", {"metric": "cost_per_correct", "bound": 0.01}),
    ("tokens per case <= 500", {"metric": "tokens_per_case", "bound": 500.0}),
    ("accuracy > majority", {"metric": "better_than_majority", "op": ">", "bound": 0.0}),
    ("recall[spam] where tag=short >= 85%", {"label": "spam", "where": (("tag", "short"),), "bound": 0.85}),
    ('accuracy where tag="two words" and split=dev >= 85%', {"where": (("split", "dev"), ("tag", "two words"))}),
    ("recall[spam] >= baseline - 2%", {"baseline": "minus", "bound": 0.02}),
    ("accuracy >= baseline", {"baseline": "minus", "bound": 0.0}),
    ("latency.p95 <= baseline * 1.2", {"baseline": "times", "bound": 1.2}),
    ("latency.p95 <= baseline * 120%", {"baseline": "times", "bound": 1.2}),
    ("latency.p95 <= baseline + 100 ms", {"baseline": "plus", "bound": 0.1}),
]


@pytest.mark.parametrize(("text", "wanted"), GOOD)
def test_an_expression_is_read(text: str, wanted: dict[str, object]) -> None:
    threshold = parsed(text)
    read = {name: getattr(threshold, name) for name in wanted}
    for name, value in wanted.items():
        assert read[name] == (pytest.approx(value) if isinstance(value, float) else value)


def test_the_text_is_kept_with_its_whitespace_folded() -> None:
    assert parsed("  recall[spam]   >=  90% ").text == "recall[spam] >= 90%"


BAD = [
    ("", 1, "must begin with a metric", "Known: `accuracy`"),
    ("acuracy >= 90%", 1, "unknown metric `acuracy`", "Did you mean `accuracy`?"),
    ("latency >= 1 s", 1, "unknown metric `latency`", "Known: `latency.p50`"),
    ("latency.p96 <= 1 s", 1, "unknown metric `latency.p96`", "Did you mean `latency.p9"),
    ("  recal[spam] >= 90%", 3, "unknown metric `recal`", "Did you mean `recall`?"),
    ("recall >= 90%", 8, "`recall` needs a label", "Write one of `recall[spam]`"),
    ("recall[spm] >= 90%", 8, "`spm` is not a label", "Did you mean `spam`?"),
    ("recall[spam >= 90%", 19, "needs `]` here", ""),
    ("recall[] >= 90%", 8, "needs a name here", ""),
    ("accuracy[spam] >= 90%", 9, "takes nothing in brackets", "Remove"),
    ("accuracy(2) >= 90%", 9, "takes no argument", ""),
    ("accuracy 90%", 10, "needs one of `>=`", "Write `accuracy >= ...`."),
    ("accuracy <= 90%", 10, "better when it is higher", "Write `>=`."),
    ("latency.p95 >= 1 s", 13, "better when it is lower", "Write `<=`."),
    ("accuracy >= ", 13, "needs a number here", ""),
    ("accuracy >= ninety", 13, "needs a number here", ""),
    ("accuracy >= 120%", 13, "can't get there", ""),
    ("accuracy >= 90", 13, "can't get there", "Did you mean `90%`?"),
    ("accuracy > 100%", 12, "can't get there", ""),
    ("failures < 0%", 12, "can't get there", ""),
    ("mcc >= 1.5", 8, "it goes from -1 to 1", ""),
    ("mcc >= 70%", 8, "is a plain number", "Remove the unit"),
    ("accuracy >= 1 s", 13, "is a share", "Write `95%`"),
    ("latency.p95 <= 1", 16, "needs a time", "Write `1 s`"),
    ("latency.p95 <= 95%", 16, "needs a time", ""),
    ("cost per 1000 <= 5%", 18, "is money", "Write `$0.50`"),
    ("latency.within >= 99%", 16, "needs `(` here", "Write `latency.within(1 s)`."),
    ("latency.within(1) >= 99%", 16, "needs a time", ""),
    ("fbeta(0)[spam] >= 1%", 7, "must be more than 0", ""),
    ("pass^0 >= 1%", 6, "needs a whole number", ""),
    ("accuracy where tag=shrt >= 9%", 20, "`shrt` is not a tag of these cases", "Did you mean `short`?"),
    ("accuracy where split=test >= 9%", 22, "`test` is not a split", "Known: `dev`, `holdout`."),
    ("accuracy where tags=short >= 9%", 16, "a filter is `tag=...`", "Did you mean `tag`?"),
    ("accuracy >= 90% where tag=short", 17, "is left over", "Put `where` before the operator."),
    ("accuracy >= 90%, failures <= 1%", 16, "is left over", "Write it as a threshold of its own."),
    ("accuracy >= 90% please", 17, "`please` is left over", "Remove it."),
    ("robustness.flips[typo] <= 5%", 18, "not a perturbation of this suite", "Did you mean `typos`?"),
    ("latency.p95 <= baseline * 1 s", 27, "takes a plain number", ""),
    ("recall[spam] >= majority", 17, "stands only in", ""),
    ("p95 <= 1 s", 1, "unknown metric `p95`", "Did you mean `latency.p95`?"),
    ("latency p95 <= 1 s", 1, "unknown metric `latency`", "Did you mean `latency.p95`?"),
    ("gap <= 5%", 1, "unknown metric `gap`", "Did you mean `generalization.gap`?"),
    ("flips <= 5%", 1, "unknown metric `flips`", "Did you mean `robustness.flips`?"),
    ("cost <= $1", 1, "unknown metric `cost`", "Known: `cost per 1000`, `cost per correct`."),
    ("tokens <= 500", 1, "unknown metric `tokens`", "Known: `tokens per case`."),
    ("pass3 >= 90%", 1, "unknown metric `pass3`", "Write `pass^3`."),
    ("recall(spam) >= 90%", 7, "takes no argument", "Write `recall[spam]`."),
    ("accuracy => 90%", 10, "needs one of `>=`", "Write `>=`."),
    ("latency.p95 ≤ 1 s", 13, "needs one of `>=`", "Write `<=`."),
    ("latency.p95 < = 1 s", 15, "needs a number here", "without a space"),
    ("accuracy >= base - 2%", 13, "needs a number here", "Did you mean `baseline`?"),
    ("recall[spam] where short >= 9%", 20, "a filter is `tag=...`", "Write `where tag=short`."),
]


@pytest.mark.parametrize("fault", BAD, ids=lambda fault: fault[0])
def test_a_bad_expression_names_the_column_and_the_nearest_valid_word(fault: tuple[str, int, str, str]) -> None:
    text, column, said, fix = fault
    with pytest.raises(ThresholdError) as caught:
        parsed(text)
    assert caught.value.column == column
    assert said in caught.value.message
    assert fix in caught.value.fix


def test_names_that_are_not_known_yet_are_not_checked() -> None:
    threshold = parse_threshold("robustness.flips[x] where tag=y <= 5%", labels=LABELS)
    assert (threshold.label, threshold.where) == ("x", (("tag", "y"),))


@pytest.mark.parametrize("priority", ["recall", "precision", "balanced"])
@pytest.mark.parametrize("labels", [("spam", "ham"), ("a", "b]c", "d")])
def test_default_thresholds_are_expressions_that_parse_to_themselves(priority: str, labels: tuple[str, ...]) -> None:
    suite = Suite(name="x", labels=labels, positive=labels[0], cases=("c.jsonl",), priority=priority)  # type: ignore[arg-type]
    for threshold in default_thresholds(suite):
        assert parse_threshold(threshold.text, labels=labels) == threshold


def test_default_thresholds_leave_out_what_the_suite_can_not_show() -> None:
    suite = Suite(name="x", labels=("a", "b"), cases=("c.jsonl",), repeats=1)
    metrics = {threshold.metric for threshold in default_thresholds(suite, splits={""})}
    assert not metrics & {"stability", "generalization.gap"}
    assert "generalization.gap" in {t.metric for t in default_thresholds(suite, splits={"dev", "holdout"})}


def test_a_faultless_run_of_a_hundred_cases_meets_what_is_demanded_of_failures_by_default() -> None:
    suite = Suite(name="x", labels=("a", "b"), cases=("c.jsonl",))
    (failures,) = (demand for demand in default_thresholds(suite) if demand.metric == "failures")
    assert failures.text == "failures <= 3%"
    assert 1 - 0.05 ** (1 / 99) <= failures.bound < 1 - 0.05 ** (1 / 98)  # Clopper-Pearson without a failure


def test_every_metric_has_one_spelling() -> None:
    assert len({metric.name for metric in METRICS.values()}) == len(METRICS)


@pytest.mark.parametrize(
    ("text", "name", "figure"),
    [
        ("recall[spam]  where tag = a and split=dev >= 85%", "recall[spam] where tag = a and split=dev",
         "recall[spam] where split=dev and tag=a"),
        ("cost per 1,000 <= $0.50", "cost per 1,000", "cost per 1000"),
        ("latency.p95<=1 s", "latency.p95", "latency.p95"),
        ("accuracy > majority", "accuracy", None),
    ],
)  # fmt: skip
def test_a_threshold_has_a_name_of_its_own_and_its_figure_a_name_in_one_spelling(
    text: str, name: str, figure: str | None
) -> None:
    parsed = parse_threshold(text, labels=["spam", "ham"])
    assert parsed.name == name
    assert figure is None or parsed.figure == figure


def test_an_operator_inside_a_label_does_not_cut_the_name_short() -> None:
    parsed = parse_threshold('recall["a >= b"] >= 90%', labels=["a >= b", "c"])
    assert (parsed.name, parsed.label, parsed.bound) == ('recall["a >= b"]', "a >= b", 0.9)
