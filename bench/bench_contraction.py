"""Hermite moment tensors contracted to matrices, vectors and scalars, applied to a block, and dense."""

import numpy as np
import peers
import pytest

from limbeck import moments

N, D = 50_000, 100
# Means of N terms of size up to some hundreds; the slack covers both sides' rounding.
CLOSE = {"rtol": 1e-10, "atol": 1e-11}


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    G = rng.standard_normal((4, D))
    return rng.standard_normal((N, D)), rng.standard_normal(N), G / np.linalg.norm(G, axis=1, keepdims=True)


def test_contract(benchmark, data, n_threads):
    result = benchmark(moments.contract, *data, 4, n_threads=n_threads)
    np.testing.assert_allclose(result, peers.contract(*data, 4), **CLOSE)


def test_contract_to_vector(benchmark, data, n_threads):
    result = benchmark(moments.contract_to_vector, *data, 4, n_threads=n_threads)
    np.testing.assert_allclose(result, peers.contract_to_vector(*data, 4), **CLOSE)


def test_contract_to_scalar(benchmark, data, n_threads):
    orders = (1, 2, 3, 4, 5, 6)
    result = benchmark(moments.contract_to_scalar, *data, orders, n_threads=n_threads)
    np.testing.assert_allclose(result, peers.contract_to_scalar(*data, orders), **CLOSE)


@pytest.mark.parametrize("s", [1, 2, 4, 8])
def test_contract_apply(benchmark, data, s, n_threads):
    X, y, G = data
    B = np.random.default_rng(s).standard_normal((D, s))
    result = benchmark(moments.contract_apply, X, y, G[:1], 4, B, n_threads=n_threads)
    np.testing.assert_allclose(result, peers.contract_apply(X, y, G[:1], 4, B), **CLOSE)


def test_moment_tensor(benchmark, data, n_threads):
    X, y = np.ascontiguousarray(data[0][:, :8]), data[1]
    result = benchmark(moments.moment_tensor, X, y, 4, n_threads=n_threads)
    np.testing.assert_allclose(result, peers.moment_tensor_4(X, y), **CLOSE)
