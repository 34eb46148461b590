"""Curved and flat functions are told from piecewise linear ones by a few queries."""

import numpy as np
import pytest

from limbeck._learner.blackbox.local_shape import is_piecewise_linear

EPS = np.finfo(float).eps


def relus(X):
    rng = np.random.default_rng([1, 12345])
    return np.maximum(X @ rng.standard_normal((X.shape[1], 40)) + rng.standard_normal(40), 0) @ np.ones((40, 2))


@pytest.mark.parametrize("kind", [np.float64, np.float32])
@pytest.mark.parametrize(
    ("function", "wanted"),
    [
        (relus, True),
        (lambda X: X[:, :1] + 3, True),
        (lambda X: np.tanh(X[:, :1]) + np.abs(X[:, 1:2]), False),
        (lambda X: np.square(X).sum(axis=1, keepdims=True), False),
        (lambda X: np.floor(3 * X[:, :1]), False),
        (lambda X: np.zeros((len(X), 1)), False),
        # Flat at most points, where both are off.
        (lambda X: np.maximum(X[:, :1] - 0.8, 0) - 1.5 * np.maximum(X[:, 1:2] - 0.8, 0), True),
    ],
)
@pytest.mark.parametrize("d", [2, 30])
def test_shapes(function, wanted, d, kind):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((8, d))
    asked = []

    def ask(rows):
        asked.append(len(rows))
        return function(rows).astype(kind).astype(float)

    values = function(X).astype(kind).astype(float)
    noise = 8 * np.finfo(kind).eps * max(np.abs(values).max(), EPS)
    assert is_piecewise_linear(ask, X, values, noise, rng) == wanted
    assert sum(asked) <= 16
