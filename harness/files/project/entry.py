"""harness.yml: models, endpoints, prices, limits. Trusted: only it names endpoints and key variables."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeAlias, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from harness.files.digest import digest
from harness.files.project.secrets_guard import check_header, check_key_variable, check_origin, check_sent, placeholders
from harness.files.written.units import Day, Money, Seconds, Share, Texts, in_one_currency
from harness.files.written.validation import Written
from harness.record import Usage, Via

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

EndpointKind: TypeAlias = Literal[
    "local", "chat", "completions", "responses", "anthropic", "http", "replay", "function"
]
Transport: TypeAlias = Literal["wire", "httpx", "openai"]
PER_MILLION = 1e6  # tokens that a price is for
Tokens = TypeVar("Tokens", float, "npt.NDArray[np.float64]")
MANY_S = 86_400.0  # a day: longer waits are a slip of the pen
AT_FLEX = {"timeout_s": 900.0, "deadline_s": 3600.0, "warmup": 0}  # slow, sometimes full, and no time is believed


class Price(Written):
    """Money per million tokens, in `currency`."""

    input: Money = Field(0.0, ge=0, allow_inf_nan=False, description="Price of a million input tokens.")
    output: Money = Field(0.0, ge=0, allow_inf_nan=False, description="Price of a million output tokens.")
    cached: Money | None = Field(
        None, ge=0, allow_inf_nan=False, description="Price of a million cached input tokens; as `input` if absent."
    )
    cache_write: Money | None = Field(
        None,
        ge=0,
        allow_inf_nan=False,
        description="Price of a million tokens that a cache takes in; as `input` if absent.",
    )
    currency: str = Field("USD", pattern=r"^[A-Z]{3}$", description="ISO code, such as USD.")
    batch: Share | None = Field(None, gt=0, le=1, description="Of these, what a batch costs: 0.5 is half.")
    flex: Share | None = Field(None, gt=0, le=1, description="Of these, what the service tier `flex` costs.")
    priority: Share | None = Field(None, gt=0, le=100, description="Of these, what the service tier `priority` costs.")

    _named = model_validator(mode="before")(in_one_currency)

    @property
    def is_given(self) -> bool:
        """Whether anybody wrote what tokens cost; where nobody did there is no figure in money."""
        return self.input > 0 or self.output > 0 or bool(self.cached)

    @property
    def ways(self) -> tuple[str, ...]:
        """The ways of asking whose price is known: `sync`, and `batch` and `flex` where their factors are."""
        return ("sync", *(way for way in ("batch", "flex") if getattr(self, way) is not None))

    def factor(self, tier: str | None) -> float | None:
        """Give the part of these prices that a service tier costs; None where nobody wrote one: all of them."""
        return {"batch": self.batch, "flex": self.flex, "priority": self.priority}.get(tier or "")

    def money(
        self,
        tokens_in: Tokens,
        tokens_out: Tokens,
        cached: Tokens,
        factor: Tokens | float = 1.0,
        written: Tokens | float = 0.0,
    ) -> Tokens:
        """Give the money of tokens, of one call or of many; `cached` and `written` (to a cache) are of `tokens_in`."""
        fresh = tokens_in - cached - written
        fresh = fresh * (fresh > 0)
        cached_price = self.input if self.cached is None else self.cached
        write_price = self.input if self.cache_write is None else self.cache_write
        before = fresh * self.input + cached * cached_price + written * write_price
        return (before + tokens_out * self.output) * factor / PER_MILLION

    def of(self, usage: Usage) -> float | None:
        """Give the money of one call; None where there is no price, or the endpoint counted no tokens."""
        if not self.is_given or usage.input is None or usage.output is None:
            return None
        factor, written = self.factor(usage.tier) or 1.0, float(usage.cache_write or 0)
        return self.money(usage.input, usage.output, float(usage.cached or 0), factor, written)


class Limits(Written):
    """What the endpoint allows; None means not limited here."""

    concurrency: int = Field(8, ge=1, le=10_000, description="Most calls in flight at once.")
    rpm: int | None = Field(None, ge=1, description="Requests per minute.")
    tpm: int | None = Field(None, ge=1, description="Tokens per minute.")
    attempts: int = Field(5, ge=1, le=20, description="Most HTTP exchanges for one trial.")
    max_retry_after_s: Seconds = Field(
        60.0, ge=0, le=MANY_S, description="Longest wait that the endpoint may ask for; longer stops the run."
    )


class Azure(Written):
    """How the official client reaches Azure OpenAI: deployment routes, `api-key` header or Entra identity."""

    api_version: str = Field(pattern=r"^[0-9A-Za-z-]{1,40}$", description="Of Azure's API, such as 2024-10-21 or v1.")
    entra: bool = Field(False, description="Sign in by Microsoft Entra ID (extra `azure`) instead of a key.")


class Engine(Written):
    """What measures: this machine, or the nodes of a Ray cluster."""

    name: Literal["local", "ray"] = Field(description="This machine, or a Ray cluster (extra `ray`).")
    address: str = Field(
        "auto",
        pattern=r"^(auto|local|(ray://)?[^\s/@]+:[0-9]+)$",
        description="ray: the cluster of this machine (auto), host:port or ray://host:port; local starts one here.",
    )

    @model_validator(mode="before")
    @classmethod
    def _a_name_is_enough(cls, written: object) -> object:
        return {"name": written} if isinstance(written, str) else written


class Adapt(Written):
    """How this model takes what prompts and `params` ask for: its names, its values, what it refuses."""

    override: dict[str, Any] = Field({}, description="Parameters that win over a prompt's and `params`.")
    drop: Texts = Field((), description="Names that are not sent, whoever asks for them.")

    @field_validator("override", "drop")
    @classmethod
    def _leaves_the_question(cls, value: dict[str, Any] | tuple[str, ...]) -> dict[str, Any] | tuple[str, ...]:
        """Refuse to replace what is no parameter: who is asked, what is asked, how it is answered."""
        if found := sorted((ASKED | {"system", "stream", "response_format"}) & {*map(str, value)}):
            raise ValueError(f"`{found[0]}` is no parameter.")
        return value

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if both := sorted({*self.override} & {*self.drop}):
            raise ValueError(f"`{both[0]}` can't be both in `override` and in `drop`.")
        return self


class Notify(Written):
    """Where `--notify` may take a key: `url` names the server, any path of it will do."""

    url: Annotated[str, AfterValidator(check_origin)] = Field(description="Such as https://chat.example.com.")
    api_key_env: Annotated[str, AfterValidator(check_key_variable)] = Field(description="NAME of its key's variable.")


_CHECKED_BY_THEMSELVES = ("api_key_env", "base_url", "url", "headers")
ASKED = frozenset({"model", "messages", "prompt", "input"})  # what a request holds besides parameters


class ModelEntry(Written):
    """One named entry of `models:`; which fields apply depends on `endpoint`."""

    endpoint: EndpointKind = Field(description="What is spoken, and to whom.")
    transport: Transport = Field("wire", description="What carries the bytes.")
    model: str | None = Field(None, description="The endpoint's own model id.")
    base_url: str | None = Field(None, description="Where the endpoint is, such as https://api.openai.com/v1.")
    api_key_env: str | None = Field(
        None, description="The NAME of the environment variable that holds the key; never a key."
    )
    headers: dict[str, str] = Field({}, description="Extra headers; values may hold ${VARIABLE}.")
    azure: Azure | None = Field(
        None, description="transport openai: the server is Azure OpenAI, `model` its deployment."
    )
    ca_file: Path | None = Field(
        None, description="PEM file of an authority to trust besides this machine's, such as your company's."
    )
    params: dict[str, Any] = Field({}, description="Sent with every request: temperature, seed, ...")
    adapt: Adapt = Field(Adapt(), description="What this model does not take as prompts and `params` ask for it.")
    retires: Day | None = Field(None, description="Day from which the provider serves it no more: 2027-01-14.")
    via: Via = Field(
        "sync", description="How answers are bought: sync, batch (cheaper, within a day), flex (cheaper, slow), file."
    )
    price: Price = Field(Price(), description="Money per million tokens.")
    limits: Limits = Field(Limits(), description="What the endpoint allows.")
    timeout_s: Seconds = Field(
        30.0, gt=0, le=MANY_S, alias="timeout", description="Per attempt: `30 s`, or a number of seconds."
    )
    deadline_s: Seconds = Field(
        120.0, gt=0, le=MANY_S, alias="deadline", description="Per trial, retries included: `2 min`."
    )
    stream: bool = Field(False, description="Ask for a stream, and time the first token.")
    warmup: int = Field(3, ge=0, le=100, description="Calls before the run that are not counted.")
    # endpoint: local
    weights: str | None = Field(None, description="local: name of an embedded model, or a GGUF file.")
    threads: int | None = Field(None, ge=1, le=1024, description="local: threads of the server.")
    context: int = Field(8192, ge=256, le=4_194_304, description="local: size of the context window, in tokens.")
    # endpoint: replay
    replies: Path | None = Field(None, description="replay: JSONL file with one recorded reply a line.")
    # endpoint: http
    url: str | None = Field(None, description="http: where to send each case.")
    method: Literal["GET", "POST", "PUT", "PATCH"] = Field("POST", description="http: the method.")
    body: Any = Field(None, description="http: the JSON body; its texts are templates over the inputs.")
    reply: str | None = Field(None, pattern=r"^(/.*)?$", description="http: JSON pointer to the reply.")
    score: str | None = Field(None, pattern=r"^(/.*)?$", description="http: JSON pointer to a score.")
    usage: dict[Literal["input", "output", "cached", "cache_write", "reasoning"], str] = Field(
        {},
        description="http: JSON pointers to token counts: input, output, cached, cache_write; reasoning, where output "
        "leaves its tokens out.",
    )
    finish: str | None = Field(
        None,
        pattern=r"^(/.*)?$",
        description="http: JSON pointer to the word for why the reply ended; if absent, the places of known services.",
    )

    def asked(self, via: Via) -> Self:
        """Give the entry asked in another way; at flex with the patience that it takes, where nobody wrote another."""
        patience = {
            name: value for name, value in AT_FLEX.items() if via == "flex" and name not in self.model_fields_set
        }
        return self.model_copy(update={"via": via, **patience})

    @property
    def waits(self) -> bool:
        """Whether answers come later, in a batch or a file: no clock is held beside them."""
        return self.via in ("batch", "file")

    @field_validator("*", mode="before")
    @classmethod
    def _holds_no_key(cls, value: object, info: ValidationInfo) -> object:
        return value if info.field_name in _CHECKED_BY_THEMSELVES else check_sent(value)

    @field_validator("api_key_env")
    @classmethod
    def _names_a_variable(cls, value: str | None) -> str | None:
        return value if value is None else check_key_variable(value)

    @field_validator("base_url", "url")
    @classmethod
    def _is_http(cls, value: str | None) -> str | None:
        return value if value is None else check_origin(value)

    @field_validator("headers")
    @classmethod
    def _hold_no_keys(cls, value: dict[str, str]) -> dict[str, str]:
        for name, text in value.items():
            check_header(name, text)
        return value


def price_of(model: Mapping[str, Any]) -> Price:
    """Give the price in a model entry as a manifest keeps it."""
    return Price.model_validate(model.get("price") or {})


def model_digest(entry: ModelEntry) -> str:
    """Digest what the reply may depend on: origin, model id, parameters; not transport, price or limits."""
    content = entry.model_dump(mode="json", include={"endpoint", "model", "params", "headers"})
    if entry.adapt != Adapt():  # runs of before this key stay comparable
        content["adapt"] = {"override": entry.adapt.override, "drop": sorted({*entry.adapt.drop})}
    match entry.endpoint:
        case "local":
            content |= {"weights": entry.weights, "context": entry.context}
        case "replay":
            content |= {"replies": str(entry.replies)}
        case "http":
            parts = entry.model_dump(mode="json", include={"method", "body", "reply", "score"})
            content |= {"origin": _origin(entry.url), **parts}
            content |= {} if entry.finish is None else {"finish": entry.finish}
        case _:
            content |= {"origin": _origin(entry.base_url)}
    return digest(content)


WARNED_DAYS = 90  # before a model retires: time to measure another one


def retiring(models: Mapping[str, ModelEntry], today: date) -> tuple[str, ...]:
    """Say of each model that retires soon, or has retired by its `retires`, when that is."""
    told = []
    for name, entry in models.items():
        left = None if entry.retires is None else (entry.retires - today).days
        if left is None or left > WARNED_DAYS:
            continue
        when = f"retires on {entry.retires}, in {left} day{'' if left == 1 else 's'}"
        past = f"has retired on {entry.retires}: its provider may refuse it, or serve another model"
        told.append(f"the model `{name}` {when if left > 0 else past}.")
    return tuple(told)


def _origin(url: str | None) -> str:
    parts = urlsplit(url or "")
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme.lower()}://{parts.netloc.lower()}{parts.path.rstrip('/')}{query}"


def variables_of(entry: ModelEntry) -> tuple[str, ...]:
    """Name the environment variables that an entry needs: its key's, and those of `${...}` in its headers."""
    own = () if entry.api_key_env is None else (entry.api_key_env,)
    return tuple(dict.fromkeys((*own, *(v for text in entry.headers.values() for v in placeholders(text)))))
