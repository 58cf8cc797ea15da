"""What OpenSSL believes for the clients that use it: the same as the default client's TLS does.

This machine's certificates are the system's store, or what SSL_CERT_FILE and SSL_CERT_DIR name in its place,
for every client alike; those of a model's `ca_file:` come on top.
"""

import ssl


def context(extra: tuple[bytes, ...]) -> ssl.SSLContext:
    """Give the trust of a client: this machine's certificates and the extra ones, each in PEM form."""
    trusted = ssl.create_default_context()
    if not any(ssl.get_default_verify_paths()[:2]):  # a Python that does not know the system's store
        import certifi

        trusted.load_verify_locations(certifi.where())
    if extra:
        trusted.load_verify_locations(cadata=b"\n".join(extra).decode("ascii"))
    return trusted
