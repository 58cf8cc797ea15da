"""What OpenSSL believes for the clients that use it: the same as the default client's TLS does.

This machine's certificates are the system's store, or what SSL_CERT_FILE and SSL_CERT_DIR name in its place,
for every client alike; those of a model's `ca_file:` come on top.
"""

import asyncio
import os
import ssl
from pathlib import Path
from urllib.parse import urlsplit

from harness.errors import UsageError
from harness.measure.endpoint.transports.proxies import proxy_for

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
