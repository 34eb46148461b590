"""Sums of ReLUs on inputs of any distribution: no moments to rely on, but hinges, weight decay and cross-validation.

Candidate hinges come from several sources: single features at their quantiles, the eigenvectors of the residual's
second moment, random directions. They are chosen one by one for what they explain, and refined together, each neuron
under a weight decay of its own that the rows set by their evidence. The width is that of least cross-validated error.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from limbeck import moments
from limbeck._model import Fit, Float64Array, Model, Rows, linear_model, normal_matrix
from limbeck._progress import Progress

__all__ = ["TabularFit", "cross_validated", "fit_any", "random_start"]

_WIDTHS, _FEW_NEURONS = (0, 1, 2, 4, 8, 16, 32), 4
_QUANTILES = (0.5, 0.25, 0.75, 0.1, 0.9, 0.4, 0.6)  # of a feature, where its hinges may be; the first ones first
_QUANTILES_ACROSS = (0.2, 0.5, 0.8)  # of other directions
_RANDOM_DIRECTIONS, _MOMENT_DIRECTIONS = 30, 4
_MOST_HINGES, _HINGE_ROWS = 1200, 3000
_RIDGE = 1e-3  # of the rows' number, in the choice of hinges
_LEAST_DECAY, _FIRST_DECAY, _MOST_DECAY = 1e-6, 1e-2, 1e6
_ROUNDS, _STEPS_A_ROUND, _LAST_STEPS = 8, 4, 20
_MOST_TOGETHER = 1500  # parameters whose correlations are taken into account in what the rows determine
_LEAST_LEFT, _MOST_TAKEN = 1e-6, 0.8  # of the rows
_DEAD = 1e-3  # of the largest neuron's size
_AS_GOOD = 1.005  # times the least error


def random_start(d: int, width: int, rng: np.random.Generator) -> Model:
    """Neurons in random directions that switch on within the bulk of standardised data."""
    model = linear_model(d)
    for i in range(width):
        u = rng.standard_normal(d)
        model = model.with_neuron(u / np.linalg.norm(u), 0.5 * (-1.0) ** i)
    parameters = model.parameters.copy()
    parameters[:-1, -1] = 0.5 * rng.uniform(-1, 1, width)
    return Model(model.signs, parameters)


# ---- Candidates ----


def _augmented(X: Float64Array) -> Float64Array:
    return np.column_stack([X, np.ones(len(X))])


def _roots(rows: Rows) -> Float64Array:
    """Of the weights: rows times these have weights of one."""
    return np.ones(len(rows)) if rows.weights is None else np.sqrt(rows.weights)


def _hinges(X: Float64Array, residuals: Float64Array, rng: np.random.Generator) -> Float64Array:
    """Candidate neurons (m, d + 1): a direction and a threshold, within the range of the rows."""
    d = X.shape[1]
    found = []
    # Features whose distance from the middle goes with what a line leaves over, if there are too many.
    apart = np.abs(residuals @ np.abs(X - np.median(X, axis=0)))
    features = np.argsort(-apart, kind="stable")[: _MOST_HINGES // 2]
    each = int(np.clip(_MOST_HINGES // (2 * len(features)), 1, len(_QUANTILES)))
    for j in np.sort(features):
        values = np.unique(np.quantile(X[:, j], _QUANTILES[:each]))
        # A feature of two values has no hinge that a line does not have.
        inside = values[(values > X[:, j].min()) & (values < X[:, j].max())]
        rows = np.zeros((len(inside), d + 1))
        rows[:, j], rows[:, -1] = 1.0, -inside
        found.append(rows)
    second = (X * residuals[:, None]).T @ X
    values, vectors = np.linalg.eigh(second)
    leading = vectors[:, np.argsort(-np.abs(values))[:_MOMENT_DIRECTIONS]].T
    directions = np.vstack([leading, rng.standard_normal((_RANDOM_DIRECTIONS, d))])
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    for u, levels in zip(directions, np.quantile(X @ directions.T, _QUANTILES_ACROSS, axis=0).T, strict=True):
        found.append(np.column_stack([np.tile(u, (len(levels), 1)), -levels]))
    return np.concatenate(found)


@dataclass(frozen=True)
class _Selection:
    """Hinges in the order of choice, and how to start from the first few of them."""

    hinges: Float64Array
    rows: Rows

    def start(self, width: int) -> Model:
        """A model of the first hinges and a line, fitted together with a little decay."""
        X = _augmented(self.rows.X)
        hinges = self.hinges[:width]
        root = _roots(self.rows)
        design = root[:, None] * np.column_stack([np.maximum(X @ hinges.T, 0.0), X])
        inner = design.T @ design + _RIDGE * len(X) * np.eye(design.shape[1])
        coef = np.linalg.solve(inner, design.T @ (root * self.rows.y))
        output = np.where(np.abs(coef[: len(hinges)]) > _RIDGE, coef[: len(hinges)], _RIDGE)
        return Model(np.sign(output), np.vstack([np.abs(output)[:, None] * hinges, coef[len(hinges) :]]))


def _select(rows: Rows, width: int, rng: np.random.Generator) -> _Selection:
    """Choose hinges one by one, each for what it explains beyond a line and those before (orthogonal matching)."""
    if len(rows) > _HINGE_ROWS:
        rows = rows.part(np.sort(rng.choice(len(rows), _HINGE_ROWS, replace=False)))
    n, d = rows.X.shape
    if not width:
        return _Selection(np.empty((0, d + 1)), rows)
    root = _roots(rows)
    X = _augmented(rows.X)
    line = np.vstack([X * root[:, None], np.sqrt(_RIDGE * n) * np.eye(d + 1)])
    basis = np.linalg.qr(line)[0][:n]

    def beyond_line(values: Float64Array) -> Float64Array:
        values = (values.T * root).T
        return np.asarray(values - basis @ (basis.T @ values))

    left = beyond_line(rows.y)
    hinges = _hinges(rows.X, left * root, rng)
    columns = beyond_line(np.maximum(X @ hinges.T, 0.0))
    gram, slope = columns.T @ columns, columns.T @ left
    size = np.diag(gram).copy()
    least = 1e-2 * float(np.median(size))  # a hinge at the edge of the rows, or explained by others
    factor = np.zeros((len(hinges), 0))
    chosen: list[int] = []
    for _ in range(min(width, len(hinges))):
        gain = np.where(size > least, np.square(slope) / (size + _RIDGE * n), 0.0)
        gain[chosen] = 0.0
        best = int(np.argmax(gain))
        if gain[best] <= 0:
            break
        chosen.append(best)
        pivot = np.sqrt(size[best] + _RIDGE * n)
        column = (gram[:, best] - factor @ factor[best]) / pivot
        slope = slope - column * (slope[best] / pivot)
        size = size - np.square(column)
        factor = np.column_stack([factor, column])
    return _Selection(hinges[chosen], rows)


# ---- Evidence ----


@dataclass(frozen=True)
class TabularFit:
    """A model, the weight decay of each group of its parameters, and its generalised cross-validation error."""

    model: Model
    decay: Float64Array
    error: float


def _by_evidence(model: Model, rows: Rows, fit: Fit) -> TabularFit:
    """Refine, with the weight decays that make the rows likeliest (MacKay, Neural Computation 4, 1992).

    A group of D parameters a that have decay l is determined by the rows in ``g = D - l tr(A^-1)`` of them, A being the
    penalised normal matrix; the likeliest decay is ``g / |a|^2`` times the noise variance over the rows' number.
    """
    decay = np.full(model.width + 1, _FIRST_DECAY * max(1.0, rows.X.shape[1] / rows.count))
    for _ in range(_ROUNDS):
        if fit.out_of_time():
            break
        model, error = fit(model, rows, decay=decay, max_steps=_STEPS_A_ROUND)
        model, decay = _living(model, decay, rows)
        if not fit.out_of_time():
            decay = _likeliest(model, decay, rows, error)
    model, _ = fit(model, rows, decay=decay, max_steps=_LAST_STEPS)
    model, decay = _living(model, decay, rows)
    # What was cut off is compared with nothing.
    return TabularFit(model, decay, np.nan if fit.out_of_time() else cross_validated(model, decay, rows))


def _known(model: Model, decay: Float64Array, rows: Rows) -> Float64Array:
    """How many of each group's decayed parameters the rows determine."""
    groups, D = model.parameters.shape
    if groups * D > _MOST_TOGETHER or len(rows) < D:
        known = _known_apart(model, decay, rows)
    else:
        matrix = normal_matrix(model, rows, rows.weights)
        # A little for what no row moves, too.
        added = np.full((groups, D), 1e-10 * np.trace(matrix) / len(matrix))
        added[:, :-1] += decay[:, None]
        matrix[np.diag_indices_from(matrix)] += added.ravel()
        spread = np.diag(np.linalg.inv(matrix)).reshape(groups, D)
        known = D - 1 - decay * spread[:, :-1].sum(axis=1)
    return np.asarray(np.maximum(known, 1e-3))


