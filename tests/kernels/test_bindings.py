"""The bindings themselves convert nothing: they refuse, by name, what they would misread."""

import numpy as np
import pytest

from limbeck import _kernels

KERNELS = {
    "weighted_grams": ({"X": (6, 3), "W": (6, 2)}, {}),
    "contract": ({"X": (6, 3), "y": (6, 2), "directions": (2, 3)}, {"order": 3}),
    "contract_to_vector": ({"X": (6, 3), "y": (6, 2), "directions": (2, 3)}, {"order": 3}),
    "contract_to_scalar": ({"X": (6, 3), "y": (6, 2), "directions": (2, 3)}, {"orders": [3]}),
    "contract_apply": ({"X": (6, 3), "y": (6, 2), "directions": (2, 3), "B": (3, 2)}, {"order": 3}),
    "contract_batches": (
        {"X": (6, 3), "y": (6, 2), "directions": (2, 3)},
        {
            "order": 3,
            "cuts": [0, 4, 6],
            "sums_before": np.zeros((2, 2, 3, 3)),
            "squares_before": np.zeros((2, 2, 3, 3)),
        },
    ),
    "moment_tensor": ({"X": (6, 3), "y": (6, 2)}, {"order": 3}),
    "hermite_normalized": ({"t": (6,)}, {"order": 3}),
    "first_non_finite": ({"values": (6, 2)}, {}),
    "largest_size": ({"values": (6, 2)}, {}),
    "network_forward": (
        {"weights": (2, 3), "thresholds": (2,), "output": (2,), "linear": (3,), "X": (6, 3)},
        {"bias": 0.0},
    ),
    "project": ({"X": (6, 3), "directions": (2, 3)}, {}),
    "normal_matrix": (
        {"X": (6, 3), "y": (6,), "row_weights": (6,), "signs": (2,), "parameters": (3, 4)},
        {},
    ),
    "normal_product": (
        {"X": (6, 3), "y": (6,), "row_weights": (6,), "signs": (2,), "parameters": (3, 4), "vector": (3, 4)},
        {},
    ),
    "refine": (
        {"X": (6, 3), "y": (6,), "row_weights": (6,), "signs": (2,), "parameters": (3, 4), "decay": (3,)},
        {"thresholds": True, "max_steps": 1, "tolerance": 1e-9, "seconds": 1.0},
    ),
}
CASES = [(kernel, name) for kernel, (shapes, _) in KERNELS.items() for name in shapes]


def misaligned(a):
    b = np.zeros(a.nbytes + 1, np.uint8)[1:].view(a.dtype).reshape(a.shape)
    b[...] = a
    return b


@pytest.mark.parametrize(("kernel", "name"), CASES)
def test_bindings_refuse_what_they_would_misread(kernel, name):
    shapes, options = KERNELS[kernel]
    arrays = {n: np.ones(shape) for n, shape in shapes.items()}
    call = getattr(_kernels, kernel)
    call(**arrays, **options, n_threads=1)
    for dtype in (np.int64, np.float16, ">f8", np.longdouble):
        with pytest.raises(TypeError, match=f"^{name} has dtype {np.dtype(dtype)}, expected float"):
            call(**arrays | {name: arrays[name].astype(dtype)}, **options, n_threads=1)
    strided = np.repeat(arrays[name], 2, axis=-1)[..., ::2]
    for bad in (strided, misaligned(arrays[name])):
        with pytest.raises(ValueError, match=rf"^{name} must be C-contiguous and aligned, got shape "):
            call(**arrays | {name: bad}, **options, n_threads=1)
    if kernel not in ("first_non_finite", "largest_size"):
        with pytest.raises(ValueError, match=rf"^{name} must have \d dimension\(s\), got shape \(1, 1, 1\)$"):
            call(**arrays | {name: np.ones((1, 1, 1))}, **options, n_threads=1)
    with pytest.raises(ValueError, match=r"^n_threads must be at least 1, got -1$"):
        call(**arrays, **options, n_threads=-1)


