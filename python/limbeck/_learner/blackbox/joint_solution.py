"""All neurons of a network of several outputs at once, from all gradients that were taken.

Neurons taken from one line inherit the errors of those found before, and those between two gradients share the errors
of their bends. Once all hyperplanes are known, so is which neurons are on at each base, and everything follows from
linear equations: the gradient at a base is the sum of the outputs times the directions that are on there. Given the
output weights, these equations are the same for every coordinate of the directions, and few: one for each gradient and
output. The output weights themselves, and the thresholds, follow from plain rows, where wrong ones show at once, with
the directions always solved for (variable projection).
"""

from __future__ import annotations

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._learner.blackbox.cell_gradients import GradientQueries
from limbeck._learner.model.shared_model import SharedModel

__all__ = ["solved_jointly"]

# Rounds: the first gains most digits, the next those that its own change of the network costs.
_ROUNDS = 2
# Equations of rows for each unknown output weight and threshold, below which these stay; and unknowns above which they
# do, for work grows with the square of their number (1,400 of them: three seconds).
_EQUATIONS_PER_UNKNOWN = 2
_MOST_UNKNOWNS = 3000
# Relative singular value below which a combination of output weights is one that only rescales neurons.
_SCALES = 1e-12

Asked = tuple[GradientQueries, SharedModel | None]


def solved_jointly(
    network: SharedModel,
    asked: list[Asked],
    home: tuple[Float64Array, Float64Array],
    rows: tuple[Float64Array, Float64Array],
    n_threads: int | None,
) -> SharedModel:
    """The network with neurons, output weights and linear part from all gradients and some rows.

    Parameters
    ----------
    network : SharedModel
        So near to the function that bases and rows have the right gates.
    asked : list of tuple
        What each gradient comes from, and the network that was subtracted from the values, or None.
    home : tuple of ndarray of shape (d,) and (q,)
        A point, and the function's value there.
    rows : tuple of ndarray of shape (n, d) and (n, q)
        Rows of N(0, I), and the function's values there.
    n_threads : int or None
        Of the values of networks.
    """
    if not network.width:
        return network
    queries = [_of_function(one, subtracted, n_threads) for one, subtracted in asked]
    # A slope is off by the rounding error of a value over the step, and values grow with the distance from the bulk.
    weights = np.array([np.median(one.steps) / np.sqrt(len(one.base) + one.base @ one.base) for one in queries])
    for _ in range(_ROUNDS):
        network = _round(network, queries, weights, home, rows, n_threads)
    return network


def _points(one: GradientQueries) -> Float64Array:
    """Base, points ahead and points back: (1 + 2 m, d)."""
    moved = one.steps[:, None] * one.directions
    return np.vstack([one.base[None], one.base + moved, one.base - moved])


def _of_function(one: GradientQueries, subtracted: SharedModel | None, n_threads: int | None) -> GradientQueries:
    """The queries with the values of the function itself."""
    if subtracted is None:
        return one
    added, m = subtracted(_points(one), n_threads), len(one.steps)
    return one._replace(value=one.value + added[0], ahead=one.ahead + added[1 : 1 + m], back=one.back + added[1 + m :])


def _left_over(one: GradientQueries, network: SharedModel, n_threads: int | None) -> Float64Array:
    """Gradient (q, d) of the function less the network, whatever hyperplanes of the network the steps crossed."""
    known, m = network(_points(one), n_threads), len(one.steps)
    value, ahead, back = one.value - known[0], one.ahead - known[1 : 1 + m], one.back - known[1 + m :]
    is_single = np.isnan(back[:, :1])
    slopes = np.where(is_single, ahead - value, (ahead - back) / 2) / one.steps[:, None]
    return np.asarray(slopes.T @ one.directions)


def _round(
    network: SharedModel,
    queries: list[GradientQueries],
    weights: Float64Array,
    home: tuple[Float64Array, Float64Array],
    rows: tuple[Float64Array, Float64Array],
    n_threads: int | None,
) -> SharedModel:
    """One step of Gauss and Newton."""
    k, q, n = network.width, network.n_outputs, len(queries)
    bases = np.array([one.base for one in queries])
    gates = (bases @ network.neurons[:, :-1].T + network.neurons[:, -1] > 0).astype(np.float64)
    # Unknown directions (k, d), and q rows of the linear part, which is on everywhere.
    system = np.concatenate(
        [gates[:, None, :] * network.outputs.T, np.broadcast_to(np.eye(q), (n, q, q))], axis=2
    ).reshape(n * q, k + q)
    scale = np.repeat(weights, q)[:, None]
    inverse = np.linalg.pinv(system * scale) * scale.T
    left = np.concatenate([_left_over(one, network, n_threads) for one in queries])
    change = inverse @ left
    neurons, linear = network.neurons.copy(), network.linear.copy()
    neurons[:, :-1] += change[:k]
    linear[:, :-1] += change[k:]
    linear[:, -1] = home[1] - linear[:, :-1] @ home[0]
    moved = SharedModel(neurons, network.outputs, linear)
    unknowns = k * (q + 1)
    if rows[1].size < _EQUATIONS_PER_UNKNOWN * unknowns or unknowns > _MOST_UNKNOWNS:
        return moved
    return _with_outputs(moved, inverse.reshape(k + q, n, q), gates, home, rows, n_threads)


def _with_outputs(
    network: SharedModel,
    inverse: Float64Array,
    gates: Float64Array,
    home: tuple[Float64Array, Float64Array],
    rows: tuple[Float64Array, Float64Array],
    n_threads: int | None,
) -> SharedModel:
    """The network with output weights and thresholds from rows; directions follow the output weights."""
    (X, Y), (k, q) = rows, network.outputs.shape
    directions = network.neurons[:, :-1]
    # Changes of the unknowns by those of output weight (j, c), over the direction of neuron j.
    follow = -np.einsum("isc,sj->ijc", inverse, gates)
    along, at_home = X @ directions.T, home[0] @ directions.T
    inner = along + network.neurons[:, -1]
    on = (inner > 0).astype(np.float64)
    columns = np.empty((len(X), q, k * (q + 1)))
    for j in range(k):
        for c in range(q):
            column = ((on * follow[:k, j, c]) @ network.outputs) * along[:, j : j + 1]
            column += np.outer(along[:, j] - at_home[j], follow[k:, j, c])
            column[:, c] += on[:, j] * inner[:, j]
            columns[:, :, j * q + c] = column
        columns[:, :, k * q + j] = on[:, j : j + 1] * network.outputs[j]
    matrix = columns.reshape(len(X) * q, -1)
    lengths = np.linalg.norm(matrix, axis=0)
    lengths[lengths == 0] = 1.0
    residuals = Y - network(X, n_threads)
    solution = np.linalg.lstsq(matrix / lengths, residuals.ravel(), rcond=_SCALES)[0] / lengths
    outputs = solution[: k * q].reshape(k, q)
    change = np.einsum("ijc,jc,jd->id", follow, outputs, directions)
    neurons, linear = network.neurons.copy(), network.linear.copy()
    neurons[:, :-1] += change[:k]
    neurons[:, -1] += solution[k * q :]
    linear[:, :-1] += change[k:]
    linear[:, -1] = home[1] - linear[:, :-1] @ home[0]
    return SharedModel(neurons, network.outputs + outputs, linear)
