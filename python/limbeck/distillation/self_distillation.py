"""Self-distillation: ridge regression on labels that are mixed with the predictions of ridge regression."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from limbeck._base.arrays import Float64Array, integer
from limbeck.distillation.equivalents import (
    Risk,
    coefficients,
    deployment_variances,
    noise_of_labels,
)
from limbeck.distillation.risks import cross_risk_at, risk_by
from limbeck.distillation.stage_law import Moments, Quadratic, stage_law
from limbeck.distillation.stages import Ridge, SelfDistillation, Stage
from limbeck.distillation.task import Task, number, require_task

__all__ = ["SelfDistilled", "self_distillation"]

_SAME = 1e-9  # of the risk: what rounds add below that is the rounding of their cross risks


@dataclass(frozen=True)
class SelfDistilled:
    """The best mixing of self-distillation, and what it is worth.

    Attributes
    ----------
    mixing : float or tuple of floats
        Share of the fit's own predictions in the labels of the next fit, as for :class:`SelfDistillation`; a tuple for
        more rounds than one.
    risk : Risk
        Of the last fit.
    ridge_risk : Risk
        Of ridge regression alone.
    """

    mixing: float | tuple[float, ...]
    risk: Risk
    ridge_risk: Risk

    @property
    def gain(self) -> float:
        """By how much the risk falls; 0 or more."""
        return float(self.ridge_risk - self.risk)


def self_distillation(
    task: Task,
    n: int,
    ridge: float,
    surrogate: ArrayLike | None = None,
    *,
    rounds: int = 1,
    label_noise: float | None = None,
    test_eigenvalues: ArrayLike | None = None,
) -> SelfDistilled:
    """Find the mixing of self-distillation that gives the least predicted risk on n rows.

    Parameters
    ----------
    task, n, surrogate, label_noise, test_eigenvalues
        As for :func:`risk`.
    ridge : float
        Positive ridge of all fits.
    rounds : int, default 1
        Fits after the first, each on the labels mixed with the predictions of the one before.

    Returns
    -------
    SelfDistilled

    Raises
    ------
    TypeError, ValueError
        As for :func:`risk`; or the ridge is not positive.

    Warns
    -----
    NearPeakWarning
        As for :func:`risk`.

    Notes
    -----
    The last fit is a mixture ``sum_j v_j b_j``, ``sum v = 1``, of fits b_j to the predictions of b_{j - 1}. Its risk is
    a quadratic form in v, whose matrix holds the cross risks of the b_j (:func:`cross_risk`). For one round, with ``D =
    lambda d b / d lambda = b_1 - b``, the best mixing is ``-R' / (2 lambda |db/dlambda|^2)``, which has the sign of
    ``-R'``: negative where a larger ridge would be worse, so that labels are pushed away from predictions that are
    shrunk too much. Every ridge but the best one gains (arXiv 2602.17565; several rounds: arXiv 2407.04600).

    Examples
    --------
    >>> from limbeck.distillation import Task, self_distillation
    >>> found = self_distillation(Task.power_law(150, alpha=1.1, r=1.1, noise=0.1), 100, ridge=0.2)
    >>> found.mixing < 0 < found.gain
    True
    """
    require_task(task)
    n, rounds, alpha = integer(n, "n", 1), integer(rounds, "rounds", 1), number(ridge, "ridge")
    if alpha <= 0:
        raise ValueError(f"ridge must be positive, got {ridge!r}")
    s = task.beta if surrogate is None else coefficients(surrogate, "surrogate", task)
    t, noise = deployment_variances(test_eigenvalues, task), noise_of_labels(task, label_noise)
    alone = risk_by(stage_law(task, n, Ridge(alpha)), Ridge(alpha), s, t, noise)
    shares = _best_shares(_cross_risks(task, n, alpha, rounds, s, t, noise))
    mixing = _mixing_of(shares)
    kind = SelfDistillation(alpha, mixing)
    best = risk_by(stage_law(task, n, kind), kind, s, t, noise)
    if not best < alone:  # by rounding
        mixing, best = (0.0,) * rounds, alone
    return SelfDistilled(mixing if rounds > 1 else mixing[0], best, alone)


def _cross_risks(
    task: Task, n: int, alpha: float, rounds: int, s: Float64Array, t: Float64Array, noise: float
) -> Float64Array:
    """Cross risks of ridge regression and of fits to predictions of fits, one to ``rounds`` deep."""
    stages: list[Stage] = [Ridge(alpha), *(SelfDistillation(alpha, (1.0,) * deep) for deep in range(1, rounds + 1))]
    laws = [stage_law(task, n, stage, warn=False) for stage in stages]
    labels, risk_form = Moments(s, np.zeros_like(s)), Quadratic.risk(t, task.beta)
    found = np.empty((rounds + 1, rounds + 1))
    for i, law in enumerate(laws):
        found[i, i] = law.pulled_back(risk_form, noise).expected(labels)
        for j in range(i):
            found[i, j] = found[j, i] = cross_risk_at(law, laws[j], s, t, noise)
    return found


def _best_shares(cross: Float64Array) -> Float64Array:
    """Shares v, which add up to one, of the least ``v' cross v``."""
    steps = cross[1:, 1:] - cross[1:, :1] - cross[:1, 1:] + cross[0, 0]
    slopes = cross[0, 0] - cross[1:, 0]
    # Fits that are many rounds deep hardly differ: directions whose part of the risk is rounding are left as they are.
    values, vectors = np.linalg.eigh(steps)
    known = values > _SAME * max(cross[0, 0], values[-1])
    along = np.divide(vectors.T @ slopes, values, out=np.zeros_like(values), where=known)
    later = vectors @ along
    return np.concatenate([[1 - later.sum()], later])


def _mixing_of(shares: Float64Array) -> tuple[float, ...]:
    """Mixing of every round, the first round first, whose last fit is the mixture of fits with these shares."""
    found: list[float] = []
    rest = shares
    while len(rest) > 1:
        mixing = 1 - float(rest[0])
        found.append(mixing)
        rest = rest[1:] / mixing if mixing != 0 else np.eye(1, len(rest) - 1)[0]
    return tuple(reversed(found))
