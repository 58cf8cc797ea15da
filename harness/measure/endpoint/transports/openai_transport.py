"""The transport over the official openai client, for credentials and routes that it knows (Azure and kin).

Only its low-level `post` is used, with its own retries off: what counts as an attempt is ours to say. Error statuses
are hidden from it, so that one place reads and maps them.

On Azure it has its own routes, an `api-key` header and sign-in by Microsoft Entra ID: dated API versions name
the deployment in the path; `v1` names it in the body, as OpenAI does.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from functools import partial
from typing import TypeAlias
from urllib.parse import quote

import httpx2
from openai import AsyncAzureOpenAI, AsyncOpenAI, AsyncStream, OpenAIError

from harness.errors import UsageError, how_to_install
from harness.files.project.entry import Azure
from harness.measure.endpoint.transports.environment import context, proxy_for, secrets
from harness.measure.endpoint.transports.transport import (
    BODY_CAP,
    IDLE_S,
    ClientTransport,
    Headers,
    Read,
    Way,
    hide_status,
)

# The client refuses to start without a key; servers without one ignore this.
_NO_KEY = "none"


def openai_client(origin: str, headers: dict[str, str], http: httpx2.AsyncClient) -> AsyncOpenAI:
    """Make the client for OpenAI and all that speak as it does."""
    authorization = headers.get("authorization", "")
    return AsyncOpenAI(
        api_key=authorization.removeprefix("Bearer ") or _NO_KEY,
        base_url=origin,
        max_retries=0,
        default_headers=headers,
        http_client=http,
    )


class OpenAITransport(ClientTransport[httpx2.Response]):
    """One AsyncOpenAI per endpoint; `make_client` signs in another way."""

    def __init__(
        self,
        *,
        origin: str,
        headers: dict[str, str],
        trusted: tuple[bytes, ...] = (),
        cap_bytes: int = BODY_CAP,
        idle_s: float = IDLE_S,
        make_client: Callable[[str, dict[str, str], httpx2.AsyncClient], AsyncOpenAI] = openai_client,
    ) -> None:
        super().__init__(origin=origin, headers=headers, trusted=trusted, cap_bytes=cap_bytes, idle_s=idle_s)
        self._make_client = make_client
        self._client: AsyncOpenAI | None = None

    async def open(self) -> None:
        """Make the client."""
        server = proxy_for(self._origin)
        http = httpx2.AsyncClient(
            follow_redirects=False,
            timeout=None,  # the deadline of each exchange is ours, also for trickling bodies
            event_hooks={"request": [_watch], "response": [hide_status]},
            trust_env=False,
            verify=context(self._trusted),
            proxy=None if server is None else httpx2.Proxy(server.url, auth=server.auth),
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=None),
        )
        self._client = self._make_client(self._origin, self._headers, http)

    async def close(self) -> None:
        """Release the sockets."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    @asynccontextmanager
    async def send(
        self, method: str, url: str, body: bytes, timeout_s: float, way: Way
    ) -> AsyncIterator[httpx2.Response]:
        """Send the request; the body is not read yet."""
        assert self._client is not None, "open() comes first"
        assert method == "POST", "the protocols that this client speaks only post"
        _sending.set(way)
        async with asyncio.timeout(timeout_s):
            raw: object = await self._client.post(
                url,
                cast_to=httpx2.Response,
                content=body,
                options={"follow_redirects": False, "timeout": None},
                stream=True,  # with this `cast_to` it means: give the raw response, body unread
                stream_cls=AsyncStream[object],
            )
            assert isinstance(raw, httpx2.Response)
            try:
                yield raw
            finally:
                await raw.aclose()

    def head(self, response: httpx2.Response) -> tuple[int, Headers]:
        """Give status and headers."""
        return response.extensions["status"], response.headers

    def reader(self, response: httpx2.Response) -> Read:
        """Begin to read the body."""
        return partial(anext, response.aiter_bytes(), None)


_sending: ContextVar[Way] = ContextVar("sending")  # the client hands no extension on to its HTTP client


async def _watch(request: httpx2.Request) -> None:
    request.extensions["trace"] = _sending.get()


SCOPE = "https://cognitiveservices.azure.com/.default"
_UNDATED = frozenset({"v1", "preview", "latest"})

MakeClient: TypeAlias = Callable[[str, dict[str, str], httpx2.AsyncClient], AsyncOpenAI]
Token: TypeAlias = Callable[[], Awaitable[str]]


def route(azure: Azure, deployment: str) -> str:
    """Give the path under which Azure serves a deployment."""
    if azure.api_version in _UNDATED:
        return "/openai/v1"
    return f"/openai/deployments/{quote(deployment, safe='')}"


def azure_client(azure: Azure, key: str | None, token: Token | None) -> MakeClient:
    """Give what makes the client: it signs each request by the key, or by a token of the identity."""

    def make(origin: str, headers: dict[str, str], http: httpx2.AsyncClient) -> AsyncOpenAI:
        return AsyncAzureOpenAI(
            base_url=origin,
            api_version=azure.api_version,
            api_key=key,
            azure_ad_token_provider=token,
            max_retries=0,
            default_headers=headers,
            http_client=http,
        )

    return make


def identity(name: str, provide: Callable[[], str] | None = None) -> Token:
    """Give the tokens of the machine's Entra identity, fetched and renewed by azure-identity.

    Each token is kept out of every file, as keys are. Raises UsageError where azure-identity is missing.
    """
    provide = _default_identity(name) if provide is None else provide

    async def token() -> str:
        try:
            value = await asyncio.to_thread(provide)
        except Exception as error:
            raise SignInFailed(str(error)) from None
        secrets.register(value)
        return value

    return token


class SignInFailed(OpenAIError):
    """The identity gave no token: nothing was sent."""


def _default_identity(name: str) -> Callable[[], str]:
    try:
        from azure.identity import DefaultAzureCredential, get_bearer_token_provider
    except ImportError:
        raise UsageError(
            f"models.{name}.azure.entra: the package azure-identity is not installed",
            fix=f"{how_to_install('azure')} Or use a key: `api_key_env:`.",
        ) from None
    provide: Callable[[], str] = get_bearer_token_provider(DefaultAzureCredential(), SCOPE)
    return provide
