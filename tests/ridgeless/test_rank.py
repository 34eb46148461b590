"""Ranks that rcond decides about; no answer is certified that another unit of a column would mend."""

import re

import numpy as np
import pytest

from limbeck import ridgeless
from limbeck.estimators import RidgelessRegressor
from limbeck.ridgeless import NotCertifiedWarning, solve
from limbeck.ridgeless._certified import certified_answer
from limbeck.ridgeless._rank import CertificateSettings, rank_ambiguity, unit_ambiguity

HINT = "the rank is 1 in the units given, but at least 2 with every column of X scaled to length one"


def far_from_zero(n=50, offset=1e10, dtype=np.float64):
    """[x, 1] with x in offset .. offset + 1, and y the line 3 (x - offset) + 2."""
    x = (offset + np.linspace(0, 1, n) * offset**0).astype(dtype)
    return np.column_stack([x, np.ones(n, dtype)]), 3 * (x.astype(float) - offset) + 2


@pytest.mark.parametrize("offset", [1e8, 1e10, 1e12])
def test_a_column_of_ones_beside_a_large_one(offset):
    X, y = far_from_zero(offset=offset)
    with pytest.warns(NotCertifiedWarning, match=HINT):
        found = solve(X, y)
    assert not found.certified
    assert found.rank == np.linalg.matrix_rank(X) == 1
    # What the warning says to do: the lines are right to the rounding of x, which is 1e-16 of the offset.
    s = np.linalg.norm(X, axis=0)
    scaled, centred = solve(X / s, y), solve(X[:, :1], y, intercept="centred")
    assert scaled.certified
    assert centred.certified
    for line in (X @ (scaled.coef / s), centred.predict(X[:, :1])):
        np.testing.assert_allclose(line, y, atol=1e-14 * offset)


@pytest.mark.parametrize("method", ["auto", "qr", "svd"])
@pytest.mark.parametrize("q", [None, 2])
def test_every_method_and_number_of_targets(method, q):
    X, y = far_from_zero()
    with pytest.warns(NotCertifiedWarning, match=HINT):
        assert not solve(X, y if q is None else np.column_stack([y, -y]), method=method).certified


def test_shapes_dtypes_and_zero_columns():
    tall, y = far_from_zero(5000)
    with pytest.warns(NotCertifiedWarning, match=HINT):
        solve(tall, y)
    with pytest.warns(NotCertifiedWarning, match=HINT):
        solve(np.insert(tall, 1, 0.0, axis=1), y)
    with pytest.warns(NotCertifiedWarning, match=HINT):
        solve(tall[:, :1], y, intercept="penalised")
    # Single precision tells 1e4 + x from 1e4, and its rank is cut at 2.4e-7 of the largest singular value, 1e4 sqrt(n).
    single = (np.array([[1e4, 1e-4], [1e4, 2e-4], [1e4, 4e-4]])).astype(np.float32)
    with pytest.warns(NotCertifiedWarning, match=HINT):
        assert not solve(single, np.ones(3)).certified
    # Two rows that differ in a column of small numbers alone.
    wide = np.ones((2, 6))
    wide[1, 3], wide[:, 3] = 1e-30, [2e-30, 1e-30]
    with pytest.warns(NotCertifiedWarning, match=HINT):
        assert not solve(wide, [1.0, 2.0]).certified
    # Squares of the lengths leave the range of float64.
    with pytest.warns(NotCertifiedWarning, match=HINT):
        solve([[1e200, 1e-200], [1e200, 2e-200]], [1.0, 2.0])
    batch = np.stack([tall[:50] - [1e10, 0.0], tall[:50]])
    with pytest.warns(NotCertifiedWarning, match=f"problem 1 of the batch: not certified: {HINT}"):
        found = solve(batch, np.stack([y[:50], y[:50]]))
    np.testing.assert_array_equal(found.certified, [True, False])


def test_blocks_and_rows_left_out():
    X, y = far_from_zero()
    total = ridgeless.Accumulator(2)
    total.update(X, y)
    with pytest.warns(NotCertifiedWarning, match=HINT):
        assert not total.solve().certified
    for estimate in (ridgeless.leave_one_out, ridgeless.generalized_cross_validation):
        with pytest.warns(NotCertifiedWarning, match=HINT):
            estimate(X, y)
    total = ridgeless.Accumulator(1)
    total.update(X[:, :1] - 1e10, y)
    assert total.solve(intercept="centred").certified


