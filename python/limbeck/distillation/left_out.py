"""Predictions of two linear stages for rows that neither was trained on, in closed form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from limbeck._base.arrays import Array, Float64Array

__all__ = ["Basis", "FirstStage", "cluster_members", "clusters_of", "members_within", "require_squares", "row_blocks"]

# Of one minus a leverage: less is rounding, and the row is outside the span of the others.
_NOTHING_LEFT_OVER = 1e-10
# Of the largest eigenvalue of scaled normal equations: below it, half of the digits of a solution are rounding.
_DETERMINED = 1e-13
_SMALLEST, _LARGEST = 1e-150, 1e150  # numbers whose squares are far from the ends of float64
# Of the largest singular value, times the longer side: less is rounding.
_CUTOFF = float(np.finfo(np.float64).eps)


def clusters_of(cluster: Any, n: int, fewest: int) -> Array | None:  # noqa: ANN401
    """Labels of the rows' clusters (n,), checked.

    Raises
    ------
    ValueError
        They are not one for each row, one is missing, or there are fewer than ``fewest`` different ones.
    """
    if cluster is None:
        return None
    labels = np.asarray(cluster)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.shape != (n,):
        raise ValueError(f"cluster must have one label for each of {n} rows, got shape {labels.shape}")
    # A gap differs from itself, or is None.
    if any(label is None for label in labels.tolist()) or (labels != labels).any():
        raise ValueError("cluster has missing labels: drop those rows, or give each a cluster of its own")
    if labels.dtype == object:
        labels = labels.astype(str)
    count = len(np.unique(labels))
    if count < fewest:
        raise ValueError(f"cluster must have at least {fewest} different labels, got {count}")
    return labels


def cluster_members(cluster: Array | None, n: int) -> list[NDArray[np.intp]] | None:
    """Rows of each cluster, in the order of their labels; None where every row is one of its own."""
    if cluster is None:
        return None
    codes = np.unique(cluster, return_inverse=True)[1].reshape(-1)
    order = np.argsort(codes, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(codes))[:-1])
    return None if len(members) == n else members


def members_within(members: Sequence[NDArray[np.intp]] | None, rows: NDArray[np.intp]) -> list[NDArray[np.intp]] | None:
    """Clusters among some rows only, numbered among these; whole clusters are in or out."""
    if members is None:
        return None
    place = {int(row): number for number, row in enumerate(rows)}
    return [np.array([place[int(row)] for row in own]) for own in members if int(own[0]) in place]


def row_blocks(members: Sequence[NDArray[np.intp]] | None, n: int, blocks: int, seed: int) -> NDArray[np.intp]:
    """Number of each row's block (n,): clusters, or rows, are dealt out in random order."""
    count = n if members is None else len(members)
    dealt = np.random.default_rng(seed).permutation(count) % min(blocks, count)
    if members is None:
        return dealt
    block = np.empty(n, dtype=np.intp)
    for rows, number in zip(members, dealt, strict=True):
        block[rows] = number
    return block


def require_squares(**arrays: Float64Array) -> None:
    """Raise ValueError where the squares of an array's numbers leave float64."""
    for name, array in arrays.items():
        largest = float(np.abs(array).max(initial=0.0))
        if largest and not _SMALLEST <= largest <= _LARGEST:
            raise ValueError(
                f"{name} must have a largest number between {_SMALLEST:g} and {_LARGEST:g}, whose squares are added "
                f"up, got {largest:g}: choose another unit"
            )


class FirstStage(NamedTuple):
    """A penalised fit in the basis, and the fits without each row's cluster; the constant stands first."""

    coef: Float64Array  # (r + 1,)
    products: Float64Array  # (n, r + 1): each row times the fit without its cluster, by coefficient
    freedom: float  # trace of the smoother


