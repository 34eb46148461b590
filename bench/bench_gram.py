"""Weighted Gram matrices, and the strongest NumPy formulations beside them on the same number of threads."""

import numpy as np
import peers
import pytest
from threadpoolctl import threadpool_limits

from limbeck import moments

N, J = 16_384, 8


def _rows_and_weights(d, dtype="float64", n=N):
    rng = np.random.default_rng(d)
    return rng.standard_normal((n, d), dtype), rng.standard_normal((n, J), dtype)


def _require_close(result, expected, dtype="float64", n=N):
    # Entries are sums of n terms of size about 1: rounding grows at worst like n, in practice like its square root.
    np.testing.assert_allclose(result, expected, rtol=0, atol=8 * n * np.finfo(dtype).eps)


@pytest.mark.parametrize("d", [64, 128, 256])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_weighted_grams(benchmark, dtype, d, n_threads):
    X, W = _rows_and_weights(d, dtype)
    result = benchmark(moments.weighted_grams, X, W, n_threads=n_threads)
    _require_close(result, peers.grams_stacked(X.astype(float), W.astype(float)), dtype)


def test_weighted_grams_numpy(benchmark, n_threads):
    X, W = _rows_and_weights(128)
    with threadpool_limits(n_threads):
        result = benchmark(peers.grams_stacked, X, W)
    _require_close(result, moments.weighted_grams(X, W))


@pytest.mark.parametrize("d", [1, 3, 10])
def test_weighted_grams_of_few_features(benchmark, d, n_threads):
    X, W = _rows_and_weights(d, n=10 * N)
    result = benchmark(moments.weighted_grams, X, W, n_threads=n_threads)
    _require_close(result, peers.grams_of_pairs(X, W), n=10 * N)


@pytest.mark.parametrize("d", [1, 3, 10])
def test_weighted_grams_of_few_features_numpy(benchmark, d, n_threads):
    X, W = _rows_and_weights(d, n=10 * N)
    with threadpool_limits(n_threads):
        result = benchmark(peers.grams_of_pairs, X, W)
    _require_close(result, moments.weighted_grams(X, W), n=10 * N)
