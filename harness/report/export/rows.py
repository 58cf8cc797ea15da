"""One row a trial: what `harness export` writes, read from the journal as a stream.

Memory grows with the cases, not with the trials. Only where trials were measured again (`resume --changed`)
is the place of each remembered, because of two records of one trial the later counts.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeAlias, assert_never

from harness.errors import JournalDamaged, fitting_together
from harness.files.project import Price, price_of
from harness.files.suite import Suite
from harness.judge.labels import LabelReader, Reading, why_told
from harness.record import CaseRow, Event, Failure, Record, Reply, Session, caller_ns, service_ns
from harness.rundir import CandidateEntry, Manifest, events_of, reply_rules

Row: TypeAlias = dict[str, Any]

COLUMNS: dict[str, type] = {
    "run": str,
    "suite": str,
    "candidate": str,
    "prompt": str,
    "model": str,
    "case": str,
    "split": str,
    "tags": str,
    "variant": str,
    "repeat": int,
    "expected": str,
    "label": str,
    "outcome": str,
    "why": str,
    "right": bool,
    "reply": str,
    "finish_reason": str,
    "failure": str,
    "failure_message": str,
    "status": int,
    "attempts": int,
    "latency_s": float,
    "service_s": float,
    "first_token_s": float,
    "queue_s": float,
    "rate_limit_s": float,
    "backoff_s": float,
    "own_s": float,
    "started_utc": str,
    "in_flight": int,
    "recorded": bool,
    "tokens_in": int,
    "tokens_out": int,
    "tokens_cached": int,
    "tokens_reasoning": int,
    "tier": str,
    "via": str,
    "cost": float,
    "currency": str,
    "score": float,
    "served_model": str,
    "fingerprint": str,
    "request_id": str,
    "inputs": str,
    "trial_key": str,
}
"""Every column with its type, in the order of the table; docs/export.md says what each means."""


def trial_rows(run: Path, manifest: Manifest) -> Iterator[Row]:
    """Yield a row for each finished trial, in the order of the journal; `inputs` is still a mapping."""
    with fitting_together(run):
        yield from rows_of(manifest, lambda: events_of(run))


def rows_of(manifest: Manifest, events: Callable[[], Iterable[Event]]) -> Iterator[Row]:
    """Yield them from events, which are read once more where trials may have been measured again."""
    again = any(isinstance(event, Session) and event.event == "resumed" for event in events())
    trials = (e for e in events() if isinstance(e, Record) and not e.warmup)
    last = {_place(record): number for number, record in enumerate(trials, 1)} if again else None
    suite = Suite.model_validate(manifest.suite)
    readers = {name: LabelReader(rule, suite.labels) for name, rule in reply_rules(manifest).items()}
    entries = {entry.name: entry for entry in manifest.candidates}
    prices = {e.name: price_of(e.model) for e in manifest.candidates}
    cases: dict[str, CaseRow] = {}
    number = 0
    for event in events():
        if isinstance(event, CaseRow):
            cases[event.id] = event
        elif isinstance(event, Record) and not event.warmup:
            number += 1
            if last is None or last[_place(event)] == number:
                if event.candidate not in entries or event.case not in cases:
                    raise JournalDamaged(f"{manifest.run_id}: its journal has a trial of which it knows nothing else.")
                about = _about(manifest, entries[event.candidate], cases[event.case])
                yield about | _trial(event, cases[event.case], readers[event.candidate], prices[event.candidate])


def _place(record: Record) -> tuple[str, str, str, int]:
    return (record.candidate, record.case, record.variant, record.repeat)


def _about(manifest: Manifest, entry: CandidateEntry, case: CaseRow) -> Row:
    return {
        "run": manifest.run_id,
        "suite": manifest.suite_name,
        "candidate": entry.name,
        "prompt": entry.prompt_name,
        "model": entry.model_name,
        "case": case.id,
        "split": case.split or None,
        "tags": ";".join(case.tags) or None,
        "expected": case.expected or None,
        "inputs": dict(case.inputs),
    }


def _trial(record: Record, case: CaseRow, reader: LabelReader, price: Price) -> Row:
    read = reader.reading(record.outcome, price)
    last = record.attempts[-1] if record.attempts else None
    return {
        "variant": record.variant,
        "repeat": record.repeat,
        "label": read.label,
        "outcome": read.outcome,
        "why": None if read.why is None else why_told(read.why),
        "right": read.label == case.expected if case.expected else None,
        "status": last.status if last else None,
        "attempts": len(record.attempts),
        "latency_s": _s(caller_ns(record)),
        "service_s": _s(service_ns(record)),
        "first_token_s": _s(last.first_token_ns) if last else None,
        "queue_s": _s(record.queue_ns),
        "rate_limit_s": _s(sum(a.rate_limit_ns for a in record.attempts)),
        "backoff_s": _s(sum(a.backoff_ns for a in record.attempts)),
        "own_s": _s(record.own_ns),
        "started_utc": record.started_utc or None,
        "in_flight": record.in_flight,
        "recorded": record.recorded,
        "via": record.via,
        "currency": price.currency if price.is_given else None,
        "trial_key": record.key,
        **_outcome(record.outcome, read),
    }


def _outcome(outcome: Reply | Failure, read: Reading) -> Row:
    match outcome:
        case Failure():
            return {"failure": outcome.kind, "failure_message": outcome.message}
        case Reply(usage=usage):
            return {
                "reply": read.said,
                "finish_reason": outcome.finish_reason,
                "tokens_in": usage.input,
                "tokens_out": usage.output,
                "tokens_cached": usage.cached,
                "tokens_reasoning": usage.reasoning,
                "tier": usage.tier,
                "cost": read.cost,
                "score": outcome.score,
                "served_model": outcome.served_model,
                "fingerprint": outcome.fingerprint,
                "request_id": outcome.request_id,
            }
        case _:
            assert_never(outcome)


def _s(nanoseconds: int | None) -> float | None:
    return None if nanoseconds is None else nanoseconds / 1e9
