"""The span of a network's neurons, what lies beside it, and the angles between neurons."""

import numpy as np
import pytest

from limbeck._learner.gaussian.directions import is_well_separated, with_linear_part
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
