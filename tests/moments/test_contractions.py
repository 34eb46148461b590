"""Contracted Hermite moments: against the dense tensor and the closed form, over layouts and numbers of threads."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.polynomial import hermite_e

from limbeck import _kernels, moments

SHAPES = [(d, order) for d in range(1, 7) for order in range(1, 7) if d**order <= 50_000]
N_ROWS = 300


def relative_error_bound(dtype):
    # In float64 what is promised. In float32 the terms of an entry (see conftest) pass through at most n additions and
    # fewer than 60 other operations (a product of d <= 6 numbers, the recurrence, the last combination), each of
    # relative error eps / 2: (300 + 60) eps / 2, and twice that to be safe.
    return 1e-12 if dtype == np.float64 else (N_ROWS + 60) * np.finfo(np.float32).eps


@pytest.fixture(scope="module")
def dense_moment(dense_moment):
    """Each tensor is made once: many tests look at the same."""
    made = {}

    def once(X, y, order):
        key = (X.shape, X.dtype.str, X.tobytes(), y.tobytes(), order)
        if key not in made:
            made[key] = dense_moment(X, y, order)
        return made[key]

    return once


def data(d, order, dtype, n_targets=2):
    """Rows, targets, and directions that are long, short, of unit length, and zero."""
    rng = np.random.default_rng([d, order])
    directions = rng.standard_normal((4, d)) * np.array([[2.0], [0.3], [1.0], [0.0]])
    directions[2] /= np.linalg.norm(directions[2])
    arrays = rng.standard_normal((N_ROWS, d)), rng.standard_normal((N_ROWS, n_targets)), directions
    return tuple(a.astype(dtype) for a in arrays)


def contracted(tensors, g, times):
    """A tensor and its scale, contracted times over with g and with |g|."""
    value, scale = tensors
    for _ in range(times):
        value, scale = value @ np.asarray(g, np.float64), scale @ np.abs(np.asarray(g, np.float64))
    return value, scale


def assert_contractions(result, dense_moment, X, Y, G, order, times, then=lambda t: t):
    """Every entry of result (q, m, ...) is that of the dense tensor, up to the bound on its rounding error."""
    assert result.dtype == X.dtype
    for k in range(Y.shape[1]):
        tensors = dense_moment(X, Y[:, k], order)
        for g in range(len(G)):
            value, scale = (then(t) for t in contracted(tensors, G[g], times))
            assert result[k, g].shape == np.shape(value)
            assert np.all(np.abs(result[k, g] - value) <= relative_error_bound(X.dtype) * np.abs(scale))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("d", "order"), [s for s in SHAPES if s[1] >= 2])
def test_contract_is_the_contracted_tensor(dense_moment, d, order, dtype):
    X, Y, G = data(d, order, dtype)
    assert_contractions(moments.contract(X, Y, G, order), dense_moment, X, Y, G, order, order - 2)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("d", "order"), SHAPES)
def test_contract_to_vector_is_the_contracted_tensor(dense_moment, d, order, dtype):
    X, Y, G = data(d, order, dtype)
    assert_contractions(moments.contract_to_vector(X, Y, G, order), dense_moment, X, Y, G, order, order - 1)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("d", range(1, 7))
def test_contract_to_scalar_is_the_contracted_tensor(dense_moment, d, dtype):
    X, Y, G = data(d, 0, dtype)
    orders = [6, 0, 3, 1, 3, 2, 4, 5]  # neither sorted nor unique
    result = moments.contract_to_scalar(X, Y, G, orders)
    assert result.shape == (2, 4, len(orders))
    for e, order in enumerate(orders):
        assert_contractions(result[..., e], dense_moment, X, Y, G, order, order)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("s", [0, 1, 3, 9])
@pytest.mark.parametrize(("d", "order"), [(1, 2), (2, 3), (3, 6), (4, 4), (5, 5), (6, 2), (6, 6)])
def test_contract_apply_is_the_contracted_tensor_times_b(dense_moment, d, order, s, dtype):
    X, Y, G = data(d, order, dtype)
    B = np.random.default_rng(s).standard_normal((d, s)).astype(dtype)
    result = moments.contract_apply(X, Y, G, order, B)
    tensors = [dense_moment(X, y, order) for y in Y.T]
    value = np.stack([[contracted(both, g, order - 2)[0] @ B for g in G] for both in tensors])
    scale = np.stack([[contracted(both, g, order - 2)[1] @ np.abs(B) for g in G] for both in tensors])
    assert result.dtype == dtype
    assert result.shape == (2, 4, d, s)
    assert np.all(np.abs(result - value) <= relative_error_bound(dtype) * scale)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("d", "order"), [*SHAPES, (3, 0), (9, 4), (40, 2)])
def test_moment_tensor_is_the_dense_tensor(dense_moment, d, order, dtype):
    X, Y, _ = data(d, order, dtype)
    result = moments.moment_tensor(X, Y, order)
    assert result.dtype == dtype
    assert result.shape == (2,) + (d,) * order
    for k in range(2):
        value, scale = dense_moment(X, Y[:, k], order)
        assert np.all(np.abs(result[k] - value) <= relative_error_bound(dtype) * scale)


def test_one_target_drops_the_target_axis():
    X, Y, G = data(3, 4, np.float64)
    y, B = Y[:, 0], np.eye(3)[:, :2]
    pairs = [
        (moments.contract(X, y, G, 4), moments.contract(X, Y, G, 4)),
        (moments.contract_to_vector(X, y, G, 4), moments.contract_to_vector(X, Y, G, 4)),
        (moments.contract_to_scalar(X, y, G, [4]), moments.contract_to_scalar(X, Y, G, [4])),
        (moments.contract_apply(X, y, G, 4, B), moments.contract_apply(X, Y, G, 4, B)),
        (moments.moment_tensor(X, y, 4), moments.moment_tensor(X, Y, 4)),
    ]
    for one, both in pairs:
        assert one.shape == both.shape[1:]
        np.testing.assert_allclose(one, both[0], rtol=0, atol=1e-12 * np.abs(both).max())


def test_no_directions_no_targets_no_features():
    X, Y, G = data(3, 4, np.float64)
    assert moments.contract(X, Y, G[:0], 4).shape == (2, 0, 3, 3)
    assert moments.contract(X, Y[:, :0], G, 4).shape == (0, 4, 3, 3)
    assert moments.contract_to_vector(X, Y, G[:0], 4).shape == (2, 0, 3)
    assert moments.contract_to_scalar(X, Y, G, []).shape == (2, 4, 0)
    empty, none = np.empty((5, 0)), np.empty((2, 0))
    assert moments.contract(empty, np.ones(5), none, 4).shape == (2, 0, 0)
    assert moments.contract_to_vector(empty, np.ones(5), none, 3).shape == (2, 0)
    assert moments.contract_apply(empty, np.ones(5), none, 4, np.empty((0, 3))).shape == (2, 0, 3)
    assert moments.moment_tensor(empty, np.ones(5), 2).shape == (0, 0)
    # <g, x> = 0 and |g| = 0: He_0 = 1 and every other order is zero.
    np.testing.assert_array_equal(moments.contract_to_scalar(empty, np.ones(5), none, [0, 1, 2]), [[1.0, 0, 0]] * 2)


def test_high_orders_match_the_polynomials():
    # One feature and g = 1: the contraction is mean(y He_order(x)). Rounding: the recurrence on |x| <= 3 is followed
    # with absolute terms by scale.
    x, y = np.linspace(-3, 3, 50), np.cos(np.arange(50.0))
    orders = [10, 20, 30, 40]
    result = moments.contract_to_scalar(x[:, None], y, [[1.0]], orders)[0]
    for order, value in zip(orders, result, strict=True):
        series = np.eye(order + 1)[order]
        scale = np.mean(np.abs(y) * np.polynomial.polynomial.polyval(np.abs(x), np.abs(hermite_e.herme2poly(series))))
        assert abs(value - np.mean(y * hermite_e.hermeval(x, series))) <= 1e-12 * scale


@pytest.mark.parametrize(("order", "at_zero"), [(2, 1.0), (4, -1.0), (6, 3.0)])
def test_moments_of_a_network_converge_at_the_square_root_rate(order, at_zero):
    # He_{order - 2}(0) / sqrt(2 pi) sum_i lam_i u_i^order. The norm of the error of 4 repeats is fitted against n on
    # logarithmic axes. Over 24 other seeds the slope was -0.502 +- 0.020, -0.499 +- 0.024 and -0.472 +- 0.060
    # (standard deviations) for orders 2, 4 and 6, whose tail is heaviest. A tolerance of 0.25 is at least 3.7 of them
    # away: a false alarm in fewer than 3e-4 of all seeds, and this one is fixed.
    rng = np.random.default_rng(order)
    d, k = 8, 3
    u = rng.standard_normal((k, d))
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    lam, G = np.array([1.0, -1.4, 0.7]), u[:2] + 0.2 * rng.standard_normal((2, d))
    overlap = (G @ u.T) ** (order - 2)
    limit = at_zero / np.sqrt(2 * np.pi) * np.einsum("gk,k,ki,kj->gij", overlap, lam, u, u)
    sizes = np.array([1_000, 3_000, 10_000, 30_000, 100_000])
    errors = []
    for n in sizes:
        squares = []
        for _ in range(4):
            X = rng.standard_normal((n, d))
            squares.append(np.sum((moments.contract(X, np.maximum(X @ u.T, 0) @ lam, G, order) - limit) ** 2))
        errors.append(np.sqrt(np.mean(squares)))
    slope = np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert abs(slope + 0.5) < 0.25


def kernels_on_many_rows():
    rng = np.random.default_rng(7)
    n, d = 20_000, 12
    X, Y, G = rng.standard_normal((n, d)), rng.standard_normal((n, 2)), rng.standard_normal((3, d))
    theta = rng.standard_normal((3, d + 1))
    signs, v = np.array([1.0, -1.0]), rng.uniform(0.5, 1.5, n)
    broken = X.copy()
    broken[15_000, 3] = broken[19_000, 0] = np.nan
    B, y = rng.standard_normal((d, 5)), np.ascontiguousarray(Y[:, 0])
    weights, linear = np.ascontiguousarray(theta[:2, :d]), np.ascontiguousarray(theta[2, :d])
    decay = np.zeros(len(theta))
    return {
        "weighted_grams": lambda t: _kernels.weighted_grams(X, Y, t),
        "weighted_grams float32": lambda t: _kernels.weighted_grams(X.astype("f4"), Y.astype("f4"), t),
        "contract": lambda t: _kernels.contract(X, Y, G, 4, t),
        "contract_to_vector": lambda t: _kernels.contract_to_vector(X, Y, G, 4, t),
        "contract_to_scalar": lambda t: _kernels.contract_to_scalar(X, Y, G, [1, 4], t),
        "contract_apply": lambda t: _kernels.contract_apply(X, Y, G, 4, B, t),
        "moment_tensor": lambda t: _kernels.moment_tensor(X, Y, 3, t),
        "hermite_normalized": lambda t: _kernels.hermite_normalized(X.ravel(), 6, t),
        "network_forward": lambda t: _kernels.network_forward(weights, signs, signs, linear, 0.5, X, t),
        "project": lambda t: _kernels.project(X, G, t),
        "first_non_finite": lambda t: np.array(_kernels.first_non_finite(broken, t)),
        "normal_matrix": lambda t: _kernels.normal_matrix(X, y, v, signs, theta, t),
        "normal_product": lambda t: _kernels.normal_product(X, y, v, signs, theta, theta[::-1].copy(), t),
        "refine": lambda t: _kernels.refine(X, y, v, signs, theta, True, decay, 4, 1e-12, np.inf, t)[0],
        "refine cg": lambda t: _kernels.refine(
            X, y, v, signs, theta, True, np.zeros(len(theta)), 4, 1e-12, np.inf, t, "cg"
        )[0],
    }


KERNELS = [
    *("weighted_grams", "weighted_grams float32", "contract", "contract_to_vector", "contract_to_scalar"),
    *("contract_apply", "moment_tensor", "hermite_normalized", "network_forward", "project"),
    "first_non_finite",
    *("normal_matrix", "normal_product", "refine", "refine cg"),
]


@pytest.mark.parametrize("kernel", KERNELS)
def test_bitwise_the_same_for_any_number_of_threads(kernel):
    run = kernels_on_many_rows()[kernel]
    first = run(1)
    assert np.isfinite(first).all()
    for threads in (2, 3, 4, 0):
        assert run(threads).tobytes() == first.tobytes()


@pytest.mark.parametrize("dtype", ["f4", "f8", ">f8", "i4"])
def test_memory_mapped_rows_are_read_and_left_alone(tmp_path, dtype):
    X = np.random.default_rng(1).integers(-4, 5, (500, 6)).astype(dtype)
    X.tofile(tmp_path / "rows")
    before = (tmp_path / "rows").read_bytes()
    mapped = np.memmap(tmp_path / "rows", dtype=dtype, mode="r", shape=X.shape)
    np.testing.assert_array_equal(moments.contract(mapped, X[:, 0], X[:2], 4), moments.contract(X, X[:, 0], X[:2], 4))
    assert (tmp_path / "rows").read_bytes() == before


@pytest.mark.parametrize("s", [0, 1])
def test_contract_apply_at_order_two_with_many_more_directions_than_columns(s):
    rng = np.random.default_rng(8)
    X, y, G, B = (rng.standard_normal(shape) for shape in [(200, 3), 200, (300, 3), (3, s)])
    expected = moments.contract(X, y, G, 2) @ B
    # Sums of 200 products: their rounding is far below 1e-12 of the largest.
    np.testing.assert_allclose(moments.contract_apply(X, y, G, 2, B), expected, rtol=0, atol=1e-12)


# ---- Any numbers: subnormal, huge, signed zeros ----


def elements(dtype, kind):
    info = np.finfo(dtype)
    low, high = (1e-30, 1e30) if dtype == np.float64 else (1e-5, 1e5)
    special = {
        "ordinary": [0.5, -3.0],
        "wide": [low, -low, high, -high],
        "tiny": [info.smallest_subnormal, -3 * info.smallest_subnormal, info.tiny, -info.tiny],
        "extreme": [info.max, -info.max, info.smallest_subnormal, info.max**0.25],
    }[kind]
    ordinary = st.floats(-4, 4, width=32, allow_subnormal=False)
    return st.one_of(ordinary, st.sampled_from([0.0, -0.0, 1.0, *(float(dtype(v)) for v in special)]))


@st.composite
def any_numbers(draw, **shapes):
    """Arrays of one type whose axes are named by letters; any side may be zero, but for the rows n."""
    dtype = draw(st.sampled_from([np.float64, np.float32]))
    kind = st.sampled_from(["ordinary", "wide", "tiny", "extreme"])
    sides = {"n": draw(st.integers(1, 6)), "d": draw(st.integers(0, 3))}
    sides |= {letter: draw(st.integers(0, 2)) for letter in "qms"}
    return [
        draw(hnp.arrays(dtype, [sides[c] for c in axes], elements=elements(dtype, draw(kind))))
        for axes in shapes.values()
    ]


def in_full(X, Y, order):
    """Moment tensors (q, d, ..., d) in extended precision from the definition, and two sizes of their terms.

    The first is the sum of all terms in absolute value. The second has factors of at least one throughout: what is lost
    where a product falls below the range is at most the smallest number times it, whatever the order of factors.
    """
    d, n, q = X.shape[1], len(X), Y.shape[1]
    found = []
    for how in (lambda a: a, np.abs, lambda a: np.maximum(np.abs(a), 1)):
        x, y, sign = how(X.astype(np.longdouble)), how(Y.astype(np.longdouble)), -1 if not found else 1
        powers = [np.ones_like(x), x]
        for k in range(1, order):
            powers.append(x * powers[k] + sign * k * powers[k - 1])
        tensor = np.zeros((q, *(d,) * order), np.longdouble)
        for index in itertools.product(range(d), repeat=order):
            factors = [powers[index.count(j)][:, j] for j in set(index)]
            tensor[:, *index] = y.T @ np.prod([np.ones(n, np.longdouble), *factors], axis=0) / n
        found.append(tensor)
    return found


def along(tensors, G, times):
    """Tensors (q, d, ..., d) of :func:`in_full` contracted with every direction: (q, m, ...)."""
    hows = (lambda a: a, np.abs, lambda a: np.maximum(np.abs(a), 1))
    found = []
    for tensor, how in zip(tensors, hows, strict=True):
        parts = np.empty((tensor.shape[0], len(G), *tensor.shape[1 + times :]), np.longdouble)
        for i, g in enumerate(how(G.astype(np.longdouble))):
            part = tensor
            for _ in range(times):
                part = part @ g
            parts[:, i] = part
        found.append(parts)
    return found


def assert_rounded(result, expected, operations):
    """The result is the exact value up to rounding and underflow of so many operations, unless terms overflow."""
    value, scale, reach = expected
    info = np.finfo(result.dtype)
    assert result.shape == value.shape
    in_range = operations * reach < np.longdouble(info.max) / 1000
    bound = operations * (info.eps * scale + info.smallest_subnormal * reach)
    assert np.all(np.abs(result.astype(np.longdouble) - value)[in_range] <= bound[in_range])


# The additions of at most 6 rows, 3 features and 3 rows of B, and fewer than 60 other operations; see above.
OPERATIONS = 6 + 3 + 3 + 60


@given(any_numbers(X="nd", W="nq"))
def test_weighted_grams_of_any_numbers(arrays):
    X, W = arrays
    expected = []
    for how in (lambda a: a, np.abs, lambda a: np.maximum(np.abs(a), 1)):
        x, w = how(X.astype(np.longdouble)), how(W.astype(np.longdouble))
        expected.append(np.einsum("nj,ni,nk->jik", w, x, x))
    assert_rounded(moments.weighted_grams(X, W), expected, OPERATIONS)


@given(any_numbers(X="nd", Y="nq", G="md", B="ds"), st.integers(2, 5))
def test_contractions_of_any_numbers(arrays, order):
    X, Y, G, B = arrays
    with np.errstate(all="ignore"):
        tensors = in_full(X, Y, order)
        matrices = along(tensors, G, order - 2)
        parts = (B, np.abs(B), np.maximum(np.abs(B), 1))
        applied = [matrix @ part.astype(np.longdouble) for matrix, part in zip(matrices, parts, strict=True)]
        vectors, scalars = along(tensors, G, order - 1), along(tensors, G, order)
        assert_rounded(moments.contract(X, Y, G, order), matrices, OPERATIONS)
        assert_rounded(moments.contract_apply(X, Y, G, order, B), applied, OPERATIONS)
        assert_rounded(moments.contract_to_vector(X, Y, G, order), vectors, OPERATIONS)
        assert_rounded(moments.contract_to_scalar(X, Y, G, [order])[..., 0], scalars, OPERATIONS)
        assert_rounded(moments.moment_tensor(X, Y, order), tensors, OPERATIONS)
        for low in range(2):
            tensors = in_full(X, Y, low)
            assert_rounded(moments.moment_tensor(X, Y, low), tensors, OPERATIONS)
            found = moments.contract_to_scalar(X, Y, G, [low])[..., 0]
            assert_rounded(found, along(tensors, G, low), OPERATIONS)
            if low:
                assert_rounded(moments.contract_to_vector(X, Y, G, low), along(tensors, G, 0), OPERATIONS)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_at_order_two_directions_do_not_enter_however_large(dtype):
    X, Y, G = data(3, 2, dtype)
    B, huge = np.full((3, 2), dtype(2)), np.full_like(G, np.finfo(dtype).max)
    np.testing.assert_array_equal(moments.contract(X, Y, huge, 2), moments.contract(X, Y, G, 2))
    np.testing.assert_array_equal(moments.contract_apply(X, Y, huge, 2, B), moments.contract_apply(X, Y, G, 2, B))


@pytest.mark.parametrize("order", [2, 3, 5])
@pytest.mark.parametrize(("d", "m", "q"), [(150, 41, 1), (150, 23, 2), (400, 5, 3), (2, 1000, 3)])
def test_contractions_by_many_directions_are_those_by_each(d, m, q, order):
    # More matrices than are worked on at a time, so that weights are made for some of the directions only.
    rng = np.random.default_rng([d, m, q])
    X, y, G = rng.standard_normal((700, d)), rng.standard_normal((700, q)), rng.standard_normal((m, d)) / d**0.5
    together = moments.contract(X, y, G, order)
    for j in range(0, m, 7):
        alone = moments.contract(X, y, G[[j]], order)[:, 0]
        # Of sums of 700 terms, in another order of the products within a row: 800 roundings of the largest entries.
        assert np.abs(together[:, j] - alone).max() <= 800 * np.finfo(np.float64).eps * np.abs(alone).max()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_products_with_no_column_are_empty_for_any_number_of_directions(dtype):
    X, B = np.ones((1, 128), dtype), np.ones((128, 0), dtype)
    directions = np.full((40_000, 128), 128**-0.5, dtype)
    assert moments.contract_apply(X, np.ones(1, dtype), directions, 4, B).shape == (40_000, 128, 0)
