"""Confidence intervals of R2 on rows that were held out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Interval", "r2_interval"]

Float64Array = NDArray[np.float64]

# Groups that held-out rows are resampled in, beyond as many rows: the interval's ends then carry a relative error of
# about 1 / sqrt(2 * 5,000) = 1 %, less than that of 2,000 resamples, and time and memory no longer grow with the rows.
_GROUPS = 5_000
_DRAWN_AT_A_TIME = 2_000_000  # numbers of rows: 16 MB for each array of a step


@dataclass(frozen=True)
class Interval:
    """Ends of a 95 % confidence interval, and the numbers of rows and resamples behind it."""

    low: float
    high: float
    rows: int
    resamples: int


def r2_interval(residuals: Float64Array, targets: Float64Array, *, resamples: int = 2000, seed: int = 0) -> Interval:
    """Percentile bootstrap of R2 over held-out rows.

    Parameters
    ----------
    residuals, targets : ndarray of shape (m,)
        y - f and y on rows that had no part in fitting or choosing f.
    resamples : int
    seed : int

    Returns
    -------
    Interval
        NaN ends for fewer than two rows or a constant target.

    Notes
    -----
    More than 5,000 rows are put into 5,000 random groups first, and groups are resampled: the sums behind R2 keep their
    variance, and the work does not grow with m.
    """
    m = len(targets)
    rng = np.random.default_rng(seed)
    centred = targets - targets.mean() if m else targets
    sums = np.column_stack([np.ones(m), residuals**2, centred, centred**2])
    if m > _GROUPS:
        group = rng.permutation(m) % _GROUPS
        sums = np.column_stack([np.bincount(group, column, _GROUPS) for column in sums.T])
    values = np.full(resamples, np.nan)
    if m >= 2:
        step = max(1, _DRAWN_AT_A_TIME // len(sums))  # resamples at a time, for a bounded memory
        for start in range(0, resamples, step):
            drawn = rng.integers(len(sums), size=(min(step, resamples - start), len(sums)))
            count, squares, total, total_squares = (sums[:, k][drawn].sum(axis=1) for k in range(4))
            spread = total_squares - total**2 / count
            with np.errstate(divide="ignore", invalid="ignore"):
                # A resample of one row over and over has no R2.
                values[start : start + len(drawn)] = np.where(spread > 0, 1 - squares / spread, np.nan)
    values = values[np.isfinite(values)]
    low, high = np.percentile(values, [2.5, 97.5]) if len(values) else (np.nan, np.nan)
    return Interval(float(low), float(high), m, resamples)
