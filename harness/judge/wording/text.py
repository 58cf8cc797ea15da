"""Figures as people read them: `96.1% (90.4 to 98.5)`, `88 of 100 fraud cases`, `1.24 s`.

The one place where numbers become text: sentences, tables and charts can't disagree. Rounding never tells a
better story: a share that is not quite 0 or 1 is never shown as such, and what misses a demand by less than
the usual digits gets more.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, overload

from harness.files.thresholds.metrics import Counted, Plain, Scale, metric_of
from harness.judge.documents.estimate import Estimate

_PLAIN_NAME = re.compile(r"[A-Za-z][\w-]+")
_PROSE = frozenset(["other", "others", "none", "all", "no", "yes", "unknown", "any", "some", "not", "single", "more"])
_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}


def scale_of(metric: str) -> Scale:
    """Tell how the values of a threshold's metric are written."""
    return metric_of(metric).scale


def named(label: str) -> str:
    """Give a label as it stands in a sentence: quoted where it could be taken for prose."""
    plain = _PLAIN_NAME.fullmatch(label) and label.casefold() not in _PROSE
    return label if plain else f"‘{label}’"


def count(n: float, thing: str, things: str | None = None) -> str:
    """Give `1 case`, `2 cases`, `1,200 cases`."""
    return f"{n:,.0f} {thing if round(n) == 1 else things or thing + 's'}"


def verb(n: int, one: str, many: str) -> str:
    """Give the form of a verb that goes with n."""
    return one if n == 1 else many


class Things(NamedTuple):
    """What a sample size counts: one of it, and many."""

    one: str
    many: str

    def of(self, n: int) -> str:
        """Give `1 spam case`, `2 spam cases`."""
        return count(n, self.one, self.many)


_THINGS: Mapping[Counted, Things] = {
    "cases": Things("case", "cases"),
    "label cases": Things("{} case", "{} cases"),
    "other cases": Things("case that is not {}", "cases that are not {}"),
    "predictions": Things("{} prediction", "{} predictions"),
    "touched": Things("case that is {} or answered so", "cases that are {} or answered so"),
}


def things(counted: Counted, label: str | None = None) -> Things:
    """Give what a metric counts, of a label where it is one's."""
    return Things(*(form.format("" if label is None else named(label)) for form in _THINGS[counted]))


