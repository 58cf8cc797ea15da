"""Azure OpenAI through the official client: what arrives at the server, and what a failed sign-in means."""

from __future__ import annotations

import asyncio

from scripted import Answer, ScriptedServer

from harness.files.project import Azure
from harness.measure.endpoint import secrets
from harness.measure.endpoint.transports.openai_transport import OpenAITransport, Token, azure_client, identity, route
from harness.measure.endpoint.transports.transport import Broken, Exchange

DATED = Azure(api_version="2024-10-21")


def exchange(key: str | None, token: Token | None) -> tuple[Exchange | Broken, ScriptedServer]:
    async def main() -> tuple[Exchange | Broken, ScriptedServer]:
        async with ScriptedServer(lambda _: Answer(body=b'{"ok":1}')) as server:
            url = server.url + route(DATED, "dep") + "/chat/completions"
            transport = OpenAITransport(
                origin=url, headers={"content-type": "application/json"}, make_client=azure_client(DATED, key, token)
            )
            await transport.open()
            try:
                return await transport.exchange("POST", url, b'{"q":1}', timeout_s=5), server
            finally:
                await transport.close()

    return asyncio.run(main())


def test_a_key_goes_into_azure_s_own_header_and_the_version_into_the_query() -> None:
    result, server = exchange("key-of-azure", None)
    assert isinstance(result, Exchange)
    (request,) = server.requests
    assert request.path == "/openai/deployments/dep/chat/completions?api-version=2024-10-21"
    assert request.headers["api-key"] == "key-of-azure"
    assert "authorization" not in request.headers
    assert request.body == b'{"q":1}'


def test_an_identity_s_token_signs_the_call_and_is_redacted_from_then_on() -> None:
    result, server = exchange(None, identity("m", lambda: "token-of-entra"))
    assert isinstance(result, Exchange)
    (request,) = server.requests
    assert request.headers["authorization"] == "Bearer token-of-entra"
    assert "api-key" not in request.headers
    assert secrets.redact("echoed token-of-entra") == "echoed [redacted]"


def test_an_identity_without_a_token_is_unauthorized_and_nothing_is_sent() -> None:
    def no_token() -> str:
        raise RuntimeError("no identity on this machine")

    result, server = exchange(None, identity("m", no_token))
    assert isinstance(result, Broken)
    assert result.failure.kind == "unauthorized"
    assert "no identity on this machine" in result.failure.message
    assert server.requests == []
