"""Solutions of least norm of arrays: batches, intercepts, types and threads."""

import numpy as np
import pytest

from limbeck.ridgeless import leave_one_out, solve

EPS = np.finfo(np.float64).eps


def test_of_all_solutions_it_is_the_smallest():
    rng = np.random.default_rng(1)
    X, y = rng.standard_normal((40, 90)), rng.standard_normal(40)
    coef = solve(X, y).coef
    null_space = np.linalg.svd(X)[2][40:]
    assert np.abs(null_space @ coef).max() < 10 * EPS * np.linalg.norm(coef)


@pytest.mark.parametrize(("n", "p"), [(30, 70), (70, 30), (300, 800)])
def test_float32_is_as_good_as_float32_can_be(reference, relative, n, p):
    rng = np.random.default_rng(3)
    X, Y = rng.standard_normal((n, p)).astype(np.float32), rng.standard_normal((n, 2)).astype(np.float32)
    found = solve(X, Y)
    assert found.coef.dtype == np.float32
    assert found.certified
    exact = reference(X.astype(np.float64), Y.astype(np.float64))
    assert relative(found.coef, exact) < np.finfo(np.float32).eps


@pytest.mark.parametrize("rank", [1, 2])
def test_the_largest_numbers_are_solved_and_left_out(rank):
    # The logarithm of the largest number is rounded up, to that of an infinity.
    X = np.finfo(np.float64).max * np.array([[1.0, 1], [1, 1], [1, 2 - rank]])
    for y in (np.full(3, 1e10), X[:, 0]):
        expected = np.linalg.lstsq(np.ldexp(X, -1000), np.ldexp(y, -1000), rcond=None)[0]
        np.testing.assert_allclose(solve(X, y).coef, expected, rtol=1e-12, atol=1e-14 * np.abs(expected).max())
        assert np.isfinite(leave_one_out(X, y / X.max())).all()


def test_many_rows_of_float32_do_not_cost_features():
    X = np.random.default_rng(14).standard_normal((1_000_000, 2), dtype=np.float32)
    X[:, 1] *= 1e-3
    found = solve(X, X @ np.array([1, 5], dtype=np.float32))
    assert found.rank == 2
    np.testing.assert_allclose(found.coef, [1, 5], rtol=1e-4)


def test_memory_makes_no_difference():
    rng = np.random.default_rng(15)
    X, Y = rng.standard_normal((60, 30)) @ rng.standard_normal((30, 80)), rng.standard_normal((60, 6))
    kept, results = [], set()
    for size in range(40):
        kept.append(np.empty(size * 3 + 1))  # so that memory is handed out elsewhere
        results.add(solve(X, Y).coef.tobytes() + leave_one_out(X, Y).tobytes())
    assert len(results) == 1


def test_zero_matrix_and_zero_targets():
    found = solve(np.zeros((3, 5)), np.ones(3))
    assert found.rank == 0
    np.testing.assert_array_equal(found.coef, 0)
    assert found.residual_norm == pytest.approx(np.sqrt(3))
    X = np.random.default_rng(8).standard_normal((4, 6))
    found = solve(X, np.zeros((4, 2)))
    assert found.certified
    np.testing.assert_array_equal(found.coef, 0)
    assert solve(X, np.zeros((4, 0))).coef.shape == (6, 0)


@pytest.mark.parametrize(("n", "p"), [(12, 30), (30, 12), (12, 12), (1, 4)])
@pytest.mark.parametrize("intercept", ["centred", "penalised"])
def test_intercepts(reference, n, p, intercept):
    rng = np.random.default_rng(10)
    X, Y = rng.standard_normal((n, p)) + 2, rng.standard_normal((n, 2)) - 1
    found = solve(X, Y, intercept=intercept)
    if intercept == "penalised":
        whole = reference(np.column_stack([X, np.ones(n)]), Y)
        coef, constant = whole[:-1], whole[-1]
    else:
        coef = reference(X - X.mean(axis=0), Y - Y.mean(axis=0))
        constant = Y.mean(axis=0) - X.mean(axis=0) @ coef
    np.testing.assert_allclose(found.coef, coef, atol=1e-12)
    np.testing.assert_allclose(found.intercept, constant, atol=1e-12)
    np.testing.assert_allclose(found.residual_norm, np.linalg.norm(Y - found.predict(X), axis=0), atol=1e-12)
    assert isinstance(solve(X, Y[:, 0], intercept=intercept).intercept, float)
    assert found.method == "cholesky" or n == 1


def test_a_batch_is_its_items():
    rng = np.random.default_rng(11)
    X, Y = rng.standard_normal((3, 10, 25)), rng.standard_normal((3, 10, 2))
    X[1] = rng.standard_normal((10, 4)) @ rng.standard_normal((4, 25))
    found = solve(X, Y)
    assert found.coef.shape == (3, 25, 2)
    assert found.rank.tolist() == [10, 4, 10]
    assert found.method == "batch"
    for i in range(3):
        np.testing.assert_array_equal(found.coef[i], solve(X[i], Y[i]).coef)
    assert solve(X, Y[:, :, 0]).coef.shape == (3, 25)
    for intercept in ("centred", "penalised"):
        for targets in (Y, Y[:, :, 0]):
            found = solve(X, targets, intercept=intercept)
            for i in range(3):
                alone = solve(X[i], targets[i], intercept=intercept)
                np.testing.assert_allclose(found.coef[i], alone.coef, rtol=1e-12)
                np.testing.assert_allclose(found.intercept[i], alone.intercept, rtol=1e-12)
            for new in (rng.standard_normal((3, 4, 25)), X):
                expected = [solve(X[i], targets[i], intercept=intercept).predict(new[i]) for i in range(3)]
                np.testing.assert_allclose(found.predict(new), expected, rtol=1e-9)
    assert repr(found).startswith("<Solution: coef of shape (3, 25), rank 5 to 10, condition")
    for bad in (X[0], X[:2], X[:, :, :7]):
        with pytest.raises(ValueError, match=r"shape"):
            found.predict(bad)
    X[2, 4, 3] = np.nan
    with pytest.raises(ValueError, match=r"X holds nan at index \(2, 4, 3\)"):
        solve(X, Y)


def test_bitwise_the_same_for_any_number_of_threads():
    rng = np.random.default_rng(12)
    for n, p, q, rank in (
        (300, 900, 3, 300),
        (900, 300, 1, 300),
        (260, 700, 90, 260),
        (5000, 30, 2, 30),
        (600, 400, 2, 90),
    ):
        X, Y = rng.standard_normal((n, rank)) @ rng.standard_normal((rank, p)), rng.standard_normal((n, q))
        results = [solve(X, Y, n_threads=threads).coef.tobytes() for threads in (1, 2, 3, 8)]
        assert len(set(results)) == 1


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_batches_give_the_same_bits_with_threads_left_over(count):
    # Problems large enough for threads of their own.
    rng = np.random.default_rng(count)
    X, Y = rng.standard_normal((count, 150, 700)), rng.standard_normal((count, 150, 2))
    expected = solve(X, Y, n_threads=1).coef
    for threads in (2, 3, 7):
        assert solve(X, Y, n_threads=threads).coef.tobytes() == expected.tobytes()
