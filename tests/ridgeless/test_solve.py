"""Arguments of least squares: what is accepted, and what is refused."""

import numpy as np
import pytest

from limbeck import ridgeless
from limbeck.ridgeless import solve


def test_layout_and_memory_do_not_matter(tmp_path):
    rng = np.random.default_rng(2)
    X, y = rng.standard_normal((30, 70)), rng.standard_normal(30)
    expected = solve(X, y).coef
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    for other in (np.asfortranarray(X), mapped, X.tolist(), np.repeat(X, 2, axis=0)[::2]):
        np.testing.assert_array_equal(solve(other, y).coef, expected)


@pytest.mark.parametrize(
    ("X", "Y", "error", "message"),
    [
        (np.ones(3), np.ones(3), ValueError, r"X must have 2 or 3 dimension\(s\), got shape \(3,\)"),
        (np.ones((3, 2)), np.ones(4), ValueError, r"same number of rows.*\(3, 2\).*\(4,\)"),
        (np.ones((0, 2)), np.ones(0), ValueError, r"at least one problem, row and column, got shape \(0, 2\)"),
        (np.ones((2, 0)), np.ones(2), ValueError, r"at least one problem, row and column, got shape \(2, 0\)"),
        (np.array([[1.0, np.nan], [1, 2]]), np.ones(2), ValueError, r"X holds nan at index \(0, 1\)"),
        (np.eye(2), np.array([1.0, np.inf]), ValueError, r"Y holds inf at index 1"),
        (np.eye(2) * 1j, np.ones(2), TypeError, r"X must hold real numbers"),
        (np.ones((2, 3, 2)), np.ones((3, 3)), ValueError, r"same number of problems"),
    ],
)
def test_bad_input(X, Y, error, message):
    with pytest.raises(error, match=message):
        solve(X, Y)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rcond": -1.0}, "rcond must be at least 0 and below 1, or None; got -1.0"),
        ({"rcond": float("nan")}, "rcond must be"),
        ({"method": "lu"}, "method must be one of auto, cholesky, qr, svd; got 'lu'"),
        ({"intercept": "yes"}, 'intercept must be None, "centred" or "penalised"; got \'yes\''),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        solve(np.eye(3), np.ones(3), **options)


def test_in_norm_is_another_name_of_penalised():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((12, 5)), rng.standard_normal(12)
    total = ridgeless.Accumulator(5)
    total.update(X, y)
    for function in (
        lambda word: solve(X, y, intercept=word).coef,
        lambda word: total.solve(intercept=word).coef,
        lambda word: ridgeless.leave_one_out(X, y, intercept=word),
        lambda word: np.array(ridgeless.generalized_cross_validation(X, y, intercept=word)),
    ):
        np.testing.assert_array_equal(function("in norm"), function("penalised"))
    for wrong in ("centered", 1, True, ["centred"], np.array(["centred", "penalised"])):
        with pytest.raises(ValueError, match='intercept must be None, "centred" or "penalised"; got'):
            solve(X, y, intercept=wrong)


@pytest.mark.parametrize("shape", [(), (2,)])
@pytest.mark.parametrize(("n", "p"), [(9, 6), (5, 3), (2, 5), (1, 1)])
def test_no_targets_have_no_coefficients(shape, n, p):
    X = np.random.default_rng(0).standard_normal((*shape, n, p))
    assert ridgeless.solve(X, np.zeros((*shape, n, 0))).coef.shape == (*shape, p, 0)