class Basis:
    """Right singular vectors of all rows, in which the penalties of both stages are diagonal.

    The basis, and the penalties by direction, are those of all rows, and are kept where a row is left out: for ridge
    regression, whose penalty is the same in every basis, this changes nothing; for principal components and early
    stopping it is an approximation (directions and their sizes come from rows without labels, and one of many moves
    them little).

    Parameters
    ----------
    X : ndarray of shape (N, p)
        Rows; the first ``n_labelled`` have labels.
    n_labelled : int
    members : list of arrays of int, or None
        Labelled rows of each cluster; None for rows one by one.
    constant : bool
        Whether both stages have a free constant.
    """

    def __init__(
        self,
        X: Float64Array,
        n_labelled: int,
        members: Sequence[NDArray[np.intp]] | None = None,
        constant: bool = True,
    ) -> None:
        self.constant = constant
        self.mean = X.mean(axis=0) if constant else np.zeros(X.shape[1])
        U, sizes, Vt = np.linalg.svd(X - self.mean, full_matrices=False)
        kept = sizes > _CUTOFF * max(X.shape) * sizes[0] if sizes[0] else np.zeros(len(sizes), dtype=bool)
        self.vectors: Float64Array = Vt[kept].T  # (p, r)
        self.squares: Float64Array = np.square(sizes[kept])  # (r,): of all rows
        self.all_rows: Float64Array = np.column_stack([np.full(len(X), float(constant)), U[:, kept] * sizes[kept]])
        self.rows: Float64Array = self.all_rows[:n_labelled]  # (n, r + 1)
        self._row_squares = np.square(self.rows)
        self.members = members
        self._alike = None if members is None else _of_one_size(members)
        self._gram = self.rows.T @ self.rows

    @property
    def rank(self) -> int:
        """Directions of the basis, without the constant."""
        return len(self.squares)

    def original(self, coef: Float64Array) -> tuple[Float64Array, float]:
        """Coefficients (p,) by feature, and the constant."""
        slopes = self.vectors @ coef[1:]
        return slopes, float(coef[0] - self.mean @ slopes) if self.constant else 0.0

    def first_stage(self, penalties: Float64Array, y: Float64Array) -> FirstStage | None:
        """Fit labelled rows; penalties (r,) by direction, infinite for directions left out. None if undetermined."""
        used = np.concatenate([[self.constant], np.isfinite(penalties)])
        rows = self.rows[:, used]
        gram = self._gram[np.ix_(used, used)] + np.diag(np.concatenate([[0.0], penalties])[used])
        if not used.any():
            return FirstStage(np.zeros(self.rank + 1), np.zeros_like(self.rows), 0.0)
        if len(y) < len(gram) and not np.all(penalties[used[1:]] > 0):
            return None
        # Without rows beside the labelled ones the basis diagonalises their Gram matrix.
        alone = len(rows) == len(self.all_rows)
        projected = rows.T / np.diag(gram)[:, None] if alone else _solved(gram, rows.T)  # (k, n)
        if projected is None:
            return None
        coef = projected @ y
        residuals = y - rows @ coef
        left_out, safe = self._without(rows, projected, residuals)
        if not safe:
            return None
        full, products = np.zeros(len(used)), np.zeros_like(self.rows)
        full[used], products[:, used] = coef, rows * (coef + left_out)
        return FirstStage(full, products, float(np.einsum("ik,ki->", rows, projected)))

    def _without(
        self, rows: Float64Array, projected: Float64Array, residuals: Float64Array
    ) -> tuple[Float64Array, bool]:
        """Changes (n, k) of the coefficients without each row's cluster, and whether each is determined."""
        if self._alike is None:
            left_over = 1 - np.einsum("ik,ki->i", rows, projected)
            if not left_over.min() >= _NOTHING_LEFT_OVER:
                return rows, False
            return -projected.T * (residuals / left_over)[:, None], True
        changes = np.empty((len(rows), projected.shape[0]))
        for own in self._alike:
            columns = np.moveaxis(projected[:, own], 0, 1)  # (clusters, k, rows of each)
            hat = np.eye(own.shape[1]) - rows[own] @ columns
            if np.linalg.eigvalsh((hat + hat.swapaxes(1, 2)) / 2).min() < _NOTHING_LEFT_OVER:
                return rows, False
            pulls = np.linalg.solve(hat, residuals[own][..., None])
            changes[own] = -(columns @ pulls).swapaxes(1, 2)
        return changes, True

    def second_stage(self, first: FirstStage, ridge: float) -> tuple[Float64Array, Float64Array]:
        """Coefficients (r + 1,) of the target on the first stage's labels of all rows, and predictions (n,) left out.

        A ridge of zero is the minimum-norm fit, which gives back a first stage that lies in the span of its rows: the
        prediction of a row is then that of the first stage without its cluster.
        """
        shrunk = np.concatenate([[0.0], ridge / (self.squares + ridge)]) if ridge else np.zeros(self.rank + 1)
        coef = first.coef * (1 - shrunk)
        predictions = first.products.sum(axis=1)
        if not ridge:
            return coef, predictions
        constant = len(self.all_rows) if self.constant else 1.0
        inverse = 1 / np.concatenate([[constant], self.squares + ridge])  # of the second stage's Gram matrix
        # Without a cluster that matrix loses the cluster's own products: the identity of Woodbury.
        pulled = first.products @ shrunk
        if self._alike is None:
            return coef, predictions - pulled / (1 - self._row_squares @ inverse)
        weighted = self.rows * inverse
        for own in self._alike:
            hat = np.eye(own.shape[1]) - weighted[own] @ self.rows[own].swapaxes(1, 2)
            predictions[own] -= np.linalg.solve(hat, pulled[own][..., None])[..., 0]
        return coef, predictions

    def ridge_sizes(self, count: int, smallest: float, largest: float) -> Float64Array:
        """Ridges (count,), ascending, between two multiples of the directions' mean square."""
        return np.geomspace(smallest, largest, count) * (float(self.squares.mean()) if self.rank else 1.0)

    def ridges_of_labels(self, per_decade: int, smallest: float, largest: float) -> Float64Array:
        """Ridges, ascending, from a multiple of the features' mean variance to one of the directions' mean square."""
        if not self.rank:
            return np.geomspace(smallest, largest, 2)
        total = float(self.squares.sum())
        least, most = smallest * total / (len(self.all_rows) * len(self.vectors)), largest * total / self.rank
        steps = np.ceil(per_decade * np.log10(most / least)) if most > least else 0
        return np.asarray(least * 10.0 ** (np.arange(1 + steps) / per_decade))


def _of_one_size(members: Sequence[NDArray[np.intp]]) -> list[NDArray[np.intp]]:
    """Rows of the clusters of each size (clusters, rows of each), which are solved for at once."""
    sizes = sorted({len(own) for own in members})
    return [np.array([own for own in members if len(own) == size]) for size in sizes]


def _solved(gram: Float64Array, rows: Float64Array) -> Float64Array | None:
    """Solution of normal equations, scaled; None where they determine it to less than half of the digits."""
    sizes = np.sqrt(np.diag(gram))
    if not sizes.all():
        return None
    values, vectors = np.linalg.eigh(gram / np.outer(sizes, sizes))
    if values[0] < _DETERMINED * values[-1]:
        return None
    return np.asarray(vectors @ ((vectors.T @ (rows / sizes[:, None])) / values[:, None])) / sizes[:, None]
