"""Blocks of rows, sums over them, and the checks that every block goes through."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import DTypeLike

from limbeck._base.arrays import Array, float_array, integer, labels_array, row_weights, same_length
from limbeck._base.frames import label_names, named_array, require_same_rows

__all__ = [
    "Block",
    "Blocks",
    "Statistic",
    "SupportsSum",
    "add_block",
    "as_blocks",
    "digest_of_rows",
    "partial_sum",
    "rows_per_block",
    "sliceable",
    "some_rows",
    "validated_chunks",
]

_BLOCK_BYTES = 1 << 25  # 32 MB: a kernel's call costs nothing beside it, and a few blocks at a time fit anywhere
# Squares, up to 1e100, leave 200 of float64's decades to what they multiply and to the number of rows.
_LARGEST_WEIGHT = 1e50
_DIGEST_ROWS = 256  # rows that a fingerprint looks at: read in milliseconds also from a disk
A = TypeVar("A")
Report = Callable[[int, int | None], None]


class Block(NamedTuple):
    """Rows, labels, and weights of the rows or None."""

    X: Any
    y: Any
    sample_weight: Any = None


class SupportsSum:
    """Base class of sums that Python's ``sum``, which begins with 0, can add up by ``+``."""

    def __radd__(self: A, other: int) -> A:
        return self if isinstance(other, int) and other == 0 else NotImplemented


class Statistic(Protocol):
    """Sum over rows that a pass makes: empty at first, blocks are added to it, and sums add up by ``+``."""

    def take_block(self, block: Block, number: int, n_threads: int | None) -> None:
        """Add the rows of the block of this number; a failure may leave the object half changed."""

    def __add__(self: S, other: S) -> S: ...


S = TypeVar("S", bound=Statistic)


class Blocks:
    """Blocks that this process goes over, one after another.

    Attributes
    ----------
    n_rows : int or None
        Number of rows in all, where it is known beforehand.
    in_memory : bool
        Whether another pass costs little and is always possible.
    """

    n_rows: int | None = None
    in_memory: bool = False

    def __iter__(self) -> Iterator[Block]:
        return self.starting_at(0)

    def starting_at(self, number: int) -> Iterator[Block]:
        """Yield the blocks from a number on."""
        raise NotImplementedError

    def fingerprint(self) -> bytes | None:
        """Digest that differs for other rows or other block boundaries; None if computing it takes a pass."""
        return None

    def total(
        self,
        empty: S,
        *,
        n_threads: int | None = None,
        report: Report | None = None,
        begin: int = 0,
        after_block: Callable[[S, int], None] | None = None,
    ) -> S:
        """Sum over all blocks.

        Parameters
        ----------
        empty : picklable object with ``+``
            What to add the blocks to; it is not changed.
        n_threads : int, optional
            Number of threads for the kernels.
        report : callable, optional
            Called as ``report(rows, n_rows)`` at the beginning and after each block.
        begin : int, default 0
            The block to begin with; those before are in ``empty`` already.
        after_block : callable, optional
            Called as ``after_block(sum, number)`` after each block.
        """
        sums = copy.deepcopy(empty)
        done = int(getattr(sums, "n_rows", 0)) if begin else 0
        if report is not None:
            report(done, self.n_rows)
        for number, block in enumerate(_with_numbers(self.starting_at(begin), begin), begin):
            done += add_block(sums, block, number, n_threads)
            if report is not None:
                report(done, self.n_rows)
            if after_block is not None:
                after_block(sums, number)
        return sums


def _with_numbers(blocks: Iterator[Any], begin: int) -> Iterator[Any]:
    """Yield the blocks, with a note of the block's number on errors in making one."""
    number = begin
    try:
        for block in blocks:
            yield block
            number += 1
    except Exception as error:
        error.add_note(f"while block {number} was made")
        raise


def add_block(sums: Statistic, block: Any, number: int, n_threads: int | None) -> int:  # noqa: ANN401
    """Add a block to a sum, with errors that name the block; returns the number of its rows."""
    if not isinstance(block, tuple | list) or len(block) not in (2, 3):
        what = f"{type(block).__name__} of {len(block)}" if isinstance(block, tuple | list) else type(block).__name__
        raise TypeError(f"block {number} must be a tuple (X, y) or (X, y, sample_weight), got {what}")
    if any(hasattr(column, "__dask_graph__") for column in block):
        raise TypeError(f"block {number} holds a collection of dask: see limbeck.blocks.from_dask")
    try:
        slices = _as_slices(Block(*block), getattr(sums, "takes_tables", False))
        sums.take_block(slices, number, n_threads)
        return len(slices.X)
    except (TypeError, ValueError, OverflowError) as error:
        if type(error) in (TypeError, ValueError, OverflowError):
            error.args = (f"block {number}: {error}",)
        else:  # the arguments of other classes are more than a text
            error.add_note(f"in block {number}")
        raise


def _as_slices(block: Block, takes_tables: bool) -> Block:
    """Block whose rows and labels have shapes and slices: tables of other libraries than pandas become arrays.

    Rows that cannot are an error, unless the sum takes tables as they are.
    """
    X, y, w = block
    require_same_rows(X=X, y=y, sample_weight=w)
    try:
        X = sliceable(X, "X")
    except TypeError:
        if not takes_tables:
            raise
    return Block(X, sliceable(y, "y"), w)


