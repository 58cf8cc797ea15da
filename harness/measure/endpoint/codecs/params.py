"""Parameters of a request: the model entry's, overridden by the prompt's, in each protocol's own spelling.

A prompt's `modelParameters` win over `params` of harness.yml: the prompt file is what is versioned and
judged. A model's `adapt` wins over both: a prompt can't know what each model refuses. GitHub's camel-case names
are accepted. The result keeps a fixed order (sorted by name), so that the same files always give the same bytes.
"""

from typing import Any

import msgspec

from harness.errors import UsageError
from harness.files.project.entry import ModelEntry
from harness.files.prompt import Prompt, Rendered, RenderedText
from harness.measure.endpoint.codecs.fields import JsonObject

DEFAULT_OUTPUT = 256  # tokens assumed for tokens/min when nothing bounds the reply; labels are short
_BYTES_PER_TOKEN = 4  # rough for English in the usual byte-pair vocabularies
_TOKENS_PER_MESSAGE = 4

_GITHUB_NAMES = {
    "maxTokens": "max_tokens",
    "maxCompletionTokens": "max_completion_tokens",
    "topP": "top_p",
    "topK": "top_k",
    "frequencyPenalty": "frequency_penalty",
    "presencePenalty": "presence_penalty",
    "stopSequences": "stop",
    "topLogprobs": "top_logprobs",
    "logitBias": "logit_bias",
}
OUTPUT_NAMES = ("max_completion_tokens", "max_output_tokens", "max_tokens", "n_predict")


# What each protocol calls the output limit, its usual name first; all others know `max_tokens` alone.
LIMIT_NAMES: dict[str, tuple[str, ...]] = {
    "chat": ("max_tokens", "max_completion_tokens"),
    "responses": ("max_output_tokens",),
}


class CannotEncode(Exception):
    """A rendered prompt can't be carried by this protocol; the message says why."""


def merged(entry: ModelEntry, prompt: Prompt) -> JsonObject:
    """Give what is sent beside the prompt, under its common names, sorted; at most one output limit.

    `adapt.override` wins over the prompt, and the prompt over `params`; nothing of `adapt.drop` is in it. A limit
    whose name is dropped goes by the protocol's other name, where it has one. `via: flex` asks for that tier.
    """
    drop = {*_common_names(dict.fromkeys(entry.adapt.drop))}
    layers = [_common_names(layer) for layer in (entry.params, prompt.parameters, entry.adapt.override)]
    both = {n: v for layer in layers for n, v in layer.items() if n not in OUTPUT_NAMES and n not in drop}
    params, prompts, override = ([(n, layer[n]) for n in OUTPUT_NAMES if n in layer] for layer in layers)
    limits = [*override, *prompts, *params]  # whose value wins; the name is the model's: the first that it knows
    known = [name for name in LIMIT_NAMES.get(entry.endpoint, ("max_tokens",)) if name not in drop]
    names = [name for name, _ in (*override, *params, *prompts) if name in known] + known
    if limits and names:
        both[names[0]] = limits[0][1]
    if entry.via == "flex" and "service_tier" not in drop:
        both["service_tier"] = "flex"
    return {name: both[name] for name in sorted(both)}


def limit_of(params: JsonObject) -> int | None:
    """Return the most tokens that one reply may have; None where nothing limits it."""
    found = (params.get(name) for name in OUTPUT_NAMES)
    return next((n for n in found if isinstance(n, int) and not isinstance(n, bool) and n > 0), None)


def most_output(params: JsonObject) -> int:
    """Return the most tokens that one reply is taken to have, for tokens/min."""
    return limit_of(params) or DEFAULT_OUTPUT


def schema_of(prompt: Prompt) -> JsonObject | None:
    """Return the prompt's JSON schema as `{name, strict, schema}`; a bare schema is wrapped."""
    source = prompt.json_schema
    if source is None and isinstance(prompt.response_format, dict):
        source = prompt.response_format.get("json_schema")
    if source is None:
        return None
    if isinstance(source, str):
        try:
            source = msgspec.json.decode(source)
        except (ValueError, RecursionError) as error:
            raise UsageError(
                f"{prompt.path or prompt.name}: jsonSchema is not JSON: {error}",
                fix="Write the schema as YAML, or as valid JSON in a string.",
            ) from None
    if not isinstance(source, dict):
        raise UsageError(f"{prompt.path or prompt.name}: jsonSchema is not an object", fix="Write a JSON schema.")
    return source if "schema" in source else {"name": "reply", "strict": True, "schema": source}


def response_format(prompt: Prompt) -> JsonObject | None:
    """Return the prompt's response format in OpenAI's form; null for plain text."""
    schema = schema_of(prompt)
    if schema is not None:
        return {"type": "json_schema", "json_schema": schema}
    written = prompt.response_format
    if isinstance(written, str):
        return None if written == "text" else {"type": written}
    return written


def spoken(rendered: Rendered) -> list[JsonObject]:
    """Return the messages in OpenAI's form; a plain text is what the user says."""
    turns = (("user", rendered.text),) if isinstance(rendered, RenderedText) else rendered.messages
    return [{"role": role, "content": content} for role, content in turns]


def encode_rest(fields: JsonObject, entry: ModelEntry) -> bytes:
    """Fields that are the same for every request, encoded once: `,"model":...}` to close an open object.

    What `adapt` drops is left out under the name of the wire, too: `stream_options`, `store`, `stop_sequences`.
    """
    sent = {name: value for name, value in fields.items() if value is not None and name not in entry.adapt.drop}
    encoded = msgspec.json.encode(sent)
    return b"}" if encoded == b"{}" else b"," + encoded[1:]


def _common_names(params: dict[str, Any]) -> JsonObject:
    return {_GITHUB_NAMES.get(name, name): value for name, value in params.items()}


def rough_tokens(rendered: Rendered) -> int:
    """Estimate the tokens of a rendered prompt, for plans and pacing; what is billed comes from `usage`."""
    if isinstance(rendered, RenderedText):
        return len(rendered.text.encode()) // _BYTES_PER_TOKEN + 1
    size = sum([len(content.encode()) for _, content in rendered.messages])
    return size // _BYTES_PER_TOKEN + _TOKENS_PER_MESSAGE * len(rendered.messages) + 1
