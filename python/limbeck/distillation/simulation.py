"""Monte Carlo trials of distillation, to check predictions and to see what they leave out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck import _kernels
from limbeck._base.arrays import Float64Array, integer, thread_count
from limbeck._base.progress import progress_line
from limbeck.distillation.equivalents import coefficients, deployment_variances, noise_of_labels
from limbeck.distillation.fixed_point import effective_ridge
from limbeck.distillation.task import Task, number, require_task
from limbeck.distillation.two_stages import seen_features

__all__ = ["Simulation", "simulate"]

_FIRST_TRIALS = 32
_TRIALS_AT_ONCE = 64  # between two looks at the standard error
_OPERATIONS_AT_ONCE = 3e10  # about a second, between two looks at the progress
_SMALLEST = 1e-75  # of the largest eigenvalue: its root is the least normal number of single precision


@dataclass(frozen=True, eq=False)
class Simulation:
    """Risks of independent trials.

    Attributes
    ----------
    mean : float
        Their mean.
    standard_error : float
        Of the mean; NaN for one trial.
    risks : ndarray of shape (trials,)
        One for each trial, in order.
    """

    mean: float
    standard_error: float
    risks: Float64Array

    def __repr__(self) -> str:
        return f"Simulation({self})"

    def __str__(self) -> str:
        return f"{self.mean:.6g} +- {self.standard_error:.2g} ({len(self.risks)} trials)"


def simulate(
    task: Task,
    n: int,
    surrogate: ArrayLike | None = None,
    ridge: float = 0.0,
    *,
    trials: int = 100,
    seed: int = 0,
    label_noise: float | None = None,
    test_eigenvalues: ArrayLike | None = None,
    surrogate_task: Task | None = None,
    m: int | None = None,
    surrogate_ridge: float = 0.0,
    features: ArrayLike | None = None,
    standard_error: float | None = None,
    progress: bool = False,
    n_threads: int | None = None,
) -> Simulation:
    """Draw rows and labels, fit a target, and take its excess risk; many times.

    Parameters
    ----------
    task, n, surrogate, ridge, label_noise, test_eigenvalues
        As for :func:`risk`.
    trials : int, default 100
        Number of trials; at most, if a standard error is asked for.
    seed : int, default 0
        Of the random numbers. A trial's depend on the seed and on the trial's number alone, so that any number of
        threads and any number of trials gives the same first ones, bit for bit (on one instruction set).
    surrogate_task, m, surrogate_ridge, features
        As for :func:`two_stage_risk`: every trial fits a surrogate of its own first, on rows of its own covariance, and
        takes its coefficients from the surrogate's basis to the features' own and to that of ``task``. Not together
        with ``surrogate``.
    standard_error : float, optional
        Stop as soon as the standard error of the mean is as small as this part of the mean, after 32 trials at least.
    progress : bool, default False
        Show how many trials are done.
    n_threads : int, optional
        Number of threads; default what OpenMP would take.

    Returns
    -------
    Simulation

    Raises
    ------
    TypeError, ValueError
        As for :func:`risk` and :func:`two_stage_risk`; or options do not go together.
    FloatingPointError
        The equations of a trial cannot be solved in float64, or its risk is too large for that; or a ridge is so
        negative that ``X X' / n + ridge`` of a trial is not positive definite, as happens close to the limit.

    Notes
    -----
    Trials run beside one another, as many as fit 2 GiB of memory (about 12 bytes for each number of ``X X'`` and X with
    min(n, p) rows); if those are fewer than half of the threads, one trial runs after the other on all threads.

    Examples
    --------
    >>> from limbeck.distillation import Task, risk, simulate
    >>> task = Task.power_law(300, alpha=1.5, r=1.5)
    >>> found = simulate(task, 100, trials=400)
    >>> bool(abs(found.mean - risk(task, 100)) < 4 * found.standard_error)
    True
    """
    require_task(task)
    n, trials, seed = integer(n, "n", 1), integer(trials, "trials", 1), integer(seed, "seed", 0)
    ridge = number(ridge, "ridge")
    effective_ridge(task.eigenvalues, n, ridge)  # an error for ridges below the limit
    threads = thread_count(n_threads)
    wanted = None if standard_error is None else number(standard_error, "standard_error")
    if wanted is not None and wanted <= 0:
        raise ValueError(f"standard_error must be positive, got {standard_error!r}")
    test = deployment_variances(test_eigenvalues, task)
    first_stage, labels = None, None
    if surrogate_task is None:
        if m is not None or features is not None or surrogate_ridge:
            raise ValueError("m, features and surrogate_ridge need a surrogate_task")
        labels = task.beta if surrogate is None else coefficients(surrogate, "surrogate", task)
    else:
        if surrogate is not None:
            raise ValueError("surrogate and surrogate_task cannot both be given")
        first_stage = _first_stage(task, surrogate_task, m, surrogate_ridge, features)
    _check_range(task, n)
    if surrogate_task is not None:
        _check_range(surrogate_task, n if m is None else m)
    arrays = (task.eigenvalues, test, task.beta, labels)
    bases = (None, None) if surrogate_task is None else (task.basis, surrogate_task.basis)
    noise = float(np.sqrt(noise_of_labels(task, label_noise)))
    risks = np.empty(0)
    larger = max(n, m or 0)
    slow = int(_OPERATIONS_AT_ONCE / (larger * task.n_features * min(larger, task.n_features)))
    line = progress_line() if progress else None
    try:
        while len(risks) < trials:
            count = trials - len(risks)
            if wanted is not None or line:
                # A standard error needs its first trials, however slow they are.
                least, most = (_FIRST_TRIALS, _FIRST_TRIALS) if not len(risks) else (1, _TRIALS_AT_ONCE)
                count = min(count, max(least if wanted is not None else 1, min(most, slow)))
            more = _kernels.simulate(*arrays, n, noise, ridge, first_stage, seed, len(risks), count, threads, *bases)
            risks = np.concatenate([risks, _solved(more, n, min(ridge, surrogate_ridge))])
            if line:
                line.show(f"{len(risks)} of {trials} trials")
            if wanted is not None and _error(risks) <= wanted * abs(risks.mean()):
                break
    finally:
        if line:
            line.close()
    return Simulation(float(risks.mean()), _error(risks), risks)


def _solved(risks: Float64Array, n: int, ridge: float) -> Float64Array:
    if np.isnan(risks).any():
        or_else = f"; or X X' / n + ridge is not positive definite for them, ridge = {ridge:g}" if ridge < 0 else ""
        raise FloatingPointError(
            f"{np.count_nonzero(np.isnan(risks))} of {len(risks)} trials with n = {n} rows cannot be solved in float64,"
            f" or their risk is too large for it{or_else}"
        )
    return risks


def _check_range(task: Task, n: int) -> None:
    """Raise ValueError where features count that single precision cannot hold beside the largest."""
    l = task.eigenvalues[task.eigenvalues > 0]
    if np.count_nonzero(l > _SMALLEST * l.max()) < min(n, len(l)):
        raise ValueError(
            f"eigenvalues range over more than 75 decades, and n = {n} rows reach down to them: simulate draws rows in "
            "single precision"
        )


def seed_for(seed: int, n: int) -> int:
    """A seed for trials with n rows, so that those of different sizes are independent."""
    return int(np.random.SeedSequence((seed, n)).generate_state(1)[0]) >> 1


def _error(risks: Float64Array) -> float:
    if len(risks) < 2:
        return float("nan")
    unit = float(risks.max()) or 1.0  # squares must not leave float64
    return unit * float((risks / unit).std(ddof=1) / np.sqrt(len(risks)))


def _first_stage(
    task: Task, first: Task, m: int | None, ridge: float, features: ArrayLike | None
) -> tuple[Float64Array, Float64Array, NDArray[np.bool_], int, float, float]:
    seen = seen_features(task, first, features)
    if m is None:
        raise ValueError("surrogate_task needs m, its number of rows")
    ridge, m = number(ridge, "surrogate_ridge"), integer(m, "m", 1)
    effective_ridge(first.eigenvalues[seen], m, ridge)  # an error for ridges below the limit
    return (first.eigenvalues, first.beta, seen, m, float(np.sqrt(first.noise)), ridge)