def sliceable(values: Any, name: str) -> Any:  # noqa: ANN401
    """Arrays of real numbers, and tables with ``iloc``, as they are; anything else as an array that keeps its names.

    What is left as it is will be converted chunk by chunk, so that there is never a second copy of all of it.
    """
    if hasattr(values, "iloc") or isinstance(values, int | float | complex | np.number):
        return values  # a number is refused where rows are counted
    if isinstance(values, np.ndarray) and values.dtype.kind in "biuf" and not isinstance(values, np.ma.MaskedArray):
        return values
    names = label_names(values, name)
    return named_array(float_array(values, name, (1, 2), objects=True), names)


def partial_sum(
    empty: S,
    block: tuple[Any, ...] | Callable[[], tuple[Any, ...]],
    number: int,
    *,
    n_threads: int | None = None,
) -> S:
    """Sum over one block: the task of a cluster.

    Parameters
    ----------
    empty : picklable object with ``+``
        As passed to ``total``; it is not changed.
    block : tuple (X, y) or (X, y, sample_weight), or callable
        The block, or a function without arguments that loads it.
    number : int
        The place of the block among all, from 0: every block has its own, in every pass the same.
    n_threads : int, optional
        Number of threads; default what OpenMP would take.
    """
    sums = copy.deepcopy(empty)
    add_block(sums, block() if callable(block) else block, integer(number, "number", 0), n_threads)
    return sums


def validated_chunks(block: Block, dtype: DTypeLike | None = None) -> Iterator[tuple[Array, Array, Array | None]]:
    """Yield X, y and weights of a block as checked arrays, in chunks of at most 32 MB of float64.

    Raises
    ------
    TypeError, ValueError
        Not rows of real numbers, shapes that disagree, or weights that are negative, NaN or infinite.
    """
    X, y, w = block
    # Memory maps and frames are converted chunk by chunk, below.
    X = X if hasattr(X, "shape") else float_array(X, "X", 2, objects=True)
    if len(X.shape) != 2:
        raise ValueError(f"X must have 2 dimension(s), got shape {np.shape(X)}")
    rows = getattr(X, "iloc", X)
    labels = y if isinstance(y, np.ndarray) and y.ndim == 1 else labels_array(y, "y")
    shape = np.broadcast_to(np.float64(0), X.shape)  # stands for X where only its shape is asked for
    same_length(shape, "X", 0, labels, "y", 0, "rows")
    weights = None if w is None else _bounded(row_weights(w, shape))
    step = rows_per_block(shape.shape[1], 8)
    for begin in range(0, len(shape), step):
        chunk = slice(begin, min(len(shape), begin + step))
        yield (
            float_array(rows[chunk], "X", 2, dtype, objects=True),
            float_array(labels[chunk], "y", 1, np.float64, objects=True),
            None if weights is None else weights[chunk],
        )


def _bounded(weights: Array) -> Array:
    """Weights whose squares can be summed over any number of rows; others are refused."""
    wrong = weights[(weights > _LARGEST_WEIGHT) | ((weights > 0) & (weights < 1 / _LARGEST_WEIGHT))]
    if len(wrong):
        raise ValueError(
            f"sample_weight holds {wrong[0]:g}: in blocks weights are 0 or between {1 / _LARGEST_WEIGHT:g} and "
            f"{_LARGEST_WEIGHT:g}; scale them"
        )
    return weights


def rows_per_block(n_columns: int, item_bytes: int, wanted: int | None = None) -> int:
    """Number of rows that take 32 MB, or as many as are wanted."""
    return max(1, _BLOCK_BYTES // (max(1, n_columns) * item_bytes)) if wanted is None else integer(wanted, "rows", 1)


def some_rows(n: int) -> list[int]:
    """Numbers of up to 256 of n rows, from the first to the last, for a fingerprint."""
    return sorted(set(np.linspace(0, n - 1, min(n, _DIGEST_ROWS)).astype(int).tolist()))


def digest_of_rows(rows: Iterable[Any]) -> bytes:
    """SHA-256 of the numbers in arrays or frames; None and empty ones count for nothing."""
    import hashlib

    digest = hashlib.sha256()
    for values in rows:
        if values is not None and len(values):
            digest.update(float_array(values, "a block", (1, 2), np.float64, objects=True).tobytes())
    return digest.digest()


class _IterableBlocks(Blocks):
    """Blocks of any re-iterable."""

    def __init__(self, blocks: Iterable[Any]) -> None:
        self._blocks = blocks

    def starting_at(self, number: int) -> Iterator[Block]:
        return islice(iter(self._blocks), number, None)


def as_blocks(value: Any, what: str = "X", *, passes: int = 2) -> Any:  # noqa: ANN401
    """Wrap a re-iterable of tuples, or for one pass any iterable, so that it has a method ``total``, as blocks have.

    Raises
    ------
    TypeError
        The value is neither, or can be gone over only once.
    """
    if hasattr(value, "total"):
        return value
    if (
        isinstance(value, np.ndarray | str | bytes | dict)
        or type(value).__name__ == "LazyFrame"  # whose columns are found by a query
        or hasattr(value, "columns")
        or hasattr(value, "__dask_graph__")
    ):
        raise TypeError(f"{what} is a {type(value).__name__} without y: blocks are tuples (X, y)")
    if not isinstance(value, Iterable):
        raise TypeError(f"{what} must be an iterable of blocks (X, y), got {type(value).__name__}")
    if isinstance(value, Iterator) and passes > 1:
        raise TypeError(
            f"{what} is an iterator, which can be gone over only once: pass a list of blocks, or an object whose "
            "__iter__ begins anew each time"
        )
    return _IterableBlocks(value)
