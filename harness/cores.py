"""Work that is shared out to processes of this interpreter, one for each core that this process may use.

Theory. Other processes only ever save time: what one of them does not give, because it met an error, can't be started
or was ended, is `None`, and whoever asked does it itself, and so meets the same error. They get what to do and give
what they made by their own pipes, as pickles: nothing that comes from a file is ever one. They are started isolated,
from what is installed, without the variables of this process (so without its keys), and end with their pipe. Who has
more to share out later keeps them: a start takes a third of a second.

Nobody waits where that can be helped. Whoever is free takes the next task, this process too where memory allows it,
and each other process has one waiting in its pipe. While this process computes, a thread that reads a pipe has its
turn every 5 ms only: so pipes are wide, and what a process made is sent by a thread of it while it goes on.
"""

import fcntl
import os
import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar, copy_context
from threading import Condition, Thread
from typing import Generic, TypeAlias, TypeVar

MOST = 8  # one process joins what they make, and has enough of that many
_WIDE = 1 << 20  # bytes that a pipe holds, where the system lets it

_idle: ContextVar["list[_Process] | None"] = ContextVar("idle", default=None)
_Process: TypeAlias = "subprocess.Popen[bytes]"
_Task = TypeVar("_Task")
_T = TypeVar("_T")


def usable() -> int:
    """Give how many cores this process may use, of which it makes use."""
    found = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(found, MOST)


@contextmanager
def kept(pays: bool) -> Iterator[None]:
    """Where that `pays`, do tasks in this process too, and keep the others until this ends, for who shares out next.

    Where it does not, this process only joins: what its own tasks leave in memory is never given back.
    """
    before = _idle.set([] if pays else None)
    try:
        yield
    finally:
        for child in _idle.get() or ():
            end_child(child)
        _idle.reset(before)


def shared_out(function: Callable[[_Task], _T], tasks: Iterable[_Task], cores: int) -> Generator[_T | None, None, None]:
    """Give what is made of each task, in order; None for what was not made, for whatever reason.

    Others make it, and within `kept` this process too. The function and its arguments are pickled: it is a function of
    an installed module, or a `partial` of one. At most three tasks for each process are held at a time.
    """
    work: _Work[_Task, _T] = _Work(tasks, 3 * cores)
    what = pickle.dumps(function)
    with ExitStack() as ends:
        threads = ends.enter_context(ThreadPoolExecutor(cores))  # first: the processes are ended before they are joined
        ends.callback(work.close)
        idle = _idle.get()
        others = cores if idle is None else cores - 1
        fed = [(child, threads.submit(_fed, child, what, work)) for child in _found(ends, idle, others)]
        while work.goes_on():
            waits = work.is_due() or (idle is None and not all(feeding.done() for _, feeding in fed))
            if (mine := None if waits else work.take()) is None:
                yield from work.give()
                continue
            made = None
            with suppress(Exception):  # as another process would
                made = function(mine[1])
            work.put(mine[0], made)
        if idle is not None:
            idle.extend([child for child, feeding in fed if feeding.result()])


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


def beside(pays: bool, function: Callable[..., _T], *args: object) -> "Future[_T]":
    """Begin something in a thread, where that `pays`; else do it now. Who asks for what it made meets its error."""
    made: Future[_T] = Future()

    def make() -> None:
        try:
            made.set_result(function(*args))
        except BaseException as error:
            made.set_exception(error)

    if pays:
        Thread(target=copy_context().run, args=(make,), daemon=True).start()
    else:
        make()
    return made


