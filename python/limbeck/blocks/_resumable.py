"""Passes over blocks that can be interrupted and continued."""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from limbeck import _kernels
from limbeck._base.files import write_whole
from limbeck.blocks._passes import sum_over
from limbeck.blocks._protocol import Block, Blocks, Report, S, SupportsSum, as_blocks, digest_of_rows

__all__ = ["resumable"]


class _Sums:
    """Sums that are kept in a folder, each under the digest of the blocks and of its empty sum."""

    def __init__(self, source: Any, folder: Path, every: float) -> None:  # noqa: ANN401
        self._folder, self._every = folder, every
        fingerprint = source.fingerprint() if isinstance(source, Blocks) else None
        self._data = sum_over(source, _BlockDigests(), None).digest() if fingerprint is None else fingerprint

    def of(self, empty: Any) -> _Saved:  # noqa: ANN401
        """File of the sum that begins with ``empty``."""
        import hashlib

        origin = hashlib.sha256(self._data + _kernels.version.encode() + pickle.dumps(empty)).hexdigest()
        return _Saved(self._folder / f"{origin[:24]}.pickle", origin, self._every)


class _BlockDigests(SupportsSum):
    """Number of rows of every block, and a digest of its first and its last one."""

    def __init__(self) -> None:
        self.digests: dict[int, tuple[int, bytes]] = {}

    def take_block(self, block: Block, number: int, n_threads: int | None) -> None:
        """Record a block."""
        n = len(block.X)
        columns = [getattr(column, "iloc", column) for column in block if column is not None]
        ends = (slice(0, 1), slice(n - 1, n))
        self.digests[number] = n, digest_of_rows([column[rows] for column in columns for rows in ends])

    def __add__(self, other: _BlockDigests) -> _BlockDigests:
        total = _BlockDigests()
        total.digests = self.digests | other.digests
        return total

    def digest(self) -> bytes:
        """Bytes that differ for other blocks."""
        return repr(sorted(self.digests.items())).encode()


class _ResumableBlocks(Blocks):
    """Blocks of this process, whose passes continue after the last block that was saved."""

    def __init__(self, source: Blocks, sums: _Sums) -> None:
        self._source, self._sums = source, sums
        self.n_rows = source.n_rows

    def starting_at(self, number: int) -> Iterator[Block]:
        return self._source.starting_at(number)

    def fingerprint(self) -> bytes | None:
        return self._source.fingerprint()

    def total(self, empty: S, *, n_threads: int | None = None, report: Report | None = None, **_: Any) -> S:  # noqa: ANN401
        saved = self._sums.of(empty)
        done, sums = saved.load(empty)
        if done is not None:
            options: dict[str, Any] = {"begin": done, "after_block": saved.after_block}
            sums = self._source.total(sums, n_threads=n_threads, report=report, **options)
            saved.save(sums, None)
        return sums


class _ResumableElsewhere:
    """Blocks of a cluster, whose passes are saved when they are complete."""

    def __init__(self, source: Any, sums: _Sums) -> None:  # noqa: ANN401
        self._source, self._sums = source, sums

    def total(self, empty: S) -> S:
        """Sum over all blocks, read from the folder if it is there."""
        saved = self._sums.of(empty)
        done, sums = saved.load(empty)
        if done is not None:
            sums = sum_over(self._source, empty, None)
            saved.save(sums, None)
        return sums


class _Saved:
    """File of one pass: how many blocks are done (None: all), and their sum."""

    def __init__(self, path: Path, origin: str, every: float) -> None:
        self._path, self._origin, self._every = path, origin, every
        self._last = time.perf_counter()

    def load(self, empty: S) -> tuple[int | None, S]:
        """Number of blocks done and their sum; 0 and the empty sum where nothing was saved."""
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
        if origin != self._origin or type(sums) is not type(empty):
            raise ValueError(f"{self._path} is damaged: delete it to make this pass again")
        return done, sums

    def after_block(self, sums: Any, number: int) -> None:  # noqa: ANN401
        """Save after a block, if the last time is long enough ago."""
        if time.perf_counter() - self._last >= self._every:
            self.save(sums, number + 1)

    def save(self, sums: Any, done: int | None) -> None:  # noqa: ANN401
        """Write the sum of the first ``done`` blocks, or of all."""
        write_whole(self._path, pickle.dumps((self._origin, done, sums), protocol=5))
        self._last = time.perf_counter()


def resumable(blocks: Any, folder: str | os.PathLike[str], *, every: float = 60.0) -> Any:  # noqa: ANN401
    """Blocks whose passes continue where they were interrupted, by Ctrl-C, a crash or a power cut.

    Run the same program again with the same blocks and the same folder: what was summed up is read from there. The
    result is bitwise that of a run without interruption.

    Parameters
    ----------
    blocks : blocks
        Any blocks, in the same order each time. Of one machine's blocks a pass goes on from the last block that was
        saved; a cluster's pass is kept when it is complete.
    folder : path
        Where sums are kept, made if need be. They are found again for the same blocks and options: numbers of rows and
        some of the rows are compared, which for an iterable of your own and on a cluster takes a pass over the blocks.
        The files are pickles: use no folder that others may write to. They take as much as the sums, for ``learn``
        mostly the rows that it searches on.
    every : float, default 60
        Seconds between two saves.

    Raises
    ------
    TypeError
        These are no blocks.
    OSError
        The folder cannot be made.
    ValueError
        A file of the folder is damaged; raised by the pass.
    """
    source = as_blocks(blocks, "blocks")
    if not isinstance(every, int | float) or not every >= 0:
        raise ValueError(f"every is a number of seconds, at least 0; got {every!r}")
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    sums = _Sums(source, place, float(every))
    return _ResumableBlocks(source, sums) if isinstance(source, Blocks) else _ResumableElsewhere(source, sums)
