"""A step of refine against a step of SciPy's least_squares and of the same method in NumPy."""

from functools import partial

import numpy as np
from least_squares import Problem, levenberg_marquardt
from scipy.optimize import least_squares

from comparisons.table import Column, Section, error, milliseconds, thousands, times
from comparisons.timing import fastest, interleave
from limbeck import _kernels

STEPS = 3


def run(quick: bool) -> Section:
    """Generic planted networks from a start that is off by 0.3 in every neuron; no noise."""
    n = 5_000 if quick else 20_000
    section = Section(
        "refine",
        f"refine: time of one step, n = {n:,}",
        [
            Column("d", "d", thousands),
            Column("k", "k"),
            Column("threads", "threads"),
            Column("parameters", "parameters", thousands),
            Column("ours_seconds", "ours ms", milliseconds),
            Column("numpy_seconds", "NumPy ms", milliseconds),
            Column("numpy_ratio", "NumPy/ours", times),
            Column("scipy_seconds", "SciPy ms", milliseconds),
            Column("scipy_ratio", "SciPy/ours", times),
            Column("ours_mse", "our MSE", error),
            Column("numpy_mse", "NumPy's", error),
            Column("scipy_mse", "SciPy's", error),
            Column("peer", "SciPy method"),
        ],
        notes=[
            f"{STEPS} steps from one start: time over steps. A step: normal matrix or Jacobian, solve, new residual.",
            "NumPy: the same method with a dense Jacobian. SciPy: least_squares with the analytic Jacobian, the faster",
            "of 'lm' and 'trf': time over Jacobians. MSE: where each stands after its steps (no noise).",
        ],
    )
    for d, k in ((50, 4), (50, 8), (100, 6)):
        for threads in (1,) if quick else (1, 2):
            section.rows.append(_row(Problem.planted(n, d, k), threads, 3 if quick else 5))
    return section


def _ours(problem: Problem, threads: int) -> tuple[np.ndarray, float, float, int, bool]:
    decay = np.zeros(len(problem.start))
    return _kernels.refine(
        problem.X, problem.y, None, problem.signs, problem.start, True, decay, STEPS, 0.0, np.inf, threads
    )


def _scipy(problem: Problem, method: str):
    # A tried step is an evaluation; the first evaluation is that of the start. Tolerances must not end it earlier.
    never = dict.fromkeys(("ftol", "xtol", "gtol"), 1e-15)
    start = problem.start.ravel()
    return least_squares(problem.residuals, start, problem.jacobian, method=method, max_nfev=STEPS + 1, **never)


def _row(problem: Problem, threads: int, rounds: int) -> dict[str, object]:
    methods = {method: partial(_scipy, problem, method) for method in ("lm", "trf")}
    method = fastest(methods, threads=threads, calls=1)
    sides = {
        "ours": partial(_ours, problem, threads),
        "numpy": partial(levenberg_marquardt, problem, STEPS),
        "scipy": methods[method],
    }
    timings = interleave(sides, rounds, threads=threads)
    ours, scipy_result = sides["ours"](), sides["scipy"]()
    steps = {"ours": ours[3], "numpy": STEPS, "scipy": scipy_result.njev}
    seconds = {name: timings[name].seconds / steps[name] for name in sides}
    return {
        "n": len(problem.X),
        "d": problem.X.shape[1],
        "k": len(problem.signs),
        "parameters": problem.start.size,
        "threads": threads,
        "peer": method,
        **{f"{name}_seconds": value for name, value in seconds.items()},
        **{f"{name}_steps": value for name, value in steps.items()},
        **{f"{name}_ratio": seconds[name] / seconds["ours"] for name in ("numpy", "scipy")},
        "ours_mse": problem.mean_squared_error(ours[0]),
        "numpy_mse": problem.mean_squared_error(sides["numpy"]()),
        "scipy_mse": problem.mean_squared_error(scipy_result.x),
    }