def _known_apart(model: Model, decay: Float64Array, rows: Rows) -> Float64Array:
    """The same as if groups did not know of each other: from the eigenvalues of each one's rows."""
    weights = np.ones(len(rows)) if rows.weights is None else rows.weights
    gates = np.column_stack([_augmented(rows.X) @ model.neurons.T > 0, np.ones(len(rows), dtype=bool)])
    shares = gates * (weights / weights.sum())[:, None]
    if len(rows) <= rows.X.shape[1]:
        inner = rows.X @ rows.X.T
        roots = np.sqrt(shares.T)
        grams = roots[:, :, None] * inner * roots[:, None, :]
    else:
        grams = moments.weighted_grams(rows.X, shares, n_threads=rows.n_threads or None)
    values = np.maximum(np.linalg.eigvalsh(grams), 0.0)
    return np.asarray((values / (values + decay[:, None])).sum(axis=1))


def _left_over(known: Float64Array, count: int) -> float:
    """The part of the rows that parameters do not take up; thresholds and the bias count in full."""
    return max(1 - float(known.sum()) / count, _LEAST_LEFT) * max(1 - len(known) / count, _LEAST_LEFT)


def _likeliest(model: Model, decay: Float64Array, rows: Rows, error: float) -> Float64Array:
    known = _known(model, decay, rows)
    noise = error / _left_over(known, rows.count)
    squares = np.square(model.parameters[:, :-1]).sum(axis=1)
    with np.errstate(divide="ignore"):
        likeliest = np.minimum(known / squares * noise / rows.count, _MOST_DECAY)
    # With parameters for every row no noise at all is as likely as any, and nothing could be told from what is left.
    while (
        known.sum() > _MOST_TAKEN / 2 * rows.count
        and _known(model, likeliest, rows).sum() + len(likeliest) > _MOST_TAKEN * rows.count
    ):
        if likeliest.min() >= _MOST_DECAY:
            break
        likeliest = np.minimum(4 * np.maximum(likeliest, _LEAST_DECAY), _MOST_DECAY)
    return np.asarray(likeliest)


