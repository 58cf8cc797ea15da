"""The sections of a judged candidate, filled with figures that fit together."""

from __future__ import annotations

import math
import random
from typing import Any

from harness.judge.documents import (
    Check,
    Classification,
    Confusion,
    Cost,
    Estimate,
    Flip,
    LabelScores,
    Latency,
    LatencyPart,
    MajorityBaseline,
    Quantile,
    Spread,
    Stability,
    TimingQuality,
    UnstableCase,
    undefined,
)


def share(right: int, n: int) -> Estimate:
    """Give a share with its Wilson interval."""
    if not n:
        return undefined("nothing was predicted to be this label")
    z, p = 1.959964, right / n
    middle, half = (p + z * z / 2 / n) / (1 + z * z / n), z / (1 + z * z / n)
    half *= math.sqrt(p * (1 - p) / n + z * z / 4 / n / n)
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    return Estimate(value=p, n=n, low=low, high=high, method="wilson")


def near(value: float, half: float, n: int = 150) -> Estimate:
    """Give a figure with a symmetric interval."""
    return Estimate(value=value, n=n, low=value - half, high=value + half, method="bootstrap")


def labels_of(confusion: Confusion) -> dict[str, LabelScores]:
    """Scores of every label, straight from the matrix."""
    total = sum(map(sum, confusion.counts))
    found = {}
    for i, label in enumerate(confusion.rows):
        support = sum(confusion.counts[i])
        predicted = sum(row[i] for row in confusion.counts)
        hit = confusion.counts[i][i]
        found[label] = LabelScores(
            precision=share(hit, predicted),
            recall=share(hit, support),
            f1=share(2 * hit, support + predicted),
            specificity=share(total - support - predicted + hit, total - support),
            support=support,
            cases=support // 3,
            predicted=predicted,
        )
    return found


def classification(confusion: Confusion) -> Classification:
    """Give all label figures of a matrix."""
    total = sum(map(sum, confusion.counts))
    right = sum(confusion.counts[i][i] for i in range(len(confusion.rows)))
    read = total - sum(row[-1] for row in confusion.counts)
    scores = labels_of(confusion)
    recalls = [s.recall.value or 0.0 for s in scores.values()]
    largest = max(scores, key=lambda label: scores[label].support)
    baseline = scores[largest].support / total if total else 0.0
    return Classification(
        accuracy=share(right, total),
        accuracy_worst=right / total if total else 0.0,
        accuracy_best=min(1.0, (right + 3) / total) if total else 1.0,
        coverage=share(read, total),
        majority_baseline=MajorityBaseline(label=largest, share=baseline, p_value=0.00031),
        balanced_accuracy=near(sum(recalls) / len(recalls), 0.03),
        mcc=near(0.81, 0.06),
        kappa=near(0.80, 0.06),
        macro_f1=near(0.90, 0.03),
        labels=scores,
        confusion=confusion,
        at_prevalence={},
    )


def check(threshold: str, metric: str, status: str, required: float, estimate: Estimate, **more: Any) -> Check:
    """Give a check with a plain sentence."""
    op = threshold.split("where", maxsplit=1)[0].split()[-2 if threshold[-1] != "s" else -3]
    fields: dict[str, Any] = {"label": None, "bound": estimate.low, "needed_n": None, "needed_unit": "", "why": ""}
    fields |= {"op": op if op in (">=", "<=", ">", "<") else ">="} | more
    return Check(threshold=threshold, metric=metric, status=status, required=required, estimate=estimate, **fields)  # type: ignore[arg-type]


SPAM = Confusion(rows=("spam", "ham"), columns=("spam", "ham", "no label"), counts=((81, 6, 3), (33, 326, 1)))


def latency(seed: int = 7, *, median: float = 0.16, n: int = 450) -> Latency:
    """Give a long-tailed latency with all that a report shows of it."""
    draw = random.Random(seed)
    times = [median * math.exp(draw.gauss(0, 0.35)) for _ in range(n)]
    ordered = sorted(times)
    step = 0.02
    top = int(ordered[-1] / step) + 1
    histogram = tuple(
        (i * step, (i + 1) * step, sum(i * step <= t < (i + 1) * step for t in ordered)) for i in range(top)
    )

    def at(q: float) -> Quantile:
        place = min(n - 1, math.ceil(q * n) - 1)
        low, high = ordered[max(0, place - 9)], ordered[min(n - 1, place + 9)]
        return Quantile(
            q=q, estimate=Estimate(value=ordered[place], n=n, low=low, high=high, method="order statistics")
        )

    quantiles = tuple(at(q) for q in (0.5, 0.9, 0.95, 0.99, 1.0))
    parts = (("queue", 0.004, 0.02), ("service", 0.17, 0.94), ("retries", 0.004, 0.02), ("own", 0.003, 0.02))
    return Latency(
        caller=quantiles,
        service=quantiles,
        ttft=(),
        n=n,
        censored=2,
        histogram=histogram,
        over_time=tuple((i * 0.21, t) for i, t in enumerate(times)),
        parts=tuple(LatencyPart(name=name, mean_s=s, share=p) for name, s, p in parts),  # type: ignore[arg-type]
        recorded=False,
        retried_trials=4,
        attempts=n + 5,
        warmup_calls=3,
    )


