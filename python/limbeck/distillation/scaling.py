"""How risks fall with the number of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck._base.arrays import Float64Array, integer, integers
from limbeck._base.text_table import text_table
from limbeck.distillation.equivalents import coefficients, equivalent
from limbeck.distillation.risks import mean_risk_by
from limbeck.distillation.scaling_corners import near_corners
from limbeck.distillation.scaling_limit import ScalingLimit, scaling_limit
from limbeck.distillation.settings import SCALING_SETTINGS, ScalingSettings
from limbeck.distillation.simulation import Simulation, seed_for, seed_number, simulate
from limbeck.distillation.stage_law import StageLaw, law_of, stage_law
from limbeck.distillation.stages import Stage, ridge_of, stage_of
from limbeck.distillation.surrogate import best_mask_by, best_ridge_for, best_surrogate_by
from limbeck.distillation.task import Task, require_task

__all__ = ["ScalingLaw", "scaling_law"]

_Labels = Callable[[StageLaw], Float64Array]


@dataclass(frozen=True, eq=False)
class ScalingLaw:
    """``risk = constant n^-exponent``, fitted to predicted or simulated risks.

    Attributes
    ----------
    sample_sizes : ndarray of shape (k,)
        Numbers of rows.
    risks, standard_errors : ndarray of shape (k,)
        Predicted risks, without errors; or means of trials, and theirs.
    exponent : float
        Slope of the line through the logarithms, less its sign. Sizes that are bent are left out if three others
        remain.
    drift : float
        Standard deviation of the local exponents of these sizes: how far the risks are from one power law over them. It
        bounds nothing: an exponent that drifts slowly, as next to a corner, may be many drifts from its limit.
    trial_error : float
        Standard error of the exponent from the trials; 0 for predictions.
    constant : float
        The risk that the line has at n = 1.
    predicted_exponent : float or None
        That of the limit: ``k = min(r - 1, 2 alpha)`` for a power law without noise, on true labels, the best surrogate
        and the best mask alike (arXiv 2410.18837, section 5), if alpha and r exceed 1; ``k / (1 + k)`` with noise and
        the best ridge, ``k / (1 + k - k / (2 alpha))`` for the best surrogate. 0 with noise and no ridge, which leaves
        a floor; None for other tasks, ridges and stages, and for r = 2 alpha + 1, where a logarithm enters.
    local_exponents : ndarray of shape (k,)
        Of the predicted risks, between n and 1.1 n.
    bent : ndarray of shape (k,), bool
        Where the local exponent is off the predicted one, or off the median of all, by more than a tenth of it or 0.01:
        mostly because the features end at p, or because n is small.
    corners : tuple of str
        Why a predicted exponent cannot be read off these sizes though no risk may be bent: one sentence for each corner
        of the theory that is near. For that reason the exponent that the sizes have differs from it by some 0.02 or
        more, or by 2 % of an exponent above one.
    limit : ScalingLimit or None
        The law for many rows and infinitely many features, with its constant, floor and logarithm; None for tasks that
        are no power law, fixed coefficients, fixed ridges and other stages.
    ridges : ndarray of shape (k,)
        Ridge of the target for each size; NaN for stages that are no ridge regression.
    """

    sample_sizes: NDArray[np.int64]
    risks: Float64Array
    standard_errors: Float64Array
    exponent: float
    drift: float
    trial_error: float
    constant: float
    predicted_exponent: float | None
    local_exponents: Float64Array
    bent: NDArray[np.bool_]
    corners: tuple[str, ...] = ()
    limit: ScalingLimit | None = None
    ridges: Float64Array = field(default_factory=lambda: np.zeros(0))

    @property
    def off_limit(self) -> Float64Array:
        """Risks over the limit's law, less one (k,): the error of the law at these sizes. NaN without such a law."""
        if self.limit is None:
            return np.full(len(self.risks), np.nan)
        with np.errstate(divide="ignore"):
            return np.asarray(self.risks / self.limit.law(self.sample_sizes) - 1)

    @property
    def standard_error(self) -> float:
        """Drift and trial error together, as the root of the sum of squares: no standard error, but an older name."""
        return float(np.hypot(self.drift, self.trial_error))

    def __str__(self) -> str:
        head = f"risk = {self.constant:.3g} n^-{self.exponent:.3f}"
        if self.trial_error:
            head += f" +- {self.trial_error:.1g} from the trials"
        head += f", local exponents drift by {self.drift:.1g}"
        if self.predicted_exponent is not None:
            head += f" (predicted {self.predicted_exponent:.3g}, off by {self.exponent - self.predicted_exponent:+.2g})"
        off = self.off_limit[np.isfinite(self.off_limit)]
        if len(off):
            head += f"; limit {self.limit}, off which the risks are by {off.min():+.1%} to {off.max():+.1%}"
        if np.count_nonzero(~self.bent) < SCALING_SETTINGS.fewest_sizes <= len(self.bent):
            head += "; fitted to sizes marked 'bent' too, as fewer than three are straight"
        columns = (self.sample_sizes.tolist(), self.risks, self.standard_errors, self.local_exponents, self.bent)
        cells = [
            [f"{n:,}", f"{value:.5g}", f"{error:.2g}", f"{local:.3f}", "bent" if bent else ""]
            for n, value, error, local, bent in zip(*columns, strict=True)
        ]
        table = text_table([["n", "risk", "+-", "local", ""], *cells], left=(4,))
        return "\n".join([head, *self.corners, *table])


