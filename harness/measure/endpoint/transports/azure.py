"""The official client for Azure OpenAI: its routes, its `api-key` header, sign-in by Microsoft Entra ID.

Azure's dated API versions name the deployment in the path; `v1` names it in the body, as OpenAI does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias
from urllib.parse import quote

import httpx2
from openai import AsyncAzureOpenAI, AsyncOpenAI, OpenAIError

from harness.errors import UsageError
from harness.files.project import Azure
from harness.measure.endpoint import secrets

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
            fix="Run: pip install azure-identity. Or use a key: `api_key_env:`.",
        ) from None
    provide: Callable[[], str] = get_bearer_token_provider(DefaultAzureCredential(), SCOPE)
    return provide
