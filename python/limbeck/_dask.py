"""Dask arrays and data frames as blocks: every partition is summed where it is, and the sums are added in a tree."""

from __future__ import annotations

from typing import Any

import numpy as np

from limbeck._arrays import same_length
from limbeck._blocks import S, partial_sum

__all__ = ["DaskBlocks"]

_BRANCHES = 4  # sums added at a time


class DaskBlocks:
    """The partitions of a dask array or data frame, with those of its labels.

    What is computed depends on the partitions alone, so that a worker that is lost costs time only: its partial sums
    are computed again elsewhere.

    Parameters
    ----------
    X : dask array of shape (n, d), or dask data frame
        Rows; an array is made one chunk wide.
    y : dask array of shape (n,) or (n, q), or series
        Labels, in the same partitions or, for arrays of known chunks, any.
    sample_weight : the same of shape (n,), optional
        Weights of the rows.

    Raises
    ------
    ImportError
        dask is not installed.
    TypeError, ValueError
        Only one of them is of dask, or partitions do not go together.
    """

    def __init__(self, X: Any, y: Any, sample_weight: Any = None) -> None:  # noqa: ANN401
        try:
            import dask
        except ImportError:
            raise ImportError("dask collections need dask: pip install 'limbeck[dask]'") from None
        self._dask = dask
        parts = {"X": X, "y": y} | ({} if sample_weight is None else {"sample_weight": sample_weight})
        for name, part in parts.items():
            if not hasattr(part, "__dask_graph__"):
                raise TypeError(
                    f"{name} is a {type(part).__name__}, the others are of dask: pass all as dask's, or none"
                )
            if not hasattr(part, "to_delayed") or getattr(part, "ndim", 0) != (2 if name == "X" else part.ndim):
                raise TypeError(f"{name} must be a dask array or data frame, got {type(part).__name__}")
        if hasattr(X, "rechunk"):
            X, others = _aligned(X, [part for name, part in parts.items() if name != "X"])
            parts = dict(zip(parts, [X, *others], strict=True))
        delayed = {name: _partitions(part) for name, part in parts.items()}
        for name, several in delayed.items():
            if len(several) != len(delayed["X"]):
                raise ValueError(f"X has {len(delayed['X'])} partitions and {name} {len(several)}: make them the same")
        self._blocks = list(zip(*delayed.values(), strict=True))

    def total(self, empty: S) -> S:
        """The sum over all partitions, by the scheduler in use: a client's cluster if there is one."""
        delayed = self._dask.delayed
        shared = delayed(empty)
        add = delayed(_added, pure=False)
        sums = [delayed(_part, pure=False)(shared, number, *block) for number, block in enumerate(self._blocks)]
        while len(sums) > 1:
            sums = [add(sums[i : i + _BRANCHES]) for i in range(0, len(sums), _BRANCHES)]
        return self._dask.compute(sums[0])[0]  # type: ignore[no-any-return]


def _aligned(X: Any, others: list[Any]) -> tuple[Any, list[Any]]:  # noqa: ANN401
    """X one chunk wide, and the others in chunks of the same rows, where these are known."""
    X = X.rechunk({1: -1})
    known = not any(np.isnan(part.chunks[0]).any() for part in (X, *others) if hasattr(part, "chunks"))
    aligned = []
    for part in others:
        if known and hasattr(part, "rechunk"):
            same_length(X, "X", 0, part, "y", 0, "rows")
            part = part.rechunk({0: X.chunks[0]} | ({1: -1} if part.ndim == 2 else {}))
        aligned.append(part)
    return X, aligned


def _partitions(part: Any) -> list[Any]:  # noqa: ANN401
    delayed = part.to_delayed()
    return list(delayed.ravel()) if isinstance(delayed, np.ndarray) else list(delayed)


def _part(empty: S, number: int, *block: Any) -> S:  # noqa: ANN401
    return partial_sum(empty, tuple(block), number)


def _added(sums: list[S]) -> S:
    total = sums[0]
    for one in sums[1:]:
        total = total + one
    return total
