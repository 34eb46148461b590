"""The best labels that a surrogate can make, the best mask of features, and what each is worth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck._base.arrays import Float64Array, integer
from limbeck._base.text_table import text_table
from limbeck.distillation.equivalents import (
    Equivalent,
    Risk,
    coefficients,
    deployment_variances,
    equivalent,
    equivalent_at,
    risk_at,
)
from limbeck.distillation.fixed_point import edge, edge_width, effective_ridge
from limbeck.distillation.risks import risk_by
from limbeck.distillation.stage_law import Quadratic, StageLaw, law_of, stage_law
from limbeck.distillation.stages import Ridge, Ridgeless, Stage, stage_of
from limbeck.distillation.task import Task, require_task

__all__ = ["LabelComparison", "compare_labels", "optimal_mask", "optimal_ridge", "optimal_surrogate"]

# Coefficients that make labels, or a function that gives them.
Labels = Float64Array | Callable[[Equivalent], Float64Array]

_GOLDEN = (5**0.5 - 1) / 2
# Of the grid of ridges: fewer might miss the lower of two minima, more cost a risk each.
_RIDGES_PER_DECADE = 4
_DECADES_ABOVE = 4  # above the eigenvalues' scale, where coefficients are within 1e-4 of zero and risks hardly change
_LEAST_ADDED, _LEAST_ALONE = 1e-4, 1e-14  # of the effective ridge without a ridge, or of the eigenvalues' scale
_SECTIONS = 40  # golden ones, of half a decade: to 1e-8 of it
_CLEAR = 5  # widths of the smallest eigenvalue's scatter above the lowest ridge: one draw in 10^5 is beyond that
_ROUNDING = 1e-12  # of a risk, a sum over up to some 10^6 features
_LEAST_BELOW = 1e-9  # of the way from no ridge to the lowest: ridges nearer to either end give the risks of the ends


def best_surrogate_by(law: StageLaw, t: Float64Array) -> Float64Array:
    """Coefficients of :func:`optimal_surrogate`, from the target's law and variances t in use.

    They have the least value of a diagonal form, and are zero where it does not depend on them.
    """
    form = law.pulled_back(Quadratic.risk(t, law.task.beta), 0.0)
    return np.divide(form.h, form.T, out=np.zeros_like(form.h), where=form.T > 0)


def best_mask_by(law: StageLaw, t: Float64Array) -> NDArray[np.bool_]:
    """Mask of :func:`optimal_mask`, from the target's law and variances t in use.

    It keeps the features with which the risk ``T s^2 - 2 k t beta s`` of labels by s = beta is lower than without.
    """
    form = law.pulled_back(Quadratic(t, np.zeros_like(t), 0.0), 0.0)
    return np.asarray(2 * law.kept * t > form.T)


def optimal_surrogate(
    task: Task, n: int, ridge: float = 0.0, *, stage: Stage | None = None, test_eigenvalues: ArrayLike | None = None
) -> Float64Array:
    """Coefficients (p,) whose labels give a target on n rows the least risk (arXiv 2410.18837, Corollary 1).

    The minimum of :func:`risk`, coefficient by coefficient: ``s_i = t_i (1 - z_i) beta_i / (t_i (1 - z_i)^2 +
    c l_i z_i^2)`` with ``c = V / (1 - Omega)``. Leading directions are amplified, the tail is shrunk: without a ridge
    and t = l, beta_i is amplified exactly where ``z_i < 1 - Omega``. For n > p it is beta itself. The labels' noise
    adds the same to every surrogate's risk, and takes no part: neither does its term of order 1/n, see :func:`risk`.

    Parameters
    ----------
    task : Task
        Features and ground truth.
    n : int
        Number of rows of the target.
    ridge : float, default 0
        As for :func:`risk`.
    stage : Stage, optional
        As for :func:`risk`.
    test_eigenvalues : array_like of shape (p,), optional
        As for :func:`risk`.

    Returns
    -------
    ndarray of shape (p,)
        In the task's basis.

    Raises
    ------
    TypeError, ValueError
        As for :func:`risk`.

    Warns
    -----
    NearPeakWarning
        As for :func:`risk`.

    Examples
    --------
    >>> from limbeck.distillation import Task, optimal_surrogate, risk
    >>> task = Task.power_law(500, alpha=2.0, r=1.5)
    >>> round(risk(task, 200, optimal_surrogate(task, 200)), 4)
    0.0833
    """
    require_task(task)
    law, t = stage_law(task, integer(n, "n", 1), stage_of(stage, ridge)), deployment_variances(test_eigenvalues, task)
    return best_surrogate_by(law, t)


def optimal_mask(
    task: Task, n: int, ridge: float = 0.0, *, stage: Stage | None = None, test_eigenvalues: ArrayLike | None = None
) -> NDArray[np.bool_]:
    """The features to keep (p,) if a surrogate is beta with the others set to zero (arXiv 2410.18837, section 3).

    Feature i is kept exactly where that lowers the risk: ``t_i z_i^2 + c l_i z_i^2 < t_i``; without a ridge and t = l,
    where ``1 - z_i^2 > Omega``. The labels' noise takes no part.

    Parameters
    ----------
    task, n, ridge, stage, test_eigenvalues
        As for :func:`optimal_surrogate`, and so are errors and warnings.

    Returns
    -------
    ndarray of shape (p,), bool
        In the task's basis.
    """
    require_task(task)
    law = stage_law(task, integer(n, "n", 1), stage_of(stage, ridge))
    return best_mask_by(law, deployment_variances(test_eigenvalues, task))


def optimal_ridge(task: Task, n: int, surrogate: ArrayLike | None = None) -> tuple[float, Risk]:
    """The ridge that gives a target on n rows the least predicted risk, and that risk.

    A scan of effective ridges, up to 10^4 times the eigenvalues' scale, and below that of no ridge, then golden
    sections; zero if nothing helps. Negative ridges stay clear of the limit of :func:`effective_ridge`, by five times
    the scatter of the smallest eigenvalue of ``X X' / n``: closer to it the prediction may be lower still, but there
    are draws for which ``X X' / n + ridge`` is nearly singular, and the mean risk is larger.

    Parameters
    ----------
    task, n, surrogate
        As for :func:`risk`.

    Returns
    -------
    ridge : float
        It is negative where the tail of small eigenvalues is more of a ridge than what is to be learned calls for:
        where beta, or the surrogate, lies along large eigenvalues and there is little noise.
    risk : Risk
        What :func:`risk` gives for that ridge, its noise part with the term of order 1/n.

    Raises
    ------
    TypeError, ValueError
        As for :func:`risk`.

    Warns
    -----
    NearPeakWarning
        As for :func:`risk`, at the ridge that is found.

    Notes
    -----
    That negative ridges can be best is in Kobak, Lomond and Sanchez, The optimal ridge penalty for real-world
    high-dimensional data can be zero or negative (JMLR 21, 2020), and Wu and Xu (arXiv 2006.05800).

    Examples
    --------
    >>> import numpy as np
    >>> from limbeck.distillation import Task, optimal_ridge
    >>> spikes = np.arange(200) < 10
    >>> ridge, least = optimal_ridge(Task(np.where(spikes, 100.0, 1.0), spikes * 1.0, noise=0.01), 60)
    >>> ridge < 0
    True
    """
    require_task(task)
    n = integer(n, "n", 1)
    s = task.beta if surrogate is None else coefficients(surrogate, "surrogate", task)
    ridge, _ = best_ridge_for(task, n, s)
    law = law_of(task, equivalent(task, n, ridge))  # warns near the peak
    return ridge, risk_by(law, Ridge(ridge), s, task.eigenvalues, task.noise)


def best_ridge_for(task: Task, n: int, s: Labels) -> tuple[float, Risk]:
    """Ridge and risk of :func:`optimal_ridge`, for checked arguments and without a warning near the peak.

    Coefficients s may be a function of the equivalent: those of the best surrogate depend on the ridge.
    """
    l = task.eigenvalues
    # Every effective ridge belongs to one ridge, which needs no root to be found.
    without = float(effective_ridge(l, n))
    top = float(l.max()) * task.n_features / n
    smallest = float(l[l > 0].min()) * task.n_features / n
    low = np.log10(without * _LEAST_ADDED if without > 0 else min(top * _LEAST_ALONE, smallest))
    exponents = np.arange(low, np.log10(top) + _DECADES_ABOVE, 1 / _RIDGES_PER_DECADE)
    candidates = [_least(task, n, s, lambda e: without + 10.0**e, exponents)]
    clear = edge(l, n)[1] + _CLEAR * edge_width(l, n)
    if clear < 0:
        lowest = float(effective_ridge(l, n, clear))
        # As fine next to one end as next to the other: logarithms of the part of the way that is gone over that left.
        span, ends = without - lowest, -np.log10(_LEAST_BELOW)
        exponents = np.arange(-ends, ends, 1 / _RIDGES_PER_DECADE)
        candidates.append(_least(task, n, s, lambda e: lowest + span / (1 + 10.0**e), exponents))
    ridge, value = min(candidates, key=lambda candidate: candidate[1])
    none = _risk_of_ridge(task, n, s, 0.0)
    # What is lower by rounding alone is no help.
    return (ridge, value) if value < (1 - _ROUNDING) * none else (0.0, none)


def _least(task: Task, n: int, s: Labels, tau: Callable[[float], float], exponents: Float64Array) -> tuple[float, Risk]:
    """The ridge of least risk along effective ridges: the best of a grid, then golden sections beside it."""

    def at(exponent: float) -> float:
        ridge = _ridge_of(task, n, tau(exponent))
        eq = equivalent_at(task, n, tau(exponent), ridge)
        value = float(_risk_of_labels(task, eq, s)) if eq.one_minus_omega > 0 else np.inf
        return value if np.isfinite(value) else np.inf

    values = [at(e) for e in exponents]
    best = int(np.argmin(values))
    left, right = exponents[max(best - 1, 0)], exponents[min(best + 1, len(exponents) - 1)]
    for _ in range(_SECTIONS):
        a, b = right - _GOLDEN * (right - left), left + _GOLDEN * (right - left)
        left, right = (left, b) if at(a) < at(b) else (a, right)
    ridge = _ridge_of(task, n, tau((left + right) / 2))
    return ridge, _risk_of_ridge(task, n, s, ridge)


def _ridge_of(task: Task, n: int, tau: float) -> float:
    """The ridge that an effective ridge belongs to."""
    l = task.eigenvalues[task.eigenvalues > 0]
    return float(tau * ((n - len(l) + float((tau / (l + tau)).sum())) / n))


def _risk_of_ridge(task: Task, n: int, s: Labels, ridge: float) -> Risk:
    """Risk of labels by coefficients s, with a ridge."""
    return _risk_of_labels(task, equivalent(task, n, ridge, warn=False), s)


def _risk_of_labels(task: Task, eq: Equivalent, s: Labels) -> Risk:
    """Risk of labels by coefficients s."""
    return risk_at(task, eq, s(eq) if callable(s) else s, task.eigenvalues, task.noise)


@dataclass(frozen=True)
class LabelComparison:
    """Predicted risks of a target on n rows, by how it is trained; with noise in all labels unless said.

    Attributes
    ----------
    n : int
        Number of rows.
    true_labels, best_surrogate, best_mask : Risk
        Ridgeless, or trained as asked for, on the true labels, on those of :func:`optimal_surrogate` and of beta under
        :func:`optimal_mask`.
    best_ridge : Risk
        On the true labels with the ridge of least risk, which may be negative.
    ridge : float
        That ridge.
    noiseless_labels, noiseless_surrogate : Risk
        The same on the true labels and on the best surrogate's if nothing made them noisy: what a surrogate without
        noise is worth.
    amplified, kept : int
        How many features the best surrogate amplifies, and how many the mask keeps.
    """

    n: int
    true_labels: Risk
    best_surrogate: Risk
    best_mask: Risk
    best_ridge: Risk
    ridge: float
    noiseless_labels: Risk
    noiseless_surrogate: Risk
    amplified: int
    kept: int

    @property
    def surrogate_gain(self) -> float:
        """Part of the true labels' risk that the best surrogate saves; NaN where that is infinite."""
        return self._saved(self.best_surrogate)

    @property
    def mask_gain(self) -> float:
        """Part of the true labels' risk that the best mask saves."""
        return self._saved(self.best_mask)

    @property
    def ridge_gain(self) -> float:
        """Part of the true labels' risk that the best ridge saves."""
        return self._saved(self.best_ridge)

    def _saved(self, value: Risk) -> float:
        if not np.isfinite(self.true_labels):
            return float("nan")
        return 1 - value / self.true_labels if self.true_labels else 0.0

    def __str__(self) -> str:
        risks = [
            ("true labels", self.true_labels),
            (f"best surrogate ({self.amplified} amplified)", self.best_surrogate),
            (f"best mask ({self.kept} kept)", self.best_mask),
            (f"best ridge ({self.ridge:.3g})", self.best_ridge),
        ]
        if self.true_labels.noise > 0:
            risks += [("noiseless labels", self.noiseless_labels), ("noiseless best", self.noiseless_surrogate)]
        gains = [self._saved(value) for _, value in risks]
        cells = [
            [name, f"{value:.5g}", f"{gain:.1%}" if np.isfinite(gain) else "-"]
            for (name, value), gain in zip(risks, gains, strict=True)
        ]
        return "\n".join([f"n = {self.n} rows", *text_table([["trained on", "risk", "saved"], *cells])])


