"""Advice from data alone on which labels to train on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from limbeck._base.arrays import (
    Float64Array,
    float_array,
    labels_array,
    power_of_two_scale,
    require_finite,
    same_length,
    thread_count,
)
from limbeck._base.frames import require_same_rows
from limbeck._base.intercepts import centred, intercept_kind
from limbeck._base.text_table import text_table
from limbeck._base.warnings import warn
from limbeck.distillation.settings import ADVISOR_SETTINGS, AdvisorSettings
from limbeck.ridgeless import generalized_cross_validation, leave_one_out

__all__ = ["Advice", "advise"]


@dataclass(frozen=True, eq=False)
class Advice:
    """Leave-one-out errors of a ridgeless target, by the labels it is trained on.

    Attributes
    ----------
    recommendation : {"strong labels", "surrogate labels", "mixture", "undecided"}
        The surrogate's labels or the mixture if their error is two standard errors below that of the strong labels,
        the mixture only where it is two of its own below that of the surrogate's; the strong labels if theirs is two
        below the surrogate's; otherwise undecided: the rows cannot tell.
    strong_error, surrogate_error, mixture_error : float
        Mean squared leave-one-out errors against the strong labels.
    weight : float
        Weight of the surrogate's labels in the mixture ``weight * surrogate + (1 - weight) * strong`` of least error;
        it may be negative, or exceed one.
    gain : float
        ``strong_error`` less that of the surrogate's labels or of the mixture, whichever is meant or looks better.
    standard_error : float
        Standard error of the gain, from the rows.
    surrogate_gain, surrogate_standard_error : float
        ``strong_error - surrogate_error``, and its standard error.
    strong_gcv, surrogate_gcv : float
        Generalised cross-validation of targets on either labels, against these labels themselves.
    effective_ridge : float
        tau, in the units of the features' variance; 0 where the rows do not determine each other's labels.
    degrees_of_freedom : float
        n times Omega (see :func:`limbeck.distillation.risk`), and one for a constant: how many rows' worth of noise a
        fit takes in.
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

    @property
    def _leaning(self) -> str:
        """Which labels look better where the recommendation is undecided."""
        if self.recommendation != "undecided":
            return ""
        if self.gain <= 0:
            return " (strong labels look better, within the error)"
        better = "surrogate labels look" if self.gain == self.surrogate_gain else "the mixture looks"
        return f" ({better} better, within the error)"

    def __str__(self) -> str:
        errors = text_table(
            [
                ["strong labels", f"{self.strong_error:.5g}", ""],
                ["surrogate labels", f"{self.surrogate_error:.5g}", ""],
                ["mixture", f"{self.mixture_error:.5g}", f"(weight of the surrogate {self.weight:.2f})"],
                ["gain", f"{self.gain:.3g} +- {self.standard_error:.2g}", ""],
            ],
            left=(0, 1, 2),
        )
        ridge, freedom = f"{self.effective_ridge:.3g}", f"{self.degrees_of_freedom:.4g}"
        lines = [f"train on: {self.recommendation}{self._leaning}", *(f"  {line}" for line in errors)]
        return "\n".join([*lines, f"effective ridge {ridge}, degrees of freedom {freedom}"])


