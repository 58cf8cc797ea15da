"""`--notify`: tells a webhook the verdict, in the JSON that Slack takes; whatever comes of it, the verdict stands.

The address of such a webhook is as good as a key: it may stand in a variable, and only its server is ever shown. A
key of its own goes to no other server than the one that the trusted harness.yml names under `notify:`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from harness.cli.ground import UsageError, note

if TYPE_CHECKING:
    from harness.cli.ground import Project
    from harness.judge import Assessment

_PATIENCE_S = 20.0  # for all of it: a server may answer byte by byte
_LONGEST, _LONGEST_ERROR = 3_000, 200  # characters of a message
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where a verdict is told; neither address nor key is shown by accident."""

    server: str
    url: str = field(repr=False)
    headers: dict[str, str] = field(repr=False)


def webhook_asked(asked: str | None, project: Project) -> Webhook | None:
    """Find the address and the key of `--notify`, before anything is paid for. Raises UsageError."""
    if asked is None:
        return None
    if not asked.strip():  # as of `--notify "$HOOK"` where HOOK is not set
        raise UsageError("--notify: is empty.", fix="Write https://host/path, or the name of a variable that holds it.")
    from harness.measure.endpoint.origin import USER_AGENT, from_environment, secrets

    url = asked if "://" in asked else from_environment(asked, "--notify")
    server = _server(url)
    if server is None:
        fix = "Write https://host/path, or the name of a variable that holds it."
        raise UsageError("--notify: this is no address of http or https without a user's name.", fix=fix)
    secrets.register(url)
    headers = {"user-agent": USER_AGENT}
    if project.notify is not None and _server(project.notify.url) == server:
        key = from_environment(project.notify.api_key_env, "notify.api_key_env")
        headers["authorization"] = f"Bearer {key}"
    return Webhook(server, url, headers)


def _server(url: str) -> str | None:
    """Give scheme, host and port of an address; None where it has none, or names a user."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    named = port is not None and parts.scheme in _PORTS and host and parts.username is None
    return f"{parts.scheme}://{host}:{port}" if named else None


def send_verdict(webhook: Webhook, assessment: Assessment, code: int) -> None:
    """Send the verdict and say what came of it; nothing is raised, for nothing of it changes the verdict."""
    from threading import Thread

    answered: list[str] = []
    content = {"text": message(assessment, code)}
    sending = Thread(target=lambda: answered.append(_sent(webhook, content)), daemon=True)
    sending.start()
    sending.join(_PATIENCE_S)
    failed = answered[0] if answered else f"no answer within {_PATIENCE_S:.0f} s"
    note(f"{webhook.server} was not told the verdict, which stands: {failed}" if failed else f"told {webhook.server}")


def _sent(webhook: Webhook, content: dict[str, str]) -> str:
    """Send it; gives what went wrong, in words without the address."""
    import httpx

    try:
        with (
            httpx.Client(follow_redirects=False, timeout=_PATIENCE_S) as client,
            client.stream("POST", webhook.url, json=content, headers=webhook.headers) as answer,
        ):
            return "" if answer.is_success else f"HTTP {answer.status_code}"
    except Exception as error:
        from harness.measure.endpoint.origin import secrets

        said = secrets.redact(" ".join(str(error).split()))[:_LONGEST_ERROR]
        return f"{type(error).__name__}{f': {said}' if said else ''}"


def message(assessment: Assessment, code: int) -> str:
    """Write the verdict for a chat in which `<...>` would link, or call everybody."""
    from harness.report.parts import one_line, shorten

    lines = [f"{assessment.suite}: {assessment.headline}"]
    if len(assessment.candidates) > 1:
        lines += [f"• {one.name}: {one.headline}" for one in assessment.candidates]
    workflow = [os.environ.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID")]
    where = ", {}/{}/actions/runs/{}".format(*workflow) if all(workflow) else ""
    lines.append(f"run {assessment.run_id}, exit code {code}{where}")
    text = shorten("\n".join(one_line(line) for line in lines), _LONGEST)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
