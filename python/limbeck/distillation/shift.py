r"""Shifts of the covariance as shifts of the model, and back: what the two have in common, exactly.

Training rows ``x'`` of variances l are labelled by the truth, and the target is used on rows of variances t. Every
training row is made one of variances t by ``x = sqrt(t / l) x'``, feature by feature in the common eigenbasis, and then
``<x', beta> = <x, s>`` with ``s = sqrt(l / t) beta``. So to fit b to the recoloured rows and their labels, and to use b
on rows of variances t, is to fit a target to the labels of a surrogate s on its own features: a covariance shift has
become a shift of the model (arXiv 2410.18837, which sets the two side by side). It is exact in every draw.

The coefficients that interpolate the rows x' themselves are ``b' = sqrt(t / l) b``. As b has the least ``sum b_i^2``,
b' has the least ``sum (l_i / t_i) b'_i^2``, and not the least ``sum b'_i^2``, which Mallinar, Zane, Frei and Yu
(Minimum-norm interpolation under covariate shift, ICML 2024, arXiv 2404.00522) and ``risk(task, n,
test_eigenvalues=t)`` are about; and what is used is b, and not b'. No map makes the risk of that plain interpolator one
of a shift of the model for every n: without noise and with n of at least p it is zero whatever the covariances, while a
surrogate other than the truth leaves ``sum t_i (s_i - beta_i)^2``.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from limbeck._base.arrays import Float64Array
from limbeck.distillation.equivalents import coefficients, deployment_variances
from limbeck.distillation.task import Task, require_task

__all__ = ["covariance_shift_as_model_shift", "model_shift_as_covariance_shift"]


def covariance_shift_as_model_shift(task: Task, test_eigenvalues: ArrayLike) -> tuple[Task, Float64Array]:
    r"""The model shift of a target that is fitted to recoloured rows: a task, and a surrogate's coefficients.

    Parameters
    ----------
    task : Task
        Of the training rows: their variances l, the truth, and the variance of the labels' noise.
    test_eigenvalues : array_like of shape (p,)
        Variances t of the features when the target is used, in the basis of ``task``.

    Returns
    -------
    task : Task
        Of rows of variances t, with the same truth. Features with t = 0 are not there: what labels owe to them, of
        variance ``l_i beta_i^2``, is noise.
    surrogate : ndarray of shape (p,)
        ``sqrt(l_i / t_i) beta_i``, or 0 where t is 0: coefficients of the labels in terms of the recoloured rows.

    Raises
    ------
    TypeError, ValueError
        As for :func:`risk`.

    Notes
    -----
    ``risk(shifted, n, surrogate)`` is the risk of this: recolour each training row x', ``x_i = sqrt(t_i / l_i) x'_i``
    (drawn afresh where l is 0); fit b, the interpolator of least ``sum b_i^2`` on the recoloured rows, or with a ridge;
    use b on rows of variances t. In terms of the rows x' themselves the coefficients are ``b'_i = sqrt(t_i / l_i)
    b_i``, and the norm that is least is ``sum (l_i / t_i) b'_i^2``. Both fits are equal in every draw, and so are their
    risks, not only in the mean.

    It is not the risk of the interpolator of least ``sum b'_i^2`` used on rows of variances t without recolouring
    (Mallinar, Zane, Frei and Yu, ICML 2024, arXiv 2404.00522): that is ``risk(task, n, test_eigenvalues=t)``. Without
    noise and with n of at least p this is 0, and the risk after recolouring ``sum t_i (s_i - beta_i)^2``. Recolouring,
    that is, pays off for few rows alone, if at all.

    Examples
    --------
    >>> from limbeck.distillation import Task, covariance_shift_as_model_shift, risk
    >>> task, test = Task.power_law(300, alpha=2.0, r=1.5), Task.power_law(300, alpha=1.5, r=1.5).eigenvalues
    >>> shifted, surrogate = covariance_shift_as_model_shift(task, test)
    >>> round(risk(shifted, 100, surrogate), 3), round(risk(task, 100, test_eigenvalues=test), 3)
    (2.361, 1.622)
    """
    require_task(task)
    t, l = deployment_variances(test_eigenvalues, task), task.eigenvalues
    used = t > 0
    # Of the roots' ratio: that of the variances may leave float64.
    root = np.divide(np.sqrt(l), np.sqrt(t), out=np.zeros_like(l), where=used)
    hidden = float((l[~used] * np.square(task.beta[~used])).sum())
    return replace(task, eigenvalues=t, noise=task.noise + hidden), root * task.beta


def model_shift_as_covariance_shift(task: Task, surrogate: ArrayLike) -> Task:
    r"""The task of training rows whose true labels are those of a surrogate, the way back.

    Parameters
    ----------
    task : Task
        Of the target: variances t, the truth and the variance of the labels' noise.
    surrogate : array_like of shape (p,)
        Coefficients s that make the labels, in the task's basis.

    Returns
    -------
    Task
        Of rows ``x'_i = (s_i / beta_i) x_i``, of variances ``t_i s_i^2 / beta_i^2``: ``<x', beta> = <x, s>``. Features
        that neither the truth nor the surrogate uses keep their variance.

    Raises
    ------
    TypeError, ValueError
        As for :func:`risk`; or the surrogate uses a feature that the truth does not, or none at all, which no
        covariance does.

    Notes
    -----
    What is equal, and which norm is least, is in the notes of :func:`covariance_shift_as_model_shift`, which takes the
    result and t to ``task`` and to ``|s_i|`` with the sign of the truth.

    Examples
    --------
    >>> import numpy as np
    >>> from limbeck.distillation import Task, model_shift_as_covariance_shift
    >>> task = Task(np.ones(3), [1.0, 2.0, 3.0])
    >>> model_shift_as_covariance_shift(task, [2.0, 2.0, 0.0]).eigenvalues.tolist()
    [4.0, 1.0, 0.0]
    """
    require_task(task)
    s = coefficients(surrogate, "surrogate", task)
    unknown = (task.beta == 0) & (s != 0) & (task.eigenvalues > 0)
    if unknown.any():
        at = int(np.argmax(unknown))
        raise ValueError(
            f"surrogate must be zero where the task's beta is: at index {at} it is {s[at]:g}, which no covariance gives"
        )
    ratio = np.divide(s, task.beta, out=np.ones_like(s), where=task.beta != 0)
    with np.errstate(over="ignore", under="ignore"):
        eigenvalues = task.eigenvalues * ratio * ratio
    if not (eigenvalues.any() and np.isfinite(eigenvalues).all()):
        raise ValueError("surrogate gives no covariance: the variances of its rows are all zero, or beyond float64")
    return replace(task, eigenvalues=eigenvalues)
