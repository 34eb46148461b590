"""Numbers as text: decimal marks, marks of thousands, and advice for fields that are no numbers."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from limbeck._tables.errors import Problem, shortened, text_value

__all__ = [
    "APOSTROPHES",
    "GROUPED_POINT",
    "MINUSES",
    "SIGNS",
    "SPACES",
    "SPELLINGS",
    "NumberFormat",
    "is_missing",
    "plain_number",
    "text_problem",
]

# Characters for a minus in typesetting, spreadsheets and web pages: hyphens, figure dash, en dash, minus, full width.
MINUSES = (
    "\N{HYPHEN}\N{NON-BREAKING HYPHEN}\N{FIGURE DASH}\N{EN DASH}\N{MINUS SIGN}\N{SMALL HYPHEN-MINUS}"
    "\N{FULLWIDTH HYPHEN-MINUS}"
)
SIGNS = "+-" + MINUSES
_AS_HYPHENS = str.maketrans(dict.fromkeys(MINUSES, "-"))
# "Not available" and the like, in small letters, as spreadsheets, data bases and statistics programs write it.
SPELLINGS = frozenset(
    {
        "na",
        "n/a",
        "n.a.",
        "n.a",
        "nan",
        "-nan",
        "+nan",
        "null",
        "<na>",
        "<null>",
        "(null)",
        "nat",
        "#n/a",
        "#na",
        "#n/a n/a",
    }
    | {"#null!", "#value!", "#ref!", "#name?", "#num!", "#div/0!"}
    | {"1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan", "\\n"}
    | {"missing", "not available"}
)
_MISSING = SPELLINGS | {"", "none", "nil", "?", "-", "--", "---", ".", "..", "...", "*", *MINUSES, "\N{EM DASH}"}
# Blanks that part thousands: the ordinary one, no-break, figure, thin and narrow no-break space.
SPACES = " \N{NO-BREAK SPACE}\N{FIGURE SPACE}\N{THIN SPACE}\N{NARROW NO-BREAK SPACE}"
APOSTROPHES = "'\N{RIGHT SINGLE QUOTATION MARK}"
_SIGN = rf"[+\-{MINUSES}]?"
# A whole number in groups of three parted by points: a number with three decimals, too, if there is one point.
GROUPED_POINT = re.compile(_SIGN + r"[1-9]\d{0,2}(\.\d{3})+", re.ASCII)


def is_missing(field: str) -> bool:
    """Whether a field stands for a missing value."""
    return field.strip().lower() in _MISSING


def plain_number(field: str) -> float | None:
    """Number with a decimal point and without marks of thousands, or None; any character for a minus is read as one."""
    if "_" in field:  # Python's own 1_000 is text in a file
        return None
    try:
        return float(field if field.isascii() else field.translate(_AS_HYPHENS))
    except ValueError:
        return None


@dataclass(frozen=True)
class NumberFormat:
    """Marks that a file uses in numbers.

    Attributes
    ----------
    decimal : str
        The mark before decimals, a point or a comma.
    thousands : str
        Characters of which one parts groups of three digits; empty if none does.
    settled : bool
        Whether the user has named the marks; if not, a point before three digits is in doubt.
    """

    decimal: str = "."
    thousands: str = ""
    settled: bool = False

    @staticmethod
    def of(decimal: str | None, thousands: str | None) -> "NumberFormat":
        """Format that options describe: marks as themselves, "space" and "apostrophe" by these names.

        Raises
        ------
        ValueError
            One character cannot be both marks.
        """
        marks = {"space": SPACES, "apostrophe": APOSTROPHES, None: ""}
        chosen = marks.get(thousands, thousands or "")
        if decimal is not None and decimal == chosen:
            raise ValueError(f"--decimal and --thousands are both {decimal!r}: one character cannot be both")
        default = "," if chosen == "." else "."
        return NumberFormat(decimal or default, chosen, decimal is not None or thousands is not None)

    @property
    def plain(self) -> bool:
        """Whether numbers are written as Python and NumPy read them."""
        return self.decimal == "." and not self.thousands

    @cached_property
    def _groups(self) -> "re.Pattern[str]":
        """Whole numbers whose digits are parted in groups of three by one mark."""
        marks = re.escape(self.thousands)
        return re.compile(_SIGN + rf"[1-9]\d{{0,2}}([{marks}])\d{{3}}(?:\1\d{{3}})*", re.ASCII)

    @cached_property
    def _marks(self) -> dict[int, None]:
        """Translation that deletes the marks of thousands."""
        return dict.fromkeys(map(ord, self.thousands))

    def number(self, field: str) -> float | None:
        """Number in a field, or None if the field is no number; thousands must be in groups of three."""
        if self.plain:
            return plain_number(field)
        head, mark, tail = field.strip().partition(self.decimal)
        bare = head.translate(self._marks)
        if bare != head and self._groups.fullmatch(head) is None:
            return None
        if (self.decimal != "." and "." in bare + tail) or any(mark in self.thousands for mark in tail):
            return None
        return plain_number(bare + ("." if mark else "") + tail)

    def all_numbers(self, fields: Sequence[str]) -> list[float] | None:
        """Numbers in fields, or None as soon as one of them is no number."""
        joined = "\n".join(fields)
        if not any(mark in joined for mark in self.thousands) and joined.isascii():
            # Python reads many numbers much faster than one after another.
            if "_" in joined or (self.decimal != "." and "." in joined):
                return None
            parts = joined.replace(self.decimal, ".").split("\n")
            if len(parts) == len(fields):
                try:
                    return list(map(float, parts))
                except ValueError:
                    return None
        values = list[float]()
        for field in fields:
            if (value := self.number(field)) is None:
                return None
            values.append(value)
        return values


# Forms of fields, and the options by which each would be a number.
_COMMA, _POINT = "--decimal , if the comma begins decimals", "--decimal . if the point begins decimals"
_FORMS = [
    (r"\d{1,3}(\.\d{3})+,\d+", "--decimal , --thousands . if the comma begins decimals"),
    (r"\d{1,3}(,\d{3})+\.\d+", "--thousands , if the comma parts thousands"),
    (r"\d{1,3}(\.\d{3}){2,}", "--thousands . if the point parts thousands"),
    (r"\d{1,3}(,\d{3}){2,}", "--thousands , if the comma parts thousands"),
    (r"[1-9]\d{0,2},\d{3}", f"--thousands , if the comma parts thousands, {_COMMA}"),
    (r"[1-9]\d{0,2}\.\d{3}", f"--thousands . if the point parts thousands, {_POINT}"),
    (r"(\d+,\d*|,\d+)", _COMMA),
    (r"(\d+\.\d*|\.\d+)", _POINT),
    (rf"\d{{1,3}}([{SPACES}]\d{{3}})+(\.\d*)?", "--thousands space if the space parts thousands"),
    (rf"\d{{1,3}}([{SPACES}]\d{{3}})+,\d*", "--thousands space --decimal , if the space parts thousands"),
    (rf"\d{{1,3}}([{APOSTROPHES}]\d{{3}})+(\.\d*)?", "--thousands apostrophe if it parts thousands"),
    (rf"\d{{1,3}}([{APOSTROPHES}]\d{{3}})+,\d*", "--thousands apostrophe --decimal , if it parts thousands"),
]
_UNITS = re.compile(r"[%$\u00a3\u20ac\u00a5\s,]")  # percent, currencies
# Digits in two groups or more, of any size, and decimals behind another mark.
_GROUPS = re.compile(
    _SIGN + rf"\d+(?P<mark>[.,{SPACES}{APOSTROPHES}])\d+((?P=mark)\d+)*((?!(?P=mark))[.,]\d*)?", re.ASCII
)
_SHOWN_MARKS = {**dict.fromkeys(SPACES, "a space"), **dict.fromkeys(APOSTROPHES, "an apostrophe")}
_ADVICE = [(re.compile(_SIGN + form, re.ASCII), advice) for form, advice in _FORMS]


def text_problem(column: str, field: str, place: str, format: NumberFormat) -> Problem:
    """Problem of a column with a field that is no number, with the option that would read it if there is one."""
    text = field.strip()
    what = f"holds text, first {shortened(field)}"
    for form, advice in _ADVICE:
        if form.fullmatch(text):
            now = f"; now decimals begin with {format.decimal!r}{_parted(format)}" if format.settled else ""
            return Problem(column, what, f"give {advice}{now}", place, droppable=False)
    if (mark := _odd_groups(text, format)) is not None:
        advice = f"write groups of three digits, which alone {mark} may part, or no marks between digits"
        return Problem(column, what, advice, place, droppable=False)
    if plain_number(_UNITS.sub("", text)) is not None:
        return Problem(column, what, "write plain numbers, without a unit", place, droppable=False)
    return text_value(column, what, place)


def _parted(format: NumberFormat) -> str:
    """Words about the mark of thousands."""
    names = {SPACES: "a space", APOSTROPHES: "an apostrophe"}
    mark = names.get(format.thousands, repr(format.thousands))
    return f" and {mark} parts thousands, in groups of three digits" if format.thousands else ""


def _odd_groups(text: str, format: NumberFormat) -> str | None:
    """Mark between groups of digits that are not of three, for a message; None if there are no such groups."""
    found = _GROUPS.fullmatch(text)
    if found is None or format.number(text.replace(found["mark"], "")) is None:
        return None
    mark = found["mark"]
    if mark not in format.thousands and (format.thousands or mark != ","):
        return None  # dates and versions have points, and the other marks stand between words
    return _SHOWN_MARKS.get(mark, repr(mark))
