"""The span from moments holds the neurons' directions and little else."""

from dataclasses import replace

import numpy as np
import pytest

from limbeck import datasets
from limbeck._learner.gaussian.settings import DEFAULTS
from limbeck._learner.gaussian.span import find_subspace
from limbeck._learner.model.model import linear_model
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import Rows


def _span(planted, n, seed, noise=0.0, **options):
    X, y = datasets.sample(planted, n, noise=noise, seed=seed)
    line, _ = Fit()(linear_model(X.shape[1]), Rows(X, y))
    linear = line.parameters[-1, :-1]
    options = {"max_rank": 12, "linear": linear} | options
    return find_subspace(Rows(X, y - line(X)), rng=np.random.default_rng(seed), **options)


def _cosines(basis, directions):
    """Cosines of the angles between a span and directions' span: one for every dimension of the latter."""
    _, sizes, span = np.linalg.svd(directions, full_matrices=False)
    return np.linalg.svd(basis @ span[sizes > 1e-9].T, compute_uv=False)


def _assert_orthonormal(rows):
    np.testing.assert_allclose(rows @ rows.T, np.eye(len(rows)), rtol=0, atol=1e-12)


def _dense_pairs(X, y):
    """Eigenvalues of mean(y He_2(x)), largest by size first, and eigenvectors as rows, from the definition."""
    values, vectors = np.linalg.eigh((X.T * y) @ X / len(y) - y.mean() * np.eye(X.shape[1]))
    order = np.argsort(-np.abs(values))
    return values[order], vectors[:, order].T


@pytest.mark.parametrize("seed", range(3))
def test_generic_directions_show_in_the_second_moment(seed):
    planted = datasets.make_narrow_network("generic", 30, 3, seed=seed)
    found = _span(planted, 40_000, seed)
    assert (found.orders == 2).sum() == 3
    _assert_orthonormal(found.basis)
    assert (found.strengths > 1).all()
    # Errors of eigenvectors are about (d / n)^(1/2) = 0.03 over a relative gap of at least 0.3: cos > 0.99.
    assert _cosines(found.basis, planted.weights).min() > 0.99


def test_a_plane_whose_second_moment_cancels_shows_in_the_fourth():
    planted = datasets.make_narrow_network("plane", 30, 4, seed=1)
    found = _span(planted, 40_000, 1)
    assert found.orders.tolist() == [1, 4]
    assert _cosines(found.basis, planted.weights).min() > 0.97


def test_six_in_a_plane_show_in_the_sixth():
    # Orders 2 and 4 vanish; order 1 gives one direction, and order 6 along it the other. On four seeds the strength of
    # the latter is 3 to 5 and the smaller cosine 0.985 to 0.989.
    planted = datasets.make_narrow_network("plane6", 20, 6, seed=0)
    found = _span(planted, 100_000, 0)
    assert found.orders.tolist() == [1, 6]
    assert (found.strengths > 2).all()
    assert _cosines(found.basis, planted.weights).min() > 0.97


def test_matrices_show_a_plane_when_nothing_is_known_of_it():
    # Antipodes at the same weight: orders 1 and 2 vanish, and there is no direction to contract order 4 along but
    # random ones. On four seeds the strengths are 2.8 to 4.1 and the cosines above 0.997.
    planted = datasets.make_narrow_network("plane_even", 10, 8, seed=0)
    found = _span(planted, 40_000, 0, max_rank=2)
    assert found.orders.tolist() == [4, 4]
    assert (found.strengths > 1.5).all()
    assert _cosines(found.basis, planted.weights).min() > 0.99


def test_eigenpairs_are_those_of_the_dense_second_moment():
    rng = np.random.default_rng(3)
    X, y = rng.standard_normal((500, 12)), rng.standard_normal(500)
    found = find_subspace(Rows(X, y), max_rank=4, rng=rng)
    values, vectors = _dense_pairs(X, y)
    np.testing.assert_allclose(found.eigenvalues, values, rtol=0, atol=1e-13 * abs(values[0]))
    assert np.abs((found.eigenvectors * vectors).sum(axis=1)) == pytest.approx(np.ones(12), abs=1e-9)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_power_iteration_in_many_dimensions_finds_a_moment_of_small_rank_to_rounding(n_threads):
    # 15 rows with labels of zero sum: the second moment has rank 15, and the block of 8 + 8 columns holds all of its
    # range after one product.
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((15, 300)), rng.standard_normal(15)
    y -= y.mean()
    found = find_subspace(Rows(X, y, n_threads=n_threads), max_rank=8, rng=rng)
    values, vectors = _dense_pairs(X, y)
    # Rounding of sums of 300 terms, about 300^(1/2) eps; 100 is slack.
    np.testing.assert_allclose(found.eigenvalues[:8], values[:8], rtol=0, atol=4e-13 * abs(values[0]))
    _assert_orthonormal(found.eigenvectors)
    assert np.abs((found.eigenvectors[:8] * vectors[:8]).sum(axis=1)) == pytest.approx(np.ones(8), abs=1e-9)


