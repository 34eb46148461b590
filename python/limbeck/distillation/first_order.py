r"""The term of order 1/n of what a ridge regression makes of the signal.

With M = diag(m) in place of the ridge and ``S = X' X / n``, the residual operator ``Q = M^1/2 (S + M)^-1 M^1/2`` and
its products ``Q T Q`` come from ``E log det(S + M)`` by derivatives: ``E (S + M)^-1_ii`` is that by m_i, and along
``M = ridge + e T`` its own derivative is ``-E ((S + M)^-1 T (S + M)^-1)_ii``. To the order of one that expectation is
its deterministic equivalent and ``log(1 - Omega) / 2``: for equal eigenvalues and no ridge the sum of digamma functions
says so, and the derivative by one ridge is the term of Bai and Silverstein (Ann. Probab. 32, 2004) for real Gaussian
rows.

In logarithms of m, with ``k = 1 - z``, ``D = n (1 - Omega)``, ``B = sum k^2 z`` and ``C_i = k_i z_i (k_i - B / D) /
D``, the mean of ``Q_ii`` is ``z_i + C_i``, and the term of ``(Q T Q)_ii`` is ``t_i C_i`` less the change of C_i where
``log m_j`` changes by t_j.
"""

from __future__ import annotations

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck.distillation.equivalents import Equivalent
from limbeck.distillation.task import Task

__all__ = ["signal_of_first_order"]

_MOST_OFF = 0.75  # of the signal's part: beyond, a term of first order says nothing


def signal_of_first_order(task: Task, eq: Equivalent, s: Float64Array, t: Float64Array, signal: float) -> float:
    """What the term of order 1/n adds to a risk's bias and variance, ``signal`` together; checked arguments.

    The expansion is one in 1 / (n (1 - Omega)): where that exceeds one half the term is taken in part, as that of the
    noise is, and beyond one not at all.
    """
    k, z, D = 1 - eq.z, eq.z, eq.n * eq.one_minus_omega
    weight = min(max(2 * D - 1, 0.0), 1.0)
    if weight == 0 or not np.isfinite(signal):
        return 0.0
    c = k * z
    ratio = float((k * c).sum()) / D
    C = c * (k - ratio) / D
    # Derivatives along t: of log tau_j, D, the ratio, k, c and C.
    y = t - float((c * t).sum()) / D
    moved = c * y
    D_moved = 2 * float((k * moved).sum()) / D
    ratio_moved = float((k * moved * (k - 2 * z)).sum()) / D - ratio * D_moved
    C_moved = (moved * (k - z) * (k - ratio) - c * (moved + ratio_moved)) / D - C * D_moved
    term = weight * float((2 * t * s * (task.beta - s) * C + np.square(s) * (t * C - C_moved)).sum())
    return max(term, -_MOST_OFF * signal)
