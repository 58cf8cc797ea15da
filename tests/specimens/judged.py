"""Assessments to render: one realistic, one hostile, one nearly empty. Figures are made up but coherent."""

from __future__ import annotations

import math
import random
from typing import Any

import msgspec
import over_time

from harness.judge.assessment import (
    Assessment,
    CandidateAssessment,
    ChangedCase,
    Check,
    Classification,
    Confusion,
    Cost,
    Flip,
    Generalization,
    LabelScores,
    Latency,
    LatencyPart,
    Leakage,
    LeakFinding,
    MajorityBaseline,
    NotableCase,
    OperatingPoint,
    PerturbationScores,
    Quantile,
    Robustness,
    ScoreCurve,
    Slice,
    SplitGap,
    Spread,
    Stability,
    TimingQuality,
    Tradeoff,
    Trap,
    UnstableCase,
)
from harness.judge.scores.estimate import Estimate, undefined
from harness.judge.standings import Duel, Leaderboard, Standing
from harness.rundir import CandidateEntry, FileDigest, Manifest


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


def check(
    threshold: str, metric: str, status: str, required: float, estimate: Estimate, **more: Any
) -> Check:
    """Give a check with a plain sentence."""
    op = threshold.split("where", maxsplit=1)[0].split()[-2 if threshold[-1] != "s" else -3]
    fields: dict[str, Any] = {
        "label": None,
        "bound": estimate.low,
        "needed_n": None,
        "needed_unit": "",
        "why": "",
    }
    fields |= {"op": op if op in (">=", "<=", ">", "<") else ">="} | more
    return Check(
        threshold=threshold, metric=metric, status=status, required=required, estimate=estimate, **fields
    )  # type: ignore[arg-type]


