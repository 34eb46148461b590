"""Sources of rows: arrays and tables in memory, blocks, collections of dask; large arrays are taken in blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from limbeck._base.arrays import row_weights, thread_count
from limbeck._base.frames import require_same_rows
from limbeck._base.progress import Progress
from limbeck._learner.pipeline.checks import GivenNames
from limbeck._learner.pipeline.from_arrays import learn_rows
from limbeck._learner.pipeline.from_blocks import learn_blocks
from limbeck._learner.pipeline.options import LearnOptions
from limbeck._learner.pipeline.result import Learned
from limbeck._learner.pipeline.several_labels import learn_several_labels, number_of_labels
from limbeck._learner.pipeline.tables import given_table
from limbeck.blocks._arrays import from_arrays
from limbeck.blocks._protocol import Blocks, as_blocks, sliceable

__all__ = ["learn_from"]


def learn_from(
    X: Any,  # noqa: ANN401
    y: Any,  # noqa: ANN401
    sample_weight: ArrayLike | None,
    names: GivenNames,
    options: LearnOptions,
    progress: Progress,
) -> Learned:
    """Learn from data of any kind: all between :func:`limbeck.learn` and its result begins here.

    Parameters
    ----------
    X, y, sample_weight
        See :func:`limbeck.learn`.
    names : GivenNames
        Names of features and label.
    options : LearnOptions
        What is asked for.
    progress : Progress
        Reported to; it ends with the result.

    Raises
    ------
    TypeError, ValueError
        See :func:`limbeck.learn`.
    """
    require_same_rows(X=X, y=y, sample_weight=sample_weight)
    blocks = _given_blocks(X, y, sample_weight)
    if blocks is None:
        blocks = _blocks_of_dask(X, y, sample_weight, options.n_threads)
    if blocks is not None:
        return learn_blocks(blocks, options, progress, names)
    if number_of_labels(y) > 1:
        return learn_several_labels(X, y, sample_weight, names, options, progress)
    given = given_table(X, y, sample_weight, names, options)
    if given.table is not None:
        too_many = len(given.table) > options.sample_size(given.n_features)
        if too_many and options.refine and options.bag is None:
            return learn_blocks(given.blocks(), options, progress, given.names, given.encoding, given.columns)
        return learn_rows(given.checked(options.n_threads), options, progress)
    blocks = _blocks_of_large_arrays(given.X, given.y, given.sample_weight, options)
    if blocks is not None:
        return learn_blocks(blocks, options, progress, given.names, given.encoding)
    return learn_rows(given.checked(options.n_threads), options, progress)


# ---- Blocks, as objects with a method ``total``; each function returns None for what is none of its own ----


def _given_blocks(X: Any, y: Any, sample_weight: Any) -> Any:  # noqa: ANN401
    """The blocks that X is, where no labels are given beside it; None for labels beside it.

    Raises
    ------
    TypeError
        X is neither rows with labels nor blocks without, or y is no labels at all.
    """
    if y is None:
        if sample_weight is not None:
            raise TypeError("sample_weight comes in the blocks, as (X, y, sample_weight)")
        return as_blocks(X)
    if isinstance(y, int | np.integer):
        raise TypeError(f"y is the number {y}: labels, or None for blocks; a width is passed as width={y}")
    if isinstance(y, str):
        raise TypeError(
            f"y is the name {y!r}, not labels: pass the column, or blocks (limbeck.blocks.from_arrow reads files)"
        )
    if isinstance(X, Blocks) or hasattr(X, "total"):
        raise TypeError("y must be None where X is blocks: they carry their labels")
    return None


def _blocks_of_dask(X: Any, y: Any, sample_weight: Any, n_threads: int | None) -> Any:  # noqa: ANN401
    """Blocks on a cluster, where X or y is a collection of dask."""
    if not (hasattr(X, "__dask_graph__") or hasattr(y, "__dask_graph__")):
        return None
    from limbeck.blocks._dask import DaskBlocks

    return DaskBlocks(X, y, sample_weight, n_threads=n_threads)


def _blocks_of_large_arrays(
    X: Any,  # noqa: ANN401
    y: Any,  # noqa: ANN401
    sample_weight: ArrayLike | None,
    options: LearnOptions,
) -> Any:  # noqa: ANN401
    """Blocks of rows in memory, where there are more of them than a search is made on."""
    if len(getattr(X, "shape", ())) != 2:
        X = sliceable(X, "X")
    n, d = X.shape if len(getattr(X, "shape", ())) == 2 else (0, 0)
    if not options.refine or options.bag is not None or n <= options.sample_size(d):
        return None
    if sample_weight is not None:
        weights = row_weights(sample_weight, np.broadcast_to(np.float64(0), (n, d)), thread_count(options.n_threads))
        sample_weight = weights / (weights.max() or 1.0)  # only their ratios matter
    return from_arrays(X, y, sample_weight)
