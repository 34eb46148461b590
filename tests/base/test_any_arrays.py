"""What users may pass: any layout, any type of real numbers, read-only or misaligned, to every function with a kernel.

The numbers are small integers, which every type holds: so whatever an array looks like, the result is bitwise that of
the plain array, the error is the same, and the array is as it was.
"""

import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from limbeck import ReLUNetwork, ridgeless
from limbeck import distillation as dist
from limbeck import moments as mom

FLOATS = ["f2", "f4", "f8", ">f2", ">f4", ">f8", "g"]
DTYPES = ["?", "i1", "u1", "u2", "i4", "i8", "u8", ">i4", ">i8", *FLOATS]


def every_third(a):
    whole = np.full([3 * side for side in a.shape], 99).astype(a.dtype)
    view = whole[(slice(1, None, 3),) * a.ndim]
    view[...] = a
    return view


def misaligned(a):
    raw = np.zeros(a.nbytes + 1, np.uint8)[1:].view(a.dtype).reshape(a.shape)
    raw[...] = a
    return raw


def reversed_everywhere(a):
    backwards = (slice(None, None, -1),) * a.ndim
    return a[backwards].copy()[backwards]


LAYOUTS = {
    "plain": lambda a: a,
    "Fortran order": np.asfortranarray,
    "reversed": reversed_everywhere,
    "every third": every_third,
    "misaligned": misaligned,
    # As a list it is float64 or integers, so single precision stays an array.
    "list": lambda a: a if (a.dtype.kind == "f" and a.dtype.itemsize < 8) or 0 in a.shape else a.tolist(),
}
FORM = st.tuples(st.sampled_from(DTYPES), st.sampled_from(list(LAYOUTS)), st.booleans())


def accumulated_moments(X, y, directions):
    total = mom.MomentAccumulator(directions, [2, 3])
    total.update(X, y)
    return [f(order) for order in (2, 3) for f in (total.matrices, total.standard_errors)]


def accumulated(X, Y, sample_weight):
    total = ridgeless.Accumulator(np.shape(X)[1], *np.shape(Y)[1:])
    total.update(X, Y, sample_weight=sample_weight)
    return solution(total.solve(intercept="centred"))


def solution(found):
    return [found.coef, found.rank, found.condition, found.residual_norm, found.backward_error, found.intercept]


def network_parts(net):
    return [net.weights, net.output, net.linear, net.thresholds]


def network_facts(weights, output, linear, thresholds):
    net = ReLUNetwork(weights, output, linear=linear, thresholds=thresholds, bias=3)
    return [
        *network_parts(net),
        net.variance(),
        net.distance(ReLUNetwork(weights, output)),
        *network_parts(net.normalized()),
    ]


def network_values(X):
    p = np.shape(X)[1]
    return ReLUNetwork(np.ones((2, p)), [1.0, -2.0], thresholds=[-3.0, 1.0], linear=np.arange(p))(X)


