r"""What ridge and ridgeless regression do on Gaussian features, as deterministic equivalents of sharp asymptotics.

A target is fitted to n rows ``x ~ N(0, diag(l))`` labelled ``<x, s> + noise`` with variance ``sigma^2``; it minimises
``|y - X b|^2 / n + ridge |b|^2``, and for ridge = 0 it is the interpolator of least norm. With tau from
:func:`effective_ridge` and ``z = tau / (l + tau)``, ``Omega = sum (1 - z)^2 / n``, it behaves like

    b_i = (1 - z_i) s_i + gamma sqrt(l_i / n) / (l_i + tau) h_i,   h ~ N(0, 1) independent,
    gamma^2 = (sigma^2 + sum l_i z_i^2 s_i^2) / (1 - Omega).

Sources: Ildiz, Gozeten, Taga, Mondelli and Oymak, High-dimensional analysis of knowledge distillation (ICLR 2025, arXiv
2410.18837), for the risk under surrogate labels; Han and Xu, The distribution of ridgeless least squares interpolators
(arXiv 2307.02044), for the law of b. With a ridge, gamma^2 solves ``gamma^2 = sigma^2 + E|b - s|^2_l``, of which the
second term is ``sum l_i z_i^2 s_i^2 + gamma^2 Omega``: the same expression, tau alone knows of the ridge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck._arrays import Float64Array, integer, require_finite, same_length, vector
from limbeck._warnings import warn
from limbeck.distillation.task import Task, eigenvalues_array, nonnegative, require_task

__all__ = [
    "Equivalent",
    "NearPeakWarning",
    "Risk",
    "effective_ridge",
    "equivalent",
    "risk",
    "surrogate_risk",
    "two_stage_risk",
]

_NEAR_PEAK = 0.85  # of Omega
_FEW_LEFT = 5  # rows times 1 - Omega: predictions are off by about one over that
_STEPS = 200
_CONVERGED = 1e-9  # of Newton's steps: the next would be its square


class NearPeakWarning(UserWarning):
    """The rows are few, or near the number of features that count: a predicted risk is not reliable there."""


class Risk(float):
    """A predicted risk: a float that also tells its parts, which add up to it.

    Attributes
    ----------
    bias : float
        Of the mean of the fitted coefficients.
    variance : float
        From the draw of the rows, without the labels' noise.
    noise : float
        From the labels' noise.
    """

    bias: float
    variance: float
    noise: float

    def __new__(cls, bias: float, variance: float, noise: float) -> Risk:  # noqa: D102
        self = super().__new__(cls, bias + variance + noise)
        self.bias, self.variance, self.noise = bias, variance, noise
        return self

    def __getnewargs__(self) -> tuple[float, float, float]:  # type: ignore[override]
        return self.bias, self.variance, self.noise


def effective_ridge(eigenvalues: ArrayLike, n: ArrayLike, ridge: float = 0.0) -> float | Float64Array:
    """The tau >= 0 with ``n = sum l_i / (l_i + tau) + n ridge / tau``.

    Parameters
    ----------
    eigenvalues : array_like of shape (p,)
        Variances of the features, in any order.
    n : int or array_like of ints
        Numbers of rows, at least 1.
    ridge : float, default 0
        Of the loss ``|y - X b|^2 / n + ridge |b|^2``.

    Returns
    -------
    float, or ndarray of the shape of n
        Relative error some 1e-14. Zero without a ridge where n reaches the number of positive eigenvalues.

    Raises
    ------
    TypeError, ValueError
        Eigenvalues are empty, negative, all zero or not finite; n is not a positive integer; the ridge is negative.

    Examples
    --------
    >>> from limbeck.distillation import effective_ridge
    >>> effective_ridge([1.0] * 100, 25)
    3.0
    """
    if isinstance(eigenvalues, Task):
        raise TypeError("eigenvalues must be an array, got a Task: pass its eigenvalues")
    l = eigenvalues_array(eigenvalues, "eigenvalues")
    ridge = nonnegative(ridge, "ridge")
    positive = l[l > 0]
    counts = np.asarray(n)
    taus = [_effective_ridge(positive, integer(count, "n", 1), ridge) for count in counts.ravel().tolist()]
    return taus[0] if counts.ndim == 0 else np.array(taus).reshape(counts.shape)


def _effective_ridge(l: Float64Array, n: int, ridge: float) -> float:
    """Newton's method in log tau, within a bracket."""
    if ridge == 0 and n >= len(l):
        return 0.0
    # In units of the largest eigenvalue, so that nothing leaves the range of float64.
    unit = float(l.max())
    l, ridge = l / unit, ridge / unit
    high = float(l.sum()) / n + ridge
    # If all eigenvalues were as the smallest; if the ridge were alone.
    low = max(ridge, float(l.min()) * (len(l) - n) / n, np.finfo(np.float64).tiny)
    u, bottom, top = np.log(high), np.log(min(low, high)), np.log(high)
    for _ in range(_STEPS):
        excess, slope = _excess(l, n, ridge, float(np.exp(u)))
        if excess > 0:
            bottom = u
        else:
            top = u
        # Sums of power laws are nearly linear in logarithms; near the solution both steps agree.
        step = np.log1p(excess / n) * (n + excess) / slope if excess > -0.9 * n else excess / slope
        newton = bottom <= u + step <= top
        u = u + step if newton else (bottom + top) / 2
        if newton and abs(step) < _CONVERGED:
            break
    return float(np.exp(u)) * unit


