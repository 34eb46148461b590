"""Checks of arguments and data before learning."""

import numpy as np
import pandas as pd
import pytest

from limbeck._learner.pipeline.checks import (
    ConstantFeaturesError,
    GivenNames,
    check_features,
    check_labels,
    check_sizes,
    checked_data,
    checked_options,
    weighted_rows,
)


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    return pd.DataFrame(rng.standard_normal((30, 2)), columns=["a", "b"]), pd.Series(rng.standard_normal(30), name="c")


def test_data_keep_the_names_of_tables(table):
    X, y = table
    data = checked_data(X, y, None, GivenNames.of(None, None, y), None)
    assert (data.feature_names, data.target_name, data.columns) == (("a", "b"), "c", ("a", "b"))
    data = checked_data(X, y, None, GivenNames.of(["u", "v"], "w", y), None)
    assert (data.feature_names, data.target_name, data.columns) == (("u", "v"), "w", ("a", "b"))
    data = checked_data(X.to_numpy(), y.to_numpy(), None, GivenNames.of(None, None, y.to_numpy()), None)
    assert (data.feature_names, data.target_name, data.columns) == (("x0", "x1"), "y", None)
    np.testing.assert_array_equal(data.rows.X, X)
    np.testing.assert_array_equal(data.rows.y, y)
    assert data.rows.weights is None


def test_labels_in_blocks_have_no_name_yet():
    assert GivenNames.of(None, None, None) == GivenNames(None, None)
    assert GivenNames.of(None, "w", None) == GivenNames(None, "w")
    with pytest.raises(TypeError, match="feature_names must be a sequence of str, got 3"):
        GivenNames.of(3, None, None)


def test_weights_have_mean_one_and_rows_of_weight_zero_are_gone():
    rng = np.random.default_rng(0)
    X, y, weights = rng.standard_normal((40, 2)), rng.standard_normal(40), rng.uniform(1, 2, 40)
    weights[::4] = 0
    rows = weighted_rows(X, y, 1e300 * weights, 1)
    assert len(rows) == 30
    assert rows.weights.mean() == pytest.approx(1)
    np.testing.assert_allclose(rows.weights / rows.weights[0], weights[weights > 0] / weights[1])
    np.testing.assert_array_equal(rows.X, X[weights > 0])
    np.testing.assert_array_equal(rows.y, y[weights > 0])


def test_options_count_neurons_by_width_or_by_the_largest_one():
    def options(width, sample_rows=None):
        return checked_options(width, 5, "any", True, 0.1, 0, sample_rows, None)

    assert options(None).largest_width == 5
    assert options(7).largest_width == 7
    assert options(7, 1234).sample_size(3) == 1234
    assert options(7).sample_size(10**9) > 60 * 10**9  # what a search needs, where 128 MB hold no row
    assert options(7).sample_size(1) == 2**24


def test_features_labels_and_sizes_that_nothing_is_learned_from():
    low = np.array([0.0, 1.0])
    check_features(low, np.array([0.0, 1.001]))
    with pytest.raises(ConstantFeaturesError, match="X is constant in every feature: there"):
        check_features(low, low)
    with pytest.raises(ConstantFeaturesError, match="up to rounding"):
        check_features(low, np.array([0.0, 1 + 3e-16]))
    check_labels(-1e150, 1.0)
    for least, largest, text in ((2.0, 2.0, r"constant \(2\)"), (0.0, 2e150, "leaves float64"), (0, 1e-160, "leaves")):
        with pytest.raises(ValueError, match=text):
            check_labels(least, largest)
    check_sizes(np.array([0.0, 1e150]), ("a", "b"))
    with pytest.raises(ValueError, match=r"X: the largest size in column 'b' is 1e\+151"):
        check_sizes(np.array([1.0, 1e151]), ("a", "b"))
