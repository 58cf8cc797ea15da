"""The event parser, against the rules of the HTML standard's examples."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.files.project import ModelEntry
from harness.files.prompts import Prompt
from harness.measure.endpoint.codecs.completions import ChatCodec
from harness.measure.endpoint.codecs.stream import EventParser, StreamEvent, StreamReader


def feed(*chunks: bytes) -> list[StreamEvent]:
    parser = EventParser()
    return [event for chunk in chunks for event in parser.feed(chunk)]


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: a\n\n", [StreamEvent("message", b"a")]),
        (b"data:a\n\n", [StreamEvent("message", b"a")]),
        (b"data:  a\n\n", [StreamEvent("message", b" a")]),
        (b"data: YHOO\ndata: +2\ndata: 10\n\n", [StreamEvent("message", b"YHOO\n+2\n10")]),
        (b": comment\n\ndata: a\n\n", [StreamEvent("message", b"a")]),
        (b"event: add\r\ndata: 1\r\n\r\n", [StreamEvent("add", b"1")]),
        (b"data: a\r\rdata: b\r\r.", [StreamEvent("message", b"a"), StreamEvent("message", b"b")]),
        (b"data\n\ndata\ndata\n\ndata:", [StreamEvent("message", b""), StreamEvent("message", b"\n")]),
        (b"id: 1\nretry: 5\nunknown: x\ndata: a\n\n", [StreamEvent("message", b"a")]),
        (b"event: lonely\n\ndata: a\n\n", [StreamEvent("message", b"a")]),
        (b"\xef\xbb\xbfdata: a\n\n", [StreamEvent("message", b"a")]),
        (b"data: cut", []),
        (b"data: cut\n", []),
        (b"\n\n\n", []),
    ],
)
def test_a_stream_gives_the_events_that_the_standard_says(stream: bytes, events: list[StreamEvent]) -> None:
    assert feed(stream) == events


STREAM = b": hi\r\n\r\nevent: x\r\ndata: one\r\ndata: two\r\n\r\ndata: \xc3\xa9\n\ndata: [DONE]\r\r\n"


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_chunking_never_changes_the_events(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]
    chunks = [STREAM[a:b] for a, b in pairwise(edges)]
    assert feed(*chunks) == feed(STREAM)
    assert [event.data for event in feed(STREAM)] == [b"one\ntwo", b"\xc3\xa9", b"[DONE]"]


@given(st.lists(st.binary(max_size=30), max_size=20))
def test_any_bytes_give_events_and_never_raise(chunks: list[bytes]) -> None:
    assert all(isinstance(event.data, bytes) for event in feed(*chunks))


def test_an_answer_has_begun_with_its_first_content() -> None:
    reader = StreamReader(ChatCodec(ModelEntry(endpoint="chat", base_url="http://127.0.0.1", model="m"), Prompt()))
    chunk = b'data: {"choices":[{"index":0,"delta":{"content":"%s"}}]}\n\n'
    told = [reader(sent, 1) for sent in (b"\n", b": ping\n\n", chunk % b"", chunk % b"spam", b"data: [DONE]\n\n")]
    assert told == [None, None, None, False, True]
