"""What a provider says of how long it serves a model, as its list of models says it.

OpenAI has `shutdown_date` there, Anthropic `lifecycle` with `retires_at`, Mistral `deprecation`, OpenRouter
`expiration_date`, Azure `lifecycle_status` and `deprecation.inference`. Who says nothing is taken to have said nothing.
"""

import asyncio
from collections.abc import Mapping
from datetime import UTC, date, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from harness.errors import HarnessError
from harness.files.project import ModelEntry
from harness.measure.endpoint.open_endpoint import listing
from harness.measure.endpoint.secrets import short
from harness.measure.endpoint.transports import Exchange

_PATIENCE_S = 3.0  # somebody looks at a list: what is not said by then is not shown
_SPOKEN = ("chat", "completions", "responses", "anthropic")
_DATES = ("shutdown_date", "retires_at", "retirement_date", "expiration_date", "deprecation", "inference")


class Lifecycle(NamedTuple):
    """A provider's word for the state of a model, and the day from which it serves it no more."""

    status: str | None = None
    retires: date | None = None


async def lifecycles(models: Mapping[str, ModelEntry], *, root: Path) -> dict[str, Lifecycle]:
    """Ask the providers of all models at once; a model of which nothing is said is left out."""
    said = await asyncio.gather(*(_asked(name, entry, root) for name, entry in models.items()))
    return {name: one for name, one in zip(models, said, strict=True) if one != Lifecycle()}


async def _asked(name: str, entry: ModelEntry, root: Path) -> Lifecycle:
    if entry.endpoint not in _SPOKEN or entry.azure is not None:  # there the id is a deployment's
        return Lifecycle()
    try:
        transport, urls = listing(name, entry, root)
    except HarnessError:
        return Lifecycle()  # a key is not set: the list says so
    await transport.open()
    try:
        async with asyncio.timeout(_PATIENCE_S):
            for url in urls:
                exchange = await transport.exchange("GET", url, b"", timeout_s=_PATIENCE_S)
                if not isinstance(exchange, Exchange) or exchange.status != HTTPStatus.OK:
                    continue
                if (found := _of(entry.model, exchange.body)) is not None:
                    return read_lifecycle(found)
    except TimeoutError:
        pass
    finally:
        await transport.close()
    return Lifecycle()


def _of(model: str | None, body: bytes) -> dict[str, Any] | None:
    """Find a model in a provider's answer: it is the answer, or one of its list."""
    try:
        said = msgspec.json.decode(body)
    except (ValueError, msgspec.MsgspecError, RecursionError):
        return None
    listed = said.get("data") if isinstance(said, dict) else said
    if isinstance(listed, list):
        return next((one for one in listed if isinstance(one, dict) and one.get("id") == model), None)
    return said if isinstance(said, dict) else None


def read_lifecycle(said: Mapping[str, Any]) -> Lifecycle:
    """Read the fields that providers have for it; those that can't be read say nothing."""
    nested = [said[key] for key in ("lifecycle", "deprecation") if isinstance(said.get(key), dict)]
    words = [holder.get(key) for holder in nested for key in ("status", "state")]
    words += [said.get("lifecycle_status"), said.get("lifecycle")]
    states = (short(word)[:40] for word in words if isinstance(word, str) and word)
    days = (_day(holder.get(key)) for holder in (said, *nested) for key in _DATES)
    return Lifecycle(next(states, None), next((day for day in days if day), None))


def _day(value: object) -> date | None:
    try:
        if isinstance(value, str):
            return date.fromisoformat(value[:10])
        whole = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**11
        return datetime.fromtimestamp(value, UTC).date() if whole else None  # type: ignore[arg-type]  # it is an int
    except (ValueError, OverflowError, OSError):
        return None
