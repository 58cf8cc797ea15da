"""Rate-limit headers of several providers, and nonsense in them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from harness.measure.endpoint.headers import NO_HINTS, read_hints, wait_s

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("6m0s", 360.0), ("120ms", 0.12), ("1s", 1.0), ("1h2m3.5s", 3723.5), ("1d", 86400.0),
        ("2m59.56s", 179.56),
        ("20", 20.0), ("1.5", 1.5), ("0", 0.0), (" 7 ", 7.0),
        ("Sun, 01 Mar 2026 12:00:30 GMT", 30.0), ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("2026-03-01T12:01:00Z", 60.0), ("2026-03-01T13:00:00+01:00", 0.0),
        ("1772366460", 60.0), ("1772366460000", 60.0),
        ("", None), ("soon", None), ("-5", None), ("1e999", None), ("nan", None), ("5 apples", None),
        ("s", None),
        ("9" * 400, None), ("Sun, 99 Mar 2026 12:00:30 GMT", None), ("1m1x", None), ("٣", None),
    ],
)  # fmt: skip
def test_a_wait_is_read_from_every_form_that_providers_use(text: str, seconds: float | None) -> None:
    assert wait_s(text, now=NOW) == (pytest.approx(seconds) if seconds is not None else None)


def test_openai_s_headers() -> None:
    hints = read_hints(
        {
            "x-ratelimit-limit-requests": "600",
            "x-ratelimit-remaining-requests": "599",
            "x-ratelimit-reset-requests": "100ms",
            "x-ratelimit-limit-tokens": "150000",
            "x-ratelimit-remaining-tokens": "149984",
            "x-ratelimit-reset-tokens": "6m0s",
        }
    )
    assert (hints.remaining_requests, hints.reset_requests_s) == (599, pytest.approx(0.1))
    assert (hints.remaining_tokens, hints.reset_tokens_s) == (149984, 360.0)
    assert (hints.retry_after_s, hints.should_retry) == (None, None)


def test_anthropic_s_headers() -> None:
    hints = read_hints(
        {
            "anthropic-ratelimit-requests-limit": "50",
            "anthropic-ratelimit-requests-remaining": "0",
            "anthropic-ratelimit-requests-reset": "2026-03-01T12:00:02Z",
            "anthropic-ratelimit-tokens-limit": "40000",
            "anthropic-ratelimit-tokens-remaining": "39000",
            "anthropic-ratelimit-tokens-reset": "2026-03-01T12:00:01Z",
            "retry-after": "2",
        },
        now=NOW,
    )
    assert (hints.remaining_requests, hints.reset_requests_s) == (0, 2.0)
    assert (hints.remaining_tokens, hints.reset_tokens_s) == (39000, 1.0)
    assert hints.retry_after_s == 2.0


def test_retry_after_ms_is_finer_than_retry_after_unless_it_is_nonsense() -> None:
    assert read_hints({"retry-after-ms": "250", "retry-after": "1"}).retry_after_s == 0.25
    assert read_hints({"retry-after-ms": "-1", "retry-after": "1"}).retry_after_s == 1.0
    assert read_hints({"retry-after": "tomorrow"}).retry_after_s is None
    assert read_hints({"retry-after": "0"}).retry_after_s == 0.0


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        (b"Exceeded.\\nPlease retry in 47.5s.", 47.5), (b'"retryDelay": "38s"', 38), (b"try again in 85ms.", 0.085),
        (b"Please try again in 7m59s.", 479), (b"Please retry after 26 seconds.", 26), (b"try again later", None),
        (b"Try again in 50 seconds.", 50), (b'{\\"retryDelay\\": \\"26s\\"}', 26),
    ],
)  # fmt: skip
def test_a_wait_that_only_the_body_names_is_heeded(body: bytes, seconds: float | None) -> None:
    assert read_hints({}, body).retry_after_s == (None if seconds is None else pytest.approx(seconds))
    assert read_hints({"retry-after": "3", "x-ratelimit-reset": "9"}, body).retry_after_s == 3.0


def test_when_a_limit_is_reset_counts_where_a_429_names_no_wait() -> None:
    reset = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1772366430000"}  # OpenRouter, in milliseconds
    assert read_hints(reset, b"Rate limit exceeded", now=NOW).retry_after_s == 30.0
    assert read_hints(reset, now=NOW) is NO_HINTS


@pytest.mark.parametrize(("text", "meaning"), [("true", True), ("False", False), ("maybe", None)])
def test_x_should_retry(text: str, meaning: bool | None) -> None:
    assert read_hints({"x-should-retry": text}).should_retry is meaning


def test_an_answer_without_such_headers_has_no_hints() -> None:
    assert read_hints({"content-type": "application/json"}) is NO_HINTS


def test_absurd_counts_say_nothing() -> None:
    hints = read_hints({"x-ratelimit-limit-requests": "many", "x-ratelimit-remaining-requests": "-3"})
    assert hints.remaining_requests is None
