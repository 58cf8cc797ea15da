"""Where an event loop can run at all: here, or in a thread that never ends.

A notebook's own loop runs in its main thread, and a thread that used the wire must not end while another begins to:
what the wire's native code clears away at the end of a thread is then cleared beneath the other (segmentation fault).
So whatever doesn't stand in a free main thread is measured in a thread of ours, which waits for more when it is done.
"""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")

_idle: list["_Lasting"] = []


def where_a_loop_can_run(work: Callable[[], T], interrupt: Callable[[], object]) -> T:
    """Do work that runs an event loop; a Ctrl-C that comes meanwhile to another thread of ours calls `interrupt`."""
    if threading.current_thread() is threading.main_thread() and not _in_a_loop():
        return work()
    done: Future[T] = Future()
    thread = None
    with contextlib.suppress(IndexError):
        thread = _idle.pop()
    (thread or _Lasting()).todo.put((work, done))
    while True:
        try:
            return done.result()
        except KeyboardInterrupt:
            if done.done():
                raise
            interrupt()


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Use uvloop where it is installed: it halves the loop's own share of a call."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def _in_a_loop() -> bool:
    with contextlib.suppress(RuntimeError):
        asyncio.get_running_loop()
        return True
    return False


class _Lasting(threading.Thread):
    """Does one piece of work after the other, until the process ends."""

    def __init__(self) -> None:
        super().__init__(name="harness-engine", daemon=True)
        self.todo: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = queue.SimpleQueue()
        self.start()

    def run(self) -> None:
        while True:
            work, done = self.todo.get()
            try:
                result = work()
            except BaseException as error:
                done.set_exception(error)
            else:
                done.set_result(result)
            del work, done
            _idle.append(self)
