r"""Hermite moment tensors of data, contracted along directions without being formed.

With the probabilists' Hermite tensors :math:`He_l(x)` of a vector, the moment of order l is the symmetric tensor
:math:`M_l = \operatorname{mean}_i\, y_i He_l(x_i)`. If x ~ N(0, I) and :math:`y = \sum_i \lambda_i
\mathrm{relu}(\langle u_i, x\rangle)` with unit u_i, then for even l

.. math:: M_l \to \frac{He_{l-2}(0)}{\sqrt{2\pi}} \sum_i \lambda_i u_i^{\otimes l},

so contractions of M_l show the neurons' directions (Chen, Dou, Goel, Klivans and Meka, COLT 2023, arXiv 2304.10524).

Shapes: n rows, d features, q targets, m directions, J weight vectors. ``y`` may be (n,) or (n, q); with (n, q) the
result has a leading axis q. Computation and result are in float32 if X is float32, else in float64; y, directions and
weights are converted to the type of X. Results are bitwise the same for any number of threads.

Data frames are taken as arrays are. Where both X and the directions have names of columns, directions are put in the
order of X; pandas' row labels of X and y that are the same in another order are refused, and so are two columns of the
same name.
"""

from collections.abc import Iterable, Sequence
from math import log10
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck import _kernels
from limbeck._base.arrays import (
    Array,
    Float64Array,
    finite_result,
    float_array,
    integer,
    integers,
    labels_array,
    matrix,
    require_finite,
    same_length,
    thread_count,
)
from limbeck._base.frames import (
    column_names,
    in_known_order,
    require_rows_called,
    require_same_names,
    require_same_rows,
)
from limbeck.blocks._passes import add_blocks
from limbeck.blocks._protocol import Block, SupportsSum

__all__ = [
    "MomentAccumulator",
    "contract",
    "contract_apply",
    "contract_to_scalar",
    "contract_to_vector",
    "moment_tensor",
    "weighted_grams",
]

_LARGEST_TENSOR = 10**8
_MOST_DIMENSIONS = 30  # an ndarray has 32 in NumPy 1, and one goes to the targets


def weighted_grams(
    X: ArrayLike, W: ArrayLike, *, n_threads: int | None = None, check_finite: bool = True
) -> NDArray[Any]:
    """Gram matrices of X under several row weightings: ``X.T @ diag(W[:, j]) @ X`` for every j.

    Parameters
    ----------
    X : array_like of shape (n, d)
        Rows. n = 0 gives zeros.
    W : array_like of shape (n, J)
        One column of row weights for each matrix; any sign.
    n_threads : int, optional
        Number of threads; default what OpenMP would take.
    check_finite : bool, default True
        Raise on NaN or infinity in the input. The check looks at the result first, so it costs next to nothing.

    Returns
    -------
    ndarray of shape (J, d, d)
        The matrices, symmetric, not divided by n.

    Raises
    ------
    TypeError
        An argument does not hold real numbers.
    ValueError
        Shapes disagree, or an input holds NaN or infinity.

    Examples
    --------
    >>> import limbeck
    >>> limbeck.moments.weighted_grams([[1.0, 2.0], [3.0, 4.0]], [[1.0], [10.0]])
    array([[[ 91., 122.],
            [122., 164.]]])
    """
    require_same_rows(X=X, W=W)
    X = matrix(X, "X")
    W = matrix(W, "W", X.dtype)
    same_length(X, "X", 0, W, "W", 0, "rows")
    result = _kernels.weighted_grams(X, W, thread_count(n_threads))
    return finite_result(result, X=X, W=W) if check_finite else result


def _prepare(X: ArrayLike, y: ArrayLike, directions: ArrayLike) -> tuple[Array, Array, Array, bool]:
    """Arrays for a kernel: y as (n, q), directions as (m, d), and whether y came with a target axis."""
    require_same_rows(X=X, y=y)
    directions, _ = in_known_order(directions, column_names(X), "directions", "X")
    X = matrix(X, "X")
    y = float_array(y, "y", (1, 2), X.dtype)
    G = matrix(directions, "directions", X.dtype)
    same_length(X, "X", 0, y, "y", 0, "rows")
    same_length(X, "X", 1, G, "directions", 1, "features")
    if X.shape[0] == 0:
        raise ValueError(f"X has no rows, and a mean over no rows is undefined: shape {X.shape}")
    return X, np.ascontiguousarray(y.reshape(len(y), -1) if y.ndim == 1 else y), G, y.ndim == 2


def _finish(result: Array, has_targets: bool, check: bool, y: Array, **inputs: Array) -> Array:
    if check:
        finite_result(result, **inputs, y=y if has_targets else y[:, 0])
    return result if has_targets else result[0]


