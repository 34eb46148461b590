"""Growth: neurons of few features, wider networks out of narrower ones, and nothing that chance explains."""

from dataclasses import replace

import numpy as np
import pytest

import limbeck
from limbeck._base.progress import Progress
from limbeck._learner.model.model import Model
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import Rows
from limbeck._learner.tabular.existence import is_more_than_chance
from limbeck._learner.tabular.growth import Candidates, knots, proposed, with_hinges
from limbeck._learner.tabular.growth_search import GrowthSearch
from limbeck._learner.tabular.learner import fit_any
from limbeck._learner.tabular.line import line_by_evidence
from limbeck._learner.tabular.relevance import settle
from limbeck._learner.tabular.settings import TABULAR
from limbeck._learner.tabular.sparse_model import FitTask, SparseRefinement


def friedman(seed, n, d, noise=1.0):
    """Friedman's first function: the first five features alone count."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(size=(n, d))
    y = 10 * np.sin(np.pi * X[:, 0] * X[:, 1]) + 20 * (X[:, 2] - 0.5) ** 2 + 10 * X[:, 3] + 5 * X[:, 4]
    return X, y, y + noise * rng.standard_normal(n)


def standard(X, y, weights=None):
    return Rows((X - X.mean(axis=0)) / X.std(axis=0), (y - y.mean()) / y.std(), weights, 1)


def test_idle_features_vanish_exactly():
    X, truth, y = friedman(0, 600, 20)
    network = limbeck.learn(X, y, inputs="any", validation=0.0).network
    fresh, truth, _ = friedman(1, 4000, 20)
    # Noise is a 24th of the variance; a learner that knew the five features would do about as well.
    assert 1 - np.mean((network(fresh) - truth) ** 2) / truth.var() > 0.95
    assert np.mean(network.weights[:, 5:] == 0) > 0.9
    assert np.median(np.count_nonzero(network.weights, axis=1)) <= 3


def test_a_wider_network_is_no_worse_on_its_rows():
    rows = standard(*friedman(2, 400, 6)[::2])
    task = FitTask.of(rows, Fit())
    fitted = settle(line_by_evidence(task, TABULAR), task, TABULAR)
    rng = np.random.default_rng(0)
    for _ in range(4):
        hinges, _ = proposed(fitted.sparse, task, fitted.residuals, 4, rng, TABULAR, curves=False)
        wider = with_hinges(fitted.sparse, hinges[:1], task, fitted.residuals, TABULAR)
        # Added at the size that a least-squares fit gives it, a hinge lowers the error from the start.
        assert task.mean_square(task.residuals(wider.model)) < task.mean_square(fitted.residuals)
        fitted = settle(wider, task, TABULAR)


@pytest.mark.parametrize("weighted", [False, True])
def test_refinement_of_some_parameters_is_least_squares(weighted):
    """With a decay of zero and no neuron: the regression on the features that are free."""
    X, _, y = friedman(3, 200, 5)
    weights = np.random.default_rng(3).uniform(0.5, 1.5, 200) if weighted else None
    rows = Rows(X, y, weights, 1)
    start = np.array([[0.1, 0, 0.1, 0, 0.1, 0]])
    model, error = SparseRefinement(max_steps=40, tolerance=1e-14)(line_of(start), rows)
    root = np.ones(200) if weights is None else np.sqrt(weights)
    design = np.column_stack([X[:, ::2], np.ones(200)]) * root[:, None]
    coef, squares, *_ = np.linalg.lstsq(design, root * y)
    np.testing.assert_allclose(model.parameters[0, [0, 2, 4, 5]], coef, rtol=1e-6)
    np.testing.assert_array_equal(model.parameters[0, [1, 3]], 0)
    assert error == pytest.approx(squares[0] / (root**2).sum())


def line_of(parameters):
    return Model(np.empty(0), parameters)


def test_a_line_by_evidence_is_a_ridge_regression():
    for n, d in ((80, 5), (20, 50)):  # by either Gram matrix
        rng = np.random.default_rng(n)
        X = rng.standard_normal((n, d))
        y = X[:, 0] + 0.3 * rng.standard_normal(n)
        line = line_by_evidence(FitTask.of(Rows(X, y, None, 1), Fit()), TABULAR)
        centred = X - X.mean(axis=0)
        inner = centred.T @ centred / n + line.decay[0] * np.eye(d)
        expected = np.linalg.solve(inner, centred.T @ (y - y.mean()) / n)
        np.testing.assert_allclose(line.model.parameters[0, :-1], expected, rtol=1e-6, atol=1e-9)


def test_knots_are_levels_of_a_code_and_quantiles_of_a_measure():
    np.testing.assert_array_equal(knots(np.repeat([1.0, 2, 5, 9], 10), 7), [2, 5])
    np.testing.assert_allclose(knots(np.arange(101.0), 3), [25, 50, 75])
    assert not len(knots(np.repeat([0.0, 1], 10), 7))


@pytest.mark.parametrize(("n", "d"), [(60, 2), (120, 6)])
def test_shuffles_keep_chance_at_its_level(n, d):
    """Of 60 draws of noise 5 % or fewer pass: 9 and more come up less than once in 300 times."""
    passed = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        X, y = rng.standard_exponential((n, d)), rng.standard_normal(n)
        task = FitTask.of(standard(X, y), Fit())
        line = line_by_evidence(task, TABULAR)
        guide, residuals = rng.standard_normal(n), task.residuals(line.model)
        passed += is_more_than_chance(Candidates.of(line, task, residuals, rng, TABULAR, guide), task, rng, TABULAR)
    assert passed <= 8


@pytest.mark.parametrize(("periods", "n", "most"), [(3, 1000, 0.02), (8, 1500, 0.03)])
def test_a_curve_of_many_periods_is_learned(periods, n, most):
    rng = np.random.default_rng(periods)
    x = rng.uniform(size=n)
    y = np.sin(2 * np.pi * periods * x) + 0.05 * rng.standard_normal(n)
    found = GrowthSearch(standard(x[:, None], y), Fit(), None, rng, TABULAR).found(64)
    rows = standard(x[:, None], y)
    # A sum of four hinges a period leaves some hundredths of a sine, noise is 1/200 of it.
    assert np.mean(np.square(rows.residuals(found.sparse.model))) < most


@pytest.mark.parametrize("far", [100.0, -1e9, pytest.param(1e6, marks=pytest.mark.slow)])
def test_a_far_value_does_not_hide_the_bulk(far):
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(500, 2))
    y = 2 * np.maximum(X[:, 0] - 0.5, 0) + X[:, 0] + 0.02 * rng.standard_normal(500)
    X[7, 0] = far
    found = limbeck.learn(X, y, inputs="any", validation=0.0)
    bulk = np.arange(500) != 7
    assert np.mean((found.predict(X) - y)[bulk] ** 2) < 0.006 * y.var()  # noise alone is .001 of it


def test_few_of_many_features_are_found_with_fewer_rows():
    rng = np.random.default_rng(4)
    X = rng.standard_exponential((60, 300))
    y = 3 * X[:, 7] - 2 * X[:, 100] + 0.3 * rng.standard_normal(60)
    found = limbeck.learn(X, y, inputs="any", validation=0.0)
    fresh = rng.standard_exponential((1000, 300))
    truth = 3 * fresh[:, 7] - 2 * fresh[:, 100]
    assert 1 - np.mean((found.predict(fresh) - truth) ** 2) / truth.var() > 0.9


def test_a_search_that_is_cut_off_is_no_wider_than_allowed(monkeypatch):
    rng = np.random.default_rng(1)
    X = rng.uniform(-1, 1, (9000, 4))
    y = np.sin(6 * X + np.arange(4)).sum(axis=1) + 0.1 * rng.standard_normal(9000)
    search, fit = None, Fit()
    grown = GrowthSearch._grown

    def grown_until_time_is_up(self, *args, **kwargs):
        path, task = grown(self, *args, **kwargs)
        object.__setattr__(fit, "deadline", 0.0)
        wide = [p for p in path if p.sparse.width > 8]
        assert wide
        return wide, task  # as where the rows were doubled at last

    monkeypatch.setattr(GrowthSearch, "_grown", grown_until_time_is_up)
    search = GrowthSearch(standard(X, y), fit, None, rng, TABULAR)
    found = search.found(8)
    assert found.sparse.width <= 8
    assert np.square(found.residuals).mean() < 0.8  # of labels of variance 1; the line leaves .9


def test_growth_begins_anew_while_searches_end_far_apart():
    # One cell of a table of two codes is high: single growths end at errors of .05 to .69 of the variance.
    rng = np.random.default_rng(5)
    codes = rng.integers(0, 5, (400, 2)).astype(float)
    y = 10.0 * ((codes == 3).all(axis=1)) + 0.3 * rng.standard_normal(400)

    def error(most_starts, seed):
        settings = replace(TABULAR, most_starts=most_starts, competing_entries=0, fold_rows=0)
        rows, progress = standard(codes, y), Progress(None, False, None)
        return fit_any(rows, None, 8, SparseRefinement(), progress, np.random.default_rng(seed), settings).compared

    one, many = (np.array([error(starts, seed) for seed in range(4)]) for starts in (1, 6))
    assert (many <= one).all()
    assert many.mean() < 0.5 * one.mean()


@pytest.mark.parametrize("seed", [2, 5])
def test_growth_begins_anew_where_it_ends_at_a_line(seed):
    # The first growth of these seeds finds nothing beyond a line.
    rng = np.random.default_rng(5)
    X, fresh = rng.uniform(-1, 1, (800, 8)), np.random.default_rng(6).uniform(-1, 1, (2000, 8))
    y = np.sin(5 * X[:, 0]) * X[:, 1] + 0.3 * rng.standard_normal(800)
    truth = np.sin(5 * fresh[:, 0]) * fresh[:, 1]
    found = limbeck.learn(X, y, inputs="any", seed=seed)
    assert 1 - np.mean((found.network(fresh) - truth) ** 2) / truth.var() > 0.85
