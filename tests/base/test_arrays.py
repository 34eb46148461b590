"""The array contract: every refusal has its type and says which argument, and which values, are wrong."""

import pickle
import re

import numpy as np
import pytest
from scipy import sparse

import limbeck
from limbeck import moments, ridgeless


def valid():
    """One set of arguments that every function below accepts; a test spoils one of them."""
    rng = np.random.default_rng(0)
    shapes = {"X": (6, 3), "y": (6,), "directions": (2, 3), "B": (3, 2), "W": (6, 2)}
    shapes |= {"weights": (2, 3), "output": (2,), "linear": (3,), "thresholds": (2,)}
    return {name: rng.standard_normal(shape) for name, shape in shapes.items()}


def network_call(X, **options):
    return limbeck.ReLUNetwork(np.ones((2, 3)), [1.0, 2.0])(X, **options)


def network(weights, output, linear, thresholds):
    return limbeck.ReLUNetwork(weights, output, linear=linear, thresholds=thresholds)


def accumulator(directions):
    return moments.MomentAccumulator(directions, [2])


def accumulator_update(X, y, **options):
    return moments.MomentAccumulator(np.eye(3), [2, 3]).update(X, y, **options)


def contract(X, y, directions, **options):
    return moments.contract(X, y, directions, 4, **options)


def contract_order_2(X, y, directions, **options):
    return moments.contract(X, y, directions, 2, **options)


def contract_to_vector(X, y, directions, **options):
    return moments.contract_to_vector(X, y, directions, 1, **options)


def contract_to_scalar(X, y, directions, **options):
    return moments.contract_to_scalar(X, y, directions, [3, 1], **options)


def contract_to_scalar_order_0(X, y, directions, **options):
    return moments.contract_to_scalar(X, y, directions, [0], **options)


def contract_apply(X, y, directions, B, **options):
    return moments.contract_apply(X, y, directions, 3, B, **options)


def moment_tensor(X, y, **options):
    return moments.moment_tensor(X, y, 2, **options)


def moment_tensor_order_0(X, y, **options):
    return moments.moment_tensor(X, y, 0, **options)


ARGUMENTS = {
    moments.weighted_grams: ["X", "W"],
    contract: ["X", "y", "directions"],
    contract_order_2: ["X", "y", "directions"],
    contract_to_vector: ["X", "y", "directions"],
    contract_to_scalar: ["X", "y", "directions"],
    contract_to_scalar_order_0: ["X", "y", "directions"],
    contract_apply: ["X", "y", "directions", "B"],
    moment_tensor: ["X", "y"],
    moment_tensor_order_0: ["X", "y"],
    network_call: ["X"],
    network: ["weights", "output", "linear", "thresholds"],
    accumulator: ["directions"],
    accumulator_update: ["X", "y"],
}
CASES = [pytest.param(f, name, id=f"{f.__name__}-{name}") for f, names in ARGUMENTS.items() for name in names]
CHECKED = [case for case in CASES if case.values[0] not in (network, accumulator, accumulator_update)]


def spoil(function, name, value, **options):
    arguments = {n: a for n, a in valid().items() if n in ARGUMENTS[function]}
    return function(**arguments | {name: value(arguments[name])}, **options)


@pytest.mark.parametrize(("function", "name"), CASES)
def test_the_unspoiled_arguments_are_accepted(function, name):
    spoil(function, name, lambda a: a)


WRONG_TYPES = {
    "complex": (lambda a: a + 0j, "{} must hold real numbers, got dtype complex128"),
    "object": (lambda a: a.astype(object), "{} must hold real numbers, got dtype object"),
    "text": (lambda a: a.astype("U5"), "{} must hold real numbers, got dtype <U5"),
    "bytes": (lambda a: a.astype("S5"), "{} must hold real numbers, got dtype |S5"),
    "dates": (lambda a: a.astype("M8[s]"), "{} must hold real numbers, got dtype datetime64[s]"),
    "None": (lambda a: [[None]], "{} must hold real numbers, got dtype object"),
    "masked": (lambda a: np.ma.masked_less(a, 0), "{} is a masked array: fill or drop the masked entries first"),
    "sparse": (sparse.coo_array, "{0} is sparse: pass {0}.toarray()"),
    "sparse rows": (lambda a: sparse.csr_matrix(np.atleast_2d(a)), "{0} is sparse: pass {0}.toarray()"),
}