def predicted_risks(eigenvalues, beta, surrogate, test_eigenvalues):
    task, n = dist.Task(eigenvalues, beta, 0.5), max(1, len(beta) // 2)
    more = {"test_eigenvalues": test_eigenvalues}
    return [
        dist.risk(task, n, surrogate, 0.1, **more),
        dist.two_stage_risk(task, n, dist.Task(test_eigenvalues, beta, 1), 9, **more),
        dist.surrogate_risk(task, dist.Task(test_eigenvalues, surrogate, 1), 7, surrogate_ridge=1.0),
        dist.optimal_surrogate(task, n, 0.1, **more),
        dist.optimal_mask(task, n, 0.1, **more),
        *dist.optimal_ridge(task, n, surrogate),
    ]


def trials(eigenvalues, beta, surrogate, test_eigenvalues):
    task = dist.Task(eigenvalues, beta, 0.5)
    return dist.simulate(task, 2, surrogate, 0.1, trials=3, test_eigenvalues=test_eigenvalues).risks


# Functions of arrays, and the axes of each: b problems, n rows, p features, q targets, m directions, s columns.
CALLS = {
    "weighted_grams": (mom.weighted_grams, {"X": "np", "W": "nq"}),
    "contract": (lambda **a: mom.contract(**a, order=4), {"X": "np", "y": "nq", "directions": "mp"}),
    "contract one": (lambda **a: mom.contract(**a, order=3), {"X": "np", "y": "n", "directions": "mp"}),
    "contract_to_vector": (
        lambda **a: mom.contract_to_vector(**a, order=3),
        {"X": "np", "y": "nq", "directions": "mp"},
    ),
    "contract_to_scalar": (
        lambda **a: mom.contract_to_scalar(**a, orders=[2, 0, 3]),
        {"X": "np", "y": "nq", "directions": "mp"},
    ),
    "contract_apply": (
        lambda **a: mom.contract_apply(**a, order=3),
        {"X": "np", "y": "nq", "directions": "mp", "B": "ps"},
    ),
    "moment_tensor": (lambda **a: mom.moment_tensor(**a, order=2), {"X": "np", "y": "nq"}),
    "MomentAccumulator": (accumulated_moments, {"X": "np", "y": "n", "directions": "mp"}),
    "solve": (lambda **a: solution(ridgeless.solve(**a)), {"X": "np", "Y": "nq"}),
    "solve one": (lambda **a: solution(ridgeless.solve(**a)), {"X": "np", "Y": "n"}),
    "solve in norm": (lambda **a: solution(ridgeless.solve(**a, intercept="in norm")), {"X": "np", "Y": "n"}),
    "solve centred": (lambda **a: solution(ridgeless.solve(**a, intercept="centred")), {"X": "np", "Y": "nq"}),
    "solve batch": (lambda **a: solution(ridgeless.solve(**a)), {"X": "bnp", "Y": "bnq"}),
    "leave_one_out": (ridgeless.leave_one_out, {"X": "np", "Y": "nq"}),
    "leave_one_out centred": (lambda **a: ridgeless.leave_one_out(**a, intercept="centred"), {"X": "np", "Y": "n"}),
    "generalized_cross_validation": (ridgeless.generalized_cross_validation, {"X": "np", "Y": "nq"}),
    "Accumulator": (accumulated, {"X": "np", "Y": "nq", "sample_weight": "n"}),
    "Accumulator one": (accumulated, {"X": "np", "Y": "n", "sample_weight": "n"}),
    "ReLUNetwork": (network_facts, {"weights": "np", "output": "n", "linear": "p", "thresholds": "n"}),
    "ReLUNetwork call": (network_values, {"X": "np"}),
    "effective_ridge": (lambda eigenvalues: dist.effective_ridge(eigenvalues, [1, 3], 0.5), {"eigenvalues": "p"}),
    "risk": (predicted_risks, dict.fromkeys(("eigenvalues", "beta", "surrogate", "test_eigenvalues"), "p")),
    "simulate": (trials, dict.fromkeys(("eigenvalues", "beta", "surrogate", "test_eigenvalues"), "p")),
}
# A mask is no surrogate, and says so.
NO_MASKS = {"surrogate"}


def outcome(function, arrays):
    """The bytes, types and shapes of what comes out, or the error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # rows near the peak, ranks in doubt
        try:
            found = function(**arrays)
        except (TypeError, ValueError, FloatingPointError) as error:
            return type(error), str(error)
    results = [np.asarray(part) for part in (found if isinstance(found, list) else [found])]
    return [(part.dtype.str, part.shape, part.tobytes()) for part in results]


# Two tests of every function, so fewer examples of each than elsewhere.
FEWER = settings(max_examples=settings.default.max_examples // 6)
SEED = st.integers(0, 2**32 - 1)


def sides(least):
    return st.tuples(*(st.integers(least, most) for most in (3, 9, 6, 3, 3, 3)))


@pytest.mark.parametrize("name", list(CALLS))
@FEWER
@given(sides(0), st.lists(FORM, min_size=4, max_size=4), SEED)
def test_any_layout_and_type_gives_what_the_plain_array_gives(name, sides, forms, seed):
    function, axes = CALLS[name]
    sizes, rng = dict(zip("bnpqms", sides, strict=True)), np.random.default_rng(seed)
    dressed, plain = {}, {}
    for (argument, letters), (dtype, layout, read_only) in zip(axes.items(), forms, strict=False):
        assume(dtype != "?" or argument not in NO_MASKS)
        values = rng.integers(0, 5, [sizes[axis] for axis in letters]).astype(dtype)
        single = values.dtype.kind == "f" and values.dtype.itemsize <= 4
        # X decides about the precision; the others are converted to it.
        precision = np.float32 if single and argument == "X" else np.float64
        plain[argument] = np.array(values, dtype=precision, order="C")
        dressed[argument] = LAYOUTS[layout](values)
        if read_only and isinstance(dressed[argument], np.ndarray):
            dressed[argument].setflags(write=False)
    before = {argument: np.array(value) for argument, value in dressed.items()}
    assert outcome(function, dressed) == outcome(function, plain)
    for argument, value in dressed.items():
        np.testing.assert_array_equal(value, before[argument])


@pytest.mark.parametrize("name", list(CALLS))
@FEWER
@given(sides(2), st.lists(st.tuples(st.sampled_from(FLOATS), st.sampled_from(list(LAYOUTS))), min_size=4), SEED)
def test_nan_and_infinity_are_named_with_their_place(name, sides, forms, seed):
    function, axes = CALLS[name]
    sizes, rng = dict(zip("bnpqms", sides, strict=True)), np.random.default_rng(seed)
    spoilt, arrays = rng.choice(list(axes)), {}
    for (argument, letters), (dtype, layout) in zip(axes.items(), forms, strict=False):
        values = rng.integers(1, 5, [sizes[axis] for axis in letters]).astype(dtype)
        if argument == spoilt:
            at = tuple(rng.integers(values.shape).tolist())
            values[at] = rng.choice([np.nan, np.inf, -np.inf])
            expected = f"{argument} holds {values[at]} at index {at[0] if len(at) == 1 else at}"
        arrays[argument] = LAYOUTS[layout](values)
    kind, message = outcome(function, arrays)
    assert kind is ValueError
    assert message.startswith(expected)