def _excess(l: Float64Array, n: int, ridge: float, tau: float) -> tuple[float, float]:
    """``sum l / (l + tau) + n ridge / tau - n`` without cancellation, and minus its derivative in log tau."""
    large = l > tau
    whole = l + tau
    share = np.where(large, tau, l) / whole  # never more than a half
    more, less = float(share[~large].sum()), float(share[large].sum())
    pull, count = n * (ridge / tau), int(np.count_nonzero(large))
    # Whole numbers first; or the ridge and n, where these nearly cancel.
    whole_part = n * ((ridge - tau) / tau) + count if ridge > 0.5 * tau else (count - n) + pull
    excess = whole_part - less + more
    return excess, float((share * (1 - share)).sum()) + pull


@dataclass(frozen=True, eq=False)
class Equivalent:
    """Numbers that describe a regression on n rows: see the module's notation. ``left`` is 1 - Omega, accurately."""

    tau: float
    z: Float64Array
    omega: float
    left: float

    def spread(self, task: Task, n: int) -> Float64Array:
        """Variance of each fitted coefficient for gamma = 1."""
        l = task.eigenvalues
        whole = l + self.tau
        scaled = np.divide(1.0, whole, out=np.zeros_like(l), where=whole > 0)
        return l * scaled * scaled / n


def equivalent(task: Task, n: int, ridge: float = 0.0, *, doubts: bool = True) -> Equivalent:
    """Tau, z and Omega; warns near the peak."""
    require_task(task)
    n, ridge = integer(n, "n", 1), nonnegative(ridge, "ridge")
    l = task.eigenvalues
    tau = float(effective_ridge(l, n, ridge))
    z = np.divide(tau, l + tau, out=np.ones_like(l), where=l > 0)
    features, omega = int(np.count_nonzero(l)), float(np.square(1 - z).sum() / n)
    # n = sum(1 - z) + n ridge / tau: no difference of nearly equal numbers is taken.
    left = float((z * (1 - z)).sum()) / n + ridge / tau if tau > 0 else 1 - min(features / n, 1.0)
    exact = ridge == 0 and n > features + 1
    if doubts and (left < 1 - _NEAR_PEAK or (n * left < _FEW_LEFT and not exact)):
        warn(
            f"n = {n} rows, {features} features, Omega = {omega:.3f}: the rows are few, or close to the number of "
            "features that count; the risk depends on their draw there, and its prediction is not reliable",
            NearPeakWarning,
        )
    return Equivalent(tau, z, omega, left)


