"""Codecs: each speaks one protocol, a rendered prompt -> JSON -> a reply; pure."""

from harness.measure.endpoint.codecs.anthropic import VERSION, AnthropicCodec
from harness.measure.endpoint.codecs.codec import Codec, StreamingCodec
from harness.measure.endpoint.codecs.completions import ChatCodec, CompletionsCodec
from harness.measure.endpoint.codecs.generic import GenericCodec, template_variables
from harness.measure.endpoint.codecs.params import OUTPUT_NAMES, CannotEncode, limit_of, merged, rough_tokens
from harness.measure.endpoint.codecs.responses import ResponsesCodec
from harness.measure.endpoint.codecs.stream import StreamReader, decode_whole
