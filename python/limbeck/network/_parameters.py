"""Parameters of a sum of ReLUs with a linear part: checked once, then read-only."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from limbeck._base.arrays import Float64Array, float_array, matrix, require_finite, same_length, vector

__all__ = ["Parameters"]


@dataclass(frozen=True, eq=False)
class Parameters:
    """Parameters of ``f(x) = output @ relu(weights @ x + thresholds) + linear @ x + bias``, of one or q outputs.

    Attributes
    ----------
    weights : ndarray of shape (k, d)
    thresholds : ndarray of shape (k,)
    output : ndarray of shape (k,) or (q, k)
    linear : ndarray of shape (d,) or (q, d)
    bias : float or ndarray of shape (q,)
        Arrays are float64 and finite.
    """

    weights: Float64Array
    thresholds: Float64Array
    output: Float64Array
    linear: Float64Array
    bias: Any

    @staticmethod
    def checked(
        weights: ArrayLike,
        output: ArrayLike,
        *,
        linear: ArrayLike | None = None,
        bias: ArrayLike = 0.0,
        thresholds: ArrayLike | None = None,
    ) -> "Parameters":
        """Check parameters of any array type and copy them to read-only arrays; None is zero.

        Raises
        ------
        TypeError
            An argument does not hold real numbers.
        ValueError
            Shapes disagree, or an argument holds NaN or infinity.
        """
        W = matrix(weights, "weights", np.float64)
        c = float_array(output, "output", (1, 2), np.float64)
        t = np.zeros(W.shape[0]) if thresholds is None else vector(thresholds, "thresholds", np.float64)
        same_length(W, "weights", 0, c, "output", c.ndim - 1, "neurons")
        same_length(W, "weights", 0, t, "thresholds", 0, "neurons")
        if c.ndim == 2 and not len(c):
            raise ValueError(f"output must have a row for each output, at least one; got shape {c.shape}")
        shape = (*c.shape[:-1], W.shape[1])
        w = np.zeros(shape) if linear is None else float_array(linear, "linear", c.ndim, np.float64)
        same_length(W, "weights", 1, w, "linear", c.ndim - 1, "features")
        if c.ndim == 2:
            same_length(c, "output", 0, w, "linear", 0, "outputs")
        b = _bias(bias, c)
        require_finite(weights=W, output=c, linear=w, thresholds=t, bias=np.atleast_1d(b))
        W, t, c, w, b = (np.array(a) for a in (W, t, c, w, b))
        for copy in (W, t, c, w, b):
            copy.setflags(write=False)
        return Parameters(weights=W, thresholds=t, output=c, linear=w, bias=b if b.ndim else float(b))

    @property
    def width(self) -> int:
        """Number of neurons, k."""
        return int(self.weights.shape[0])

    @property
    def n_features(self) -> int:
        """Number of features, d."""
        return int(self.weights.shape[1])

    @property
    def has_several_outputs(self) -> bool:
        """Whether values are rows (n, q), also of a single output given as (1, k)."""
        return bool(self.output.ndim == 2)

    @property
    def n_outputs(self) -> int:
        """Number of outputs, q."""
        return len(self.output) if self.has_several_outputs else 1

    def each_output(self) -> Iterator[tuple[Float64Array, Float64Array, float]]:
        """Output weights (k,), linear part (d,) and bias of each output in turn."""
        if not self.has_several_outputs:
            yield self.output, self.linear, self.bias
        else:
            yield from zip(self.output, self.linear, self.bias.tolist(), strict=True)

    def equals(self, other: "Parameters") -> bool:
        """Whether all numbers are equal."""
        names = ("weights", "thresholds", "output", "linear", "bias")
        return all(np.array_equal(getattr(self, name), getattr(other, name)) for name in names)

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain lists and numbers by name."""
        return {
            "weights": self.weights.tolist(),
            "thresholds": self.thresholds.tolist(),
            "output": self.output.tolist(),
            "linear": self.linear.tolist(),
            "bias": self.bias.tolist() if self.has_several_outputs else self.bias,
        }


def _bias(bias: ArrayLike, output: Float64Array) -> Float64Array:
    """Constant terms of checked type and shape: one number, or one for each of several outputs."""
    b = np.asarray(bias)
    if output.ndim == 1 or b.ndim == 0:
        if b.ndim != 0 or b.dtype.kind not in "biuf":
            raise TypeError(f"bias must be a real number, got {bias!r}")
        return np.full(output.shape[:-1], float(b))
    numbers = vector(bias, "bias", np.float64)
    same_length(output, "output", 0, numbers, "bias", 0, "outputs")
    return numbers
