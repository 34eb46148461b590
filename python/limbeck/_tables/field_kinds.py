"""What single fields hold, as far as one field tells: a number, one with a unit, a date, a truth value, a gap, text."""

from __future__ import annotations

import re
from collections.abc import Callable

from limbeck._tables.date_text import is_date
from limbeck._tables.number_style import parted_number, written
from limbeck._tables.number_text import NumberFormat, is_missing
from limbeck._tables.words import moment_of, truth_of

__all__ = ["Number", "field_kind", "is_unit", "number_reader"]

Number = Callable[[str], float | None]

_NAMES = (
    "mol cd hz pa ohm lm lx bq gy sv bar ev min hr day days year years yr yrs month months week weeks hour hours sec",
    "second seconds minute minutes deg degc degf degree degrees rad ppm ppb ppt psu ft",
    "feet in inch inches mi mile miles lb lbs oz gal acre acres ha mph kn knots kt db ph px count counts pcs number",
    "persons people wh kbit mbit kb mb gb eur usd gbp chf jpy cny inr aud cad sek nok dkk pln euro euros dollar",
    "dollars cent cents ct thousand million billion text string name date yyyy mm dd category nominal unit units",
)
_UNITS = frozenset(" ".join(_NAMES).split())
_SYMBOLS = frozenset("%‰°℃℉$€£¥Ωμµ#msghdtlKVAWNJCFLT")  # no letters that are rather names of columns
_TOKEN = re.compile(r"[^\W\d_]+|[%‰°℃℉$€£¥#]", re.UNICODE)
_BRACKETED = re.compile(r"\[[^\]]*\]|\([^)]*\)|<[^>]*>|\{[^}]*\}")
_WITHOUT_POWERS = str.maketrans(dict.fromkeys("¹²³⁻", " "))
_LONGEST = 20  # characters of a unit


def number_reader(format: NumberFormat) -> Number:
    """From a field to its number, in the format that the user has named, else in any."""
    return format.number if format.settled else parted_number


def field_kind(field: str, number: Number) -> str:
    """Kind of a field: "gap", "number", "unit" (a number with one), "date", "truth", or "text"."""
    if is_missing(field):
        return "gap"
    text = field.strip()
    if number(text) is not None:
        return "number"
    if not any(map(str.isdigit, text)):
        return "text" if truth_of(text) is None else "truth"
    if moment_of(text) is not None or is_date(text):
        return "date"
    if truth_of(text) is not None:
        return "truth"
    parts = written(text)
    return "unit" if parts is not None and number(parts.body) is not None else "text"


def is_unit(field: str) -> bool:
    """Whether a field is the name of a unit, or stands where there is none."""
    text = field.strip()
    if not text or text in ("-", "1", "--"):
        return True
    words = _TOKEN.findall(text.translate(_WITHOUT_POWERS))
    if _BRACKETED.fullmatch(text):
        return bool(words) or not any(map(str.isdigit, text))
    if len(text) > _LONGEST:
        return False
    return bool(words) and all(word in _SYMBOLS or _is_named(word) for word in words)


def _is_named(word: str) -> bool:
    """Whether a word is a unit, perhaps with a letter for its size in front."""
    small = word.lower()
    if small in _UNITS:
        return True
    return len(word) > 1 and word[0] in "kMmGcnpuµμhd" and (word[1:] in _SYMBOLS or small[1:] in _UNITS)
