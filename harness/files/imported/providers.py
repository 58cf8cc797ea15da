"""promptfoo's providers as model entries of harness.yml: known services by their names, what they were asked for.

A key is never carried: of `apiKey` only that there is one is told. An address that is not the service's own is
carried without the name of a key: harness.yml is trusted, and the file is not.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError

from harness.files.project import ModelEntry
from harness.files.written import as_text, dotted, message_of, shown


class _Service(NamedTuple):
    url: str
    key: str  # the variable that holds it
    endpoint: str = "chat"


SERVICES: Mapping[str, _Service] = {
    "openai": _Service("https://api.openai.com/v1", "OPENAI_API_KEY"),
    "anthropic": _Service("https://api.anthropic.com", "ANTHROPIC_API_KEY", "anthropic"),
    "google": _Service("https://generativelanguage.googleapis.com/v1beta/openai", "GEMINI_API_KEY"),
    "mistral": _Service("https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    "groq": _Service("https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    "deepseek": _Service("https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
    "openrouter": _Service("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    "togetherai": _Service("https://api.together.xyz/v1", "TOGETHER_API_KEY"),
    "xai": _Service("https://api.x.ai/v1", "XAI_API_KEY"),
    "ollama": _Service("http://127.0.0.1:11434/v1", ""),
    "localai": _Service("http://127.0.0.1:8080/v1", ""),
}
_KINDS = {"chat": "chat", "responses": "responses", "completion": "completions", "messages": "anthropic"}
_PARAMS = frozenset({
    "temperature", "max_tokens", "max_completion_tokens", "max_output_tokens", "top_p", "top_k", "seed", "stop",
    "frequency_penalty", "presence_penalty", "reasoning_effort", "response_format", "verbosity",
})  # fmt: skip
_KEY = " (a key stays in the environment)"
_TAKEN = frozenset({"apiKeyEnvar", "apiBaseUrl", "apiHost", "apiKeyRequired"})


class Provided(NamedTuple):
    """A model entry under its name, or none; and what of the provider is not carried."""

    name: str
    entry: dict[str, Any] | None
    left: tuple[str, ...] = ()


def provided(written: object) -> Provided:
    """Read one provider: its id, `{id, label, config}`, or `{id: {config}}`."""
    if isinstance(written, Mapping) and "id" not in written and len(written) == 1:
        name, inner = next(iter(written.items()))
        written = {"id": name, **(inner if isinstance(inner, Mapping) else {})}
    options: Mapping[str, Any] = written if isinstance(written, Mapping) else {"id": written}
    spoken = as_text(options.get("id"))
    service, _, rest = spoken.partition(":")
    if rest.startswith("//"):
        spoken = _server(spoken)
    kind, _, model = rest.partition(":")
    if kind not in _KINDS or not model:
        kind, model = "", rest
    name = _name(as_text(options.get("label")) or model or spoken)
    known = SERVICES.get(service)
    if known is None or not model:
        return Provided(name, None, (f"the provider `{shown(spoken)}` has no counterpart: write its entry yourself.",))
    config = options.get("config")
    config = config if isinstance(config, Mapping) else {}
    entry: dict[str, Any] = {
        "endpoint": _KINDS.get(kind, known.endpoint),
        "base_url": _address(config, known),
        "model": model,
    }
    key = as_text(config.get("apiKeyEnvar")) or known.key
    strange = entry["base_url"] != known.url
    if key and not strange:
        entry["api_key_env"] = key
    params = {name: config[name] for name in config if name in _PARAMS}
    if params:
        entry["params"] = params
    who = f"of the provider `{shown(spoken)}`"
    left = [
        f"`{shown(name)}` {who}{_KEY if name == 'apiKey' else ''}." for name in config if name not in _PARAMS | _TAKEN
    ]
    if strange:  # a file from elsewhere must not choose who is sent a key
        key_for = f"a key for `{shown(_server(entry['base_url']))}` {who}"
        left.append(f"{key_for}: name its `api_key_env` yourself, if you trust it.")
    left += [f"`{shown(key)}` {who}." for key in options if key not in {"id", "label", "config"}]
    try:
        ModelEntry.model_validate(entry)
    except ValidationError as error:
        wrong = error.errors(include_input=False)
        said = "; ".join(f"{dotted(each['loc'])}: {message_of(each, '')[0].rstrip('.')}" for each in wrong)
        return Provided(name, None, (f"the provider `{shown(spoken)}`: {shown(said, 300)}.", *left))
    return Provided(name, entry, tuple(left))


def _address(config: Mapping[str, Any], known: _Service) -> str:
    host = as_text(config.get("apiHost"))
    return as_text(config.get("apiBaseUrl")) or (f"https://{host}/v1" if host else known.url)


def _server(address: str) -> str:
    """Say an address without what may hold a key: its user, path and query."""
    scheme, slashes, rest = address.partition("//") if "//" in address else ("", "", address)
    return scheme + slashes + re.split("[?#]", rest)[0].rpartition("@")[2].partition("/")[0]


def _name(text: str) -> str:
    plain = "".join(c if c.isprintable() and c not in "@/\\" else "-" for c in text)
    return plain.strip()[:100] or "model"
