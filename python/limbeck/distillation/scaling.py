"""How risks fall with the number of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck._arrays import Float64Array, integer, integers
from limbeck.distillation.equivalents import Equivalent, coefficients, equivalent, risk_at
from limbeck.distillation.simulation import seed_for, simulate
from limbeck.distillation.surrogate import best_mask_at, best_surrogate_at
from limbeck.distillation.task import Task, require_task

__all__ = ["ScalingLaw", "scaling_law"]

_NEXT = 1.1  # sizes between which an exponent is local
_BENT = 0.1  # of the predicted exponent
_FEWEST_SIZES = 3


@dataclass(frozen=True, eq=False)
class ScalingLaw:
    """``risk = constant n^-exponent``, fitted to predicted or simulated risks.

    Attributes
    ----------
    sample_sizes : ndarray of shape (k,)
        Numbers of rows.
    risks, standard_errors : ndarray of shape (k,)
        Predicted risks, without errors; or means of trials, and theirs.
    exponent, standard_error : float
        Of the line through the logarithms. Local exponents drift where a law is not exact: their standard deviation is
        the error of the exponent, together with that from the trials. Sizes that are bent are left out if three others
        remain.
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
    """

    sample_sizes: NDArray[np.int64]
    risks: Float64Array
    standard_errors: Float64Array
    exponent: float
    standard_error: float
    constant: float
    predicted_exponent: float | None
    local_exponents: Float64Array
    bent: NDArray[np.bool_]

    def __str__(self) -> str:
        predicted = "" if self.predicted_exponent is None else f" (predicted {self.predicted_exponent:.3g})"
        head = f"risk = {self.constant:.3g} n^-{self.exponent:.3f} +- {self.standard_error:.1g}{predicted}"
        if np.count_nonzero(~self.bent) < _FEWEST_SIZES <= len(self.bent):
            head += "; of bent sizes too: fewer than three are not"
        rows = [
            f"{n:>9,} {value:>12.5g} {error:>8.2g} {local:>8.3f}{'  bent' if bent else ''}"
            for n, value, error, local, bent in zip(
                self.sample_sizes.tolist(),
                self.risks,
                self.standard_errors,
                self.local_exponents,
                self.bent,
                strict=True,
            )
        ]
        return "\n".join([head, f"{'n':>9} {'risk':>12} {'+-':>8} {'local':>8}", *rows])


def scaling_law(
    task: Task,
    sample_sizes: Iterable[int],
    surrogate: ArrayLike | str | None = None,
    *,
    trials: int = 0,
    seed: int = 0,
) -> ScalingLaw:
    """Fit a power law to the predicted or simulated risks of targets on more and more rows.

    Parameters
    ----------
    task : Task
        Features and ground truth; noise leaves a floor that no number of rows below p removes.
    sample_sizes : iterable of int
        Numbers of rows, at least two different ones.
    surrogate : {None, "best", "mask"} or array_like of shape (p,), optional
        Labels: the true ones, those of the best surrogate or the best mask for each size, or of fixed coefficients.
    trials : int, default 0
        Simulate each risk with so many trials, at least two; 0 for predictions.
    seed : int, default 0
        Of the trials.

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
    labels = _labels(task, surrogate)

    def value(n: int, doubts: bool) -> float:
        eq = equivalent(task, n, doubts=doubts)
        return float(risk_at(task, n, eq, labels(n, eq), task.eigenvalues, task.noise))

    following = np.maximum(sizes + 1, np.ceil(_NEXT * sizes).astype(int))
    # Not across the peak: there the slope is looked for on this side.
    features = int(np.count_nonzero(task.eigenvalues))
    across = (sizes < features) & (following >= features - 1)
    following[across] = np.maximum(np.floor(sizes[across] / _NEXT).astype(int), 1)
    risks = np.array([value(int(n), True) for n in sizes])
    after = np.array([value(int(n), False) for n in following])
    usable = (risks > 0) & (risks < np.inf)
    if not usable.all():
        at = int(np.argmin(usable))
        raise ValueError(f"a power law needs positive, finite risks; that of n = {sizes[at]} rows is {risks[at]:g}")
    with np.errstate(divide="ignore", invalid="ignore"):
        local = -np.log(after / risks) / np.log(following / sizes)
    predicted = _predicted_exponent(task, surrogate)
    expected = np.median(local) if predicted is None else predicted
    bent = ~(np.abs(local - expected) <= _BENT * max(abs(expected), _BENT))
    kept = ~bent if np.count_nonzero(~bent) >= _FEWEST_SIZES else np.ones(len(sizes), dtype=bool)
    errors = np.zeros(len(sizes))
    if trials:
        made = [labels(n, equivalent(task, n, doubts=False)) for n in sizes.tolist()]
        found = [
            simulate(task, n, s, trials=trials, seed=seed_for(seed, n))
            for n, s in zip(sizes.tolist(), made, strict=True)
        ]
        risks, errors = np.array([one.mean for one in found]), np.array([one.standard_error for one in found])
    slope, error, level = _line(np.log(sizes[kept]), np.log(risks[kept]), errors[kept] / risks[kept])
    known = local[kept & np.isfinite(local)]
    drift = float(known.std(ddof=1)) if len(known) > 1 else 0.0
    return ScalingLaw(
        sizes, risks, errors, -slope, float(np.hypot(error, drift)), float(np.exp(level)), predicted, local, bent
    )


def _predicted_exponent(task: Task, surrogate: ArrayLike | str | None) -> float | None:
    if task.power_law_exponents is None or not (surrogate is None or isinstance(surrogate, str)):
        return None
    alpha, r = task.power_law_exponents
    if min(alpha, r) <= 1 or np.isclose(r, 2 * alpha + 1):
        return None
    return 0.0 if task.noise > 0 else float(min(r - 1, 2 * alpha))


def _labels(task: Task, surrogate: ArrayLike | str | None) -> Callable[[int, Equivalent], Float64Array]:
    if surrogate is None:
        return lambda n, eq: task.beta
    if isinstance(surrogate, str):
        if surrogate == "best":
            return lambda n, eq: best_surrogate_at(task, n, eq, task.eigenvalues)
        if surrogate == "mask":
            return lambda n, eq: task.beta * best_mask_at(task, n, eq, task.eigenvalues)
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
