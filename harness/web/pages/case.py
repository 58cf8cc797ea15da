"""One case: what was sent, and what every repeat and variant on every candidate came to."""

from typing import Any

import msgspec
import numpy as np

from harness.errors import HarnessError
from harness.files.case import PROMPT_LEVEL, perturb_case
from harness.files.prompts import Prompt, RenderedText, RenderFailed, perturb_prompt, renderer_of
from harness.judge.labels import LabelReader, said, why_told
from harness.judge.sections.trouble import why_no_label
from harness.record import ORIGINAL, CaseRow, Record, Reply, caller_ns
from harness.rundir import CandidateEntry, reply_rules
from harness.web.pages.cases import NONE, Int64, RunIndex, StillReading, answer_name, read_at, selection_of, wanted_of
from harness.web.site import NotFound, Paging, Query, ReadSoFar, RunFolder, Site, number_of
from harness.web.sketches import TrialShown

PER_PAGE = 60  # trials


class VariantShown(msgspec.Struct, frozen=True, kw_only=True):
    """The trials of one variant of a case on one candidate, and what was sent."""

    variant: str
    inputs: dict[str, str] | None  # where they differ from the case's own
    messages: tuple[tuple[str, str], ...]  # role and text; one without a role is a plain text
    why_no_messages: str
    trials: tuple[TrialShown, ...]


class CandidateShown(msgspec.Struct, frozen=True, kw_only=True):
    """The trials of a case on one candidate."""

    candidate: str
    variants: tuple[VariantShown, ...]

    @property
    def longest_ns(self) -> int:
        """The longest trial: what the timelines of the page are scaled to, among others."""
        return max((trial.total_ns for variant in self.variants for trial in variant.trials), default=0)


class CasePage(msgspec.Struct, frozen=True, kw_only=True):
    """A case of a run."""

    run: str
    suite: str
    case: str
    query: dict[str, str]  # of the table that it was opened from
    expected: str
    split: str
    tags: tuple[str, ...]
    inputs: dict[str, str]
    candidates: tuple[CandidateShown, ...]
    trials: int
    paging: Paging
    before: str | None  # the neighbours in the table
    after: str | None
    place: int | None  # 1-based, in the table
    of: int
    live: bool


def case_page(site: Site, name: str, query: Query) -> CasePage | StillReading:
    """Make the page of one case. Raises NotFound."""
    folder = site.run(name)
    index = site.shelf.index(folder)
    if isinstance(index, ReadSoFar):
        return StillReading(run=name, indexed=index.share, megabytes=index.size / 1e6)
    number = index.cases.number.get(query.get("id", ""))
    if number is None or number >= len(index.cases):
        raise NotFound(f"run {name} has no case {query.get('id', '')!r}")
    kept = {key: value for key, value in query.items() if key not in {"id", "trials"}}
    rows = _rows_of(index, number, kept.get("candidate", ""))
    paging = Paging.of(len(rows), number_of(query, "trials", 1), PER_PAGE)
    row = _case_row(folder, index, number)
    expected, split = int(index.cases.expected[number]), int(index.cases.split[number])
    return CasePage(
        run=name,
        suite=index.manifest.suite_name,
        case=index.cases.ids[number],
        query=kept,
        expected=index.labels[expected] if expected != NONE else "",
        split=index.cases.splits[split] if split != NONE else "",
        tags=index.cases.tagsets[int(index.cases.tagset[number])],
        inputs=row.inputs,
        candidates=tuple(_candidates(site, folder, index, row, rows[paging.first : paging.last])),
        trials=len(rows),
        paging=paging,
        live=folder.live,
        **_neighbours(site, folder, index, number, kept),
    )


def _rows_of(index: RunIndex, number: int, first: str) -> Int64:
    """Give the case's trials by candidate, variant and repeat, the candidate that was looked at first."""
    rows = np.flatnonzero(index.trials.case == number)
    candidate = index.trials.candidate[rows].astype(np.int64)
    if first in index.candidates:
        candidate[candidate == index.candidates.index(first)] = -1
    order = np.lexsort((index.trials.repeat[rows], index.trials.variant[rows], candidate))
    return rows[order].astype(np.int64)


def _case_row(folder: RunFolder, index: RunIndex, number: int) -> CaseRow:
    if index.cases.seq[number] != NONE and folder.journal is not None:
        for event in read_at(folder.journal, [index.cases.place(number)]):
            if isinstance(event, CaseRow):
                return event
    return CaseRow(id=index.cases.ids[number], digest="", expected="")


