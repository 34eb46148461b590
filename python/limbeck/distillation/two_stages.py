"""Risks of two stages: a target whose labels come from a surrogate that was itself fitted to rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck._base.arrays import Float64Array, integer, same_length
from limbeck.distillation.chain import rotation_between
from limbeck.distillation.equivalents import Risk, deployment_variances, noise_of_labels, risk_at, weighted
from limbeck.distillation.filtered_trials import filtered_fit
from limbeck.distillation.spread import deviation_of_form
from limbeck.distillation.stage_law import Moments, Quadratic, StageLaw, stage_law
from limbeck.distillation.stages import Stage, stage_of
from limbeck.distillation.task import Task, require_task

__all__ = ["FirstStage", "surrogate_risk", "two_stage_risk"]


def two_stage_risk(
    task: Task,
    n: int,
    surrogate_task: Task,
    m: int,
    *,
    ridge: float = 0.0,
    surrogate_ridge: float = 0.0,
    stage: Stage | None = None,
    surrogate_stage: Stage | None = None,
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
    stage, surrogate_stage : Stage, optional
        How the target and the surrogate are trained, in place of ridges; as for :func:`risk`.
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
        adds counts as variance. The standard deviation is over draws of the rows of both.

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
    kind = stage_of(stage, ridge)
    first = FirstStage.checked(task, surrogate_task, m, surrogate_ridge, features, surrogate_stage)
    labels = first.coefficients_for(task)
    law = stage_law(task, integer(n, "n", 1), kind)
    t, noise = deployment_variances(test_eigenvalues, task), noise_of_labels(task, label_noise)
    form = Quadratic.risk(t, task.beta)
    back = law.pulled_back(form, noise)
    found = mean_risk(law, labels, t, noise)
    own = deviation_of_form(law.for_spread(kind), form, labels, noise)
    spread = float(np.hypot(own, first.deviation_of(back, task)))
    return Risk(found.bias, found.variance, found.noise, spread)


def mean_risk(law: StageLaw, labels: Moments, t: Float64Array, noise: float) -> Risk:
    """Risk of a target on labels by random coefficients, without its standard deviation; checked arguments."""
    task = law.task
    if law.single is not None:
        base = risk_at(task, law.single, labels.mean, t, noise)
    else:
        bias = float((t * np.square(law.kept * labels.mean - task.beta)).sum())
        base = Risk(bias, float((t * law.scatter(np.square(labels.mean), 0.0)).sum()), law.noise_part(t, noise))
    weights = law.pulled_back(Quadratic(t, np.zeros_like(t), 0.0), 0.0).diagonal
    return Risk(base.bias, base.variance + weighted(weights, labels.variances), base.noise)


def surrogate_risk(
    task: Task,
    surrogate_task: Task,
    m: int,
    *,
    surrogate_ridge: float = 0.0,
    surrogate_stage: Stage | None = None,
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
    first = FirstStage.checked(task, surrogate_task, m, surrogate_ridge, features, surrogate_stage)
    found, t = first.coefficients_for(task), deployment_variances(test_eigenvalues, task)
    spread = first.deviation_of(Quadratic.risk(t, task.beta), task)
    return Risk(float((t * np.square(found.mean - task.beta)).sum()), weighted(t, found.variances), 0.0, spread)


@dataclass(frozen=True, eq=False)
class FirstStage:
    """A surrogate that is itself fitted to rows: the checked arguments."""

    task: Task  # the surrogate's own
    m: int  # rows
    stage: Stage
    seen: NDArray[np.bool_]  # (p,): features that the surrogate sees, in the basis of its task

    @classmethod
    def checked(
        cls,
        target: Task,
        surrogate_task: Task,
        m: int,
        ridge: float,
        features: ArrayLike | None,
        stage: Stage | None = None,
    ) -> FirstStage:
        """Check the arguments, and that the tasks go together.

        Raises
        ------
        TypeError, ValueError
            An argument is of another type or out of its range, or the tasks differ in their number of features.
        """
        require_task(target)
        seen = _seen_features(target, surrogate_task, features)
        kind = stage_of(stage, ridge, "surrogate_ridge", "surrogate_stage")
        return cls(surrogate_task, integer(m, "m", 1), kind, seen)

    def coefficients_for(self, target: Task) -> Moments:
        """Mean and variances of the surrogate's coefficients, in the basis of the target's task."""
        law = self._law(warn=True)
        inner = law.after(_certain(law.task.beta), law.task.noise)
        mean, variances = np.zeros(self.task.n_features), np.zeros(self.task.n_features)
        mean[self.seen], variances[self.seen] = inner.mean, inner.variances
        rotation = rotation_between(target, self.task)
        if rotation is None:
            return Moments(mean, variances)
        turned = target.to_eigenbasis(self.task.from_eigenbasis(mean))
        return Moments(turned, _in_other_basis(variances, rotation))

    def deviation_of(self, form: Quadratic, target: Task) -> float:
        """Standard deviation over the surrogate's rows of a form of its coefficients in the basis of that task."""
        law = self._law(warn=False).for_spread(self.stage)
        own, seen = form.rotated(rotation_between(target, self.task)), self.seen
        T = own.T[seen] if own.T.ndim == 1 else own.T[np.ix_(seen, seen)]
        some = Quadratic(T, own.h[seen], own.constant)
        return deviation_of_form(law, some, _certain(law.task.beta), law.task.noise)

    def draw(self, rng: np.random.Generator, target: Task) -> Float64Array:
        """Coefficients of one surrogate on new rows, in the basis of the target's task."""
        inner = self._law(warn=False).task
        found = np.zeros(self.task.n_features)
        found[self.seen] = filtered_fit(rng, inner, self.m, self.stage, inner.beta, inner.noise)
        return target.to_eigenbasis(self.task.from_eigenbasis(found))

    def _law(self, *, warn: bool) -> StageLaw:
        """Law of the fit to what is seen; the other features are noise to it."""
        l, b, seen = self.task.eigenvalues, self.task.beta, self.seen
        hidden = float((l[~seen] * np.square(b[~seen])).sum())
        return stage_law(Task(l[seen], b[seen], self.task.noise + hidden), self.m, self.stage, warn=warn)


def _certain(coefficients: Float64Array) -> Moments:
    """Moments of coefficients that do not vary."""
    return Moments(coefficients, np.zeros_like(coefficients))


def _in_other_basis(variances: Float64Array, rotation: Float64Array) -> Float64Array:
    """Variances of rotated coefficients, that are independent before."""
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
