"""What a report may say of the past: earlier runs, versions of a prompt, new data. Made up but coherent."""

from __future__ import annotations

from harness.judge.documents import (
    AccuracyChange,
    CusumChart,
    Estimate,
    History,
    HistoryPoint,
    NewData,
    NotComparable,
    PairsCompared,
    ServedChange,
    SplitGap,
    VersionCurve,
    VersionPoint,
    undefined,
)


def _near(value: float, half: float, n: int = 450) -> Estimate:
    return Estimate(value=value, n=n, low=value - half, high=value + half, method="made up")


def _point(day: int, accuracy: float, *changed: str, complete: bool = True) -> HistoryPoint:
    return HistoryPoint(
        run_id=f"202603{day:02d}T080000Z-sms-spam-00000{day % 10}",
        created_utc=f"2026-03-{day:02d}T08:00:00.000000+00:00",
        complete=complete,
        prompt_digest="5d41402abc4b2a76b9719d911017c592",
        accuracy=_near(accuracy, 0.025) if complete else undefined("it is not finished"),
        stability=_near(0.97, 0.01) if complete else None,
        p95=_near(0.31, 0.02) if complete else None,
        verdict="READY",
        changed=changed,
    )


def history(text: str = "") -> History:
    """Give five runs, one of them unfinished, with two releases; `text` replaces every foreign string."""
    points = (
        _point(1, 0.94),
        _point(2, 0.93),
        _point(3, 0.95, text or "the prompt changed"),
        _point(4, 0.5, complete=False),
        _point(5, 0.904, text or "served model mini-03 → mini-04"),
    )
    before = tuple(point.run_id for point in points[:3])
    return History(
        run_id=points[-1].run_id,
        points=points,
        changes=(
            AccuracyChange(
                against="the previous run", runs=before[-1:], before=_near(0.95, 0.02), change=_near(-0.046, 0.03)
            ),
            AccuracyChange(
                against="the runs before, pooled", runs=before, before=_near(0.94, 0.01), change=_near(-0.036, 0.025)
            ),
        ),
        cusum=CusumChart(usual=0.06, worse=0.11, limit=4.605, path=(0.0, 0.0, 0.0, 1.2), signal=None),
        not_comparable=(
            NotComparable(
                run_id="20260228T080000Z-sms-spam-000009",
                created_utc="2026-02-28T08:00:00Z",
                why=text or "it has other cases (120, not 150)",
            ),
        ),
        sentence=text or "Accuracy fell: −4.6 points (−7.6 to −1.6) since the previous run (95.0%).",
    )


def versions(text: str = "") -> VersionCurve:
    """Give a prompt that improved on dev alone."""
    figures = ((0.86, 0.85), (0.91, 0.85), (0.96, 0.84))
    return VersionCurve(
        other_split="holdout",
        points=tuple(
            VersionPoint(
                prompt=text or f"v{n}",
                prompt_digest=f"{n}" * 32,
                run_id=f"2026030{n}T080000Z-sms-spam-00000{n}",
                dev=_near(dev, 0.03, 300),
                other=_near(other, 0.04, 300),
            )
            for n, (dev, other) in enumerate(figures, start=1)
        ),
        dev_gain=_near(0.10, 0.045, 600),
        other_gain=_near(-0.01, 0.058, 600),
        lead=_near(0.11, 0.07, 1200),
        overfitting=True,
        sentence=text or "Overfitting to dev: from v1 to v3 dev gained 10.0 points, holdout −1.0 points.",
    )


def new_data(text: str = "") -> NewData:
    """Give a later sample on which the candidate does worse."""
    return NewData(
        run_id="20260301T080000Z-sms-spam-000001",
        cases=150,
        gaps=(
            SplitGap(
                metric="accuracy",
                dev=_near(0.94, 0.025),
                other_split="new data",
                other=_near(0.88, 0.03),
                gap=_near(0.06, 0.04),
                p_value=0.004,
            ),
        ),
        worse=True,
        sentence=text or "Accurate in the lab, worse on new data: accuracy 94.0% there, 88.0% here.",
    )


def concurrency() -> PairsCompared:
    """Give flips that come with calls in flight."""
    return PairsCompared(
        first_kind="at most 4 calls in flight",
        first=_near(0.004, 0.004),
        second_kind="more than 4",
        second=_near(0.051, 0.02),
        difference=_near(0.047, 0.021),
        explains=True,
    )


def served_changes(text: str = "") -> tuple[ServedChange, ...]:
    """Give a fingerprint that changed once."""
    return (ServedChange(what="fingerprint", at_s=31.5, before=text or "fp_1", after=text or "fp_2"),)
