"""Sums over blocks, and what they hold, as fixtures: test modules cannot import each other."""

import numpy as np
import pytest

from limbeck import moments, ridgeless

DIRECTIONS = np.random.default_rng(2).standard_normal((2, 8))


def joined(source):
    """All rows of blocks, and their labels."""
    return (np.concatenate(parts) for parts in list(zip(*source, strict=True))[:2])


def accumulators():
    """Empty sums of every kind."""
    return {
        "moments": moments.MomentAccumulator(DIRECTIONS, [2, 4]),
        "rows": ridgeless.Accumulator(8),
    }


def numbers(sums):
    """What an accumulator knows."""
    if isinstance(sums, ridgeless.Accumulator):
        return [sums.solve(intercept="centred").coef, np.array(sums.n_rows)]
    return [sums.matrices(2), sums.matrices(4), np.array(sums.n_rows)]


def shared(function):
    """A fixture of a function's name that gives the function: test modules cannot import each other."""
    return pytest.fixture(scope="session", name=function.__name__)(lambda: function)


joined_fixture = shared(joined)
accumulators_fixture = shared(accumulators)
numbers_fixture = shared(numbers)


@pytest.fixture(scope="session")
def directions():
    """The directions of the moments, (2, 8)."""
    return DIRECTIONS
