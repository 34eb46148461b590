"""Moments of data that come in pieces."""

import numpy as np
import peers

from limbeck import moments

D, BLOCK = 50, 20_000


def test_accumulator_update(benchmark, n_threads):
    rng = np.random.default_rng(0)
    X, y, G = rng.standard_normal((BLOCK, D)), rng.standard_normal(BLOCK), np.eye(4, D)

    def accumulate():
        accumulator = moments.MomentAccumulator(G, [2, 4])
        accumulator.update(X, y, n_threads=n_threads)
        return accumulator

    accumulator = benchmark(accumulate)
    np.testing.assert_allclose(accumulator.matrices(4), peers.contract(X, y, G, 4), rtol=1e-10, atol=1e-11)
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