def contract(
    X: ArrayLike,
    y: ArrayLike,
    directions: ArrayLike,
    order: int,
    *,
    n_threads: int | None = None,
    check_finite: bool = True,
) -> NDArray[Any]:
    """Contract the moment tensor of an order to a matrix, along every direction.

    For each direction g: ``mean_i y_i He_order(x_i)[g, ..., g, ., .]`` with order - 2 copies of g. One weighted Gram
    and one weighted sum per direction and target; the tensor is never formed.

    Parameters
    ----------
    X : array_like of shape (n, d)
        Inputs, n >= 1.
    y : array_like of shape (n,) or (n, q)
        Labels.
    directions : array_like of shape (m, d)
        Directions g, used as given (not normalised).
    order : int
        Order of the moment, at least 2. With order 2 the directions only set the leading axis of the result.
    n_threads : int, optional
        Number of threads; default what OpenMP would take.
    check_finite : bool, default True
        Raise on NaN or infinity in the input.

    Returns
    -------
    ndarray of shape (m, d, d) or (q, m, d, d)

    Raises
    ------
    TypeError
        An argument does not hold real numbers, or order is not an integer.
    ValueError
        Shapes disagree, n = 0, order < 2, or an input holds NaN or infinity.
    """
    order = integer(order, "order", at_least=2)
    X, Y, G, has_targets = _prepare(X, y, directions)
    result = _kernels.contract(X, Y, G, order, thread_count(n_threads))
    return _finish(result, has_targets, check_finite, X=X, y=Y, directions=G)


def contract_to_vector(
    X: ArrayLike,
    y: ArrayLike,
    directions: ArrayLike,
    order: int,
    *,
    n_threads: int | None = None,
    check_finite: bool = True,
) -> NDArray[Any]:
    """Contract the moment tensor of an order to a vector: ``mean_i y_i He_order(x_i)[g, ..., g, .]``.

    Parameters are those of :func:`contract`, with order at least 1.

    Returns
    -------
    ndarray of shape (m, d) or (q, m, d)

    Raises
    ------
    TypeError, ValueError
        As :func:`contract`.
    """
    order = integer(order, "order", at_least=1)
    X, Y, G, has_targets = _prepare(X, y, directions)
    result = _kernels.contract_to_vector(X, Y, G, order, thread_count(n_threads))
    return _finish(result, has_targets, check_finite, X=X, y=Y, directions=G)


def contract_to_scalar(
    X: ArrayLike,
    y: ArrayLike,
    directions: ArrayLike,
    orders: Sequence[int],
    *,
    n_threads: int | None = None,
    check_finite: bool = True,
) -> NDArray[Any]:
    """Contract the moment tensors of several orders to scalars: ``mean_i y_i He_l(x_i)[g, ..., g]``.

    Parameters are those of :func:`contract`; ``orders`` is a sequence of integers, at least 0.

    Returns
    -------
    ndarray of shape (m, len(orders)) or (q, m, len(orders))

    Raises
    ------
    TypeError, ValueError
        As :func:`contract`.
    """
    wanted = integers(orders, "orders", 0)
    X, Y, G, has_targets = _prepare(X, y, directions)
    result = _kernels.contract_to_scalar(X, Y, G, wanted, thread_count(n_threads))
    if check_finite and not any(wanted):
        require_finite(X=X, directions=G)  # order 0 alone does not look at them
    return _finish(result, has_targets, check_finite, X=X, y=Y, directions=G)


def contract_apply(
    X: ArrayLike,
    y: ArrayLike,
    directions: ArrayLike,
    order: int,
    B: ArrayLike,
    *,
    n_threads: int | None = None,
    check_finite: bool = True,
) -> NDArray[Any]:
    """``contract(X, y, directions, order) @ B`` without forming a d x d matrix, in O(n d s) per direction.

    Parameters are those of :func:`contract`, and:

    B : array_like of shape (d, s)
        A thin block, for instance of a randomised range finder.

    Returns
    -------
    ndarray of shape (m, d, s) or (q, m, d, s)

    Raises
    ------
    TypeError, ValueError
        As :func:`contract`.
    """
    order = integer(order, "order", at_least=2)
    require_rows_called(B, column_names(X), "B")
    X, Y, G, has_targets = _prepare(X, y, directions)
    B = matrix(B, "B", X.dtype)
    same_length(X, "X", 1, B, "B", 0, "features")
    result = _kernels.contract_apply(X, Y, G, order, B, thread_count(n_threads))
    return _finish(result, has_targets, check_finite, X=X, y=Y, directions=G, B=B)


