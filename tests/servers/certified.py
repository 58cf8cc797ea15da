"""Certificates of loopback servers over TLS, made by the `openssl` command: a good one, and bad ones."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
_HERE = "subjectAltName=DNS:localhost,IP:127.0.0.1"
_SIGNED = "basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n"


@dataclass(frozen=True)
class Certified:
    """A folder with `ca.pem` (the authority) and, for each kind of server, `KIND.pem` and `KIND.key`."""

    folder: Path

    @property
    def authority(self) -> Path:
        return self.folder / "ca.pem"

    def server(self, kind: str = "good") -> ssl.SSLContext:
        """Give what a server of this kind presents: good, expired, other_host or self_signed."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / f"{kind}.pem", self.folder / f"{kind}.key")
        return context


def certify(folder: Path) -> Certified:
    """Make an authority and what it signed."""
    _openssl(folder, "req", "-x509", *_KEY, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Test CA")
    _signed(folder, "good", _HERE)
    _signed(folder, "other_host", "subjectAltName=DNS:elsewhere.example")
    try:  # of newer versions of OpenSSL each refuses what the other wants
        _signed(folder, "expired", _HERE, "-not_before", "200101000000Z", "-not_after", "200102000000Z")
    except subprocess.CalledProcessError:
        _signed(folder, "expired", _HERE, "-days", "-1")
    made = ("-keyout", "self_signed.key", "-out", "self_signed.pem", "-subj", "/CN=localhost")
    _openssl(folder, "req", "-x509", *_KEY, *made, "-addext", _HERE)
    return Certified(folder)


def _signed(folder: Path, kind: str, names: str, *lasts: str) -> None:
    (folder / f"{kind}.ext").write_text(f"{_SIGNED}{names}\n")
    asked = ("-keyout", f"{kind}.key", "-out", f"{kind}.csr", "-subj", f"/CN={kind}")
    _openssl(folder, "req", *_KEY, *asked)
    by = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", *(lasts or ("-days", "2")))
    files = ("-in", f"{kind}.csr", "-out", f"{kind}.pem", "-extfile", f"{kind}.ext")
    _openssl(folder, "x509", "-req", *files, *by)


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=60)
