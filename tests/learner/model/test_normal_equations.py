"""Penalised normal matrices."""

import numpy as np

from limbeck._learner.model.model import Model
from limbeck._learner.model.normal_equations import add_to_diagonal, decay_of_parameters, to_unit_diagonal


def test_thresholds_and_bias_do_not_decay():
    model = Model(np.ones(2), np.ones((3, 4)))
    np.testing.assert_array_equal(decay_of_parameters(0.5, model), [[0.5, 0.5, 0.5, 0.0]] * 3)
    decays = decay_of_parameters(np.array([1.0, 2.0, 3.0]), model)
    np.testing.assert_array_equal(decays, [[i, i, i, 0.0] for i in (1.0, 2.0, 3.0)])


def test_the_diagonal_alone_is_added_to():
    matrix = np.ones((4, 4))
    add_to_diagonal(matrix, np.arange(4.0).reshape(2, 2))
    np.testing.assert_array_equal(matrix, 1 + np.diag(np.arange(4.0)))


def test_a_scaled_matrix_has_ones_on_its_diagonal_and_zeros_stay():
    rng = np.random.default_rng(0)
    J = rng.standard_normal((20, 4)) * [1.0, 1e-8, 1e8, 0.0]
    matrix = J.T @ J
    scaled = matrix.copy()
    scale = to_unit_diagonal(scaled)
    np.testing.assert_allclose(np.diag(scaled), [1, 1, 1, 0], rtol=1e-12)
    np.testing.assert_allclose(scaled, matrix * np.outer(scale, scale), rtol=1e-12)
    assert scale[3] == 1.0
