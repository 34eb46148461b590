"""Whether a function may be piecewise linear: three points beside each other tell, at a few places.

Curved functions bend everywhere, a sum of ReLUs nearly nowhere; forests are flat, with many values. A few queries spare
both the search for kinks, which takes hundreds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from limbeck._base.arrays import Float64Array

__all__ = ["LocalShape", "local_shape"]

# Standard deviations of the answers over the rounding error, to a power, are the spacing: second differences of curved
# functions are then far above rounding, and few places lie so near to a kink.
_POWER = 1 / 3
# Times the rounding error: differences of three answers.
_SLACK = 4.0
# Of the median second difference, which is 1.65 standard deviations of an answer: a rounding error that is 1.5 of them.
_OF_MEDIAN = 0.9
# Rounding errors over the range of the answers that are measured in any case, and steps for that, over the usual ones.
_COARSE = 1e-10
_SHORT = 0.1
_MEASURED = 64  # points for that
# Times the rounding error said, above which another is looked for: second differences of curved functions grow by its
# power 2/3 after the longer step.
_FAR = 30.0
# Times half a unit in the last place: functions computed in float32 are off by several.
_OF_COARSE = 4.0
# Of the range of the answers: errors as large are not called rounding.
_COARSEST = 1e-3


class LocalShape(NamedTuple):
    """What a few points beside others show of a function.

    Attributes
    ----------
    is_piecewise_linear : bool
        Whether it is linear beside most of the points, and not flat with jumps between them.
    rounding : float
        Rounding error of an answer: as given, or as measured where it is larger.
    """

    is_piecewise_linear: bool
    rounding: float


def local_shape(
    ask: Callable[[Float64Array], Float64Array],
    X: Float64Array,
    values: Float64Array,
    noise: float,
    rng: np.random.Generator,
    *,
    measure: bool = False,
) -> LocalShape:
    """Whether a function is linear beside most of some points, and the rounding error of its answers.

    A sum of ReLUs may be flat where all are off, but there it has one value. Where second differences are larger than
    rounding, they are those of a curved function or of coarser rounding, as of a function computed in float32: after a
    longer step the former are larger by far, the latter as large as before.

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
    measure : bool
        Whether rounding errors are measured where they are coarse, and larger ones than said looked for.
    """
    scale = float(np.abs(values - values.mean(axis=0)).max())
    if not scale:
        return LocalShape(False, noise)
    is_coarse = measure and noise >= _COARSE * scale
    allowed = (_OF_COARSE if is_coarse else 1.0) * noise
    off, is_flat = _second_differences(ask, X, values, _step(noise, scale), rng)
    if 2 * np.count_nonzero((off > _SLACK * allowed) | is_flat) <= len(X):
        if not is_coarse:
            return LocalShape(True, noise)
        return LocalShape(True, max(noise, _measured_rounding(ask, X.shape[1], _SHORT * _step(noise, scale), rng)))
    coarser = _OF_MEDIAN * float(np.median(off))
    if not measure or 2 * np.count_nonzero(is_flat) > len(X) or not _FAR * allowed < coarser < _COARSEST * scale:
        return LocalShape(False, noise)
    off, is_flat = _second_differences(ask, X, values, _step(coarser, scale), rng)
    return LocalShape(bool(2 * np.count_nonzero((off > _SLACK * coarser) | is_flat) <= len(X)), coarser)


def _step(noise: float, scale: float) -> float:
    """Step beside a point, in standard deviations of a coordinate."""
    return float(max(noise / scale, float(np.finfo(np.float64).eps)) ** _POWER)


def _measured_rounding(
    ask: Callable[[Float64Array], Float64Array], d: int, step: float, rng: np.random.Generator
) -> float:
    """Rounding error of an answer by second differences at points of N(0, I), all in one call.

    After short steps hardly any point lies beside a kink. Products of large arrays, which functions in float32 are
    made of, may have larger rounding errors than those of a few rows.
    """
    X = rng.standard_normal((_MEASURED, d))
    moves = rng.standard_normal(X.shape)
    moves *= step * np.sqrt(d) / np.linalg.norm(moves, axis=1, keepdims=True)
    back, here, ahead = ask(np.vstack([X - moves, X, X + moves])).reshape(3, len(X), -1)
    return _OF_MEDIAN * float(np.median(np.abs(back + ahead - 2 * here).max(axis=1)))


def _second_differences(
    ask: Callable[[Float64Array], Float64Array],
    X: Float64Array,
    values: Float64Array,
    step: float,
    rng: np.random.Generator,
) -> tuple[Float64Array, NDArray[np.bool_]]:
    """Second differences (n,) at points in random directions, and where the function is flat with jumps between."""
    moves = rng.standard_normal(X.shape)
    moves *= step * np.sqrt(X.shape[1]) / np.linalg.norm(moves, axis=1, keepdims=True)
    back, ahead = ask(np.vstack([X - moves, X + moves])).reshape(2, *values.shape)
    is_flat = (back == values).all(axis=1) & (ahead == values).all(axis=1)
    jumps = bool(is_flat.any()) and bool(np.ptp(values[is_flat], axis=0).any())
    return np.abs(back + ahead - 2 * values).max(axis=1), is_flat & jumps
