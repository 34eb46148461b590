from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Float64Array = NDArray[np.float64]

available_levels: dict[str, str]
level: str
version: str
eigen: str
openmp: bool

def contract(X: Array, y: Array, directions: Array, order: int, n_threads: int) -> Array: ...
def contract_apply(X: Array, y: Array, directions: Array, order: int, B: Array, n_threads: int) -> Array: ...
def contract_to_scalar(X: Array, y: Array, directions: Array, orders: Sequence[int], n_threads: int) -> Array: ...
def contract_to_vector(X: Array, y: Array, directions: Array, order: int, n_threads: int) -> Array: ...
def default_threads() -> int: ...
def first_non_finite(values: Array, n_threads: int) -> int: ...
def gaussian_moments(
    weights: Float64Array, thresholds: Float64Array, output: Float64Array, linear: Float64Array, bias: float
) -> tuple[float, float, float]: ...
def hermite_normalized(t: Array, order: int, n_threads: int) -> Array: ...
def moment_tensor(X: Array, y: Array, order: int, n_threads: int) -> Array: ...
def network_forward(
    weights: Array, thresholds: Array, output: Array, linear: Array, bias: float, X: Array, n_threads: int
) -> Array: ...
def normal_matrix(
    X: Float64Array,
    y: Float64Array,
    row_weights: Float64Array | None,
    signs: Float64Array,
    parameters: Float64Array,
    n_threads: int,
) -> Float64Array: ...
def peak_flops(dtype_name: str, seconds: float) -> float: ...
def refine(
    X: Float64Array,
    y: Float64Array,
    row_weights: Float64Array | None,
    signs: Float64Array,
    parameters: Float64Array,
    thresholds: bool,
    decay: float,
    max_steps: int,
    tolerance: float,
    seconds: float,
    n_threads: int,
) -> tuple[Float64Array, float, float, int, bool]: ...
def weighted_grams(X: Array, W: Array, n_threads: int) -> Array: ...
