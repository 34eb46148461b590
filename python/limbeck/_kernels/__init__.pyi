from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_Array = NDArray[Any]
_Float32Array = NDArray[np.float32]
_Float64Array = NDArray[np.float64]

available_levels: dict[str, str]
built_levels: tuple[str, ...]
level: str
version: str
eigen: str
openmp: bool

def contract(X: _Array, y: _Array, directions: _Array, order: int, n_threads: int) -> _Array: ...
def contract_apply(X: _Array, y: _Array, directions: _Array, order: int, B: _Array, n_threads: int) -> _Array: ...
def contract_batches(
    X: _Array,
    y: _Array,
    directions: _Array,
    order: int,
    cuts: Sequence[int],
    sums_before: _Float64Array | None,
    squares_before: _Float64Array | None,
    n_threads: int,
) -> tuple[_Float64Array, _Float64Array]: ...
def contract_to_scalar(X: _Array, y: _Array, directions: _Array, orders: Sequence[int], n_threads: int) -> _Array: ...
def contract_to_vector(X: _Array, y: _Array, directions: _Array, order: int, n_threads: int) -> _Array: ...
def default_threads() -> int: ...
def error_and_gradient(
    X: _Float64Array,
    y: _Float64Array,
    row_weights: _Float64Array | None,
    signs: _Float64Array,
    parameters: _Float64Array,
    n_threads: int,
) -> tuple[float, _Float64Array]: ...
def first_non_finite(values: _Array, n_threads: int) -> int: ...
def gaussian_moments(
    weights: _Float64Array, thresholds: _Float64Array, output: _Float64Array, linear: _Float64Array, bias: float
) -> tuple[float, float, float]: ...
def hermite_normalized(t: _Array, order: int, n_threads: int) -> _Array: ...
def moment_tensor(X: _Array, y: _Array, order: int, n_threads: int) -> _Array: ...
def network_forward(
    weights: _Array, thresholds: _Array, output: _Array, linear: _Array, bias: float, X: _Array, n_threads: int
) -> _Array: ...
def leave_one_out(
    X: _Float64Array, Y: _Float64Array, rcond: float, negligible: float, n_threads: int
) -> tuple[_Float64Array, _Float64Array, _Float64Array, _Float64Array, int, str]: ...
def largest_size(values: _Array, n_threads: int) -> float: ...
def merge_rows(
    R: _Float64Array | None,
    X: _Array,
    Y: _Float64Array,
    weights: _Float64Array | None,
    x_unit: float,
    y_unit: float,
    n_threads: int,
) -> _Float64Array: ...
def normal_matrix(
    X: _Float64Array,
    y: _Float64Array,
    row_weights: _Float64Array | None,
    signs: _Float64Array,
    parameters: _Float64Array,
    n_threads: int,
) -> _Float64Array: ...
def normal_product(
    X: _Float64Array,
    y: _Float64Array,
    row_weights: _Float64Array | None,
    signs: _Float64Array,
    parameters: _Float64Array,
    vector: _Float64Array,
    n_threads: int,
) -> _Float64Array: ...
def normal_numbers(seed: int, number: int, count: int) -> _Float32Array: ...
def begin_trace(seed: int = 0) -> None: ...
def end_trace() -> tuple[list[tuple[float, list[float], list[list[int]]]], float]: ...
def peak_flops(dtype_name: str, seconds: float) -> float: ...
def project(X: _Array, directions: _Array, n_threads: int) -> _Array: ...
def refine(
    X: _Float64Array,
    y: _Float64Array,
    row_weights: _Float64Array | None,
    signs: _Float64Array,
    parameters: _Float64Array,
    thresholds: bool,
    decay: _Float64Array,
    max_steps: int,
    tolerance: float,
    seconds: float,
    n_threads: int,
    road: str = "auto",
) -> tuple[_Float64Array, float, float, int, bool]: ...
def simulate(
    variances: _Float64Array,
    test_variances: _Float64Array,
    truth: _Float64Array,
    surrogate: _Float64Array | None,
    n: int,
    noise: float,
    ridge: float,
    first_stage: tuple[_Float64Array, _Float64Array, NDArray[np.bool_], int, float, float] | None,
    seed: int,
    first: int,
    count: int,
    n_threads: int,
    basis: _Float64Array | None = None,
    first_basis: _Float64Array | None = None,
    budget: float = ...,
) -> _Float64Array: ...
def solve_batch_by_cholesky(
    X: _Array, Y: _Array, rcond: float, n_threads: int
) -> tuple[_Array, _Float64Array, _Float64Array, _Float64Array, NDArray[np.bool_]]: ...
def solve_by_cholesky(
    X: _Array, Y: _Array, rcond: float, n_threads: int
) -> tuple[_Array, _Float64Array, float, float, int, str]: ...
def solve_by_qr(
    X: _Float64Array, Y: _Float64Array, rcond: float, negligible: float, n_threads: int
) -> tuple[_Float64Array, _Float64Array, int, float, float, str]: ...
def symmetric_eigen(A: _Float64Array) -> tuple[_Float64Array, _Float64Array]: ...
def weighted_grams(X: _Array, W: _Array, n_threads: int) -> _Array: ...
