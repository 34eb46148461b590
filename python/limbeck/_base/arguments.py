"""Checks of single arguments: each returns what the library computes with, or raises an error that names the argument.

Whole numbers are checked by :func:`limbeck._base.arrays.integer`.
"""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np

__all__ = ["callable_or_none", "fraction", "positive_or_none", "random_generator"]


def random_generator(seed: Any, name: str = "seed") -> np.random.Generator:  # noqa: ANN401
    """Return the random generator that a seed stands for.

    Parameters
    ----------
    seed : int, numpy.random.Generator or None
        An integer of at least 0 gives the same numbers each time; a generator is used, and moved on, as it is; None
        takes fresh entropy from the operating system. Whatever else ``numpy.random.default_rng`` takes will do.
    name : str
        What messages call the argument.

    Raises
    ------
    TypeError, ValueError
        It is nothing of that, or a negative number.
    """
    wanted = f"{name} must be an integer of at least 0, a numpy.random.Generator or None, got {seed!r}"
    if isinstance(seed, bool | np.bool_):
        raise TypeError(wanted)
    try:
        return np.random.default_rng(seed)
    except TypeError:
        raise TypeError(wanted) from None
    except ValueError:
        raise ValueError(wanted) from None


def fraction(value: Any, name: str, of: str) -> float:  # noqa: ANN401
    """Return a number of at least 0 and below 1; ``of`` says what it is a fraction of."""
    if not _is_number(value):
        raise TypeError(f"{name} must be a number, got {value!r}")
    if not 0 <= value < 1:
        raise ValueError(f"{name} is a fraction of {of}, at least 0 and below 1; got {value!r}")
    return value  # type: ignore[no-any-return]


def positive_or_none(value: Any, name: str, unit: str = "") -> float | None:  # noqa: ANN401
    """Return a number above 0, or None; ``unit`` says what it counts, as in "seconds"."""
    if value is None:
        return None
    if not _is_number(value):
        counted = f" of {unit}" if unit else ""
        raise TypeError(f"{name} must be a number{counted} or None, got {value!r}")
    if not value > 0:  # NaN neither
        raise ValueError(f"{name} must be positive or None, got {value!r}")
    return value  # type: ignore[no-any-return]


def callable_or_none(value: Any, name: str) -> Callable[..., Any] | None:  # noqa: ANN401
    """Return a function, or None."""
    if value is not None and not callable(value):
        raise TypeError(f"{name} must be callable or None, got {value!r}")
    return value  # type: ignore[no-any-return]


def _is_number(value: Any) -> bool:  # noqa: ANN401
    """Whether a value is one real number: Python's or NumPy's, and no truth value."""
    if isinstance(value, np.ndarray):
        return value.ndim == 0 and value.dtype.kind in "iuf"
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_)
