"""Which labels to train on, told from data alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from limbeck._arrays import Float64Array, float_array, require_finite, same_length, thread_count, vector
from limbeck.ridgeless import generalized_cross_validation, leave_one_out

__all__ = ["Advice", "advise"]

_CERTAIN = 2.0  # standard errors
_FEWEST_ROWS = 8
_CALIBRATED = 1.1  # covers 0.93 to 0.97 in trials, from 20 to 500 rows and 20 to 2,000 features


@dataclass(frozen=True, eq=False)
class Advice:
    """Leave-one-out errors of a ridgeless target, by the labels it is trained on.

    Attributes
    ----------
    recommendation : {"strong labels", "surrogate labels", "mixture", "no difference"}
        The labels of the least error; "no difference" where it is not two standard errors below that of the strong
        labels, nor that below it.
    strong_error, surrogate_error, mixture_error : float
        Mean squared leave-one-out errors against the strong labels.
    weight : float
        Of the surrogate's labels in the mixture ``weight * surrogate + (1 - weight) * strong`` of least error; it may
        be negative, or exceed one.
    gain : float
        ``strong_error`` less the least of the other two.
    standard_error : float
        Of the gain, from the rows.
    surrogate_gain, surrogate_standard_error : float
        ``strong_error - surrogate_error``, and its standard error.
    strong_gcv, surrogate_gcv : float
        Generalised cross-validation of targets on either labels, against these labels themselves.
    effective_ridge : float
        tau, in the units of the features' variance; 0 for more rows than features.
    degrees_of_freedom : float
        n times Omega: how many rows' worth of noise a fit takes in.
    """

    recommendation: str
    strong_error: float
    surrogate_error: float
    mixture_error: float
    weight: float
    gain: float
    standard_error: float
    surrogate_gain: float
    surrogate_standard_error: float
    strong_gcv: float
    surrogate_gcv: float
    effective_ridge: float
    degrees_of_freedom: float

    def __str__(self) -> str:
        return "\n".join(
            [
                f"train on: {self.recommendation}",
                f"  strong labels     {self.strong_error:.5g}",
                f"  surrogate labels  {self.surrogate_error:.5g}",
                f"  mixture           {self.mixture_error:.5g}  (weight of the surrogate {self.weight:.2f})",
                f"  gain              {self.gain:.3g} +- {self.standard_error:.2g}",
                f"effective ridge {self.effective_ridge:.3g}, degrees of freedom {self.degrees_of_freedom:.4g}",
            ]
        )


def advise(X: ArrayLike, y: ArrayLike, surrogate_predictions: ArrayLike, *, n_threads: int | None = None) -> Advice:
    r"""Compare training on given labels, on a surrogate's labels of the same rows, and on the best mixture.

    Parameters
    ----------
    X : array_like of shape (n, p)
        Rows, n >= 8; without a constant term, so centre X and the labels first if there is one.
    y : array_like of shape (n,)
        Strong labels, those that count.
    surrogate_predictions : array_like of shape (n,)
        The surrogate's labels of the same rows. It must not have been fitted to y: then they are too good to be true.
    n_threads : int, optional
        Number of threads; default what OpenMP would take.

    Returns
    -------
    Advice

    Raises
    ------
    TypeError
        An argument does not hold real numbers.
    ValueError
        Shapes disagree, there are fewer than eight rows, or numbers are not finite.

    Notes
    -----
    Predictions without row i are linear in the labels: with leave-one-out residuals e(.) of the minimum-norm fit, a
    target on other labels misses ``q + e(labels)`` of y, with ``q = y - labels``. For mixtures it is a line in the
    weight, so that the least mean square is a projection.

    Standard errors are those of the mean of the rows' differences, in which the squares of e(.) are weighed by ``1.1
    sqrt((1 + Omega) / (1 - Omega))``: residuals are not independent, and the risk that they estimate depends on the
    draw as well. For noise and n > p the variance of ``mean(e^2) - risk`` is ``2 (1 + Omega) / (1 - Omega)^3 / n``,
    where independent rows would have ``2 / (1 - Omega)^2 / n``; for n < p trials agree with that within a tenth.

    Tau and Omega come from the eigenvalues of K = X X': ``tau = 1 / tr(K^-1)`` and ``1 - Omega = tr(K^-1)^2 /
    (n tr(K^-2))``, the derivative of tau by the ridge being 1 / (1 - Omega).

    Examples
    --------
    >>> import numpy as np
    >>> from limbeck.distillation import advise
    >>> rng = np.random.default_rng(0)
    >>> X, truth = rng.standard_normal((200, 400)), rng.standard_normal(400)
    >>> advise(X, X @ truth + 20 * rng.standard_normal(200), X @ truth).recommendation
    'surrogate labels'
    """
    X = float_array(X, "X", 2, np.float64)
    strong, weak = vector(y, "y", np.float64), vector(surrogate_predictions, "surrogate_predictions", np.float64)
    same_length(strong, "y", 0, X, "X", 0, "rows")
    same_length(weak, "surrogate_predictions", 0, X, "X", 0, "rows")
    if len(X) < _FEWEST_ROWS:
        raise ValueError(f"X must have at least {_FEWEST_ROWS} rows, got shape {X.shape}")
    require_finite(thread_count(n_threads), X=X, y=strong, surrogate_predictions=weak)
    labels = np.column_stack([strong, weak])
    residuals = leave_one_out(X, labels, n_threads=n_threads)
    on_strong = _Missed(np.zeros(len(X)), residuals[:, 0])
    on_weak = _Missed(strong - weak, residuals[:, 1])
    step = on_weak.whole - on_strong.whole
    weight = float(-(on_strong.whole @ step) / (step @ step)) if step.any() else 0.0
    on_mixture = _Missed(weight * on_weak.labels, weight * on_weak.residuals + (1 - weight) * on_strong.residuals)
    tau, freedom = _effective(X)
    inflation = _inflation(freedom / len(X), len(X))
    to_mixture = _difference(on_strong, on_mixture, inflation)
    to_surrogate = _difference(on_strong, on_weak, inflation)
    gcv = np.asarray(generalized_cross_validation(X, labels, n_threads=n_threads))
    best, (gain, error) = ("mixture", to_mixture)
    # A weight near one is no reason for a mixture: its error differs by less than its own uncertainty.
    saved, spread = _difference(on_weak, on_mixture, inflation)
    if to_surrogate[0] > 0 and saved <= _CERTAIN * spread:
        best, (gain, error) = "surrogate labels", to_surrogate
    recommendation = best if gain > _CERTAIN * error else "no difference"
    if to_surrogate[0] < -_CERTAIN * to_surrogate[1] and recommendation == "no difference":
        recommendation = "strong labels"
    return Advice(
        recommendation,
        on_strong.mean_square,
        on_weak.mean_square,
        on_mixture.mean_square,
        weight,
        gain,
        error,
        to_surrogate[0],
        to_surrogate[1],
        float(gcv[0]),
        float(gcv[1]),
        tau,
        freedom,
    )


@dataclass(frozen=True, eq=False)
class _Missed:
    """What a target without row i misses of strong label i: what its labels do, and its leave-one-out residual."""

    labels: Float64Array
    residuals: Float64Array

    @property
    def whole(self) -> Float64Array:
        return self.labels + self.residuals

    @property
    def mean_square(self) -> float:
        return float(np.mean(np.square(self.whole)))


def _inflation(omega: float, n: int) -> float:
    left = max(1 - omega, 1 / n)
    return float(_CALIBRATED * np.sqrt((2 - left) / left))


def _difference(one: _Missed, other: _Missed, inflation: float) -> tuple[float, float]:
    """Difference of the mean squares, and its standard error."""
    correlated = np.square(one.residuals) - np.square(other.residuals)
    free = one.labels * (one.labels + 2 * one.residuals) - other.labels * (other.labels + 2 * other.residuals)
    error = float((inflation * correlated + free).std(ddof=1) / np.sqrt(len(free)))
    return float((correlated + free).mean()), error


def _effective(X: Float64Array) -> tuple[float, float]:
    """Tau and n Omega, from the rows' inner products."""
    n, p = X.shape
    if n >= p:
        return 0.0, float(min(n, p))
    values = np.linalg.eigvalsh(X @ X.T)
    values = values[values > np.finfo(np.float64).eps * p * values[-1]]
    inverse = float((1 / values).sum())
    return 1 / inverse, len(values) - inverse**2 / float(np.square(1 / values).sum())
