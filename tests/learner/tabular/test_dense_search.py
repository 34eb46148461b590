"""Networks of dense neurons beside the grown one: which is taken, and that their idle weights become zeros."""

import numpy as np
import pytest

import limbeck
from limbeck._learner.model.model import Model, linear_model
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import Rows
from limbeck._learner.tabular.dense_search import DenseSearch
from limbeck._learner.tabular.folds import Folds
from limbeck._learner.tabular.relevance import choice_parameters
from limbeck._learner.tabular.settings import TABULAR
from limbeck._learner.tabular.thinning import thinned


def bends(seed, n, d, used):
    """One hinge of a sum of the first features, all alike; noise of a ninth of the variance."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    truth = np.maximum(X[:, :used].sum(axis=1) / np.sqrt(used), 0)
    truth /= truth.std()
    return X, truth, truth + rng.standard_normal(n) / 3


def rows_of(X, y):
    return Rows((X - X.mean(axis=0)) / X.std(axis=0), (y - y.mean()) / y.std(), None, 1)


@pytest.mark.parametrize("used", [1, 12])
def test_neurons_see_what_they_need(used):
    X, _, y = bends(0, 300, 12, used)
    found = limbeck.learn(X, y, inputs="any", validation=0.0)
    fresh, truth, _ = bends(1, 4000, 12, used)
    # 26 parameters, if neuron and line have thirteen each, of 300 rows with noise of a ninth lose .01 in the mean; of
    # three seeds the largest loss was .04.
    assert 1 - np.mean((found.predict(fresh) - truth) ** 2) / truth.var() > 0.95
    seen = np.count_nonzero(found.network.weights[np.argmax(np.linalg.norm(found.network.weights, axis=1))])
    assert seen == 1 if used == 1 else seen >= 10


def test_idle_weights_of_a_dense_network_become_zeros():
    X, _, y = bends(2, 600, 12, 2)
    rows, fit = rows_of(X, y), Fit().changed(thresholds=True)
    dense = DenseSearch(rows, fit, None, np.random.default_rng(0), TABULAR).with_width(1)
    thin = thinned(dense, rows, fit, TABULAR, 0.5)
    weights = np.count_nonzero(thin.model.parameters[:, :-1])
    assert np.count_nonzero(dense.model.parameters[:, :-1]) == 2 * 12
    # Of a weight that is only noise the F statistic is below one half in 52 % of draws: about ten of twenty.
    assert 4 <= weights <= 18
    assert (np.count_nonzero(thin.model.parameters[:, :2])) == 4
    fresh, truth, _ = bends(3, 4000, 12, 2)
    fresh, truth = (fresh - X.mean(axis=0)) / X.std(axis=0), (truth - y.mean()) / y.std()
    errors = [np.mean((model(fresh) - truth) ** 2) for model in (dense.model, thin.model)]
    assert errors[1] < 1.05 * errors[0]


@pytest.mark.parametrize("statistic", [0.5, 1.0, 9.0])
def test_what_a_choice_takes(statistic):
    """The covariance of kept values with the noise, less the number kept, over the number of those not kept."""
    z = np.linspace(-12, 12, 2_000_001)
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) * (z[1] - z[0])
    kept = z**2 > statistic
    taken = density @ np.where(kept, z**2, 0.0) - density @ kept
    assert choice_parameters(statistic) == pytest.approx(taken / (1 - density @ kept), rel=1e-4)


def test_folds_leave_out_every_row_once():
    """A learner of the mean, and one of the constant 1, on 20 rows: two splits of five folds."""
    rng = np.random.default_rng(0)
    rows = rows_of(rng.standard_normal((20, 2)), rng.standard_normal(20))
    seen = []

    def constant(value):
        model = linear_model(2)
        model.parameters[-1, -1] = value
        return model

    def learn(part) -> list[Model]:
        seen.append(len(part))
        return [constant(part.y.mean()), constant(1.0)]

    of_mean, of_one = Folds(rows, rng, TABULAR).errors(learn)
    assert seen == [16] * 5 * TABULAR.max_repeats
    np.testing.assert_allclose(of_one, (rows.y - 1) ** 2)
    # The mean of 16 others is off by minus a fourth of the four left out's: no less than the mean of all leaves.
    assert np.mean(of_mean) >= 1
