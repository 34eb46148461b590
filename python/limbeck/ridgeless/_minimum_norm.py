"""Minimum-norm solutions of arrays: one problem or a batch, with weights and an intercept or without."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import ArrayLike

from limbeck import _kernels
from limbeck._base.arrays import (
    Array,
    Float64Array,
    require_finite,
    same_length,
    thread_count,
)
from limbeck._base.intercepts import centred, intercept_kind
from limbeck.ridgeless._certified import certified_answer
from limbeck.ridgeless._rank import relative_cutoff
from limbeck.ridgeless._solution import Solution
from limbeck.ridgeless._weights import RowWeights, row_weights_of

__all__ = ["noise_of_means", "reflected", "solve_arrays", "solve_given"]

_METHODS = ("auto", "cholesky", "qr", "svd")


def solve_arrays(
    X: Array,
    Y: Array,
    rcond: float | None,
    method: str,
    intercept: str | None,
    n_threads: int | None,
    sample_weight: ArrayLike | None = None,
) -> Solution:
    """Solve one problem or a batch of arrays of one dtype; see :func:`limbeck.ridgeless.solve`."""
    cutoff = relative_cutoff(X, rcond)
    if method not in _METHODS:
        raise ValueError(f"method must be one of {', '.join(_METHODS)}; got {method!r}")
    threads = thread_count(n_threads)
    if X.ndim == 3:
        same_length(X, "X", 0, Y, "Y", 0, "problems")
    same_length(X, "X", -2, Y, "Y", X.ndim - 2, "rows")
    if not X.size:
        raise ValueError(f"X must have at least one problem, row and column, got shape {X.shape}")
    kind = intercept_kind(intercept)
    if kind is None and sample_weight is None:
        return solve_given(X, Y, cutoff, method, threads)
    require_finite(threads, X=X, Y=Y)  # before arrays get other shapes than those passed
    weights = None if sample_weight is None else row_weights_of(sample_weight, X, threads)
    return _solve_transformed(X, Y, rcond, method, kind, threads, weights)


def solve_given(
    X: Array,
    Y: Array,
    cutoff: float,
    method: str,
    threads: int,
    noise: Float64Array | None = None,
    transformed_for: str | None = None,
) -> Solution:
    """Solve for the columns as they are.

    ``noise`` (p,), or (b, p), is that of :func:`certified_answer`; ``transformed_for`` is the intercept that a caller
    has changed the columns for.
    """
    if X.ndim == 3:
        return _solve_batch(X, Y, cutoff, method, threads, noise, transformed_for)
    answer = certified_answer(X, Y, cutoff, method, threads, noise=noise, intercept=transformed_for)
    coef, rank, condition, norms, error, name, certified = answer
    if Y.ndim == 1:
        return Solution(coef[:, 0], rank, condition, float(norms[0]), error, name, certified)
    return Solution(coef, rank, condition, norms, error, name, certified)


def _solve_transformed(
    X: Array,
    Y: Array,
    rcond: float | None,
    method: str,
    intercept: str | None,
    threads: int,
    weights: RowWeights | None,
) -> Solution:
    """Solve one problem or a batch for rows that are weighted, less their means, or have a column of ones."""
    one_target = Y.ndim < X.ndim
    targets = Y[..., None] if one_target else Y
    if weights is not None:
        X, targets = weights.kept_rows(X), weights.kept_rows(targets)
    if intercept == "penalised":
        X = np.concatenate([X, np.ones_like(X[..., :1])], axis=-1)
    rows, right, noise, means = X, targets, None, None
    if intercept == "centred":
        (rows, x_mean), (right, y_mean) = (centred(part, weights and weights.values) for part in (X, targets))
        noise, means = noise_of_means(x_mean, X.shape[-2]), (x_mean, y_mean)
    if weights is not None:
        rows, right = rows * weights.roots, right * weights.roots
    if means is not None and 1 < X.shape[-2] <= X.shape[-1]:
        # Rows that add up to zero are not independent; reflected, they are, but for the first, which is zero.
        rows, right = (reflected(part, weights and weights.roots)[..., 1:, :] for part in (rows, right))
    rows, right = np.ascontiguousarray(rows), np.ascontiguousarray(right)
    found = solve_given(rows, right, relative_cutoff(X, rcond), method, threads, noise, intercept)
    coef, constant = found.coef.astype(X.dtype, copy=False), found.intercept
    if means is not None:
        constant = (means[1] - means[0] @ found.coef)[..., 0, :]
    elif intercept == "penalised":
        coef, constant = coef[..., :-1, :], coef[..., -1, :]
    norms = found.residual_norm if weights is None else found.residual_norm * weights.root_unit
    if one_target:
        coef, norms, constant = coef[..., 0], norms[..., 0], constant[..., 0] if np.ndim(constant) else constant
    if Y.ndim == 1:
        norms, constant = float(norms), float(constant)
    return dataclasses.replace(found, coef=coef, residual_norm=norms, intercept=constant)


def noise_of_means(means: Float64Array, n: int) -> Float64Array:
    """How much of the length of each column of n rows less means (..., 1, p) may be rounding of the rows themselves."""
    return np.asarray(float(np.finfo(np.float64).eps) * np.sqrt(n) * np.abs(means[..., 0, :]))


def reflected(rows: Array, along: Float64Array | None = None) -> Array:
    """Rows (..., n, any) reflected so that their part along a vector (..., n, 1) stands in the first.

    The vector has no negative entry; None stands for ones.
    """
    n = rows.shape[-2]
    v = np.full((n, 1), n**-0.5) if along is None else along / np.linalg.norm(along, axis=-2, keepdims=True)
    v = v + np.eye(n, 1)
    return np.asarray(rows - v * (2 / np.square(v).sum(axis=-2, keepdims=True) * (v.swapaxes(-1, -2) @ rows)))


def _solve_batch(
    X: Array,
    Y: Array,
    cutoff: float,
    method: str,
    threads: int,
    noise: Float64Array | None,
    transformed_for: str | None,
) -> Solution:
    """Solve a batch at once, and one by one those that Cholesky factors do not certify."""
    targets = Y if Y.ndim == 3 else Y[..., None]
    count = len(X)
    if method in ("auto", "cholesky"):
        coef, norms, condition, error, certified = _kernels.solve_batch_by_cholesky(X, targets, cutoff, threads)
    else:
        coef = np.empty((count, X.shape[2], targets.shape[2]), X.dtype)
        norms, condition, error = np.empty((count, targets.shape[2])), np.empty(count), np.empty(count)
        certified = np.zeros(count, dtype=bool)
    rank = np.full(count, min(X.shape[1:]))
    methods = {"cholesky"} if certified.any() else set()
    uncertain = np.flatnonzero(~certified)
    if len(uncertain):
        require_finite(threads, X=X, Y=Y)
    for i in uncertain:
        own, which = None if noise is None else noise[i], f"problem {i} of the batch: "
        answer = certified_answer(X[i], Y[i], cutoff, method, threads, which, own, transformed_for)
        coef[i], rank[i], condition[i], norms[i], error[i], name, certified[i] = answer
        methods.add(name)
    if Y.ndim == 2:
        coef, norms = coef[..., 0], norms[..., 0]
    name = methods.pop() if len(methods) == 1 else "batch"
    return Solution(coef, rank, condition, norms, error, name, certified, np.zeros(norms.shape))