def _candidates(site: Site, folder: RunFolder, index: RunIndex, case: CaseRow, rows: Int64) -> list[CandidateShown]:
    assert folder.journal is not None, "an index was made of it"
    shown: dict[str, dict[str, list[TrialShown]]] = {}
    events = read_at(folder.journal, [index.trials.place(row) for row in rows.tolist()])
    for row, record in zip(rows.tolist(), events, strict=True):
        if isinstance(record, Record):
            trials = shown.setdefault(record.candidate, {}).setdefault(record.variant, [])
            trials.append(_trial(index, row, record))
    entries = {entry.name: entry for entry in index.manifest.candidates}
    return [
        CandidateShown(
            candidate=candidate,
            variants=tuple(
                _variant(site, index, entries[candidate], case, variant=variant, trials=tuple(trials))
                for variant, trials in variants.items()
            ),
        )
        for candidate, variants in shown.items()
    ]


def _trial(index: RunIndex, row: int, record: Record) -> TrialShown:
    answer = int(index.trials.answer[row])
    outcome = record.outcome
    reply = outcome if isinstance(outcome, Reply) else None
    latency = caller_ns(record)
    return TrialShown(
        candidate=record.candidate,
        variant=record.variant,
        repeat=record.repeat,
        read_as=answer_name(index, answer),
        right=answer >= 0 and answer == int(index.cases.expected[index.trials.case[row]]),
        reply=said(record.outcome),
        why=_why(index, record.candidate, reply) if reply and answer < 0 else "",
        failed=reply is None,
        finish_reason=(reply.finish_reason or "") if reply else "",
        latency_s=None if latency is None else latency / 1e9,
        total_ns=record.total_ns,
        queue_ns=record.queue_ns,
        own_ns=record.own_ns,
        attempts=record.attempts,
        tokens_in=reply.usage.input if reply else None,
        tokens_out=reply.usage.output if reply else None,
        served_model=(reply.served_model or "") if reply else "",
        request_id=(reply.request_id or "") if reply else "",
        started_utc=record.started_utc,
        in_flight=record.in_flight,
        recorded=record.recorded,
    )


def _why(index: RunIndex, candidate: str, reply: Reply) -> str:
    read = LabelReader(reply_rules(index.manifest)[candidate], index.labels).read(reply)
    words = why_told(read.why) if read.why else ""
    return why_no_label(read.outcome, words, reply.usage.output or 0, reply.usage.reasoning or 0)


def _variant(
    site: Site, index: RunIndex, entry: CandidateEntry, case: CaseRow, *, variant: str, trials: tuple[TrialShown, ...]
) -> VariantShown:
    inputs = dict(case.inputs)
    messages: tuple[tuple[str, str], ...] = ()
    why = ""
    if ":" in variant:
        why = "This variant was made by code of the project, which the viewer does not run."
    else:
        try:
            if variant != ORIGINAL:  # drawn from the case's id, so that it comes out as it was sent
                inputs = perturb_case(variant, case, index.labels) or inputs
            messages = _rendered(site, entry, index, variant, inputs)
        except (RenderFailed, HarnessError, ValueError, LookupError) as error:
            why = f"The prompt can't be rendered here: {error}"
    changed = inputs if inputs != case.inputs else None
    return VariantShown(variant=variant, inputs=changed, messages=messages, why_no_messages=why, trials=trials)


def _rendered(
    site: Site, entry: CandidateEntry, index: RunIndex, variant: str, inputs: dict[str, str]
) -> tuple[tuple[str, str], ...]:
    stranger = {"labels": index.labels, "confined": True}  # a run's folder may come from elsewhere
    prompt = Prompt.model_validate(entry.prompt).model_copy(update=stranger)
    if variant in PROMPT_LEVEL:
        prompt = perturb_prompt(variant, prompt, index.manifest.seed)
    key = (index.manifest.run_id, entry.name, variant if variant in PROMPT_LEVEL else "")
    with site.lent(key, lambda: renderer_of(prompt)) as renderer:
        rendered = renderer.render(inputs)
    return (("", rendered.text),) if isinstance(rendered, RenderedText) else rendered.messages


def _neighbours(site: Site, folder: RunFolder, index: RunIndex, number: int, query: dict[str, str]) -> dict[str, Any]:
    """Find the cases before and after in the table that the case was opened from."""
    selection = selection_of(site, folder, index, wanted_of(index, query))
    places = np.flatnonzero(selection.cases == number)
    if not len(places):
        return {"before": None, "after": None, "place": None, "of": len(selection.cases)}
    place = int(places[0])
    near = {
        side: index.cases.ids[int(selection.cases[at])] if 0 <= at < len(selection.cases) else None
        for side, at in (("before", place - 1), ("after", place + 1))
    }
    return {**near, "place": place + 1, "of": len(selection.cases)}
