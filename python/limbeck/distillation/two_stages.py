"""Risks of two stages: a target whose labels come from a surrogate that was itself fitted to rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck._base.arrays import Float64Array, integer, same_length
from limbeck.distillation.equivalents import (
    Risk,
    deployment_variances,
    equivalent,
    noise_of_labels,
    risk_at,
    times,
    variance_factor,
    weighted,
)
from limbeck.distillation.task import Task, number, require_task

__all__ = ["FirstStage", "surrogate_risk", "two_stage_risk"]


def two_stage_risk(
    task: Task,
    n: int,
    surrogate_task: Task,
    m: int,
    *,
    ridge: float = 0.0,
    surrogate_ridge: float = 0.0,
    features: ArrayLike | None = None,
    label_noise: float | None = None,
    test_eigenvalues: ArrayLike | None = None,
) -> Risk:
    r"""Excess risk of a target on n rows that are labelled by a surrogate, itself fitted to m rows.

    Parameters
    ----------
    task : Task
        The target's: features, ground truth, and the variance of the noise of the surrogate's labels unless
        ``label_noise`` is given.
    n : int
        Number of rows of the target.
    surrogate_task : Task
        The surrogate's: the same features, with a covariance, truth and noise variance that may differ. Each task has a
        basis of its own, and the covariances need not commute; a task without a basis has the features' own axes.
    m : int
        Number of rows of the surrogate.
    ridge, surrogate_ridge : float, default 0
        Of the target and of the surrogate; as for :func:`risk`.
    features : array_like of shape (p,), bool, optional
        What the surrogate sees, in the basis of ``surrogate_task`` (its principal components, if that is of a
        covariance); default everything. A weak surrogate sees less than its strong target.
    label_noise : float, optional
        Variance of the noise of the target's labels, as for :func:`risk`; that of the surrogate's own labels is
        ``surrogate_task.noise``.
    test_eigenvalues : array_like of shape (p,), optional
        As for :func:`risk`, in the basis of ``task``.

    Returns
    -------
    Risk
        Averaged over the surrogate's rows as well. The parts are those of the target: what the surrogate's own scatter
        adds counts as variance.

    Raises
    ------
    TypeError, ValueError
        As for :func:`risk`; or the tasks differ in their number of features.

    Warns
    -----
    NearPeakWarning
        Either stage is near its peak.

    Notes
    -----
    In its own basis the surrogate is ``(1 - z') b' + N(0, diag(v))``, ``v_i = gamma'^2 l'_i / (m (l'_i + tau')^2)`` in
    the notation of :func:`risk` with the surrogate's own numbers (Han and Xu; arXiv 2410.18837, section 4, for two
    stages with true labels first, and covariances of one eigenbasis). Features are independent in the eigenbasis, so
    that those that the surrogate does not see are noise to it, of variance ``sum l'_i b'_i^2``, and it has no
    coefficients for them.

    With the bases B of the target and B' of the surrogate, ``U = B^T B'``, the target is labelled by ``s = U s'``. Its
    risk is a sum of squares of single coefficients of s: the mean over s is the risk of the mean ``U (1 - z') b'`` plus
    ``sum (t_i (1 - z_i)^2 + c l_i z_i^2) w_i`` with ``c = V / (1 - Omega)`` and ``w = (U * U) v``, the diagonal of ``U
    diag(v) U^T``, which alone enters.

    Examples
    --------
    >>> from limbeck.distillation import Task, two_stage_risk
    >>> task = Task.power_law(500, alpha=2.0, r=1.5, noise=0.1)
    >>> two_stage_risk(task, 200, task, 5000) > two_stage_risk(task, 200, task, 50_000)
    True
    """
    first = FirstStage.checked(task, surrogate_task, m, surrogate_ridge, features)
    mean, scatter = first.coefficients_for(task)
    eq = equivalent(task, n, ridge)
    t = deployment_variances(test_eigenvalues, task)
    base = risk_at(task, eq, mean, t, noise_of_labels(task, label_noise))
    spread = weighted(t * np.square(1 - eq.z), scatter)
    left_over = weighted(task.eigenvalues * np.square(eq.z), scatter)
    return Risk(base.bias, base.variance + spread + times(variance_factor(task, eq, t), left_over), base.noise)


def surrogate_risk(
    task: Task,
    surrogate_task: Task,
    m: int,
    *,
    surrogate_ridge: float = 0.0,
    features: ArrayLike | None = None,
    test_eigenvalues: ArrayLike | None = None,
) -> Risk:
    """Excess risk on a task of the surrogate itself that :func:`two_stage_risk` labels with.

    Parameters, errors and warnings are those of :func:`two_stage_risk`, bases included.

    Examples
    --------
    >>> import numpy as np
    >>> from limbeck.distillation import Task, surrogate_risk, two_stage_risk
    >>> task, seen = Task.power_law(500, alpha=2.0, r=1.5), np.arange(500) < 50
    >>> surrogate_risk(task, task, 2000, features=seen) < two_stage_risk(task, 200, task, 2000, features=seen)
    True
    """
    first = FirstStage.checked(task, surrogate_task, m, surrogate_ridge, features)
    mean, scatter = first.coefficients_for(task)
    t = deployment_variances(test_eigenvalues, task)
    return Risk(float((t * np.square(mean - task.beta)).sum()), weighted(t, scatter), 0.0)


@dataclass(frozen=True, eq=False)
class FirstStage:
    """A surrogate that is itself fitted to rows: the checked arguments."""

    task: Task  # the surrogate's own
    m: int  # rows
    ridge: float
    seen: NDArray[np.bool_]  # (p,): features that the surrogate sees, in the basis of its task

    @classmethod
    def checked(
        cls, target: Task, surrogate_task: Task, m: int, ridge: float, features: ArrayLike | None
    ) -> FirstStage:
        """Check the arguments, and that the tasks go together.

        Raises
        ------
        TypeError, ValueError
            An argument is of another type or out of its range, or the tasks differ in their number of features.
        """
        require_task(target)
        seen = _seen_features(target, surrogate_task, features)
        return cls(surrogate_task, integer(m, "m", 1), number(ridge, "surrogate_ridge"), seen)

    def coefficients_for(self, target: Task) -> tuple[Float64Array, Float64Array]:
        """Mean and variance of the surrogate's coefficients, in the basis of the target's task."""
        mean, scatter = self._coefficients()
        if _same_basis(target, self.task):
            return mean, scatter
        return target.to_eigenbasis(self.task.from_eigenbasis(mean)), _in_other_basis(scatter, target, self.task)

    def _coefficients(self) -> tuple[Float64Array, Float64Array]:
        """Mean and variance of the coefficients of a regression that sees some of the features, in its own basis."""
        task, seen = self.task, self.seen
        l, b = task.eigenvalues[seen], task.beta[seen]
        hidden = float((task.eigenvalues[~seen] * np.square(task.beta[~seen])).sum())
        inner = Task(l, b, task.noise + hidden)
        eq = equivalent(inner, self.m, self.ridge)
        mean, variance = np.zeros(task.n_features), np.zeros(task.n_features)
        mean[seen] = (1 - eq.z) * b
        left_over = float((l * np.square(eq.z * b)).sum())
        # Without a ridge nothing is left over where nothing of 1 - Omega is.
        known = left_over > 0 and eq.one_minus_omega > 0
        scatter = eq.spread(inner) * (left_over / eq.one_minus_omega) if known else np.zeros_like(l)
        if inner.noise > 0:
            spread, factors = eq.spread(inner), inner.noise * eq.noise_factors(inner)
            scatter += np.multiply(factors, spread, out=np.zeros_like(l), where=spread > 0)
        variance[seen] = scatter
        return mean, variance


def _same_basis(one: Task, other: Task) -> bool:
    """Whether two tasks have the same eigenvectors, in the same order."""
    if one.basis is None or other.basis is None:
        return one.basis is other.basis
    return one.basis is other.basis or np.array_equal(one.basis, other.basis)


def _in_other_basis(variances: Float64Array, to: Task, of: Task) -> Float64Array:
    """Variances, in the basis of one task, of coefficients that are independent in the basis of another."""
    rotation = to.basis.T if to.basis is not None else np.eye(to.n_features)
    if of.basis is not None:
        rotation = rotation @ of.basis
    # Entries that are rounding alone must not multiply an infinite variance.
    rotation = np.where(np.abs(rotation) > to.n_features * np.finfo(np.float64).eps, rotation, 0.0)
    squares, endless = np.square(rotation), np.isinf(variances)
    turned = squares @ np.where(endless, 0.0, variances)
    turned[squares[:, endless].any(axis=1)] = np.inf
    return np.asarray(turned)


def _seen_features(task: Task, surrogate_task: Task, features: ArrayLike | None) -> NDArray[np.bool_]:
    """Checked mask of the features that the surrogate sees; all by default."""
    require_task(surrogate_task, "surrogate_task")
    if surrogate_task.n_features != task.n_features:
        raise ValueError(
            "task and surrogate_task must have the same number of features, got "
            f"{task.n_features} and {surrogate_task.n_features}"
        )
    if features is None:
        return np.ones(task.n_features, dtype=bool)
    return _feature_mask(features, surrogate_task)


def _feature_mask(value: ArrayLike, task: Task) -> NDArray[np.bool_]:
    """A bool for each feature of a task, at least one of them true."""
    array = np.asarray(value)
    if array.dtype != bool or array.ndim != 1:
        raise TypeError(f"features must be a one-dimensional bool array, got dtype {array.dtype}, shape {array.shape}")
    same_length(array, "features", 0, task.eigenvalues, "the task's eigenvalues", 0, "features")
    # A view of other bytes may hold any of them, which NumPy counts and inverts as if they were 0 and 1.
    array = np.asarray(np.ascontiguousarray(array).view(np.uint8) != 0)
    if not (array & (task.eigenvalues > 0)).any():
        raise ValueError("features names none with a positive eigenvalue")
    return array