def compare_labels(task: Task, n: int, *, stage: Stage | None = None) -> LabelComparison:
    """Compare the best surrogate, the best mask and the best ridge with the true labels.

    Parameters
    ----------
    task : Task
        Features, ground truth and noise.
    n : int
        Number of rows of the target.
    stage : Stage, optional
        How the target is trained but for the best ridge, as for :func:`risk`; default :class:`Ridgeless`.

    Returns
    -------
    LabelComparison

    Raises
    ------
    TypeError, ValueError
        As for :func:`risk`.

    Warns
    -----
    NearPeakWarning
        As for :func:`risk`.

    Examples
    --------
    >>> from limbeck.distillation import Task, compare_labels
    >>> print(compare_labels(Task.power_law(500, alpha=2.0, r=1.5), 200))
    n = 200 rows
    trained on                          risk  saved
    true labels                      0.11937   0.0%
    best surrogate (126 amplified)  0.083251  30.3%
    best mask (203 kept)            0.089662  24.9%
    best ridge (3.61e-06)            0.11807   1.1%
    """
    require_task(task)
    n, kind = integer(n, "n", 1), Ridgeless() if stage is None else stage_of(stage, 0.0)
    law, t = stage_law(task, n, kind), task.eigenvalues
    surrogate, mask = best_surrogate_by(law, t), best_mask_by(law, t)

    def of(s: Float64Array, noise: float) -> Risk:
        return risk_by(law, kind, s, t, noise)

    ridge, _ = best_ridge_for(task, n, task.beta)
    with_ridge = stage_law(task, n, Ridge(ridge), warn=False)
    return LabelComparison(
        n=n,
        true_labels=of(task.beta, task.noise),
        best_surrogate=of(surrogate, task.noise),
        best_mask=of(task.beta * mask, task.noise),
        best_ridge=risk_by(with_ridge, Ridge(ridge), task.beta, t, task.noise),
        ridge=ridge,
        noiseless_labels=of(task.beta, 0.0),
        noiseless_surrogate=of(surrogate, 0.0),
        amplified=int(np.count_nonzero(np.abs(surrogate) > np.abs(task.beta) * (1 + 1e-12))),
        kept=int(np.count_nonzero(mask)),
    )
