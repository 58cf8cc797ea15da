"""Where requests go and with what secrets: from harness.yml and the environment, and nowhere else."""

import os
import re
from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

from harness.errors import UsageError
from harness.files.project import ModelEntry
from harness.measure.endpoint import secrets

USER_AGENT = "prompt-readiness"
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SENDABLE = re.compile(r"[\x20-\x7e]*")


def api_key(name: str, entry: ModelEntry, environ: Mapping[str, str] | None = None) -> str | None:
    """Return the key that the entry names, registered for redaction; None when it names none."""
    if entry.api_key_env is None:
        return None
    return from_environment(entry.api_key_env, f"models.{name}.api_key_env", environ)


def resolved_headers(name: str, entry: ModelEntry, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Fill `${VARIABLE}` into the entry's own headers."""
    headers = {"user-agent": USER_AGENT, "content-type": "application/json", "accept": "*/*"}
    for header, written in entry.headers.items():
        where = f"models.{name}.headers.{header}"

        def fill(match: re.Match[str], where: str = where) -> str:
            return from_environment(match[1], where, environ)

        headers[header.lower()] = _sendable(_VARIABLE.sub(fill, written), where)
    return headers


def endpoint_url(name: str, entry: ModelEntry, path: str) -> str:
    """Return the address of one call: `path` after the base URL's own path, before its query."""
    parts = urlsplit(base_url(name, entry))
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + path))


def base_url(name: str, entry: ModelEntry) -> str:
    """Return the entry's base URL without a trailing slash."""
    if not entry.base_url:
        raise UsageError(
            f"models.{name}: no `base_url`",
            fix="Name the server in harness.yml, such as `base_url: https://api.openai.com/v1`.",
        )
    return _checked(entry.base_url, f"models.{name}.base_url").rstrip("/")


def full_url(name: str, entry: ModelEntry) -> str:
    """Return the whole URL of an `http` endpoint."""
    if not entry.url:
        raise UsageError(
            f"models.{name}: no `url`", fix="Name it in harness.yml: `url: http://127.0.0.1:9000/classify`."
        )
    return _checked(entry.url, f"models.{name}.url")


def pacing_key(url: str, entry: ModelEntry) -> str:
    """Endpoints that share an origin and a key share their limits."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}#{entry.api_key_env or ''}"


def _checked(url: str, where: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"{where}: {url!r} is not an http or https URL", fix="Write it as https://host/path.")
    if parts.username or parts.password:
        raise UsageError(
            f"{where}: a URL must not hold a user name or password",
            fix="Put it into a variable and a header: `headers: {authorization: Basic ${NAME}}`.",
        )
    return url


def from_environment(variable: str, where: str, environ: Mapping[str, str] | None = None) -> str:
    """Give a secret of the environment, registered for redaction, if a header can carry it. Raises UsageError."""
    value = (os.environ if environ is None else environ).get(variable, "").strip()
    if not value:
        raise UsageError(
            f"{where}: the environment variable {variable} is not set", fix=f"Set it: export {variable}=..."
        )
    secrets.register(value)
    return _sendable(value, f"{where} ({variable})")


def _sendable(value: str, where: str) -> str:
    if not _SENDABLE.fullmatch(value):
        raise UsageError(
            f"{where}: holds a character that a header can't carry", fix="Remove line breaks and special characters."
        )
    return value
