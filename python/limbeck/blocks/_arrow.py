"""Blocks of Parquet and Arrow data."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._base.frames import named_array
from limbeck.blocks._protocol import Block, Blocks, digest_of_rows, rows_per_block

__all__ = ["from_arrow"]

_SHOWN = 20  # column names in an error: enough to see a slip of the keyboard, and not thousands of lines


class _ArrowBlocks(Blocks):
    """Blocks that are record batches of a data set, with some of its columns."""

    def __init__(self, data: Any, target: str, features: Sequence[str], weight: str | None, rows: int) -> None:  # noqa: ANN401
        self._data, self._rows = data, rows
        self._features, self._target, self._weight = tuple(features), target, weight
        self.n_rows = int(data.count_rows())

    def _batches(self, wanted: list[str]) -> Iterator[Any]:
        """Yield record batches in their order, few of them in memory at a time."""
        import pyarrow.dataset

        # Few batches ahead: each of the default 16 may be as large as a block.
        options: dict[str, Any] = {"columns": wanted, "batch_size": self._rows, "batch_readahead": 1}
        if getattr(getattr(self._data, "format", None), "default_extname", "") != "parquet":
            yield from self._data.to_batches(fragment_readahead=1, **options)
            return
        # Row groups are read one after another, each when it is needed: otherwise much of a file stays in memory.
        options["fragment_scan_options"] = pyarrow.dataset.ParquetFragmentScanOptions(pre_buffer=False)
        try:
            fragments = list(self._data.get_fragments())
        except ValueError:  # a filtered data set has none
            yield from self._data.to_batches(fragment_readahead=1, **options)
            return
        for fragment in fragments:
            if lacking := sorted(set(wanted) - set(fragment.physical_schema.names) - set(_partition_keys(fragment))):
                raise ValueError(f"{getattr(fragment, 'path', 'a file')} has no column {', '.join(map(repr, lacking))}")
            for group in fragment.split_by_row_group():
                yield from group.to_batches(schema=self._data.schema, **options)

    def fingerprint(self) -> bytes:
        columns = (self._features, self._target, self._weight)
        files = [(path, os.stat(path)) for path in getattr(self._data, "files", []) if os.path.exists(path)]
        stamps = [(path, stat.st_size, stat.st_mtime_ns) for path, stat in files]
        # What has no files is told apart by its first row, the one in the middle and the last.
        tables = [] if stamps or not self.n_rows else [self._data.take([0, self.n_rows // 2, self.n_rows - 1])]
        batches = [batch for table in tables for batch in table.to_batches()]
        numbers = [_numbers(batch, name) for batch in batches for name in self._features]
        numbers += [_numbers(batch, self._target) for batch in batches]
        return repr((columns, self._rows, self.n_rows, stamps)).encode() + digest_of_rows(numbers)

    def starting_at(self, number: int) -> Iterator[Block]:
        wanted = [*self._features, self._target, *([self._weight] if self._weight else [])]
        for batch in islice((b for b in self._batches(wanted) if b.num_rows), number, None):
            weight = None if self._weight is None else _numbers(batch, self._weight)
            yield Block(self._rows_of(batch), named_array(_numbers(batch, self._target), [self._target]), weight)

    def _rows_of(self, batch: Any) -> Any:  # noqa: ANN401
        """Features of a batch: an array, or a table where words or gaps are among them."""
        columns = [batch.column(batch.schema.get_field_index(name)) for name in self._features]
        if all(_is_numeric(column.type) and not column.null_count for column in columns):
            X = np.empty((batch.num_rows, len(columns)))
            for j, name in enumerate(self._features):
                X[:, j] = _numbers(batch, name)
            return named_array(X, self._features)
        import pyarrow

        return pyarrow.Table.from_arrays(columns, names=list(self._features))


def _is_numeric(kind: Any) -> bool:  # noqa: ANN401
    """Whether a type of Arrow is one of real numbers, or of true and false."""
    import pyarrow

    kinds = pyarrow.types
    return any(test(kind) for test in (kinds.is_integer, kinds.is_floating, kinds.is_boolean, kinds.is_decimal))


def _partition_keys(fragment: Any) -> list[str]:  # noqa: ANN401
    """Hive partition columns of a file: their values stand in the names of its folders."""
    import pyarrow.dataset

    return list(pyarrow.dataset.get_partition_keys(fragment.partition_expression))


def _numbers(batch: Any, name: str) -> Float64Array:  # noqa: ANN401
    """Convert a column of a record batch to float64."""
    column = batch.column(batch.schema.get_field_index(name))
    if not _is_numeric(column.type):
        kind = f"text ({column.type})" if "string" in str(column.type) else column.type
        raise TypeError(f"column {name!r} holds {kind}: encode it as numbers, or leave it out of features")
    if column.null_count:
        row = next(i for i, value in enumerate(column) if not value.is_valid)
        raise ValueError(f"column {name!r} has a missing value in row {row} of a batch: drop or fill such rows first")
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)


def from_arrow(
    source: Any,  # noqa: ANN401
    target: str,
    features: Sequence[str] | None = None,
    *,
    sample_weight: str | None = None,
    rows: int | None = None,
) -> Blocks:
    """Blocks of Parquet or Arrow data; needs pyarrow (``pip install 'limbeck[parquet]'``).

    Parameters
    ----------
    source : path, list of paths, or pyarrow Table, RecordBatch, list of RecordBatch, or Dataset
        Parquet files or folders of them, files of the Arrow IPC format (.arrow, .feather), or what pyarrow has open.
    target : str
        The column of labels.
    features : sequence of str, optional
        The columns of X; default all others. They name the features of the result.
    sample_weight : str, optional
        The column of weights.
    rows : int, optional
        Rows in a block at most; default 32 MB of X. Row groups of a Parquet file are not joined, and one or two of them
        are in memory at a time.

    Raises
    ------
    ImportError
        pyarrow is not installed.
    OSError
        A file cannot be read.
    TypeError, ValueError
        There is no such column or no feature, the source is no such thing, or, once they are read, labels or weights
        hold text or missing values. (Features may: :func:`limbeck.learn` takes them, accumulators do not.)
    """
    data = _data_set(source)
    features = _checked_columns(data, target, features, sample_weight)
    return _ArrowBlocks(data, target, features, sample_weight, rows_per_block(len(features), 8, rows))


def _checked_columns(
    data: Any,  # noqa: ANN401
    target: str,
    features: Sequence[str] | None,
    sample_weight: str | None,
) -> Sequence[str]:
    """Names of the features, once it is sure that every column is there and has one task."""
    names = list(data.schema.names)
    if features is None:
        _require_same_columns(data)
        features = [
            name for name in names if name not in (target, sample_weight) and not name.startswith("__index_level_")
        ]
    if isinstance(features, str):
        raise TypeError(f"features must be a sequence of column names, got {features!r}")
    for what, wanted in (("target", [target]), ("features", features), ("sample_weight", [sample_weight or target])):
        for name in wanted:
            if names.count(name) != 1:
                shown = ", ".join(map(repr, names[:_SHOWN])) + (", ..." if len(names) > _SHOWN else "")
                raise ValueError(f"{what}: there is no one column {name!r}; the columns are {shown}")
    if not features:
        raise ValueError(f"there are no features: the columns are {', '.join(map(repr, names))}")
    chosen = [*features, target, *([] if sample_weight is None else [sample_weight])]
    if twice := sorted({name for name in chosen if chosen.count(name) > 1}):
        raise ValueError(
            f"{', '.join(map(repr, twice))} is named twice as feature, target or weight: a column can be one of them"
        )
    return features


def _require_same_columns(data: Any) -> None:  # noqa: ANN401
    """Raise ValueError if a later file has columns that the first one lacks: nobody has said which are meant."""
    if len(getattr(data, "files", [])) > 1:
        for fragment in data.get_fragments():
            if more := sorted(set(fragment.physical_schema.names) - set(data.schema.names)):
                raise ValueError(
                    f"{fragment.path} has columns that others lack: {', '.join(map(repr, more))}; name features"
                )


def _data_set(source: Any) -> Any:  # noqa: ANN401
    """Dataset of pyarrow for anything that blocks can be made of."""
    try:
        import pyarrow
        import pyarrow.dataset
    except ImportError:
        raise ImportError("reading Parquet and Arrow needs pyarrow: pip install 'limbeck[parquet]'") from None
    if isinstance(source, pyarrow.dataset.Dataset):
        return source
    if isinstance(source, pyarrow.RecordBatchReader):
        raise TypeError("source is a RecordBatchReader, which can be gone over only once: pass the file or a Dataset")
    sources = list(source) if isinstance(source, list | tuple) else [source]
    if sources and all(isinstance(item, pyarrow.Table | pyarrow.RecordBatch) for item in sources):
        return pyarrow.dataset.dataset(source)
    if not sources or not all(isinstance(item, str | os.PathLike) for item in sources):
        raise TypeError(
            f"source must be paths, or a Table, RecordBatches or a Dataset of pyarrow; got {type(source).__name__}"
        )
    paths = [os.fspath(item) for item in sources]
    kind = "ipc" if paths[0].endswith((".arrow", ".feather", ".ipc")) else "parquet"
    try:
        return pyarrow.dataset.dataset(paths if len(paths) > 1 else paths[0], format=kind)
    except (pyarrow.ArrowInvalid, NotImplementedError) as error:
        raise ValueError(f"source: {paths[0]} is not a file of format {kind}: {error}") from None
