"""The span of a network's neurons, what lies beside it, and the angles between neurons."""

import numpy as np
import pytest

from limbeck._learner.gaussian.directions import is_well_separated, missed_directions, span_of, with_linear_part
from limbeck._learner.gaussian.settings import DEFAULTS
from limbeck._learner.model.model import Model


def _model(directions, weights):
    directions, weights = np.asarray(directions), np.asarray(weights, dtype=float)
    parameters = np.zeros((len(weights) + 1, directions.shape[1] + 1))
    parameters[:-1, :-1] = np.abs(weights)[:, None] * directions
    return Model(np.where(weights < 0, -1.0, 1.0), parameters)


def test_the_linear_part_widens_a_basis_only_where_it_is_outside():
    model, basis = _model(np.eye(2, 4), [1.0, 1.0]), np.eye(2, 4)
    assert with_linear_part(basis, model) is basis
    model.parameters[-1, :-1] = [1.0, 2.0, 0.0, 0.0]
    assert with_linear_part(basis, model) is basis
    model.parameters[-1, :-1] = [1.0, 2.0, 0.0, -3.0]
    np.testing.assert_array_equal(with_linear_part(basis, model), [*basis, [0, 0, 0, -1]])


@pytest.mark.parametrize(("angle", "apart"), [(0.5, True), (0.1, False), (np.pi - 0.1, False)])
def test_neurons_are_well_separated_modulo_sign(angle, apart):
    model = _model([[1.0, 0.0], [np.cos(angle), np.sin(angle)]], [1.0, 1.0])
    assert is_well_separated(model, DEFAULTS.selection.near) == apart
    assert is_well_separated(_model([[1.0, 0.0]], [1.0]), DEFAULTS.selection.near)


def test_the_span_of_neurons_leaves_out_dependent_and_faint_directions():
    u, v, w = np.eye(4)[:3]
    model = _model([u, v, (u + v) / np.sqrt(2), w], [1.0, 1.0, 1.0, 1e-4])
    np.testing.assert_allclose(span_of(model) @ np.eye(4)[3], 0.0, atol=1e-15)
    assert len(span_of(model)) == 3
    clear = span_of(model, 1e-3)
    np.testing.assert_allclose(clear.T @ clear, np.diag([1.0, 1.0, 0.0, 0.0]), atol=1e-14)
    assert len(span_of(model, 1e-3, 1)) == 1
    assert len(span_of(_model([u], [1.0]), 2.0)) == 1  # one at least


def test_directions_that_neurons_do_not_cover_are_missed():
    u, v, w = np.eye(4)[:3]
    model = _model([u, v], [1.0, -1.0])
    tilted = np.cos(0.3) * u + np.sin(0.3) * w  # 0.3 from the neurons' plane
    for missed, count in ((np.sin(0.31), 0), (np.sin(0.29), 1)):
        found = missed_directions(model, np.array([tilted, v]), 1e-3, 4, missed)
        assert len(found) == count
    np.testing.assert_allclose(np.abs(found), [w], atol=1e-14)
    basis = np.eye(4)[:2]
    assert missed_directions(_model(np.empty((0, 4)), []), basis, 1e-3, 4, 0.5) is basis
