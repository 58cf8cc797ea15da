"""Work that is shared out to processes of this interpreter, one for each core that this process may use.

Theory. Other processes only ever save time: what one of them does not give, because it met an error, can't be started
or was ended, is `None`, and whoever asked does it itself, and so meets the same error. They get what to do and give
what they made by their own pipes, as pickles: nothing that comes from a file is ever one. They are started isolated,
from what is installed, without the variables of this process (so without its keys), and end with their pipe.
"""

import os
import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import Any, TypeVar

MOST = 8  # one process joins what they make, and has enough of that many

_Task = TypeVar("_Task")
_T = TypeVar("_T")


def usable() -> int:
    """Give how many cores this process may use, of which it makes use."""
    found = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(found, MOST)


def shared_out(function: Callable[[_Task], _T], tasks: Iterable[_Task], cores: int) -> Generator[_T | None, None, None]:
    """Give what other processes make of each task, in order; None for what was not made, for whatever reason.

    The function and its arguments are pickled: it is a function of an installed module, or a `partial` of one. At most
    two tasks for each process are held at a time.
    """
    with ExitStack() as ends:
        what = pickle.dumps(function)
        threads = ends.enter_context(ThreadPoolExecutor(cores))  # first: the processes are ended before they are joined
        free = deque(_started(ends) for _ in range(cores))

        def made(task: _Task) -> _T | None:
            child = free.popleft()  # there are as many as threads
            try:
                return None if child is None else _asked(child, what, task)
            finally:
                free.append(child)

        waiting: deque[Future[_T | None]] = deque()
        for task in tasks:
            waiting.append(threads.submit(made, task))
            if len(waiting) >= 2 * cores:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def shared(function: Callable[[_Task], _T], tasks: Iterable[_Task], cores: int) -> Iterator[_T]:
    """Give what is made of each task, in order; what others do not make is made here, and on one core all is."""
    if cores == 1:
        yield from map(function, tasks)
        return
    waiting: deque[_Task] = deque()

    def kept() -> Iterator[_Task]:
        for task in tasks:
            waiting.append(task)
            yield task

    for made in shared_out(function, kept(), cores):
        task = waiting.popleft()
        yield function(task) if made is None else made


def _started(ends: ExitStack) -> "subprocess.Popen[bytes] | None":
    try:
        child = subprocess.Popen(  # noqa: S603 (this interpreter, and this file)
            [sys.executable, "-I", "-c", f"from {__name__} import child; child()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"OPENBLAS_NUM_THREADS": "1"},
            process_group=0,  # Ctrl-C is the parent's to hear
        )
    except OSError:
        return None
    ends.callback(end_child, child)
    return child


def _asked(child: "subprocess.Popen[bytes]", what: bytes, task: object) -> Any:  # noqa: ANN401 - what it made
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        pickle.dump((what, task), child.stdin, protocol=5)
        child.stdin.flush()
        return pickle.load(child.stdout)  # noqa: S301 (from our own process, nothing from a file)
    except (OSError, EOFError, pickle.UnpicklingError):
        return None


def end_child(child: "subprocess.Popen[bytes]") -> None:
    """Kill a process, close its pipes and wait for it."""
    child.kill()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
    child.wait()


def child() -> None:
    """Do one task after the other, as one of the processes that others share out to."""
    while True:
        try:
            what, task = pickle.load(sys.stdin.buffer)  # noqa: S301 (from whoever started this)
        except EOFError:
            return
        made: object = None
        with suppress(Exception):  # whoever asks does it again, and meets the same
            made = pickle.loads(what)(task)  # noqa: S301 (as above)
        pickle.dump(made, sys.stdout.buffer, protocol=5)
        sys.stdout.flush()
