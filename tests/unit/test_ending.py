"""How a process ends: with its own code, after what it still had to do, whatever native threads are doing."""

from __future__ import annotations

import subprocess
import sys

import pytest
from commanded import HANGS_S

NATIVE_THREAD = """
import ctypes, time
@ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
def inside(_):
    begun.append(1)
    time.sleep(0.3)
    print("left python", flush=True)
begun = []
handle = ctypes.c_ulong()
ctypes.CDLL(None).pthread_create(ctypes.byref(handle), None, inside, None)
while not begun:
    time.sleep(0.001)
"""


def ended(code: str) -> tuple[int, str, str]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=HANGS_S, check=False)
    return done.returncode, done.stdout, done.stderr


def by(work: str, before: str = "") -> tuple[int, str, str]:
    return ended(f"import atexit, sys\nfrom harness.ending import end_process\n{before}\nend_process({work})")


@pytest.mark.parametrize(
    ("work", "code", "said"),
    [
        ("lambda: None", 0, ""),
        ("lambda: sys.exit()", 0, ""),
        ("lambda: sys.exit(3)", 3, ""),
        ("lambda: sys.exit(70)", 70, ""),
        ("lambda: sys.exit('words')", 1, "words\n"),
        ("lambda: 1 / 0", 70, "ZeroDivisionError"),
        ("lambda: (_ for _ in ()).throw(KeyboardInterrupt)", 130, ""),
    ],
)
def test_a_process_ends_with_its_own_code_and_by_no_chance_with_a_verdict_s(work: str, code: int, said: str) -> None:
    got, out, err = by(work)
    assert (got, out) == (code, "")
    assert said in err


def test_what_was_written_and_registered_is_done_first() -> None:
    before = """
import threading, time
atexit.register(print, "registered")
threading.Thread(target=lambda: (time.sleep(0.2), print("thread"))).start()
sys.stdout.write("written ")
"""
    assert by("lambda: sys.exit(4)", before) == (4, "written thread\nregistered\n", "")


def test_a_pool_that_is_left_open_is_closed() -> None:
    before = "from concurrent.futures import ThreadPoolExecutor\nThreadPoolExecutor(2).submit(print, 'done')"
    assert by("lambda: sys.exit(5)", before) == (5, "done\n", "")


def test_a_native_thread_inside_python_does_not_keep_a_process_of_ours() -> None:
    assert by("lambda: sys.exit(6)", NATIVE_THREAD.replace("0.3", f"{HANGS_S}")) == (6, "", "")


def test_an_interpreter_that_loaded_the_wire_is_finalized_once_native_threads_have_left_it() -> None:
    wire = "import harness.measure.endpoint.transports.wire\n"
    assert ended(wire + NATIVE_THREAD) == (0, "left python\n", "")


def test_threads_of_python_s_own_are_not_waited_for() -> None:
    code = f"""
import harness.measure.endpoint.transports.wire, threading, time
threading.Thread(target=time.sleep, args=({HANGS_S},), daemon=True).start()
"""
    assert ended(code) == (0, "", "")
