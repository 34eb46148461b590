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
    "moment_tensor": ({"X": (6, 3), "y": (6, 2)}, {"order": 3}),
    "hermite_normalized": ({"t": (6,)}, {"order": 3}),
    "first_non_finite": ({"values": (6, 2)}, {}),
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
    if kernel != "first_non_finite":
        with pytest.raises(ValueError, match=rf"^{name} must have \d dimension\(s\), got shape \(1, 1, 1\)$"):
            call(**arrays | {name: np.ones((1, 1, 1))}, **options, n_threads=1)
    with pytest.raises(ValueError, match=r"^n_threads must be at least 1, got -1$"):
        call(**arrays, **options, n_threads=-1)
