"""How numbers, names and signs are set in plain text and in HTML."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape

from limbeck._learner.report.numbers import clipped, percent, with_error

__all__ = ["HTML", "TEXT", "Typography"]


@dataclass(frozen=True)
class Typography:
    """How signs, spaces that hold together, and names are set.

    Attributes
    ----------
    sign : str
        Sign between a number and its error.
    space : str
        Space that no line is broken at.
    minus : str
        Sign of a negative number.
    name : callable
        Makes the name of a feature or label fit to print.
    """

    sign: str
    space: str
    minus: str
    name: Callable[[str], str]

    @property
    def plus_minus(self) -> str:
        """What stands between a number and its error."""
        return f"{self.space}{self.sign}{self.space}"

    @property
    def percent_sign(self) -> str:
        """What follows a number of per cent."""
        return f"{self.space}%"

    def number(
        self,
        value: float,
        error: float | None,
        signed: bool = False,
        scale: float = 0.0,
        resolution: float | None = None,
    ) -> str:
        """A number with its error; see :func:`limbeck._learner.report.numbers.with_error`."""
        return self._with_minus(with_error(value, error, signed, scale, resolution, self.plus_minus))

    def percentage(self, part: float) -> str:
        """A part of a whole in per cent."""
        return self._with_minus(percent(part, self.space))

    def _with_minus(self, text: str) -> str:
        return self.minus + text[1:] if text.startswith("-") else text


TEXT = Typography("+-", "\N{NO-BREAK SPACE}", "-", clipped)
HTML = Typography("&#177;", "&nbsp;", "&#8722;", lambda name: escape(clipped(name)))
