"""Hermite moment tensors contracted to matrices, vectors and scalars, applied to a block, and dense."""

import math

import numpy as np
import peers
import pytest
from threadpoolctl import threadpool_limits

from limbeck import moments

DATA = [(50_000, 100, "float64"), (50_000, 100, "float32"), *((500_000, d, "float64") for d in (1, 3, 10))]


@pytest.fixture(scope="module", params=DATA, ids=lambda data: f"{data[0]}x{data[1]}-{data[2]}")
def data(request):
    """Rows, labels and four directions of length one."""
    n, d, dtype = request.param
    rng = np.random.default_rng(0)
    G = rng.standard_normal((4, d))
    G /= np.linalg.norm(G, axis=1, keepdims=True)
    return tuple(a.astype(dtype) for a in (rng.standard_normal((n, d)), rng.standard_normal(n), G))


def _require_close(result, peer, data, order, *arguments):
    """A peer in float64; means of products whose squares are of size order!, with slack for both sides' rounding."""
    X, y, *rest = (a.astype(float) for a in (*data, *arguments))
    expected = peer(X, y, rest[0], order, *rest[1:])
    highest = max(order) if isinstance(order, tuple) else order
    atol = 64 * np.finfo(data[0].dtype).eps * math.sqrt(math.factorial(highest)) * math.sqrt(X.shape[1])
    np.testing.assert_allclose(result, expected, rtol=64 * np.finfo(data[0].dtype).eps, atol=atol)


def test_contract(benchmark, data, n_threads):
    result = benchmark(moments.contract, *data, 4, n_threads=n_threads)
    _require_close(result, peers.contract, data, 4)


def test_contract_numpy(benchmark, data, n_threads):
    grams = peers.grams_stacked if data[0].shape[1] > 10 else peers.grams_of_pairs
    with threadpool_limits(n_threads):
        result = benchmark(peers.contract, *data, 4, grams=grams)
    _require_close(result, moments.contract, data, 4)


def test_contract_to_vector(benchmark, data, n_threads):
    result = benchmark(moments.contract_to_vector, *data, 4, n_threads=n_threads)
    _require_close(result, peers.contract_to_vector, data, 4)


def test_contract_to_scalar(benchmark, data, n_threads):
    orders = (1, 2, 3, 4, 5, 6)
    result = benchmark(moments.contract_to_scalar, *data, orders, n_threads=n_threads)
    _require_close(result, peers.contract_to_scalar, data, orders)


def test_contract_apply(benchmark, data, n_threads):
    _measure_apply(benchmark, data, 2, n_threads)


@pytest.mark.parametrize("data", DATA[:1], indirect=True, ids=["50000x100-float64"])
@pytest.mark.parametrize("s", [1, 4, 8])
def test_contract_apply_to_blocks(benchmark, data, s, n_threads):
    _measure_apply(benchmark, data, s, n_threads)


def _measure_apply(benchmark, data, s, n_threads):
    X, y, G = data
    B = np.random.default_rng(s).standard_normal((X.shape[1], s)).astype(X.dtype)
    result = benchmark(moments.contract_apply, X, y, G[:1], 4, B, n_threads=n_threads)
    _require_close(result, peers.contract_apply, (X, y, G[:1]), 4, B)


def test_moment_tensor(benchmark, n_threads):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((50_000, 8)), rng.standard_normal(50_000)
    result = benchmark(moments.moment_tensor, X, y, 4, n_threads=n_threads)
    # Means of terms of size up to some hundreds; the slack covers both sides' rounding.
    np.testing.assert_allclose(result, peers.moment_tensor_4(X, y), rtol=1e-10, atol=1e-11)
