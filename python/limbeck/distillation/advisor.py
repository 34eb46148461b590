"""Advice from data alone on which labels to train on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck._base.arrays import (
    Array,
    Float64Array,
    float_array,
    labels_array,
    power_of_two_scale,
    require_finite,
    same_length,
    thread_count,
)
from limbeck._base.frames import require_same_rows
from limbeck._base.intercepts import intercept_kind
from limbeck._base.text_table import text_table
from limbeck._base.warnings import warn
from limbeck.distillation.advice_errors import (
    Gain,
    Missed,
    best_weight,
    difference,
    effective,
    inflation,
    left_out_residuals,
    looks_fitted,
    refuse_centred,
)
from limbeck.distillation.distilled_labels import self_distilled
from limbeck.distillation.left_out import cluster_members, clusters_of, require_squares
from limbeck.distillation.settings import ADVISOR_SETTINGS, AdvisorSettings
from limbeck.ridgeless import generalized_cross_validation

__all__ = ["Advice", "advise"]


@dataclass(frozen=True, eq=False)
class Advice:
    """Leave-one-out errors of a ridgeless target, by the labels it is trained on, and of a ridge's own student.

    Attributes
    ----------
    recommendation : {"strong labels", "surrogate labels", "mixture", "self-distillation", "undecided"}
        The surrogate's labels or the mixture if their error is 1.645 standard errors below that of the strong labels,
        the mixture only where it is as many of its own below that of the surrogate's; self-distillation if its error
        is as many below that of the strong labels, and of whichever of the former is recommended otherwise; the strong
        labels if theirs is as many below the surrogate's; otherwise undecided: the rows cannot tell.
    strong_error, surrogate_error, mixture_error : float
        Mean squared leave-one-out errors against the strong labels.
    weight : float
        Weight of the surrogate's labels in the mixture ``weight * surrogate + (1 - weight) * strong`` of least error
        among weights from -2 to 2: beyond, there is nothing but chance, or a surrogate that has seen y.
    gain : float
        ``strong_error`` less that of the surrogate's labels, of the mixture or of self-distillation if that is
        recommended; of the first two, whichever looks better, if nothing is.
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
    self_distillation_error : float
        Mean squared leave-one-out error of self-distillation: ridge regression on
        ``(1 - mixing) * strong + mixing * fitted``, with the fitted values of ridge regression itself. For each of ten
        blocks of rows, ridge and mixing are those that the other blocks choose, so that the choosing is counted.
    self_distillation_gain, self_distillation_standard_error : float
        ``strong_error - self_distillation_error``, and its standard error.
    mixing, ridge : float
        Those that all rows choose. The ridge is scikit-learn's alpha, in the units of the features' squares; a mixing
        of zero is ridge regression on the strong labels.
    ridge_error : float
        Mean squared leave-one-out error of ridge regression on the strong labels, the choosing counted: how much of
        the gain is the ridge's alone.
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
    self_distillation_error: float
    self_distillation_gain: float
    self_distillation_standard_error: float
    mixing: float
    ridge: float
    ridge_error: float

    @property
    def _leaning(self) -> str:
        """Which labels look better where the recommendation is undecided."""
        if self.recommendation != "undecided":
            return ""
        if self.gain <= 0:
            return ": keep the strong labels, which look better, within the error"
        better = "surrogate labels look" if self.gain == self.surrogate_gain else "the mixture looks"
        return f": keep the strong labels until more rows decide; {better} better, within the error"

    def __str__(self) -> str:
        errors = text_table(
            [
                ["trained on", "squared error", "at rows left out of training"],
                ["strong labels", f"{self.strong_error:.5g}", ""],
                ["surrogate labels", f"{self.surrogate_error:.5g}", ""],
                ["mixture", f"{self.mixture_error:.5g}", f"(weight of the surrogate {self.weight:.2f})"],
                [
                    "self-distillation",
                    f"{self.self_distillation_error:.5g}",
                    f"(with {self.mixing:.2f} of ridge regression's predictions; without, {self.ridge_error:.5g})",
                ],
                ["gain", f"{self.gain:.3g} +- {self.standard_error:.2g}", "(on strong labels; +- one standard error)"],
            ],
            left=(0, 1, 2),
        )
        ridge, freedom = f"{self.effective_ridge:.3g}", f"{self.degrees_of_freedom:.4g}"
        lines = [f"train on: {self.recommendation}{self._leaning}", *(f"  {line}" for line in errors)]
        return "\n".join([*lines, f"degrees of freedom of a fit: {freedom}; effective ridge: {ridge}"])


