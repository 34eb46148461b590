"""Numbers, intervals and comparisons of networks as a person can read them."""

from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from limbeck._learner.report.numbers import number
from limbeck.network import ReLUNetwork

__all__ = [
    "Interval",
    "clipped",
    "compare_networks",
    "matched",
    "number",
    "r2_interval",
]

Float64Array = NDArray[np.float64]

_GROUPS = 5_000  # parts that held-out rows are resampled in


def clipped(name: str) -> str:
    """A name short enough for a table."""
    plain = " ".join(name.split())  # a quoted name may hold a line break
    return plain if len(plain) <= 32 else plain[:16] + "..." + plain[-13:]  # long names often differ at the end


# ---- How good it is ----


@dataclass(frozen=True)
class Interval:
    """Ends of a 95 % confidence interval, and what it rests on."""

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
        step = max(1, 2_000_000 // len(sums))  # resamples at a time, for a bounded memory
        for start in range(0, resamples, step):
            drawn = rng.integers(len(sums), size=(min(step, resamples - start), len(sums)))
            count, squares, total, total_squares = (sums[:, k][drawn].sum(axis=1) for k in range(4))
            spread = total_squares - total**2 / count
            with np.errstate(divide="ignore", invalid="ignore"):
                # a resample of one row over and over has no R2
                values[start : start + len(drawn)] = np.where(spread > 0, 1 - squares / spread, np.nan)
    values = values[np.isfinite(values)]
    low, high = np.percentile(values, [2.5, 97.5]) if len(values) else (np.nan, np.nan)
    return Interval(float(low), float(high), m, resamples)


# ---- Two networks ----


def matched(planted: ReLUNetwork, found: ReLUNetwork) -> list[tuple[int, int | None, float]]:
    """Pair neurons so that the angles between their directions, up to sign, are smallest in all.

    Parameters
    ----------
    planted, found : ReLUNetwork
        Normalised, at most eight neurons planted.

    Returns
    -------
    list of (planted index, found index or None, angle in radians)
    """
    plus = np.linalg.norm(planted.weights[:, None] - found.weights[None], axis=2)
    minus = np.linalg.norm(planted.weights[:, None] + found.weights[None], axis=2)
    # the chord, not the cosine: an arccosine loses half the digits of a small angle
    angles = 2 * np.arcsin(np.minimum(np.minimum(plus, minus) / 2, 1.0))
    blank = planted.width - min(planted.width, found.width)
    padded = np.column_stack([angles, np.full((planted.width, blank), np.pi)])
    best = min(
        permutations(range(padded.shape[1]), planted.width),
        key=lambda choice: float(sum(padded[i, j] for i, j in enumerate(choice))),
    )
    return [(i, j if j < found.width else None, float(padded[i, j])) for i, j in enumerate(best)]


def compare_networks(planted: ReLUNetwork, found: ReLUNetwork) -> str:
    """The table of planted neurons beside the recovered ones."""
    planted, found = planted.normalized(), found.normalized()
    lines = [
        "neuron   planted weight  recovered weight  angle between (rad)",
        "------  ---------------  ----------------  -------------------",
    ]
    for i, j, angle in matched(planted, found):
        weight = "" if j is None else f"{found.output[j]:+.10f}"
        between = "not found" if j is None else f"{angle:.1e}"
        lines.append(f"{i:>6}  {planted.output[i]:>+15.10f}  {weight:>16}  {between:>19}")
    spare = found.width - planted.width
    if spare > 0:
        lines.append(f"and {spare} neuron{'s' if spare > 1 else ''} that nobody planted")
    return "\n".join(lines)
