"""Passes over blocks that can be interrupted and go on."""

from __future__ import annotations

import hashlib
import os
import pickle
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from limbeck import _kernels
from limbeck._blocks import Block, Blocks, Report, S, as_blocks
from limbeck._files import write_whole

__all__ = ["resumable"]

_FIRST_ROWS = 100


class _Resumable(Blocks):
    """Blocks whose sums are kept in a folder, each under the digest of what it began with."""

    def __init__(self, source: Any, folder: Path, every: float) -> None:  # noqa: ANN401
        self._source, self._folder, self._every = source, folder, every
        self.n_rows = getattr(source, "n_rows", None)
        self._data = _fingerprint(source)

    def starting_at(self, number: int) -> Iterator[Block]:
        return iter(self._source.starting_at(number))

    def total(self, empty: S, *, n_threads: int | None = None, report: Report | None = None, **_: Any) -> S:  # noqa: ANN401
        origin = hashlib.sha256(self._data + pickle.dumps(empty)).hexdigest()
        saved = _Saved(self._folder / f"{origin[:24]}.pickle", origin, self._every)
        done, sums = saved.load(empty)
        if done is not None:
            if isinstance(self._source, Blocks):
                options: dict[str, Any] = {"begin": done, "after_block": saved.after_block}
                sums = self._source.total(sums, n_threads=n_threads, report=report, **options)
            else:  # a cluster's pass is all or nothing
                sums = self._source.total(sums)
            saved.save(sums, None)
        return sums


def _fingerprint(source: Any) -> bytes:  # noqa: ANN401
    """Of the number of rows and the first of them, so that sums of other data are not taken for those of these."""
    if not isinstance(source, Blocks):
        return b""
    first = next(source.starting_at(0), None)
    some = [] if first is None else [np.asarray(part[:_FIRST_ROWS]).tobytes() for part in first if part is not None]
    return repr((source.n_rows, _kernels.version)).encode() + b"".join(some)


class _Saved:
    """The file of one pass: how many blocks are done (None: all), and their sum."""

    def __init__(self, path: Path, origin: str, every: float) -> None:
        self._path, self._origin, self._every = path, origin, every
        self._last = time.perf_counter()

    def load(self, empty: S) -> tuple[int | None, S]:
        if not self._path.exists():
            return 0, empty
        try:
            origin, done, sums = pickle.loads(self._path.read_bytes())
        except (
            pickle.UnpicklingError,
            EOFError,
            AttributeError,
            ImportError,
            IndexError,
            TypeError,
            ValueError,
        ) as error:
            raise ValueError(f"{self._path} is damaged ({error}): delete it to make this pass again") from error
        if origin != self._origin:
            raise ValueError(f"{self._path} is damaged: delete it to make this pass again")
        return done, sums

    def after_block(self, sums: Any, number: int) -> None:  # noqa: ANN401
        if time.perf_counter() - self._last >= self._every:
            self.save(sums, number + 1)

    def save(self, sums: Any, done: int | None) -> None:  # noqa: ANN401
        write_whole(self._path, pickle.dumps((self._origin, done, sums), protocol=5))
        self._last = time.perf_counter()


def resumable(blocks: Any, folder: str | os.PathLike[str], *, every: float = 60.0) -> Blocks:  # noqa: ANN401
    """Blocks whose passes go on where they were interrupted, by Ctrl-C, a crash or a power cut.

    Run the same program again with the same blocks and the same folder: what was summed up is read from there. The
    result is bitwise that of a run without interruption.

    Parameters
    ----------
    blocks : blocks
        Any blocks, in the same order each time. Of one machine's blocks a pass goes on from the last block that was
        saved; a cluster's pass is kept when it is complete.
    folder : path
        Where sums are kept, made if need be. They are found again for the same first rows, number of rows and
        options; for data that changed elsewhere take another folder. The files are pickles: use no folder that others
        may write to. They take as much as the sums, for ``learn`` mostly the rows that it searches on.
    every : float, default 60
        Seconds between two saves.

    Raises
    ------
    OSError
        The folder cannot be made.
    ValueError
        A file of the folder is damaged; raised by the pass.
    """
    source = as_blocks(blocks, "blocks")
    if not every >= 0:
        raise ValueError(f"every is a number of seconds, at least 0; got {every!r}")
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    return _Resumable(source, place, float(every))
