"""Values far outside all others of a column: typing errors move nothing, codes for gaps get a value of their own."""

import numpy as np
import pytest

import limbeck
from limbeck._learner.model.coordinates import standardization, without_far_values


def curve(n, d=1, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.uniform(size=(n, d))
    return X, np.sin(4 * np.pi * X[:, 0]) + 0.05 * rng.standard_normal(n)


def r2_of_truth(found, d=1):
    X = np.random.default_rng(9).uniform(size=(2000, d))
    truth = np.sin(4 * np.pi * X[:, 0])
    return 1 - np.mean((found.predict(X) - truth) ** 2) / truth.var()


def learned(X, y):
    return limbeck.learn(X, y, inputs="any", validation=0.0)


@pytest.mark.parametrize("value", [-999.0, 1e6, *(pytest.param(v, marks=pytest.mark.slow) for v in (30.0, -1e9))])
def test_one_far_value_moves_nothing(value):
    X, y = curve(500, d=2)
    clean = r2_of_truth(learned(X, y), d=2)
    X[7, 0] = value
    assert r2_of_truth(learned(X, y), d=2) > clean - 0.005


@pytest.mark.parametrize(
    ("value", "count"),
    [
        *[(-999.0, 5), (99_999.0, 100)],
        *(pytest.param(*case, marks=pytest.mark.slow) for case in ((-999.0, 100), (1e6, 50))),
    ],
)
def test_a_code_gets_a_value_of_its_own(value, count):
    X, y = curve(500)
    coded = np.arange(7, 7 + count)
    X[coded] = value
    found = learned(X, y)
    # Noise is 1 / 200 of the variance. What the code hides is noise to all: of a tenth or a fifth of the rows it is
    # 20 to 40 times as much, and the curve has five pieces in place of twelve.
    assert r2_of_truth(found) > 0.97
    rows = y[coded]
    assert np.mean((found.predict(X[coded]) - rows) ** 2) < 1.1 * rows.var()


def test_values_without_a_gap_and_codes_keep_their_place():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.lognormal(0, 1.5, 1000), rng.uniform(size=(1000, 3))])
    X[3, 1], X[3:9, 2] = 1e5, 1e5
    moved = without_far_values(X)
    np.testing.assert_array_equal(moved[:, [0, 2, 3]], X[:, [0, 2, 3]])
    assert moved[3, 1] == np.delete(X[:, 1], 3).max()
    assert np.count_nonzero(moved != X) == 1


def test_the_bulk_sets_the_scale_where_a_code_rules_the_standard_deviation():
    X = np.random.default_rng(1).standard_normal((4000, 2))
    X[:400, 1] = -9999.0
    scaled = standardization(X)(X[400:])
    # The quartiles of all rows are those at 17 and 72 % of the others, at -.97 and .59: 16 % more than between their
    # own, and the median is off by .14; of 4000 rows both have an error of some hundredths.
    assert scaled[:, 0].std() == pytest.approx(1, abs=0.05)
    assert scaled[:, 1].std() == pytest.approx(1.349 / 1.56, abs=0.05)
    assert abs(scaled[:, 1].mean()) < 0.2
