"""Status codes and error objects as failures, and what may be done about each kind."""

from __future__ import annotations

import json
from typing import Any, get_args

import httpx
import pytest

from harness.measure.endpoint import failure_map, secrets
from harness.measure.endpoint.failure_map import from_status, is_fatal, is_retryable
from harness.measure.endpoint.transports import foreign_errors
from harness.record import FailureKind

ERROR = '{"error": {"message": "clé refusée", "code": "insufficient_quota"}}'


@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
def test_an_error_s_code_is_read_in_any_charset(charset: str) -> None:
    failure = from_status(429, ERROR.encode(charset))
    assert failure.kind == "quota"
    assert failure.message.startswith("HTTP 429: cl")
    assert failure.message.endswith("e")


RETRYABLE = {
    "connect", "proxy", "network", "timeout", "rate_limited", "server_error",
    "error_in_body", "invalid_reply", "stream_cut", "stream_stalled",
}  # fmt: skip
FATAL = {"unauthorized", "unknown_model", "quota"}


@pytest.mark.parametrize("kind", get_args(FailureKind))
def test_every_kind_of_failure_has_an_answer_and_no_fatal_one_is_retried(kind: FailureKind) -> None:
    assert is_retryable(kind) is (kind in RETRYABLE)
    assert is_fatal(kind) is (kind in FATAL)
    assert not (is_retryable(kind) and is_fatal(kind))


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, {"message": "bad"}, "bad_request"),
        (401, {"message": "Incorrect API key provided", "code": "invalid_api_key"}, "unauthorized"),
        (402, {"message": "pay"}, "quota"),
        (403, {"message": "no"}, "unauthorized"),
        (403, {"message": "no access to model", "code": "model_not_found"}, "unknown_model"),
        (404, {"message": "The model `x` does not exist", "code": "model_not_found"}, "unknown_model"),
        (404, {"message": "model 'x' not found, try pulling it first", "type": "api_error"}, "unknown_model"),
        (404, {"message": "model: claude-x", "type": "not_found_error"}, "unknown_model"),
        (404, {"message": "File Not Found", "type": "not_found_error", "code": 404}, "bad_request"),
        (404, {"message": "x", "code": "DeploymentNotFound"}, "unknown_model"),
        (408, {"message": "slow"}, "server_error"),
        (409, {"message": "conflict"}, "server_error"),
        (413, {"message": "long"}, "bad_request"),
        (418, {"message": "teapot"}, "bad_request"),
        (422, {"message": "shape"}, "bad_request"),
        (425, {"message": "early"}, "server_error"),
        (429, {"message": "slow down", "code": "rate_limit_exceeded"}, "rate_limited"),
        (429, {"message": "no money", "code": "insufficient_quota"}, "quota"),
        (429, {"message": "flex has no room", "type": "resource_unavailable"}, "rate_limited"),
        (498, {"message": "flex has no room", "code": "capacity_exceeded"}, "rate_limited"),
        (429, {"message": "no money", "type": "insufficient_quota", "code": None}, "quota"),
        (400, {"message": "Your credit balance is too low to access", "type": "invalid_request_error"}, "quota"),
        (500, {"message": "oops"}, "server_error"),
        (503, {"message": "busy"}, "server_error"),
        (529, {"message": "Overloaded", "type": "overloaded_error"}, "server_error"),
    ],
)
def test_a_status_and_its_error_object_name_one_failure(status: int, error: dict[str, Any], kind: str) -> None:
    failure = from_status(status, json.dumps({"error": error}).encode())
    assert (failure.kind, failure.status) == (kind, status)
    assert error["message"] in failure.message


@pytest.mark.parametrize(
    "body", [b"", b"<html>404 model not found</html>", b"\xff\xfe", b"{", b"[]", b"null", b"{" * 9000, b'{"a":1e999}']
)
@pytest.mark.parametrize("status", [400, 404, 429, 500])
def test_any_body_of_an_error_status_is_a_failure_with_a_short_message(status: int, body: bytes) -> None:
    failure = from_status(status, body)
    assert failure.kind == {400: "bad_request", 404: "bad_request", 429: "rate_limited", 500: "server_error"}[status]
    assert failure.message.startswith(f"HTTP {status}")
    assert len(failure.message) <= 300


@pytest.mark.parametrize(
    "payload", [{"error": "Unauthorized"}, {"detail": "Unauthorized"}, {"message": "Unauthorized"}]
)
def test_other_shapes_of_error_bodies_keep_their_words(payload: dict[str, str]) -> None:
    assert from_status(401, json.dumps(payload).encode()).message == "HTTP 401: Unauthorized"


