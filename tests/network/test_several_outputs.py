"""Networks of several outputs: values, distances and normal form beside those of one output at a time, and errors."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import limbeck
from limbeck import ReLUNetwork


def random_network(k, d, q, seed=0, *, thresholds=True):
    rng = np.random.default_rng([k, d, q, seed])
    return ReLUNetwork(
        rng.standard_normal((k, d)),
        rng.standard_normal((q, k)),
        linear=rng.standard_normal((q, d)),
        bias=rng.standard_normal(q),
        thresholds=rng.standard_normal(k) if thresholds else None,
    )


def one_by_one(net):
    return [
        ReLUNetwork(net.weights, c, linear=w, bias=b, thresholds=net.thresholds)
        for c, w, b in zip(net.output, net.linear, net.bias, strict=True)
    ]


def by_numpy(net, X):
    """Values in float64, and the scale of their rounding error: every term in absolute value."""
    X = X.astype(np.float64)
    value = np.maximum(X @ net.weights.T + net.thresholds, 0) @ net.output.T + X @ net.linear.T + net.bias
    inner = np.abs(X) @ np.abs(net.weights.T) + np.abs(net.thresholds)
    return value, inner @ np.abs(net.output.T) + np.abs(X) @ np.abs(net.linear.T) + np.abs(net.bias)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n", [0, 1, 3, 129, 5000])
@pytest.mark.parametrize(
    ("k", "d", "q"), [(0, 1, 2), (0, 0, 3), (1, 1, 1), (2, 0, 2), (4, 7, 3), (33, 64, 10), (600, 5, 4)]
)
def test_values_match_numpy(k, d, q, n, dtype):
    net = random_network(k, d, q)
    X = np.random.default_rng([n, d]).standard_normal((n, d)).astype(dtype)
    values = net(X)
    assert values.shape == (n, q)
    assert values.dtype == dtype
    expected, scale = by_numpy(net, X)
    # As for one output: d + k + 3 roundings, one more of the parameters, and NumPy's own in float64.
    assert np.all(np.abs(values - expected) <= (d + k + 5) * np.finfo(dtype).eps * scale)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_values_do_not_depend_on_the_number_of_threads(dtype):
    net = random_network(70, 40, 6)
    # More than one block of rows.
    X = np.random.default_rng(0).standard_normal((30_000, 40)).astype(dtype)
    one = net(X, n_threads=1)
    for threads in (2, 3, 8):
        np.testing.assert_array_equal(net(X, n_threads=threads), one)


def test_rows_that_are_not_finite():
    net = random_network(3, 2, 2)
    with pytest.raises(ValueError, match=r"^X holds nan at index \(1, 0\)"):
        net([[0.0, 0.0], [np.nan, 1.0]])
    assert np.isnan(net([[0.0, 0.0], [np.nan, 1.0]], check_finite=False)).tolist() == [[False] * 2, [True] * 2]
    with pytest.raises(ValueError, match="beyond float32"):
        ReLUNetwork([[1.0]], [[1.0], [1e200]])(np.ones((1, 1), np.float32))


@pytest.mark.parametrize("thresholds", [False, True])
def test_distance_and_variance_are_those_of_the_outputs(thresholds):
    f, g = (random_network(k, 5, 3, thresholds=thresholds) for k in (4, 6))
    distances = [a.distance(b) for a, b in zip(one_by_one(f), one_by_one(g), strict=True)]
    assert f.distance(g) == pytest.approx(sum(distances), rel=1e-15)
    assert f.distance(f) < (1e-10 if thresholds else 1e-20)
    assert isinstance(f.distance(g), float)
    np.testing.assert_array_equal(f.variance(), [net.variance() for net in one_by_one(f)])
    # 400,000 rows: a mean of squares is known to less than a percent (ten standard errors).
    X = np.random.default_rng(1).standard_normal((400_000, 5))
    assert np.square(f(X) - g(X)).sum(axis=1).mean() == pytest.approx(f.distance(g), rel=0.02)
    np.testing.assert_allclose(f(X).var(axis=0), f.variance(), rtol=0.02)


def test_distance_refuses_other_outputs():
    three, two = random_network(4, 5, 3), random_network(4, 5, 2)
    with pytest.raises(
        ValueError, match=r"different outputs cannot be compared: output has shapes \(3, 4\) and \(2, 4"
    ):
        three.distance(two)
    with pytest.raises(ValueError, match=r"shapes \(3, 4\) and \(4,\)"):
        three.distance(one_by_one(three)[0])


@pytest.mark.parametrize(("k", "d", "q"), [(0, 3, 2), (1, 1, 1), (5, 4, 3)])
def test_normalized_is_the_same_function_with_unit_rows(k, d, q):
    net = random_network(k, d, q)
    same = net.normalized()
    np.testing.assert_allclose(np.linalg.norm(same.weights, axis=1), 1, rtol=0, atol=(d + 4) * 2.3e-16)
    assert np.all(np.diff(np.linalg.norm(same.output, axis=0)) <= 0)
    X = np.random.default_rng(0).standard_normal((200, d))
    expected, scale = by_numpy(net, X)
    assert np.all(np.abs(same(X) - expected) <= 4 * (d + k + 5) * np.finfo(float).eps * scale)
    order = np.random.default_rng(1).permutation(k)
    moved = ReLUNetwork(
        net.weights[order],
        net.output[:, order],
        linear=net.linear,
        bias=net.bias,
        thresholds=net.thresholds[order],
    )
    assert moved.normalized() == same


def test_normalized_moves_neurons_without_a_direction_into_the_bias():
    net = ReLUNetwork([[0.0, 0], [3, 4]], [[2, 1], [-1, 7]], thresholds=[1.5, 5], bias=[1, 2])
    assert net.normalized() == ReLUNetwork([[0.6, 0.8]], [[5], [35]], thresholds=[1], bias=[4, 0.5])


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_normalized_orders_outputs_whose_square_leaves_the_range(size):
    net = ReLUNetwork([[1.0, 0.0], [0.0, 1.0]], size * np.array([[1.0, 3.0], [1.0, 0.0]]))
    np.testing.assert_array_equal(net.normalized().weights, [[0, 1], [1, 0]])


def test_attributes_defaults_and_repr():
    net = ReLUNetwork([[1, 2, 3], [4, 5, 6]], [[1, -1]] * 4, bias=0.5)
    assert (net.width, net.n_features, net.n_outputs) == (2, 3, 4)
    assert repr(net) == "ReLUNetwork(width=2, n_features=3, n_outputs=4)"
    np.testing.assert_array_equal(net.linear, np.zeros((4, 3)))
    np.testing.assert_array_equal(net.bias, np.full(4, 0.5))
    assert ReLUNetwork([[1.0]], [1.0]).n_outputs == 1
    with pytest.raises(AttributeError):
        net.n_outputs = 3


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))], ids=["copy", "pickle"])
def test_copies_are_equal_and_read_only(copied):
    net = random_network(3, 4, 2)
    other = copied(net)
    assert other == net
    for name in ("weights", "output", "linear", "thresholds", "bias"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(other, name)[...] = 0


def test_equality_is_that_of_shapes_too():
    one = ReLUNetwork([[1.0]], [1.0])
    assert one != ReLUNetwork([[1.0]], [[1.0]])
    assert ReLUNetwork([[1.0]], [[1.0], [2.0]], bias=[1.0, 2.0]) != ReLUNetwork([[1.0]], [[1.0], [2.0]], bias=1.0)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"output": np.ones((2, 3))}, ValueError, r"weights of shape \(4, 5\) and output of shape \(2, 3\)"),
        ({"output": np.ones((0, 4))}, ValueError, r"output must have a row for each output.* got shape \(0, 4\)"),
        ({"output": np.ones((2, 4, 1))}, ValueError, r"output must have 1 or 2 dimension\(s\), got shape \(2, 4, 1\)"),
        ({"linear": np.ones(5)}, ValueError, r"linear must have 2 dimension\(s\), got shape \(5,\)"),
        (
            {"linear": np.ones((2, 6))},
            ValueError,
            r"features, got .* \(4, 5\) and linear of shape \(2, 6\)",
        ),
        ({"linear": np.ones((3, 5))}, ValueError, r"outputs, got output of shape \(2, 4\) and linear of shape \(3, 5"),
        ({"output": np.ones(4), "linear": np.ones((1, 5))}, ValueError, r"linear must have 1 dimension\(s\)"),
        ({"bias": np.ones(3)}, ValueError, r"outputs, got output of shape \(2, 4\) and bias of shape \(3,\)"),
        ({"bias": np.ones((2, 1))}, ValueError, r"bias must have 1 dimension\(s\), got shape \(2, 1\)"),
        ({"bias": [1.0, np.inf]}, ValueError, r"bias holds inf at index 1"),
        ({"output": [[1.0] * 4, [np.nan] * 4]}, ValueError, r"output holds nan at index \(1, 0\)"),
        ({"bias": ["a", "b"]}, TypeError, r"bias must hold real numbers"),
        ({"output": np.ones((2, 4)) * 1j}, TypeError, r"output must hold real numbers"),
    ],
)
def test_errors_name_argument_and_shapes(changes, error, message):
    arguments = {"weights": np.ones((4, 5)), "output": np.ones((2, 4)), **changes}
    with pytest.raises(error, match=message):
        ReLUNetwork(arguments.pop("weights"), arguments.pop("output"), **arguments)


@given(st.integers(0, 4), st.integers(0, 4), st.integers(1, 4), st.integers(0, 5), st.integers(0, 10))
def test_one_row_of_outputs_is_one_output(k, d, q, n, seed):
    net = random_network(k, d, q, seed)
    X = np.random.default_rng(seed).standard_normal((n, d))
    _, scale = by_numpy(net, X)
    for j, one in enumerate(one_by_one(net)):
        assert np.all(np.abs(net(X)[:, j] - one(X)) <= (d + k + 5) * np.finfo(float).eps * scale[:, j])


def test_samples_of_several_outputs():
    net = random_network(3, 4, 2)
    X, Y = limbeck.datasets.sample(net, 20_000, noise=0.5, seed=0)
    assert Y.shape == (20_000, 2)
    # The standard deviation of 20,000 errors is known to half a percent.
    np.testing.assert_allclose((Y - net(X)).std(axis=0), 0.5, rtol=0.03)
    np.testing.assert_array_equal(limbeck.datasets.sample(net, 5, seed=0)[1], net(X[:5]))
