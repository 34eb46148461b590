"""Constant terms: their kinds, and rows less their means."""

import numpy as np
import pytest

from limbeck._base.intercepts import centred, intercept_kind


def test_kinds_of_intercepts():
    assert [intercept_kind(word) for word in (None, "centred", "penalised", "in norm")] == [
        None,
        "centred",
        "penalised",
        "penalised",
    ]
    with pytest.raises(ValueError, match="got 'free'"):
        intercept_kind("free")


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_rows_less_their_mean(weighted, dtype):
    rng = np.random.default_rng(0)
    rows = (rng.standard_normal((3, 50, 4)) * [1, 1e3, 1e-3, 1] + [0, 1e6, 0, 0]).astype(dtype)
    rows[..., 3] = 0.1  # constant: 0.1 has no exact mean
    weights = rng.integers(1, 4, (3, 50, 1)).astype(np.float64) if weighted else None
    less, mean = centred(rows, weights)
    for i in range(3):
        expected = np.average(
            rows[i].astype(np.longdouble), axis=0, weights=None if weights is None else weights[i, :, 0]
        )
        # A mean of 50 numbers is off by some eps of their size.
        np.testing.assert_allclose(mean[i, 0], expected.astype(np.float64), rtol=1e-13, atol=1e-16)
        sizes = np.abs(rows[i]).max(axis=0)
        assert np.all(np.abs(less[i] - (rows[i] - expected)).max(axis=0) <= 1e-14 * sizes)
    np.testing.assert_array_equal(less[..., 3], 0)