@pytest.mark.parametrize(
    ("page", "words"),
    [
        (
            "<!DOCTYPE html>\n<html lang=en><head><meta charset=utf-8><title>404 Not Found</title><style>b{color:red}"
            "</style></head><body><center><h1>404 Not Found</h1></center><hr><center>nginx/1.25.3</center></body>",
            "404 Not Found nginx/1.25.3",
        ),
        ("<html><head><title>Sign in</title></head><body>Welcome &amp; hello</body>", "Sign in: Welcome & hello"),
        ("<title>\n Just a moment...\n</title><script>if (a < b) { c() }</script>", "Just a moment..."),
        ("<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>No.</Message></Error>", "AccessDenied No."),
        ("<html><title>Cut", "Cut"),
        ("<html><script>alert(1)", "alert(1)"),
        ("<html><body class='x'", "<html><body class='x'"),
        ("<" * 70_000, "<" * 280),
        ("<script" * 9_000 + "</title>", "<script<script"),
        ("<html>" + "<!--" * 20_000, "<html><!--<!--"),
        ("upstream < 3 replicas", "upstream < 3 replicas"),
    ],
)
def test_of_a_page_that_is_shown_in_place_of_a_reply_its_title_and_text_are_told(page: str, words: str) -> None:
    assert from_status(502, page.encode()).message.startswith(f"HTTP 502: {words}"[:300].rstrip())


def test_no_part_of_a_key_is_told_out_of_a_page() -> None:
    secrets.register("sk-quiet-4711-canary")
    for n in (3_990, 4_080, 4_090):
        page = f"<html><p {'x' * n}>sk-quiet-4711-canary sk&#45;quiet-4711-canary</p>"
        assert "quiet" not in from_status(403, page.encode()).message


@pytest.mark.parametrize("status", [301, 302, 307, 308, 304])
def test_a_redirect_names_its_target_and_is_no_reply(status: int) -> None:
    failure = from_status(status, b"", "https://elsewhere.example/v1")
    assert (failure.kind, failure.status) == ("redirect", status)
    assert "https://elsewhere.example/v1" in failure.message


@pytest.mark.parametrize("error", [{"message": "boom", "code": 1302}, "boom", ["boom"], 7, {"nested": {"a": 1}}])
def test_an_error_object_in_a_200_is_a_failure_whatever_its_shape(error: object) -> None:
    assert failure_map.from_error_object(error, 200).kind == "error_in_body"


def test_an_error_object_in_a_200_that_names_the_quota_ends_the_run() -> None:
    failure = failure_map.from_error_object({"message": "x", "code": "insufficient_quota"}, 200)
    assert is_fatal(failure.kind)


def _exceptions_of(module: Any, base: type[BaseException] = Exception) -> set[str]:
    members = [getattr(module, name) for name in dir(module)]
    own = [m for m in members if isinstance(m, type) and issubclass(m, base) and not issubclass(m, Warning)]
    return {f"{m.__module__}.{m.__qualname__}" for m in own if m.__module__.startswith(module.__name__)}


def test_every_exception_of_pyreqwest_is_mapped() -> None:
    import pyreqwest.exceptions

    found = _exceptions_of(pyreqwest.exceptions)
    assert len(found) > 15
    assert found <= set(foreign_errors.KINDS)


@pytest.mark.parametrize("name", ["httpx", "httpx2"])
def test_every_exception_of_httpx_and_httpx2_is_mapped(name: str) -> None:
    module = pytest.importorskip(name)
    found = _exceptions_of(module)
    assert len(found) > 20
    assert found <= set(foreign_errors.KINDS)


def test_every_exception_of_openai_has_a_mapped_ancestor() -> None:
    import openai

    errors = [m for m in list(vars(openai).values()) if isinstance(m, type) and issubclass(m, openai.OpenAIError)]
    assert len(errors) > 10
    for error in errors:
        assert any(f"{c.__module__}.{c.__qualname__}" in foreign_errors.KINDS for c in error.__mro__), error


def test_an_exception_that_nobody_knows_is_a_broken_connection_with_its_words() -> None:
    failure = foreign_errors.as_failure(RuntimeError("weird"))
    assert (failure.kind, failure.message) == ("network", "weird")


@pytest.mark.parametrize(
    ("raised", "words"),
    [
        (httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: EE key too weak"), "accepted"),
        (httpx.ConnectError("invalid peer certificate: UnsupportedSignatureAlgorithm"), "accepted"),
        (httpx.ConnectError("certificate verify failed: certificate has expired (_ssl.c:1)"), "has expired"),
    ],
)
def test_a_certificate_that_is_refused_for_whatever_reason_is_no_lost_connection(raised: Exception, words: str) -> None:
    failed = foreign_errors.as_failure(raised, url="https://localhost/v1")
    assert (failed.kind, words in failed.message) == ("tls", True), failed.message
