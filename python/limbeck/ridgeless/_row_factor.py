"""The triangular factor of rows that come in blocks: what :class:`limbeck.ridgeless.Accumulator` keeps."""

from __future__ import annotations

import sys
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from limbeck import _kernels
from limbeck._base.arrays import (
    DROP_ROWS,
    Array,
    Float64Array,
    float_array,
    power_of_two_near,
    require_finite,
    row_weights,
    same_length,
)

__all__ = ["RowFactor"]

_PIECE_BYTES = 1 << 24  # of rows converted at a time: 16 MiB, or as many rows as the kernel shares among threads
_WIDEST_RANGE = 1e100  # of numbers beside their unit: squares, and sums of 10^100 of them, stay within float64's 1e308
_UNIT_NUMBERS = 1 << 12  # first numbers, whose size gives the units, unless all are zero: some microseconds to read
_FEWEST_ROWS = 256  # rows of small blocks are put aside until there are so many, or as many as columns


class RowFactor:
    """R, upper triangular, with R' R = sum of w_i r_i r_i' over rows r = [1, x, y].

    Columns of X and of Y, and weights, are kept in units of a power of two near the first numbers, so that squares stay
    in range.
    """

    def __init__(self, n_features: int, n_targets: int) -> None:
        self._p, self._q, self._order = n_features, n_targets, 1 + n_features + n_targets
        self._R: Float64Array | None = None  # zero, and no memory, before the first rows
        self._units: list[float | None] = [None, None, None]  # of X, Y and weights; None: only zeros so far
        self._aside: list[tuple[Float64Array, Float64Array, Float64Array]] = []

    def copy(self) -> RowFactor:
        """A copy that can be changed on its own; R itself is never changed in place."""
        result = RowFactor.__new__(RowFactor)
        result.__dict__.update(self.__dict__)
        result._units, result._aside = self._units.copy(), self._aside.copy()
        return result

    def add(self, X: ArrayLike, Y: ArrayLike, weights: ArrayLike | None, threads: int) -> int:
        """Merge rows, and return their number."""
        # Arrays of numbers are converted piece by piece, so that memory maps stay where they are.
        X, Y = (
            part
            if isinstance(part, np.ndarray) and part.dtype.kind in "biuf"
            else float_array(part, name, (1, 2), objects=True)
            for name, part in (("X", X), ("Y", Y))
        )
        flat = Y.ndim == 1 and self._q == 1
        if flat:
            Y = Y[:, None]
        for name, array, columns in (("X", X, self._p), ("Y", Y, self._q)):
            if array.ndim != 2 or array.shape[1] != columns:
                raise ValueError(f"{name} must have shape (n, {columns}), got {array.shape}")
        same_length(X, "X", 0, Y, "Y", 0, "rows")
        w = None if weights is None else row_weights(weights, X)
        n = len(X)
        for part in self._pieces(X, Y):
            begin = part.start
            x = float_array(X[part], "X", 2)
            y = float_array(Y[part], "Y", 2, np.float64)
            if n < max(_FEWEST_ROWS, self._order):
                # Check now: once the rows are put aside, their numbers for the message are lost.
                require_finite(threads, X=x, Y=y[:, 0] if flat else y)
                self._put_aside(x, y, np.ones(n) if w is None else w[part], threads)
            else:
                self._merge(x, y, None if w is None else w[part], threads, begin, flat)
        return n

    def triangle(self, threads: int) -> tuple[Float64Array, float]:
        """R in the users' units over the root of the weights' unit, and that root."""
        whole = self.copy()
        whole._merge_aside(threads)
        root = (whole._units[2] or 1.0) ** 0.5
        return whole._triangle() * whole._column_units(), root

    def merged(self, other: RowFactor) -> RowFactor:
        """The factor of the rows of both."""
        result, added = self.copy(), other.copy()
        for one in (result, added):
            one._merge_aside(0)
        for i, unit in enumerate(added._units):
            own = result._units[i]
            result._set_unit(i, unit if own is None else own if unit is None else max(own, unit))
        rows = np.vstack([result._triangle(), added._triangle() * (added._scales() / result._scales())])
        result._R = np.asarray(np.linalg.qr(rows, mode="r"))
        return result

    def _set_unit(self, i: int, unit: float | None) -> None:
        """Change the unit of X (0), Y (1) or the weights (2)."""
        before = self._scales()
        self._units[i] = unit
        if self._R is not None:
            self._R = self._R * (before / self._scales())

    def _triangle(self) -> Float64Array:
        return np.zeros((self._order, self._order)) if self._R is None else self._R

    def _column_units(self) -> Float64Array:
        """Units of the columns of R."""
        x_unit, y_unit, _ = (unit or 1.0 for unit in self._units)
        return np.repeat([1.0, x_unit, y_unit], [1, self._p, self._q])

    def _scales(self) -> Float64Array:
        """Factors of R's columns: units of the columns times the root of the weights' unit."""
        return np.asarray(self._column_units() * (self._units[2] or 1.0) ** 0.5)

    def _pieces(self, X: Array, Y: Array) -> list[slice]:
        """Rows that are converted and merged at a time: all of them where there is nothing to convert."""
        n = len(X)
        converted = X.dtype in (np.float32, np.float64) and Y.dtype == np.float64
        if converted and X.flags.c_contiguous and Y.flags.c_contiguous:
            return [slice(0, n)] if n else []
        # Whole numbers of what the kernel merges at a time, of which the last may be half as long again.
        at_once = max(49152 if self._order < 256 else 24576, 32 * self._order)
        step = max(1, _PIECE_BYTES // 8 // self._order // at_once) * at_once
        ends = range(step, n - at_once // 2 + 1, step)
        return [slice(begin, end) for begin, end in pairwise([0, *ends, n])] if n else []

    def _put_aside(self, X: Array, Y: Float64Array, weights: Float64Array, threads: int) -> None:
        self._choose_units(X, Y, weights, threads)
        self._require_range(X, Y, weights)
        self._aside.append((X.astype(np.float64), Y.copy(), weights.copy()))
        if sum(len(x) for x, _, _ in self._aside) >= max(_FEWEST_ROWS, self._order):
            self._merge_aside(threads)

    def _merge_aside(self, threads: int) -> None:
        if self._aside:
            X, Y, weights = (np.concatenate(parts) for parts in zip(*self._aside, strict=True))
            self._aside = []
            self._merge(X, Y, weights, threads)

    def _merge(
        self,
        X: Array,
        Y: Float64Array,
        weights: Float64Array | None,
        threads: int,
        first_row: int = 0,
        flat: bool = False,
    ) -> None:
        chosen_here = [i for i in (0, 1) if self._units[i] is None]
        self._choose_units(X, Y, weights, threads)
        R = self._with_rows(X, Y, weights, threads)
        if _kernels.first_non_finite(R, threads) >= 0 and chosen_here:
            # The first numbers may be far smaller than all others.
            require_finite(threads, DROP_ROWS, first_row, X=X, Y=Y[:, 0] if flat else Y)
            for i in chosen_here:
                self._units[i] = _unit_near(_kernels.largest_size((X, Y)[i], threads))
            R = self._with_rows(X, Y, weights, threads)
        if _kernels.first_non_finite(R, threads) >= 0:
            require_finite(threads, DROP_ROWS, first_row, X=X, Y=Y[:, 0] if flat else Y)
            self._require_range(X, Y, weights)
            raise OverflowError("sums of squares leave the range of float64")
        self._R = R

    def _with_rows(self, X: Array, Y: Float64Array, weights: Float64Array | None, threads: int) -> Float64Array:
        """R with more rows, in the units chosen."""
        x_unit, y_unit, weight_unit = (unit or 1.0 for unit in self._units)
        scaled = weights if weights is None or weight_unit == 1 else weights / weight_unit
        if scaled is None and weight_unit != 1:
            scaled = np.full(len(X), 1 / weight_unit)
        return np.asarray(_kernels.merge_rows(self._R, X, Y, scaled, x_unit, y_unit, threads))

    def _choose_units(self, X: Array, Y: Float64Array, weights: Float64Array | None, threads: int) -> None:
        for i, array in enumerate((X, Y)):
            if self._units[i] is None:
                first = array[: max(1, _UNIT_NUMBERS // array.shape[1])]
                largest = _kernels.largest_size(first, threads) or _kernels.largest_size(array, threads)
                self._units[i] = _unit_near(largest)
        if self._units[2] is None and (weights is None or weights.any()):
            # A power of four, whose root is a power of two.
            self._units[2] = 1.0 if weights is None else float(4.0 ** np.floor(np.log2(weights.max()) / 2))

    def _require_range(self, X: Array, Y: Float64Array, weights: Float64Array | None) -> None:
        names = ("X", "Y", "sample_weight")
        for name, array, unit in zip(names, (X, Y, weights), self._units, strict=True):
            largest = float(np.abs(array).max(initial=0.0)) if array is not None else 1.0
            if unit is not None and largest > _WIDEST_RANGE * unit:
                raise OverflowError(
                    f"{name} holds numbers up to {largest:.3g}, where the first ones were near {unit:.3g}: their "
                    "squares leave the range of float64"
                )


def _unit_near(largest: float) -> float | None:
    """Unit of numbers up to a size, None where all are zero; rows with an infinity are refused later."""
    return power_of_two_near(min(largest, sys.float_info.max)) if largest > 0 else None