def listed(names: Sequence[str], most: int = 5) -> str:
    """Give `a`, `a and b`, `a, b and c`, or the first few `and 3 more`."""
    shown = list(names[:most])
    if len(names) > most:
        shown.append(f"{len(names) - most:,} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}" if shown else "none"


@dataclass(frozen=True, slots=True)
class FigureText:
    """A figure as text, value and interval apart, so that a renderer writes what it has room for."""

    value: str
    interval: str = ""

    def __str__(self) -> str:
        return f"{self.value} ({self.interval})" if self.interval else self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """How a figure, its interval and its bounds are written: all in one unit, with as many decimals."""

    factor: float = 1.0
    decimals: int = 1
    prefix: str = ""
    suffix: str = ""
    trimmed_to: int | None = None  # drop zeros at the end down to this many decimals

    def is_zero(self, value: float) -> bool:
        """Tell whether a value is written as nothing but zeros."""
        return round(float(value * self.factor), self.decimals) == 0

    def bare(self, value: float) -> str:
        """Give the number without its unit; a minus is a real one, and never stands before a zero."""
        sign = "−" if value < 0 and not self.is_zero(value) else ""
        return f"{sign}{abs(value * self.factor):,.{self.decimals}f}"

    def full(self, value: float) -> str:
        """Give the number with its unit."""
        text = self.bare(abs(value))
        sign = "−" if value < 0 and not self.is_zero(value) else ""
        if self.trimmed_to is not None:
            whole, _, part = text.partition(".")
            part = part.rstrip("0").ljust(self.trimmed_to, "0")
            text = f"{whole}.{part}" if part else whole
        return f"{sign}{self.prefix}{text}{self.suffix}"


def _form(value: float, scale: Scale, currency: str) -> _Form:
    size = abs(value)
    match scale:
        case "share":
            return _Form(factor=100, suffix="%")
        case "points":
            return _Form(factor=100, suffix=" points")
        case "seconds":
            return _time_form(size)
        case "money":
            return _money_form(size, currency)
        case "count":
            return _Form(decimals=0 if size >= 100 or float(value).is_integer() else 1)
        case "number":
            return _Form(decimals=2 if size >= 0.1 else 3)


def _time_form(size: float) -> _Form:
    if size < 0.9995:
        decimals = 0 if size >= 0.00995 or size == 0 else 1 if size >= 0.001 else 2 if size >= 0.0001 else 3
        return _Form(factor=1000, decimals=decimals, suffix=" ms")
    return _Form(decimals=2 if size < 9.995 else 1 if size < 99.95 else 0, suffix=" s")


def _money_form(size: float, currency: str) -> _Form:
    """Give whole units from 1,000 on, cents from 1 on, and below that three digits that count."""
    decimals = 0 if size >= 1000 else 2
    if 0 < size < 1:
        decimals = min(10, 2 - math.floor(math.log10(size)))
    sign = _SIGNS.get(currency)
    return _Form(
        decimals=decimals,
        prefix=sign or "",
        suffix="" if sign or not currency else f" {currency}",
        trimmed_to=min(2, decimals),
    )


def _told_apart(form: _Form, value: float, against: float | None) -> _Form:
    """Give more decimals where a figure that only nearly meets a demand would look as if it did."""
    if against is None or value == against:
        return form
    for decimals in range(form.decimals, form.decimals + 4):
        finer = replace(form, decimals=decimals)
        if finer.bare(value) != finer.bare(against):
            return finer
    return form


@overload
def amount(value: float, scale: Plain, currency: str = "", *, against: float | None = None) -> str: ...
@overload
def amount(value: float, scale: Scale, currency: str, *, against: float | None = None) -> str: ...
def amount(value: float, scale: Scale, currency: str = "", *, against: float | None = None) -> str:
    """Give a figure with its unit; with `against`, with enough decimals to tell it from that demand."""
    return _written(value, scale, _form(value, scale, currency), against)


def _written(value: float, scale: Scale, usual: _Form, against: float | None) -> str:
    form = _told_apart(usual, value, against)
    if scale == "share":
        finest = replace(form, decimals=2)
        for limit in (0.0, 1.0):
            if value == limit or form.bare(value) != form.bare(limit):
                continue
            if finest.bare(value) != finest.bare(limit):
                return finest.full(value)
            return f"<0.01{form.suffix}" if limit == 0 else f">99.99{form.suffix}"
    return form.full(value)


def money(value: float, currency: str) -> str:
    """Give an amount with as many digits as it needs: `$1,200`, `$4.50`, `$0.0042`."""
    return amount(value, "money", currency)


def seconds(value: float) -> str:
    """Give `850 ms`, `1.24 s` or `95.0 s`."""
    return amount(value, "seconds")


@overload
def demand(value: float, scale: Plain, currency: str = "") -> str: ...
@overload
def demand(value: float, scale: Scale, currency: str) -> str: ...
def demand(value: float, scale: Scale, currency: str = "") -> str:
    """Give a requirement without digits that nobody wrote: `90%`, `99.5%`, `1 s`."""
    match scale:
        case "share":
            return f"{_plain(value * 100)}%"
        case "points":
            text = _plain(value * 100)
            return f"{text} {'point' if text in {'1', '−1'} else 'points'}"
        case "seconds":
            return f"{_plain(value)} s" if value >= 1 or value == 0 else f"{_plain(value * 1000)} ms"
        case "money":
            return money(value, currency)
        case "count" | "number":
            return _plain(value)


def _plain(value: float) -> str:
    return f"{float(f'{value:.6g}'):,.12g}".replace("-", "−")


def interval(estimate: Estimate, scale: Scale, currency: str) -> str:
    """Give `90.4 to 98.5` in the unit of the value, `at least 321 ms`, or nothing without an interval."""
    low, high, value = estimate.low, estimate.high, estimate.value
    if value is None or (low is None and high is None):
        return ""
    form = _form(value, scale, currency)
    if low is None or high is None:
        known = low if low is not None else high or 0.0
        return f"{'at least' if low is not None else 'at most'} {form.full(known)}"
    if scale in {"count", "money"} and form.bare(low) == form.bare(high) == form.bare(value):
        return ""  # a fact, or a mean of what hardly differed
    if scale == "share":  # an end that is not quite 0 or 100% is not shown as such
        bare = replace(form, suffix="")
        return " to ".join(_written(end, scale, bare, None) for end in (low, high))
    return f"{form.bare(low)} to {form.bare(high)}"


@overload
def figure(estimate: Estimate, scale: Plain, currency: str = "", *, against: float | None = None) -> str: ...
@overload
def figure(estimate: Estimate, scale: Scale, currency: str, *, against: float | None = None) -> str: ...
def figure(estimate: Estimate, scale: Scale, currency: str = "", *, against: float | None = None) -> str:
    """Give a figure with its interval in brackets, or `undefined`."""
    return str(figure_text(estimate, scale, currency, against=against))


@overload
def figure_text(estimate: Estimate, scale: Plain) -> FigureText: ...
@overload
def figure_text(estimate: Estimate, scale: Scale, currency: str, *, against: float | None = None) -> FigureText: ...
def figure_text(estimate: Estimate, scale: Scale, currency: str = "", *, against: float | None = None) -> FigureText:
    """Give a figure and its interval; `undefined` where there is none."""
    if estimate.value is None:
        return FigureText("undefined")
    inside = interval(estimate, scale, currency)
    if not inside:
        return FigureText(amount(estimate.value, scale, currency, against=against))
    form = replace(_form(estimate.value, scale, currency), trimmed_to=None)  # as many decimals as its ends
    return FigureText(_written(estimate.value, scale, form, against), inside)


def signed(value: float, scale: Scale, currency: str) -> str:
    """Give a difference with its sign: `+2.8 points`, `−40 ms`; shares differ by points."""
    return _signed(value, _form(value, "points" if scale == "share" else scale, currency))


def _signed(value: float, form: _Form) -> str:
    text = form.full(abs(value))
    return text if form.is_zero(value) else f"{'+' if value > 0 else '−'}{text}"


def signed_text(estimate: Estimate, scale: Scale, currency: str) -> FigureText:
    """Give a difference and its interval, both with their signs; `undefined` where there is none."""
    if estimate.value is None:
        return FigureText("undefined")
    low, high = estimate.low, estimate.high
    value = signed(estimate.value, scale, currency)
    if low is None or high is None or low == high:
        return FigureText(value)
    if scale in {"share", "points"}:  # the unit is said once
        form = replace(_form(estimate.value, "points", currency), suffix="")
        return FigureText(value, f"{_signed(low, form)} to {_signed(high, form)}")
    return FigureText(value, f"{signed(low, scale, currency)} to {signed(high, scale, currency)}")


def figure_alone(estimate: Estimate, scale: Scale, currency: str) -> str:
    """Give a figure without its interval, or `undefined`."""
    return "undefined" if estimate.value is None else amount(estimate.value, scale, currency)


def sure(confidence: float) -> str:
    """Give a confidence as `95%`; one that was computed as `98.48%`."""
    return f"{100 - float(f'{(1 - confidence) * 100:.3g}'):.12g}%"


def sentence(text: str) -> str:
    """Begin with a capital, unless the first word is a metric or a candidate, which are written as they are."""
    first = text.partition(" ")[0].rstrip(",:;.!?")
    return text if re.search(r"[^\w'’-]|_|\d", first) else text[:1].upper() + text[1:]
