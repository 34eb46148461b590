"""Monte Carlo trials of distillation, to check predictions and to see what they leave out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from limbeck import _kernels
from limbeck._base.arrays import Float64Array, integer, thread_count
from limbeck._base.progress import progress_bar
from limbeck.distillation.equivalents import coefficients, deployment_variances, noise_of_labels
from limbeck.distillation.filtered_trials import filtered_fit, trial_generator
from limbeck.distillation.fixed_point import effective_ridge
from limbeck.distillation.settings import SIMULATION_SETTINGS, SimulationSettings
from limbeck.distillation.stages import Stage, ridge_of, stage_of
from limbeck.distillation.task import Task, number, require_task
from limbeck.distillation.two_stages import FirstStage

__all__ = ["Simulation", "run_trials", "seed_for", "seed_number", "simulate"]

_SEEDS = 2**31  # that a generator chooses from: all that `seed` may be as an int


@dataclass(frozen=True, eq=False)
class Simulation:
    """Risks of independent trials.

    Attributes
    ----------
    mean : float
        Mean of the risks.
    standard_error : float
        Standard error of the mean; NaN for one trial.
    risks : ndarray of shape (trials,)
        Excess risk of each trial, in order.
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
    stage: Stage | None = None,
    trials: int = 100,
    seed: int | np.random.Generator = 0,
    label_noise: float | None = None,
    test_eigenvalues: ArrayLike | None = None,
    surrogate_task: Task | None = None,
    m: int | None = None,
    surrogate_ridge: float = 0.0,
    surrogate_stage: Stage | None = None,
    features: ArrayLike | None = None,
    standard_error: float | None = None,
    progress: bool = False,
    n_threads: int | None = None,
) -> Simulation:
    """Draw rows and labels, fit a target, and take its excess risk; many times.

    Parameters
    ----------
    task, n, surrogate, ridge, stage, label_noise, test_eigenvalues
        As for :func:`risk`: ``task.noise`` and ``label_noise`` are variances.
    trials : int, default 100
        Number of trials; at most, if a standard error is asked for.
    seed : int or numpy.random.Generator, default 0
        Source of the random numbers; a generator is asked for one int. A trial's numbers depend on that and on the
        trial's number alone, so that any number of threads and any number of trials gives the same first ones, bit for
        bit (on one instruction set).
    surrogate_task, m, surrogate_ridge, surrogate_stage, features
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
    min(n, p) rows); if those are fewer than half of the threads, one trial runs after the other on all threads. Stages
    other than a ridge or none take a singular value decomposition each, one trial after the other, by NumPy.

    Examples
    --------
    >>> from limbeck.distillation import Task, risk, simulate
    >>> task = Task.power_law(300, alpha=1.5, r=1.5)
    >>> found = simulate(task, 100, trials=400)
    >>> bool(abs(found.mean - risk(task, 100)) < 4 * found.standard_error)
    True
    """
    n, trials = integer(n, "n", 1), integer(trials, "trials", 1)
    problem = _checked_problem(task, n, surrogate, stage_of(stage, ridge), label_noise, test_eigenvalues)
    if surrogate_task is not None:
        if surrogate is not None:
            raise ValueError("surrogate and surrogate_task cannot both be given")
        own = stage_of(surrogate_stage, surrogate_ridge, "surrogate_ridge", "surrogate_stage")
        problem = replace(problem, first=_checked_first_stage(task, surrogate_task, m, own, features))
    elif m is not None or features is not None or surrogate_ridge or surrogate_stage is not None:
        raise ValueError("m, features, surrogate_ridge and surrogate_stage need a surrogate_task")
    problem.require_range(SIMULATION_SETTINGS.smallest_eigenvalue)
    wanted = None if standard_error is None else number(standard_error, "standard_error")
    if wanted is not None and wanted <= 0:
        raise ValueError(f"standard_error must be positive, got {standard_error!r}")
    return run_trials(problem, trials, seed_number(seed), wanted, progress, thread_count(n_threads))


@dataclass(frozen=True, eq=False)
class _Problem:
    """Checked arguments: what is drawn and fitted in every trial."""

    task: Task
    n: int
    surrogate: Float64Array  # coefficients that make the labels, unless there is a first stage
    stage: Stage
    label_noise: float  # variance
    test_eigenvalues: Float64Array
    first: FirstStage | None = None

    def risks(self, seed: int, begin: int, count: int, threads: int) -> Float64Array:
        """Risks of trials ``begin`` to ``begin + count - 1``.

        Raises
        ------
        FloatingPointError
            A trial cannot be solved, or its risk leaves float64.
        """
        task, first = self.task, self.first
        ridge, own_ridge = ridge_of(self.stage), 0.0 if first is None else ridge_of(first.stage)
        if ridge is None or own_ridge is None:
            return np.array([self._filtered_risk(seed, trial) for trial in range(begin, begin + count)])
        arrays = (task.eigenvalues, self.test_eigenvalues, task.beta, self.surrogate if first is None else None)
        noise = float(np.sqrt(self.label_noise))
        if first is None:
            risks = _kernels.simulate(*arrays, self.n, noise, ridge, None, seed, begin, count, threads)
            return _solved(risks, self.n, ridge)
        own = first.task
        stage = (own.eigenvalues, own.beta, first.seen, first.m, float(np.sqrt(own.noise)), own_ridge)
        bases = (task.basis, own.basis)
        risks = _kernels.simulate(*arrays, self.n, noise, ridge, stage, seed, begin, count, threads, *bases)
        return _solved(risks, self.n, min(ridge, own_ridge))

    def _filtered_risk(self, seed: int, trial: int) -> float:
        """Risk of one trial of stages of any kind."""
        rng, task, labels = trial_generator(seed, trial), self.task, self.surrogate
        if self.first is not None:
            labels = self.first.draw(rng, task)
        found = filtered_fit(rng, task, self.n, self.stage, labels, self.label_noise)
        return float((self.test_eigenvalues * np.square(found - task.beta)).sum())

    @property
    def operations(self) -> int:
        """Multiplications and additions of a trial, about."""
        rows, p = max(self.n, 0 if self.first is None else self.first.m), self.task.n_features
        return rows * p * min(rows, p)

    def require_range(self, smallest: float) -> None:
        """Raise ValueError where features count that are below a part of the largest."""
        _require_range(self.task, self.n, smallest)
        if self.first is not None:
            _require_range(self.first.task, self.first.m, smallest)


