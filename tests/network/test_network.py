"""ReLUNetwork: evaluation, normal form, immutability, errors. Files and exact moments have modules of their own."""

import contextlib
import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from limbeck import ReLUNetwork


def random_network(k, d, seed=0, *, thresholds=True):
    rng = np.random.default_rng([k, d, seed])
    return ReLUNetwork(
        rng.standard_normal((k, d)),
        rng.standard_normal(k),
        linear=rng.standard_normal(d),
        bias=0.7,
        thresholds=rng.standard_normal(k) if thresholds else None,
    )


def by_numpy(net, X):
    """Values in float64, and the scale of their rounding error: every term in absolute value."""
    X = X.astype(np.float64)
    value = np.maximum(X @ net.weights.T + net.thresholds, 0) @ net.output + X @ net.linear + net.bias
    inner = np.abs(X) @ np.abs(net.weights.T) + np.abs(net.thresholds)
    return value, inner @ np.abs(net.output) + np.abs(X) @ np.abs(net.linear) + abs(net.bias)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n", [0, 1, 3, 8, 129, 5000])
@pytest.mark.parametrize(
    ("k", "d"), [(0, 1), (0, 5), (1, 1), (3, 1), (2, 0), (4, 7), (5, 8), (16, 9), (33, 64), (7, 100)]
)
def test_values_match_numpy(k, d, n, dtype):
    net = random_network(k, d)
    X = np.random.default_rng([n, d]).standard_normal((n, d)).astype(dtype)
    values = net(X)
    assert values.shape == (n,)
    assert values.dtype == dtype
    expected, scale = by_numpy(net, X)
    # d products, then k: d + k + 3 roundings of eps / 2 on each term, one more where parameters are rounded to float32,
    # and NumPy's own in float64.
    assert np.all(np.abs(values - expected) <= (d + k + 5) * np.finfo(dtype).eps * scale)


def test_relu_is_zero_at_and_below_zero():
    net = ReLUNetwork([[1.0]], [2.0])
    np.testing.assert_array_equal(net([[-1.0], [0.0], [3.0]]), [0.0, 0.0, 6.0])


@pytest.mark.parametrize("name", ["weights", "thresholds", "output", "linear", "bias", "width", "n_features"])
def test_attributes_cannot_be_set(name):
    net = random_network(2, 3)
    with pytest.raises(AttributeError):
        setattr(net, name, getattr(net, name))


def test_shapes_and_defaults():
    net = ReLUNetwork([[1, 2, 3], [4, 5, 6]], [1, -1])
    assert (net.width, net.n_features) == (2, 3)
    assert repr(net) == "ReLUNetwork(width=2, n_features=3)"
    np.testing.assert_array_equal(net.linear, np.zeros(3))
    np.testing.assert_array_equal(net.thresholds, np.zeros(2))
    assert net.bias == 0.0
    assert isinstance(net.bias, float)
    for name in ("weights", "output", "linear", "thresholds"):
        assert getattr(net, name).dtype == np.float64


def test_equality_is_that_of_the_parameters():
    net = random_network(3, 4)
    assert net == random_network(3, 4)
    assert net != random_network(3, 4, seed=1)
    assert net != ReLUNetwork(net.weights, net.output, linear=net.linear, thresholds=net.thresholds, bias=0.8)
    assert net != "a network"
    with pytest.raises(TypeError, match="unhashable"):
        hash(net)


# ---- Normal form ----


