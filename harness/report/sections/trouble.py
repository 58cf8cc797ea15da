"""What went wrong, written for people: each kind with its cause, its share, two replies and what to do."""

from collections.abc import Iterable

from harness.judge import OUTCOMES, Trouble, Verdict, advice, how_many, title
from harness.report.parts import VERDICT_TONES, SampleView, Tone, TroubleView, one_line, percent_of, shorten

_MOST_WORDS = 1_000  # characters of the endpoint's words
_MOST_ADVICE = 600
_MOST_ID = 200
_MOST_REPLY = 600  # characters of a sample
_DECIDES: dict[Verdict, str] = {
    "NOT READY": "decides the verdict",
    "INCONCLUSIVE": "keeps the verdict open",
    "NOT MEASURED": "nothing was measured",
}


def troubles(rows: Iterable[Trouble], verdict: Verdict) -> tuple[TroubleView, ...]:
    """Give the kinds in the order of the assessment: what decides first, then by count."""
    return tuple(_row(row, verdict) for row in rows)


def _row(row: Trouble, verdict: Verdict) -> TroubleView:
    tone: Tone = VERDICT_TONES[verdict] if row.decides else "plain"
    return TroubleView(
        kind=row.kind,
        whose=row.whose,
        outcome=row.kind if row.kind in OUTCOMES else "failed",
        search="" if row.kind in OUTCOMES else f"{row.kind}:",
        title=title(row.kind),
        tone=tone,
        many=_many(row),
        decides=_DECIDES.get(verdict, "") if row.decides else "",
        words=_line(row.message, _MOST_WORDS),
        next=_line(advice(row), _MOST_ADVICE),
        case=_line(row.case, _MOST_ID),
        id=row.case,
        samples=tuple(
            SampleView(
                case=_line(one.case, _MOST_ID),
                reply=_line(one.reply, _MOST_REPLY),
                reason=_line(one.reason, _MOST_ADVICE),
                id=one.case,
            )
            for one in row.samples
        ),
    )


def _many(row: Trouble) -> str:
    if row.share is None:
        return f"the first {how_many(row).removeprefix('1 ')}, then no more were sent"
    of = round(row.count / row.share)
    return f"{how_many(row)} ({percent_of(row.count, of)})"


def _line(text: str, most: int) -> str:
    return one_line(shorten(text, most))