def test_a_threshold_that_leaves_out_more_than_rounding_is_meant():
    X, y = far_from_zero(offset=1e3)
    X[:, 1] = 1e-3
    assert solve(X, y, rcond=1e-4).rank == 1
    assert solve(X, y, rcond=1e-4).certified


def _low_rank(rng, n, p, r, kind):
    """Rows of rank r or so, of columns of about one length."""
    if kind == 0:
        return rng.standard_normal((n, r)) @ rng.standard_normal((r, p))
    if kind == 1:
        return rng.standard_normal((n, r))[:, rng.integers(0, r, p)]
    if kind == 2:
        return rng.standard_normal((n, r)) @ rng.integers(-2, 3, (r, p))
    if kind == 3:
        return np.column_stack([np.eye(r)[rng.integers(0, r, n)], np.ones(n)])
    if kind == 4:
        return rng.standard_normal((r, p))[rng.integers(0, r, n)]
    X = rng.standard_normal((n, p))
    return X - X.mean(axis=1, keepdims=True)


@pytest.mark.slow
def test_no_false_alarms_on_a_thousand_problems_of_low_rank():
    # Rounding leaves less than a quarter of the threshold in such rows; warnings are errors.
    rng, deficient = np.random.default_rng(0), 0
    for i in range(1000):
        n, p = int(rng.integers(2, 60)), int(rng.integers(2, 30))
        X = _low_rank(rng, n, p, int(rng.integers(1, min(n, p) + 1)), i % 6)
        X = X.astype([np.float64, np.float32][int(rng.integers(2))])
        if rng.random() < 0.3:
            X[:, int(rng.integers(X.shape[1]))] = 0.0
        if rng.random() < 0.3:
            X[:, int(rng.integers(X.shape[1]))] = rng.uniform(-5, 5)
        if not X.any():
            continue
        y = rng.standard_normal(n)
        found = [solve(X, y), solve(X, y, intercept="centred"), solve(X, y, intercept="penalised")]
        deficient += found[0].rank < min(X.shape)
        assert all(one.certified for one in found)
    assert deficient > 500


def test_no_false_alarms_of_constant_columns():
    # Less their means they are rounding, in rows at once and merged, however large they are.
    rng = np.random.default_rng(1)
    for i in range(60):
        n = int(rng.integers(5, 400))
        X = rng.standard_normal((n, 4))
        X[:, 1] = 0.1 * 10.0 ** rng.integers(-6, 7)
        X[:, 2] = np.where(np.arange(n) % 2, 0.3, 0.1 + 0.2) if i % 2 else 7.0
        y = rng.standard_normal(n)
        assert solve(X, y, intercept="centred").certified
        ridgeless.leave_one_out(X, y, intercept="centred")
        if not i % 2 and X[0, 1] < 1e3:  # of larger ones more is left than the smallest constant that somebody may mean
            assert solve(X - X.mean(axis=0), y).certified
        weights = rng.uniform(0.5, 2.0, n)
        assert RidgelessRegressor().fit(X, y, weights).solution_.certified
        total = ridgeless.Accumulator(4)
        for begin in range(0, n, 100):
            total.update(X[begin : begin + 100], y[begin : begin + 100])
        assert total.solve(intercept="centred").rank == 2


def test_nothing_is_looked_at_where_the_rank_is_full(monkeypatch):
    def fail(*arguments):
        raise AssertionError(arguments)

    monkeypatch.setattr("limbeck.ridgeless._rank._clear_rank", fail)
    X = np.random.default_rng(0).standard_normal((30, 4)) * 10.0 ** np.arange(-4, 4, 2)
    assert solve(X, X[:, 0]).certified
    assert unit_ambiguity(X[:, [0, 0]], 1, 1e-14, 1) == ""


def told(solver, *arguments, **options):
    """The message, and the lengths and columns in it."""
    with pytest.warns(NotCertifiedWarning) as caught:
        solver(*arguments, **options)
    text = str(caught[0].message)
    return text, re.search(r"lengths from (\S+) \((.*?)\) to (\S+) \((.*?)\)", text).groups()


def accumulated(X, y, **options):
    total = ridgeless.Accumulator(X.shape[1])
    total.update(X, y)
    return total.solve(**options)


def batch(X, y, **options):
    return solve(np.stack([X]), np.stack([y]), **options)