@pytest.mark.parametrize("kind", list(WRONG_TYPES))
@pytest.mark.parametrize(("function", "name"), CASES)
def test_what_does_not_hold_real_numbers_is_a_type_error(function, name, kind):
    convert, message = WRONG_TYPES[kind]
    with pytest.raises(TypeError, match="^" + re.escape(message.format(name))):
        spoil(function, name, convert)


@pytest.mark.parametrize(("function", "name"), CASES)
def test_a_ragged_list_is_a_value_error(function, name):
    with pytest.raises(ValueError, match=rf"^{name} is not a rectangular array of numbers"):
        spoil(function, name, lambda a: [[1.0, 2.0], [3.0]])


@pytest.mark.parametrize(("function", "name"), CASES)
def test_a_wrong_number_of_dimensions_is_a_value_error_with_the_shape(function, name):
    if name == "y" and function is not accumulator_update:
        with pytest.raises(ValueError, match=r"^y must have 1 or 2 dimension\(s\), got shape \(6, 1, 1\)"):
            spoil(function, name, lambda a: a.reshape(6, 1, 1))
        return
    wanted = "1 or 2" if (function, name) == (network, "output") else valid()[name].ndim
    for value in (np.float64(3.0), np.ones((2, 3, 4))):
        text = re.escape(f"{name} must have {wanted} dimension(s), got shape {value.shape}")
        with pytest.raises(ValueError, match="^" + text):
            spoil(function, name, lambda a, value=value: value)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("function", "name"), CASES)
def test_the_first_nan_or_infinity_is_named(function, name, bad):
    def broken(a):
        a = a.copy()
        a.reshape(-1)[[1, -1]] = bad
        return a

    place = "1" if valid()[name].ndim == 1 else r"\(0, 1\)"
    with pytest.raises(ValueError, match=rf"^{name} holds {bad} at index {place};"):
        spoil(function, name, broken)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize(("function", "name"), CHECKED)
def test_check_finite_false_lets_them_through(function, name, bad):
    result = spoil(function, name, lambda a: np.full_like(a, bad), check_finite=False)
    unused = function.__name__.endswith("order_0") and name in ("X", "directions")
    assert np.isfinite(result).all() == unused


def test_numbers_beyond_the_type_they_are_converted_to_are_named():
    X, far = np.ones((4, 2), np.float32), np.array([1.0, 2.0, -1e300, np.inf])
    for call in (lambda y: moments.contract(X, y, np.eye(2), 4), lambda y: ridgeless.solve(X, y)):
        with pytest.raises(
            ValueError, match=r"^y holds -1e\+300 at index 2, beyond float32$|^Y holds -1e\+300 at index 2"
        ):
            call(far)
    with pytest.raises(ValueError, match=r"^directions holds 1e\+200 at index \(1, 0\), beyond float32$"):
        moments.contract(X, X[:, 0], [[1.0, 1.0], [1e200, 1e300]], 4)
    if np.finfo(np.longdouble).max > np.finfo(np.float64).max:
        with pytest.raises(ValueError, match=r"^X holds 1e\+4000 at index \(0, 1\), beyond float64$"):
            moments.weighted_grams(np.array([["1", "1e4000"]]).astype(np.longdouble), [[1.0]])
    for parameters in ({"bias": 1e300}, {"linear": [1e300]}, {"thresholds": [-1e300]}):
        network = limbeck.ReLUNetwork([[1.0]], [1.0], **parameters)
        assert np.isfinite(network([[1.0]])).all()
        with pytest.raises(ValueError, match=rf"^{next(iter(parameters))} holds -?1e\+300 at index 0, beyond float32$"):
            network(np.ones((1, 1), np.float32))


