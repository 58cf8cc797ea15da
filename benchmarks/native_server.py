"""nginx on loopback as an endpoint that answers at once, or after exactly 200 ms: never the bottleneck."""

from __future__ import annotations

import math
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.journal import iter_records
from harness.record import Reply, service_ns
from harness.rundir import JOURNAL

DELAY_S = 0.2

_ECHO = Path("/usr/lib/nginx/modules/ngx_http_echo_module.so")
_REPLY = (
    '{"id":"x","object":"chat.completion","created":1,"model":"m-1","choices":[{"index":0,"message":'
    '{"role":"assistant","content":"spam"},"finish_reason":"stop"}],'
    '"usage":{"prompt_tokens":20,"completion_tokens":1,"total_tokens":21}}'
)
_CONFIG = """
load_module ECHO;
daemon off;
pid FOLDER/pid;
error_log FOLDER/error.log;
worker_processes 1;
worker_rlimit_nofile 8192;
events { worker_connections 4096; }
http {
    log_format took $request_time;
    access_log off;
    client_body_temp_path FOLDER/body;
    client_body_buffer_size 64k;
    client_body_in_single_buffer on;
    keepalive_requests 100000000;
    keepalive_timeout 600;
    default_type application/json;
    server {
        listen 127.0.0.1:PORT backlog=4096;
        location /instant/ { return 200 'REPLY'; }
        location /slow/ {
            access_log FOLDER/took.log took buffer=64k flush=1s;
            echo_read_request_body;
            echo_sleep DELAY;
            echo_exec @answer;
        }
        location @answer {
            access_log FOLDER/took.log took buffer=64k flush=1s;
            return 200 'REPLY';
        }
    }
}
"""


@dataclass(frozen=True)
class Native:
    """A running nginx."""

    url: str
    folder: Path

    @property
    def instant(self) -> str:
        """Give the base URL that answers at once."""
        return f"{self.url}/instant"

    @property
    def slow(self) -> str:
        """Give the base URL that answers after 200 ms."""
        return f"{self.url}/slow"

    def took_ms(self) -> list[float]:
        """Give how long the server says that each slow call took, since this was last asked."""
        time.sleep(1.2)  # its log is flushed once a second
        log = self.folder / "took.log"
        took = [float(line) * 1e3 for line in log.read_text().split()]
        log.write_text("")
        return took


@contextmanager
def native_server() -> Iterator[Native]:
    """Start nginx in a temporary folder; Debian: `apt-get install nginx-light libnginx-mod-http-echo`."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if program is None or not _ECHO.exists():
        raise SystemExit("nginx with its echo module is needed: nginx-light, libnginx-mod-http-echo (Debian)")
    with tempfile.TemporaryDirectory(prefix="bench-nginx-") as name:
        folder, port = Path(name), _free_port()
        folder.chmod(0o755)
        config = folder / "nginx.conf"
        values = {"ECHO": _ECHO, "FOLDER": folder, "PORT": port, "DELAY": DELAY_S, "REPLY": _REPLY}
        text = _CONFIG
        for key, value in values.items():
            text = text.replace(key, str(value))
        config.write_text(text)
        process = subprocess.Popen([program, "-p", name, "-c", str(config)], stderr=subprocess.DEVNULL)
        try:
            _wait_for(port, process)
            yield Native(f"http://127.0.0.1:{port}", folder)
        finally:
            process.terminate()
            process.wait(10)


def quantile(values: list[float], share: float) -> float:
    """Give the inverted-CDF quantile: the value at rank ceil(share x n)."""
    return sorted(values)[math.ceil(share * len(values)) - 1]


def latencies_ms(run: Path, *, skip: int = 0) -> list[float]:
    """Give the reported latency of every trial after the first `skip`; stops at a trial without a reply."""
    found = []
    for record in iter_records(run / JOURNAL):
        took = service_ns(record)
        if not isinstance(record.outcome, Reply) or took is None:
            raise SystemExit(f"a trial failed: {record.outcome}")
        found.append(took / 1e6)
    return found[skip:]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 10
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit("nginx did not start")
