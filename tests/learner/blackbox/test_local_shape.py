"""Curved and flat functions are told from piecewise linear ones by a few queries."""

import numpy as np
import pytest

from limbeck._learner.blackbox.local_shape import local_shape

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
    shape = local_shape(ask, X, values, noise, rng, measure=True)
    assert shape.is_piecewise_linear == wanted
    assert shape.rounding >= noise
    # Two at each point, and again after a longer step, or three at 64 points where rounding is coarse.
    assert sum(asked) <= (16 + 192 if kind is np.float32 else 32)


@pytest.mark.parametrize("size", [1e-9, 1e-7, 1e-6])
def test_rounding_of_functions_computed_with_fewer_digits_is_measured(size):
    rng, noise = np.random.default_rng(0), np.random.default_rng(1)

    def rounded(rows):
        values = relus(rows)[:, :1]
        return values + size * noise.standard_normal(values.shape)

    X = rng.standard_normal((8, 30))
    shape = local_shape(rounded, X, rounded(X), 8 * EPS * 50, rng, measure=True)
    assert shape.is_piecewise_linear
    # One and a half standard deviations, by the median of eight: off by no more than a factor of four once in some
    # thousands of cases.
    assert size / 3 < shape.rounding < 6 * size


def test_rounding_of_float32_is_no_smaller_than_said():
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((300, 40)).astype(np.float32) / np.float32(np.sqrt(300))

    def computed(rows):
        return np.maximum(rows.astype(np.float32) @ weights, 0).sum(axis=1, keepdims=True).astype(float)

    exact = lambda rows: np.maximum(rows @ weights.astype(float), 0).sum(axis=1, keepdims=True)  # noqa: E731
    X = rng.standard_normal((8, 300))
    values = computed(X)
    shape = local_shape(computed, X, values, 0.5 * np.finfo(np.float32).eps * np.abs(values).max(), rng, measure=True)
    assert shape.is_piecewise_linear
    Z = rng.standard_normal((1000, 300))
    # The inputs are rounded too, which is no error of a linear function that differs from place to place.
    assert shape.rounding > 0.3 * np.abs(computed(Z) - exact(Z)).std()
