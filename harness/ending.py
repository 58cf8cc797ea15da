"""How a process ends that has used the wire: with its own code, whatever native threads are doing then.

The wire's runtime has threads of its own, which it offers no way to stop. They wake the event loop by calling
into Python, and the call that woke it for the last time may not be back when a fast command already ends.
CPython before 3.14 ends a thread that asks for an interpreter which is being finalized
(https://github.com/python/cpython/issues/87135); native code that does not expect this aborts: code 134.

So a process of ours does not finalize its interpreter (`end_process`). In a process of others, such as pytest
or somebody's script, finalizing waits until those threads have left Python (`wait_for_native_threads`).
"""

import atexit
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from harness.errors import Exit

_MOST_S = 2.0
_LOOK_S = 0.002


def end_process(work: Callable[[], object]) -> NoReturn:
    """Do the work of a whole process and end with its code: all is closed and flushed, nothing finalized."""
    code = _code_of(work)
    atexit.unregister(_native_threads_leave)
    with suppress(BaseException):  # a second Ctrl-C: the code is decided
        # What an interpreter does before it finalizes: it waits for threads and their pools, then these.
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(BaseException):
            stream.flush()
    os._exit(code)


def _code_of(work: Callable[[], object]) -> int:
    try:
        work()
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            return ended.code or 0
        sys.stderr.write(f"{ended.code}\n")
        return 1
    except KeyboardInterrupt:  # a second one, while the first was being told
        return int(Exit.INTERRUPTED)
    except BaseException:
        traceback.print_exc()
        return int(Exit.UNEXPECTED)
    return 0


def wait_for_native_threads() -> None:
    """Let this process, once it ends, wait until no native thread is inside Python; call it once."""
    atexit.register(_native_threads_leave)


def _native_threads_leave() -> None:
    until = time.monotonic() + _MOST_S
    while _inside() > len(_known()) and time.monotonic() < until:
        time.sleep(_LOOK_S)  # lets them have the interpreter


def _known() -> list[threading.Thread]:
    """Give the threads that Python itself started: they may stay."""
    return [thread for thread in threading.enumerate() if not isinstance(thread, threading._DummyThread)]


def _inside() -> int:
    """Count the threads that are inside Python or wait to get in.

    A thread state is only taken off the interpreter's list under its lock, which this thread holds.
    """
    import ctypes

    prototype = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
    current = ctypes.PYFUNCTYPE(ctypes.c_void_p)(("PyInterpreterState_Get", ctypes.pythonapi))
    first = prototype(("PyInterpreterState_ThreadHead", ctypes.pythonapi))
    following = prototype(("PyThreadState_Next", ctypes.pythonapi))
    count, state = 0, first(current())
    while state:
        count, state = count + 1, following(state)
    return count
