"""Rows in blocks in the place of rows in memory."""

import copy

import numpy as np
import pytest

import limbeck
from limbeck import blocks
from limbeck._base.progress import Progress
from limbeck._learner.model.linear_part import with_smallest_linear_part
from limbeck._learner.model.model import Model
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import Rows


def random_model(seed, width=3):
    rng = np.random.default_rng(seed)
    return Model(rng.choice([-1.0, 1.0], width), rng.standard_normal((width + 1, 9)))


class Passes:
    """Blocks that write down every pass."""

    def __init__(self, parts, seen):
        self.parts, self.seen = parts, seen

    def total(self, empty):
        self.seen.append(empty)
        sums = copy.deepcopy(empty)
        for number, part in enumerate(self.parts):
            sums = blocks.partial_sum(sums, part, number)
        return sums


def test_sums_are_those_of_rows_in_memory(planted, streamed):
    rows, model = streamed(), random_model(0)
    in_memory = Rows(planted.X, planted.y, None, 1)
    assert (len(rows), rows.count, rows.n_features) == (30_000, 30_000, 8)
    assert rows.variance == pytest.approx(in_memory.variance, rel=1e-12)
    assert rows.mean_error(model) == pytest.approx(in_memory.mean_error(model), rel=1e-12)
    np.testing.assert_allclose(rows.exact_matrix(model), in_memory.normal_matrix(model), atol=1e-12)
    for mine, expected in zip(rows.sandwich(model), in_memory.sandwich(model), strict=True):
        np.testing.assert_allclose(mine, expected, rtol=1e-10, atol=1e-12)


def test_time_may_run_out_between_two_models(planted, streamed):
    progress = Progress(None, False, None)
    rows = streamed(progress)
    first, second = random_model(1), random_model(2)
    assert rows.mean_error(first) == pytest.approx(np.mean((planted.y - first(planted.X)) ** 2))
    progress.deadline = 0.0
    model, error = rows.refined(second, Fit(thresholds=True), tolerance=1e-4)
    assert model is second
    assert progress.stopped_early
    # Of the sample of 2000: within six standard errors of all rows'.
    squares = (planted.y - second(planted.X)) ** 2
    assert abs(error - squares.mean()) < 6 * squares.std() / np.sqrt(2000)


@pytest.mark.parametrize("width", [0, 1, 3, 14])
def test_the_same_function_in_other_parameters_takes_no_pass(planted, streamed, width):
    rows = streamed()
    model = random_model(3, width)
    known, passes = rows.mean_error(model), []
    rows._source = Passes(planted.blocks, passes)
    assert rows.mean_error(with_smallest_linear_part(model)) == known
    round_about = Model(
        model.signs, np.vstack([-model.neurons, model.parameters[-1] + (model.signs[:, None] * model.neurons).sum(0)])
    )
    np.testing.assert_allclose(round_about(planted.X), model(planted.X), atol=1e-12)
    assert rows.mean_error(round_about) == known
    assert not passes
    other = model.parameters.copy()
    other[-1, -1] += 1e-6
    assert rows.mean_error(Model(model.signs, other)) != known
    assert len(passes) == 1


@pytest.mark.parametrize("inputs", ["standard", "any"])
def test_no_pass_is_made_for_a_function_that_is_known(planted, inputs):
    seen = []
    limbeck.learn(Passes(planted.blocks, seen), width=3, inputs=inputs, sample_rows=10_000)
    gradients = [sums.model(planted.X[:1000]) for sums in seen if getattr(sums, "what", None) == "gradient"]
    assert len(gradients) > 1
    for i, values in enumerate(gradients):
        for others in gradients[:i]:
            assert np.abs(values - others).max() > 1e-10
