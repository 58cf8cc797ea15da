"""What providers write of an error: their codes, their words, and the place in a body where it stands.

A number means something else at each provider: 1002 is too many calls at MiniMax, a wrong key at Zhipu. So one
that stands where a single provider writes it is read with that provider's name: `minimax:1002`.
"""

import re
from typing import Any, TypeAlias

from harness.record import FailureKind

_Object: TypeAlias = dict[str, Any]

# What the codes mean whatever the status says.
_ALWAYS: dict[FailureKind, dict[str, str]] = {
    "quota": {
        "OpenAI": "insufficient_quota billing_hard_limit_reached billing_not_active",
        "Anthropic": "billing_error",
        "Moonshot": "exceeded_current_quota_error",
        "Alibaba": "Arrearage",
        "Volcengine": "AccountOverdueError",
        "Zhipu": "1113 1304 1308 1309 1310",
        "MiniMax": "insufficient_balance_error minimax:1008 minimax:2056",
        "Baidu": "BILLING_INSUFFICIENT_BALANCE baidu:17 baidu:19",
        "iFlytek": "spark:11201",
        "Cloudflare": "cloudflare:3036",
        "watsonx": "token_quota_reached",
    },
    "unauthorized": {
        "OpenAI": "invalid_api_key",
        "Anthropic": "authentication_error permission_error",
        "MiniMax": "authorized_error minimax:1004 minimax:2049",
        "Baidu": "baidu:6 baidu:13 baidu:14 baidu:100 baidu:110 baidu:111",
        "iFlytek": "spark:10015 spark:10016 spark:11200",
        "Cloudflare": "cloudflare:10000",
    },
    "unknown_model": {
        "OpenAI": "model_not_found",
        "Azure": "DeploymentNotFound deployment_not_found",
        "Alibaba": "ModelNotFound",
        "Volcengine": "ModelNotOpen",
        "Zhipu": "1211 1311",
        "Cloudflare": "cloudflare:5007 cloudflare:3042",
    },
}

# What they mean where the status was 200; else the status says it.
_IN_A_200: dict[FailureKind, dict[str, str]] = {
    "rate_limited": {
        "OpenAI, Anthropic": "rate_limit_exceeded rate_limit_error",
        "Gemini": "RESOURCE_EXHAUSTED",
        "Bedrock": "ThrottlingException",
        "Alibaba, Volcengine": "Throttling RateLimitExceeded",
        "Zhipu": "1302 1303 1305 1312",
        "MiniMax": "minimax:1002 minimax:1039 minimax:1041 minimax:2045 minimax:2062",
        "Baidu": "rpm_rate_limit_exceeded tpm_rate_limit_exceeded baidu:4 baidu:18 baidu:336501 baidu:336502",
        "iFlytek": "spark:10007 spark:11202 spark:11203",
        "Cloudflare": "cloudflare:3040",
    },
    "server_error": {
        "OpenAI": "server_error internal_error internal_server_error",
        "Anthropic": "overloaded_error api_error timeout_error",
        "Gemini": "INTERNAL UNAVAILABLE",
        "DeepSeek": "insufficient_system_resource",
        "vLLM, SGLang": "abort",
        "TGI": "overloaded generation incomplete_generation",
        "Alibaba": "InternalError ServiceUnavailable",
        "MiniMax": "minimax:1000 minimax:1001 minimax:1024 minimax:1033",
        "Baidu": "baidu:1 baidu:2 baidu:336100",
        "iFlytek": "spark:10008 spark:10010 spark:10012 spark:10110",
        "Cloudflare": "cloudflare:3007 cloudflare:3008",
    },
    "bad_request": {
        "OpenAI": "invalid_request_error",
        "Gemini": "INVALID_ARGUMENT",
        "TGI": "validation",
        "Alibaba": "InvalidParameter",
        "MiniMax": "minimax:1042 minimax:2013",
        "iFlytek": "spark:10163 spark:10907",
    },
    "unauthorized": {"Gemini": "PERMISSION_DENIED UNAUTHENTICATED", "Alibaba": "InvalidApiKey AccessDenied"},
}

