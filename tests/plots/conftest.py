"""Axes and a learned network to draw."""

import pytest
from matplotlib.figure import Figure

import limbeck


@pytest.fixture
def ax():
    return Figure().subplots()


@pytest.fixture(scope="session")
def learned():
    planted = limbeck.datasets.make_narrow_network("clumps", 6, 3, separation=0.3, seed=0)
    X, y = limbeck.datasets.sample(planted, 4000, noise=0.1, seed=1)
    return limbeck.learn(X, y, 3, feature_names=list("abcdef"), target_name="yield")
