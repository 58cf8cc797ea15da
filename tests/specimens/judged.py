"""Realistic assessments to render. Figures are made up but coherent."""

from __future__ import annotations

from typing import Any

import msgspec
import over_time
from judged_sections import SPAM, check, checks, classification, cost, latency, near, share, stability, timing

from harness.judge.documents import (
    Assessment,
    CandidateAssessment,
    ChangedCase,
    Confusion,
    Duel,
    Estimate,
    Generalization,
    Leaderboard,
    Leakage,
    LeakFinding,
    NotableCase,
    OperatingPoint,
    PerturbationScores,
    Robustness,
    SampleReply,
    ScoreCurve,
    Slice,
    SplitGap,
    Standing,
    Tradeoff,
    Trap,
    Trouble,
    undefined,
)
from harness.rundir import CandidateEntry, FileDigest, Manifest


def candidate(name: str = "v2-few-shot@smollm2", verdict: str = "NOT READY", **changes: Any) -> CandidateAssessment:
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
            Trap(kind="accuracy_paradox", sentence="Always answering ham would already reach 80.0% accuracy."),
            Trap(kind="one_sided_errors", sentence="33 of 39 wrong labels are ham read as spam.", label="spam"),
        ),
        went_wrong=(
            Trouble(
                kind="server_error",
                whose="endpoint",
                count=2,
                share=2 / 450,
                message="HTTP 503: overloaded",
                case="sms-031",
                where="",
                fix="When the endpoint is well, `harness resume RUN --failed` sends just these again.",
                decides=False,
            ),
            Trouble(
                kind="unparseable",
                whose="prompt",
                count=2,
                share=2 / 450,
                message="no label in it",
                case="sms-102",
                where="prompts/v2.prompt.yml",
                fix="Ask the prompt for the label alone, or set `reply:` in the suite to how it answers.",
                advice="Ask the prompt for the label alone, or set `reply:` in the suite to how it answers "
                "(prompts/v2.prompt.yml).",
                decides=False,
                samples=(
                    SampleReply(
                        case="sms-102",
                        reply="I can't say for sure. It might be either,\nor neither.",
                        reason="no label in it",
                    ),
                    SampleReply(case="sms-140", reply="spam or ham", reason="2 labels are named: ham, spam"),
                ),
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
        x=recall, y=precision, low=tuple(p - 0.05 for p in precision), high=tuple(min(1.0, p + 0.05) for p in precision)
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
            check("accuracy >= 90%", "accuracy", "PASS", 0.9, matrix.accuracy, why="443 of 450 trials were right."),
            check(
                "recall[spam] >= 90%", "recall", "PASS", 0.9, matrix.labels["spam"].recall, label="spam", why="Found."
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
            check("leakage <= 1", "leakage", "PASS", 1.0, Estimate(value=1.0, n=150), op="<=", why="One leaked case."),
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
    judged = assessment(first, candidate(), best, verdict="READY", headline=f"{best.name} is ready: {best.headline}")
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
                currency=c.cost.currency,
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
        recommendation=f"Take {first.name}, the only one that is ready; it gives up nothing that these cases can show.",
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
