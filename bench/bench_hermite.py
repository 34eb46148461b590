"""Normalised Hermite polynomials of many values."""

import numpy as np
import peers
import pytest

from limbeck import _kernels

ORDER = 8


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_hermite_normalized(benchmark, dtype, n_threads):
    t = np.random.default_rng(0).standard_normal(500_000, dtype)
    result = benchmark(_kernels.hermite_normalized, t, ORDER, n_threads)
    expected = peers.hermite_normalized(t.astype(float), ORDER)
    # Each step of the recurrence loses about an eps of its largest term.
    slack = 8 * ORDER * np.finfo(dtype).eps
    np.testing.assert_allclose(result, expected, rtol=0, atol=slack * np.abs(expected).max())


def test_hermite_normalized_numpy(benchmark):
    t = np.random.default_rng(0).standard_normal(500_000)
    result = benchmark(peers.hermite_normalized, t, ORDER)
    expected = _kernels.hermite_normalized(t, ORDER, 1)
    np.testing.assert_allclose(result, expected, rtol=0, atol=8 * ORDER * np.finfo(float).eps * np.abs(expected).max())