def _living(model: Model, decay: Float64Array, rows: Rows) -> tuple[Model, Float64Array]:
    """Without neurons that are constant, or a line, on all rows: the bias and the linear part take them over."""
    if not model.width:
        return model, decay
    sizes = model.sizes
    values = rows.along(model.neurons[:, :-1]) + model.neurons[:, -1]
    dead = (sizes < _DEAD * sizes.max()) | (values <= 0).all(axis=0)
    straight = ~dead & (values >= 0).all(axis=0)
    parameters = model.parameters.copy()
    signed = model.signs[:, None] * model.neurons
    parameters[-1] += signed[straight].sum(axis=0)
    parameters[-1, -1] += float(model.signs[dead] @ np.maximum(model.neurons[dead, -1], 0.0))
    kept = np.append(~dead & ~straight, True)
    return Model(model.signs[kept[:-1]], parameters[kept]), decay[kept]


def cross_validated(model: Model, decay: Float64Array, rows: Rows) -> float:
    """Generalised cross-validation: the mean squared error over (1 - the part of the rows that the parameters take)^2.

    Not leaving out rows one by one: the leverage of a row at a kink that few others surround tells nothing.
    """
    left = _left_over(_known(model, decay, rows), rows.count)
    return float(rows.errors(model).mean() / left**2)


# ---- The width ----


def _widths(most: int, n: int, d: int) -> list[int]:
    """Widths to try: beyond a few neurons, of no more parameters than rows."""
    widths = sorted({w for w in _WIDTHS if w < most} | {most})
    return [w for w in widths if w <= _FEW_NEURONS or (w + 1) * (d + 1) <= n]


def fit_any(
    rows: Rows, width: int | None, max_width: int, fit: Fit, progress: Progress, rng: np.random.Generator
) -> TabularFit:
    """Learn from standardised inputs.

    Parameters
    ----------
    rows : Rows
        Inputs, each column of mean 0 and standard deviation 1, and labels in any unit.
    width : int, optional
        Number of neurons, at most; None to choose the smallest whose error is not clearly above the best.
    max_width : int
        Largest number of neurons to try.
    fit : Fit
        How to refine.
    progress : Progress
        Told of every width.
    rng : numpy.random.Generator
        For candidates.

    Returns
    -------
    TabularFit
        In the unit of the labels.
    """
    mean = float(np.average(rows.y, weights=rows.weights))
    scale = float(np.sqrt(np.average(np.square(rows.y - mean), weights=rows.weights)))
    if scale <= 1e-14 * abs(mean):  # constant up to rounding
        constant = linear_model(rows.X.shape[1])
        constant.parameters[-1, -1] = mean
        return TabularFit(constant, np.zeros(1), 0.0)
    found = _fit_standardised(replace(rows, y=(rows.y - mean) / scale), width, max_width, fit, progress, rng)
    parameters = scale * found.model.parameters
    parameters[-1, -1] += mean
    return TabularFit(Model(found.model.signs, parameters), found.decay, found.error * scale**2)


def _fit_standardised(
    rows: Rows, width: int | None, max_width: int, fit: Fit, progress: Progress, rng: np.random.Generator
) -> TabularFit:
    """The same for labels of mean 0 and standard deviation 1, too."""
    fit = fit.changed(tolerance=1e-4, thresholds=True)
    widths = [width] if width is not None else _widths(max_width, *rows.X.shape)
    selection = _select(rows, widths[-1], rng)
    found: list[TabularFit] = []
    for w in widths:
        if found and len(selection.hinges) < w:
            break
        one = _by_evidence(selection.start(w), rows, fit)
        if progress.out_of_time() and found:
            break  # it was cut off
        found.append(one)
        best = int(np.argmin([f.error for f in found]))
        progress.report("width", one.model.width, found[best].error)
        # Two widths in a row that do not help: wider ones will not either.
        if progress.out_of_time() or len(found) > best + 2:
            break
    chosen = next((f for f in found if f.error <= _AS_GOOD * found[best].error), found[best])
    # A start that was cut off may go through every row, and its error would tell nothing.
    return replace(chosen, error=np.nan) if progress.stopped_early and len(found) == 1 else chosen
