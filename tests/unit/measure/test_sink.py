"""How many calls a session that was killed may have had in flight, from what its journal holds."""

from __future__ import annotations

from run_of import record

from harness.measure.sink import InFlight
from harness.record import Event, Pace, Session


def session(event: str, *, before: int, cut_off: int = 0) -> Session:
    return Session(at_utc="", event=event, planned=4, done_before=before, cut_off=cut_off)  # type: ignore[arg-type]


def told(*events: Event) -> int:
    found = InFlight(own=4)
    for event in events:
        found.take(event)
    return found.most


def test_a_killed_session_had_no_more_in_flight_than_its_places_and_than_it_was_yet_to_send() -> None:
    few, many = (Pace(at_ns=0, endpoint="m", limit=n, in_flight=0, why="", most=n) for n in (2, 8))
    begun, answered = session("started", before=0), record("1", "spam")
    assert told(begun) == 0
    assert told(begun, few) == 2
    assert told(begun, many, few) == 4
    assert told(begun, many, answered, answered, answered) == 1
    assert told(begun, many, *[answered] * 4) == 0  # only its end is missing
    asked_again = session("resumed", before=1)  # of four that have a record, three failed
    assert told(begun, many, *[answered] * 4, session("finished", before=0), asked_again, many) == 3
    assert told(begun, many, *[answered] * 4, session("finished", before=0), asked_again, many, answered) == 2


def test_a_session_that_ended_said_itself_how_many() -> None:
    pace = Pace(at_ns=0, endpoint="m", limit=8, in_flight=0, why="", most=8)
    assert told(session("started", before=0), pace, session("stopped", before=0, cut_off=3)) == 3
    assert told(session("started", before=0), pace, session("finished", before=0, cut_off=3)) == 0