def advise(
    X: ArrayLike,
    y: ArrayLike,
    surrogate_predictions: ArrayLike,
    *,
    intercept: str | None = "centred",
    n_threads: int | None = None,
    cluster: ArrayLike | None = None,
) -> Advice:
    r"""Compare training on given labels, on a surrogate's labels of the same rows, and on mixtures with either.

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
    cluster : array_like of shape (n,), optional
        Labels of groups of rows that share noise or features, of any kind; at least four. Whole clusters are then left
        out, and standard errors are those of sums over clusters.

    Returns
    -------
    Advice

    Raises
    ------
    TypeError
        An argument does not hold real numbers.
    ValueError
        Shapes disagree, there are fewer than eight rows or four clusters, a cluster's label is missing, or numbers are
        not finite, or so large or small that their squares leave float64; ``intercept`` is unknown; or there is none,
        and rows of more features than rows have been centred; pandas' row labels are the same in another order, or two
        columns have the same name.

    Warns
    -----
    UserWarning
        The surrogate's labels look as if they had been fitted to y: to three digits and more they miss y as ridge
        regression on these features does, or least squares, principal components or early stopping, along five
        directions at least. Forests, boosting and neighbours that have seen y are not told from good surrogates.

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

    Left-out predictions of a ridge student of its own ridge teacher are exact, without a refit, by the identities of
    Sherman, Morrison and Woodbury for both stages; they are linear in the mixing. That a student may gain on the best
    ridge, and that its mixing is then often negative: arXiv 2602.17565.

    Examples
    --------
    >>> import numpy as np
    >>> from limbeck.distillation import advise
    >>> rng = np.random.default_rng(0)
    >>> X, truth = rng.standard_normal((100, 200)), rng.standard_normal(200)
    >>> advise(X, X @ truth + 20 * rng.standard_normal(100), X @ truth).recommendation
    'surrogate labels'
    """
    require_same_rows(X=X, y=y, surrogate_predictions=surrogate_predictions, cluster=cluster)
    X = float_array(X, "X", 2, np.float64, objects=True)
    strong = labels_array(y, "y", np.float64)
    weak = labels_array(surrogate_predictions, "surrogate_predictions", np.float64)
    same_length(strong, "y", 0, X, "X", 0, "rows")
    same_length(weak, "surrogate_predictions", 0, X, "X", 0, "rows")
    if len(X) < ADVISOR_SETTINGS.fewest_rows:
        raise ValueError(f"X must have at least {ADVISOR_SETTINGS.fewest_rows} rows, got shape {X.shape}")
    require_finite(thread_count(n_threads), X=X, y=strong, surrogate_predictions=weak)
    require_squares(X=X, y=strong, surrogate_predictions=weak)
    groups = clusters_of(cluster, len(X), ADVISOR_SETTINGS.fewest_clusters)
    return advice_on(X, strong, weak, intercept_kind(intercept), n_threads, cluster=groups)


