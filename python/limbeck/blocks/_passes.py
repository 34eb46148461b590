"""Passes over blocks of any kind, and their bar of progress."""

from __future__ import annotations

from typing import Any, TypeVar

from limbeck._base.progress import progress_bar
from limbeck.blocks._protocol import Blocks, Report, Statistic, as_blocks

__all__ = ["add_blocks", "sum_over"]

A = TypeVar("A", bound=Statistic)


def sum_over(blocks: Any, empty: A, n_threads: int | None, report: Report | None = None) -> A:  # noqa: ANN401
    """Sum over all blocks, in this process or wherever they are.

    Raises
    ------
    TypeError
        A cluster's ``total`` returned something else than a sum of this kind.
    """
    if isinstance(blocks, Blocks):
        return blocks.total(empty, n_threads=n_threads, report=report)
    sums: A = blocks.total(empty)
    if type(sums) is not type(empty):
        raise TypeError(f"total(empty) of {type(blocks).__name__} returned {sums!r}, not a {type(empty).__name__}")
    return sums


def add_blocks(sums: A, empty: A, blocks: Any, progress: bool, n_threads: int | None) -> None:  # noqa: ANN401
    """Add all blocks to ``sums``, which is unchanged if anything fails."""
    source = as_blocks(blocks, "blocks", passes=1)
    bar = progress_bar("blocks", "rows") if progress else None
    try:
        added = sum_over(source, empty, n_threads, None if bar is None else bar.advance_to)
    finally:
        if bar is not None:
            bar.close()
    sums.__dict__.update((added if not sums.n_rows else sums + added).__dict__)  # type: ignore[attr-defined]
