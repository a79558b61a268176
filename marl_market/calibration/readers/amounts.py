"""Reads decimal amounts exactly: prices and quantities as whole units of 10^-PLACES.

Why text: a double holds no more than 15 decimal digits, and a recorder that passed through one writes 1e-08 for what
the venue sent as 0.00000001. Readers therefore load JSON numbers as the text that stands in the file.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

PLACES = 12
"""Decimal places that prices and quantities are read to, exactly."""

_MAXIMUM_DIGITS = 18


def units(amount: object) -> int:
    """Return the whole units of 10^-PLACES in `amount`, a decimal as text or number, exponents allowed.

    Raises ValueError where it is no number, negative, finer than one unit, or above 10^18.
    """
    text = amount if type(amount) is str else str(amount)
    whole, _, fraction = text.partition(".")
    if len(whole) <= _MAXIMUM_DIGITS and len(fraction) <= PLACES and (whole + fraction).isdecimal():
        return int(whole + fraction.ljust(PLACES, "0"))
    return _scientific(text)


def _scientific(text: str) -> int:
    try:
        number = Decimal("NaN" if "_" in text else text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or number.is_signed() or number.adjusted() >= _MAXIMUM_DIGITS:
        raise ValueError(f"amount {text}")
    _, digits, exponent = number.as_tuple()
    whole = int("".join(map(str, digits)))
    if not whole:
        return 0
    shift = int(exponent) + PLACES
    if shift >= 0:
        return whole * 10**shift
    amount, finer = divmod(whole, 10**-shift)
    if finer:
        raise ValueError(f"amount {text}")
    return int(amount)
