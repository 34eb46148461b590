"""Rows streamed from a memory map into ridgeless.Accumulator, beside NumPy's X'X of the same blocks."""

import tempfile
import threading
from pathlib import Path

import numpy as np

from comparisons.table import Column, Requirement, Section, error, fixed, milliseconds, thousands, times
from comparisons.timing import interleave
from limbeck import ridgeless

P = 100
BLOCK = 100_000


def run(quick: bool, n: int | None = None) -> Section:
    """float64, p = 100, one target; the file is in the page cache as far as that goes."""
    n = n or (100_000 if quick else 1_000_000)
    section = Section(
        "stream",
        f"ridgeless.Accumulator from a memory map: n = {n:,}, p = {P}, float64 ({n * P * 8 >> 20:,} MiB)",
        [
            Column("threads", "threads"),
            Column("ours_seconds", "ours ms", milliseconds),
            Column("numpy_seconds", "X'X ms", milliseconds),
            Column("ratio", "X'X/ours", times),
            Column("extra_mebibytes", "ours MiB", fixed(1)),
            Column("ours_error", "our error", error),
            Column("normal_error", "X'X error", error),
        ],
        notes=[
            f"Blocks of {thousands(BLOCK)} rows, in order. X'X: NumPy's products of the blocks added up, which certify",
            "nothing. MiB: memory without mapped files, beyond what the process had before. Errors: coefficients,",
            "the condition of X being 1e6.",
        ],
        requirements=[
            Requirement("ratio", "a third of the speed of X'X", lambda ratio: ratio >= 1 / 3),
            Requirement("extra_mebibytes", "ours < 100 MiB", lambda size: size < 100),
        ],
    )
    with tempfile.TemporaryDirectory() as folder:
        X, y, truth = _rows_on_disk(Path(folder), n)
        for threads in (1, 2):
            section.rows.append(_row(X, y, truth, threads))
    return section


def _rows_on_disk(folder: Path, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    mix = (
        np.linalg.qr(rng.standard_normal((P, P)))[0]
        * np.logspace(0, -6, P)
        @ np.linalg.qr(rng.standard_normal((P, P)))[0]
    )
    truth = rng.standard_normal(P)
    X = np.lib.format.open_memmap(folder / "X.npy", mode="w+", dtype=np.float64, shape=(n, P))
    y = np.empty(n)
    for begin in range(0, n, BLOCK):
        rows = slice(begin, min(n, begin + BLOCK))
        X[rows] = rng.standard_normal((rows.stop - begin, P)) @ mix
        y[rows] = X[rows] @ truth
    X.flush()
    return np.load(folder / "X.npy", mmap_mode="r"), y, truth


def _accumulated(X: np.ndarray, y: np.ndarray, threads: int) -> ridgeless.Accumulator:
    total = ridgeless.Accumulator(X.shape[1])
    for begin in range(0, len(X), BLOCK):
        total.update(X[begin : begin + BLOCK], y[begin : begin + BLOCK], n_threads=threads)
    return total


def _normal_equations(X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    gram, right = np.zeros((X.shape[1],) * 2), np.zeros(X.shape[1])
    for begin in range(0, len(X), BLOCK):
        block = X[begin : begin + BLOCK]
        gram += block.T @ block
        right += block.T @ y[begin : begin + BLOCK]
    return gram, right


class _AnonymousMemory:
    """Peak of the process's memory without mapped files, in bytes, beyond that at the beginning."""

    def __enter__(self) -> "_AnonymousMemory":
        self._first = self.peak = self._now()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self.extra = self.peak - self._first

    def _watch(self) -> None:
        while not self._done.wait(0.002):
            self.peak = max(self.peak, self._now())

    @staticmethod
    def _now() -> int:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


def _row(X: np.ndarray, y: np.ndarray, truth: np.ndarray, threads: int) -> dict[str, object]:
    sides = {"ours": lambda: _accumulated(X, y, threads), "numpy": lambda: _normal_equations(X, y)}
    timings = {name: timing.seconds for name, timing in interleave(sides, 3, threads=threads).items()}
    extra = None
    if Path("/proc/self/status").exists():
        with _AnonymousMemory() as memory:
            _accumulated(X, y, threads)
        extra = memory.extra / 2**20
    coef = _accumulated(X, y, threads).solve().coef
    size = np.linalg.norm(truth)
    return {
        "threads": threads,
        **{f"{name}_seconds": seconds for name, seconds in timings.items()},
        "ratio": timings["numpy"] / timings["ours"],
        "extra_mebibytes": extra,
        "ours_error": np.linalg.norm(coef - truth) / size,
        "normal_error": np.linalg.norm(np.linalg.solve(*_normal_equations(X, y)) - truth) / size,
    }