def moment_tensor(
    X: ArrayLike, y: ArrayLike, order: int, *, n_threads: int | None = None, check_finite: bool = True
) -> NDArray[Any]:
    """The dense moment tensor ``mean_i y_i He_order(x_i)``, for small d.

    Parameters
    ----------
    X : array_like of shape (n, d)
        Inputs, n >= 1.
    y : array_like of shape (n,) or (n, q)
        Labels.
    order : int
        Order of the tensor, at least 0.
    n_threads : int, optional
        Number of threads; default what OpenMP would take.
    check_finite : bool, default True
        Raise on NaN or infinity in the input.

    Returns
    -------
    ndarray of shape (d,) * order, or (q,) + (d,) * order

    Raises
    ------
    TypeError
        An argument does not hold real numbers.
    ValueError
        The tensor would have more than 1e8 entries, or as :func:`contract`.
    """
    order = integer(order, "order", at_least=0)
    require_same_rows(X=X, y=y)
    X = matrix(X, "X")
    X, Y, _, has_targets = _prepare(X, y, np.empty((0, X.shape[1])))
    digits = order * log10(max(1, X.shape[1])) + log10(max(1, Y.shape[1]))
    if digits > log10(_LARGEST_TENSOR):
        size = f"{10**digits:.3g}" if digits < 300 else f"1e{digits:.0f}"
        raise ValueError(
            f"the tensor of order {order} of {X.shape[1]} features has {size} entries, more than "
            f"{_LARGEST_TENSOR:.0e}; contract it along directions instead"
        )
    if order > _MOST_DIMENSIONS:
        raise ValueError(f"order must be at most {_MOST_DIMENSIONS}, got {order}")
    result = _kernels.moment_tensor(X, Y, order, thread_count(n_threads))
    if check_finite and order == 0:
        require_finite(X=X)
    return _finish(result, has_targets, check_finite, X=X, y=Y)


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
    Standard errors come from batch means: each update is cut into up to 64 batches of consecutive rows (8 when there
    are 256 already), and the spread of their sums gives the variance of an entry, whatever the distribution of the
    rows. With B batches in all they have a relative accuracy of about (2 (B - 1)) ** -0.5; with fewer than two batches
    they are NaN.

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

    # Each costs a contraction of its own: when there are many already, fewer will do.
    _BATCHES, _MANY_BATCHES, _LATER_BATCHES = 64, 256, 8

    def __init__(self, directions: ArrayLike, orders: Iterable[int]) -> None:
        self.feature_names = column_names(directions, "directions")
        self.directions = np.array(matrix(directions, "directions", np.float64))
        self.orders = tuple(sorted(set(integers(orders, "orders", 2))))
        require_finite(directions=self.directions)
        if not self.orders:
            raise ValueError("orders is empty: name at least one order")
        self.n_rows = 0
        self._n_batches = 0
        m, d = self.directions.shape
        # Sums over rows of each order's contraction, and sums over batches of (batch sum)^2 / (batch rows).
        self._sums = {order: np.zeros((m, d, d)) for order in self.orders}
        self._squares = {order: np.zeros((m, d, d)) for order in self.orders}

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
        batches = self._BATCHES if self._n_batches < self._MANY_BATCHES else self._LATER_BATCHES
        cuts = np.linspace(0, len(X), min(batches, len(X)) + 1).astype(int)
        sums, squares = {}, {}
        G, targets, threads = matrix(self.directions, "directions", X.dtype), y[:, None], thread_count(n_threads)
        for order, total in self._sums.items():
            if len(X):
                found = _kernels.contract_batches(X, targets, G, order, cuts.tolist(), threads)
                sums[order], squares[order] = found[0][0], found[1][0]
            else:
                sums[order], squares[order] = np.zeros_like(total), np.zeros_like(total)
        for total in sums.values():
            finite_result(total, X=X, y=y)
        changed = self._plus(sums, squares, len(X), len(cuts) - 1)
        # In one go: Ctrl-C leaves no half.
        self.__dict__.update(changed, feature_names=names if len(X) else self.feature_names)

    def _plus(
        self, sums: dict[int, Float64Array], squares: dict[int, Float64Array], rows: int, batches: int
    ) -> dict[str, Any]:
        return {
            "_sums": {order: self._sums[order] + sums[order] for order in self.orders},
            "_squares": {order: self._squares[order] + squares[order] for order in self.orders},
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
            Keep a line on stderr up to date, with the time left where the number of rows is known.
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

    def __add__(self, other: "MomentAccumulator") -> "MomentAccumulator":
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

    def _known(self, order: int) -> int:
        if order not in self._sums:
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
        return self._sums[self._known(order)] / self.n_rows

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