def risk(
    task: Task,
    n: int,
    surrogate: ArrayLike | None = None,
    ridge: float = 0.0,
    *,
    label_noise: float | None = None,
    test_eigenvalues: ArrayLike | None = None,
) -> Risk:
    r"""Excess risk ``E <x, b - beta>^2`` of a target fitted to n rows with a surrogate's labels.

    Parameters
    ----------
    task : Task
        Features, ground truth beta, and the variance of the noise of the labels.
    n : int
        Number of rows.
    surrogate : array_like of shape (p,), optional
        Coefficients s that make the labels, in the task's basis; default beta, the true labels. For a mask, beta times
        the mask.
    ridge : float, default 0
        Of the loss ``|y - X b|^2 / n + ridge |b|^2``; 0 for the interpolator of least norm.
    label_noise : float, optional
        Variance of the noise of the surrogate's labels; default the task's. A surrogate that labels without noise has
        0, and saves that as well.
    test_eigenvalues : array_like of shape (p,), optional
        Variances t of the features when the target is used; default those of the training rows.

    Returns
    -------
    Risk
        A float with its parts: bias, variance, noise. Infinite for n = p without a ridge if anything is left over.

    Raises
    ------
    TypeError, ValueError
        Lengths disagree, or numbers are not finite or negative where they must not be.

    Warns
    -----
    NearPeakWarning
        Omega exceeds 0.85, as it does for n near p; or n (1 - Omega) is less than five: the prediction's relative error
        is about its inverse.

    Notes
    -----
    With tau from :func:`effective_ridge`, ``z = tau / (l + tau)`` and ``Omega = sum (1 - z)^2 / n``, the target's mean
    is ``(1 - z) s``. Of the risk ``sum t_i ((1 - z_i) s_i - beta_i)^2`` is the bias; the rest is ``V / (1 - Omega)
    (noise + sum l_i z_i^2 s_i^2)`` with ``V = sum t_i l_i / (l_i + tau)^2 / n``, which is Omega if t = l (arXiv
    2410.18837, Proposition 1). That is an asymptotic law; for n > p without a ridge the exact mean of the noise term is
    taken, with n - p - 1 in place of n - p.

    Examples
    --------
    >>> from limbeck.distillation import Task, risk
    >>> task = Task.power_law(500, alpha=2.0, r=1.5)
    >>> round(risk(task, 200), 4)
    0.1194
    """
    eq = equivalent(task, n, ridge)
    s = task.beta if surrogate is None else coefficients(surrogate, "surrogate", task)
    t = test_variances(test_eigenvalues, task)
    return risk_at(task, n, eq, s, t, noise_of_labels(task, label_noise))


def risk_at(task: Task, n: int, eq: Equivalent, s: Float64Array, t: Float64Array, noise: float) -> Risk:
    """The risk of checked arguments."""
    factor = variance_factor(task, n, eq, t)
    left_over = float((task.eigenvalues * np.square(eq.z * s)).sum())
    bias = float((t * np.square((1 - eq.z) * s - task.beta)).sum())
    return Risk(bias, _times(factor, left_over), _times(factor, noise))


def noise_of_labels(task: Task, label_noise: float | None) -> float:
    """The variance asked for, or the task's."""
    return task.noise if label_noise is None else nonnegative(label_noise, "label_noise")


def variance_factor(task: Task, n: int, eq: Equivalent, t: Float64Array) -> float:
    """``V / (1 - Omega)``; without a ridge and for n > p the exact mean, ``sum(t / l) / (n - p - 1)``."""
    V = float((t * eq.spread(task, n)).sum())
    if V == 0:
        return 0.0
    left = eq.left
    if eq.tau == 0:
        left = max(left - 1 / n, 0.0)
    return V / left if left > 0 else np.inf


def _weighted(weights: Float64Array, values: Float64Array) -> float:
    """The sum of their products, nothing times infinity being nothing."""
    return float(np.multiply(weights, values, out=np.zeros_like(values), where=(weights > 0) & (values > 0)).sum())


