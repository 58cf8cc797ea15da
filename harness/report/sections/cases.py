"""Which cases: the figures again on each tag and split, and the single cases to look at, by reason."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from harness.files.thresholds import metric_of
from harness.judge import NotableCase, Slice, sentence
from harness.report import parts
from harness.report.parts import Cell, NotableGroup, NotableRow, Section, Table

LEAST_CASES = 5  # fewer in a tag say nothing: their interval spans most of the axis
MAX_NOTABLE = 15
TEXT_LIMIT = 600


def slices_section(slices: tuple[Slice, ...], *, positive: str | None) -> Section | None:
    """Give the figures again on each tag and split; name one only if it differs by more than noise."""
    if not slices:
        return None
    worst = [s for s in slices if s.worst]
    lead = "No tag or split differs from the rest by more than chance explains."
    if worst:
        told = ", ".join(f"{s.kind} {s.name} with {parts.figure(s.accuracy, 'share')}" for s in worst)
        lead = f"Worse than the rest by more than chance explains: {told}."
    listed = [s for s in slices if s.kind == "split" or s.worst or s.cases >= LEAST_CASES]
    tested = any(s.p_value is not None for s in listed)
    rows = tuple(
        (
            Cell(f"{s.kind} {s.name}", tone="fail" if s.worst else "plain"),
            replace(parts.number_cell(parts.count(s.cases)), cases={s.kind: s.name}),
            replace(parts.estimate_cell(s.accuracy, "share", axis=True), cases={s.kind: s.name, "right": "wrong"}),
            *_of_positive(s, positive),
            *([parts.number_cell(parts.p_value(s.p_value))] if tested else []),
        )
        for s in listed
    )
    extra = (f"Recall of {positive}", f"Precision of {positive}") if positive else ()
    head = ("Slice", "Cases", "Accuracy", *extra, *(["p"] if tested else []))
    small = len(slices) - len(listed)
    note = f"{parts.count(small, 'tag')} with fewer than {LEAST_CASES} cases: in report.json." if small else ""
    table = Table(head=head, rows=rows, note=note)
    return Section(key="slices", title="Slices", lead=lead, tables=(table,) if rows else ())


def _of_positive(s: Slice, positive: str | None) -> tuple[Cell, ...]:
    if not positive:
        return ()
    return tuple(
        replace(
            parts.estimate_cell(scores[positive], "share"),
            cases=metric_of(metric).cases(positive, f"{s.kind}={s.name}"),
        )
        if positive in scores
        else Cell("")
        for metric, scores in (("recall", s.recall), ("precision", s.precision))
    )


def notable_groups(
    notable: tuple[NotableCase, ...], counts: Mapping[str, int] | None = None
) -> tuple[NotableGroup, ...]:
    """Group the cases to look at by the reason, in the order given; `counts` has the totals."""
    groups: dict[str, list[NotableCase]] = {}
    for case in notable:
        groups.setdefault(case.why, []).append(case)
    return tuple(notable_group(why, cases, (counts or {}).get(why, 0)) for why, cases in groups.items())


def notable_group(why: str, cases: Iterable[NotableCase], total: int = 0) -> NotableGroup:
    """Give one group, cut to what a reader will look at."""
    every = tuple(cases)
    shown = every[:MAX_NOTABLE]
    total = max(total, len(every))
    more = f" ({len(shown)} of {total:,})" if total > len(shown) else f" ({total:,})"
    return NotableGroup(
        title=sentence(why) + more,
        rows=tuple(
            NotableRow(
                case=case.case,
                expected=case.expected,
                got=case.got,
                text=_cut(case.text),
                reply=_cut(case.reply),
                latency="" if case.latency_s is None else parts.number(case.latency_s, "seconds"),
            )
            for case in shown
        ),
        key="-".join(re.findall("[a-z]+", why.lower())),
    )


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_LIMIT else f"{text[:TEXT_LIMIT]}… ({len(text):,} characters)"
