"""The embedded model's server: the main of a child process, never imported by the harness itself.

Reads its settings as one JSON line from stdin (so that the key is in no command line), serves on a free
loopback port, writes `ready URL` to stdout, and ends when stdin does: that happens when the parent closes it
and also when the parent dies, however it dies. On Linux the kernel kills it too.
"""

import ctypes
import json
import os
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
from typing import Any

_PR_SET_PDEATHSIG = 1
_HEALTHY_S = 60.0


def main() -> None:
    """Serve until stdin ends."""
    settings = json.loads(sys.stdin.readline())
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != settings["parent"]:
        os._exit(1)  # it died before the line above
    ready = os.fdopen(os.dup(1), "w")
    # Send the native library's output to a file; it writes to the descriptors, not to sys.stdout
    descriptor = os.open(settings["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    # Ctrl-C reaches the whole process group; the parent lets calls in flight finish before it stops us.
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_exit_at_end_of_stdin, daemon=True).start()
    server = _serve(settings)
    url = server.listening_address
    _wait_until_healthy(url)
    ready.write(f"ready {url}\n")
    ready.flush()
    threading.Event().wait()


def _serve(settings: dict[str, Any]) -> Any:  # noqa: ANN401 (the native class has no type information)
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = settings["weights"]
    params.model_alias = {settings["name"]}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [settings["key"]]
    params.n_parallel = settings["slots"]
    params.n_ctx = settings["context"]
    # One pool of context for all slots: memory does not grow with slots, and one prompt may be long.
    params.kv_unified = True
    params.cpuparams.n_threads = settings["threads"]
    params.cpuparams_batch.n_threads = settings["threads"]
    params.cache_prompt = True
    params.warmup = True
    return xllamacpp.Server(params)


def _exit_at_end_of_stdin() -> None:
    # Unbuffered: a thread that sits inside sys.stdin's lock would block the interpreter's own exit.
    while os.read(0, 4096):
        pass
    os._exit(0)


def _wait_until_healthy(url: str) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + _HEALTHY_S
    while True:
        try:
            with opener.open(f"{url}/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


if __name__ == "__main__":
    main()
