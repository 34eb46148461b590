"""Hinges to start from."""

import numpy as np
import pytest

from limbeck._learner.model.rows import Rows
from limbeck._learner.tabular.hinges import select
from limbeck._learner.tabular.settings import TabularSettings


def test_hinges_that_explain_most_are_chosen_first(rows_of):
    rows = rows_of(0, 1000, 4, lambda X: 3 * np.maximum(X[:, 2] - np.median(X[:, 2]), 0) + np.maximum(-X[:, 0], 0))
    first, second = np.abs(select(rows, 2, np.random.default_rng(0)).hinges)
    assert first[:-1].argmax() == 2
    assert second[:-1].argmax() == 0
    assert first[-1] == pytest.approx(np.abs(np.median(rows.X[:, 2])))


def test_a_start_is_a_ridge_regression_on_the_hinges(rows_of):
    rng = np.random.default_rng(1)
    rows = rows_of(1, 200, 3, lambda X: np.abs(X[:, 1]), 0.1, rng.uniform(0.5, 1.5, 200))
    settings = TabularSettings(hinge_ridge=0.01)
    selection = select(rows, 3, rng, settings)
    line = np.column_stack([rows.X, np.ones(200)])
    design = np.column_stack([np.maximum(line @ selection.hinges.T, 0), line])
    inner = (design * rows.weights[:, None]).T @ design + 0.01 * 200 * np.eye(7)
    values = design @ np.linalg.solve(inner, design.T @ (rows.weights * rows.y))
    np.testing.assert_allclose(selection.start(3)(rows.X), values, atol=1e-10)


def test_a_feature_of_two_values_has_no_hinge():
    flag = np.where(np.arange(90) % 3, 1.0, -1.0)  # no quantile lies between the values
    X = np.column_stack([flag, np.random.default_rng(3).standard_normal(90)])
    settings = TabularSettings(random_directions=0, moment_directions=0)
    hinges = select(Rows(X, np.abs(flag - X[:, 1])), 7, np.random.default_rng(0), settings).hinges
    assert len(hinges) > 0
    assert not hinges[:, 0].any()


def test_many_features_share_the_candidates(rows_of):
    """With room for one hinge of half of the features those that go with the residuals have theirs."""
    rows = rows_of(2, 500, 40, lambda X: np.abs(X[:, 33] - np.median(X[:, 33])))
    settings = TabularSettings(max_hinges=8, random_directions=0, moment_directions=0)
    hinges = select(rows, 1, np.random.default_rng(0), settings).hinges
    assert np.flatnonzero(hinges[0, :-1]).tolist() == [33]
