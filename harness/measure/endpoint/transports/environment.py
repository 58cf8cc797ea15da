"""What the environment says of the way to an endpoint, its proxy and whom to believe: one reading for every client.

Of proxies the clients differ (`NO_PROXY` with `*`, a CIDR or a port means something else to each), so none of them
reads it. As curl reads it: the lower-case variable before the upper-case one, the scheme's own before
`ALL_PROXY`; an entry of `NO_PROXY` is `*`, a host with its subdomains, `.suffix`, an address or a network,
each with or without a port. This machine itself is never reached through a proxy.

This machine's certificates are the system's store, or what SSL_CERT_FILE and SSL_CERT_DIR name in its place,
for every client alike; those of a model's `ca_file:` come on top.
"""

import asyncio
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from pathlib import Path
from urllib.parse import unquote, urlsplit

from harness.errors import UsageError
from harness.measure.endpoint import secrets

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})  # never reached through a proxy
_PORTS = {"http": 80, "https": 443}
_SCHEMES = ("http", "https", "socks5", "socks5h")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyServer:
    """A proxy, its password apart from its address."""

    url: str  # scheme://host:port
    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def auth(self) -> tuple[str, str] | None:
        """Give user and password, if it wants them."""
        return (self.user, self.password) if self.user else None


def proxy_for(url: str, environ: Mapping[str, str] | None = None) -> ProxyServer | None:
    """Give the proxy that requests to a URL go through. Raises UsageError for one that can't be used."""
    variables = os.environ if environ is None else environ
    target = urlsplit(url)
    host = _plain(target.hostname or "")
    port = target.port or _PORTS.get(target.scheme, 0)
    if host in LOOPBACK:
        return None
    # HTTP_PROXY in upper case may come from a request's header where CGI runs this (CVE-2016-5385).
    unsafe = {"HTTP_PROXY"} if "REQUEST_METHOD" in variables else set()
    names = (f"{target.scheme}_proxy", f"{target.scheme}_proxy".upper(), "all_proxy", "ALL_PROXY")
    name = next((n for n in names if n not in unsafe and variables.get(n, "").strip()), None)
    direct = (variables.get("no_proxy") or variables.get("NO_PROXY") or "").replace(",", " ").split()
    if name is None or any(_matches(entry, host, port) for entry in direct):
        return None
    return _server(variables[name].strip(), name)


def _server(written: str, variable: str) -> ProxyServer:
    parts = urlsplit(written if "://" in written else f"http://{written}")
    try:
        usable = parts.scheme in _SCHEMES and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise UsageError(
            f"the environment variable {variable} is not the address of a proxy that can be used",
            fix=f"Write it as http://host:port ({', '.join(_SCHEMES)}), or name the host in NO_PROXY.",
        )
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    secrets.register(password)
    return ProxyServer(url=f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", user=user, password=password)


def _matches(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    name, wanted = _with_port(entry)
    if wanted is not None and wanted != port:
        return False
    name = _plain(name)
    try:
        address = ip_address(host)
    except ValueError:
        bare = name.removeprefix("*").lstrip(".")
        return bool(bare) and (host == bare or host.endswith(f".{bare}"))
    try:
        return address in ip_network(name, strict=False)
    except ValueError:
        return False


def _with_port(entry: str) -> tuple[str, int | None]:
    """Cut a port off; the colons of a bare IPv6 address are no port's."""
    name, colon, number = entry.rpartition(":")
    if colon and number.isdigit() and (":" not in name or name.endswith("]")):
        return name, int(number)
    return entry, None


def _plain(host: str) -> str:
    return host.strip("[]").rstrip(".").lower()


_ASKED_S = 5.0  # for one handshake that answers a question of ours
_FIX = "Correct the variable or unset it; a model's `ca_file:` adds certificates to this machine's."


def check_variables() -> None:
    """Refuse SSL_CERT_FILE and SSL_CERT_DIR that hold nothing: then nobody is trusted. Raises UsageError."""
    file = os.environ.get("SSL_CERT_FILE")
    if file:
        try:
            holds = b"-----BEGIN " in Path(file).read_bytes()
        except OSError as error:
            raise UsageError(f"SSL_CERT_FILE names {file}, which can't be read: {error.strerror}.", fix=_FIX) from None
        if not holds:
            raise UsageError(f"SSL_CERT_FILE names {file}, which holds no certificate in PEM form.", fix=_FIX)
    folders = os.environ.get("SSL_CERT_DIR", "").split(os.pathsep)
    if any(folders) and not any(os.access(folder, os.R_OK | os.X_OK) for folder in folders if folder):
        named = os.environ["SSL_CERT_DIR"]
        raise UsageError(f"SSL_CERT_DIR names {named}, which is no folder that can be read.", fix=_FIX)


def context(extra: tuple[bytes, ...]) -> ssl.SSLContext:
    """Give the trust of a client: this machine's certificates and the extra ones, each in PEM form."""
    trusted = ssl.create_default_context()
    # Python 3.13 began to refuse authorities of companies for a missing extension; the transport `wire` does not.
    trusted.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not any(ssl.get_default_verify_paths()[:2]):  # a Python that does not know the system's store
        import certifi

        trusted.load_verify_locations(certifi.where())
    if extra:
        trusted.load_verify_locations(cadata=b"\n".join(extra).decode("ascii"))
    return trusted


async def expects_tls(url: str) -> bool:
    """Tell whether what is addressed as plain HTTP speaks TLS: one handshake, which trusts nobody and sends nothing."""
    parts = urlsplit(url)
    if parts.scheme != "http" or proxy_for(url) is not None:
        return False
    anybody = ssl.create_default_context()
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    try:
        async with asyncio.timeout(_ASKED_S):
            _, writer = await asyncio.open_connection(parts.hostname, parts.port or 80, ssl=anybody)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
