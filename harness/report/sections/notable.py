"""The cases to look at, by reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from harness.judge.documents.assessment import NotableCase
from harness.report.figures import number
from harness.report.parts import NotableGroup, NotableRow

MAX_NOTABLE = 15
TEXT_LIMIT = 600


def notable_groups(
    notable: tuple[NotableCase, ...], counts: Mapping[str, int] | None = None
) -> tuple[NotableGroup, ...]:
    """Group the cases to look at by the reason, in the order given; `counts` has the totals."""
    groups: dict[str, list[NotableCase]] = {}
    for case in notable:
        groups.setdefault(case.why, []).append(case)
    known = counts or {}
    return tuple(notable_group(why, cases, known.get(why, 0)) for why, cases in groups.items())


def notable_group(why: str, cases: Iterable[NotableCase], total: int = 0) -> NotableGroup:
    """Give one group, cut to what a reader will look at."""
    every = tuple(cases)
    shown = every[:MAX_NOTABLE]
    title = why[:1].upper() + why[1:]
    total = max(total, len(every))
    more = f" ({len(shown)} of {total:,})" if total > len(shown) else f" ({total:,})"
    return NotableGroup(title=title + more, rows=tuple(_notable_row(case) for case in shown))


def _notable_row(case: NotableCase) -> NotableRow:
    return NotableRow(
        case=case.case,
        expected=case.expected,
        got=case.got,
        text=_cut(case.text),
        reply=_cut(case.reply),
        latency="" if case.latency_s is None else number(case.latency_s, "seconds"),
    )


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_LIMIT else f"{text[:TEXT_LIMIT]}… ({len(text):,} characters)"
