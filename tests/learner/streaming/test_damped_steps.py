"""Levenberg-Marquardt steps on rows in blocks."""

import numpy as np
import pytest

from limbeck._learner.model.model import Model, model_of
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import Rows
from limbeck._learner.streaming.damped_steps import DampedSteps
from limbeck._learner.streaming.settings import StreamingSettings

SETTINGS = {
    "matrix of the sample": StreamingSettings(),
    "matrix of all rows": StreamingSettings(least_rows_per_parameter=1e9),
    "conjugate gradients": StreamingSettings(max_dense_parameters=1),
}


@pytest.mark.parametrize("kind", SETTINGS)
def test_all_kinds_of_steps_end_at_the_network_of_rows_in_memory(planted, streamed, kind):
    start = model_of(planted.network)
    start = Model(start.signs, start.parameters + 0.1 * np.random.default_rng(0).standard_normal((4, 9)))
    fit = Fit(thresholds=True, tolerance=1e-6)
    in_memory, error = fit(start, Rows(planted.X, planted.y, None, 1))
    model, found = streamed(sample_rows=10_000, settings=SETTINGS[kind]).refined(start, fit, tolerance=1e-6)
    # A hundredth of the parametric floor: noise variance times parameters over rows.
    assert model.network().distance(in_memory.network()) < 0.01 * 0.01 * 36 / 30_000
    assert found == pytest.approx(error, rel=1e-5)


@pytest.mark.parametrize("thresholds", [False, True])
@pytest.mark.parametrize("max_dense_parameters", [36, 35])
def test_a_step_solves_the_normal_equations_with_decay(planted, streamed, thresholds, max_dense_parameters):
    settings = StreamingSettings(max_dense_parameters=max_dense_parameters, conjugate_gradient_tolerance=1e-10)
    rows = streamed(sample_rows=10_000, settings=settings)
    model = model_of(planted.network)
    decay = np.array([0.1, 0.0, 0.2, 0.05])
    steps = DampedSteps(rows, rows._sample, Fit(thresholds=thresholds, decay=decay), model, settings)
    gradient = np.random.default_rng(0).standard_normal((4, 9))
    free = np.ones((4, 9), dtype=bool)
    free[:-1, -1] = thresholds
    gradient[~free] = 0.0
    # By 10,000 rows for 36 parameters: as many as 200 for each are drawn from the sample where the matrix is dense.
    matrix = rows.sampled_matrix(model) if max_dense_parameters == 36 else rows._sample.normal_matrix(model)
    matrix += np.diag(np.append(np.repeat(decay[:, None], 8, axis=1), np.zeros((4, 1)), axis=1).ravel())
    at = np.flatnonzero(free)
    expected = np.zeros(36)
    expected[at] = -np.linalg.solve(matrix[np.ix_(at, at)], gradient.ravel()[at])
    # The condition of the matrix, below 1e4, times the tolerance and the first damping.
    np.testing.assert_allclose(steps.step(model, gradient).ravel(), expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("thresholds", [False, True])
def test_the_gradient_is_that_of_the_cost(planted, streamed, thresholds):
    rows, model = streamed(), model_of(planted.network)
    fit = Fit(thresholds=thresholds, decay=np.array([0.1, 0.0, 0.2, 0.05]))
    steps = DampedSteps(rows, rows._sample, fit, model)
    gradient = steps.cost_and_gradient(rows.sums(model))[1]
    if not thresholds:
        assert not gradient[:-1, -1].any()
    direction = np.random.default_rng(0).standard_normal((4, 9)) * (gradient != 0)
    h = 1e-5  # rows whose gates switch in between, some hundred thousandths of them, move the difference by as little
    ends = [Model(model.signs, model.parameters + side * direction) for side in (h, -h)]
    costs = [steps.cost_and_gradient(rows.sums(end))[0] for end in ends]
    assert (costs[0] - costs[1]) / (2 * h) == pytest.approx(float((gradient * direction).sum()), rel=1e-4)


class Matrices:
    """Normal matrices that count how often each is asked for."""

    def __init__(self, size):
        self.size, self.sampled, self.exact = size, 0, 0

    def sample_stands_for_all(self, model):
        return True

    def sampled_matrix(self, model):
        self.sampled += 1
        return np.eye(self.size)

    def exact_matrix(self, model):
        self.exact += 1
        return np.eye(self.size)


def test_refused_steps_are_followed_by_exact_then_by_shorter_ones():
    model = Model(np.ones(1), np.ones((2, 3)))
    matrices = Matrices(6)
    rows = Rows(np.ones((1, 2)), np.ones(1))
    steps = DampedSteps(matrices, rows, Fit(thresholds=True), model, StreamingSettings(max_refused=3))
    gradient = np.ones((2, 3))
    lengths = [-steps.step(model, gradient)[0, 0]]
    assert steps.adapt(better=True)
    lengths.append(-steps.step(model, gradient)[0, 0])
    assert (matrices.sampled, matrices.exact) == (1, 0)  # kept where the model moves little
    assert steps.adapt(better=False)
    lengths.append(-steps.step(model, gradient)[0, 0])
    assert (matrices.sampled, matrices.exact) == (1, 1)
    assert steps.adapt(better=False)
    lengths.append(-steps.step(model, gradient)[0, 0])
    assert not steps.adapt(better=False)
    # The damping is 1e-10 at first, and 1e-3 after the matrix of all rows did no better.
    np.testing.assert_allclose(lengths, [1, 1, 1, 1 / 1.001], rtol=1e-9)