def run_trials(
    problem: _Problem,
    trials: int,
    seed: int,
    wanted: float | None,
    progress: bool,
    threads: int,
    settings: SimulationSettings = SIMULATION_SETTINGS,
) -> Simulation:
    """Run trials until there are enough, or the standard error is ``wanted`` of the mean."""
    risks = np.empty(0)
    bar = progress_bar("simulate", "trials") if progress else None
    try:
        if bar:
            bar.advance_to(0, trials)
        while len(risks) < trials:
            count = trials - len(risks)
            if wanted is not None or bar:
                count = min(count, _trials_at_once(problem, len(risks), wanted is not None, settings))
            risks = np.concatenate([risks, problem.risks(seed, len(risks), count, threads)])
            if bar:
                bar.advance_to(len(risks), trials)
            if wanted is not None and _error(risks) <= wanted * abs(risks.mean()):
                break
    finally:
        if bar:
            bar.close()
    return Simulation(float(risks.mean()), _error(risks), risks)


def _trials_at_once(problem: _Problem, done: int, for_error: bool, settings: SimulationSettings) -> int:
    """Trials until the next look at the progress or the standard error."""
    in_time = int(settings.operations_at_once / problem.operations)
    # A standard error needs its first trials, however slow they are.
    fewest = settings.first_trials if for_error and not done else 1
    return max(fewest, min(settings.trials_at_once if done else settings.first_trials, in_time))


def _checked_problem(
    task: Task,
    n: int,
    surrogate: ArrayLike | None,
    stage: Stage,
    label_noise: float | None,
    test_eigenvalues: ArrayLike | None,
) -> _Problem:
    """Check the arguments of a simulation without a first stage."""
    require_task(task)
    effective_ridge(task.eigenvalues, n, ridge_of(stage) or 0.0)  # an error for ridges below the limit
    test = deployment_variances(test_eigenvalues, task)
    labels = task.beta if surrogate is None else coefficients(surrogate, "surrogate", task)
    return _Problem(task, n, labels, stage, noise_of_labels(task, label_noise), test)


def _checked_first_stage(
    task: Task, surrogate_task: Task, m: int | None, stage: Stage, features: ArrayLike | None
) -> FirstStage:
    """Check the arguments of a first stage."""
    if m is None:
        raise ValueError("surrogate_task needs m, its number of rows")
    first = FirstStage.checked(task, surrogate_task, m, 0.0, features, stage)
    effective_ridge(surrogate_task.eigenvalues[first.seen], first.m, ridge_of(stage) or 0.0)  # an error below the limit
    return first


def _solved(risks: Float64Array, n: int, ridge: float) -> Float64Array:
    """The risks, unless a trial had none."""
    if np.isnan(risks).any():
        or_else = f"; or X X' / n + ridge is not positive definite for them, ridge = {ridge:g}" if ridge < 0 else ""
        raise FloatingPointError(
            f"{np.count_nonzero(np.isnan(risks))} of {len(risks)} trials with n = {n} rows cannot be solved in float64,"
            f" or their risk is too large for it{or_else}"
        )
    return risks


def _require_range(task: Task, n: int, smallest: float) -> None:
    """Raise ValueError where features count that single precision cannot hold beside the largest."""
    l = task.eigenvalues[task.eigenvalues > 0]
    if np.count_nonzero(l > smallest * l.max()) < min(n, len(l)):
        raise ValueError(
            f"eigenvalues range over more than 75 decades, and n = {n} rows reach down to them: simulate draws rows in "
            "single precision"
        )


def seed_number(seed: int | np.random.Generator) -> int:
    """Seed of trials: an int as it is, or the next one of a generator."""
    if isinstance(seed, np.random.Generator):
        return int(seed.integers(_SEEDS))
    return integer(seed, "seed", 0)


def seed_for(seed: int, n: int) -> int:
    """A seed for trials with n rows, so that those of different sizes are independent."""
    return int(np.random.SeedSequence((seed, n)).generate_state(1)[0]) >> 1


def _error(risks: Float64Array) -> float:
    """Standard error of the mean."""
    if len(risks) < 2:
        return float("nan")
    unit = float(risks.max()) or 1.0  # squares must not leave float64
    return unit * float((risks / unit).std(ddof=1) / np.sqrt(len(risks)))