class _Work(Generic[_Task, _T]):
    """Tasks that several threads take, in order; what is made of them is given in order, by one."""

    def __init__(self, tasks: Iterable[_Task], most: int) -> None:
        self._tasks, self._most = enumerate(tasks), most
        self._made: dict[int, _T | None] = {}
        self._begun = self._due = 0
        self._left, self._changed = True, Condition()
        self._failed: BaseException | None = None  # in finding the next task

    def goes_on(self) -> bool:
        """Tell whether anything may be left to be taken or given; raises what the tasks raised."""
        if self._failed is not None:
            raise self._failed
        return self._left or self._due < self._begun

    def is_due(self) -> bool:
        """Tell whether what is to be given next is there."""
        return self._due in self._made

    def take(self, *, wait: bool = False) -> tuple[int, _Task] | None:
        """Take the next task, with its place; None where there is none, or enough is begun and nobody is to wait."""
        with self._changed:
            self._changed.wait_for(lambda: self._room() or not (wait and self._left))
            return self._next() if self._room() else None

    def _room(self) -> bool:
        return self._begun < self._due + self._most

    def _next(self) -> tuple[int, _Task] | None:
        try:
            found = next(self._tasks, None) if self._left else None
        except BaseException as error:
            self._failed, found = error, None
        self._left = found is not None
        self._begun += self._left
        self._changed.notify_all()
        return found

    def put(self, place: int, made: _T | None) -> None:
        """Keep what was made of a task."""
        with self._changed:
            self._made[place] = made
            self._changed.notify_all()

    def give(self) -> Iterator[_T | None]:
        """Give what is due, as soon as it is there; nothing where nothing is begun."""
        with self._changed:
            if self._due == self._begun:
                if self._left:  # others are about to take it, or have just ended
                    self._changed.wait(0.05)
                return
            self._changed.wait_for(self.is_due)
            made = self._made.pop(self._due)
            self._due += 1
            self._changed.notify_all()
        yield made

    def close(self) -> None:
        """Let nobody take a task any more."""
        with self._changed:
            self._left = False
            self._changed.notify_all()


def _found(ends: ExitStack, idle: "list[_Process] | None", count: int) -> "Iterator[_Process]":
    """Give processes, idle ones first; those that are not idle when `ends` does are ended."""

    def end(child: _Process) -> None:
        if idle is None or child not in idle:
            end_child(child)

    for _ in range(count):
        child = idle.pop() if idle else _started()
        if child is not None:
            ends.callback(end, child)
            yield child


def _started() -> "_Process | None":
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
    for pipe in (child.stdin, child.stdout):
        with suppress(OSError, AttributeError):  # more than this user may have, or another system
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _WIDE)  # type: ignore[arg-type]
    return child


def _fed(child: _Process, what: bytes, work: _Work[_Task, _T]) -> bool:
    """Have a process do tasks as long as there are any, the next one sent before the last one is done.

    Tells whether it has done all that it was asked.
    """
    assert child.stdin is not None
    assert child.stdout is not None
    asked: deque[int] = deque()
    try:
        while (found := work.take(wait=not asked)) is not None or asked:
            if found is not None:
                asked.append(found[0])
                pickle.dump((what, found[1]), child.stdin, protocol=5)
                child.stdin.flush()
            if len(asked) > 1 or found is None:
                work.put(asked[0], pickle.load(child.stdout))  # noqa: S301 (from our own process, nothing from a file)
                asked.popleft()
    except Exception:  # whatever it is, who asked does it
        for place in asked:
            work.put(place, None)
        return False
    return True


def end_child(child: _Process) -> None:
    """Kill a process, close its pipes and wait for it."""
    child.kill()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
    child.wait()


def child() -> None:
    """Do one task after the other, as one of the processes that others share out to."""
    with ThreadPoolExecutor(1) as sending:
        sent: Future[None] | None = None
        while True:
            try:
                what, task = pickle.load(sys.stdin.buffer)  # noqa: S301 (from whoever started this)
            except EOFError:
                return
            made: object = None
            with suppress(Exception):  # whoever asks does it again, and meets the same
                made = pickle.loads(what)(task)  # noqa: S301 (as above)
            if sent is not None:
                sent.result()
            sent = sending.submit(_send, made)


def _send(made: object) -> None:
    try:
        pickle.dump(made, sys.stdout.buffer, protocol=5)
        sys.stdout.flush()
    except BaseException:  # no pickle, or nobody there: whoever waits for it must not wait for ever
        os._exit(1)