def test_power_iteration_agrees_with_the_dense_pairs_that_stand_out():
    rng = np.random.default_rng(1)
    X = rng.standard_normal((20_000, 257))
    y = X[:, 0] ** 2 - 0.8 * X[:, 1] ** 2
    y -= y.mean()
    found = find_subspace(Rows(X, y), max_rank=2, rng=rng)
    values, vectors = _dense_pairs(X, y)
    assert found.orders.tolist() == [2, 2]
    # The rest of the spectrum reaches to a quarter of the second value. On five seeds two power steps leave at most
    # 0.023 in the values and 0.011 in the cosines.
    np.testing.assert_allclose(found.eigenvalues[:2], values[:2], rtol=0.05)
    assert np.abs((found.eigenvectors[:2] * vectors[:2]).sum(axis=1)).min() > 0.97


@pytest.mark.parametrize(
    ("n", "d", "draws", "along", "most"),
    [
        # False alarms on pure noise in 3000 draws of each kind: 0.4 % without a span, 3 % along one of three
        # dimensions (orders 4 and 6 then have fewer contractions, whose largest values vary more). Limits are such
        # that a Poisson count of that mean exceeds them once in some ten thousand.
        (1000, 10, 40, 0, 3),
        (1000, 10, 40, 3, 7),
        *(pytest.param(1000, 10, 120, *case, marks=pytest.mark.slow) for case in [(0, 4), (3, 12)]),
        # 60 draws without one beyond 256 features: the edge of a large spectrum hardly varies.
        (500, 260, 3, 0, 0),
        (500, 260, 3, 3, 0),
    ],
)
def test_noise_shows_no_direction(n, d, draws, along, most):
    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(draws):
        X, y = rng.standard_normal((n, d)), rng.standard_normal(n)
        span = np.eye(d)[:along] if along else None
        alarms += find_subspace(Rows(X, y, n_threads=1), max_rank=8, rng=rng, along=span).rank > 0
    assert alarms <= most


@pytest.mark.parametrize(("draws", "most"), [(50, 5), pytest.param(100, 7, marks=pytest.mark.slow)])
def test_the_linear_part_of_noise_rarely_counts_as_a_direction(draws, most):
    # Its size is chi-distributed with d degrees of freedom, and the margin is 1.35: for d = 20 that is one in 70, so
    # among 100 draws more than seven are as rare as 2e-4, and among 50 more than five as 1e-4.
    rng = np.random.default_rng(4)
    alarms = 0
    for _ in range(draws):
        X, y = rng.standard_normal((300, 20)), rng.standard_normal(300)
        found = find_subspace(Rows(X, y, n_threads=1), max_rank=8, rng=rng, linear=X.T @ y / 300)
        alarms += 1 in found.orders
    assert alarms <= most


def test_few_rows_do_not_fool_it():
    # Far fewer rows than a reliable span needs: what is found beyond the true three directions is counted.
    extra = 0
    for seed in range(10):
        planted = datasets.make_narrow_network("generic", 20, 3, seed=seed)
        extra += max(0, _span(planted, 1500, seed, noise=0.5).rank - 4)
    assert extra <= 1


def test_a_linear_part_inside_the_span_adds_nothing():
    rng = np.random.default_rng(2)
    X = rng.standard_normal((4000, 8))
    rows = Rows(X, X[:, 0] ** 2 - np.mean(X[:, 0] ** 2))
    # The band of order 1 is 1.35 (2 * 8 / 4000)^(1/2) = 0.085.
    for linear, orders in ((0.5 * np.eye(8)[0], [2]), (0.5 * np.eye(8)[1], [2, 1]), (0.05 * np.eye(8)[1], [2])):
        found = find_subspace(rows, max_rank=3, rng=rng, linear=linear)
        assert found.orders[found.orders <= 2].tolist() == orders


