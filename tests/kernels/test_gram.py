"""Weighted Gram matrices against NumPy."""

import numpy as np
import pytest

from limbeck import moments


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("J", [0, 1, 5])
@pytest.mark.parametrize("n", [0, 1, 127, 128, 129, 1000])
@pytest.mark.parametrize("d", [0, 1, 7, 8, 9, 31, 64, 100])
def test_weighted_grams_match_einsum(d, n, J, dtype):
    rng = np.random.default_rng([d, n, J])
    X, W = rng.standard_normal((n, d)).astype(dtype), rng.standard_normal((n, J)).astype(dtype)
    grams = moments.weighted_grams(X, W)
    assert grams.shape == (J, d, d)
    assert grams.dtype == dtype
    X64, W64 = X.astype(np.float64), W.astype(np.float64)
    expected = np.einsum("nij,nk->jik", W64[:, None, :] * X64[:, :, None], X64, optimize=True)
    scale = np.einsum("nij,nk->jik", np.abs(W64[:, None, :] * X64[:, :, None]), np.abs(X64), optimize=True)
    # n products of two roundings each and n additions, in any order: (n + 2) eps / 2 times the sum of absolute values;
    # in float64 einsum makes the same error once more.
    assert np.all(np.abs(grams - expected) <= (n + 2) * np.finfo(dtype).eps * scale)
    np.testing.assert_array_equal(grams, grams.transpose(0, 2, 1))


@pytest.mark.parametrize(("d", "J"), [(150, 40), (3, 2000)])
def test_more_matrices_than_fit_the_accumulators_at_once(d, J):
    # Then work goes in slabs. Bound as above.
    rng = np.random.default_rng(d)
    X, W = rng.standard_normal((1500, d)), rng.standard_normal((1500, J))
    grams = moments.weighted_grams(X, W)
    for j in range(0, J, 13):
        expected, scale = X.T @ (W[:, [j]] * X), np.abs(X.T) @ np.abs(W[:, [j]] * X)
        assert np.all(np.abs(grams[j] - expected) <= 1502 * np.finfo(np.float64).eps * scale)


def test_weights_of_one_give_the_gram_matrix_of_integers_exactly():
    X = np.random.default_rng(3).integers(-9, 10, (777, 13))
    np.testing.assert_array_equal(moments.weighted_grams(X, np.ones((777, 1)))[0], X.T @ X)
