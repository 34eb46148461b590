"""Monte Carlo trials of ridgeless distillation beside the plain loop in NumPy."""

from functools import partial

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from comparisons.table import Column, Requirement, Section, fixed, milliseconds, thousands, times
from comparisons.timing import interleave
from limbeck.distillation import Task, risk, simulate

SHAPES = ((200, 500, 400), (200, 500, 40), (1000, 2000, 8))


def run(quick: bool) -> Section:
    """Power laws with the paper's exponents, on true labels."""
    section = Section(
        "simulate",
        "distillation.simulate: trials of ridgeless regression",
        [
            Column("n", "n", thousands),
            Column("p", "p", thousands),
            Column("trials", "trials", thousands),
            Column("threads", "threads"),
            Column("ours_seconds", "ours ms/trial", milliseconds),
            Column("numpy_seconds", "NumPy ms/trial", milliseconds),
            Column("ratio", "NumPy/ours", times),
            Column("single_ratio", "single/ours", times),
            Column("ours_off", "ours off by (s.e.)", fixed(1)),
            Column("numpy_off", "NumPy's", fixed(1)),
        ],
        notes=[
            "NumPy: the plain loop, standard_normal, X @ X.T and solve in float64, into the same array in every trial.",
            "Single: the strongest loop we know, rows of SFC64 and inner products in float32, Cholesky in float64",
            "by SciPy, which loses digits on steep spectra. Ours draws rows in float32, solves to 1e-10. Off: from the",
            "predicted risk, in standard errors.",
        ],
        requirements=[
            Requirement("small_ratio", "10x at n = 200, p = 500", lambda ratio: ratio >= 10),
            Requirement("large_ratio", "2x at n = 1000, p = 2000", lambda ratio: ratio >= 2),
        ],
    )
    for n, p, trials in SHAPES[:1] if quick else SHAPES:
        for threads in (1, 2):
            section.rows.append(_row(n, p, trials, threads, 5 if quick else 7))
    return section


def _plain(task: Task, n: int, trials: int, rng: np.random.Generator) -> np.ndarray:
    X, sizes, risks = np.empty((n, task.n_features)), np.sqrt(task.eigenvalues), []
    for _ in range(trials):
        rng.standard_normal(out=X)
        X *= sizes
        b = X.T @ np.linalg.solve(X @ X.T, X @ task.beta)
        risks.append(task.eigenvalues @ np.square(b - task.beta))
    return np.array(risks)


def _single(task: Task, n: int, trials: int, rng: np.random.Generator) -> np.ndarray:
    sizes, risks = np.sqrt(task.eigenvalues).astype(np.float32), []
    for _ in range(trials):
        X = rng.standard_normal((n, task.n_features), dtype=np.float32)
        X *= sizes
        factor = cho_factor((X @ X.T).astype(np.float64), check_finite=False, overwrite_a=True)
        b = X.T @ cho_solve(factor, X @ task.beta, check_finite=False)
        risks.append(task.eigenvalues @ np.square(b - task.beta))
    return np.array(risks)


def _row(n: int, p: int, trials: int, threads: int, rounds: int) -> dict[str, object]:
    task, rng = Task.power_law(p, 2.0, 1.5), np.random.default_rng(0)
    sides = {
        "ours": partial(simulate, task, n, trials=trials, n_threads=threads),
        "numpy": partial(_plain, task, n, trials, rng),
        "single": partial(_single, task, n, trials, np.random.Generator(np.random.SFC64(0))),
    }
    seconds = {name: timing.seconds / trials for name, timing in interleave(sides, rounds, threads=threads).items()}
    expected = float(risk(task, n))
    ratio = seconds["numpy"] / seconds["ours"]

    def off(risks: np.ndarray) -> float:
        return float((risks.mean() - expected) / (risks.std(ddof=1) / np.sqrt(len(risks))))

    return {
        "n": n,
        "p": p,
        "trials": trials,
        "threads": threads,
        **{f"{name}_seconds": value for name, value in seconds.items()},
        "ratio": ratio,
        "single_ratio": seconds["single"] / seconds["ours"],
        "small_ratio" if n < 500 else "large_ratio": ratio,
        "ours_off": off(simulate(task, n, trials=4 * trials, n_threads=threads).risks),
        "numpy_off": off(_plain(task, n, 4 * trials, rng)),
    }