def test_nan_is_found_where_the_result_is_empty_or_single_precision():
    X = np.ones((4, 2), np.float32)
    X[2, 1] = np.nan
    with pytest.raises(ValueError, match=r"X holds nan at index \(2, 1\)"):
        moments.weighted_grams(X, np.ones((4, 0)))
    with pytest.raises(ValueError, match=r"X holds nan at index \(2, 1\)"):
        moments.contract(X, np.ones(4), np.ones((0, 2)), 2)
    net = limbeck.ReLUNetwork(np.empty((0, 2)), [])
    with pytest.raises(ValueError, match=r"X holds nan at index \(2, 1\)"):
        net(X)


def test_an_overflow_of_finite_input_is_not_blamed_on_the_input():
    assert np.isinf(moments.weighted_grams([[1e200]], [[1e200]])).all()


ROWS_AND_Y = "X and y must have the same number of rows, got X of shape (6, 3) and y of shape "
FEATURES_AND_G = (
    "X and directions must have the same number of features, got X of shape (6, 3) and directions of shape "
)
OF_WEIGHTS = "must have the same number of {}, got weights of shape (2, 3) and {} of shape "
DISAGREEMENTS = [
    (moments.weighted_grams, "W", (5, 2), ROWS_AND_Y.replace("y of", "W of").replace("and y", "and W")),
    (contract, "y", (5,), ROWS_AND_Y),
    (contract, "y", (3, 6), ROWS_AND_Y),
    (contract_to_vector, "y", (7,), ROWS_AND_Y),
    (contract_to_scalar, "y", (0,), ROWS_AND_Y),
    (contract_apply, "y", (5,), ROWS_AND_Y),
    (moment_tensor, "y", (5,), ROWS_AND_Y),
    (accumulator_update, "y", (5,), ROWS_AND_Y),
    (contract, "directions", (2, 4), FEATURES_AND_G),
    (contract_to_vector, "directions", (1, 2), FEATURES_AND_G),
    (contract_to_scalar, "directions", (3, 0), FEATURES_AND_G),
    (contract_apply, "directions", (2, 4), FEATURES_AND_G),
    (contract_apply, "B", (2, 3), FEATURES_AND_G.replace("directions", "B")),
    (network_call, "X", (6, 4), "X and weights must have the same number of features, got X of shape "),
    (network, "output", (3,), "weights and output " + OF_WEIGHTS.format("neurons", "output")),
    (network, "linear", (2,), "weights and linear " + OF_WEIGHTS.format("features", "linear")),
    (network, "thresholds", (1,), "weights and thresholds " + OF_WEIGHTS.format("neurons", "thresholds")),
]


@pytest.mark.parametrize(("function", "name", "shape", "message"), DISAGREEMENTS)
def test_shapes_that_disagree_are_both_printed(function, name, shape, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)) as caught:
        spoil(function, name, lambda a: np.ones(shape))
    assert str(shape) in str(caught.value)


@pytest.mark.parametrize("function", [contract, contract_to_vector, contract_to_scalar, contract_apply, moment_tensor])
def test_a_mean_over_no_rows_is_an_error(function):
    arguments = {n: a for n, a in valid().items() if n in ARGUMENTS[function]} | {"X": np.ones((0, 3)), "y": np.ones(0)}
    with pytest.raises(ValueError, match=r"X has no rows, and a mean over no rows is undefined: shape \(0, 3\)"):
        function(**arguments)


@pytest.mark.parametrize(("function", "least"), [("contract", 2), ("contract_to_vector", 1), ("moment_tensor", 0)])
def test_orders(function, least):
    X, y, G = np.ones((6, 3)), np.ones(6), np.ones((2, 3))
    arguments = (X, y) if function == "moment_tensor" else (X, y, G)
    compute = getattr(moments, function)
    compute(*arguments, np.int32(least))
    for order in (least - 1, -7):
        with pytest.raises(ValueError, match=f"^order must be at least {least}, got {order}$"):
            compute(*arguments, order)
    for order in (2.0, "2", None, True, np.bool_(True), np.array([2, 2])):
        with pytest.raises(TypeError, match=r"^order must be an integer, got "):
            compute(*arguments, order)
    huge = 10**5 if function == "moment_tensor" else 2**40
    with pytest.raises(ValueError, match="order"):
        compute(*arguments, huge)