def test_max_rank_is_kept():
    planted = datasets.make_narrow_network("generic", 20, 6, seed=0)
    X, y = datasets.sample(planted, 20_000, seed=1)
    assert find_subspace(Rows(X, y - y.mean()), max_rank=2, rng=np.random.default_rng(0)).rank == 2


def test_hints_lie_outside_the_span():
    hints = []
    for seed in range(5):
        planted = datasets.make_narrow_network("generic", 12, 2, seed=seed)
        found = _span(planted, 2000, seed, noise=0.3)
        _assert_orthonormal(np.vstack([found.basis, found.hints]))
        hints.append(len(found.hints))
    assert max(hints) == 2  # orders 4 and 6, neither of which stood out


def test_a_hint_is_the_direction_that_almost_stood_out():
    # So few rows that the second direction of the plane stays within the band of order 4. Two directions at random
    # would have a root mean square cosine of (2 / 29)^(1/2) = 0.26 with it; the mean of these seeds is 0.6.
    cosines = []
    for seed in range(6):
        planted = datasets.make_narrow_network("plane", 30, 4, seed=seed)
        found = _span(planted, 1500, seed, noise=1.0)
        assert found.orders.tolist() == [1]
        cosines.append(np.linalg.norm(found.hints @ np.linalg.svd(planted.weights)[2][:2].T))
    assert np.mean(cosines) > 0.45


@pytest.mark.parametrize("seed", [2, 3, 4])
def test_a_known_span_shows_what_cancels(seed):
    # Nothing stands out of the antipodal plane with so few rows; along the plane order 4 does.
    planted = datasets.make_narrow_network("plane_even", 20, 8, seed=seed)
    plane = np.ascontiguousarray(np.linalg.svd(planted.weights)[2][:2])
    alone, along = (_span(planted, 3000, seed, max_rank=2, linear=None, along=span) for span in (None, plane))
    assert alone.rank == 0
    assert along.orders.tolist() == [4, 4]
    assert _cosines(along.basis, planted.weights).min() > 0.95


def test_the_same_for_any_number_of_threads():
    planted = datasets.make_narrow_network("plane", 12, 4, seed=0)
    X, y = datasets.sample(planted, 20_000, seed=1)
    one, two = (
        find_subspace(Rows(X, y - y.mean(), n_threads=t), max_rank=4, rng=np.random.default_rng(0)) for t in (1, 2)
    )
    for name in ("basis", "orders", "strengths", "eigenvalues", "eigenvectors", "hints"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


@pytest.mark.parametrize(
    ("d", "draws", "most"),
    [(1, 50, 10), *(pytest.param(*case, marks=pytest.mark.slow) for case in [(1, 100, 14), (3, 100, 5)])],
)
def test_noise_shows_no_direction_of_few_features(d, draws, most):
    false_alarms = 0
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        X, y = rng.standard_normal((1000, d)), rng.standard_normal(1000)
        false_alarms += find_subspace(Rows(X, y), max_rank=d, rng=rng).rank > 0
    assert false_alarms <= most  # 3 to 6 % and below 2 % in 200 draws, where four flips give 28 and 10 of 100


def test_the_order_of_the_rows_makes_no_directions():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((40_000, 10)), rng.standard_normal(40_000)
    by_size = np.argsort(np.linalg.norm(X, axis=1))
    assert find_subspace(Rows(X[by_size], y[by_size]), max_rank=10, rng=rng).rank == 0


def test_matrices_of_a_part_of_sorted_rows_show_the_plane():
    settings = replace(DEFAULTS.span, matrix_rows=20_000)
    for seed in range(4):
        planted = datasets.make_narrow_network("plane_even", 10, 8, seed=seed)
        X, y = datasets.sample(planted, 40_000, seed=seed)
        y -= np.column_stack([X, np.ones(len(X))]) @ np.linalg.lstsq(np.column_stack([X, np.ones(len(X))]), y)[0]
        by_size = np.argsort(np.linalg.norm(X[:, :3], axis=1))
        found = find_subspace(Rows(X[by_size], y[by_size]), max_rank=2, rng=np.random.default_rng(1), settings=settings)
        # Of half the rows, drawn, .98 and more; the first half gave .91 to .97.
        assert _cosines(found.basis, planted.weights).min() > 0.975


def test_a_linear_part_is_no_direction_beside_those_it_lies_between():
    # The span of three neurons holds their mean; what the estimated span misses of it is the span's own error.
    for seed in range(5):
        planted = datasets.make_narrow_network("generic", 30, 3, seed=seed)
        assert _span(planted, 20_000, seed).orders.tolist() == [2, 2, 2]
