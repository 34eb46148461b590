"""Results that several modules look at."""

import numpy as np
import pytest

import limbeck


@pytest.fixture(scope="session")
def rooms():
    """A table whose truth a person can say: 10 for every room above 6, less 3 for each unit of age."""
    rng = np.random.default_rng(1)
    rooms, age = rng.uniform(3, 9, 800), rng.gamma(2.0, 20.0, 800)
    price = 50 + 10 * np.maximum(rooms - 6, 0) - 3 * age + 0.5 * rng.standard_normal(800)
    return np.column_stack([rooms, age]), price


@pytest.fixture(scope="session")
def learned(rooms):
    return limbeck.learn(*rooms, 1, inputs="any", feature_names=["rooms", "age"], target_name="price")


@pytest.fixture(scope="session")
def one_line():
    """The printed text in one line."""
    return lambda found: " ".join(str(found).split())
