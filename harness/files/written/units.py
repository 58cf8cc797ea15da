"""Quantities as people write them: `30 s`, `95%`, `$0.50`, `2M per month`."""

import math
import re
from datetime import date, timedelta
from typing import Annotated, TypeAlias

from pydantic import BeforeValidator

SECONDS = {"us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
CURRENCY_SIGNS = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY"}
_SHARED_SIGNS = {"$": ("AUD", "CAD", "HKD", "MXN", "NZD", "SGD", "TWD"), "¥": ("CNY",)}  # theirs where a code says so
PER_MONTH = {"second": 2_629_800.0, "minute": 43_830.0, "hour": 730.5, "day": 30.4375, "week": 4.348125, "month": 1.0}
PER_MONTH["year"] = 1 / 12

_NUMBER = r"(?P<number>\d{1,15}(?:,\d{3})*(?:\.\d{1,15})?|\.\d{1,15})"
_DURATION = re.compile(rf"\s*{_NUMBER}\s*(?P<unit>[a-zµ]*)\s*", re.IGNORECASE)
_DAYS = re.compile(rf"\s*{_NUMBER}\s*days?\s*")
_PERCENT = re.compile(rf"\s*{_NUMBER}\s*(?P<percent>%?)\s*")
_MONEY = re.compile(rf"\s*(?P<sign>[$€£¥]?)\s*{_NUMBER}\s*(?P<code>[A-Z]{{3}}|[$€£¥]|)\s*")
_VOLUME = re.compile(rf"\s*{_NUMBER}\s*(?P<scale>[kKmMbB]?)\s*(?:per|/|a)\s*(?P<unit>[a-z]+?)s?\s*")
_SCALES = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9}


def read_number(text: str) -> float:
    """Read a number that may have thousands separators."""
    return float(text.replace(",", ""))


def read_seconds(written: object) -> float:
    """Read `30 s`, `1500 ms`, `2 min` or a plain number of seconds. Raises ValueError."""
    if isinstance(written, (int, float)) and not isinstance(written, bool):
        return _finite(float(written))
    found = _DURATION.fullmatch(written) if isinstance(written, str) else None
    unit = found["unit"].lower() if found else ""
    if found is None or (unit and unit not in SECONDS):
        raise ValueError("must be a time such as `30 s` or `1500 ms`")
    return read_number(found["number"]) * SECONDS[unit or "s"]


def age(written: object) -> float:
    """Read `7 days`, `12 h` or `never` as seconds; never is 0. Raises ValueError."""
    if written == "never":
        return 0.0
    if isinstance(written, (int, float)) and not isinstance(written, bool):
        return _finite(float(written))
    found = _DAYS.fullmatch(written) if isinstance(written, str) else None
    if found is not None:
        return read_number(found["number"]) * 86_400.0
    try:
        return read_seconds(written)
    except ValueError:
        raise ValueError("must be a time such as `7 days` or `12 h`, or `never`") from None


def share(written: object) -> float:
    """Read `95%` or `0.95`. Raises ValueError."""
    if isinstance(written, (int, float)) and not isinstance(written, bool):
        return _finite(float(written))
    found = _PERCENT.fullmatch(written) if isinstance(written, str) else None
    if found is None:
        raise ValueError("must be a share such as `95%` or `0.95`")
    return read_number(found["number"]) / (100.0 if found["percent"] else 1.0)


def read_money(written: object) -> float:
    """Read `0.40`, `$0.40` or `0.40 USD`. Raises ValueError."""
    if isinstance(written, (int, float)) and not isinstance(written, bool):
        return _finite(float(written))
    found = _MONEY.fullmatch(written) if isinstance(written, str) else None
    if found is None:
        raise ValueError("must be an amount such as `0.40` or `$0.40`")
    currency_of(written)
    return read_number(found["number"])


def currency_of(written: object, stated: object = None) -> str | None:
    """Give the ISO code that an amount of money names; None where it names none. Raises ValueError on two.

    What is stated beside it tells which of the currencies that share a sign is meant.
    """
    found = _MONEY.fullmatch(written) if isinstance(written, str) else None
    words = set(found.group("sign", "code")) - {""} if found else set()
    said = next(iter(words - CURRENCY_SIGNS.keys()), stated)
    named = {said if said in _SHARED_SIGNS.get(word, ()) else CURRENCY_SIGNS.get(word, word) for word in words}
    if len(named) > 1:
        raise ValueError("names two currencies")
    return next(iter(named), None)


def in_one_currency(written: object) -> object:
    """Take the currency that amounts of a mapping name for its `currency`. Raises ValueError where they differ."""
    if not isinstance(written, dict):
        return written
    stated = written.get("currency")
    named = {str(stated)} if stated else set()
    named |= {code for value in written.values() if (code := currency_of(value, stated))}
    if len(named) > 1:
        raise ValueError(f"is in {' and '.join(sorted(named))}: write one currency")
    return {**written, "currency": next(iter(named))} if named else written


def per_month(written: object) -> float:
    """Read `2M per month`, `500 per day` or a plain number a month. Raises ValueError."""
    if isinstance(written, (int, float)) and not isinstance(written, bool):
        return _finite(float(written))
    found = _VOLUME.fullmatch(written) if isinstance(written, str) else None
    if found is None or found["unit"] not in PER_MONTH:
        raise ValueError("must be a volume such as `2M per month` or `500 per day`")
    return read_number(found["number"]) * _SCALES[found["scale"].lower()] * PER_MONTH[found["unit"]]


def in_seconds(duration: timedelta) -> str:
    """Write a duration as it is read here."""
    return f"{duration.total_seconds():.15g} s"


def day(written: object) -> date:
    """Read `2027-01-14`. Raises ValueError."""
    try:
        return date.fromisoformat(str(written))
    except ValueError:
        raise ValueError("must be a day such as `2027-01-14`") from None


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError("must be a finite number")
    return value


# Fields of a written model.
Seconds: TypeAlias = Annotated[float, BeforeValidator(read_seconds)]
Money: TypeAlias = Annotated[float, BeforeValidator(read_money)]
Share: TypeAlias = Annotated[float, BeforeValidator(share)]
Age: TypeAlias = Annotated[float, BeforeValidator(age)]
Texts: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(lambda w: (w,) if isinstance(w, str) else w)]
Day: TypeAlias = Annotated[date, BeforeValidator(day)]
