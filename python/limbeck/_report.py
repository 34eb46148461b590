"""Networks as tables that a person can read, for the command line."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from limbeck._affine import turned
from limbeck._model import model_of
from limbeck._model_file import Preprocessing
from limbeck._numbers import number
from limbeck._reading import read
from limbeck.network import ReLUNetwork

__all__ = [
    "Interval",
    "clipped",
    "compare_networks",
    "describe_network",
    "matched",
    "number",
    "r2_interval",
    "readable",
]

Float64Array = NDArray[np.float64]

_GROUPS = 5_000  # parts that held-out rows are resampled in
_WIDTH = 96


# ---- One network ----


def readable(network: ReLUNetwork) -> ReLUNetwork:
    """The same function with unit rows, in falling order of weight, and the smallest linear part.

    relu(z) = relu(-z) + z: each neuron may be turned round at the price of a change of the linear part. A reader is
    best served when little is left there; a sum of ReLUs that was planted without a linear part comes back as it was.
    """
    return turned(model_of(network)).network()


@dataclass(frozen=True)
class _Part:
    """One line of the table: a neuron or the linear part."""

    name: str
    weight: float
    threshold: float | None
    active: float
    share: float
    direction: Float64Array


def describe_network(network: ReLUNetwork, preprocessing: Preprocessing, Z: Float64Array) -> str:
    """The table of a network's neurons, in the units of its data.

    Parameters
    ----------
    network : ReLUNetwork
        Acts on standardised rows; of unit rows, as from :func:`readable`.
    preprocessing : Preprocessing
    Z : ndarray of shape (n, d)
        Standardised rows, to measure how often a neuron is on and how much it moves the prediction.

    Returns
    -------
    str
    """
    parts = _parts(network, Z, preprocessing.target_scale)
    constant = preprocessing.target_mean + preprocessing.target_scale * network.bias
    if abs(constant) <= 1e-12 * preprocessing.target_scale:
        constant = 0.0
    neurons = f"{network.width} neuron{'' if network.width == 1 else 's'}"
    lines = [
        f"{clipped(preprocessing.target)} = {number(constant)} + linear part + {neurons}",
        "",
        *_table(parts, preprocessing.features),
        "",
        textwrap.fill(
            "u is the sum of coefficient * feature, features in standard deviations from their mean (from 0 where "
            "the mean is 0 within its error), coefficients scaled to length 1. A neuron adds weight * max(0, u - on "
            f"above), the linear part adds weight * u, in units of {clipped(preprocessing.target)!r}. active: rows "
            "where it is on. share: of the variance of the predictions; shares add up to 100 %, and a negative one "
            "belongs to a part that others cancel.",
            _WIDTH,
        ),
    ]
    return "\n".join(lines)


def _parts(network: ReLUNetwork, Z: Float64Array, scale: float) -> list[_Part]:
    d = network.n_features
    reading = read(network, Z, means=np.zeros(d), scales=np.ones(d))
    length = float(np.linalg.norm(network.linear))
    if length <= 1e-12 * float(np.abs(network.output).sum()):
        length = 0.0  # rounding, which has no direction to show
    neurons = [
        _Part(
            str(i + 1),
            float(reading.weights[i]) * scale,
            float(reading.thresholds[i]),
            float(reading.active[i]),
            float(reading.shares[i]),
            reading.directions[i],
        )
        for i in range(network.width)
    ]
    direction = network.linear / length if length > 0 else np.zeros_like(network.linear)
    return [*neurons, _Part("linear", length * scale, None, 1.0, float(reading.shares[-1]), direction)]


def _table(parts: Sequence[_Part], names: Sequence[str]) -> list[str]:
    rows = [
        (
            part.name,
            number(part.weight, signed=True),
            "" if part.threshold is None else f"{part.threshold + 0.0:+.2f}",
            f"{100 * part.active:.0f} %",
            f"{round(100 * part.share)} %",
        )
        for part in parts
    ]
    head = ("neuron", "weight", "on above", "active", "share")
    widths = [max(len(row[k]) for row in (head, *rows)) for k in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        return "  ".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))

    indent = sum(widths) + 2 * len(widths)
    lines = [
        line(head) + "  coefficients of u, largest first",
        line(["-" * width for width in widths]) + "  " + "-" * 33,
    ]
    for row, part in zip(rows, parts, strict=True):
        first, *rest = _features(part.direction, names, max(30, _WIDTH - indent))
        lines += [line(row) + "  " + first, *(" " * indent + text for text in rest)]
    return lines


def _features(direction: Float64Array, names: Sequence[str], width: int) -> list[str]:
    """The features with the largest coefficients, on one or two lines.

    Those below a tenth of the largest are counted, not shown; so are those beyond the sixth.
    """
    size = np.abs(direction)
    order = np.argsort(-size, kind="stable")
    shown = [int(j) for j in order[:6] if size[j] > 0.1 * size[order[0]]]
    if not shown:
        return ["none"]
    texts = [f"{direction[j]:+.2f} {clipped(names[j])}" for j in shown]
    left = int(np.count_nonzero(direction)) - len(shown)
    if left:
        texts.append(f"and {left} smaller")
    lines = [texts[0]]
    for text in texts[1:]:
        if len(lines[-1]) + 2 + len(text) <= width:
            lines[-1] += "  " + text
        else:
            lines.append(text)
    return lines


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
        lines.append(f"{i + 1:>6}  {planted.output[i]:>+15.10f}  {weight:>16}  {between:>19}")
    spare = found.width - planted.width
    if spare > 0:
        lines.append(f"and {spare} neuron{'s' if spare > 1 else ''} that nobody planted")
    return "\n".join(lines)
