"""How the numbers of a column are written: marks of decimals and thousands, and units before or behind every number."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from limbeck._tables.number_text import APOSTROPHES, MINUSES, SIGNS, SPACES, NumberFormat

__all__ = ["FORMATS", "Style", "Written", "fitting_formats", "mark_words", "parted_number", "styles_of", "written"]

_CODES = (
    "EUR|USD|GBP|CHF|JPY|CNY|INR|AUD|CAD|SEK|NOK|DKK|PLN|CZK|HUF|RUB|BRL|MXN|ZAR|KRW|SGD|HKD|NZD|TRY|ILS|THB|"
    r"US\$|A\$|C\$|R\$|HK\$|NZ\$|S\$|Fr\.?|kr\.?|Rs\.?"
)
_CURRENCY = rf"(?:{_CODES}|[$\u00a2\u00a3\u00a5\u20a0-\u20cf])"
_SIGN = rf"[+\-{MINUSES}]?"
_BODY = rf"(?:\d[\d.,{SPACES}{APOSTROPHES}]*|[.,]\d+)(?:[eE][+-]?\d+)?"
# A unit has no digits but an exponent at its end, and does not begin like the rest of a date, a time or a range.
_UNIT = rf"[^\d\s.,:;/+\-{MINUSES}{APOSTROPHES}][^\d]{{0,14}}[23]?"
_WRITTEN = re.compile(
    rf"(?P<sign>{_SIGN})\s*(?P<before>{_CURRENCY}?)\s*(?P<second>{_SIGN})(?P<body>{_BODY})\s*(?P<behind>(?:{_UNIT})?)",
    re.ASCII,
)
_MARKS = ".," + SPACES + APOSTROPHES
_FIRST = 200  # bodies that are tried first: they leave one or two formats of nine

FORMATS = tuple(
    NumberFormat(decimal, thousands)
    for decimal, thousands in [
        *((".", mark) for mark in ("", ",", SPACES, APOSTROPHES)),
        *((",", mark) for mark in ("", ".", SPACES, APOSTROPHES)),
    ]
)


@dataclass(frozen=True)
class Written:
    """A number as a field has it: a body of digits and marks, with its sign, and a unit before or behind it."""

    body: str
    before: str
    behind: str

    @property
    def unit(self) -> str:
        """Both parts of the unit, for a message."""
        return self.before or self.behind


def written(text: str) -> Written | None:
    """Parts of a number with or without a unit; None if a text is no such number."""
    found = _WRITTEN.fullmatch(text.strip())
    if found is None or (found["sign"] and found["second"]):
        return None
    body = found["body"].rstrip(SPACES + APOSTROPHES)
    return Written(found["sign"] + found["second"] + body, found["before"], found["behind"].strip())


def parted_number(body: str, formats: Iterable[NumberFormat] = FORMATS) -> float | None:
    """Number of a body by the first format that reads it; None if there is none."""
    return next((value for one in formats if (value := one.number(body)) is not None), None)


@dataclass(frozen=True)
class Style:
    """One way to read the numbers of a column.

    Attributes
    ----------
    numbers : NumberFormat
    before, behind : str
        Unit that stands with every number but zeros.
    """

    numbers: NumberFormat
    before: str = ""
    behind: str = ""

    def all_numbers(self, texts: Sequence[str]) -> list[float] | None:
        """Numbers in texts without their units, or None as soon as one of them is none."""
        if not self.unit:
            return self.numbers.all_numbers(texts)
        values = [self.number(text) for text in texts]
        return None if None in values else [value for value in values if value is not None]

    def number(self, text: str) -> float | None:
        """Number in a text without its unit; None if the text is none, or has another unit."""
        if not self.unit:
            return self.numbers.number(text)
        parts = written(text)
        if parts is None:
            return None
        value = self.numbers.number(parts.body)
        same = (parts.before, parts.behind) == (self.before, self.behind)
        return value if same or (value == 0 and not parts.unit) else None

    @property
    def unit(self) -> str:
        """The unit, for a message; empty if there is none."""
        return self.before or self.behind


def styles_of(texts: Sequence[str], settled: NumberFormat | None = None) -> tuple[list[Style], list[str]]:
    """Styles in which all texts are numbers, and the bodies of these numbers.

    Parameters
    ----------
    texts : sequence of str
        Different texts of a column, without those for gaps.
    settled : NumberFormat, optional
        Marks that the user has named; by default all are tried.
    """
    unit = ("", "")
    bodies = list(texts)
    formats = FORMATS if settled is None else (settled,)
    if fits := fitting_formats(bodies, formats):
        return [Style(one) for one in fits], bodies
    parts = list[Written]()
    for text in texts:
        if (one := written(text)) is None:
            return [], []
        if one.unit and not any(unit):
            unit = (one.before, one.behind)
        if (one.before, one.behind) != unit and (one.unit or one.body.strip(SIGNS + "0.,")):
            return [], []
        parts.append(one)
    # A number before the first unit was checked against no unit.
    if any(not one.unit and one.body.strip(SIGNS + "0.,") for one in parts) or not any(unit):
        return [], []
    bodies = [one.body for one in parts]
    return [Style(one, *unit) for one in fitting_formats(bodies, formats)], bodies


def fitting_formats(bodies: Sequence[str], formats: Iterable[NumberFormat] = FORMATS) -> list[NumberFormat]:
    """Formats in which all bodies are numbers, leaving out those that part thousands in some numbers and not in all."""
    used = {mark for mark in _MARKS if any(mark in body for body in bodies)}
    # A mark that no number has makes no difference: the first format without it stands for all.
    tried = [one for one in formats if not one.thousands or used.intersection(one.thousands)] or list(formats)
    if not used.intersection(".,") and any(one.decimal == "." for one in tried):
        tried = [one for one in tried if one.decimal == "."]
    fits = [one for one in tried if one.all_numbers(bodies[:_FIRST]) is not None]
    fits = [one for one in fits if one.all_numbers(bodies[_FIRST:]) is not None]
    if len(fits) < 2:
        return fits
    if any("e" in body or "E" in body for body in bodies):  # an exponent stands beside no mark of thousands
        fits = [one for one in fits if not _parts(one, bodies)] or fits
    digits = max((_leading_digits(body) for body in bodies), default=0)
    unparted = [one for one in fits if not (one.thousands and digits > 3 and _parts(one, bodies))]
    return unparted or fits


def _leading_digits(body: str) -> int:
    """Length of the first run of digits."""
    found = re.match(r"\d+", body.lstrip(SIGNS), re.ASCII)
    return len(found[0]) if found else 0


def _parts(format: NumberFormat, bodies: Sequence[str]) -> bool:
    """Whether a mark of thousands is used."""
    return any(mark in body for body in bodies for mark in format.thousands)


def mark_words(format: NumberFormat, bodies: Sequence[str]) -> list[str]:
    """What is said of the marks that numbers have, where they are not Python's."""
    words = ["decimal comma"] if format.decimal == "," and any("," in body for body in bodies) else []
    if _parts(format, bodies):
        names = {",": "comma", ".": "point", SPACES: "blank", APOSTROPHES: "apostrophe"}
        words.append(f"thousands {names[format.thousands]}")
    return words
