"""Why a reply ended: the words of all providers, in one table, and the five things that they mean.

A codec writes the meaning in place of the word; a word that nobody listed is kept as it came, read as a stop,
and counted by the report. The judge reads by the same table, because recorded replies and old journals hold
the words as their endpoints wrote them. Case, blanks, `_`, `-` and an enum's name before the word
(`FinishReason.MAX_TOKENS`) make no difference.
"""

from typing import Literal, TypeAlias

Ending: TypeAlias = Literal["stop", "length", "content_filter", "tool_calls", "error"]

# One row for each provider: what it is, and its words. A word has one meaning, whoever says it.
WORDS: dict[Ending, dict[str, str]] = {
    "stop": {
        "OpenAI and all that speak as it does": "stop",
        "OpenAI Responses": "completed",
        "Anthropic, Bedrock": "end_turn stop_sequence",
        "Bedrock (Titan, AI21)": "FINISH FINISHED endoftext",
        "Cohere": "COMPLETE STOP_SEQUENCE",
        "Together": "eos",
        "llama.cpp": "word",
        "TGI, watsonx": "eos_token stop_sequence",
        "TensorRT-LLM": "end_id stop_words",
        "LM Studio": "eosFound stopStringFound",
        "Aleph Alpha": "end_of_text",
        "YandexGPT": "ALTERNATIVE_STATUS_FINAL",
        "Baidu": "normal",
    },
    "length": {
        "OpenAI and all that speak as it does": "length",
        "OpenAI Responses": "max_output_tokens incomplete",
        "Anthropic, Bedrock": "max_tokens model_context_window_exceeded pause_turn compaction",
        "Gemini": "MAX_TOKENS",
        "Mistral": "model_length",
        "Cohere": "ERROR_LIMIT",
        "xAI": "REASON_MAX_LEN REASON_MAX_CONTEXT REASON_TIME_LIMIT",
        "vLLM": "repetition",
        "llama.cpp": "limit",
        "watsonx": "token_limit time_limit not_finished",
        "LM Studio": "maxPredictedTokensReached contextLengthReached",
        "Aleph Alpha": "maximum_tokens",
        "YandexGPT": "ALTERNATIVE_STATUS_TRUNCATED_FINAL",
        "gateways": "max_completion_tokens max_length context_length_exceeded",
    },
    "content_filter": {
        "OpenAI, Azure": "content_filter",
        "Anthropic": "refusal",
        "Gemini": "SAFETY RECITATION LANGUAGE BLOCKLIST PROHIBITED_CONTENT SPII MODEL_ARMOR IMAGE_SAFETY "
        "IMAGE_PROHIBITED_CONTENT IMAGE_RECITATION",
        "Bedrock": "guardrail_intervened content_filtered",
        "Cohere": "ERROR_TOXIC",
        "Zhipu": "sensitive",
        "GigaChat": "blacklist",
        "YandexGPT": "ALTERNATIVE_STATUS_CONTENT_FILTER",
    },
    "tool_calls": {
        "OpenAI and all that speak as it does": "tool_calls function_call",
        "Anthropic, Bedrock": "tool_use malformed_tool_use",
        "Gemini": "MALFORMED_FUNCTION_CALL UNEXPECTED_TOOL_CALL TOO_MANY_TOOL_CALLS",
        "Cohere": "TOOL_CALL",
        "YandexGPT": "ALTERNATIVE_STATUS_TOOL_CALLS",
    },
    "error": {
        "OpenRouter, Mistral, Cohere, vLLM": "error",
        "OpenAI Responses": "failed cancelled",
        "vLLM, SGLang": "abort aborted",
        "DeepSeek": "insufficient_system_resource",
        "Zhipu": "network_error",
        "Cohere, TensorRT-LLM": "TIMEOUT USER_CANCEL",
        "Ollama": "load unload",
        "LM Studio": "failed userStopped modelUnloaded",
        "watsonx": "canceled",
    },
}

_ENUMS = ("finishreason", "stopreason", "reason")


def _folded(word: str) -> str:
    return "".join(c for c in word.casefold() if c.isalnum())


_MEANING: dict[str, Ending] = {
    form: ending
    for ending, said in WORDS.items()
    for words in said.values()
    for word in words.split()
    for form in (word, _folded(word))  # a word that came as it is listed need not be folded
}


def ending_of(word: str | None) -> Ending | None:
    """Give what a finish reason means; None for none and for a word that no provider is known to say."""
    if not word or word in _MEANING:
        return _MEANING[word] if word else None
    folded = _folded(word)
    for form in (folded, *(folded.removeprefix(enum) for enum in _ENUMS)):
        if form in _MEANING:
            return _MEANING[form]
    if ":" in word:  # Gemini's OpenAI face: `content_filter: PROHIBITED_CONTENT`
        first, _, second = word.partition(":")
        return ending_of(second) or ending_of(first)
    return None


def in_common_words(word: str | None) -> str | None:
    """Give the meaning of a finish reason where it has one, else the word as it came; `null` is none."""
    if not word or word.casefold() in ("null", "none"):
        return None
    return ending_of(word) or word
