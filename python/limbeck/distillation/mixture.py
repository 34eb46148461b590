"""The best mixture of true labels and a surrogate's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from limbeck._base.arrays import integer
from limbeck.distillation.equivalents import Risk, coefficients, deployment_variances, noise_of_labels
from limbeck.distillation.risks import risk_by
from limbeck.distillation.stage_law import Quadratic, stage_law
from limbeck.distillation.stages import Stage, stage_of
from limbeck.distillation.task import Task, nonnegative, require_task

__all__ = ["OptimalMixture", "optimal_mixture"]


@dataclass(frozen=True)
class OptimalMixture:
    """The best mixture ``(1 - weight) true + weight surrogate`` of labels of the same rows.

    Attributes
    ----------
    weight : float
        Weight of the surrogate's labels; it may be negative, or exceed one.
    risk : Risk
        Of a target on the mixture.
    true_risk, surrogate_risk : Risk
        Of targets on the true labels and on the surrogate's alone.
    """

    weight: float
    risk: Risk
    true_risk: Risk
    surrogate_risk: Risk


def optimal_mixture(
    task: Task,
    n: int,
    surrogate: ArrayLike,
    surrogate_noise: float = 0.0,
    ridge: float = 0.0,
    *,
    stage: Stage | None = None,
    label_noise: float | None = None,
    test_eigenvalues: ArrayLike | None = None,
) -> OptimalMixture:
    """Find the mixture of true and surrogate labels that gives a target on n rows the least predicted risk.

    Parameters
    ----------
    task, n, ridge, stage, test_eigenvalues
        As for :func:`risk`.
    surrogate : array_like of shape (p,)
        Coefficients of the surrogate, in the task's basis.
    surrogate_noise : float, default 0
        Variance of the noise of the surrogate's labels, independent of that of the true ones.
    label_noise : float, optional
        Variance of the noise of the true labels; default the task's.

    Returns
    -------
    OptimalMixture

    Raises
    ------
    TypeError, ValueError
        As for :func:`risk`.

    Warns
    -----
    NearPeakWarning
        As for :func:`risk`.

    Notes
    -----
    A mixture is labelled by ``beta + w (s - beta)`` with noise of variance ``(1 - w)^2 sigma^2 + w^2 sigma_s^2``, so
    that the risk is a parabola in w (arXiv 2402.04376 and 2509.22341). :func:`advise` estimates the weight from data.

    Examples
    --------
    >>> from limbeck.distillation import Task, optimal_mixture
    >>> task = Task.power_law(300, alpha=1.5, r=1.5, noise=0.5)
    >>> found = optimal_mixture(task, 100, 0.8 * task.beta)
    >>> 0 < found.weight < 1 and found.risk < min(found.true_risk, found.surrogate_risk)
    True
    """
    require_task(task)
    n, kind = integer(n, "n", 1), stage_of(stage, ridge)
    s = coefficients(surrogate, "surrogate", task)
    of_surrogate = nonnegative(surrogate_noise, "surrogate_noise")
    of_labels, t = noise_of_labels(task, label_noise), deployment_variances(test_eigenvalues, task)
    law = stage_law(task, n, kind)
    form = law.pulled_back(Quadratic.risk(t, task.beta), 0.0)
    for_noise = law.noise_part(t, 1.0) if of_labels + of_surrogate > 0 else 0.0
    step = s - task.beta
    bend = float(step @ form.times(step)) + for_noise * (of_labels + of_surrogate)
    slope = float(form.h @ step - form.times(task.beta) @ step) + for_noise * of_labels
    if np.isinf(for_noise):  # noise alone decides
        bend, slope = of_labels + of_surrogate, of_labels
    weight = slope / bend if bend > 0 else 0.0

    def at(w: float) -> Risk:
        noise = (1 - w) ** 2 * of_labels + w**2 * of_surrogate
        return risk_by(law, kind, task.beta + w * step, t, noise)

    return OptimalMixture(weight, at(weight), at(0.0), at(1.0))