SOLVERS = [solve, batch, accumulated, ridgeless.leave_one_out, ridgeless.generalized_cross_validation]


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e20])
def test_lengths_are_those_of_the_columns_as_passed(solver, scale):
    rng = np.random.default_rng(0)
    X = scale * rng.standard_normal((30, 2)) * [1e-9, 1e9]
    for intercept in (None, "centred"):
        text, found = told(solver, X, X[:, 1] / scale, intercept=intercept)
        lengths = np.linalg.norm(X if intercept is None else X - X.mean(axis=0), axis=0)
        # Three digits are shown.
        np.testing.assert_allclose([float(found[0]), float(found[2])], lengths, rtol=6e-3)
        assert (found[1], found[3]) == ("column 0", "column 1")
        # What has been done already is no advice.
        assert ('intercept="centred"' in text) == (intercept is None)
        assert ("means subtracted" in text) == (intercept == "centred")


@pytest.mark.parametrize("solver", SOLVERS)
def test_an_appended_column_is_called_the_constant(solver):
    X, y = far_from_zero()
    text, found = told(solver, X[:, :1], y, intercept="penalised")
    assert (found[1], found[3]) == ("the constant", "column 0")
    assert float(found[0]) == pytest.approx(50**0.5, rel=6e-3)
    assert 'intercept="centred"' in text
    assert "column of ones" not in text  # that nobody passed


def test_estimators_that_subtract_means_do_not_advise_to():
    X = np.random.default_rng(0).standard_normal((30, 2)) * [1e-9, 1e9]
    for weights in (None, np.linspace(1, 2, 30)):
        text, _ = told(RidgelessRegressor().fit, X, X[:, 1], weights)
        assert 'intercept="centred"' not in text


def test_lengths_beyond_the_range_are_told_as_products():
    X = np.full((4, 2), 1.7e308)
    X[:, 0] = [1e10, 2e10, 3e10, 5e10]
    with pytest.warns(NotCertifiedWarning) as caught:
        ridgeless.leave_one_out(X, np.arange(4.0))
    # sqrt(39) * 1e10 and 2 * 1.7e308, which is beyond the range.
    first, size, unit = re.search(
        r"from (\S+) \(column 0\) to (\S+) \* (\S+) \(column 1\)", str(caught[0].message)
    ).groups()
    assert float(first) == pytest.approx(39**0.5 * 1e10, rel=6e-3)
    assert float(size) * (float(unit) / 1e308) == pytest.approx(3.4, rel=1.2e-2)


EPS = np.finfo(np.float64).eps


def test_a_graded_matrix_has_the_rank_of_numpys_rule(reference, relative):
    X = np.random.default_rng(5).standard_normal((40, 8)) * 10.0 ** -np.arange(0, 24, 3)
    y = np.ones(40)
    with pytest.warns(NotCertifiedWarning, match="the rank is 5 in the units given, but at least 8 with every column"):
        found = solve(X, y)
    assert found.rank == np.linalg.matrix_rank(X) < 8
    # Of condition 1e12, and what is dropped is 1e-15 of the largest column.
    assert relative(found.coef, reference(X, y)) < 1e-6


def test_a_rank_in_doubt_warns(with_condition):
    X = with_condition(30, 50, 1)
    U, s, Vt = np.linalg.svd(X, full_matrices=False)
    s[-1] = 1.2 * EPS * 50
    with pytest.warns(NotCertifiedWarning, match=r"rank is in doubt: 30 of 30, but 1 singular value"):
        found = solve((U * s) @ Vt, np.ones(30))
    assert not found.certified


def test_rcond_decides_about_the_rank(with_condition):
    X = with_condition(20, 30, 6)
    found = solve(X, np.ones(20), rcond=3e-3)
    assert found.rank == np.linalg.matrix_rank(X, tol=3e-3 * np.linalg.norm(X, 2)) < 20
    np.testing.assert_allclose(found.coef, np.linalg.lstsq(X, np.ones(20), rcond=3e-3)[0], rtol=1e-8)


def test_settings_say_what_is_rounding():
    sizes = np.array([1.0, 1e-10])
    assert rank_ambiguity(sizes, 1e-10 * (1 + 1e-4), 50) == ""
    wide = CertificateSettings(ambiguous_distance=1e3)
    assert "1 of 2, but 1 singular value(s)" in rank_ambiguity(sizes, 1e-10 * (1 + 1e-4), 50, wide)
    X, y = np.random.default_rng(0).standard_normal((30, 3)), np.ones(30)
    assert certified_answer(X, y, 1e-14, "svd", 1).certified
    with pytest.warns(NotCertifiedWarning, match="the backward error is"):
        strict = certified_answer(X, y, 0.0, "svd", 1, settings=CertificateSettings(backward_error=1e-30))
    assert not strict.certified
