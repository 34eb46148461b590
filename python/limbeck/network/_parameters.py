"""Parameters of a sum of ReLUs with a linear part: checked once, then read-only."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from limbeck._base.arrays import Float64Array, matrix, require_finite, same_length, vector

__all__ = ["Parameters"]


@dataclass(frozen=True, eq=False)
class Parameters:
    """Parameters of ``f(x) = output @ relu(weights @ x + thresholds) + linear @ x + bias``.

    Attributes
    ----------
    weights : ndarray of shape (k, d)
    thresholds, output : ndarray of shape (k,)
    linear : ndarray of shape (d,)
    bias : float
        Arrays are float64 and finite.
    """

    weights: Float64Array
    thresholds: Float64Array
    output: Float64Array
    linear: Float64Array
    bias: float

    @staticmethod
    def checked(
        weights: ArrayLike,
        output: ArrayLike,
        *,
        linear: ArrayLike | None = None,
        bias: float = 0.0,
        thresholds: ArrayLike | None = None,
    ) -> "Parameters":
        """Read-only copies of anything array-like; zero where there is None.

        Raises
        ------
        TypeError
            An argument does not hold real numbers.
        ValueError
            Shapes disagree, or an argument holds NaN or infinity.
        """
        W = matrix(weights, "weights", np.float64)
        c = vector(output, "output", np.float64)
        w = np.zeros(W.shape[1]) if linear is None else vector(linear, "linear", np.float64)
        t = np.zeros(W.shape[0]) if thresholds is None else vector(thresholds, "thresholds", np.float64)
        same_length(W, "weights", 0, c, "output", 0, "neurons")
        same_length(W, "weights", 0, t, "thresholds", 0, "neurons")
        same_length(W, "weights", 1, w, "linear", 0, "features")
        b = np.asarray(bias)
        if b.ndim != 0 or b.dtype.kind not in "biuf":
            raise TypeError(f"bias must be a real number, got {bias!r}")
        require_finite(weights=W, output=c, linear=w, thresholds=t, bias=np.array([float(b)]))
        W, t, c, w = (np.array(a) for a in (W, t, c, w))
        for copy in (W, t, c, w):
            copy.setflags(write=False)
        return Parameters(weights=W, thresholds=t, output=c, linear=w, bias=float(b))

    @property
    def width(self) -> int:
        """Number of neurons, k."""
        return int(self.weights.shape[0])

    @property
    def n_features(self) -> int:
        """Number of features, d."""
        return int(self.weights.shape[1])

    def equals(self, other: "Parameters") -> bool:
        """Whether all numbers are equal."""
        names = ("weights", "thresholds", "output", "linear")
        return self.bias == other.bias and all(
            np.array_equal(getattr(self, name), getattr(other, name)) for name in names
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and numbers by name."""
        return {
            "weights": self.weights.tolist(),
            "thresholds": self.thresholds.tolist(),
            "output": self.output.tolist(),
            "linear": self.linear.tolist(),
            "bias": self.bias,
        }
