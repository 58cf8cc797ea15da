"""Runs in which something went wrong, judged from their events: each way in which it can decide a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from run_of import candidate, case_row, events_of, manifest_of, record

from harness.judge.assess import assess
from harness.judge.documents import Assessment
from harness.record import Event, Failure, Refused, Reply, Usage
from harness.rundir import CandidateEntry, Manifest

UNSUPPORTED = (
    "HTTP 400: Unsupported parameter: 'max_tokens' is not supported with this model. "
    "Use 'max_completion_tokens' instead."
)
REFUSED = Failure(kind="bad_request", message=UNSUPPORTED, status=400)
OVERLOADED = Failure(kind="server_error", message="HTTP 503: the model is overloaded, try again", status=503)
CUT = Reply(text="Let me think about who may have sent this", finish_reason="length", usage=Usage(input=60, output=8))
POLICY = ("accuracy >= 90%", "recall[spam] >= 90%", "failures <= 1%")


def entry(name: str) -> CandidateEntry:
    """Give a candidate whose files are known by their lines."""
    prompt = f"prompts/{name.partition('@')[0]}.prompt.yml"
    places = {"params.max_tokens": f"{prompt}:4", "prompt": prompt, "entry": "harness.yml:2"}
    return msgspec.structs.replace(candidate(name), places=places)


def manifest(planned: int, names: Sequence[str] = ("v1@mini",), thresholds: Sequence[str] = POLICY) -> Manifest:
    """Give what was planned."""
    made = manifest_of(
        ("spam", "ham"),
        planned=planned,
        candidates=[entry(name) for name in names],
        positive="spam",
        thresholds=list(POLICY),
    )
    return msgspec.structs.replace(made, run_id="20260101T000000Z-suite-aaaaaa", created_utc="2026-01-01T00:00:00Z")


def of(answers: Any) -> Assessment:
    """Judge a run of one candidate."""
    return assess(manifest(sum(cases for _, _, cases in answers)), events_of(answers))


def refused_alike() -> Assessment:
    """Give a run that ended after five refusals: nothing was measured."""
    return assess(manifest(1000), list(_ended_early("v1@mini", cases=1000)))


def _ended_early(name: str, *, cases: int) -> list[Event]:
    rows = [case_row(f"case-{n:04d}", "spam" if n % 4 == 0 else "ham") for n in range(cases)]
    refused = Refused(at_utc="2026-01-01T00:00:01Z", candidate=name, failure=REFUSED, case="case-0000", calls=5)
    started, calm, finished = events_of([])
    return [started, *rows, refused, calm, finished]


def some_failed() -> Assessment:
    """Give a run of which 3% of the calls failed, by which its accuracy stays open."""
    return of(
        [("spam", "spam", 47), ("spam", OVERLOADED, 3), ("ham", "ham", 139), ("ham", "spam", 8), ("ham", OVERLOADED, 3)]
    )


def all_cut() -> Assessment:
    """Give a run in which nearly every reply was cut after eight tokens."""
    return of([("spam", CUT, 20), ("ham", CUT, 16), ("ham", "ham", 4)])


def unreadable() -> Assessment:
    """Give a run in which most replies name both labels, or none."""
    return of(
        [
            ("spam", "It could be spam or ham.", 18),
            ("ham", "I would rather not say.\nAsk again.", 8),
            ("spam", "spam", 7),
            ("ham", "ham", 7),
        ]
    )


def one_of_three_not_measured() -> Assessment:
    """Give a run of three candidates, one of which the endpoint refused."""
    names = ("v1@mini", "v2@mini", "v1@reasoner")
    expected = {f"case-{n:04d}": "spam" if n % 4 == 0 else "ham" for n in range(200)}
    events = _ended_early("v1@reasoner", cases=200)
    for number, (case, label) in enumerate(expected.items()):
        wrong = "ham" if label == "spam" else "spam"
        events.append(record(case, label, candidate="v2@mini"))
        events.append(record(case, wrong if number % 5 == 0 else label, candidate="v1@mini"))
    return assess(manifest(600, names), events)


SITUATIONS = {
    "refused_alike": refused_alike,
    "some_failed": some_failed,
    "all_cut": all_cut,
    "unreadable": unreadable,
    "one_of_three": one_of_three_not_measured,
}
