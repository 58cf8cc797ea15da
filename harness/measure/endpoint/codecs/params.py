"""Parameters of a request: the model entry's, overridden by the prompt's, in each protocol's own spelling.

A prompt's `modelParameters` win over `params` of harness.yml: the prompt file is what is versioned and
judged. GitHub's camel-case names are accepted. The result keeps a fixed order (sorted by name), so that the
same files always give the same bytes.
"""

from typing import Any

import msgspec

from harness.errors import UsageError
from harness.files.project import ModelEntry
from harness.files.prompts import Prompt
from harness.measure.endpoint.codecs.fields import JsonObject

DEFAULT_OUTPUT = 256  # tokens assumed for tokens/min when nothing bounds the reply; labels are short

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


class CannotEncode(Exception):
    """A rendered prompt can't be carried by this protocol; the message says why."""


def merged(entry: ModelEntry, prompt: Prompt) -> JsonObject:
    """Entry parameters overridden by the prompt's, under their common names, sorted."""
    both = {**_common_names(entry.params), **_common_names(prompt.parameters)}
    return {name: both[name] for name in sorted(both)}


def most_output(params: JsonObject) -> int:
    """Return the most tokens that one reply may have."""
    for name in OUTPUT_NAMES:
        value = params.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return DEFAULT_OUTPUT


def rename_output_limit(params: JsonObject, name: str) -> JsonObject:
    """Return the same parameters with whichever output limit they have under this protocol's name."""
    limits = [params[n] for n in OUTPUT_NAMES if n in params]
    rest = {n: v for n, v in params.items() if n not in OUTPUT_NAMES}
    return {**rest, name: limits[0]} if limits else rest


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


def encode_rest(fields: JsonObject) -> bytes:
    """Fields that are the same for every request, encoded once: `,"model":...}` to close an open object."""
    encoded = msgspec.json.encode({name: value for name, value in fields.items() if value is not None})
    return b"}" if encoded == b"{}" else b"," + encoded[1:]


def _common_names(params: dict[str, Any]) -> JsonObject:
    return {_GITHUB_NAMES.get(name, name): value for name, value in params.items()}
