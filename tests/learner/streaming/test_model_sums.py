"""Sums over rows at a model."""

import numpy as np
import pytest

from limbeck import blocks
from limbeck._learner.model.coordinates import Whitening
from limbeck._learner.model.model import Model
from limbeck._learner.model.rows import Rows
from limbeck._learner.streaming.model_sums import ModelSums


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X, y, weights = rng.standard_normal((500, 4)), rng.standard_normal(500), np.arange(500.0) % 4
    model = Model(np.array([1.0, -1.0]), rng.standard_normal((3, 4)))
    coordinates = Whitening(rng.standard_normal(4), rng.standard_normal((3, 4)))
    return X, y, weights, model, coordinates


@pytest.mark.parametrize("what", ["gradient", "matrix", "sandwich"])
def test_sums_are_those_of_the_definition(data, what):
    X, y, weights, model, coordinates = data
    parts = [(X[:200], y[:200], weights[:200]), (X[200:], y[200:], weights[200:])]
    empty = ModelSums(model, coordinates, 2.0, what)
    sums = sum((blocks.partial_sum(empty, part, i) for i, part in enumerate(parts)), start=empty)
    rows = Rows(coordinates(X), y / 2.0, weights, 1)
    residuals = rows.residuals(model)
    inner = np.column_stack([rows.X, np.ones(500)])
    gates = np.column_stack([model.signs * (inner @ model.neurons.T > 0), np.ones(500)])
    J = (gates[:, :, None] * inner[:, None, :]).reshape(500, -1)
    assert (sums.n_rows, sums.weight) == (500, weights.sum())
    assert sums.error == pytest.approx(weights @ residuals**2)
    np.testing.assert_allclose(sums.gradient.ravel(), -J.T @ (weights * residuals), rtol=1e-9, atol=1e-9)
    assert (sums.matrix is None) == (what == "gradient")
    assert (sums.score_matrix is None) == (what != "sandwich")
    if what != "gradient":
        np.testing.assert_allclose(sums.matrix, (J * weights[:, None]).T @ J, rtol=1e-9, atol=1e-9)
    if what == "sandwich":
        scores = (weights * residuals) ** 2
        assert sums.scores == pytest.approx(scores.sum())
        np.testing.assert_allclose(sums.score_matrix, (J * scores[:, None]).T @ J, rtol=1e-9, atol=1e-9)


def test_numbers_that_were_not_there_in_the_first_pass_are_refused(data):
    X, y, _, model, coordinates = data
    wrong = y.copy()
    wrong[3] = np.nan
    with pytest.raises(ValueError, match="NaN or infinity"):
        blocks.partial_sum(ModelSums(model, coordinates, 1.0, "gradient"), (X, wrong), 0)
