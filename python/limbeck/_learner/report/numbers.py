"""Numbers with as many digits as their error, or the spread of what they are about, gives a meaning; short names."""

from __future__ import annotations

import math

__all__ = ["NOTHING", "clipped", "number", "percent", "with_error"]

NOTHING = 1e-12  # relative: what is smaller is rounding, after the few thousand operations that a number comes from
_ROUNDING = 4 * 2.0**-52  # of a number that stands alone
# Plain digits from 0.0001 to 1e16, beyond which float64 leaves out whole numbers, and up to twelve decimals: what needs
# others has more zeros than an eye counts.
_SMALLEST_PLAIN, _LARGEST_PLAIN, _MOST_DECIMALS = 1e-4, 1e16, 12
_MOST_DIGITS = 16  # after the first one: what a float64 holds
_LONGEST_NAME = 32  # characters: three columns of such names fit into 100, the width of a wide terminal
_RESOLVED = 3  # decades below the spread: a threshold is then off by less than a thousandth of a standard deviation


def number(value: float, signed: bool = False, resolution: float = 0.0) -> str:
    """Four digits, and those that show a thousandth of ``resolution``, the spread of what the number is about."""
    sign = "+" if signed else ""
    if value == 0 or not math.isfinite(value):
        return f"{value + 0.0:{sign}.0f}"
    size = abs(value)
    place = _exponent(size, 3) - 3  # 0.09999996 has its four digits as 0.1000
    if resolution > 0 and math.isfinite(resolution):
        place = min(place, _exponent(resolution) - _RESOLVED)
        return _plain(value, place, sign) if _is_plain(size, place) else _scientific(value, place, sign)
    if size >= 1e6 or size < 1e-3:
        return f"{value:{sign}.2e}"
    return f"{value:{sign},.{max(0, -place)}f}"


def with_error(
    value: float,
    error: float | None,
    signed: bool = False,
    scale: float = 0.0,
    resolution: float | None = None,
    between: str = " +- ",
) -> str:
    """A number with its standard error, both to the place of the error's second digit and in one notation.

    Parameters
    ----------
    value : float
        The number.
    error : float or None
        Its standard error; infinite or NaN where it is not known. None, or no more than rounding: none is shown.
    signed : bool, default False
        Whether a positive number has its sign.
    scale : float, default 0
        Size of the numbers that this one was computed from: less than 1e-12 of it is rounding. 0: that of the value.
    resolution : float, optional
        Spread of what the number is about, which settles the digits where no error does; default ``scale``.
    between : str, default " +- "
        What stands between number and error.
    """
    value = float(value) + 0.0
    resolution = scale if resolution is None else resolution
    if abs(value) <= NOTHING * scale:
        value = 0.0
    if error is not None and not math.isfinite(error):
        return f"{number(value, signed, resolution)}{between}?"
    if error is None or error <= max(NOTHING * (scale or abs(value)), _ROUNDING * abs(value)):
        return number(value, signed, resolution)
    sign, place = "+" if signed else "", _exponent(error, 1) - 1
    if _is_plain(max(abs(value), error), place):
        commas = max(abs(value), error) >= 1e4
        return f"{_plain(value, place, sign, commas)}{between}{_plain(error, place, '', commas)}"
    if abs(value) < 10.0**place / 2:  # it rounds to zero
        return f"{0:{sign}}{between}{error:.1e}"
    return f"{_scientific(value, place, sign)}{between}{error:.1e}"


def percent(part: float, space: str = " ") -> str:
    """A whole number of per cent, and no minus before zero."""
    rounded = round(100 * float(part)) if math.isfinite(part) else math.nan
    if rounded == 0:
        return f"less than 1{space}%" if part > NOTHING else f"0{space}%"
    return f"{rounded}{space}%"


def clipped(name: str) -> str:
    """A name short enough for a table."""
    plain = " ".join(name.split())  # a quoted name may hold a line break
    if len(plain) <= _LONGEST_NAME:
        return plain
    # Long names often differ at the end.
    return plain[: _LONGEST_NAME // 2] + "..." + plain[-(_LONGEST_NAME // 2 - 3) :]


def _exponent(size: float, digits: int = _MOST_DIGITS) -> int:
    """The power of ten of the first digit of a positive number, once it is rounded to ``digits`` more."""
    return int(f"{size:.{digits}e}".partition("e")[2])


def _is_plain(size: float, place: int) -> bool:
    return _SMALLEST_PLAIN <= size < _LARGEST_PLAIN and place >= -_MOST_DECIMALS


def _plain(value: float, place: int, sign: str, commas: bool | None = None) -> str:
    places = max(-place, 0)
    grouped = "," if (abs(value) >= 1e3 if commas is None else commas) else ""
    return f"{round(value, -place) + 0.0:{sign}{grouped}.{places}f}"


def _scientific(value: float, place: int, sign: str) -> str:
    digits = min(max(_exponent(abs(value)) - place, 0), _MOST_DIGITS)
    return f"{value:{sign}.{digits}e}"