def scaling_law(
    task: Task,
    sample_sizes: Iterable[int],
    surrogate: ArrayLike | str | None = None,
    *,
    trials: int = 0,
    seed: int | np.random.Generator = 0,
    ridge: float | str = 0.0,
    stage: Stage | None = None,
) -> ScalingLaw:
    """Fit a power law to the predicted or simulated risks of targets on more and more rows.

    Parameters
    ----------
    task : Task
        Features and ground truth; label noise, of the variance ``task.noise``, leaves a floor that no number of rows
        below p removes, unless there is a ridge.
    sample_sizes : iterable of int
        Numbers of rows, at least two different ones.
    surrogate : {None, "best", "mask"} or array_like of shape (p,), optional
        Labels: the true ones, those of the best surrogate or the best mask for each size and ridge, or of fixed
        coefficients.
    trials : int, default 0
        Simulate each risk with so many trials, at least two; 0 for predictions.
    seed : int or numpy.random.Generator, default 0
        Source of the random numbers of the trials; those of different sizes are independent.
    ridge : float or "best", default 0
        Of the target, as for :func:`risk`; or that of least predicted risk for each size, as :func:`optimal_ridge`
        finds it, which may be negative.
    stage : Stage, optional
        How the targets of all sizes are trained, in place of a ridge, as for :func:`risk`. What is the same for all
        sizes, a time or a ridge, is too much for few rows or too little for many: exponents then drift.

    Returns
    -------
    ScalingLaw

    Raises
    ------
    TypeError, ValueError
        As for :func:`risk`; or there are fewer than two sizes, or a risk is zero, or ridge and stage are both given.

    Warns
    -----
    NearPeakWarning
        As for :func:`risk`.

    Examples
    --------
    >>> from limbeck.distillation import Task, scaling_law
    >>> law = scaling_law(Task.power_law(50_000, alpha=1.5, r=1.8), [30, 100, 300])
    >>> round(law.exponent, 2), round(law.predicted_exponent, 2)
    (0.8, 0.8)
    >>> noisy = scaling_law(Task.power_law(1000, alpha=2, r=3, noise=1.0), [50, 200], ridge="best")
    >>> round(noisy.exponent, 2), round(noisy.predicted_exponent, 2), str(noisy.limit)
    (0.66, 0.67, '1.28 n^-0.667')
    """
    require_task(task)
    sizes = np.array(sorted(set(integers(sample_sizes, "sample_sizes", 1))))
    if len(sizes) < 2:
        raise ValueError(f"sample_sizes must hold at least two different numbers of rows, got {sizes.tolist()}")
    trials = integer(trials, "trials", 0)
    if trials == 1:
        raise ValueError("trials must be 0, for predictions, or at least 2, for standard errors; got 1")
    if isinstance(ridge, str) and ridge != "best":
        raise ValueError(f'ridge must be a number or "best", got {ridge!r}')
    if stage is not None or not isinstance(ridge, str):
        stage = stage_of(stage, 1.0 if isinstance(ridge, str) else ridge)
    name = surrogate or "true" if surrogate is None or isinstance(surrogate, str) else None
    targets = _Targets(task, _labels(task, surrogate), name, stage)
    return fitted_law(targets, sizes, trials, seed_number(seed))


@dataclass(frozen=True, eq=False)
class _Targets:
    """What is fitted for each number of rows."""

    task: Task
    labels: _Labels
    name: str | None  # of the labels: "true", "best" or "mask"; None for fixed coefficients
    stage: Stage | None  # None: the best ridge for each size

    @property
    def limit(self) -> ScalingLimit | None:
        """The law for many rows, where the theory has one."""
        ridge = None if self.stage is None else ridge_of(self.stage)
        if self.task.power_law_exponents is None or self.name is None or (self.stage is not None and ridge != 0):
            return None
        alpha, r = self.task.power_law_exponents
        return None if min(alpha, r) <= 1 else scaling_limit(alpha, r, self.task.noise, self.name, self.stage is None)

    def law(self, n: int, warn: bool = False) -> StageLaw:
        """What training on n rows does."""
        if self.stage is not None:
            return stage_law(self.task, n, self.stage, warn=warn)
        s = self.task.beta if self.name == "true" else lambda eq: self.labels(law_of(self.task, eq))
        ridge, _ = best_ridge_for(self.task, n, s)
        return law_of(self.task, equivalent(self.task, n, ridge, warn=warn))

    def risk(self, law: StageLaw) -> float:
        """Predicted risk of a target."""
        return float(mean_risk_by(law, self.labels(law), self.task.eigenvalues, self.task.noise))

    def simulated(self, law: StageLaw, trials: int, seed: int) -> Simulation:
        """Trials of a target."""
        stage = self.stage if law.single is None else stage_of(None, law.single.ridge)
        return simulate(self.task, law.n, self.labels(law), stage=stage, trials=trials, seed=seed)


