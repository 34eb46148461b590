"""A CSV file of fits: what was measured once need not be fitted again.

The file is replaced as a whole after every fit, so that it never holds half a row, and checked when it is read.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from limbeck._base.files import write_whole


@dataclass(frozen=True)
class Result:
    """One fit; `r2` and `rmse` are NaN where the method failed, the last three are None but for limbeck."""

    method: str
    table: str
    seed: int
    rows: int
    columns: int
    r2: float
    rmse: float
    seconds: float
    size: int
    neurons: int | None = None
    features: float | None = None
    zeros: float | None = None

    @property
    def key(self) -> tuple[str, str, int]:
        """What there is one result of."""
        return self.method, self.table, self.seed


_NAMES = [one.name for one in fields(Result)]
_WHOLE = ("seed", "rows", "columns", "size", "neurons")
_OPTIONAL = ("neurons", "features", "zeros")


def _value(name: str, text: str) -> object:
    if name in ("method", "table"):
        if not text:
            raise ValueError(f"{name} is empty")
        return text
    if not text:
        if name in _OPTIONAL:
            return None
        raise ValueError(f"{name} is empty")
    value = int(text) if name in _WHOLE else float(text)
    allowed_nan = name in ("r2", "rmse")
    if not (math.isfinite(value) or (allowed_nan and math.isnan(value))):
        raise ValueError(f"{name} is {text}")
    if (name == "r2" and value > 1) or (name not in ("r2", "seed") and value < 0):
        raise ValueError(f"{name} is {text}")
    return value


def _result(cells: list[str]) -> Result:
    if len(cells) != len(_NAMES):
        raise ValueError(f"{len(cells)} cells in place of {len(_NAMES)}")
    return Result(*(_value(name, text) for name, text in zip(_NAMES, cells, strict=True)))


class Results:
    """Fits by method, table and seed, with the file that keeps them, if there is one.

    Parameters
    ----------
    path : Path or None
        A file of an earlier run, or a new one.

    Raises
    ------
    ValueError
        The file does not hold what this class writes; the message names the line.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._known: dict[tuple[str, str, int], Result] = {}
        self._written = b""
        if path is not None and path.exists():
            self._written = path.read_bytes()
            self._read(self._written.decode())

    def _read(self, text: str) -> None:
        lines = csv.reader(io.StringIO(text, newline=""), strict=True)
        if next(lines, None) != _NAMES:
            raise ValueError(f"{self._path}: line 1 is not {','.join(_NAMES)}")
        for cells in lines:
            try:
                result = _result(cells)
                if result.key in self._known:
                    raise ValueError(f"a second result of {', '.join(map(str, result.key))}")
            except ValueError as error:
                raise ValueError(f"{self._path}: line {lines.line_num}: {error}") from None
            self._known[result.key] = result

    def __len__(self) -> int:
        return len(self._known)

    def get(self, method: str, table: str, seed: int) -> Result | None:
        """The result, where there is one."""
        return self._known.get((method, table, seed))

    def of(self, methods: Iterable[str], tables: Iterable[str]) -> list[Result]:
        """Results of some methods on some tables."""
        methods, tables = set(methods), set(tables)
        return [result for result in self._known.values() if result.method in methods and result.table in tables]

    def add(self, result: Result) -> None:
        """Keep a result, in the place of an older one, and write the file."""
        self._known[result.key] = result
        self._write()

    def _write(self) -> None:
        if self._path is None:
            return
        if (self._path.read_bytes() if self._path.exists() else b"") != self._written:
            raise RuntimeError(f"{self._path} was changed by another program since it was read")
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(_NAMES)
        writer.writerows(["" if cell is None else cell for cell in astuple(one)] for one in self._known.values())
        content = text.getvalue().encode()
        write_whole(self._path, content)
        self._written = content
