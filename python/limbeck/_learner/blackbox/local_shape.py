"""Whether a function may be piecewise linear: three points beside each other tell, at a few places.

Curved functions bend everywhere, a sum of ReLUs nearly nowhere; forests are flat, with many values. A few queries spare
both the search for kinks, which takes hundreds.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from limbeck._base.arrays import Float64Array

__all__ = ["is_piecewise_linear"]

# Standard deviations of the answers over the rounding error, to a power, are the spacing: second differences of curved
# functions are then far above rounding, and few places lie so near to a kink.
_POWER = 1 / 3
# Times the rounding error: differences of three answers.
_SLACK = 4.0


def is_piecewise_linear(
    ask: Callable[[Float64Array], Float64Array],
    X: Float64Array,
    values: Float64Array,
    noise: float,
    rng: np.random.Generator,
) -> bool:
    """Whether a function is linear beside most of some points, and not flat with jumps between them.

    A sum of ReLUs may be flat where all are off, but there it has one value.

    Parameters
    ----------
    ask : callable
        Answers (m, q) to rows (m, d).
    X, values : ndarray of shape (n, d) and (n, q)
        Points of N(0, I), and the answers there.
    noise : float
        Rounding error of an answer.
    rng : numpy.random.Generator
        For directions.
    """
    scale = float(np.abs(values - values.mean(axis=0)).max())
    if not scale:
        return False
    step = max(noise / scale, float(np.finfo(np.float64).eps)) ** _POWER
    moves = rng.standard_normal(X.shape)
    moves *= step * np.sqrt(X.shape[1]) / np.linalg.norm(moves, axis=1, keepdims=True)
    back, ahead = ask(np.vstack([X - moves, X + moves])).reshape(2, *values.shape)
    is_curved = np.abs(back + ahead - 2 * values).max(axis=1) > _SLACK * noise
    is_flat = (back == values).all(axis=1) & (ahead == values).all(axis=1)
    jumps = bool(is_flat.any()) and bool(np.ptp(values[is_flat], axis=0).any())
    return bool(2 * np.count_nonzero(is_curved | (is_flat & jumps)) <= len(X))
