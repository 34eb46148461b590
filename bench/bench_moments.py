"""Moments of data that come in pieces."""

import numpy as np
import peers
import pytest

from limbeck import moments

D = 50


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("n", "d"), [(200_000, 3), (20_000, 50), (20_000, 200)])
def test_accumulator_update(benchmark, n, d, dtype, n_threads):
    rng = np.random.default_rng(0)
    X, y, G = rng.standard_normal((n, d), dtype), rng.standard_normal(n, dtype), np.eye(4, d)[: min(4, d)]

    def accumulate():
        accumulator = moments.MomentAccumulator(G, [2, 4])
        accumulator.update(X, y, n_threads=n_threads)
        return accumulator

    accumulator = benchmark(accumulate)
    # Sums are kept in float64; the terms of a batch are of the rows' precision and of size up to some hundreds.
    slack = 1e-10 if dtype == "float64" else 1e-4
    expected = peers.contract(X.astype(float), y.astype(float), G, 4)
    np.testing.assert_allclose(accumulator.matrices(4), expected, rtol=slack, atol=slack)
    assert np.isfinite(accumulator.standard_errors(4)).all()


def test_accumulator_merge(benchmark):
    rng = np.random.default_rng(1)
    parts = []
    for _ in range(2):
        parts.append(moments.MomentAccumulator(np.eye(4, D), [2, 4]))
        parts[-1].update(rng.standard_normal((500, D)), rng.standard_normal(500))
    both = benchmark(lambda: parts[0] + parts[1])
    mean = (parts[0].matrices(4) + parts[1].matrices(4)) / 2
    np.testing.assert_allclose(both.matrices(4), mean, rtol=1e-12, atol=1e-13)
