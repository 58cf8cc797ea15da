"""Certificates of a company's own authority, or of the server, in a PEM file that harness.yml names."""

import re
from pathlib import Path

_MOST = 16 * 1024 * 1024
_ONE = re.compile(rb"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----")
CERTIFICATES_FIX = "Name a PEM file with the certificate of your company's authority, or of the server."


def read_certificates(path: Path) -> tuple[bytes, ...]:
    """Give each certificate of a PEM file. Raises ValueError, in words, where it holds none to be read."""
    import ssl

    try:
        if path.stat().st_size > _MOST:
            raise ValueError("is too large for certificates.")
        found = tuple(_ONE.findall(path.read_bytes()))
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror or error}.") from None
    if not found:
        raise ValueError("holds no certificate in PEM form (-----BEGIN CERTIFICATE-----).")
    try:
        trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusted.load_verify_locations(cadata=b"\n".join(found).decode("ascii", "replace"))
    except (ssl.SSLError, ValueError):
        raise ValueError("holds a certificate that is damaged.") from None
    return found
