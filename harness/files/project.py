"""harness.yml: models, endpoints, prices, limits. Trusted: only it names endpoints and key variables."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

EndpointKind: TypeAlias = Literal["local", "chat", "completions", "responses", "anthropic", "http", "replay"]
Transport: TypeAlias = Literal["wire", "httpx", "openai"]


class Written(BaseModel):
    """Something that a person wrote: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Price(Written):
    """Money per million tokens, in `currency`."""

    input: float = Field(0.0, ge=0)
    output: float = Field(0.0, ge=0)
    cached: float | None = Field(None, ge=0)  # cached input tokens; None: as `input`
    currency: str = "USD"


class Limits(Written):
    """What the endpoint allows; None means not limited here."""

    concurrency: int = Field(8, ge=1, le=10_000)
    rpm: int | None = Field(None, ge=1)
    tpm: int | None = Field(None, ge=1)
    attempts: int = Field(5, ge=1, le=20)  # per trial
    max_retry_after_s: float = Field(60.0, ge=0)  # longer: stop, resume later


class ModelEntry(Written):
    """One named entry of `models:`; which fields apply depends on `endpoint`."""

    endpoint: EndpointKind
    transport: Transport = "wire"
    model: str | None = None  # the endpoint's own model id
    base_url: str | None = None
    api_key_env: str | None = None  # the NAME of the environment variable; never a key
    headers: dict[str, str] = {}  # values may hold ${VARIABLE}
    params: dict[str, Any] = {}
    price: Price = Price()
    limits: Limits = Limits()
    timeout_s: float = Field(30.0, gt=0, alias="timeout")  # per attempt, `30 s` or seconds
    deadline_s: float = Field(120.0, gt=0, alias="deadline")  # per trial, retries included
    stream: bool = False
    warmup: int = Field(3, ge=0, le=100)
    # endpoint: local
    weights: str | None = None
    threads: int | None = Field(None, ge=1)
    context: int = Field(8192, ge=256)
    # endpoint: replay
    replies: Path | None = None
    # endpoint: http
    url: str | None = None
    method: str = "POST"
    body: Any = None
    reply: str | None = None  # JSON pointer
    score: str | None = None  # JSON pointer
    usage: dict[str, str] = {}  # input / output / cached -> JSON pointer


class Project(Written):
    """harness.yml, or the defaults where there is none."""

    models: dict[str, ModelEntry] = {}
    results: Path = Path("results")
    path: Path | None = Field(None, exclude=True)  # the file itself
    root: Path = Field(Path(), exclude=True)  # its folder: references must stay inside
