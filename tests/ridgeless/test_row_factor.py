"""The triangular factor of rows in blocks."""

import numpy as np
import pytest

from limbeck import _kernels
from limbeck.ridgeless import Accumulator
from limbeck.ridgeless._row_factor import RowFactor

EPS = np.finfo(np.float64).eps


def test_the_factor_is_that_of_the_rows():
    rng = np.random.default_rng(1)
    for n, p in ((50, 3), (3000, 3), (30_000, 21), (2000, 77)):
        X, Y, w = rng.standard_normal((n, p)), rng.standard_normal((n, 2)), rng.uniform(0.1, 3, n)
        whole = np.column_stack([np.ones(n), X, Y]) * np.sqrt(w)[:, None]
        for dtype, slack in ((np.float64, 1), (np.float32, 1e8)):
            R = _kernels.merge_rows(np.zeros((p + 3, p + 3)), X.astype(dtype), Y, w, 1.0, 1.0, 2)
            np.testing.assert_array_equal(np.tril(R, -1), 0)
            gram = whole.T @ whole
            assert np.abs(R.T @ R - gram).max() < 30 * slack * EPS * np.abs(gram).max()


def test_places_are_those_in_the_arrays_that_were_passed():
    # Rows are merged in pieces of 16 MiB, here of some 60,000.
    X, y = np.zeros((150_000, 30)), np.zeros(150_000)
    total = Accumulator(30)
    for array, name, at, place in ((X, "X", (140_000, 7), r"\(140000, 7\)"), (y, "Y", 140_000, "140000")):
        array[at] = np.nan
        with pytest.raises(ValueError, match=rf"^{name} holds nan at index {place};"):
            total.update(X, y)
        array[at] = 0
    y[3] = np.inf
    for Y, place in ((y, "3"), (y[:, None], r"\(3, 0\)")):
        for n in (5, 5000):
            with pytest.raises(ValueError, match=rf"^Y holds inf at index {place};"):
                total.update(X[:n], Y[:n])


# Every condition with few rows, and every number of rows with a condition whose square is at the end of the digits.
CASES = [(n, p, c) for n, p in [(300, 40), (1700, 300), (5000, 300), (900, 400)] for c in (1.0, 1e4, 1e7, 1e10, 1e15)]


@pytest.mark.parametrize(
    ("n", "p", "condition"),
    [pytest.param(*case, marks=() if case[0] == 300 or case[2] == 1e7 else pytest.mark.slow) for case in CASES],
)
def test_first_rows_keep_their_small_singular_values(n, p, condition):
    rng = np.random.default_rng([n, p])
    U, V = np.linalg.qr(rng.standard_normal((n, p)))[0], np.linalg.qr(rng.standard_normal((p, p)))[0]
    X, y = (U * np.geomspace(1.0, 1.0 / condition, p)) @ V, rng.standard_normal(n)
    rows = np.column_stack([np.ones(n), X, y])
    expected = np.linalg.svd(rows, compute_uv=False)
    found = []
    for threads in (1, 3):
        factor = RowFactor(p, 1)
        factor.add(X, y, None, threads)
        found.append(factor.triangle(threads)[0])
    assert found[0].tobytes() == found[1].tobytes()
    assert not np.tril(found[0], -1).any()
    # A backward stable factor is that of rows which differ by some roundings of each number in every column, and
    # singular values move by no more than the norm of the difference: inner products alone would lose half the digits.
    most = 10 * (p + 2) * EPS * expected[0]
    np.testing.assert_allclose(np.linalg.svd(found[0], compute_uv=False), expected, rtol=0, atol=most)
    # Column by column too: the columns of X are shorter by a factor of up to a hundred than that of ones.
    lengths = np.linalg.norm(rows, axis=0)
    np.testing.assert_allclose(np.linalg.norm(found[0], axis=0), lengths, rtol=10 * (p + 2) * EPS)


@pytest.mark.parametrize("n", [3, 700])
def test_no_factor_before_is_zeros(n):
    rng = np.random.default_rng(n)
    X, Y = rng.standard_normal((n, 20)), rng.standard_normal((n, 2))
    R = _kernels.merge_rows(None, X, Y, None, 1.0, 1.0, 2)
    np.testing.assert_array_equal(R, _kernels.merge_rows(np.zeros((23, 23)), X, Y, None, 1.0, 1.0, 2))


@pytest.mark.parametrize("unit", [1e-250, 1e-3, 1.0, 1e250])
def test_units_of_the_first_numbers_change_nothing_but_the_range(unit):
    # Units are powers of two: but for the range, results are those of any other unit, bit by bit.
    rng = np.random.default_rng(3)
    X, Y = rng.standard_normal((9000, 5)), rng.standard_normal((9000, 1))
    X[:2000] *= 1e-9  # the first numbers are not like the others
    factors = [RowFactor(5, 1), RowFactor(5, 1)]
    for factor, scale in zip(factors, (1.0, 2.0 ** np.round(np.log2(unit))), strict=True):
        factor.add(X * scale, Y, None, 1)
    (R, _), (scaled, _) = (factor.triangle(1) for factor in factors)
    scaled[:, 1:6] /= 2.0 ** np.round(np.log2(unit))
    np.testing.assert_array_equal(scaled, R)


def test_rows_that_begin_with_tiny_numbers_are_taken():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30_000, 4))
    X[:1030] *= 1e-170
    total = Accumulator(4)
    total.update(X, X.sum(axis=1))
    np.testing.assert_allclose(total.solve().coef, np.ones(4), rtol=1e-12)