SPAM = Confusion(
    rows=("spam", "ham"),
    columns=("spam", "ham", "no label"),
    counts=((81, 6, 3), (33, 326, 1)),
)


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
            Spread(metric="latency.p95", values=(0.3, 0.31, 0.32), low=0.3, high=0.32, deviation=0.01),
        ),
        unstable=(
            UnstableCase(
                case="sms-041", expected="ham", labels={"ham": 2, "spam": 1}, replies=("ham", "ham", "spam!")
            ),
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
        limit_history=(
            (0.0, 1, "start"),
            (1.2, 2, "grew"),
            (3.5, 4, "grew"),
            (41.0, 3, "429"),
            (55.0, 4, "grew"),
        ),
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
        check(
            "cost per 1000 <= $0.50",
            "cost_per_1000",
            "PASS",
            0.5,
            near(0.1187, 0.0031),
            op="<=",
            why="Cheap.",
        ),
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


def candidate(
    name: str = "v2-few-shot@smollm2", verdict: str = "NOT READY", **changes: Any
) -> CandidateAssessment:
    """Give a candidate with every section filled."""
    matrix, times = classification(SPAM), latency()
    prompt, model = name.split("@")
    made = CandidateAssessment(
        name=name,
        prompt=prompt,
        model=model,
        verdict=verdict,  # type: ignore[arg-type]
        headline="precision[spam] is 71.1%, required 95%: of 114 messages read as spam 33 were innocent.",
        checks=checks(matrix, times),
        traps=(
            Trap(
                kind="accuracy_paradox", sentence="Always answering ham would already reach 80.0% accuracy."
            ),
            Trap(
                kind="one_sided_errors", sentence="33 of 39 wrong labels are ham read as spam.", label="spam"
            ),
        ),
        outcomes={"label": 446, "unparseable": 2, "refused": 0, "truncated": 0, "empty": 0, "failed": 2},
        trials=450,
        cases=150,
        repeats=3,
        classification=matrix,
        latency=times,
        stability=stability(),
        cost=cost(),
        timing_quality=timing(),
        slices=(
            Slice(
                kind="split",
                name="dev",
                cases=100,
                trials=300,
                accuracy=share(278, 300),
                recall={"spam": share(56, 60)},
                precision={"spam": share(56, 74)},
                p_value=0.41,
            ),
            Slice(
                kind="split",
                name="holdout",
                cases=50,
                trials=150,
                accuracy=share(129, 150),
                recall={"spam": share(25, 30)},
                precision={"spam": share(25, 40)},
                p_value=0.41,
            ),
            Slice(
                kind="tag",
                name="lookalike",
                cases=38,
                trials=114,
                accuracy=share(82, 114),
                recall={"spam": undefined("no spam here")},
                precision={"spam": share(0, 32)},
                p_value=0.0004,
                worst=True,
            ),
        ),
        robustness=Robustness(
            drop=near(0.031, 0.022),
            perturbations=(
                PerturbationScores(
                    name="typos",
                    cases=150,
                    flips=share(9, 150),
                    flips_above_noise=near(0.033, 0.03),
                    accuracy_drop=near(0.031, 0.022),
                    recall_drop={"spam": near(0.01, 0.02)},
                    p_value=0.021,
                    above_noise=True,
                    worst=(
                        ChangedCase(
                            case="sms-009",
                            expected="spam",
                            before="spam",
                            after="ham",
                            text_before="WINNER! Claim now",
                            text_after="WINNRE! Claim now",
                        ),
                    ),
                ),
                PerturbationScores(
                    name="whitespace",
                    cases=150,
                    flips=share(2, 150),
                    flips_above_noise=near(-0.013, 0.02),
                    accuracy_drop=near(-0.004, 0.012),
                    recall_drop={},
                    p_value=1.0,
                ),
            ),
            note="The noise of plain repeats (2.7%) is taken off the share of answers that moved.",
        ),
        generalization=Generalization(
            gap=near(0.067, 0.07),
            gaps=(
                SplitGap(
                    metric="accuracy",
                    dev=share(278, 300),
                    other_split="holdout",
                    other=share(129, 150),
                    gap=near(0.067, 0.07),
                    p_value=0.041,
                ),
            ),
            versions=over_time.versions(),
        ),
        history=over_time.history(),
        leakage=Leakage(
            findings=(
                LeakFinding(
                    kind="example_in_cases",
                    case="sms-022",
                    other="examples[2]",
                    similarity=0.93,
                    text="Congratulations, you won a cruise",
                    other_text="Congratulations! You won a cruise.",
                ),
            ),
            leaked_cases=1,
            accuracy_with=share(407, 450),
            accuracy_without=share(404, 447),
            note="Paraphrases evade this search.",
        ),
        notable=(
            NotableCase(
                why="wrong in every repeat",
                case="sms-011",
                expected="ham",
                got="spam",
                text="Your parcel from Oak & Thread arrives today between 13:05 and 14:05.",
                reply="spam",
                latency_s=0.171,
            ),
            NotableCase(
                why="wrong in every repeat",
                case="sms-077",
                expected="ham",
                got="spam",
                text="Gate change: flight KX 218 to Lisbon now boards at gate B22, 17:45.",
                reply="Spam.",
                latency_s=0.166,
            ),
            NotableCase(
                why="unparseable",
                case="sms-102",
                expected="spam",
                got="unparseable",
                text="FREE entry!!! Text WIN to 80082",
                reply="I can't say for sure. It might be either,\nor neither.",
                latency_s=0.31,
            ),
            NotableCase(
                why="slowest",
                case="sms-050",
                expected="ham",
                got="ham",
                text="hiya are you sending the £3 for the teachers present in with Lottie",
                reply="ham",
                latency_s=0.52,
            ),
        ),
    )
    return msgspec.structs.replace(made, **changes)


def scored() -> CandidateAssessment:
    """Give a candidate whose replies carry a score."""
    recall = tuple(i / 40 for i in range(41))
    precision = tuple(1 - 0.5 * r**4 for r in recall)
    curve = ScoreCurve(
        x=recall,
        y=precision,
        low=tuple(p - 0.05 for p in precision),
        high=tuple(min(1.0, p + 0.05) for p in precision),
    )
    roc = ScoreCurve(x=recall, y=tuple(x**0.25 for x in recall))
    point = OperatingPoint(
        rule="highest precision with recall >= 90%",
        score=0.62,
        precision=share(81, 96),
        recall=share(81, 90),
        chosen_on="dev",
        judged_on="holdout",
    )
    tradeoff = Tradeoff(
        label="spam",
        n=450,
        average_precision=near(0.93, 0.03),
        roc_auc=near(0.96, 0.02),
        ece=0.041,
        brier=0.067,
        pr=curve,
        roc=roc,
        reliability=tuple((0.05 + i / 10, min(1.0, 0.02 + i / 9.5), 45) for i in range(10)),
        points=(point,),
        note="Scores are token probabilities.",
    )
    counts = ((87, 2, 1), (4, 356, 0))
    matrix = classification(msgspec.structs.replace(SPAM, counts=counts))
    return candidate(
        "v3-plain-text@smollm2",
        "READY",
        classification=matrix,
        tradeoff=tradeoff,
        traps=(),
        headline="All 4 checks pass; the tightest is recall[spam] at 96.7%, required 90%.",
        checks=(
            check(
                "accuracy >= 90%",
                "accuracy",
                "PASS",
                0.9,
                matrix.accuracy,
                why="443 of 450 trials were right.",
            ),
            check(
                "recall[spam] >= 90%",
                "recall",
                "PASS",
                0.9,
                matrix.labels["spam"].recall,
                label="spam",
                why="Found.",
            ),
            check(
                "latency.p95 <= 1 s",
                "latency.p95",
                "PASS",
                1.0,
                latency(3, median=0.11).caller[2].estimate,
                op="<=",
                why="Fast.",
            ),
            check(
                "leakage <= 1",
                "leakage",
                "PASS",
                1.0,
                Estimate(value=1.0, n=150),
                op="<=",
                why="One leaked case.",
            ),
        ),
        latency=latency(3, median=0.11),
    )


def assessment(*candidates: CandidateAssessment, **changes: Any) -> Assessment:
    """Give a judged run of the given candidates, or of one realistic one."""
    chosen = candidates or (candidate(),)
    made = Assessment(
        schema_version=1,
        run_id="20261124-091502-sms-spam-3fa2c1",
        suite="sms-spam",
        verdict=chosen[0].verdict,
        headline=chosen[0].headline,
        created_utc="2026-11-24T09:15:02Z",
        planned_trials=450 * len(chosen),
        journalled_trials=450 * len(chosen),
        complete=True,
        labels=("spam", "ham"),
        positive="spam",
        confidence=0.95,
        policy=tuple(c.threshold for c in chosen[0].checks),
        candidates=tuple(chosen),
        sessions=1,
        paid_twice_at_most=0,
        harness_version="0.1.0",
    )
    return msgspec.structs.replace(made, **changes)


def three() -> Assessment:
    """Give the demo's story: three prompt versions on one model."""
    silent = Confusion(rows=SPAM.rows, columns=SPAM.columns, counts=((2, 1, 87), (0, 14, 346)))
    first = candidate(
        "v1-zero-shot@smollm2",
        classification=classification(silent),
        headline="Hardly a reply can be read as a label: 433 of 450 trials have none.",
        outcomes={"label": 17, "unparseable": 431, "refused": 0, "truncated": 0, "empty": 0, "failed": 2},
    )
    best = scored()
    judged = assessment(
        first, candidate(), best, verdict="READY", headline=f"{best.name} is ready: {best.headline}"
    )
    return msgspec.structs.replace(judged, leaderboard=leaderboard(best, candidate(), first))


def leaderboard(*ranked: CandidateAssessment) -> Leaderboard:
    """Give the standings of candidates of which the first really beats the others."""
    first, *others = ranked
    return Leaderboard(
        quality="balanced_accuracy",
        rows=tuple(
            Standing(
                name=c.name,
                verdict=c.verdict,
                quality=c.classification.balanced_accuracy,
                accuracy=c.classification.accuracy,
                p95=c.latency.caller[2].estimate,
                cost_per_1000=c.cost.per_1000,
                stability=c.stability.agreement,
                on_front=c is first,
                beaten_by=() if c is first else (first.name,),
            )
            for c in ranked
        ),
        duels=tuple(
            Duel(
                first=first.name,
                second=c.name,
                metric="balanced_accuracy",
                difference=near(0.07, 0.04),
                p_value=0.0004,
                p_adjusted=0.0008,
                real=True,
                better=first.name,
            )
            for c in others
        ),
        cochran_p=0.0002,
        weakest=ranked[-1].name,
        front=(first.name,),
        recommended=first.name,
        recommendation=f"Take {first.name}, the only one that is ready; it gives up nothing that these cases "
        "can show.",
        differences=f"Really differ from {first.name} in balanced accuracy: {others[0].name} (−7.0 points).",
    )


def manifest(judged: Assessment) -> Manifest:
    """Give the manifest of a judged run."""
    entries = tuple(
        CandidateEntry(
            name=c.name,
            prompt_name=c.prompt,
            model_name=c.model,
            prompt={
                "messages": [
                    {"role": "system", "content": "Answer spam or ham."},
                    {"role": "user", "content": "{{ message }}"},
                ]
            },
            model={
                "endpoint": "local",
                "weights": "smollm2-135m-instruct",
                "params": {"temperature": 0, "max_tokens": 4},
                "api_key_env": None,
            },
            prompt_digest="1f3b" * 8,
            model_digest="9c0d" * 8,
        )
        for c in judged.candidates
    )
    return Manifest(
        schema_version=1,
        run_id=judged.run_id,
        created_utc=judged.created_utc,
        suite_name=judged.suite,
        suite={"name": judged.suite},
        suite_digest="ab12" * 8,
        candidates=entries,
        variants=("original", "typos", "whitespace"),
        repeats=3,
        planned_trials=judged.planned_trials,
        seed=0,
        files=(
            FileDigest(path="suites/sms_spam.jsonl", sha256="5e" * 32),
            FileDigest(path="suites/sms_spam.suite.yml", sha256="7a" * 32),
        ),
        versions={"python": "3.11.9", "harness": "0.1.0", "numpy": "2.3.1"},
        platform="Linux-6.1-x86_64",
        git_commit="58bdbf0c1d",
        git_dirty=False,
        command=("harness", "run", "suites/sms_spam.suite.yml", "--repeats", "3"),
    )


HOSTILE = (
    "\x1b[31mred\x1b]8;;http://evil.example\x07click\x1b]8;;\x07",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "</details></td></table> | pipe | `tick` ``two`` <!-- comment",
    "@octocat see #12 and GH-7, https://evil.example www.evil.example a@b.example",
    "![x](http://evil.example/x.png) [link](javascript:alert(1)) :white_check_mark: $x^2$",
    "\u202egnp.exe\u202c zero\u200bwidth \ufeff tag\U000e0041 nul\x00 bell\x07 c1\x9b31m",
    "lone \ud800 surrogate and \ufffe \uffff",
    "line\nbreak\r\ntab\tcarriage\rreturn\n```\n# heading\n- [ ] task",
    "{{ 7*7 }} {% raw %} ${x} [bold red]markup[/]",
)


def hostile() -> Assessment:
    """Give every string that a case, reply, prompt, model or label can set is an attack."""
    attack = " ".join(HOSTILE)
    labels = ("@team/spam|<b>", "ham`\x1b[2J")
    confusion = Confusion(rows=labels, columns=(*labels, "no label"), counts=SPAM.counts)
    matrix = classification(confusion)
    base = candidate()
    bad = candidate(
        "x@y",
        classification=matrix,
        checks=tuple(
            msgspec.structs.replace(c, why=attack, threshold=f"recall[{labels[0]}] >= 1%", label=labels[0])
            for c in base.checks
        ),
        traps=(Trap(kind="x", sentence=attack),),
        headline=attack,
        notable=tuple(
            NotableCase(why=attack, case=attack, expected=labels[0], got=labels[1], text=a, reply=a)
            for a in HOSTILE
        ),
        stability=msgspec.structs.replace(
            base.stability,
            unstable=(UnstableCase(case=attack, expected=labels[0], labels={attack: 3}, replies=(attack,)),),
            served_models={attack: 1, "other": 2},
            served_changes=over_time.served_changes(attack),
            served_changes_in_all=1,
            concurrency=over_time.concurrency(),
            concurrency_note=attack,
        ),
        history=over_time.history(attack),
        generalization=Generalization(
            gap=near(0.06, 0.04),
            gaps=(),
            versions=over_time.versions(attack),
            new_data=over_time.new_data(attack),
        ),
        timing_quality=msgspec.structs.replace(base.timing_quality, sentence=attack),
        slices=(msgspec.structs.replace(base.slices[0], name=attack),),
    )
    bad = msgspec.structs.replace(bad, name=attack, prompt=attack, model=attack)
    return assessment(bad, suite=attack, headline=attack, labels=labels, positive=labels[0], policy=(attack,))


def empty() -> Assessment:
    """Give a run in which nothing could be measured."""
    nothing = undefined("no trial has finished")
    confusion = Confusion(
        rows=("spam", "ham"), columns=("spam", "ham", "no label"), counts=((0, 0, 0), (0, 0, 0))
    )
    matrix = msgspec.structs.replace(
        classification(confusion),
        accuracy=nothing,
        balanced_accuracy=nothing,
        mcc=nothing,
        kappa=nothing,
        macro_f1=nothing,
    )
    bare = candidate(
        verdict="INCONCLUSIVE",
        headline="Nothing was measured.",
        classification=matrix,
        checks=(),
        traps=(),
        outcomes={},
        trials=0,
        cases=0,
        repeats=1,
        latency=Latency(
            caller=(),
            service=(),
            ttft=(),
            n=0,
            censored=0,
            histogram=(),
            over_time=(),
            parts=(),
            recorded=True,
            retried_trials=0,
            attempts=0,
            warmup_calls=0,
        ),
        stability=Stability(agreement=nothing, flip_rate=nothing, tar_raw=nothing, tar_label=nothing),
        cost=Cost(
            currency="USD",
            total=0.0,
            per_1000=nothing,
            per_correct=nothing,
            per_caught_positive=None,
            tokens_in=nothing,
            tokens_out=nothing,
            tokens_cached=nothing,
            priced=False,
        ),
        slices=(),
        robustness=None,
        generalization=None,
        leakage=None,
        notable=(),
    )
    return assessment(bare, complete=False, journalled_trials=0, paid_twice_at_most=4)
