"""Words for the features of a sentence: what a unit of one is, on which side of a place, and places as dates."""

from __future__ import annotations

from dataclasses import dataclass

from limbeck._tables.column_encodings import Feature

__all__ = ["Wording"]

_DAYS_OF_YEAR = 365.2425
_SINGULAR = {"years": "year", "days": "day", "hours": "hour"}


@dataclass(frozen=True)
class Wording:
    """Words for one feature.

    Attributes
    ----------
    name : str
        Its name, as it is set.
    feature : Feature or None
        What it was made of; None for a number as it is.
    """

    name: str
    feature: Feature | None = None

    @property
    def is_date(self) -> bool:
        """Whether places on it are dates."""
        return self.feature is not None and self.feature.scale is not None

    @property
    def is_flag(self) -> bool:
        """Whether it is 0 or 1."""
        return self.feature is not None and self.feature.role == "flag"

    @property
    def unit(self) -> str:
        """What its numbers count."""
        if self.feature is not None and self.feature.scale is not None:
            return _SINGULAR[self.feature.scale.unit]
        return "unit"

    @property
    def each(self) -> str:
        """What a slope is for: "for each unit of rent"."""
        return f"for each {self.unit} of {self.name}"

    @property
    def term(self) -> str:
        """What a slope of a sum is for: "for rent", "where ShelveLoc is Good", "for each year of date"."""
        if self.is_flag:
            own = self.feature is not None and self.feature.name == self.feature.column
            return f"where {self.name}{' is true' if own else ''}"
        return self.each if self.is_date else f"for {self.name}"

    def side(self, above: bool) -> str:
        """Above or below; of dates after or before."""
        if self.is_date:
            return "after" if above else "before"
        return "above" if above else "below"

    def place(self, at: float, resolution: float) -> str | None:
        """Date, or category, at a number; None for numbers."""
        feature = self.feature
        if feature is not None and feature.scale is not None:
            return feature.scale.text(at, resolution)
        if feature is not None and feature.levels:
            level = int(min(max(at, 0), len(feature.levels) - 1))
            return f"{feature.levels[level]} ({at:.2f})"
        return None

    def distance(self, error: float) -> str:
        """An error of a date, in its unit."""
        unit = self.unit
        if unit == "year" and error < 1:
            error, unit = error * _DAYS_OF_YEAR, "day"
        text = f"{float(f'{error:.2g}'):g}"
        return f"{text} {unit}{'' if text == '1' else 's'}"
