"""Least squares of rows in blocks: the same answers as for all rows, and no digits lost."""

import pickle
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from limbeck import _kernels, ridgeless
from limbeck.ridgeless import Accumulator, NotCertifiedWarning, solve

EPS = np.finfo(np.float64).eps


def accumulated(X, Y, cuts, **options):
    total = Accumulator(X.shape[1], 1 if Y.ndim == 1 else Y.shape[1])
    for begin, end in pairwise(cuts):
        rows = slice(begin, end)
        total.update(X[rows], Y[rows], **{name: value[rows] for name, value in options.items()})
    return total


def relative(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


@pytest.mark.parametrize("intercept", [None, "centred", "penalised"])
@pytest.mark.parametrize(("n", "p", "q"), [(1, 1, None), (50, 7, None), (9000, 7, 2), (20_000, 30, 1), (100, 130, 3)])
def test_blocks_give_the_answer_of_all_rows(n, p, q, intercept):
    rng = np.random.default_rng([n, p])
    X = rng.standard_normal((n, p)) * 10.0 ** rng.uniform(-2, 2, p) + 1
    Y = rng.standard_normal(n if q is None else (n, q))
    expected = solve(X, Y, intercept=intercept)
    cuts = np.sort(np.r_[0, rng.integers(0, n, 4), n])
    found = accumulated(X, Y, cuts).solve(intercept=intercept)
    wanted = expected.coef[:, 0] if q == 1 else expected.coef
    assert found.coef.shape == wanted.shape
    assert found.rank == expected.rank
    # A factor is right to rounding: what the condition makes of that, and its square of residuals.
    slack = 10 * EPS * min(expected.condition, 1e10) ** 1.5
    assert np.linalg.norm(found.coef - wanted) <= slack * np.linalg.norm(wanted)
    np.testing.assert_allclose(found.intercept, np.squeeze(expected.intercept), atol=1e-9)
    norms = np.squeeze(expected.residual_norm)
    np.testing.assert_allclose(found.residual_norm, norms, rtol=1e-9, atol=1e-11 * np.linalg.norm(Y))


@pytest.mark.parametrize("order", [1, -1])
def test_ill_conditioned_rows_lose_no_digits(order):
    # Condition 1e10: inner products of these rows have no digit left of the small directions.
    rng = np.random.default_rng(0)
    n, p = 40_000, 12
    V = np.linalg.qr(rng.standard_normal((p, p)))[0]
    X = rng.standard_normal((n, p)) * np.logspace(0, -10, p) @ V.T
    # Rows by size: directions that come late must find their place.
    X = X[np.argsort(np.abs(X @ V[:, 0]))[::order]]
    truth = rng.standard_normal(p)
    y = X @ truth
    total = accumulated(X, y, [0, 9000, 9100, 30_000, n])
    found, whole = total.solve(), np.linalg.lstsq(X, y, rcond=None)[0]
    assert found.rank == p
    # No worse than ten times LAPACK on all rows.
    assert relative(found.coef, truth) < 10 * max(relative(whole, truth), 3e-9)
    gram = X.T @ X
    assert relative(np.linalg.lstsq(gram, X.T @ y, rcond=None)[0], truth) > 1e-3


def test_deficient_rank_and_columns_of_zeros():
    rng = np.random.default_rng(2)
    X = rng.standard_normal((20_000, 10))
    X[:, 4], X[:, 7], X[:, 8] = X[:, 3], 0, 2.5
    y = X[:, 3] + 1
    for intercept, rank in ((None, 8), ("centred", 7)):
        found = accumulated(X, y, [0, 100, 15_000, 20_000]).solve(intercept=intercept)
        assert found.rank == rank
        np.testing.assert_allclose(found.coef[[3, 4, 7]], [0.5, 0.5, 0], atol=1e-12)
        np.testing.assert_allclose(X @ found.coef + found.intercept, y, atol=1e-11)


def test_weights_are_repetitions():
    rng = np.random.default_rng(3)
    X, y, w = rng.standard_normal((400, 5)), rng.standard_normal(400), rng.integers(0, 4, 400)
    found = accumulated(X, y, [0, 30, 400], sample_weight=w).solve(intercept="centred")
    expected = solve(np.repeat(X, w, axis=0), np.repeat(y, w), intercept="centred")
    np.testing.assert_allclose(found.coef, expected.coef, rtol=1e-11)
    assert found.intercept == pytest.approx(expected.intercept, rel=1e-10)
    assert found.residual_norm == pytest.approx(expected.residual_norm, rel=1e-12)


def test_sums_and_pickles():
    rng = np.random.default_rng(4)
    X, Y = rng.standard_normal((5000, 6)), rng.standard_normal((5000, 2))
    parts = [accumulated(X[rows], Y[rows], [0, 10_000]) for rows in (slice(0, 40), slice(40, 3000), slice(3000, 5000))]
    again = [pickle.loads(pickle.dumps(part)) for part in parts]
    total = again[0] + again[1] + again[2]
    assert total.n_rows == 5000
    np.testing.assert_allclose(total.solve().coef, solve(X, Y).coef, rtol=1e-11)
    assert parts[0].n_rows == 40
    # Units of the first rows differ.
    small, large = accumulated(X[:900] * 1e-90, Y[:900], [0, 900]), accumulated(X[900:] * 1e-80, Y[900:], [0, 4100])
    both = solve(np.vstack([X[:900] * 1e-90, X[900:] * 1e-80]), Y)
    for total in (small + large, large + small):
        np.testing.assert_allclose(total.solve().coef, both.coef, rtol=1e-10)
    with pytest.raises(ValueError, match=r"same \(n_features, n_targets\), got \(6, 2\) and \(5, 2\)"):
        parts[0] + Accumulator(5, 2)
    with pytest.raises(TypeError):
        parts[0] + 1
    assert sum(parts).n_rows == 5000
    assert repr(parts[0]) == "<Accumulator: 40 rows, 6 features, 2 target(s)>"


def test_bitwise_the_same_for_any_number_of_threads_and_any_memory(tmp_path):
    rng = np.random.default_rng(5)
    X, y = rng.standard_normal((50_000, 20)), rng.standard_normal(50_000)
    np.save(tmp_path / "X.npy", X)
    results = set()
    for array in (X, np.asfortranarray(X), np.load(tmp_path / "X.npy", mmap_mode="r")):
        for threads in (1, 2, 5):
            total = Accumulator(20)
            total.update(array[:30_000], y[:30_000], n_threads=threads)
            total.update(array[30_000:], y[30_000:], n_threads=threads)
            results.add(total.solve(n_threads=threads).coef.tobytes())
    assert len(results) == 1


@pytest.mark.parametrize(("n", "p"), [(16, 22), (24, 51), (1000, 3)])
@pytest.mark.parametrize("offset", [1.0, 1e3, 1e9 / 3])
def test_centring_makes_no_rank(n, p, offset):
    rng = np.random.default_rng([n, p])
    X, y = rng.standard_normal((n, p)) + offset, rng.standard_normal(n) + offset
    X[:, 1] = offset
    expected = solve(X - X.mean(axis=0), y - y.mean())
    direct = solve(X, y, intercept="centred")
    assert direct.rank == min(n - 1, p - 1)
    assert direct.coef[1] == 0
    found = accumulated(X, y, [0, n // 2, n]).solve(intercept="centred")
    assert found.rank == min(n - 1, p - 1)
    assert abs(found.coef[1]) < 1e-9
    # What float64 keeps beside the means.
    slack = 100 * EPS * offset * expected.condition + 1e-12
    assert relative(found.coef, direct.coef) < slack


def test_what_means_hide_is_not_certified():
    rng = np.random.default_rng(8)
    X = rng.standard_normal((500, 2)) + 1e6
    X[:, 1] = X[:, 0] + 1e-9 * rng.standard_normal(500)
    total = accumulated(X, X[:, 0], [0, 500])
    with pytest.warns(NotCertifiedWarning, match="1 spread so little beside the means"):
        assert not total.solve(intercept="centred").certified


@pytest.mark.parametrize("scale", [1e160, 1e-160])
def test_scales(scale):
    rng = np.random.default_rng(6)
    X, y = rng.standard_normal((3000, 8)), rng.standard_normal(3000)
    found = accumulated(X * scale, y * scale, [0, 1000, 3000]).solve()
    np.testing.assert_allclose(found.coef, solve(X, y).coef, rtol=1e-11)
    for weight in (1e308, 1e-300):
        found = accumulated(X, y, [0, 1000, 3000], sample_weight=np.full(3000, weight)).solve()
        np.testing.assert_allclose(found.coef, solve(X, y).coef, rtol=1e-11)
    apart = [accumulated(X * size, y, [0, 3000]) for size in (1e-90, 1e90)]
    for total in (apart[0] + apart[1], apart[1] + apart[0]):
        np.testing.assert_allclose(total.solve().coef * 1e90, solve(X, y).coef, rtol=1e-10)


def test_an_error_changes_nothing():
    rng = np.random.default_rng(7)
    X, y = rng.standard_normal((3000, 4)), rng.standard_normal(3000)
    total = accumulated(X, y, [0, 3000])
    before = total.solve().coef
    bad = X.copy()
    bad[2500, 1] = np.nan
    for error, message, args, options in (
        (ValueError, r"X holds nan at index \(2500, 1\)", (bad, y), {}),
        (ValueError, r"X holds nan at index \(0, 1\)", (bad[2500:2510], y[:10]), {}),
        (ValueError, r"X must have shape \(n, 4\), got \(3000, 3\)", (X[:, :3], y), {}),
        (ValueError, r"Y must have shape \(n, 1\), got \(3000, 4\)", (X, X), {}),
        (ValueError, r"same number of rows", (X, y[:-1]), {}),
        (
            ValueError,
            r"sample_weight must be at least 0, got -1 at index 3",
            (X, y),
            {"sample_weight": np.where(np.arange(3000) == 3, -1, 1)},
        ),
        (TypeError, r"X must hold real numbers", (X * 1j, y), {}),
        (OverflowError, r"X holds numbers up to 1e\+200", (np.full((3000, 4), 1e200), y), {}),
        (OverflowError, r"X holds numbers up to 1e\+200", (np.full((3, 4), 1e200), y[:3]), {}),
    ):
        with pytest.raises(error, match=message):
            total.update(*args, **options)
        assert total.n_rows == 3000
        np.testing.assert_array_equal(total.solve().coef, before)
    total.update(X[:0], y[:0])
    assert total.n_rows == 3000


def test_bad_options():
    with pytest.raises(ValueError, match="n_features must be at least 1, got 0"):
        Accumulator(0)
    with pytest.raises(TypeError, match="n_targets must be an integer"):
        Accumulator(2, 1.5)
    with pytest.raises(ValueError, match="no rows yet"):
        Accumulator(2).solve()
    with pytest.raises(ValueError, match="no rows of positive weight"):
        accumulated(np.eye(2), np.ones(2), [0, 2], sample_weight=np.zeros(2)).solve()
    with pytest.raises(TypeError, match=r"X is sparse: pass X.toarray\(\)"):
        Accumulator(2).update(sparse.csr_array(np.eye(2)), np.ones(2))
    with pytest.raises(ValueError, match="intercept must be"):
        accumulated(np.eye(2), np.ones(2), [0, 2]).solve(intercept="yes")
    with pytest.raises(ValueError, match="R must have one row and column more"):
        _kernels.merge_rows(np.zeros((3, 3)), np.ones((4, 2)), np.ones((4, 1)), None, 1.0, 1.0, 1)


@given(data=st.data(), cuts=st.lists(st.integers(0, 6), max_size=3), seed=st.integers(0, 2**32 - 1))
def test_whole_numbers_of_any_rank_in_blocks_of_any_weights(whole_numbers, exact_of_any_rank, floats, data, cuts, seed):
    X, y = data.draw(whole_numbers())
    weights = np.random.default_rng(seed).integers(0, 4, len(X))
    total = ridgeless.Accumulator(X.shape[1])
    for begin, end in pairwise([0, *sorted(min(cut, len(X)) for cut in cuts), len(X)]):
        rows = slice(begin, end)
        total.update(X[rows], y[rows], sample_weight=weights[rows])
    if not weights.any():
        with pytest.raises(ValueError, match="no rows of positive weight"):
            total.solve()
        return
    rank, exact = exact_of_any_rank(np.repeat(X, weights, axis=0), np.repeat(y, weights))
    found, sizes = total.solve(), np.linalg.svd(X * np.sqrt(weights)[:, None], compute_uv=False)
    condition = sizes[0] / sizes[rank - 1] if rank else 1.0
    assert found.rank == rank
    # Merging rows is backward stable: some EPS of the norm of all columns, those of X and y.
    size = np.linalg.norm(floats(exact)) + np.linalg.norm(y) / (sizes[rank - 1] if rank else 1.0)
    assert np.linalg.norm(found.coef - floats(exact)) <= 100 * EPS * condition**2 * size
