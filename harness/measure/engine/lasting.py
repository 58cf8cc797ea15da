"""Where an event loop can run at all: here, or in a thread that never ends.

A notebook's own loop runs in its main thread, and a thread that used the wire must not end while another begins to:
what the wire's native code clears away at the end of a thread is then cleared beneath the other (segmentation fault).
So whatever doesn't stand in a free main thread is measured in a thread of ours, which waits for more when it is done.
"""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")

_idle: list["_Lasting"] = []


def where_a_loop_can_run(work: Callable[[], T]) -> T:
    """Do work that runs event loops; a Ctrl-C that comes meanwhile is passed on to whoever `hears` it there."""
    if threading.current_thread() is threading.main_thread() and not _in_a_loop():
        return work()
    done: Future[T] = Future()
    try:
        thread = _idle.pop()
    except IndexError:
        thread = _Lasting()
    thread.todo.put((work, done))
    while True:
        try:
            return done.result()
        except KeyboardInterrupt:
            if done.done():
                raise
            for interrupt in list(thread.interrupts):
                interrupt()


@contextlib.contextmanager
def hears(interrupt: Callable[[bool], None]) -> Iterator[None]:
    """Have `interrupt(False)` called in the running loop of this thread, if it is ours, when a Ctrl-C is passed on."""
    thread, loop = threading.current_thread(), asyncio.get_running_loop()
    heard = thread.interrupts if isinstance(thread, _Lasting) else []

    def pass_on() -> None:
        loop.call_soon_threadsafe(interrupt, False)

    heard.append(pass_on)
    try:
        yield
    finally:
        heard.remove(pass_on)


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
        self.interrupts: list[Callable[[], None]] = []
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
