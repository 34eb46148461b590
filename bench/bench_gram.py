"""Weighted Gram matrices."""

import numpy as np
import peers
import pytest
from threadpoolctl import threadpool_limits

from limbeck import moments

N, J = 16_384, 8


@pytest.mark.parametrize("d", [64, 128, 256])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_weighted_grams(benchmark, dtype, d, n_threads):
    rng = np.random.default_rng(d)
    X, W = rng.standard_normal((N, d), dtype), rng.standard_normal((N, J), dtype)
    result = benchmark(moments.weighted_grams, X, W, n_threads=n_threads)
    expected = peers.grams_stacked(X.astype(float), W.astype(float))
    # Entries are sums of N terms of size about 1: rounding grows at worst like N, in practice like its square root.
    np.testing.assert_allclose(result, expected, rtol=0, atol=8 * N * np.finfo(dtype).eps)


def test_weighted_grams_numpy(benchmark):
    rng = np.random.default_rng(128)
    X, W = rng.standard_normal((N, 128)), rng.standard_normal((N, J))
    with threadpool_limits(1):
        result = benchmark(peers.grams_stacked, X, W)
    np.testing.assert_allclose(result, moments.weighted_grams(X, W), rtol=0, atol=8 * N * np.finfo(float).eps)
