"""Array contract of the library: arguments of any kind become arrays that the kernels take, or a clear error.

Kernels want aligned, C-contiguous float32 or float64 in native byte order. Integers, booleans, float16, lists and
Fortran order are converted once, here, and so are data frames and series, structured arrays, and masked arrays without
masked entries. Complex, object and text arrays raise TypeError, but for objects that are all real numbers (Python's
integers of any size, Decimal, Fraction), where a function takes rows of data; shapes that disagree raise ValueError.
"""

import math
import operator
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from limbeck import _kernels
from limbeck._base.frame_numbers import numbers_of_objects, without_table

Array = NDArray[Any]
Float64Array = NDArray[np.float64]

_FLOAT64, _FLOAT32 = np.dtype(np.float64), np.dtype(np.float32)
_LARGEST_INT = 2**31 - 1  # numbers of threads and orders are C int in the kernels
DROP_ROWS = "; drop or fill such rows first"  # advice at the end of messages about rows


def float_array(
    value: ArrayLike,
    name: str,
    ndim: int | Sequence[int],
    dtype: DTypeLike | None = None,
    *,
    objects: bool = False,
) -> Array:
    """Convert to a C-contiguous float array of the wanted number of dimensions.

    ``dtype=None`` keeps float32 and float64, turns float16 into float32 and anything else real into float64. A number
    beyond the type is a ValueError. With ``objects``, arrays of Python objects that are all real numbers, or missing,
    become float64.
    """
    # Small problems are solved in microseconds: an array that needs no conversion must pass in less.
    wanted = (ndim,) if isinstance(ndim, int) else ndim
    if type(value) is np.ndarray and value.ndim in wanted and value.flags.carray:
        given = value.dtype
        if (given is _FLOAT64 or given is _FLOAT32) and (dtype is None or given == dtype):
            return value
    value = without_table(value, name)
    if hasattr(value, "toarray") and not isinstance(value, np.ndarray):
        raise TypeError(f"{name} is sparse: pass {name}.toarray()")
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} is not a rectangular array of numbers: {error}") from None
    if objects and array.dtype.kind == "O":
        array = numbers_of_objects(array, name)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers, got dtype {array.dtype}")
    if array.ndim not in wanted:
        expected = " or ".join(str(k) for k in wanted)
        raise ValueError(f"{name} must have {expected} dimension(s), got shape {array.shape}")
    if dtype is None:
        dtype = np.float32 if array.dtype.kind == "f" and array.dtype.itemsize <= 4 else np.float64
    try:
        with np.errstate(over="raise"):
            return np.require(array, dtype=dtype, requirements=["C", "A"])
    except FloatingPointError:
        with np.errstate(over="ignore"):
            at = int(np.argmax(np.isinf(array.astype(dtype)) & np.isfinite(array)))
        index = tuple(int(i) for i in np.unravel_index(at, array.shape))
        place = index[0] if len(index) == 1 else index
        raise ValueError(f"{name} holds {array.flat[at]!s} at index {place}, beyond {np.dtype(dtype)}") from None


def labels_array(value: ArrayLike, name: str, dtype: DTypeLike | None = None, *, objects: bool = True) -> Array:
    """Convert labels, one for each row: an array (n,), or a single column (n, 1)."""
    # Of any number of dimensions (NumPy has 64 at most), for the error is raised below.
    array = float_array(value, name, range(65), dtype, objects=objects)
    if array.ndim != 1 and (array.ndim != 2 or array.shape[1] != 1):
        raise ValueError(f"{name} must have 1 dimension(s), got shape {array.shape}")
    return array.reshape(-1)


def matrix(value: ArrayLike, name: str, dtype: DTypeLike | None = None) -> Array:
    """Convert to a two-dimensional array."""
    return float_array(value, name, 2, dtype)


def vector(value: ArrayLike, name: str, dtype: DTypeLike | None = None) -> Array:
    """Convert to a one-dimensional array."""
    return float_array(value, name, 1, dtype)


