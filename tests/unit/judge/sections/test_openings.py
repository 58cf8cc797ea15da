"""What opening connections cost is told apart from the endpoint's own time."""

from __future__ import annotations

import msgspec
import pytest
from run_of import CALM, case_row, manifest_of, record

from harness.judge.assess import assess
from harness.judge.documents import CandidateAssessment
from harness.record import Attempt, Event
from harness.report.sections.measurement import measurement_section

MS = 1_000_000


def measured(*connects: int | None) -> CandidateAssessment:
    """Measure calls of 200 ms, each after this many milliseconds for a connection, or over one that stood."""
    events: list[Event] = [CALM, *(case_row(f"c{i}", "spam") for i in range(len(connects)))]
    for i, opening in enumerate(connects):
        connect_ns = None if opening is None else opening * MS
        written = (connect_ns or 0) + 1 * MS
        attempt = Attempt(duration_ns=written + 200 * MS, connect_ns=connect_ns, written_ns=written)
        events.append(msgspec.structs.replace(record(f"c{i}", "spam"), attempts=(attempt,)))
    manifest = manifest_of(("spam", "ham"), planned=len(connects))
    return assess(manifest, events).candidates[0]


def test_an_opening_is_in_the_caller_s_latency_and_not_in_service() -> None:
    latency = measured(300, 320, None, None).latency
    assert {q.q: q.estimate.value for q in latency.service} == dict.fromkeys((0.5, 0.9, 0.95, 0.99, 1.0), 0.2)
    assert {q.q: q.estimate.value for q in latency.caller}[1.0] == pytest.approx(0.521)
    parts = {part.name: part.mean_s for part in latency.parts}
    assert parts["connection"] == pytest.approx((0.300 + 0.320) / 4)
    assert parts["service"] == pytest.approx(0.201)
    assert sum(part.share for part in latency.parts) == pytest.approx(1)


def test_the_report_says_how_many_calls_opened_one_and_what_it_cost_them() -> None:
    judged = measured(300, 320, None, None)
    assert (judged.latency.opened, judged.latency.opening_s) == (2, pytest.approx(0.31))
    figures = {figure.name: figure for figure in measurement_section(judged, None).figures}
    told = figures["Opened a connection"]
    assert (told.text, told.hint) == ("2 calls", "310 ms each (median): in caller latencies, not in service")


def test_where_no_call_opened_one_nothing_is_said() -> None:
    judged = measured(None, None)
    assert (judged.latency.opened, judged.latency.opening_s) == (0, None)
    assert "connection" not in {part.name for part in judged.latency.parts}
    assert "Opened a connection" not in {figure.name for figure in measurement_section(judged, None).figures}
