"""Oracles of least squares: exact arithmetic in rationals, and LAPACK."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

EPS = np.finfo(np.float64).eps


def rationals(numbers):
    return [[Fraction(float(v)) for v in row] for row in np.atleast_2d(numbers)]


def solve_gram(vectors, right):
    """Solution of the system of the vectors' inner products, in rationals."""
    system = [
        [*(sum(a * b for a, b in zip(u, v, strict=True)) for v in vectors), r]
        for u, r in zip(vectors, right, strict=True)
    ]
    for k in range(len(system)):
        system[k] = [v / system[k][k] for v in system[k]]
        for i in range(len(system)):
            if i != k:
                system[i] = [a - system[i][k] * b for a, b in zip(system[i], system[k], strict=True)]
    return [row[-1] for row in system]


def combination(vectors, factors):
    return [sum(f * v for f, v in zip(factors, column, strict=True)) for column in zip(*vectors, strict=True)]


def exact_least_squares(X, y):
    """The minimum-norm solution of full-rank least squares on the float64 numbers as they are, in rationals."""
    n, p = X.shape
    (targets,) = rationals(y)
    if n <= p:
        rows = rationals(X)
        solution = combination(rows, solve_gram(rows, targets))
    else:
        columns = rationals(X.T)
        solution = solve_gram(columns, [sum(a * b for a, b in zip(v, targets, strict=True)) for v in columns])
    return np.array([float(v) for v in solution])


def exact_of_product(left, right, y):
    """The minimum-norm solution for X = left @ right, both of full rank."""
    columns, rows = rationals(left.T), rationals(right)
    (targets,) = rationals(y)
    inner = solve_gram(columns, [sum(a * b for a, b in zip(v, targets, strict=True)) for v in columns])
    return np.array([float(v) for v in combination(rows, solve_gram(rows, inner))])


def with_condition(n, p, exponent, seed=0):
    """A matrix whose singular values fall evenly from 1 to 10^-exponent."""
    rng = np.random.default_rng([n, p, seed])
    m = min(n, p)
    U, V = (np.linalg.qr(rng.standard_normal((side, m)))[0] for side in (n, p))
    return (U * np.logspace(0, -exponent, m)) @ V.T


def reference(X, Y):
    return np.linalg.lstsq(X, Y, rcond=EPS * max(X.shape))[0]


def relative(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


def exact_of_any_rank(X, y):
    """Rank and minimum-norm solution in rationals, through the reduced rows of X = C R: C its columns of pivots."""
    reduced, pivots = rationals(X) if X.size else [], []
    for j in range(X.shape[1]):
        at = next((i for i in range(len(pivots), len(reduced)) if reduced[i][j]), None)
        if at is None:
            continue
        k = len(pivots)
        reduced[k], reduced[at] = reduced[at], reduced[k]
        reduced[k] = [v / reduced[k][j] for v in reduced[k]]
        for i in range(len(reduced)):
            if i != k:
                reduced[i] = [a - reduced[i][j] * b for a, b in zip(reduced[i], reduced[k], strict=True)]
        pivots.append(j)
    if not pivots:
        return 0, [Fraction(0)] * X.shape[1]
    rows, columns, (targets,) = reduced[: len(pivots)], rationals(X.T[pivots]), rationals(y)
    inner = solve_gram(columns, [sum(a * b for a, b in zip(v, targets, strict=True)) for v in columns])
    return len(pivots), combination(rows, solve_gram(rows, inner))


def floats(fractions):
    return np.array([float(v) for v in fractions])


@st.composite
def whole_numbers(draw, least_rows=1):
    n, p = draw(st.integers(least_rows, 6)), draw(st.integers(1, 5))
    X = draw(hnp.arrays(np.int8, (n, p), elements=st.integers(-3, 3)))
    return X.astype(np.float64), draw(hnp.arrays(np.int8, n, elements=st.integers(-9, 9))).astype(np.float64)


def shared(function):
    """A fixture of a function's name that gives the function: test modules cannot import each other."""
    return pytest.fixture(scope="session", name=function.__name__)(lambda: function)


rationals_fixture = shared(rationals)
exact_least_squares_fixture = shared(exact_least_squares)
exact_of_product_fixture = shared(exact_of_product)
exact_of_any_rank_fixture = shared(exact_of_any_rank)
floats_fixture = shared(floats)
whole_numbers_fixture = shared(whole_numbers)
with_condition_fixture = shared(with_condition)
reference_fixture = shared(reference)
relative_fixture = shared(relative)
