"""From an entry of harness.yml and a prompt to the endpoint that serves them: one builder per kind."""

from collections.abc import Callable
from pathlib import Path
from secrets import token_hex
from typing import TypeAlias
from urllib.parse import quote, urlsplit

from harness.errors import UsageError
from harness.files.project import CERTIFICATES_FIX, Azure, EndpointKind, ModelEntry, read_certificates
from harness.files.prompts import Prompt
from harness.measure.endpoint import codecs, origin
from harness.measure.endpoint.batch_services import AnthropicBatches, OpenAIBatches, batches
from harness.measure.endpoint.contract import Endpoint
from harness.measure.endpoint.embedded import DEFAULT_WEIGHTS, OTHER_SERVER, LocalEndpoint, find_weights, what_lacks
from harness.measure.endpoint.function import FunctionEndpoint
from harness.measure.endpoint.http_endpoint import HttpEndpoint
from harness.measure.endpoint.recorded import ReplayEndpoint, load_replies
from harness.measure.endpoint.transports import Transport, check_way, logged, make_transport

_MOST_RESULTS = 4 << 30  # bytes of a batch's results: they are read as they come, line by line

Build: TypeAlias = Callable[[str, ModelEntry, Prompt, Path], Endpoint]


def build_endpoint(name: str, entry: ModelEntry, prompt: Prompt, *, root: Path) -> Endpoint:
    """Make the endpoint of one candidate, not yet opened; find all that can be wrong without a call.

    `name` is the entry's name in harness.yml, `root` its folder. Raises UsageError (a missing key, URL or
    extra) and FilesError (a replies file).
    """
    return _BUILDERS[entry.endpoint](name, entry, prompt, root)


def _protocol(make_codec: Callable[[ModelEntry, Prompt], codecs.Codec]) -> Build:
    def build(name: str, entry: ModelEntry, prompt: Prompt, root: Path) -> Endpoint:
        codec = make_codec(entry, prompt)
        if entry.azure is not None:
            return _on_azure(name, entry, entry.azure, codec, root)
        url = origin.endpoint_url(name, entry, _version(name, entry) + codec.path)
        transport = make_transport(entry.transport, url, _headers(name, entry), _trusted(name, entry, root))
        return _over_http(name, entry, codec, url, transport)

    return build


def _headers(name: str, entry: ModelEntry) -> dict[str, str]:
    headers = origin.resolved_headers(name, entry)
    key = origin.api_key(name, entry)
    if entry.endpoint == "anthropic":
        headers.setdefault("anthropic-version", codecs.VERSION)
    if key is not None:
        headers.setdefault(*("x-api-key", key) if entry.endpoint == "anthropic" else ("authorization", f"Bearer {key}"))
    return headers


def _version(name: str, entry: ModelEntry) -> str:
    if entry.endpoint != "anthropic" or urlsplit(origin.base_url(name, entry)).path.rstrip("/").endswith("/v1"):
        return ""
    return "/v1"  # the provider's own documents give the bare origin


def listing(name: str, entry: ModelEntry, root: Path) -> tuple[Transport, tuple[str, ...]]:
    """Give the way to what a provider says of a model, and the addresses: of the model, of all models.

    Raises UsageError as `build_endpoint` does.
    """
    headers, path = _headers(name, entry), f"{_version(name, entry)}/models"
    urls = [origin.endpoint_url(name, entry, p) for p in (f"{path}/{quote(entry.model or '', safe='')}", path)]
    return make_transport("wire", urls[0], headers, _trusted(name, entry, root)), tuple(urls)


def batches_of(name: str, entry: ModelEntry, endpoint: HttpEndpoint, root: Path) -> batches.Asking:
    """Make the way to the batches of one model, not yet opened. Raises UsageError as `build_endpoint` does."""
    edge, headers, version = token_hex(16), _headers(name, entry), _version(name, entry)
    url, trusted = origin.endpoint_url(name, entry, version), _trusted(name, entry, root)
    check_way("wire", url)
    plain, uploads = (
        make_transport("wire", url, {**headers, "content-type": kind}, trusted, cap_bytes=_MOST_RESULTS)
        for kind in ("application/json", f"multipart/form-data; boundary={edge}")
    )
    kind = AnthropicBatches if entry.endpoint == "anthropic" else OpenAIBatches
    return kind((plain, uploads, lambda path: origin.endpoint_url(name, entry, version + path)), endpoint.path, edge)


