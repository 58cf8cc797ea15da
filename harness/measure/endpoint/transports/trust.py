"""Which certificates are believed: those of this machine, and of a file that harness.yml names.

This machine's are the system's store, or what SSL_CERT_FILE and SSL_CERT_DIR name in its place, for every
client alike; a `ca_file:` comes on top.
"""

from __future__ import annotations

import re
import ssl
from pathlib import Path

from harness.errors import UsageError

_MOST = 16 * 1024 * 1024
_ONE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def certificates(ca_file: Path, where: str) -> tuple[bytes, ...]:
    """Give the certificates of a PEM file. Raises UsageError where it holds none that can be read."""
    try:
        if ca_file.stat().st_size > _MOST:
            raise ValueError("it is too large for certificates")
        found = tuple(_ONE.findall(ca_file.read_bytes()))
        if not found:
            raise ValueError("it holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)")
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=_text(found))
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UsageError(
            f"{where}: {ca_file}: {why}",
            fix="Name a PEM file with the certificate of your company's authority, or of the server.",
        ) from None
    return found


def context(extra: tuple[bytes, ...]) -> ssl.SSLContext:
    """Give what OpenSSL believes: this machine's certificates and the extra ones."""
    trusted = ssl.create_default_context()
    if not any(ssl.get_default_verify_paths()[:2]):  # a Python that does not know the system's store
        import certifi

        trusted.load_verify_locations(certifi.where())
    if extra:
        trusted.load_verify_locations(cadata=_text(extra))
    return trusted


def _text(found: tuple[bytes, ...]) -> str:
    return b"\n".join(found).decode("ascii", "replace")