def fitted_law(
    targets: _Targets,
    sizes: NDArray[np.int64],
    trials: int,
    seed: int,
    settings: ScalingSettings = SCALING_SETTINGS,
) -> ScalingLaw:
    """Fit the law of checked arguments; see :func:`scaling_law`."""
    limit, task = targets.limit, targets.task
    fits = [targets.law(n, warn=True) for n in sizes.tolist()]
    risks, local = _local_exponents(targets, sizes, fits, settings.local_ratio)
    predicted = None if limit is None or limit.logarithm else 0.0 if limit.floor else limit.exponent
    expected = np.full(len(sizes), np.median(local) if predicted is None else predicted)
    slow = limit is not None and limit.tuned and limit.noise > 0
    if slow and limit is not None:
        expected = np.array([limit.local_exponent(n) for n in sizes.tolist()])
    off_power_law = ~(np.abs(local - expected) <= settings.off_power_law * np.maximum(abs(expected), settings.least))
    enough = np.count_nonzero(~off_power_law) >= settings.fewest_sizes
    kept = ~off_power_law if enough else np.ones(len(sizes), dtype=bool)
    errors = np.zeros(len(sizes))
    if trials:
        risks, errors = _simulated(targets, fits, trials, seed)
    slope, error, level = _line(np.log(sizes[kept]), np.log(risks[kept]), errors[kept] / risks[kept])
    known = local[kept & np.isfinite(local)]
    return ScalingLaw(
        sample_sizes=sizes,
        risks=risks,
        standard_errors=errors,
        exponent=-slope,
        drift=float(known.std(ddof=1)) if len(known) > 1 else 0.0,
        trial_error=error,
        constant=float(np.exp(level)),
        predicted_exponent=predicted,
        local_exponents=local,
        bent=off_power_law,
        corners=near_corners(task, limit, sizes, local, settings.corner) if targets.name else (),
        limit=limit,
        ridges=np.array([np.nan if law.single is None else law.single.ridge for law in fits]),
    )


def _local_exponents(
    targets: _Targets, sizes: NDArray[np.int64], fits: list[StageLaw], ratio: float
) -> tuple[Float64Array, Float64Array]:
    """Predicted risks, and their exponents between each size and one that is larger by a ratio."""
    following = np.maximum(sizes + 1, np.ceil(ratio * sizes).astype(int))
    # Not across the peak: the slope there is taken on this side of it.
    features = int(np.count_nonzero(targets.task.eigenvalues))
    across = (sizes < features) & (following >= features - 1)
    following[across] = np.maximum(np.floor(sizes[across] / ratio).astype(int), 1)
    risks = np.array([targets.risk(law) for law in fits])
    after = np.array([targets.risk(targets.law(n)) for n in following.tolist()])
    usable = (risks > 0) & (risks < np.inf)
    if not usable.all():
        at = int(np.argmin(usable))
        raise ValueError(f"a power law needs positive, finite risks; that of n = {sizes[at]} rows is {risks[at]:g}")
    with np.errstate(divide="ignore", invalid="ignore"):
        return risks, -np.log(after / risks) / np.log(following / sizes)


def _simulated(targets: _Targets, fits: list[StageLaw], trials: int, seed: int) -> tuple[Float64Array, Float64Array]:
    """Means of trials for each size, and their standard errors."""
    simulations = [targets.simulated(law, trials, seed_for(seed, law.n)) for law in fits]
    return np.array([result.mean for result in simulations]), np.array([r.standard_error for r in simulations])


def _labels(task: Task, surrogate: ArrayLike | str | None) -> _Labels:
    """Coefficients that make the labels, by the number of rows."""
    if surrogate is None:
        return lambda law: task.beta
    if isinstance(surrogate, str):
        if surrogate == "best":
            return lambda law: best_surrogate_by(law, task.eigenvalues)
        if surrogate == "mask":
            return lambda law: task.beta * best_mask_by(law, task.eigenvalues)
        raise ValueError(f'surrogate must be None, "best", "mask" or coefficients; got {surrogate!r}')
    fixed = coefficients(surrogate, "surrogate", task)
    return lambda law: fixed


def _line(x: Float64Array, y: Float64Array, errors: Float64Array) -> tuple[float, float, float]:
    """Slope, its standard error from those of y, and the value at zero."""
    exact = not errors.any()
    weights = np.ones(len(x)) if exact else 1 / np.square(errors)
    centre = float(weights @ x / weights.sum())
    spread = float(weights @ np.square(x - centre))
    slope = float(weights @ ((x - centre) * y) / spread)
    level = float(weights @ y / weights.sum() - slope * centre)
    return slope, 0.0 if exact else spread**-0.5, level
