"""Binds the viewer to an address and serves it until it is stopped."""

import errno
import ipaddress
import platform
import socket
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

import uvicorn
from starlette.types import ASGIApp

from harness.errors import UsageError

PORT = 8321
LEAST_TOKEN = 16  # characters
_NEXT_PORTS = 20  # tried when the usual one is taken


@dataclass(frozen=True, slots=True)
class Bound:
    """A listening socket, and the names under which it may be asked."""

    listener: socket.socket
    host: str
    port: int

    @property
    def origin(self) -> str:
        """The address to open."""
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104  # shown, not bound
        return f"http://{_in_address(host)}:{self.port}"

    @property
    def hosts(self) -> frozenset[str]:
        """Every exact `Host` that is answered."""
        names = {self.host}
        if _is_loopback(self.host):
            names |= {"127.0.0.1", "localhost", "::1"}
        elif self.host in {"0.0.0.0", "::"}:  # noqa: S104  # every address of this machine, by its own name
            names |= {"127.0.0.1", "localhost", "::1", platform.node(), *_own_addresses()}
        return frozenset(f"{_in_address(name)}:{self.port}" for name in names)


def check_reach(host: str, token: str | None) -> None:
    """Refuse to be reached from other machines without a token. Raises UsageError."""
    if token is not None and len(token) < LEAST_TOKEN:
        said = f"the token is shorter than {LEAST_TOKEN} characters"
        raise UsageError(said, fix="Make one with `openssl rand -hex 16`.")
    if token is None and not _is_loopback(host):
        fix = "Give a --token that readers must show, or leave --host out and forward the port by ssh -L."
        raise UsageError(f"--host {host} lets other machines read every case and reply", fix=fix)


def bind(host: str, port: int | None) -> Bound:
    """Listen on a port; without one, on the usual one or the next that is free. Raises UsageError."""
    tried = range(PORT, PORT + _NEXT_PORTS) if port is None else (port,)
    for candidate in tried:
        try:
            listener = _listening(host, candidate)
        except OSError as error:
            if error.errno == errno.EADDRINUSE and candidate != tried[-1]:
                continue
            said = f"can't listen on {host} port {candidate}: {error.strerror or error}"
            raise UsageError(said, fix="Give another --port; 0 takes any that is free.") from None
        return Bound(listener, host, listener.getsockname()[1])
    raise AssertionError("the last port is tried or raises")


def serve(app: ASGIApp, bound: Bound, *, ready: Callable[[], None]) -> None:
    """Serve until Ctrl-C or SIGTERM; `ready` is called once before the first request."""
    config = uvicorn.Config(
        app,
        log_level="error",
        access_log=False,  # an address may hold the token
        server_header=False,
        proxy_headers=False,
        ws="none",
        lifespan="off",
        timeout_graceful_shutdown=2,
    )
    ready()
    uvicorn.Server(config).run(sockets=[bound.listener])


def opening(bound: Bound, path: str, token: str | None) -> str:
    """Give the address that opens the viewer."""
    return f"{bound.origin}{path}" + (f"?token={quote(token, safe='')}" if token else "")


def _listening(host: str, port: int) -> socket.socket:
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _own_addresses() -> set[str]:
    try:
        found = socket.getaddrinfo(platform.node(), None, type=socket.SOCK_STREAM)
    except OSError:
        return set()
    return {str(address[0]) for *_, address in found}


def _in_address(host: str) -> str:
    return f"[{host}]" if ":" in host else host
