"""Blocks of rows and passes over them."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np

from limbeck._base.arrays import Array, float_array, integer, labels_array, row_weights, same_length
from limbeck._base.frames import label_names, named_array, require_same_rows

__all__ = [
    "Block",
    "Blocks",
    "Statistic",
    "SupportsSum",
    "as_blocks",
    "digest_of_rows",
    "partial_sum",
    "pieces",
    "rows_per_block",
    "sliceable",
]

_BLOCK_BYTES = 1 << 25
_LARGEST_WEIGHT = 1e50
A = TypeVar("A")
Report = Callable[[int, int | None], None]


class Block(NamedTuple):
    """Rows, labels, and weights of the rows or None."""

    X: Any
    y: Any
    sample_weight: Any = None


class SupportsSum:
    """Something with ``+`` that ``sum`` adds up, from its 0 on."""

    def __radd__(self: A, other: int) -> A:
        return self if isinstance(other, int) and other == 0 else NotImplemented


class Statistic(Protocol):
    """What a pass sums up: empty at first, it takes in blocks, and adds up with others."""

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
    """

    n_rows: int | None = None

    def __iter__(self) -> Iterator[Block]:
        return self.starting_at(0)

    def starting_at(self, number: int) -> Iterator[Block]:
        """The blocks from this number on."""
        raise NotImplementedError

    def fingerprint(self) -> bytes | None:
        """What differs for other rows or other blocks of them; None where nothing less than a pass would tell."""
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
        """The sum over all blocks.

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
            done += take(sums, block, number, n_threads)
            if report is not None:
                report(done, self.n_rows)
            if after_block is not None:
                after_block(sums, number)
        return sums


def _with_numbers(blocks: Iterator[Any], begin: int) -> Iterator[Any]:
    """The blocks; errors in making one say which it is."""
    number = begin
    try:
        for block in blocks:
            yield block
            number += 1
    except Exception as error:
        error.add_note(f"while block {number} was made")
        raise


def take(sums: Statistic, block: Any, number: int, n_threads: int | None) -> int:  # noqa: ANN401
    """Add a block to a sum, with errors that name the block; returns the number of its rows."""
    if not isinstance(block, tuple | list) or len(block) not in (2, 3):
        what = f"{type(block).__name__} of {len(block)}" if isinstance(block, tuple | list) else type(block).__name__
        raise TypeError(f"block {number} must be a tuple (X, y) or (X, y, sample_weight), got {what}")
    if any(hasattr(part, "__dask_graph__") for part in block):
        raise TypeError(f"block {number} holds a collection of dask: see limbeck.blocks.from_dask")
    try:
        slices = _as_slices(Block(*block))
        sums.take_block(slices, number, n_threads)
        return len(slices.X)
    except (TypeError, ValueError, OverflowError) as error:
        if type(error) in (TypeError, ValueError, OverflowError):
            raise type(error)(f"block {number}: {error}") from error
        error.add_note(f"in block {number}")  # others may be made of other things than a text
        raise


def _as_slices(block: Block) -> Block:
    """The block with rows and labels that have shapes and slices: tables of other libraries than pandas as arrays."""
    X, y, w = block
    require_same_rows(X=X, y=y, sample_weight=w)
    return Block(sliceable(X, "X"), sliceable(y, "y"), w)


def sliceable(part: Any, name: str) -> Any:  # noqa: ANN401
    """An array, or what has ``iloc``, as it is, to be converted piece by piece; others as arrays that keep names."""
    if hasattr(part, "iloc") or isinstance(part, int | float | complex | np.number):
        return part  # a number is refused where rows are counted
    if isinstance(part, np.ndarray) and part.dtype.kind in "biuf" and not isinstance(part, np.ma.MaskedArray):
        return part
    names = label_names(part, name)
    return named_array(float_array(part, name, (1, 2), objects=True), names)


def partial_sum(
    empty: S,
    block: tuple[Any, ...] | Callable[[], tuple[Any, ...]],
    number: int,
    *,
    n_threads: int | None = None,
) -> S:
    """What an empty sum becomes by one block: the task of a cluster.

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
    take(sums, block() if callable(block) else block, integer(number, "number", 0), n_threads)
    return sums


def pieces(block: Block, dtype: Any = None) -> Iterator[tuple[Array, Array, Array | None]]:  # noqa: ANN401
    """X, y and weights of a block as checked arrays, cut where they would take much memory.

    Raises
    ------
    TypeError, ValueError
        Not rows of real numbers, shapes that disagree, or weights that are negative, NaN or infinite.
    """
    X, y, w = block
    # What a memory map or a frame holds is converted piece by piece.
    X = X if hasattr(X, "shape") else float_array(X, "X", 2, objects=True)
    if len(X.shape) != 2:
        raise ValueError(f"X must have 2 dimension(s), got shape {np.shape(X)}")
    sliced = getattr(X, "iloc", X)
    labels = y if isinstance(y, np.ndarray) and y.ndim == 1 else labels_array(y, "y")
    whole = np.broadcast_to(np.float64(0), X.shape)
    same_length(whole, "X", 0, labels, "y", 0, "rows")
    weights = None if w is None else _bounded(row_weights(w, whole))
    step = rows_per_block(whole.shape[1], 8)
    for begin in range(0, len(whole), step):
        part = slice(begin, min(len(whole), begin + step))
        yield (
            float_array(sliced[part], "X", 2, dtype, objects=True),
            float_array(labels[part], "y", 1, np.float64, objects=True),
            None if weights is None else weights[part],
        )


def _bounded(weights: Array) -> Array:
    """Weights whose squares can be summed over any number of rows."""
    wrong = weights[(weights > _LARGEST_WEIGHT) | ((weights > 0) & (weights < 1 / _LARGEST_WEIGHT))]
    if len(wrong):
        raise ValueError(
            f"sample_weight holds {wrong[0]:g}: in blocks weights are 0 or between {1 / _LARGEST_WEIGHT:g} and "
            f"{_LARGEST_WEIGHT:g}; scale them"
        )
    return weights


def rows_per_block(d: int, item: int, most: int | None = None) -> int:
    """Rows of 32 MB, or as many as asked for."""
    return max(1, _BLOCK_BYTES // (max(1, d) * item)) if most is None else integer(most, "rows", 1)


def digest_of_rows(parts: Iterable[Any]) -> bytes:
    """A digest of some rows; of frames, their numbers."""
    digest = hashlib.sha256()
    for part in parts:
        if part is not None and len(part):
            digest.update(float_array(part, "a block", (1, 2), np.float64, objects=True).tobytes())
    return digest.digest()


class _IterableBlocks(Blocks):
    """A re-iterable of blocks."""

    def __init__(self, blocks: Iterable[Any]) -> None:
        self._blocks = blocks

    def starting_at(self, number: int) -> Iterator[Block]:
        return islice(iter(self._blocks), number, None)


def as_blocks(value: Any, what: str = "X", *, passes: int = 2) -> Any:  # noqa: ANN401
    """Something with a method ``total``: blocks as they are, or a re-iterable of them; any iterable for one pass.

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
