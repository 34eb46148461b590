"""Values of networks on rows, and their exact moments over x ~ N(0, I), of one output or several."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck import _kernels
from limbeck._base.arrays import Float64Array, float_array
from limbeck.network._parameters import Parameters

__all__ = ["squared_distances", "values", "variances"]

# Numbers in the activations of one block of rows: 4 MB in float64, which stay in the second cache.
_NUMBERS_AT_ONCE = 1 << 19


def values(parameters: Parameters, X: NDArray[Any], n_threads: int) -> NDArray[Any]:
    """Values (n,), or (n, q) of several outputs, on checked rows, in the type of the rows.

    Raises
    ------
    ValueError
        A parameter does not fit into the type of the rows.
    """
    p, names = parameters, ("weights", "thresholds", "output", "linear")
    weights, thresholds, output, linear = (float_array(getattr(p, name), name, (1, 2), X.dtype) for name in names)
    bias = p.bias if X.dtype == np.float64 else float_array(np.atleast_1d(p.bias), "bias", 1, X.dtype)
    if not p.has_several_outputs:
        return _kernels.network_forward(weights, thresholds, output, linear, p.bias, X, n_threads)
    forms = np.concatenate([weights, linear])  # one product with the rows serves them all
    found = np.empty((len(X), len(output)), dtype=X.dtype)
    at_once = max(64, _NUMBERS_AT_ONCE // len(forms))
    # Overflow becomes infinity or NaN, which is looked for later, as in the kernels.
    with np.errstate(over="ignore", invalid="ignore"):
        for first in range(0, len(X), at_once):
            rows = slice(first, first + at_once)
            inner = _kernels.project(X[rows], forms, n_threads)
            # A maximum of NumPy is NaN where the activation is, so that NaN in rows reaches the result.
            activations = np.maximum(inner[:, : p.width] + thresholds, 0)
            found[rows] = _kernels.project(activations, output, n_threads) + (inner[:, p.width :] + bias)
    return found


def squared_distances(parameters: Parameters, other: Parameters) -> Float64Array:
    """``E (f_j(x) - g_j(x))^2`` over x ~ N(0, I) for each output j of two networks of the same shape."""
    found = []
    for (output, own, bias), (minus, its, off) in zip(parameters.each_output(), other.each_output(), strict=True):
        # The rounding error v of the subtraction (Knuth's TwoSum) becomes two more neurons for each feature that has
        # one, v relu(x_j) - v relu(-x_j) = v x_j: the distance is that of the two functions, not of rounded ones.
        with np.errstate(over="ignore", invalid="ignore"):  # beyond the range the distance is infinite
            linear = own - its
            back = linear - own
            lost = (own - (linear - back)) - (its + back)
        lost[~np.isfinite(lost)] = 0.0
        extra = np.flatnonzero(lost)
        rows = np.zeros((2 * len(extra), parameters.n_features))
        rows[np.arange(len(extra)), extra] = 1.0
        rows[len(extra) + np.arange(len(extra)), extra] = -1.0
        _, second_moment, _ = _kernels.gaussian_moments(
            np.concatenate([parameters.weights, other.weights, rows]),
            np.concatenate([parameters.thresholds, other.thresholds, np.zeros(2 * len(extra))]),
            np.concatenate([output, -minus, lost[extra], -lost[extra]]),
            linear,
            bias - off,
        )
        found.append(second_moment)
    return np.array(found)


def variances(parameters: Parameters) -> Float64Array:
    """``Var f_j(x)`` over x ~ N(0, I) for each output j."""
    p = parameters
    return np.array(
        [_kernels.gaussian_moments(p.weights, p.thresholds, *each)[2] for each in p.each_output()], dtype=np.float64
    )
