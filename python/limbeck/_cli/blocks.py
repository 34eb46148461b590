"""Learning from Parquet and Feather files that are too large for the memory, block by block."""

from __future__ import annotations

import argparse
import os

from limbeck._cli.options import CommandError, progress_line_ended, refusals, say, search_options
from limbeck._cli.tables import ColumnChoice
from limbeck._tables.files import Table
from limbeck._tables.parquet import count_rows
from limbeck.learn import Learned, learn

__all__ = ["by_blocks", "learned_from_blocks"]

_COPIES = 5  # of the columns in float64: what is read, the features, and what the learner needs
_LARGEST_PART = 0.5  # of the memory that is free


def by_blocks(table: Table, choice: ColumnChoice, asked: bool | None) -> bool:
    """Whether rows are read block by block: as the user asks, else where they are too many for the memory.

    Raises
    ------
    CommandError
        The user asks for blocks of files that have none.
    """
    if not table.files:
        if asked:
            raise CommandError(
                f"{table.path}: --blocks goes with Parquet and Feather files: write the table as Parquet"
            )
        if table.is_text and _size(table) * _COPIES > _free_memory():
            size = f"{_size(table) / 1e9:.3g} GB of text"
            say(f"hint: {table.path.name}: {size} may not fit in the memory: Parquet files are learned block by block")
        return False
    if asked is not None:
        return asked
    rows = count_rows(table.files)
    return rows * len(choice.all) * 8 * _COPIES > _LARGEST_PART * _free_memory()


def _size(table: Table) -> int:
    """Bytes of a file, about as many as its numbers take in memory; 0 where it cannot be told."""
    try:
        return table.path.stat().st_size
    except OSError:
        return 0


def _free_memory() -> float:
    """Bytes of memory that are free; of systems that do not tell, 4 GB."""
    try:
        return float(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, OSError, ValueError):
        return 4e9


def learned_from_blocks(arguments: argparse.Namespace, table: Table, choice: ColumnChoice) -> tuple[int, Learned]:
    """Number of rows, and the result of the learner.

    Raises
    ------
    CommandError
        A column holds no numbers, or has gaps.
    """
    from limbeck.blocks import from_arrow

    names = [table.names[j] for j in choice.features]
    weight = None if choice.weight is None else table.names[choice.weight]
    with refusals(f"cannot learn from {table.path}"), progress_line_ended(arguments.progress):
        try:
            source = from_arrow(
                [str(file) for file in table.files], table.names[choice.target], names, sample_weight=weight
            )
            return int(source.n_rows or 0), learn(source, width=arguments.width, **search_options(arguments))
        except TypeError as error:
            raise CommandError(f"{table.path}, block by block: {error}") from None
