"""Comparisons and gates to decide_prompts and to render; figures are made up but coherent."""

from __future__ import annotations

from typing import Any

from judged_sections import share

from harness.judge.compare import ChangedPrompt, decide_prompts, gate_reason, gate_status
from harness.judge.documents import (
    GATE_SCHEMA,
    CaseChange,
    Check,
    ComparedSide,
    Comparison,
    Estimate,
    Gate,
    GateCost,
    GatedPrompt,
    MetricDifference,
    NonInferiority,
    Status,
    WordChange,
)

POINTS = Estimate(value=-0.06, n=300, low=-0.09, high=-0.03, method="Tango, paired by case")


def asked(metric: str, status: Status, p_worse: float | None = 0.5, label: str | None = None) -> NonInferiority:
    return NonInferiority(
        metric=metric,
        label=label,
        margin=0.02,
        status=status,
        difference=POINTS,
        bound=-0.08,
        p_not_worse=0.9,
        p_worse=p_worse,
        p_worse_adjusted=p_worse,
        needed_n=None,
        needed_unit="cases",
        sentence=f"{metric} is what it is.",
    )


def metric(name: str, label: str | None = None, **more: Any) -> MetricDifference:
    return MetricDifference(
        metric=name,
        label=label,
        base=share(270, 300),
        head=share(252, 300),
        difference=POINTS,
        verdict="worse",
        higher_is_better=not name.startswith("latency"),
        scale="seconds" if name.startswith("latency") else "share",
        p_value=0.001,
        p_adjusted=0.002,
        needed_n=None,
        sentence=f"{name} from here to there.",
        **more,
    )


def broken(id_: str, *, text: str = "win a prize", reply: str = "ham") -> CaseChange:
    return CaseChange(
        case=id_,
        expected="spam",
        text=text,
        base_right=1.0,
        head_right=0.0,
        base_answers={"spam": 1},
        head_answers={"ham": 1},
        base_replies=("spam",),
        head_replies=(reply,),
    )


def side(name: str) -> ComparedSide:
    return ComparedSide(
        name=name,
        prompt="v1",
        model="m",
        run_id="20260101T000000Z-s-abcdef",
        created_utc="2026-01-01T00:00:00Z",
        suite="s",
        prompt_digest=name,
        model_digest="m",
        cases=300,
        trials=300,
        repeats=1,
    )


def comparison(*decisions: NonInferiority, **more: Any) -> Comparison:
    given: dict[str, Any] = {
        "metrics": (metric("accuracy"), metric("latency.p95")),
        "broken": (broken("c1"), broken("c2")),
        "notes": (),
        "prompt_diff": (
            WordChange(kind="same", text="user:\nSort "),
            WordChange(kind="removed", text="this"),
            WordChange(kind="added", text="that"),
            WordChange(kind="same", text=" message.\n"),
        ),
    }
    return Comparison(
        schema_version=1,
        base=side("v1@m (base)"),
        head=side("v1@m (head)"),
        headline="worse: accuracy.",
        currency="USD",
        paired_cases=300,
        paired_by_digest=0,
        unpaired_base=(),
        unpaired_head=(),
        edited=(),
        relabelled=(),
        slices=(),
        margin=0.02,
        non_inferior=decisions,
        non_inferior_status="FAIL",
        fixed=(),
        moved=0,
        outcomes=(),
        typical_shift=None,
        same_prompt=False,
        same_model=True,
        changes=(),
        confidence=0.95,
        labels=("spam", "ham"),
        positive="spam",
        **{**given, **more},
    )


def held(threshold: str, status: Status, *, name: str = "accuracy", why: str = "So it is.") -> Check:
    return Check(
        threshold=threshold,
        metric=name,
        label=None,
        status=status,
        required=0.9,
        op=">=",
        estimate=share(252, 300),
        bound=0.8,
        needed_n=None,
        needed_unit="cases",
        why=why,
    )


def judged(**more: Any) -> ChangedPrompt:
    given: dict[str, Any] = {
        "path": "prompts/v1.prompt.yml",
        "prompt": "v1",
        "model": "m",
        "lines": (4, 6),
        "same": False,
        "head": (held("accuracy >= 80%", "PASS"),),
        "base": (held("accuracy >= 80%", "PASS"),),
        "comparison": comparison(asked("accuracy", "PASS")),
    }
    return ChangedPrompt(**{**given, **more})


def gate(*prompts: ChangedPrompt, **more: Any) -> Gate:
    decided: tuple[GatedPrompt, ...] = decide_prompts(prompts, confidence=0.95)
    status = gate_status(decided)
    given: dict[str, Any] = {"edits": (), "deleted": (), "policy": "base"}
    return Gate(
        schema_version=GATE_SCHEMA,
        status=status,
        exit_code=0,
        headline=f"{status}: {gate_reason(decided, 'origin/main')}",
        reason=gate_reason(decided, "origin/main"),
        suite="suites/s.suite.yml",
        base_ref="origin/main",
        base_commit="b" * 40,
        head_commit="a" * 40,
        uncommitted=False,
        thresholds=("accuracy >= 80%",),
        margin=0.02,
        prompts=decided,
        cost=GateCost(calls=600, reused=0, money=0.12, currency="USD", priced=True, by_currency={"USD": 0.12}),
        run_id="20260101T000000Z-s-abcdef",
        currency="USD",
        **{**given, **more},
    )
