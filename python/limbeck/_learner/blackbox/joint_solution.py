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
from limbeck._learner.blackbox.time_estimates import has_time_for
from limbeck._learner.model.shared_model import SharedModel

__all__ = ["solved_jointly"]

# Rounds: the first gains most digits, the next those that its own change of the network costs.
_ROUNDS = 2
# Equations of rows for each unknown output weight and threshold, below which these stay; and unknowns above which they
# do, for work grows with the square of their number (1,280 of them: a second).
_EQUATIONS_PER_UNKNOWN = 2
_MOST_UNKNOWNS = 3000
# Added to normal matrices of unit diagonal: neurons that no row switches on have no equations.
_RIDGE = 1e-14

Asked = tuple[GradientQueries, SharedModel | None]


def solved_jointly(
    network: SharedModel,
    asked: list[Asked],
    home: tuple[Float64Array, Float64Array],
    rows: tuple[Float64Array, Float64Array],
    n_threads: int | None,
    deadline: float = np.inf,
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
    deadline : float
        Time by ``time.perf_counter()`` (seconds) that no round is to pass.
    """
    if not network.width:
        return network
    queries = [_of_function(one, subtracted, n_threads) for one, subtracted in asked]
    # A slope is off by the rounding error of a value over the step, and values grow with the distance from the bulk.
    weights = np.array([np.median(np.abs(one.steps)) / np.sqrt(len(one.base) + one.base @ one.base) for one in queries])
    size = (network.width + network.n_outputs) * len(asked) * network.n_outputs
    operations = 20.0 * size * (network.width + network.n_outputs)
    for _ in range(_ROUNDS):
        if not has_time_for(operations, deadline):
            break
        network = _round(network, queries, weights, home, rows, n_threads, deadline)
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
    deadline: float,
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
    unknowns = k * q
    is_settled = rows[1].size >= _EQUATIONS_PER_UNKNOWN * unknowns
    operations = 4.0 * unknowns**2 * (rows[1].size + unknowns)
    if not is_settled or unknowns > _MOST_UNKNOWNS or not has_time_for(operations, deadline):
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
    columns = np.empty((k, q, len(X) * q))
    across = _across(network.outputs)
    for j in range(k):
        own = np.empty((q, len(X), q))
        for c in range(q):
            own[c] = ((on * follow[:k, j, c]) @ network.outputs) * along[:, j : j + 1]
            own[c] += np.outer(along[:, j] - at_home[j], follow[k:, j, c])
            own[c, :, c] += on[:, j] * inner[:, j]
        # Along its own output weights a change only rescales the neuron; in its place, the threshold's.
        columns[j, :-1] = across[j] @ own.reshape(q, -1)
        columns[j, -1] = (on[:, j : j + 1] * network.outputs[j]).ravel()
    residuals = Y - network(X, n_threads)
    solution = _least_squares(columns.reshape(k * q, -1), residuals.ravel()).reshape(k, q)
    outputs = np.einsum("jbc,jb->jc", across, solution[:, :-1])
    change = np.einsum("ijc,jc,jd->id", follow, outputs, directions)
    neurons, linear = network.neurons.copy(), network.linear.copy()
    neurons[:, :-1] += change[:k]
    neurons[:, -1] += solution[:, -1]
    linear[:, :-1] += change[k:]
    linear[:, -1] = home[1] - linear[:, :-1] @ home[0]
    return SharedModel(neurons, network.outputs + outputs, linear)


def _across(outputs: Float64Array) -> Float64Array:
    """Orthonormal bases (k, q - 1, q) of what is orthogonal to each neuron's output weights."""
    return np.linalg.svd(outputs[:, None, :], full_matrices=True)[2][:, 1:]


def _least_squares(columns: Float64Array, values: Float64Array) -> Float64Array:
    """Least squares for columns (m, n), of a condition number of some tens once their lengths are one."""
    lengths = np.linalg.norm(columns, axis=1)
    lengths[lengths == 0] = 1.0
    units = columns / lengths[:, None]
    normal = units @ units.T
    normal[np.diag_indices_from(normal)] += _RIDGE
    return np.asarray(np.linalg.solve(normal, units @ values) / lengths)
