"""What is said to an actor is heard whole and in order, and what it says is given once."""

from __future__ import annotations

import threading
import time
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any

from harness.measure.engine.child import Measurer, _Ears
from harness.measure.engine.processes import Word


class Heard:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.words: list[tuple[str, Any]] = []
        self.out = 0
        self.lanes = SimpleNamespace(out=0)

    def __getattr__(self, name: str) -> Any:
        return lambda *numbers: self.words.append((name, numbers[-1]))


def test_words_that_are_cut_anywhere_are_heard_whole_and_in_order() -> None:
    sent = Word.DEALT(2**40) + Word.TAKEN(7) + Word.DEALT(3) + Word.DEALT_OUT(1)
    for size in (1, 3, 8, 13, len(sent)):
        heard = Heard()
        ears = _Ears(SimpleNamespace(candidate_of=lambda _: 0), heard, heard, heard)  # type: ignore[arg-type]
        for start in range(0, len(sent), size):
            ears.data_received(sent[start : start + size])
        assert heard.words == [("dealt", 2**40), ("taken", 7), ("dealt", 3), ("dealt", None)]


def begun() -> tuple[Measurer, Heard]:
    """Give an actor whose loop does at once what it is told to do, and what it hears."""
    actor, heard = Measurer(), Heard()
    actor._loop = SimpleNamespace(call_soon_threadsafe=lambda do, *given: do(*given), call_later=lambda *_: None)  # type: ignore[assignment]
    actor._ears = heard  # type: ignore[assignment]
    return actor, heard


def test_words_of_calls_that_overtake_each_other_are_heard_in_the_order_in_which_they_were_said() -> None:
    actor, heard = begun()
    for number in (2, 0, 3, 1):
        actor.tell(number, bytes([number]))
    assert heard.words == [("data_received", bytes([number])) for number in range(4)]


def test_what_is_said_is_given_to_one_call_and_once() -> None:
    actor, _ = begun()
    for number, frame in enumerate((b"one", b"two")):
        actor._say(frame)
        actor._give()  # whoever finds no call out before it heard the words of the next call waits for these
        assert not actor._due.is_set()
        asking: SimpleQueue[bytes] = SimpleQueue()
        heard = threading.Thread(target=lambda to=asking, n=number: to.put(actor.frames(n, b"")))
        heard.start()
        while not actor._asked:
            time.sleep(0.001)
        actor._give()
        assert asking.get() == frame
        heard.join()


def test_who_ends_before_the_next_begins_does_not_go_alone() -> None:
    actor, heard = begun()
    later: list[Any] = []
    actor._loop.call_soon = later.append  # type: ignore[method-assign, assignment]
    actor._asked = True
    actor._say(b"one")
    actor._whole()
    assert not actor._due.is_set()
    heard.lanes.out = 1  # the next has begun in this turn
    later.pop()()
    assert not actor._due.is_set()
    heard.lanes.out = 0
    actor._say(b"two")
    actor._whole()
    later.pop()()
    assert actor._due.is_set()
    assert list(actor._said) == [b"one", b"two"]