def _times(factor: float, value: float) -> float:
    return factor * value if value > 0 else 0.0


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
        The target's: features, ground truth, and the noise of the surrogate's labels unless ``label_noise`` is given.
    n : int
        Number of rows of the target.
    surrogate_task : Task
        The surrogate's: its features in the same basis, with variances, truth and noise that may differ.
    m : int
        Number of rows of the surrogate.
    ridge, surrogate_ridge : float, default 0
        Of the target and of the surrogate.
    features : array_like of shape (p,), bool, optional
        What the surrogate sees, in the task's basis (principal components if that is of a covariance); default
        everything. A weak surrogate sees less than its strong target.
    label_noise : float, optional
        As for :func:`risk`: of the target's labels; that of the surrogate's own is ``surrogate_task``'s.
    test_eigenvalues : array_like of shape (p,), optional
        As for :func:`risk`.

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
    The surrogate is ``s = (1 - z') b' + N(0, v)`` with ``v_i = gamma'^2 l'_i / (m (l'_i + tau')^2)``, in the module's
    notation with the surrogate's own numbers (Han and Xu; arXiv 2410.18837, section 4, for two stages with true labels
    first). Features are independent in the eigenbasis, so those that the surrogate does not see are noise to it, of
    variance ``sum l'_i b'_i^2``, and it has no coefficients for them. Risk is quadratic in s, one coefficient at a
    time, so that its mean over s is the risk of the mean plus ``sum (t_i (1 - z_i)^2 + c l_i z_i^2) v_i`` with
    ``c = V / (1 - Omega)``.

    Examples
    --------
    >>> from limbeck.distillation import Task, two_stage_risk
    >>> task = Task.power_law(500, alpha=2.0, r=1.5)
    >>> two_stage_risk(task, 200, task, 5000) > two_stage_risk(task, 200, task, 50_000)
    True
    """
    mean, scatter = _surrogate(task, surrogate_task, m, surrogate_ridge, features)
    eq = equivalent(task, n, ridge)
    t = test_variances(test_eigenvalues, task)
    base = risk_at(task, n, eq, mean, t, noise_of_labels(task, label_noise))
    factor = variance_factor(task, n, eq, t)
    spread = _weighted(t * np.square(1 - eq.z), scatter)
    left_over = _weighted(task.eigenvalues * np.square(eq.z), scatter)
    return Risk(base.bias, base.variance + spread + _times(factor, left_over), base.noise)


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

    Parameters, errors and warnings are those of :func:`two_stage_risk`.

    Examples
    --------
    >>> import numpy as np
    >>> from limbeck.distillation import Task, surrogate_risk, two_stage_risk
    >>> task, seen = Task.power_law(500, alpha=2.0, r=1.5), np.arange(500) < 50
    >>> surrogate_risk(task, task, 2000, features=seen) < two_stage_risk(task, 200, task, 2000, features=seen)
    True
    """
    mean, scatter = _surrogate(task, surrogate_task, m, surrogate_ridge, features)
    t = test_variances(test_eigenvalues, task)
    return Risk(float((t * np.square(mean - task.beta)).sum()), _weighted(t, scatter), 0.0)


def _surrogate(
    task: Task, surrogate_task: Task, m: int, ridge: float, features: ArrayLike | None
) -> tuple[Float64Array, Float64Array]:
    """Mean and variance of the coefficients of a surrogate."""
    require_task(task)
    seen = seen_features(task, surrogate_task, features)
    return _fitted(surrogate_task, integer(m, "m", 1), nonnegative(ridge, "surrogate_ridge"), seen)


def _fitted(task: Task, m: int, ridge: float, seen: NDArray[np.bool_]) -> tuple[Float64Array, Float64Array]:
    """Mean and variance of the coefficients of a regression on m rows that sees some of the features."""
    l, b = task.eigenvalues[seen], task.beta[seen]
    hidden = float((task.eigenvalues[~seen] * np.square(task.beta[~seen])).sum())
    inner = Task(l, b, task.noise + hidden)
    eq = equivalent(inner, m, ridge)
    left_over = inner.noise + float((l * np.square(eq.z * b)).sum())
    left = max(eq.left - 1 / m, 0.0) if eq.tau == 0 else eq.left
    gamma = _times(1 / left if left > 0 else np.inf, left_over)
    mean, variance = np.zeros(task.n_features), np.zeros(task.n_features)
    mean[seen] = (1 - eq.z) * b
    if gamma > 0:
        spread = eq.spread(inner, m)
        variance[seen] = np.multiply(gamma, spread, out=np.zeros_like(spread), where=spread > 0)
    return mean, variance


def coefficients(value: ArrayLike, name: str, task: Task) -> Float64Array:
    """Finite coefficients, one for each feature of a task."""
    given = np.asarray(value)
    if given.dtype == bool:
        raise TypeError(f"{name} must hold coefficients, got a mask: pass task.beta * mask")
    if given.ndim == 0 and given.dtype.kind in "iuf":
        raise TypeError(f"{name} must hold a coefficient for each feature, got the number {value!r}")
    array = vector(value, name, np.float64)
    same_length(array, name, 0, task.eigenvalues, "the task's eigenvalues", 0, "features")
    require_finite(0, "", **{name: array})
    return array


def test_variances(value: ArrayLike | None, task: Task) -> Float64Array:
    """Checked variances of the features when the target is used; by default those of the task."""
    if value is None:
        return task.eigenvalues
    array = eigenvalues_array(value, "test_eigenvalues")
    same_length(array, "test_eigenvalues", 0, task.eigenvalues, "the task's eigenvalues", 0, "features")
    return array


def seen_features(task: Task, surrogate_task: Task, features: ArrayLike | None) -> NDArray[np.bool_]:
    """Which of a task's features the surrogate sees: checked, and by default all."""
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
    if not (array & (task.eigenvalues > 0)).any():
        raise ValueError("features names none with a positive eigenvalue")
    return array
