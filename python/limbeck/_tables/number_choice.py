"""Choice between ways to read the numbers of a column, by what other columns of the file leave no doubt about.

952 and 1.146 in one column are the whole numbers 952 and 1146 where the comma begins decimals; where the point does,
1.146 is little more than 1. A number of the column that can only have decimals, such as 0.5 or 12.25, settles it, and
so does a whole one from 1000 on without a mark. Without either, decimals behind a point are likely in files whose
fields are parted by commas, and cannot be told from thousands in others.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from limbeck._tables.column_kinds import Fault, Reading
from limbeck._tables.errors import Problem, shortened
from limbeck._tables.number_style import Style
from limbeck._tables.number_text import GROUPED_POINT, SIGNS, NumberFormat, text_problem

__all__ = ["Choice", "chosen_style", "decimal_mark"]


@dataclass(frozen=True)
class Choice:
    """Style of a column, or the fault that none can be chosen, and a hint for the user."""

    style: Style | None = None
    fault: Fault | None = None
    hint: str = ""


def decimal_mark(style: Style, bodies: Iterable[str]) -> str | None:
    """Mark of decimals that the numbers of a column show in a style; None if they are whole without marks."""
    numbers = style.numbers
    for body in bodies:
        if numbers.decimal in body or any(mark in body for mark in numbers.thousands if mark in ".,"):
            return numbers.decimal
    return None


def chosen_style(reading: Reading, marks: set[str], delimiter: str) -> Choice:
    """Choose among the styles of a column.

    Parameters
    ----------
    reading : Reading
    marks : set of str
        Marks of decimals in columns that leave no doubt.
    delimiter : str
    """
    if len(reading.styles) == 1:
        return Choice(reading.styles[0])
    whole = next((body for body in reading.bodies if body.lstrip(SIGNS).isdigit()), None)
    if any(GROUPED_POINT.fullmatch(body) for body in reading.bodies):
        return _chosen_point(reading, marks, delimiter, whole)
    if marks == {"."}:
        return Choice(_with_decimal(reading, "."))
    if marks == {","} and whole is None:
        return Choice(_with_decimal(reading, ","))
    text = next(t for t, body in zip(reading.present, reading.bodies, strict=True) if "," in body)
    return Choice(fault=Fault(text, lambda place: text_problem(reading.name, text, place, NumberFormat())))


def _chosen_point(reading: Reading, marks: set[str], delimiter: str, whole: str | None) -> Choice:
    """Choose between a point before decimals and one between thousands."""
    texts = dict(zip(reading.bodies, reading.present, strict=True))
    grouped = next(body for body in reading.bodies if GROUPED_POINT.fullmatch(body))
    if marks == {","}:
        return Choice(_with_decimal(reading, ","))
    if whole is not None and delimiter != ",":
        what = f"holds {texts[whole]} and {texts[grouped]}, and the point may begin decimals or part thousands"
        advice = "say --decimal . or --thousands ."
        return Choice(
            fault=Fault(texts[grouped], lambda place: Problem(reading.name, what, advice, place, droppable=False))
        )
    hint = ""
    if whole is not None or (delimiter == ";" and "." not in marks):
        hint = (
            f"column {shortened(reading.name)}: {texts[grouped]} is read as a number with three decimals; if the point "
            "parts thousands, give --thousands ., if not, --decimal ."
        )
    return Choice(_with_decimal(reading, "."), hint=hint)


def _with_decimal(reading: Reading, mark: str) -> Style:
    """Style of a reading in which a mark begins decimals."""
    return next(style for style in reading.styles if style.numbers.decimal == mark)