def advise(
    X: ArrayLike,
    y: ArrayLike,
    surrogate_predictions: ArrayLike,
    *,
    intercept: str | None = "centred",
    n_threads: int | None = None,
) -> Advice:
    r"""Compare training on given labels, on a surrogate's labels of the same rows, and on the best mixture.

    Parameters
    ----------
    X : array_like or data frame of shape (n, p)
        Rows, n >= 8.
    y : array_like of shape (n,) or (n, 1)
        Strong labels, those that count.
    surrogate_predictions : array_like of shape (n,) or (n, 1)
        The surrogate's labels of the same rows. It must not have been fitted to y: then they are too good to be true.
        Out-of-fold predictions know of y through the other rows, and look a little better than they are.
    intercept : {"centred", None, "penalised"}, default "centred"
        Whether targets have a constant term, as for :func:`limbeck.ridgeless.solve`. Do not subtract means beforehand
        instead: with more features than rows each row's labels are then known from the others.
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
        Shapes disagree, there are fewer than eight rows, or numbers are not finite; ``intercept`` is unknown; or there
        is none, and rows of more features than rows have been centred; pandas' row labels are the same in another
        order, or two columns have the same name.

    Warns
    -----
    UserWarning
        The surrogate's labels look as if they had been fitted to y.

    Notes
    -----
    Predictions without row i are linear in the labels: with leave-one-out residuals e(.) of the minimum-norm fit, a
    target on other labels misses ``q + e(labels)`` of y, with ``q = y - labels``. For mixtures it is a line in the
    weight, so that the least mean square is a projection.

    Standard errors are those of the mean of the rows' differences, in which the squares of e(.) are weighed by ``1.1
    sqrt((1 + Omega) / (1 - Omega))``: residuals are not independent, and the risk that they estimate depends on the
    draw as well. For noise and n > p the variance of ``mean(e^2) - risk`` is ``2 (1 + Omega) / (1 - Omega)^3 / n``,
    where independent rows would have ``2 / (1 - Omega)^2 / n``; for n < p trials agree with that within a tenth.

    Tau and Omega come from the eigenvalues of K = X X', of centred rows if there is a constant: ``tau = 1 / tr(K^-1)``
    and ``1 - Omega = tr(K^-1)^2 / (n tr(K^-2))``, the derivative of tau by the ridge being 1 / (1 - Omega).

    Examples
    --------
    >>> import numpy as np
    >>> from limbeck.distillation import advise
    >>> rng = np.random.default_rng(0)
    >>> X, truth = rng.standard_normal((200, 400)), rng.standard_normal(400)
    >>> advise(X, X @ truth + 20 * rng.standard_normal(200), X @ truth).recommendation
    'surrogate labels'
    """
    require_same_rows(X=X, y=y, surrogate_predictions=surrogate_predictions)
    X = float_array(X, "X", 2, np.float64, objects=True)
    strong = labels_array(y, "y", np.float64)
    weak = labels_array(surrogate_predictions, "surrogate_predictions", np.float64)
    same_length(strong, "y", 0, X, "X", 0, "rows")
    same_length(weak, "surrogate_predictions", 0, X, "X", 0, "rows")
    if len(X) < ADVISOR_SETTINGS.fewest_rows:
        raise ValueError(f"X must have at least {ADVISOR_SETTINGS.fewest_rows} rows, got shape {X.shape}")
    require_finite(thread_count(n_threads), X=X, y=strong, surrogate_predictions=weak)
    return advice_on(X, strong, weak, intercept_kind(intercept), n_threads)


def advice_on(
    X: Float64Array,
    strong: Float64Array,
    weak: Float64Array,
    intercept: str | None,
    n_threads: int | None,
    settings: AdvisorSettings = ADVISOR_SETTINGS,
) -> Advice:
    """Compare the labels; checked arguments of :func:`advise`."""
    # Squares must not leave float64; powers of two change no digit.
    unit = power_of_two_scale(np.stack([strong, weak]))
    strong, weak = strong / unit, weak / unit
    if intercept is None:
        _refuse_centred(X, settings.zero_mean)
    labels = np.column_stack([strong, weak])
    residuals = leave_one_out(X, labels, intercept=intercept, n_threads=n_threads)
    tau, freedom = _effective(X, intercept)
    if _looks_fitted(strong - weak, X, freedom, intercept, settings):
        warn(
            "surrogate_predictions look as if the surrogate had been fitted to y on these rows: what it misses of y is "
            "all but orthogonal to the features; advice then favours it wrongly",
            UserWarning,
        )
    on_strong = _Missed(np.zeros(len(X)), residuals[:, 0])
    on_weak = _Missed(strong - weak, residuals[:, 1])
    weight = _best_weight(on_strong, on_weak, settings.same_labels)
    on_mixture = _Missed(weight * on_weak.labels, weight * on_weak.residuals + (1 - weight) * on_strong.residuals)
    inflation = _inflation(freedom / len(X), len(X), settings.calibration)
    gcv = np.asarray(generalized_cross_validation(X, labels, intercept=intercept, n_threads=n_threads))
    by_surrogate = _difference(on_strong, on_weak, inflation)
    recommendation, chosen = _recommend(
        by_surrogate,
        by_mixture=_difference(on_strong, on_mixture, inflation),
        mixture_over_surrogate=_difference(on_weak, on_mixture, inflation),
        certain=settings.certain,
    )
    square = unit**2
    return Advice(
        recommendation=recommendation,
        strong_error=on_strong.mean_square * square,
        surrogate_error=on_weak.mean_square * square,
        mixture_error=on_mixture.mean_square * square,
        weight=weight,
        gain=chosen.mean * square,
        standard_error=chosen.standard_error * square,
        surrogate_gain=by_surrogate.mean * square,
        surrogate_standard_error=by_surrogate.standard_error * square,
        strong_gcv=float(gcv[0]) * square,
        surrogate_gcv=float(gcv[1]) * square,
        effective_ridge=tau,
        degrees_of_freedom=freedom,
    )