@pytest.mark.parametrize(("k", "d"), [(0, 3), (1, 1), (5, 4), (20, 9)])
def test_normalized_is_the_same_function_with_unit_rows(k, d):
    net = random_network(k, d)
    same = net.normalized()
    # A norm is off by about (d + 2) eps / 2, and so is a row over it.
    np.testing.assert_allclose(np.linalg.norm(same.weights, axis=1), 1, rtol=0, atol=(d + 4) * 2.3e-16)
    assert np.all(np.diff(np.abs(same.output)) <= 0)
    X = np.random.default_rng(0).standard_normal((200, d))
    expected, scale = by_numpy(net, X)
    assert np.all(np.abs(same(X) - expected) <= 4 * (d + k + 5) * np.finfo(float).eps * scale)
    again = same.normalized()
    np.testing.assert_allclose(again.weights, same.weights, rtol=0, atol=(d + 4) * 2.3e-16)
    np.testing.assert_allclose(again.output, same.output, rtol=(d + 4) * 2.3e-16)


def test_normalized_does_not_depend_on_the_order_of_neurons():
    net = random_network(6, 3)
    # Equal sizes of output and opposite signs, too, where size alone does not decide.
    output = np.array([1.0, -1.0, 1.0, 2.0, -2.0, 1.0]) / np.linalg.norm(net.weights, axis=1)
    first = ReLUNetwork(net.weights, output, thresholds=net.thresholds).normalized()
    for seed in range(5):
        p = np.random.default_rng(seed).permutation(6)
        assert ReLUNetwork(net.weights[p], output[p], thresholds=net.thresholds[p]).normalized() == first


@pytest.mark.parametrize(("output", "thresholds"), [([1.0, 1.0], [0.5, -0.5]), ([1.0, -1.0], [0.5, -0.5])])
def test_normalized_orders_neurons_of_one_direction(output, thresholds):
    one = ReLUNetwork([[1.0, 0], [1, 0]], output, thresholds=thresholds)
    other = ReLUNetwork([[1.0, 0], [1, 0]], output[::-1], thresholds=thresholds[::-1])
    assert one.normalized() == other.normalized()


def test_normalized_moves_neurons_without_a_direction_into_the_bias():
    net = ReLUNetwork([[0.0, 0], [3, 4], [0, 0]], [2, 1, 5], thresholds=[1.5, 5, -1], bias=1)
    same = net.normalized()
    assert same == ReLUNetwork([[0.6, 0.8]], [5], thresholds=[1], bias=4)


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_normalized_of_rows_whose_square_leaves_the_range(size):
    same = ReLUNetwork([[size, 0.0]], [1 / size]).normalized()
    # relu(x_1) whatever the size; two or three roundings.
    np.testing.assert_allclose(same([[3.0, 1.0]]), [3.0], rtol=1e-15)


# ---- Immutability ----


def test_arrays_are_read_only_copies():
    weights, output = np.ones((2, 3)), np.ones(2)
    net = ReLUNetwork(weights, output)
    weights[:] = output[:] = 7
    np.testing.assert_array_equal(net.weights, np.ones((2, 3)))
    np.testing.assert_array_equal(net.output, np.ones(2))
    for name in ("weights", "output", "linear", "thresholds"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(net, name)[...] = 0


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))], ids=["copy", "pickle"])
def test_copies_are_equal_and_read_only(copied):
    net = random_network(3, 4)
    other = copied(net)
    assert other == net
    with pytest.raises(ValueError, match="read-only"):
        other.weights[...] = 0


# ---- Errors that test_arrays does not cover ----


@pytest.mark.parametrize("bias", [1j, "1", None, [1.0], 10**400])
def test_bias_is_a_real_number(bias):
    with pytest.raises(TypeError, match=r"^bias must be a real number, got "):
        ReLUNetwork([[1.0]], [1.0], bias=bias)


@pytest.mark.parametrize("bias", [np.nan, np.inf])
def test_bias_is_finite(bias):
    with pytest.raises(ValueError, match=f"^bias holds {bias}"):
        ReLUNetwork([[1.0]], [1.0], bias=bias)


def test_distance_refuses_what_cannot_be_compared():
    net = random_network(2, 3)
    with pytest.raises(TypeError, match=r"^other must be a ReLUNetwork, got ndarray$"):
        net.distance(np.ones(3))
    with pytest.raises(ValueError, match=r"different numbers of features cannot be compared: 3 and 4"):
        net.distance(random_network(2, 4))


