"""Errors of targets at left-out rows, their differences, and the standard errors of these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from limbeck._base.arrays import Float64Array, power_of_two_scale
from limbeck._base.intercepts import centred
from limbeck.distillation.settings import AdvisorSettings
from limbeck.ridgeless import leave_one_out, solve

__all__ = [
    "Gain",
    "Missed",
    "best_weight",
    "clustered_error",
    "difference",
    "effective",
    "inflation",
    "left_out_residuals",
    "looks_fitted",
    "refuse_centred",
]


@dataclass(frozen=True, eq=False)
class Missed:
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


class Gain(NamedTuple):
    """Reduction of the mean squared error."""

    mean: float
    standard_error: float

    def exceeds(self, certain: float) -> bool:
        """Whether it is more than so many standard errors above zero."""
        return self.mean > certain * self.standard_error


def best_weight(on_strong: Missed, on_weak: Missed, same: float, largest: float) -> float:
    """Weight of the surrogate's labels in the mixture of least error, of either sign; 0 if the labels are the same."""
    step = on_weak.whole - on_strong.whole
    told_apart = step @ step > same * (on_strong.whole @ on_strong.whole)
    return float(np.clip(-(on_strong.whole @ step) / (step @ step), -largest, largest)) if told_apart else 0.0


def inflation(omega: float, n: int, calibration: float) -> float:
    """Factor of the scatter of squared residuals; see the notes of :func:`advise`."""
    one_minus_omega = max(1 - omega, 1 / n)
    return float(calibration * np.sqrt((2 - one_minus_omega) / one_minus_omega))


def difference(one: Missed, other: Missed, inflation: float, members: Sequence[NDArray[np.intp]] | None = None) -> Gain:
    """Reduction of the mean square by the other one; its scatter is that of rows, or of sums over clusters."""
    correlated = np.square(one.residuals) - np.square(other.residuals)
    free = one.labels * (one.labels + 2 * one.residuals) - other.labels * (other.labels + 2 * other.residuals)
    mean = float((correlated + free).mean())
    scatter = inflation * correlated + free
    if members is None:
        return Gain(mean, float(scatter.std(ddof=1) / np.sqrt(len(free))))
    return Gain(mean, clustered_error(scatter, members))


def clustered_error(values: Float64Array, members: Sequence[NDArray[np.intp]]) -> float:
    """Standard error of a mean (of n values) over clusters, for two standard errors to cover 95 % with few of them."""
    sums = np.array([(values[own] - values.mean()).sum() for own in members])
    count = len(members)
    return float(np.sqrt((sums @ sums) * count / (count - 1)) / len(values) * _student_over_normal(count - 1))


def _student_over_normal(freedom: int) -> float:
    """Quantile of Student's distribution for 95 % over the normal one, by the expansion of Cornish and Fisher."""
    square = 1.96**2
    return float(1 + (square + 1) / (4 * freedom) + (5 * square**2 + 16 * square + 3) / (96 * freedom**2))


def left_out_residuals(
    X: Float64Array,
    labels: Float64Array,
    members: Sequence[NDArray[np.intp]] | None,
    intercept: str | None,
    n_threads: int | None,
) -> Float64Array:
    """Residuals (n, q) of minimum-norm fits without each row, or without each row's cluster."""
    if members is None:
        return leave_one_out(X, labels, intercept=intercept, n_threads=n_threads)
    residuals = np.empty_like(labels)
    for own in members:
        rest = np.ones(len(X), dtype=bool)
        rest[own] = False
        fit = solve(X[rest], labels[rest], intercept=intercept, n_threads=n_threads)
        residuals[own] = labels[own] - fit.predict(X[own])
    return residuals


def effective(X: Float64Array, intercept: str | None) -> tuple[float, float]:
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


def refuse_centred(X: Float64Array, zero_mean: float) -> None:
    """Raise ValueError where rows add up to zero that would be independent otherwise."""
    n, p = X.shape
    if n <= p and (np.abs(X.mean(axis=0)) <= zero_mean * np.abs(X).max(axis=0)).all():
        raise ValueError(
            f"X has been centred, and has {n} rows of {p} features: each row is then known from the others; pass it "
            'as it was, with intercept="centred"'
        )


def looks_fitted(
    strong: Float64Array,
    weak: Float64Array,
    X: Float64Array,
    freedom: float,
    intercept: str | None,
    settings: AdvisorSettings,
) -> bool:
    """Whether the surrogate's labels are a linear smoother of y on these features, or miss y as another fit does."""
    n, missed = len(X), strong - weak
    if not missed.any():
        return False  # y itself, for advice on self-distillation alone
    rows = _rows_of_fit(X, intercept)
    if intercept == "centred":
        strong, missed = strong - strong.mean(), missed - missed.mean()
    fitted = strong - missed
    knows_something = fitted @ fitted > settings.same_smoother * (strong @ strong)
    if knows_something and any(_is_smoother(strong, missed, own, settings) for own in (rows, rows / _sizes(rows))):
        return True
    # The features explain far less of what a fit misses than they would by chance.
    if not settings.fewest_directions <= freedom < n:
        return False
    residual = missed - rows @ np.linalg.lstsq(rows, missed, rcond=None)[0]
    return bool(1 - (residual @ residual) / (missed @ missed) < settings.suspiciously_little * freedom / n)


def _is_smoother(strong: Float64Array, missed: Float64Array, rows: Float64Array, settings: AdvisorSettings) -> bool:
    """Whether labels are missed as ridge regression, principal components or early stopping of y miss them.

    Along each direction of the rows these miss a part of y, from 0 to 1, that does not fall as directions get smaller.
    Labels that know nothing of the noise in y do so in three directions by chance, hardly in five; directions along
    which they are nothing do not count, nor labels that are a part of y.
    """
    U, sizes, _ = np.linalg.svd(rows, full_matrices=False)
    U = U[:, sizes > np.finfo(np.float64).eps * max(rows.shape) * sizes[0]] if sizes[0] else U[:, :0]
    if U.shape[1] < settings.fewest_directions:
        return False
    along, missed_along = U.T @ strong, U.T @ missed
    outside = (missed - U @ missed_along) - (strong - U @ along)
    parts = missed_along / np.where(along == 0, 1.0, along)
    visible = parts[parts < 1 - settings.visible_part]
    if len(visible) < settings.fewest_directions or np.ptp(parts) < settings.visible_part:
        return False
    nearest = np.clip(np.maximum.accumulate(parts), 0.0, 1.0)
    misfit = np.square((nearest - parts) * along).sum() + outside @ outside
    return bool(misfit < settings.same_smoother * (missed @ missed))


def _sizes(rows: Float64Array) -> Float64Array:
    """Root mean squares of columns, 1 where there is nothing."""
    sizes = np.sqrt(np.square(rows).mean(axis=0))
    return np.where(sizes > 0, sizes, 1.0)
