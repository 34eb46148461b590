"""The span from moments: it holds the neurons' directions and little else."""

import numpy as np
import pytest

from limbeck import datasets
from limbeck._model import Fit, Rows, linear_model
from limbeck.subspace import find_subspace


def _span(planted, n, seed, noise=0.0):
    X, y = datasets.sample(planted, n, noise=noise, seed=seed)
    line, _ = Fit()(linear_model(X.shape[1]), Rows(X, y))
    linear = line.parameters[-1, :-1]
    return find_subspace(X, y - line(X), linear, max_rank=12, rng=np.random.default_rng(seed))


def _cosines(basis, directions):
    q, _ = np.linalg.qr(directions.T)
    return np.linalg.svd(basis @ q)[1]


@pytest.mark.parametrize("seed", range(3))
def test_generic_directions_show_in_the_second_moment(seed):
    planted = datasets.make_narrow_network("generic", 30, 3, seed=seed)
    found = _span(planted, 40_000, seed)
    assert (found.orders == 2).sum() == 3
    np.testing.assert_allclose(found.basis @ found.basis.T, np.eye(found.rank), atol=1e-12)
    assert (found.strengths > 1).all()
    # Errors of eigenvectors are about (d / n)^(1/2) = 0.03 over a relative gap of at least 0.3: cos > 0.99.
    assert _cosines(found.basis, planted.weights).min() > 0.99


def test_a_plane_whose_second_moment_cancels_shows_in_the_fourth():
    planted = datasets.make_narrow_network("plane", 30, 4, seed=1)
    found = _span(planted, 40_000, 1)
    assert 2 not in found.orders
    assert 4 in found.orders
    plane = np.linalg.svd(planted.weights, full_matrices=False)[2][:2]
    assert np.linalg.svd(found.basis @ plane.T)[1].min() > 0.9


def test_noise_shows_no_direction():
    # 60 spans of pure noise. A false direction needs the largest of about 30 near-equal values to stand a third above
    # the largest of four draws of the same kind: none is expected, and one would be a fault.
    rng = np.random.default_rng(0)
    ranks = []
    for _ in range(60):
        X, y = rng.standard_normal((3000, 15)), rng.standard_normal(3000)
        ranks.append(find_subspace(X, y, np.zeros(15), max_rank=8, rng=rng).rank)
    assert sum(ranks) == 0


def test_few_rows_do_not_fool_it():
    # Far fewer rows than a reliable span needs: what is found beyond the true three directions is counted.
    extra = 0
    for seed in range(10):
        planted = datasets.make_narrow_network("generic", 20, 3, seed=seed)
        extra += max(0, _span(planted, 1500, seed, noise=0.5).rank - 4)
    assert extra <= 1


def test_max_rank_is_kept():
    planted = datasets.make_narrow_network("generic", 20, 6, seed=0)
    X, y = datasets.sample(planted, 20_000, seed=1)
    assert find_subspace(X, y - y.mean(), np.zeros(20), max_rank=2, rng=np.random.default_rng(0)).rank == 2
