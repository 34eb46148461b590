"""Contracted moments of rows that come in blocks, with standard errors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck import _kernels
from limbeck._base.arrays import (
    Float64Array,
    finite_result,
    integers,
    labels_array,
    matrix,
    require_finite,
    same_length,
    thread_count,
)
from limbeck._base.frames import column_names, in_known_order, require_same_names, require_same_rows
from limbeck.blocks._passes import add_blocks
from limbeck.blocks._protocol import Block, SupportsSum

__all__ = ["MomentAccumulator"]


class MomentAccumulator(SupportsSum):
    """Contracted moments of data that come in pieces, with standard errors.

    Accumulators over different rows add up: ``a + b`` equals one accumulator that has seen the rows of both, up to
    rounding. Objects pickle, so that partial sums can be made in other processes.

    Parameters
    ----------
    directions : array_like of shape (m, d)
        Directions of the contractions, used as given.
    orders : iterable of int
        Orders to keep, each at least 2.

    Attributes
    ----------
    feature_names : tuple of str or None
        Names of the columns of the directions, or else of the first rows that had any. Rows of a table with these names
        in another order are put in order; other names are refused.

    Notes
    -----
    Standard errors come from batch means: each update is cut into up to 64 batches of consecutive rows (when there
    are 256 already, into 8, or more of at least 128 rows), and the spread of their sums gives the variance of an
    entry, whatever the distribution of the rows. With B batches in all they have a relative accuracy of about (2 (B -
    1)) ** -0.5; with fewer than two batches they are NaN.

    Examples
    --------
    >>> import numpy as np, limbeck
    >>> X = np.random.default_rng(0).standard_normal((1000, 3))
    >>> a = limbeck.moments.MomentAccumulator(np.eye(3), [2, 4])
    >>> b = limbeck.moments.MomentAccumulator(np.eye(3), [2, 4])
    >>> a.update(X[:600], X[:600, 0] ** 2)
    >>> b.update(X[600:], X[600:, 0] ** 2)
    >>> (a + b).matrices(4).shape
    (3, 3, 3)
    """

    # Batches of an update, and of one when there are many already: each batch costs a contraction of its own, and 256
    # of them give a standard error to 4 %.
    # With 128 rows the cost of a batch hardly counts, and batches are what threads share.
    _BATCHES, _MANY_BATCHES, _LATER_BATCHES, _BATCH_ROWS = 64, 256, 8, 128

    def __init__(self, directions: ArrayLike, orders: Iterable[int]) -> None:
        self.feature_names = column_names(directions, "directions")
        self.directions = np.array(matrix(directions, "directions", np.float64))
        self.orders = tuple(sorted(set(integers(orders, "orders", 2))))
        require_finite(directions=self.directions)
        if not self.orders:
            raise ValueError("orders is empty: name at least one order")
        self.n_rows = 0
        self._n_batches = 0
        # Sums over rows of each order's contraction, and sums over batches of (batch sum)^2 / (batch rows), (m, d, d);
        # none, and no memory, before the first rows.
        self._sums: dict[int, Float64Array] = {}
        self._squares: dict[int, Float64Array] = {}

    def update(self, X: ArrayLike, y: ArrayLike, *, n_threads: int | None = None) -> None:
        """Add rows.

        Parameters
        ----------
        X : array_like of shape (n, d)
            Inputs; n = 0 changes nothing.
        y : array_like of shape (n,) or (n, 1)
            Labels.
        n_threads : int, optional
            Number of threads; default what OpenMP would take.

        Raises
        ------
        TypeError, ValueError
            As :func:`contract`; the accumulator is then unchanged.
        """
        require_same_rows(X=X, y=y)
        X, names = in_known_order(X, self.feature_names, "X")
        X = matrix(X, "X")
        y = labels_array(y, "y", X.dtype, objects=False)
        same_length(X, "X", 0, y, "y", 0, "rows")
        same_length(X, "X", 1, self.directions, "directions", 1, "features")
        batches = self._BATCHES
        if self._n_batches >= self._MANY_BATCHES:
            batches = min(batches, max(self._LATER_BATCHES, len(X) // self._BATCH_ROWS))
        if not len(X):
            return
        batches = min(batches, len(X))
        cuts = [b * len(X) // batches for b in range(batches + 1)]
        sums, squares = self._sums.copy(), self._squares.copy()
        G, targets, threads = matrix(self.directions, "directions", X.dtype), y[:, None], thread_count(n_threads)
        for order in self.orders:
            before, spread = (sums[order][None], squares[order][None]) if order in sums else (None, None)
            (sums[order],), (squares[order],) = _kernels.contract_batches(
                X, targets, G, order, cuts, before, spread, threads
            )
        for total in sums.values():
            finite_result(total, threads, X=X, y=y)
        rows, batches = self.n_rows + len(X), self._n_batches + len(cuts) - 1
        # In one go: Ctrl-C leaves no half.
        self.__dict__.update(_sums=sums, _squares=squares, n_rows=rows, _n_batches=batches, feature_names=names)

    def _plus(
        self, sums: dict[int, Float64Array], squares: dict[int, Float64Array], rows: int, batches: int
    ) -> dict[str, Any]:
        """Attributes after further rows of these sums."""
        return {
            "_sums": _added(self._sums, sums),
            "_squares": _added(self._squares, squares),
            "n_rows": self.n_rows + rows,
            "_n_batches": self._n_batches + batches,
        }

    def update_from(self, blocks: Any, *, progress: bool = False, n_threads: int | None = None) -> None:  # noqa: ANN401
        """Add the rows of blocks, in one pass and in memory that does not grow with them.

        Parameters
        ----------
        blocks : iterable of (X, y), or anything of :mod:`limbeck.blocks`
            Also blocks on a cluster, and blocks that are ``resumable``.
        progress : bool, default False
            Show a bar on stderr, by tqdm where it is installed, then with the time left if the number of rows is known.
        n_threads : int, optional
            Number of threads; default what OpenMP would take.

        Raises
        ------
        TypeError, ValueError
            As :meth:`update`, with the number of the block; the accumulator is then unchanged.
        """
        empty = MomentAccumulator(self.directions, self.orders)
        empty.feature_names = self.feature_names
        add_blocks(self, empty, blocks, progress, n_threads)

    def take_block(self, block: Block, number: int, n_threads: int | None) -> None:
        """Add a block to a sum; see :mod:`limbeck.blocks`."""
        if block.sample_weight is not None:
            raise ValueError("sample_weight is not for moments: give blocks (X, y)")
        self.update(block.X, block.y, n_threads=n_threads)

    def __add__(self, other: MomentAccumulator) -> MomentAccumulator:
        if not isinstance(other, MomentAccumulator):
            return NotImplemented
        if self.orders != other.orders or not np.array_equal(self.directions, other.directions):
            raise ValueError(
                f"accumulators of different contractions do not add up: orders {self.orders} and {other.orders}, "
                f"directions of shape {self.directions.shape} and {other.directions.shape}"
            )
        require_same_names(other.feature_names, self.feature_names, "X", "the other accumulator")
        total = MomentAccumulator(self.directions, self.orders)
        total.__dict__.update(self._plus(other._sums, other._squares, other.n_rows, other._n_batches))
        total.feature_names = self.feature_names or other.feature_names
        return total

    def _accumulated(self, order: int) -> int:
        """The order, if there are sums of it over at least one row."""
        if order not in self.orders:
            raise ValueError(f"order {order!r} was not accumulated; the orders are {self.orders}")
        if self.n_rows == 0:
            raise ValueError("no rows have been added yet")
        return order

    def matrices(self, order: int) -> NDArray[np.float64]:
        """Contractions of one order: (m, d, d), what :func:`contract` gives for all rows at once.

        Raises
        ------
        ValueError
            The order was not asked for, or no rows have been added.
        """
        return self._sums[self._accumulated(order)] / self.n_rows

    def standard_errors(self, order: int) -> NDArray[np.float64]:
        """Standard errors (standard deviations) of the entries of :meth:`matrices`: (m, d, d).

        Raises
        ------
        ValueError
            The order was not asked for, or no rows have been added.
        """
        mean = self.matrices(order)
        if self._n_batches < 2:
            return np.full_like(mean, np.nan)
        spread = self._squares[order] - self.n_rows * mean**2
        per_row = np.maximum(spread, 0.0) / (self._n_batches - 1)
        return np.sqrt(per_row / self.n_rows)


def _added(mine: dict[int, Float64Array], theirs: dict[int, Float64Array]) -> dict[int, Float64Array]:
    """Sums of the rows of both, of which either may have none."""
    return {order: mine[order] + theirs[order] for order in mine} if mine and theirs else mine or theirs