def test_orders_of_contract_apply_and_contract_to_scalar():
    X, y, G = np.ones((6, 3)), np.ones(6), np.ones((2, 3))
    with pytest.raises(ValueError, match=r"^order must be at least 2, got 1$"):
        moments.contract_apply(X, y, G, 1, np.eye(3))
    with pytest.raises(ValueError, match=r"^orders\[1\] must be at least 0, got -1$"):
        moments.contract_to_scalar(X, y, G, [1, -1])
    with pytest.raises(TypeError, match=r"^orders\[0\] must be an integer, got 1\.0$"):
        moments.contract_to_scalar(X, y, G, [1.0])
    with pytest.raises(TypeError, match=r"^orders\[0\] must be an integer, got True$"):
        moments.contract_to_scalar(X, y, G, [True])


def test_orders_that_are_one_number_are_named():
    with pytest.raises(TypeError, match=r"^orders "):
        moments.contract_to_scalar(np.ones((6, 3)), np.ones(6), np.ones((2, 3)), 2)


@pytest.mark.parametrize("function", [*list(dict.fromkeys(case.values[0] for case in CHECKED)), accumulator_update])
def test_n_threads(function):
    arguments = {n: a for n, a in valid().items() if n in ARGUMENTS[function]}
    for good in (None, 1, 3, np.int64(2), 1000):
        function(**arguments, n_threads=good)
    for bad in (0, -1):
        with pytest.raises(ValueError, match=f"^n_threads must be at least 1 or None, got {bad}$"):
            function(**arguments, n_threads=bad)
    for bad in (1.5, True, "2"):
        with pytest.raises(TypeError, match=f"^n_threads must be an integer, got {bad!r}$"):
            function(**arguments, n_threads=bad)


def test_n_threads_beyond_every_machine():
    with pytest.raises(ValueError, match="n_threads"):
        moments.weighted_grams(np.ones((2, 2)), np.ones((2, 1)), n_threads=2**40)


@pytest.mark.parametrize(("order", "q", "entries"), [(9, 1, "1e+09"), (8, 2, "2e+08"), (400, 1, "")])
def test_a_tensor_above_1e8_entries_is_refused_with_its_size(order, q, entries):
    X, Y = np.ones((3, 10)), np.ones((3, q))
    text = re.escape(f"the tensor of order {order} of 10 features has {entries}") + ".*more than 1e"
    with pytest.raises(ValueError, match=text):
        moments.moment_tensor(X, Y, order)


def test_a_tensor_of_more_dimensions_than_numpy_1_has_is_refused():
    with pytest.raises(ValueError, match=r"^order must be at most 30, got 31$"):
        moments.moment_tensor(np.ones((3, 1)), np.ones(3), 31)
    assert moments.moment_tensor(np.ones((3, 1)), np.ones((3, 1)), 30).ndim == 31


def test_an_absurd_order_is_refused_without_working_out_the_size(run_python):
    # Three to this order has 5e11 digits: the number of entries must not be computed. The time limit is the failure.
    code = "import numpy as np, limbeck; limbeck.moments.moment_tensor(np.ones((3, 3)), np.ones(3), 2**40)"
    done = run_python(code, timeout=20)
    assert "ValueError" in done.stderr.splitlines()[-1]
    assert "order" in done.stderr.splitlines()[-1]


def test_unpickled_arrays_are_arrays():
    # Their dtype is an object of its own, equal to NumPy's but not the same.
    X, y = (pickle.loads(pickle.dumps(array)) for array in (np.ones((3, 2)), np.ones(3)))
    assert moments.contract(X, y, np.eye(2), 2).shape == (2, 2, 2)
    assert moments.contract(X.astype(np.float32), y, pickle.loads(pickle.dumps(np.eye(2))), 2).dtype == np.float32
