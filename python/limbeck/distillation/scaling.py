"""How risks fall with the number of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck._base.arrays import Float64Array, integer, integers
from limbeck._base.text_table import text_table
from limbeck.distillation.equivalents import Equivalent, coefficients, equivalent, risk_at
from limbeck.distillation.settings import SCALING_SETTINGS, ScalingSettings
from limbeck.distillation.simulation import seed_for, seed_number, simulate
from limbeck.distillation.surrogate import best_mask_at, best_surrogate_at
from limbeck.distillation.task import Task, require_task

__all__ = ["ScalingLaw", "scaling_law"]

_Labels = Callable[[int, Equivalent], Float64Array]
_LARGE = 700.0  # of an exponential's argument: beyond, it leaves float64


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
        ``min(r - 1, 2 alpha)`` for a power law without noise, on true labels, the best surrogate and the best mask
        alike (arXiv 2410.18837, section 5), if alpha and r exceed 1 and r is not 2 alpha + 1, where a logarithm enters;
        0 with noise, which leaves a floor; None for other tasks.
    local_exponents : ndarray of shape (k,)
        Of the predicted risks, between n and 1.1 n.
    bent : ndarray of shape (k,), bool
        Where the local exponent is off the predicted one, or off the median of all, by more than a tenth of it or 0.01:
        mostly because the features end at p, or because n is small.
    corners : tuple of str
        Why a predicted exponent cannot be read off these sizes though no risk may be bent: one sentence for each corner
        of the theory that is near. For that reason the exponent that the sizes have differs from it by some 0.02 or
        more, or by 2 % of an exponent above one.
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

    @property
    def standard_error(self) -> float:
        """Drift and trial error together, as the root of the sum of squares: no standard error, but an older name."""
        return float(np.hypot(self.drift, self.trial_error))

    def __str__(self) -> str:
        head = f"risk = {self.constant:.3g} n^-{self.exponent:.3f}"
        if self.trial_error:
            head += f" +- {self.trial_error:.1g} from the trials"
        head += f", local exponents drift by {self.drift:.1g}"
        head += "" if self.predicted_exponent is None else f" (predicted {self.predicted_exponent:.3g})"
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
) -> ScalingLaw:
    """Fit a power law to the predicted or simulated risks of targets on more and more rows.

    Parameters
    ----------
    task : Task
        Features and ground truth; label noise, of the variance ``task.noise``, leaves a floor that no number of rows
        below p removes.
    sample_sizes : iterable of int
        Numbers of rows, at least two different ones.
    surrogate : {None, "best", "mask"} or array_like of shape (p,), optional
        Labels: the true ones, those of the best surrogate or the best mask for each size, or of fixed coefficients.
    trials : int, default 0
        Simulate each risk with so many trials, at least two; 0 for predictions.
    seed : int or numpy.random.Generator, default 0
        Source of the random numbers of the trials; those of different sizes are independent.

    Returns
    -------
    ScalingLaw

    Raises
    ------
    TypeError, ValueError
        As for :func:`risk`; or there are fewer than two sizes, or a risk is zero.

    Warns
    -----
    NearPeakWarning
        As for :func:`risk`.

    Examples
    --------
    >>> from limbeck.distillation import Task, scaling_law
    >>> law = scaling_law(Task.power_law(100_000, alpha=1.5, r=1.8), [30, 100, 300, 1000])
    >>> round(law.exponent, 2), round(law.predicted_exponent, 2)
    (0.8, 0.8)
    """
    require_task(task)
    sizes = np.array(sorted(set(integers(sample_sizes, "sample_sizes", 1))))
    if len(sizes) < 2:
        raise ValueError(f"sample_sizes must hold at least two different numbers of rows, got {sizes.tolist()}")
    trials = integer(trials, "trials", 0)
    if trials == 1:
        raise ValueError("trials must be 0, for predictions, or at least 2, for standard errors; got 1")
    return fitted_law(task, sizes, surrogate, trials, seed_number(seed))


def fitted_law(
    task: Task,
    sizes: NDArray[np.int64],
    surrogate: ArrayLike | str | None,
    trials: int,
    seed: int,
    settings: ScalingSettings = SCALING_SETTINGS,
) -> ScalingLaw:
    """Fit the law of checked arguments; see :func:`scaling_law`."""
    labels = _labels(task, surrogate)
    risks, local = _local_exponents(task, sizes, labels, settings.local_ratio)
    predicted = _predicted_exponent(task, surrogate)
    expected = np.median(local) if predicted is None else predicted
    allowed = settings.off_power_law * max(abs(expected), settings.off_power_law)
    off_power_law = ~(np.abs(local - expected) <= allowed)
    enough = np.count_nonzero(~off_power_law) >= settings.fewest_sizes
    kept = ~off_power_law if enough else np.ones(len(sizes), dtype=bool)
    errors = np.zeros(len(sizes))
    if trials:
        risks, errors = _simulated(task, sizes, labels, trials, seed)
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
        corners=() if predicted == 0 else _corners(task, surrogate, sizes, settings.corner),
    )


def _local_exponents(
    task: Task, sizes: NDArray[np.int64], labels: _Labels, ratio: float
) -> tuple[Float64Array, Float64Array]:
    """Predicted risks, and their exponents between each size and one that is larger by a ratio."""

    def value(n: int, warn: bool) -> float:
        eq = equivalent(task, n, warn=warn)
        return float(risk_at(task, eq, labels(n, eq), task.eigenvalues, task.noise))

    following = np.maximum(sizes + 1, np.ceil(ratio * sizes).astype(int))
    # Not across the peak: the slope there is taken on this side of it.
    features = int(np.count_nonzero(task.eigenvalues))
    across = (sizes < features) & (following >= features - 1)
    following[across] = np.maximum(np.floor(sizes[across] / ratio).astype(int), 1)
    risks = np.array([value(int(n), True) for n in sizes])
    after = np.array([value(int(n), False) for n in following])
    usable = (risks > 0) & (risks < np.inf)
    if not usable.all():
        at = int(np.argmin(usable))
        raise ValueError(f"a power law needs positive, finite risks; that of n = {sizes[at]} rows is {risks[at]:g}")
    with np.errstate(divide="ignore", invalid="ignore"):
        return risks, -np.log(after / risks) / np.log(following / sizes)


def _simulated(
    task: Task, sizes: NDArray[np.int64], labels: _Labels, trials: int, seed: int
) -> tuple[Float64Array, Float64Array]:
    """Means of trials for each size, and their standard errors."""
    counts = sizes.tolist()
    made = [labels(n, equivalent(task, n, warn=False)) for n in counts]
    simulations = [
        simulate(task, n, s, trials=trials, seed=seed_for(seed, n)) for n, s in zip(counts, made, strict=True)
    ]
    return np.array([result.mean for result in simulations]), np.array([r.standard_error for r in simulations])


def _predicted_exponent(task: Task, surrogate: ArrayLike | str | None) -> float | None:
    """The exponent of the theory, where it has one; see :class:`ScalingLaw`."""
    if task.power_law_exponents is None or not (surrogate is None or isinstance(surrogate, str)):
        return None
    alpha, r = task.power_law_exponents
    if min(alpha, r) <= 1 or np.isclose(r, 2 * alpha + 1):
        return None
    return 0.0 if task.noise > 0 else float(min(r - 1, 2 * alpha))


def _corners(task: Task, surrogate: ArrayLike | str | None, sizes: NDArray[np.int64], drift: float) -> tuple[str, ...]:
    """Corners of the theory that are near: what each does to the exponent at the sizes' geometric mean.

    Those that move an exponent of one by less than ``drift`` are left out.
    """
    if task.power_law_exponents is None or not (surrogate is None or isinstance(surrogate, str)):
        return ()
    alpha, r = task.power_law_exponents
    if min(alpha, r) <= 1:
        return ("The theory needs alpha and r above one.",)
    n, p = float(np.exp(np.log(sizes).mean())), task.n_features
    exponent, gap = min(r - 1, 2 * alpha), abs(r - 1 - 2 * alpha)
    allowed, found = drift * max(exponent, 1.0), []
    # Two powers of nearly the same exponent, (n^-(r - 1) - n^-2 alpha) / gap: locally off by gap / (n^gap - 1).
    between = 1 / np.log(n) if np.isclose(gap, 0) else gap / np.expm1(min(gap * np.log(n), _LARGE)) if n > 1 else np.inf
    if between > drift:
        found.append(
            f"At r = 2 alpha + 1 the risk goes as n^-{2 * alpha:.3g} log n; r = {r:.3g} is so close to it that "
            f"exponents at these sizes are lower by about {between:.1g}."
        )
    # Features end at p: sums of i^-r from about n on lack those from p on, a part (n / p)^(r - 1) of them.
    lacking = (n / p) ** (r - 1)
    tail = (r - 1) * lacking / (1 - lacking) if lacking < 1 else np.inf
    if r - 1 < 2 * alpha and tail > allowed:
        found.append(
            f"The features beyond p = {p:,} would have {lacking:.0%} of what is left to learn (r = {r:.3g}): exponents "
            f"at these sizes are higher by about {tail:.1g}."
        )
    if n < p:
        # The effective ridge falls as n^-1 / (1 - Omega), which is n^-alpha where features do not end.
        falls = 1 / equivalent(task, round(n), warn=False).one_minus_omega
        off = exponent * abs(falls / alpha - 1)
        if off > allowed:
            found.append(
                f"The effective ridge falls as n^-{falls:.3g}, not as n^-{alpha:.3g}, for the features end at "
                f"p = {p:,}: exponents at these sizes are off by about {off:.1g}."
            )
    return tuple(found)


def _labels(task: Task, surrogate: ArrayLike | str | None) -> _Labels:
    """Coefficients that make the labels, by the number of rows."""
    if surrogate is None:
        return lambda n, eq: task.beta
    if isinstance(surrogate, str):
        if surrogate == "best":
            return lambda n, eq: best_surrogate_at(task, eq, task.eigenvalues)
        if surrogate == "mask":
            return lambda n, eq: task.beta * best_mask_at(task, eq, task.eigenvalues)
        raise ValueError(f'surrogate must be None, "best", "mask" or coefficients; got {surrogate!r}')
    fixed = coefficients(surrogate, "surrogate", task)
    return lambda n, eq: fixed


def _line(x: Float64Array, y: Float64Array, errors: Float64Array) -> tuple[float, float, float]:
    """Slope, its standard error from those of y, and the value at zero."""
    exact = not errors.any()
    weights = np.ones(len(x)) if exact else 1 / np.square(errors)
    centre = float(weights @ x / weights.sum())
    spread = float(weights @ np.square(x - centre))
    slope = float(weights @ ((x - centre) * y) / spread)
    level = float(weights @ y / weights.sum() - slope * centre)
    return slope, 0.0 if exact else spread**-0.5, level