def advice_on(
    X: Float64Array,
    strong: Float64Array,
    weak: Float64Array,
    intercept: str | None,
    n_threads: int | None,
    settings: AdvisorSettings = ADVISOR_SETTINGS,
    cluster: Array | None = None,
) -> Advice:
    """Compare the labels; checked arguments of :func:`advise`."""
    # Squares must not leave float64; powers of two change no digit.
    unit = power_of_two_scale(np.stack([strong, weak]))
    strong, weak = strong / unit, weak / unit
    if intercept is None:
        refuse_centred(X, settings.zero_mean)
    members = cluster_members(cluster, len(X))
    labels = np.column_stack([strong, weak])
    tau, freedom = effective(X, intercept)
    if looks_fitted(strong, weak, X, freedom, intercept, settings):
        warn(
            "surrogate_predictions look as if the surrogate had been fitted to y on these rows: advice then favours it "
            "wrongly; pass labels of a surrogate that has not seen y of these rows, as out-of-fold predictions are",
            UserWarning,
        )
    residuals = left_out_residuals(X, labels, members, intercept, n_threads)
    own = self_distilled(X, strong, members, intercept, settings)
    judged = _Judged(
        strong=Missed(np.zeros(len(X)), residuals[:, 0]),
        weak=Missed(strong - weak, residuals[:, 1]),
        distilled=Missed(np.zeros(len(X)), own.residuals),
        inflation=inflation(freedom / len(X), len(X), settings.calibration),
        members=members,
        settings=settings,
    )
    recommendation, chosen = judged.recommend(settings.certain)
    by_surrogate = judged.gain(judged.strong, judged.weak)
    by_student = judged.gain(judged.strong, judged.distilled)
    gcv = np.asarray(generalized_cross_validation(X, labels, intercept=intercept, n_threads=n_threads))
    square = unit**2
    return Advice(
        recommendation=recommendation,
        strong_error=judged.strong.mean_square * square,
        surrogate_error=judged.weak.mean_square * square,
        mixture_error=judged.mixture.mean_square * square,
        weight=judged.weight,
        gain=chosen.mean * square,
        standard_error=chosen.standard_error * square,
        surrogate_gain=by_surrogate.mean * square,
        surrogate_standard_error=by_surrogate.standard_error * square,
        strong_gcv=float(gcv[0]) * square,
        surrogate_gcv=float(gcv[1]) * square,
        effective_ridge=tau,
        degrees_of_freedom=freedom,
        self_distillation_error=judged.distilled.mean_square * square,
        self_distillation_gain=by_student.mean * square,
        self_distillation_standard_error=by_student.standard_error * square,
        mixing=own.mixing,
        ridge=own.ridge,
        ridge_error=float(np.mean(np.square(own.ridge_residuals))) * square,
    )


class _Judged:
    """Errors of all targets at left-out rows, and the mixture of least error."""

    def __init__(
        self,
        strong: Missed,
        weak: Missed,
        distilled: Missed,
        inflation: float,
        members: list[NDArray[np.intp]] | None,
        settings: AdvisorSettings,
    ) -> None:
        self.strong, self.weak, self.distilled = strong, weak, distilled
        self._inflation, self._members = inflation, members
        self.weight = best_weight(strong, weak, settings.same_labels, settings.largest_weight)
        self.mixture = Missed(
            self.weight * weak.labels, self.weight * weak.residuals + (1 - self.weight) * strong.residuals
        )

    def gain(self, one: Missed, other: Missed) -> Gain:
        """Reduction of the mean square by the other one."""
        return difference(one, other, self._inflation, self._members)

    def recommend(self, certain: float) -> tuple[str, Gain]:
        """The recommendation, and the gain of what is recommended or looks better."""
        best, gain, labels = "mixture", self.gain(self.strong, self.mixture), self.mixture
        by_surrogate = self.gain(self.strong, self.weak)
        # A weight near one is no reason for a mixture: its error differs by less than its own uncertainty.
        if by_surrogate.mean > 0 and not self.gain(self.weak, self.mixture).exceeds(certain):
            best, gain, labels = "surrogate labels", by_surrogate, self.weak
        found = gain.exceeds(certain)
        by_student = self.gain(self.strong, self.distilled)
        # A student needs no surrogate; where another one is certain, it must be better than that for certain, too.
        if by_student.exceeds(certain) and not (found and not self.gain(labels, self.distilled).exceeds(certain)):
            return "self-distillation", by_student
        if found:
            return best, gain
        worse = by_surrogate.mean < -certain * by_surrogate.standard_error
        return "strong labels" if worse else "undecided", gain
