"""Least and largest value of predictions."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from limbeck._base.arrays import Float64Array

__all__ = ["PredictionRange"]


class PredictionRange(NamedTuple):
    """Least and largest value that predictions may have; those beyond are cut to the nearer of the two.

    Attributes
    ----------
    low, high : float
        Both ends, in the unit of the labels.
    """

    low: float
    high: float

    @classmethod
    def around(cls, least: float, largest: float, margin: float) -> PredictionRange:
        """The range of labels from ``least`` to ``largest``, longer at both ends by ``margin`` times its length."""
        length = largest - least
        return cls(float(least - margin * length), float(largest + margin * length))

    @classmethod
    def read(cls, content: Any) -> PredictionRange | None:  # noqa: ANN401
        """The range as a file has it, a list of two numbers; None for null.

        Raises
        ------
        ValueError
            It is something else.
        """
        if content is None:
            return None
        try:
            low, high = (float(end) if type(end) in (int, float) else np.nan for end in content)
        except (TypeError, ValueError, OverflowError):
            low = high = np.nan
        if not -np.inf < low <= high < np.inf:
            shown = repr(content)[:60]
            raise ValueError(f"its prediction_range must be two numbers in rising order, got {shown}")
        return cls(low, high)

    def cut(self, values: Float64Array) -> Float64Array:
        """The values, those beyond an end as that end."""
        return np.clip(values, self.low, self.high)

    def residuals(self, residuals: Float64Array, y: Float64Array) -> Float64Array:
        """Labels less predictions that are cut, from labels less those that are not."""
        values = y - residuals
        beyond = (values < self.low) | (values > self.high)
        return np.where(beyond, y - self.cut(values), residuals)

    def beyond(self, values: Float64Array) -> int:
        """Number of values that are cut."""
        return int(np.count_nonzero((values < self.low) | (values > self.high)))
