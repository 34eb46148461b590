"""Minimum-norm least squares beside LAPACK and beside a Gram matrix factored without any certificate."""

from functools import partial

import numpy as np
from scipy.linalg import cho_factor, cho_solve, lstsq

from comparisons.table import Column, Requirement, Section, error, milliseconds, thousands, times
from comparisons.timing import interleave
from limbeck import ridgeless

SHAPES = ((20, 50, 1, 20), (500, 2000, 1, 500), (1000, 5000, 1, 1000), (2000, 4000, 100, 2000), (5000, 1000, 1, 1000))
DEFICIENT = ((500, 2000, 1, 300), (2000, 500, 1, 300), (1000, 1000, 1, 500))
ILL_CONDITIONED = 1e9


def run(quick: bool) -> Section:
    """Gaussian matrices of full rank, then products of two thin ones, and one that is ill conditioned."""
    section = Section(
        "ridgeless",
        "ridgeless.solve, float64, certified, against LAPACK and Gram + Cholesky",
        [
            Column("n", "n", thousands),
            Column("p", "p", thousands),
            Column("q", "q"),
            Column("rank", "rank", thousands),
            Column("condition", "condition", error),
            Column("threads", "threads"),
            Column("method", "method"),
            Column("ours_seconds", "ours ms", milliseconds),
            Column("numpy_seconds", "lstsq ms", milliseconds),
            Column("numpy_ratio", "lstsq/ours", times),
            Column("gelsy_ratio", "gelsy/ours", times),
            Column("gram_ratio", "Gram/ours", times),
            Column("ours_error", "our error", error),
            Column("numpy_error", "lstsq's", error),
            Column("gram_error", "Gram's", error),
        ],
        notes=[
            "lstsq: NumPy's. gelsy: SciPy's lstsq by pivoted QR. Gram: product and Cholesky through SciPy, certifying",
            "nothing, for full rank only. Error: against lstsq refined with residuals in extended precision.",
        ],
        requirements=[
            Requirement("full_ratio", "8x lstsq at full rank", lambda ratio: ratio >= 8),
            Requirement("deficient_ratio", "no slower than lstsq otherwise", lambda ratio: ratio >= 1),
            Requirement("gram_ratio", "1.3x Gram + Cholesky", lambda ratio: ratio >= 1.3),
        ],
    )
    shapes = SHAPES[:2] + DEFICIENT[:1] if quick else SHAPES + DEFICIENT
    for n, p, q, rank in shapes:
        for threads in (1,) if quick else (1, 2):
            section.rows.append(_row(n, p, q, rank, threads, 3))
    section.rows.append(_row(500, 500, 1, 500, 1, 3, ILL_CONDITIONED))
    return section


def gram_and_cholesky(X: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """The solution of full rank from the smaller Gram matrix, without any certificate."""
    wide = X.shape[0] <= X.shape[1]
    factor = cho_factor(X @ X.T if wide else X.T @ X, lower=True, overwrite_a=True, check_finite=False)
    right = Y if wide else X.T @ Y
    solution = cho_solve(factor, right, check_finite=False)
    return X.T @ solution if wide else solution


def _reference(X: np.ndarray, Y: np.ndarray) -> np.ndarray:
    coef = np.linalg.lstsq(X, Y, rcond=None)[0]
    for _ in range(2):
        residual = (Y - X.astype(np.longdouble) @ coef).astype(np.float64)
        coef = coef + np.linalg.lstsq(X, residual, rcond=None)[0]
    return coef


def _row(
    n: int, p: int, q: int, rank: int, threads: int, rounds: int, condition: float | None = None
) -> dict[str, object]:
    rng = np.random.default_rng(0)
    full = rank == min(n, p)
    X = rng.standard_normal((n, p)) if full else rng.standard_normal((n, rank)) @ rng.standard_normal((rank, p))
    if condition:
        U, _, Vt = np.linalg.svd(X, full_matrices=False)
        X = (U * np.geomspace(1, 1 / condition, rank)) @ Vt
    Y = rng.standard_normal((n, q))
    sides = {
        "ours": partial(ridgeless.solve, X, Y, n_threads=threads),
        "numpy": partial(np.linalg.lstsq, X, Y, None),
        "gelsy": partial(lstsq, X, Y, lapack_driver="gelsy", check_finite=False),
    }
    if full and not condition:
        sides["gram"] = partial(gram_and_cholesky, X, Y)
    timings = {name: timing.seconds for name, timing in interleave(sides, rounds, threads=threads).items()}
    found = sides["ours"]()
    expected = _reference(X, Y) if n * p * q < 1e8 and not condition else None

    def error_of(coef: np.ndarray) -> float | None:
        return None if expected is None else float(np.linalg.norm(coef - expected) / np.linalg.norm(expected))

    return {
        "n": n,
        "p": p,
        "q": q,
        "rank": found.rank,
        "condition": found.condition,
        "threads": threads,
        "method": found.method,
        **{f"{name}_seconds": seconds for name, seconds in timings.items()},
        **{f"{name}_ratio": seconds / timings["ours"] for name, seconds in timings.items()},
        "full_ratio" if "gram" in sides else "deficient_ratio": timings["numpy"] / timings["ours"],
        "ours_error": error_of(found.coef),
        "numpy_error": error_of(sides["numpy"]()[0]),
        "gram_error": error_of(sides["gram"]()) if "gram" in sides else None,
    }
