"""Dask arrays and data frames as blocks: every partition is summed where it is, and the sums are added in a tree."""

from __future__ import annotations

from typing import Any

import numpy as np

from limbeck._base.arrays import same_length
from limbeck.blocks._protocol import S, partial_sum

__all__ = ["DaskBlocks", "from_dask"]

_ADDED_AT_ONCE = 4  # sums of a task: few enough to be in memory together, and the tree is half as deep as with two


class DaskBlocks:
    """Partitions of a dask array or data frame, with those of its labels.

    What is computed depends on the partitions alone, so that a worker that is lost costs time only: its partial sums
    are computed again elsewhere.

    Parameters
    ----------
    X : dask array of shape (n, d), or dask data frame
        Rows; an array is made one chunk wide.
    y : dask array of shape (n,) or (n, q), or series
        Labels, in the same partitions or, for arrays of known chunks, any.
    sample_weight : dask array of shape (n,), or series, optional
        Weights of the rows.
    names : (str, str)
        What errors call the first two.
    n_threads : int, optional
        Number of threads of a task.

    Raises
    ------
    ImportError
        dask is not installed.
    TypeError, ValueError
        Only one of them is of dask, or partitions do not go together.
    """

    def __init__(
        self,
        X: Any,  # noqa: ANN401
        y: Any,  # noqa: ANN401
        sample_weight: Any = None,  # noqa: ANN401
        *,
        names: tuple[str, str] = ("X", "y"),
        n_threads: int | None = None,
    ) -> None:
        try:
            import dask
        except ImportError:
            raise ImportError("dask collections need dask: pip install 'limbeck[dask]'") from None
        self._dask = dask
        parts = dict(zip((*names, "sample_weight"), (X, y, sample_weight), strict=True))
        parts = {name: part for name, part in parts.items() if part is not None}
        for name, part in parts.items():
            if not hasattr(part, "to_delayed") or not hasattr(part, "ndim"):
                what = f"{name} is a {type(part).__name__}"
                raise TypeError(f"{what}, the others are arrays or data frames of dask: pass all as such, or none")
        if X.ndim != 2:
            raise ValueError(f"{names[0]} must have 2 dimension(s), got shape {X.shape}")
        chunks = getattr(X, "chunks", ((np.nan,),))[0]
        self.block_rows = None if np.isnan(chunks).any() else [int(rows) for rows in chunks]
        frames = [not hasattr(part, "rechunk") for part in parts.values()]
        if all(frames):
            self._blocks = _blocks_of_frames(list(parts.values()))
        else:
            self._blocks = _blocks_of_several(_aligned(parts))
        self._n_threads = n_threads

    def total(self, empty: S) -> S:
        """Sum over all partitions, by the scheduler in use: a client's cluster if there is one."""
        delayed = self._dask.delayed
        shared = delayed(empty)
        add = delayed(_sum_of, pure=False)
        sums = [
            delayed(_sum_of_partition, pure=False)(shared, self._n_threads, number, block)
            for number, block in enumerate(self._blocks)
        ]
        while len(sums) > 1:
            sums = [add(sums[i : i + _ADDED_AT_ONCE]) for i in range(0, len(sums), _ADDED_AT_ONCE)]
        return self._dask.compute(sums[0])[0]  # type: ignore[no-any-return]


def _aligned(parts: dict[str, Any]) -> dict[str, Any]:
    """Arrays in chunks of the same rows as the first one, where these are known, and one chunk wide."""
    arrays = {name: part for name, part in parts.items() if hasattr(part, "rechunk")}
    first = next(iter(parts))
    known = len(arrays) == len(parts) and not any(np.isnan(part.chunks[0]).any() for part in arrays.values())
    aligned = dict(parts)
    for name, part in arrays.items():
        if known:
            same_length(parts[first], first, 0, part, name, 0, "rows")
        rows = {0: parts[first].chunks[0]} if known else {}
        aligned[name] = part.rechunk(rows | ({1: -1} if part.ndim == 2 else {}))
    return aligned


def _blocks_of_several(parts: dict[str, Any]) -> list[Any]:
    """Tuples of partitions of arrays, or of arrays and frames."""
    # Not optimised each on its own, so that what they have in common is loaded once.
    delayed = {name: np.ravel(part.to_delayed(optimize_graph=False)).tolist() for name, part in parts.items()}
    first = next(iter(parts))
    for name, several in delayed.items():
        if len(several) != len(delayed[first]):
            raise ValueError(
                f"{first} has {len(delayed[first])} partitions and {name} {len(several)}: make them the same"
            )
    return list(zip(*delayed.values(), strict=True))


def _blocks_of_frames(parts: list[Any]) -> list[Any]:
    """Tuples of partitions of frames, made by one graph, so that what they have in common is loaded once."""
    first, *others = parts
    for other in others:
        if other.npartitions != first.npartitions:
            raise ValueError(
                f"X has {first.npartitions} partitions and {other.npartitions} are to go with them: make them the same"
            )
    together = first.map_partitions(
        _as_tuple, *others, meta=(None, object), align_dataframes=False, enforce_metadata=False
    )
    return list(together.to_delayed())


def _as_tuple(*parts: Any) -> tuple[Any, ...]:  # noqa: ANN401
    return parts


def _sum_of_partition(empty: S, n_threads: int | None, number: int, block: Any) -> S:  # noqa: ANN401
    return partial_sum(empty, tuple(block), number, n_threads=n_threads)


def _sum_of(sums: list[S]) -> S:
    total = sums[0]
    for other in sums[1:]:
        total = total + other
    return total


def from_dask(X: Any, y: Any, sample_weight: Any = None, *, n_threads: int | None = None) -> DaskBlocks:  # noqa: ANN401
    """Partitions of dask collections as blocks; needs dask (``pip install 'limbeck[dask]'``).

    ``learn`` and ``ridgeless.solve`` take dask collections as they are; this is for accumulators and ``resumable``.

    Parameters
    ----------
    X : dask array of shape (n, d), or dask data frame
        Rows.
    y : dask array of shape (n,) or (n, q), or series
        Labels.
    sample_weight : dask array of shape (n,), or series, optional
        Weights of the rows.
    n_threads : int, optional
        Number of threads of each task; default what OpenMP would take.

    Raises
    ------
    ImportError
        dask is not installed.
    TypeError, ValueError
        Something is not of dask, or partitions do not go together.
    """
    return DaskBlocks(X, y, sample_weight, n_threads=n_threads)
