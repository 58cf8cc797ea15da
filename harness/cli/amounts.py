"""Shares and money as options write them, read once and before anything else is done."""

from __future__ import annotations

from dataclasses import dataclass

from harness.errors import UsageError


@dataclass(frozen=True, slots=True)
class Money:
    """An amount; `currency` is None where the option names none."""

    amount: float
    currency: str | None


def margin_of(written: str) -> float:
    """Read `--margin`: a share between 0% and 100%. Raises UsageError."""
    from harness.files.written import units

    try:
        share = units.share(written)
    except ValueError:
        share = -1.0
    if not 0 < share < 1:
        raise UsageError(f"--margin {written}: must be a share between 0% and 100%.", fix="Write it as `2%`.")
    return share


def most_of(written: str) -> Money:
    """Read `--max-cost`. Raises UsageError."""
    from harness.files.written import units

    try:
        amount = units.money(written)
    except ValueError as error:
        raise UsageError(f"--max-cost {written}: {error}.") from None
    signs = [code for sign, code in units.CURRENCY_SIGNS.items() if sign in written]
    code = written.strip()[-3:]
    return Money(amount, signs[0] if signs else code if code.isalpha() else None)