@dataclass(frozen=True, eq=False)
class _Missed:
    """Errors of targets without row i at strong label i: those of their labels, and leave-one-out residuals."""

    labels: Float64Array
    residuals: Float64Array

    @property
    def whole(self) -> Float64Array:
        """Errors (n,) of both kinds together."""
        return self.labels + self.residuals

    @property
    def mean_square(self) -> float:
        """Mean of the squared errors."""
        return float(np.mean(np.square(self.whole)))


class _Gain(NamedTuple):
    """Reduction of the mean squared error."""

    mean: float
    standard_error: float


def _best_weight(on_strong: _Missed, on_weak: _Missed, same: float) -> float:
    """Weight of the surrogate's labels in the mixture of least error; 0 if the labels are the same."""
    step = on_weak.whole - on_strong.whole
    told_apart = step @ step > same * (on_strong.whole @ on_strong.whole)
    return float(-(on_strong.whole @ step) / (step @ step)) if told_apart else 0.0


def _recommend(
    by_surrogate: _Gain, by_mixture: _Gain, mixture_over_surrogate: _Gain, certain: float
) -> tuple[str, _Gain]:
    """The recommendation, and the gain of what is recommended or looks better."""
    best, gain = "mixture", by_mixture
    # A weight near one is no reason for a mixture: its error differs by less than its own uncertainty.
    needless = mixture_over_surrogate.mean <= certain * mixture_over_surrogate.standard_error
    if by_surrogate.mean > 0 and needless:
        best, gain = "surrogate labels", by_surrogate
    if gain.mean > certain * gain.standard_error:
        return best, gain
    worse = by_surrogate.mean < -certain * by_surrogate.standard_error
    return "strong labels" if worse else "undecided", gain


def _inflation(omega: float, n: int, calibration: float) -> float:
    """Factor of the scatter of squared residuals; see the notes of :func:`advise`."""
    one_minus_omega = max(1 - omega, 1 / n)
    return float(calibration * np.sqrt((2 - one_minus_omega) / one_minus_omega))


def _difference(one: _Missed, other: _Missed, inflation: float) -> _Gain:
    """Reduction of the mean square by the other one."""
    correlated = np.square(one.residuals) - np.square(other.residuals)
    free = one.labels * (one.labels + 2 * one.residuals) - other.labels * (other.labels + 2 * other.residuals)
    error = float((inflation * correlated + free).std(ddof=1) / np.sqrt(len(free)))
    return _Gain(float((correlated + free).mean()), error)


def _effective(X: Float64Array, intercept: str | None) -> tuple[float, float]:
    """Tau, and the degrees of freedom: n Omega, and one for a constant."""
    n, constant = len(X), int(intercept == "centred")
    X = _rows_of_fit(X, intercept)
    unit = power_of_two_scale(X)
    # Singular values of the rows, not eigenvalues of their inner products, whose condition is the square.
    sizes = np.linalg.svd(X / unit, compute_uv=False)
    values = np.square(sizes[sizes > np.finfo(np.float64).eps * max(X.shape) * sizes[0]])
    if len(values) < n - constant:
        return 0.0, float(len(values) + constant)
    inverse = float((1 / values).sum())
    freedom = len(values) - inverse**2 / float(np.square(1 / values).sum()) + constant
    return unit**2 / inverse, freedom


def _rows_of_fit(X: Float64Array, intercept: str | None) -> Float64Array:
    """Rows with a column of ones for a penalised constant, less their means for a free one."""
    if intercept == "penalised":
        return np.column_stack([X, np.ones(len(X))])
    return centred(X)[0] if intercept == "centred" else X


def _refuse_centred(X: Float64Array, zero_mean: float) -> None:
    """Raise ValueError where rows add up to zero that would be independent otherwise."""
    n, p = X.shape
    if n <= p and (np.abs(X.mean(axis=0)) <= zero_mean * np.abs(X).max(axis=0)).all():
        raise ValueError(
            f"X has been centred, and has {n} rows of {p} features: each row is then known from the others; pass it "
            'as it was, with intercept="centred"'
        )


def _looks_fitted(
    missed: Float64Array, X: Float64Array, freedom: float, intercept: str | None, settings: AdvisorSettings
) -> bool:
    """Whether the features explain far less of what the surrogate misses than they would by chance."""
    n = len(X)
    if not settings.fewest_directions <= freedom < n or not missed.any():
        return False
    rows = _rows_of_fit(X, intercept)
    missed = missed - missed.mean() if intercept == "centred" else missed
    residual = missed - rows @ np.linalg.lstsq(rows, missed, rcond=None)[0]
    return bool(1 - (residual @ residual) / (missed @ missed) < settings.suspiciously_little * freedom / n)