@pytest.mark.parametrize("kernel", ["solve_by_qr", "leave_one_out"])
@pytest.mark.parametrize(("n", "p"), [(0, 3), (3, 0), (0, 0)])
def test_least_squares_without_rows_or_columns(kernel, n, p):
    Y = np.arange(2.0 * n).reshape(n, 2)
    found = getattr(_kernels, kernel)(np.empty((n, p)), Y, 1e-16, 1e-16, 1)
    assert found[-1] == "certified"
    if kernel == "solve_by_qr":
        coef, norms, rank, condition, *_ = found
        np.testing.assert_array_equal(coef, np.zeros((p, 2)))
        np.testing.assert_allclose(norms, np.linalg.norm(Y, axis=0), rtol=4 * np.finfo(np.float64).eps)
        assert (rank, condition) == (0, np.inf)
    else:
        # Nothing is fitted, and X X' = 0 has a pseudo-inverse of zero.
        for got, expected in zip(found, [Y, np.ones(n), np.zeros((n, 2)), np.zeros(n), 0], strict=False):
            np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("order", [2**31 - 1, 2**31 - 2, 10**6 + 1])
@pytest.mark.parametrize(
    "kernel",
    ["contract", "contract_apply", "contract_batches", "contract_to_vector", "hermite_normalized", "moment_tensor"],
)
def test_orders_beyond_all_bounds_are_refused(kernel, order):
    shapes, options = KERNELS[kernel]
    arrays = {n: np.ones(shape) for n, shape in shapes.items()}
    with pytest.raises(ValueError, match=f"^order must be at most 1000000, got {order}$"):
        getattr(_kernels, kernel)(**arrays, **options | {"order": order}, n_threads=1)
    with pytest.raises(ValueError, match=f"^order must be at most 1000000, got {order}$"):
        _kernels.contract_to_scalar(np.ones((6, 3)), np.ones((6, 2)), np.ones((2, 3)), [2, order], 1)


@pytest.mark.parametrize("cuts", [[], [0], [0, 5], [1, 6], [0, 3, 3, 6], [0, 4, 2, 6], [0, 7], [-1, 6]])
def test_cuts_that_are_no_batches_are_refused(cuts):
    before = [np.ones((1, 1, 3, 3))] * 2
    with pytest.raises(ValueError, match=r"^cuts must rise from 0 to the number of rows of X, 6$"):
        _kernels.contract_batches(np.ones((6, 3)), np.ones((6, 1)), np.ones((1, 3)), 2, cuts, *before, 1)


def test_sums_before_batches_must_have_the_shape_of_their_sums():
    data, right, wrong = (
        (np.ones((6, 3)), np.ones((6, 1)), np.ones((1, 3))),
        np.ones((1, 1, 3, 3)),
        np.ones((1, 3, 1, 3)),
    )
    for before in ((right, wrong), (wrong, right)):
        with pytest.raises(ValueError, match=r"^sums before must have the shape of .* got \(1, 3, 1, 3\)$"):
            _kernels.contract_batches(*data, 2, [0, 6], *before, 1)
    with pytest.raises((TypeError, ValueError), match=r"^squares_before"):
        _kernels.contract_batches(*data, 2, [0, 6], right, right.astype(np.float32), 1)


def test_sizes_of_numbers_pass_over_nan():
    values = np.array([[0.5, np.nan], [-3.0, 2.0]])
    assert _kernels.largest_size(values, 1) == 3.0
    assert _kernels.largest_size(values.astype(np.float32), 1) == 3.0
    assert _kernels.largest_size(np.full(3, np.nan), 1) == 0.0
    assert _kernels.largest_size(np.empty((0, 2)), 1) == 0.0
    many = np.zeros(2_000_000)
    many[[5, -1]] = np.inf, -1e300
    assert _kernels.largest_size(many, 3) == np.inf
    assert _kernels.largest_size(many[6:], 3) == 1e300