# ---- Any numbers: subnormal, huge, signed zeros ----


@st.composite
def any_networks(draw):
    """A network and rows; parameters and rows of sizes of their own, from subnormal to the largest."""
    k, d, n = draw(st.integers(0, 3)), draw(st.integers(0, 3)), draw(st.integers(0, 4))
    dtype = draw(st.sampled_from([np.float64, np.float32]))
    info = np.finfo(dtype)
    wide = [1e-30, 1e30] if dtype == np.float64 else [1e-5, 1e5]
    tiny = [float(info.smallest_subnormal), float(-info.tiny)]
    extreme = [float(info.max), float(-info.max), float(info.smallest_subnormal)]

    def array(*shape):
        special = draw(st.sampled_from([[0.5], wide, tiny, extreme]))
        ordinary = st.floats(-4, 4, width=32, allow_subnormal=False)
        elements = st.one_of(ordinary, st.sampled_from([0.0, -0.0, 1.0, *(float(dtype(v)) for v in special)]))
        return draw(hnp.arrays(dtype, shape, elements=elements))

    net = ReLUNetwork(array(k, d), array(k), linear=array(d), thresholds=array(k), bias=array(1)[0])
    return net, array(n, d)


def in_full(net, X):
    """Values in extended precision, the sum of their terms in absolute value, and that with factors of at least one."""
    found = []
    for how in (lambda a: a, np.abs, lambda a: np.maximum(np.abs(a), 1)):
        parts = (X, net.weights, net.thresholds, net.output, net.linear, np.float64(net.bias))
        x, a, t, c, w, b = (how(np.asarray(part, np.longdouble)) for part in parts)
        found.append(np.maximum(x @ a.T + t, 0) @ c + x @ w + b)
    return found


def assert_values(values, expected, operations):
    value, scale, reach = expected
    info = np.finfo(values.dtype)
    in_range = operations * reach < np.longdouble(info.max) / 1000
    bound = operations * (info.eps * scale + info.smallest_subnormal * reach)
    assert np.all(np.abs(values.astype(np.longdouble) - value)[in_range] <= bound[in_range])


@given(any_networks())
def test_values_of_any_numbers(case):
    net, X = case
    values = net(X)
    assert (values.shape, values.dtype) == ((len(X),), X.dtype)
    # d products, then k, and one operation more for each of thresholds, linear part and bias.
    assert_values(values, in_full(net, X), net.n_features + net.width + 5)


@given(any_networks())
def test_normalized_of_any_numbers(case):
    net, X = case
    X = X.astype(np.float64)
    norms = np.sqrt(np.square(net.weights.astype(np.longdouble)).sum(axis=1))
    dead, output, thresholds = norms == 0, np.abs(net.output.astype(np.longdouble)), np.abs(net.thresholds)
    sizes = [norms * output, thresholds[~dead] / norms[~dead], abs(net.bias) + output[dead] @ thresholds[dead]]
    if max(np.max(size, initial=0) for size in sizes) > np.finfo(np.float64).max:
        with contextlib.suppress(ValueError):  # a negative threshold of a neuron without a direction does no harm
            net.normalized()
        return
    same = net.normalized()
    np.testing.assert_allclose(np.linalg.norm(same.weights, axis=1), 1, rtol=0, atol=(net.n_features + 4) * 2.3e-16)
    assert np.all(np.diff(np.abs(same.output)) <= 0)
    value, scale, reach = in_full(net, X)
    # Products with norms and quotients by them are rounded, or fall below the range: each costs what in_full measures.
    operations = 4 * (net.n_features + net.width + 5)
    longest = max(1, np.abs(net.weights).max(initial=0), np.abs(same.output).max(initial=0))
    with np.errstate(over="ignore"):
        assert_values(in_full(same, X)[0].astype(np.float64), (value, scale, reach * longest), operations)