def same_length(a: Array, a_name: str, a_axis: int, b: Array, b_name: str, b_axis: int, what: str) -> None:
    """Raise ValueError, with both shapes, unless two arrays agree in one axis."""
    if a.shape[a_axis] != b.shape[b_axis]:
        raise ValueError(
            f"{a_name} and {b_name} must have the same number of {what}, got {a_name} of shape {a.shape} and "
            f"{b_name} of shape {b.shape}"
        )


def require_finite(n_threads: int = 0, hint: str = DROP_ROWS, first_row: int = 0, /, **arrays: Array) -> None:
    """Raise ValueError that names the first argument with a NaN or infinity, and where it stands.

    ``hint`` is advice at the end of the message; empty for arrays that are no rows. ``first_row`` is added to the row
    where arrays are a part of the argument.
    """
    for name, array in arrays.items():
        at = _kernels.first_non_finite(array, n_threads)
        if at >= 0:
            row, *columns = (int(i) for i in np.unravel_index(at, array.shape))
            place = (first_row + row, *columns) if columns else first_row + row
            raise ValueError(f"{name} holds {array.flat[at]} at index {place}{hint}")


def row_weights(value: ArrayLike, X: Array, n_threads: int = 0) -> Float64Array:
    """Convert weights of rows: finite, at least 0, one for each row of X."""
    weights = float_array(value, "sample_weight", 1, np.float64, objects=True)
    same_length(X, "X", 0, weights, "sample_weight", 0, "rows")
    require_finite(n_threads, sample_weight=weights)
    if (weights < 0).any():
        at = int(np.argmax(weights < 0))
        raise ValueError(f"sample_weight must be at least 0, got {weights[at]:g} at index {at}")
    return weights


def finite_result(result: Array, n_threads: int = 0, /, **inputs: Array) -> Array:
    """Return ``result``, or raise an error that names the input which made it NaN or infinite.

    Kernels whose every input enters every sum pass NaN and infinity on, so looking at the small result checks the large
    inputs at no cost. A result that overflowed from finite input is returned as it is.
    """
    if result.size == 0 or _kernels.first_non_finite(result, n_threads) >= 0:
        require_finite(n_threads, **inputs)
    return result


def power_of_two_scale(values: Array) -> float:
    """Power of two near the largest absolute value."""
    return power_of_two_near(float(np.abs(values).max(initial=0.0)))


def power_of_two_near(largest: float) -> float:
    """Power of two near a number that is not negative; 1 for zero."""
    # Not below 2^-1000, so that its inverse is finite, and at most 2^1023, the largest that there is.
    if not largest > 0:
        return 1.0
    return math.ldexp(1.0, min(max(math.frexp(largest)[1] - 1, -1000), 1023)) if largest < math.inf else 2.0**1023


def thread_count(n_threads: int | None) -> int:
    """Translate ``n_threads`` for the kernels, where 0 stands for OpenMP's own number."""
    if n_threads is None:
        return 0
    count = integer(n_threads, "n_threads")
    if count < 1:
        raise ValueError(f"n_threads must be at least 1 or None, got {count}")
    return count


def integer(value: Any, name: str, at_least: int | None = None) -> int:  # noqa: ANN401
    """Convert to int, or raise an error that names the argument."""
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {value!r}") from None
    if at_least is not None and number < at_least:
        raise ValueError(f"{name} must be at least {at_least}, got {number}")
    if number > _LARGEST_INT:
        raise ValueError(f"{name} must be at most {_LARGEST_INT}, got {number}")
    return number


def integers(values: Iterable[Any], name: str, at_least: int) -> list[int]:
    """Convert to a list of int, or raise an error that names the argument."""
    if not isinstance(values, Iterable):
        raise TypeError(f"{name} must be a sequence of integers, got {values!r}")
    return [integer(value, f"{name}[{i}]", at_least) for i, value in enumerate(values)]
