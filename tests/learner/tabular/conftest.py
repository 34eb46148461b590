"""Rows of skewed inputs."""

import numpy as np
import pytest

from limbeck._learner.model.rows import Rows


@pytest.fixture
def rows_of():
    """Rows of standardised inputs of a gamma distribution; labels of mean 0 and standard deviation 1."""

    def make(seed, n, d, target, noise=0.0, weights=None):
        rng = np.random.default_rng(seed)
        X = rng.gamma(2.0, size=(n, d))
        X = (X - X.mean(axis=0)) / X.std(axis=0)
        y = target(X) + noise * rng.standard_normal(n)
        return Rows(X, (y - y.mean()) / y.std(), weights, 1)

    return make
