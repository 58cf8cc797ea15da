"""Who may read from the viewer, request by request, and what every answer carries."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from starlette.responses import PlainTextResponse

from harness.errors import UsageError
from harness.web.guard import COOKIE, Guard
from harness.web.serving import Bound, bind, check_reach, opening

HOST = "127.0.0.1:8321"
TOKEN = "0123456789abcdef"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: str


def ask(
    guard: Guard, headers: list[tuple[str, str]], *, method: str = "GET", path: str = "/runs", query: str = ""
) -> Answer:
    """Ask as a server would: with raw headers, so that a header can be sent twice."""
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers],
        "http_version": "1.1",
        "scheme": "http",
    }
    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    asyncio.run(guard(scope, receive, send))  # type: ignore[arg-type]
    raw = sent[0]["headers"]
    return Answer(
        status=sent[0]["status"],  # type: ignore[arg-type]
        headers={name.decode(): value.decode() for name, value in raw},  # type: ignore[attr-defined]
        body=b"".join(message.get("body", b"") for message in sent[1:]).decode(),  # type: ignore[misc]
    )


def guard(token: str | None = None) -> Guard:
    return Guard(PlainTextResponse("a reply"), hosts={HOST, "localhost:8321", "[::1]:8321"}, token=token)


@pytest.mark.parametrize("host", [HOST, "localhost:8321", "LOCALHOST:8321", "[::1]:8321"])
def test_its_own_names_are_answered(host: str) -> None:
    assert ask(guard(), [("Host", host)]).body == "a reply"


@pytest.mark.parametrize(
    "host", ["evil.example:8321", "127.0.0.1", "127.0.0.1:80", "127.0.0.1.evil.example:8321", "localhost.:8321", ""]
)
def test_any_other_host_is_refused_so_that_dns_rebinding_reads_nothing(host: str) -> None:
    answer = ask(guard(), [("Host", host)])
    assert answer.status == 421
    assert "a reply" not in answer.body


def test_a_missing_or_doubled_host_is_refused() -> None:
    assert ask(guard(), []).status == 421
    assert ask(guard(), [("Host", HOST), ("Host", "evil.example")]).status == 421


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"])
def test_only_reading_is_answered(method: str) -> None:
    assert ask(guard(), [("Host", HOST)], method=method).status == 405


@pytest.mark.parametrize(
    ("site", "mode", "dest", "status"),
    [
        ("same-origin", "cors", "empty", 200),
        ("none", "navigate", "document", 200),
        ("cross-site", "navigate", "document", 200),  # a link that a person followed
        ("cross-site", "no-cors", "image", 403),
        ("cross-site", "no-cors", "script", 403),
        ("cross-site", "cors", "empty", 403),
        ("cross-site", "navigate", "iframe", 403),
        ("same-site", "cors", "empty", 403),  # another port of this machine
    ],
)
def test_reads_from_other_sites_are_refused(site: str, mode: str, dest: str, status: int) -> None:
    headers = [("Host", HOST), ("Sec-Fetch-Site", site), ("Sec-Fetch-Mode", mode), ("Sec-Fetch-Dest", dest)]
    assert ask(guard(), headers).status == status


def test_every_answer_carries_the_walls_and_none_opens_them() -> None:
    for answer in (ask(guard(), [("Host", HOST)]), ask(guard(), [("Host", "evil.example")])):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_with_a_token_nothing_is_read_without_it() -> None:
    guarded = guard(TOKEN)
    assert ask(guarded, [("Host", HOST)]).status == 401
    assert ask(guarded, [("Host", HOST), ("Authorization", "Bearer wrong")]).status == 401
    assert ask(guarded, [("Host", HOST), ("Authorization", "Basic " + TOKEN)]).status == 401
    assert ask(guarded, [("Host", HOST), ("Cookie", f"{COOKIE}={TOKEN}")]).status == 401
    assert ask(guarded, [("Host", HOST)], query="token=wrong").status == 401
    assert ask(guarded, [("Host", HOST), ("Authorization", f"Bearer {TOKEN}")]).status == 200


def test_a_token_in_the_address_becomes_a_cookie_and_leaves_the_address() -> None:
    guarded = guard(TOKEN)
    answer = ask(guarded, [("Host", HOST)], path="/runs", query=f"suite=a%26b&token={TOKEN}")
    assert (answer.status, answer.headers["location"]) == (303, "/runs?suite=a%26b")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert TOKEN not in cookie
    kept = cookie.partition(";")[0]
    assert ask(guarded, [("Host", HOST), ("Cookie", kept)]).status == 200
    assert ask(guard(TOKEN), [("Host", HOST), ("Cookie", kept)]).status == 401  # a viewer started anew


def test_leaving_the_token_out_never_leads_to_another_host() -> None:
    answer = ask(guard(TOKEN), [("Host", HOST)], path="//evil.example/", query=f"token={TOKEN}")
    assert answer.headers["location"] == "/evil.example/"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org"])
def test_beyond_loopback_a_token_is_needed(host: str) -> None:
    with pytest.raises(UsageError, match="other machines"):
        check_reach(host, None)
    check_reach(host, TOKEN)


def test_a_token_that_can_be_guessed_is_refused() -> None:
    with pytest.raises(UsageError, match="shorter than 16"):
        check_reach("0.0.0.0", "secret")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
def test_loopback_needs_no_token(host: str) -> None:
    check_reach(host, None)


def test_a_taken_port_gives_the_next_one_unless_it_was_asked_for() -> None:
    first = bind("127.0.0.1", 0)
    try:
        with pytest.raises(UsageError, match=f"port {first.port}"):
            bind("127.0.0.1", first.port)
        second = bind("127.0.0.1", None)
        third = bind("127.0.0.1", None)
        assert second.port != third.port
        second.listener.close()
        third.listener.close()
    finally:
        first.listener.close()


def test_the_printed_address_can_be_opened() -> None:
    bound = bind("127.0.0.1", 0)
    bound.listener.close()
    assert opening(bound, "/runs", None) == f"http://127.0.0.1:{bound.port}/runs"
    assert opening(bound, "/runs", "a b&c") == f"http://127.0.0.1:{bound.port}/runs?token=a%20b%26c"
    everywhere = Bound(bound.listener, "0.0.0.0", 80)
    assert everywhere.origin == "http://127.0.0.1:80"
    assert "127.0.0.1:80" in everywhere.hosts