def stability() -> Stability:
    """Give three repeats, six cases that moved."""
    return Stability(
        agreement=near(0.973, 0.011),
        flip_rate=near(0.027, 0.011),
        tar_raw=near(0.91, 0.045),
        tar_label=near(0.96, 0.03),
        pass_k={"2": near(0.89, 0.04), "3": near(0.88, 0.05)},
        fleiss_kappa=near(0.93, 0.03),
        icc=0.88,
        design_effect=2.76,
        mean_entropy_bits=0.037,
        best_accuracy=0.927,
        worst_accuracy=0.887,
        flips=(
            Flip(first="spam", second="ham", share=0.022, pairs=10, rate=0.056, rate_back=0.014),
            Flip(first="ham", second="no label", share=0.005, pairs=2, rate=0.003, rate_back=0.333),
        ),
        spread=(
            Spread(metric="accuracy", values=(0.906, 0.9, 0.913), low=0.9, high=0.913, deviation=0.0065),
            Spread(metric="recall[spam]", values=(0.9, 0.8667, None), low=0.8667, high=0.9, deviation=0.0235),
            Spread(metric="latency.p95", values=(0.3, 0.31, 0.32), low=0.3, high=0.32, deviation=0.01, scale="seconds"),
        ),
        unstable=(
            UnstableCase(case="sms-041", expected="ham", labels={"ham": 2, "spam": 1}, replies=("ham", "ham", "spam!")),
            UnstableCase(
                case="sms-117", expected="spam", labels={"ham": 1, "spam": 2}, replies=("spam", "ham", "spam")
            ),
        ),
        unstable_cases=6,
        served_models={"smollm2-135m-instruct": 450},
    )


def cost() -> Cost:
    """Give a cheap model."""
    return Cost(
        currency="USD",
        total=0.0541,
        per_1000=near(0.1187, 0.0031),
        per_correct=near(0.000131, 0.000006),
        per_caught_positive=near(0.00066, 0.00004),
        tokens_in=near(211.4, 6.2),
        tokens_out=near(1.6, 0.1),
        tokens_cached=near(128.0, 0.0),
        per_month=237.4,
        month=near(237.4, 12.1),
        volume_per_month=2_000_000,
    )


def timing(good: bool = True) -> TimingQuality:
    """Give a quiet client."""
    return TimingQuality(
        good=good,
        sentence="The client was idle: its own lag stayed under 2 ms, so the latencies are the endpoint's.",
        lag_p99_s=0.0017,
        lag_max_s=0.0043,
        cpu_share=0.21,
        own_share=0.018,
        max_in_flight=4,
        processes=1,
        limit_history=((0.0, 1, "start"), (1.2, 2, "grew"), (3.5, 4, "grew"), (41.0, 3, "429"), (55.0, 4, "grew")),
    )


def checks(matrix: Classification, times: Latency) -> tuple[Check, ...]:
    """Give one check of each kind and status."""
    spam = matrix.labels["spam"]
    return (
        check(
            "accuracy >= 90%",
            "accuracy",
            "INCONCLUSIVE",
            0.9,
            matrix.accuracy,
            needed_n=340,
            needed_told=True,
            needed_unit="cases",
            why="Accuracy is 90.4%, above the required 90%, but 150 cases can't prove it: 340 cases would.",
        ),
        check(
            "recall[spam] >= 80%",
            "recall",
            "PASS",
            0.8,
            spam.recall,
            label="spam",
            why="81 of 90 spam trials were found; at least 80% is certain enough.",
        ),
        check(
            "precision[spam] >= 95%",
            "precision",
            "FAIL",
            0.95,
            spam.precision,
            label="spam",
            why="Of 114 trials read as spam 81 were spam (71.1%); even the upper bound, 77.9%, is below 95%.",
        ),
        check(
            "latency.p95 <= 1 s",
            "latency.p95",
            "PASS",
            1.0,
            times.caller[2].estimate,
            op="<=",
            why="95% of calls took at most 283 ms; at most 331 ms with 95% confidence.",
        ),
        check(
            "stability >= 98%",
            "stability",
            "INCONCLUSIVE",
            0.98,
            near(0.973, 0.011),
            needed_n=900,
            needed_unit="cases",
            why="Agreement is 97.3%; 98% is still possible.",
        ),
        check("cost per 1000 <= $0.50", "cost_per_1000", "PASS", 0.5, near(0.1187, 0.0031), op="<=", why="Cheap."),
        check(
            "precision[junk] >= 50%",
            "precision",
            "INCONCLUSIVE",
            0.5,
            undefined("no trial was read as junk"),
            label="junk",
            why="Precision of junk is undefined, so it can't pass.",
        ),
    )