def _on_azure(name: str, entry: ModelEntry, azure: Azure, codec: codecs.Codec, root: Path) -> Endpoint:
    from harness.measure.endpoint.transports.openai_transport import OpenAITransport, azure_client, identity, route

    key = origin.api_key(name, entry)
    if (key is None) != azure.entra:
        raise UsageError(
            f"models.{name}: Azure is reached by a key or by `entra: true`, one of the two",
            fix="Name the key's variable, `api_key_env: AZURE_OPENAI_API_KEY`, or write `entra: true`.",
        )
    url = origin.endpoint_url(name, entry, route(azure, entry.model or "") + codec.path)
    client = azure_client(azure, key, identity(name) if azure.entra else None)
    headers = origin.resolved_headers(name, entry)
    trusted = _trusted(name, entry, root)
    transport = OpenAITransport(origin=url, headers=headers, trusted=trusted, make_client=client)
    return _over_http(name, entry, codec, url, logged(transport, headers))


def _generic(name: str, entry: ModelEntry, prompt: Prompt, root: Path) -> Endpoint:  # noqa: ARG001 (one signature)
    url, codec = origin.full_url(name, entry), codecs.GenericCodec(name, entry)
    transport = make_transport(entry.transport, url, _headers(name, entry), _trusted(name, entry, root))
    return _over_http(name, entry, codec, url, transport)


def _local(name: str, entry: ModelEntry, prompt: Prompt, root: Path) -> Endpoint:
    if lacking := what_lacks():
        why, fix = lacking
        needs = "the embedded model needs the extra `local`, which"
        raise UsageError(f"models.{name}: {needs} {why}", fix=f"{fix} {OTHER_SERVER}")
    find_weights(entry.weights or DEFAULT_WEIGHTS, root=root)
    codec = codecs.CompletionsCodec(entry, prompt) if prompt.text is not None else codecs.ChatCodec(entry, prompt)
    return LocalEndpoint(name=name, entry=entry, codec=codec, root=root)


def _replay(name: str, entry: ModelEntry, prompt: Prompt, root: Path) -> Endpoint:
    if entry.replies is None:
        raise UsageError(f"models.{name}: no `replies`", fix="Name the JSONL file: `replies: replies.jsonl`.")
    return ReplayEndpoint(name=name, prompt=prompt.name, replies=load_replies(root / entry.replies))


def _trusted(name: str, entry: ModelEntry, root: Path) -> tuple[bytes, ...]:
    """Give the certificates that the entry adds to this machine's; its path is relative to harness.yml."""
    if entry.ca_file is None:
        return ()
    try:
        return read_certificates(root / entry.ca_file)
    except ValueError as error:
        raise UsageError(f"models.{name}.ca_file: {entry.ca_file} {error}", fix=CERTIFICATES_FIX) from None


def _over_http(name: str, entry: ModelEntry, codec: codecs.Codec, url: str, transport: Transport) -> Endpoint:
    if entry.stream and not isinstance(codec, codecs.StreamingCodec):
        raise UsageError(f"models.{name}: `endpoint: {entry.endpoint}` can't stream", fix="Remove `stream: true`.")
    if entry.transport == "openai" and codec.method != "POST":
        raise UsageError(f"models.{name}: `transport: openai` can only POST", fix="Use `transport: wire`.")
    check_way(entry.transport, url)
    return HttpEndpoint(
        name=name,
        pacing_key=origin.pacing_key(url, entry),
        url=url,
        codec=codec,
        transport=transport,
        stream=entry.stream,
    )


_BUILDERS: dict[EndpointKind, Build] = {
    "chat": _protocol(codecs.ChatCodec),
    "completions": _protocol(codecs.CompletionsCodec),
    "responses": _protocol(codecs.ResponsesCodec),
    "anthropic": _protocol(codecs.AnthropicCodec),
    "http": _generic,
    "local": _local,
    "replay": _replay,
    "function": lambda name, entry, _prompt, _root: FunctionEndpoint(name, entry),
}