# A filter that stopped the prompt or its answer: an outcome, not a failure.
_FILTERS = {
    "OpenAI, Azure, Moonshot": "content_filter content_policy_violation cyber_policy",
    "Alibaba": "data_inspection_failed DataInspectionFailed",
    "Volcengine": "SensitiveContentDetected InputTextSensitiveContentDetected OutputTextSensitiveContentDetected "
    "InputTextRiskDetection OutputTextRiskDetection",
    "Zhipu": "1301",
    "MiniMax": "minimax:1026 minimax:1027",
    "iFlytek": "spark:10013 spark:10014 spark:10019",
    "StepFun": "censorship_blocked",
    "Cloudflare": "cloudflare:2016 cloudflare:2017",
    "Portkey, Langfuse": "hooks_failed guardrail_blocked",
    "Databricks": "input_guardrail_triggered output_guardrail_triggered",
}
# Who says it in words alone: OpenAI, xAI and Mistral (as a 403), DeepSeek, Anthropic, Databricks, LiteLLM.
_FILTER_SAYS = re.compile(
    r"^Invalid prompt: |content violates usage guidelines|content exists risk|blocked by content filtering policy|"
    r"(?:Prompt|Response) blocked due to security configurations|blocked by (?:an? |input |output )?guardrail|"
    r"(?:in|out)put_guardrail_triggered|"
    r"ContentPolicyViolationError|violated \w+ (?:moderation )?policy",
    re.IGNORECASE,
)
# Alibaba calls tokens per minute a quota: it is free again within the minute.
_QUOTA_OF_A_MINUTE = re.compile(r"error-code#token-limit|^Allocated quota exceeded", re.IGNORECASE)
# Who says in words alone that nobody paid, that a key is wrong (Gemini, as a 400), that there is no such model.
_SAYS: dict[FailureKind, re.Pattern[str]] = {
    "quota": re.compile(r"credit balance is too low|balance is insufficient|(?:insufficient|not enough) balance", re.I),
    "unauthorized": re.compile(r"^API key (?:not valid|expired)", re.I),
    "unknown_model": re.compile(r"^(?:the )?model(?: \W?[\w./:-]+\W?)? (?:does not exist|not found)", re.I),
}
_BY_DIGITS = {5: "spark", 6: "baidu"}  # no other provider numbers its errors so


def _flat(table: dict[FailureKind, dict[str, str]]) -> dict[str, FailureKind]:
    return {code: kind for kind, rows in table.items() for codes in rows.values() for code in codes.split()}


_KIND_ALWAYS, _KIND_IN_A_200 = _flat(_ALWAYS), _flat(_IN_A_200)
_FILTER_CODES = frozenset(code for codes in _FILTERS.values() for code in codes.split())


def error_of(payload: _Object) -> object:
    """Return the error that a body reports, wherever its provider puts it; None where it reports none."""
    error = payload.get("error")
    if isinstance(error, str) and error:  # TGI says beside it which, xAI what
        return {**payload, "error": None, "message": error}
    if error and isinstance(error, int):
        return {**payload, "error": None, **({} if error is True else {"code": error})}
    if error:
        return _named("cloudflare", error[0]) if isinstance(error, list) else error
    answer, number = payload.get("base_resp"), payload.get("error_code")
    if isinstance(answer, dict) and answer.get("status_code"):
        return _named("minimax", {"code": answer["status_code"], "message": answer.get("status_msg")})
    if isinstance(number, int) and number:
        said = payload.get("error_msg")
        return _named("baidu", {"code": number, "message": said}) if said else {**payload, "code": number}
    return None


def first_listed(payload: _Object) -> object:
    """Return the first of the `errors` of a body that holds nothing else: Cloudflare's, which number theirs."""
    listed = payload.get("errors")
    return _named("cloudflare", listed[0]) if isinstance(listed, list) and listed else None


def _named(provider: str, error: object) -> object:
    code = error.get("code") if isinstance(error, dict) else None
    return {**error, "code": f"{provider}:{code}"} if isinstance(error, dict) and isinstance(code, int) else error


def _codes(error: _Object, *keys: str) -> list[str]:
    """Return what an error's fields name, and before a dot what it is a case of: `Throttling.RateQuota`."""
    found = []
    for value in (error.get(key) for key in keys):
        word = str(value) if isinstance(value, (str, int)) else ""
        if word.isdecimal() and len(word) in _BY_DIGITS:
            word = f"{_BY_DIGITS[len(word)]}:{word}"
        found += [word, word.partition(".")[0]] if isinstance(value, str) or ":" in word else []
    return found


def kind_by_code(error: _Object, said: str) -> FailureKind | None:
    """Return the kind that an error's code, or its words, mean whatever the status is."""
    codes = _codes(error, "code", "type", "status")
    kind = next((_KIND_ALWAYS[code] for code in codes if code in _KIND_ALWAYS), None)
    if kind is None:
        return next((kind for kind, words in _SAYS.items() if words.search(said[:200])), None)
    return "rate_limited" if kind == "quota" and _QUOTA_OF_A_MINUTE.search(said) else kind


def kind_in_a_200(error: _Object) -> FailureKind | int | None:
    """Return the kind that an error within a 200 names, or the status code that it names."""
    for key in ("code", "status", "status_code", "http_code", "http_status_code", "type", "error_type", "__type"):
        if kind := next((_KIND_IN_A_200[code] for code in _codes(error, key) if code in _KIND_IN_A_200), None):
            return kind
        value = error.get(key)
        code = int(value) if isinstance(value, str) and value.isdecimal() and len(value) == 3 else value
        if isinstance(code, int) and not isinstance(code, bool) and 400 <= code < 600:
            return code
    return None


def is_a_filter_s(error: _Object, said: str) -> bool:
    """Tell whether a filter that stopped the prompt or its answer reports itself."""
    metadata = error.get("metadata")  # OpenRouter's moderation is a 403: it must not look like a wrong key
    if isinstance(metadata, dict) and ("flagged_input" in metadata or bool(metadata.get("reasons"))):
        return True
    return not _FILTER_CODES.isdisjoint(_codes(error, "code", "type", "finishReason")) or bool(
        _FILTER_SAYS.search(said[:2000])
    )
