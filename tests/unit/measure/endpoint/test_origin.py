"""Keys come from the environment only, and never come out again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.errors import UsageError
from harness.files.project import ModelEntry
from harness.files.prompts import Prompt
from harness.measure.endpoint import origin, secrets
from harness.measure.endpoint.open_endpoint import build_endpoint
from harness.record import Reply, TokenLogprob

PROMPT = Prompt(messages=[{"role": "user", "content": "x"}])


def entry(**fields: Any) -> ModelEntry:
    return ModelEntry(**{"endpoint": "chat", "base_url": "http://127.0.0.1:1/v1", **fields})


def test_a_key_is_read_from_its_variable_without_the_line_break_that_files_leave() -> None:
    assert origin.api_key("mini", entry(api_key_env="MY_KEY"), {"MY_KEY": "sk-abcdef-1\n"}) == "sk-abcdef-1"


@pytest.mark.parametrize("environ", [{}, {"MY_KEY": ""}, {"MY_KEY": "  \n"}])
def test_a_missing_key_names_model_and_variable_before_any_call(environ: dict[str, str]) -> None:
    with pytest.raises(UsageError) as caught:
        origin.api_key("mini", entry(api_key_env="MY_KEY"), environ)
    assert "models.mini.api_key_env" in caught.value.message
    assert "MY_KEY is not set" in caught.value.message
    assert "export MY_KEY=" in caught.value.fix


def test_a_key_that_a_header_can_t_carry_is_refused_without_being_shown() -> None:
    with pytest.raises(UsageError) as caught:
        origin.api_key("mini", entry(api_key_env="MY_KEY"), {"MY_KEY": "abcd\r\nX-Evil: 1"})
    assert "abcd" not in caught.value.message


def test_variables_are_filled_into_headers_and_missing_ones_named() -> None:
    made = entry(headers={"X-Team": "risk", "Authorization": "Basic ${TOKEN}"})
    headers = origin.resolved_headers("mini", made, {"TOKEN": "dG9rZW4="})
    assert (headers["x-team"], headers["authorization"]) == ("risk", "Basic dG9rZW4=")
    with pytest.raises(UsageError, match=r"models\.mini\.headers\.Authorization.*TOKEN is not set"):
        origin.resolved_headers("mini", made, {})


def test_every_secret_read_is_redacted_by_value_in_any_text() -> None:
    origin.api_key("mini", entry(api_key_env="MY_KEY"), {"MY_KEY": "sk-very/secret+key"})
    origin.resolved_headers("m", entry(headers={"x-h": "${OTHER}"}), {"OTHER": "other-secret"})
    text = secrets.redact("a sk-very/secret+key b sk-very%2Fsecret%2Bkey c other-secret d")
    assert text == "a [redacted] b [redacted] c [redacted] d"


def test_a_short_key_that_is_a_word_hides_no_other_spelling_of_it() -> None:
    secrets.register("EMPTY")
    said = "The field is empty. Empty fields: EMPT. RU1QVFk="
    assert secrets.redact(said) == said
    assert secrets.redact("EMPTY") == "[redacted]"


def test_a_secret_that_contains_another_goes_as_a_whole() -> None:
    secrets.register("abcdefgh")
    secrets.register("abcdefgh-longer")
    assert secrets.redact("abcdefgh-longer abcdefgh") == "[redacted] [redacted]"


def test_a_message_is_redacted_before_it_is_cut_so_that_no_part_of_a_key_remains() -> None:
    secrets.register("K" * 60)
    message = secrets.short("x" * 270 + "K" * 60 + " tail")
    assert "K" not in message
    assert len(secrets.short("y" * 5000)) == 300


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"base_url": None}, "no `base_url`"),
        ({"endpoint": "http"}, "no `url`"),
        ({"endpoint": "http", "url": "http://127.0.0.1/x"}, "no `reply`"),
        ({"endpoint": "http", "url": "http://127.0.0.1/x", "reply": "/a", "body": {"a": "{{"}}, r"models\.m\.body"),
        ({"endpoint": "http", "url": "http://127.0.0.1/x", "reply": "/a", "stream": True}, "can't stream"),
        ({"endpoint": "replay"}, "no `replies`"),
        ({"endpoint": "local", "weights": "nothing.gguf"}, "no file"),
        ({"endpoint": "local", "weights": "gpt-9"}, "unknown"),
    ],
)
def test_what_is_missing_is_said_before_any_call(fields: dict[str, Any], words: str, tmp_path: Path) -> None:
    if fields.get("endpoint") == "local":
        pytest.importorskip("xllamacpp", exc_type=ImportError, reason="install the extra `local` to run this")
    with pytest.raises(UsageError, match=words):
        build_endpoint("m", entry(**fields), PROMPT, root=tmp_path)


def test_endpoints_share_limits_by_origin_and_key_variable_and_the_key_stays_out() -> None:
    first = origin.pacing_key("https://api.example/v1/chat/completions", entry(api_key_env="A"))
    second = origin.pacing_key("https://api.example/v1/responses", entry(api_key_env="A"))
    other = origin.pacing_key("https://api.example/v1/responses", entry(api_key_env="B"))
    assert first == second == "https://api.example#A"
    assert other != first


def test_anthropic_is_reached_by_its_bare_origin_and_with_v1(monkeypatch: pytest.MonkeyPatch) -> None:
    for base in ("https://api.anthropic.example", "https://api.anthropic.example/v1/"):
        endpoint: Any = build_endpoint("c", entry(endpoint="anthropic", base_url=base), PROMPT, root=Path())
        assert endpoint.url == "https://api.anthropic.example/v1/messages"


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("https://x.example/v1", "https://x.example/v1/chat/completions"),
        ("https://x.example/v1/", "https://x.example/v1/chat/completions"),
        ("https://x.example", "https://x.example/chat/completions"),
        ("https://x.example/d/a?api-version=1", "https://x.example/d/a/chat/completions?api-version=1"),
        ("https://x.example/d/a/?a=1&b=2", "https://x.example/d/a/chat/completions?a=1&b=2"),
    ],
)
def test_a_call_s_path_follows_the_base_url_s_own_path_and_precedes_its_query(base: str, url: str) -> None:
    endpoint: Any = build_endpoint("c", entry(base_url=base), PROMPT, root=Path())
    assert endpoint.url == url


def test_azure_is_reached_by_a_key_or_an_identity_and_by_one_of_the_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZ_KEY", "key-of-azure")
    base = {"base_url": "https://r.example", "transport": "openai", "model": "my dep"}
    dated: Any = {**base, "azure": {"api_version": "2024-10-21"}}
    endpoint: Any = build_endpoint("c", entry(**dated, api_key_env="AZ_KEY"), PROMPT, root=Path())
    assert endpoint.url == "https://r.example/openai/deployments/my%20dep/chat/completions"
    undated: Any = {**base, "azure": {"api_version": "v1"}}
    endpoint = build_endpoint("c", entry(**undated, api_key_env="AZ_KEY"), PROMPT, root=Path())
    assert endpoint.url == "https://r.example/openai/v1/chat/completions"
    with pytest.raises(UsageError, match="one of the two"):
        build_endpoint("c", entry(**dated), PROMPT, root=Path())
    both: Any = {**base, "azure": {"api_version": "v1", "entra": True}, "api_key_env": "AZ_KEY"}
    with pytest.raises(UsageError, match="one of the two"):
        build_endpoint("c", entry(**both), PROMPT, root=Path())


def test_a_reply_is_cleaned_of_secrets_and_of_the_tokens_that_may_spell_them() -> None:
    secrets.register("sk-spelled-in-tokens")
    tokens = (TokenLogprob("sk-spelled", -0.1), TokenLogprob("-in-tokens", -0.1))
    cleaned = secrets.clean(Reply(text="spam sk-spelled-in-tokens", served_model="m", logprobs=tokens))
    assert cleaned == Reply(text="spam [redacted]", served_model="m")
    untouched = Reply(text="spam", logprobs=tokens[:1])
    assert secrets.clean(untouched) is untouched
